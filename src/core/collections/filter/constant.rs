//! A query's constants, prepared for comparison with stored bytes.
//!
//! Comparisons stay within one class of values: `{ $lt: 5 }` never matches a string.

use std::cmp::Ordering;

use crate::collections::bigint;
use crate::collections::raw::RawValue;
use crate::collections::value_ref::{compare_shapes, Shape};
use crate::collections::{Value, ValueRef};

/// How a value must compare with the constant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Relation {
    Equal,
    Greater,
    GreaterOrEqual,
    Less,
    LessOrEqual,
}

impl Relation {
    #[inline]
    pub(super) fn admits(self, order: Ordering) -> bool {
        match self {
            Self::Equal => order.is_eq(),
            Self::Greater => order.is_gt(),
            Self::GreaterOrEqual => order.is_ge(),
            Self::Less => order.is_lt(),
            Self::LessOrEqual => order.is_le(),
        }
    }

    /// Whether equal values are admitted.
    pub(super) fn admits_equal(self) -> bool {
        self.admits(Ordering::Equal)
    }
}

/// A constant.
#[derive(Clone, Debug)]
pub(super) enum Constant {
    /// A number that is not NaN.
    Number(f64),
    /// A string's UTF-8, and whether it stands unescaped in JSON.
    Text(Box<[u8]>, bool),
    /// Anything else.
    Other(Value),
}

impl Constant {
    pub(super) fn new(value: &Value) -> Self {
        match value {
            Value::Number(number) if !number.is_nan() => Self::Number(*number),
            Value::String(text) => {
                let plain = text.bytes().all(|byte| byte >= 0x20 && byte != b'"' && byte != b'\\');
                Self::Text(text.as_bytes().into(), plain)
            }
            _ => Self::Other(value.clone()),
        }
    }

    /// Whether this is null or undefined, which a missing field equals.
    pub(super) fn is_null(&self) -> bool {
        matches!(self, Self::Other(Value::Null | Value::Undefined))
    }

    /// Whether `value` stands in `relation` to the constant.
    #[inline]
    pub(super) fn relates(&self, relation: Relation, value: ValueRef<'_>) -> bool {
        match self {
            Self::Number(constant) => match value {
                ValueRef::Raw(raw) if raw.first_byte() != b'{' => {
                    // NaN is tagged, so that what is read here is a number or nothing.
                    raw.as_f64().is_some_and(|number| relation.admits_f64(number, *constant))
                }
                _ => relates_number(relation, value, *constant),
            },
            Self::Text(constant, plain) => match value {
                ValueRef::Raw(raw) if raw.first_byte() != b'"' => false,
                ValueRef::Raw(raw) if *plain && relation == Relation::Equal => equals_plain(raw, constant),
                _ => relates_text(relation, value, constant),
            },
            Self::Other(constant) => relates_other(relation, value, constant),
        }
    }
}

impl Relation {
    #[inline]
    fn admits_f64(self, number: f64, constant: f64) -> bool {
        match self {
            Self::Equal => number == constant,
            Self::Greater => number > constant,
            Self::GreaterOrEqual => number >= constant,
            Self::Less => number < constant,
            Self::LessOrEqual => number <= constant,
        }
    }
}

fn relates_number(relation: Relation, value: ValueRef<'_>, constant: f64) -> bool {
    match value.shape() {
        Shape::Number(number) => relation.admits_f64(number, constant),
        Shape::BigInt(digits) => relation.admits(bigint::compare_to_f64(digits, constant)),
        _ => false,
    }
}

/// Equality of a string in stored text with a constant that has no escapes.
#[inline]
fn equals_plain(raw: RawValue<'_>, constant: &[u8]) -> bool {
    let inside = raw.text().get(1..).unwrap_or_default();
    let length = constant.len();
    if inside.get(length) == Some(&b'"') && inside.get(..length) == Some(constant) {
        return true;
    }
    // Another spelling of the same text has a backslash before it gets longer than the constant.
    let escaped = inside.iter().take(length + 1).take_while(|&&byte| byte != b'"').any(|&byte| byte == b'\\');
    escaped && raw.inside_string().is_some_and(|text| *text == *constant)
}

fn relates_text(relation: Relation, value: ValueRef<'_>, constant: &[u8]) -> bool {
    match value.shape() {
        Shape::String(text) => relation.admits((*text).cmp(constant)),
        _ => false,
    }
}

/// The general case. NaN and invalid dates equal themselves and are neither less nor greater than anything.
fn relates_other(relation: Relation, value: ValueRef<'_>, constant: &Value) -> bool {
    let (value, constant) = (value.shape(), ValueRef::Tree(constant).shape());
    if value.class() != constant.class() {
        return false;
    }
    match (is_unordered(&value), is_unordered(&constant)) {
        (false, false) => relation.admits(compare_shapes(value, constant)),
        (true, true) => relation.admits_equal(),
        _ => false,
    }
}

fn is_unordered(shape: &Shape<'_>) -> bool {
    matches!(shape, Shape::Number(number) | Shape::Date(number) if number.is_nan())
}
