//! What a filter asks of one value.

use super::constant::{Constant, Relation};
use super::ElementFilter;
use crate::collections::pattern::Pattern;
use crate::collections::value_ref::Shape;
use crate::collections::{Value, ValueRef};

/// From this many values on, `$in` searches instead of looking at each.
const SEARCH_MIN: usize = 9;

/// A test of one value.
#[derive(Clone, Debug)]
pub(super) enum Test {
    /// `$eq`, `$gt` and their kin.
    Compare(Relation, Constant),
    /// `$in`.
    In(Box<Set>),
    /// `$exists: true`.
    Exists,
    /// `$type`.
    Type(TypeSet),
    /// `$regex`.
    Regex(Pattern),
    /// `$mod`: divisor and remainder.
    Mod(i64, i64),
    /// `$size`.
    Size(usize),
    /// `$elemMatch`.
    Element(Box<ElementFilter>),
}

impl Test {
    /// Whether the test holds for a path that leads nowhere.
    pub(super) fn holds_missing(&self) -> bool {
        match self {
            Self::Compare(relation, constant) => relation.admits_equal() && constant.is_null(),
            Self::In(set) => set.null,
            _ => false,
        }
    }

    /// Whether the test holds for this value itself.
    #[inline(always)]
    pub(super) fn holds(&self, value: ValueRef<'_>) -> bool {
        match self {
            Self::Compare(relation, constant) => constant.relates(*relation, value),
            _ => self.holds_rarer(value),
        }
    }

    fn holds_rarer(&self, value: ValueRef<'_>) -> bool {
        match self {
            Self::Compare(relation, constant) => constant.relates(*relation, value),
            Self::In(set) => set.contains(value),
            Self::Exists => !matches!(value.shape(), Shape::Undefined),
            Self::Type(types) => types.0 & TypeSet::of(value).0 != 0,
            Self::Regex(pattern) => matches_text(pattern, value),
            Self::Mod(divisor, remainder) => remainder_of(value, *divisor) == Some(*remainder),
            Self::Size(size) => value.is_array() && value.items().count() == *size,
            Self::Element(filter) => value.is_array() && value.items().any(|item| filter.matches(item)),
        }
    }

    /// Whether elements of an array are tested in its place too.
    pub(super) fn fans_out(&self) -> bool {
        !matches!(self, Self::Exists | Self::Size(_) | Self::Element(_))
    }
}

/// The values and patterns of `$in`.
#[derive(Clone, Debug)]
pub(super) struct Set {
    few: Vec<Constant>,
    /// In the order of values, when there are many.
    many: Vec<Value>,
    patterns: Vec<Pattern>,
    null: bool,
    /// Bytes of the longest text among the few, if all of them are texts that stand unescaped in JSON.
    longest_text: Option<usize>,
}

impl Set {
    pub(super) fn new(mut values: Vec<Value>, patterns: Vec<Pattern>) -> Self {
        let null = values.iter().any(|value| matches!(value, Value::Null | Value::Undefined));
        let mut few = Vec::new();
        if values.len() < SEARCH_MIN {
            few = values.drain(..).map(|value| Constant::new(&value)).collect();
        } else {
            crate::base::sort::sort_by(&mut values, crate::collections::compare::compare);
        }
        let plain = |constant: &Constant| match constant {
            Constant::Text(text, true) => Some(text.len()),
            _ => None,
        };
        let lengths: Option<Vec<usize>> = few.iter().map(plain).collect();
        let longest_text = lengths.and_then(|lengths| lengths.into_iter().max());
        Self { few, many: values, patterns, null, longest_text }
    }

    fn contains(&self, value: ValueRef<'_>) -> bool {
        if let (Some(longest), ValueRef::Raw(raw), true) = (self.longest_text, value, self.patterns.is_empty()) {
            let Some((b'"', rest)) = raw.text().split_first() else { return false };
            // A text that goes on behind the longest constant, without an escape so far, is none of them.
            match rest.iter().take(longest + 1).position(|byte| matches!(byte, b'"' | b'\\')) {
                None => return false,
                Some(end) if rest[end] == b'"' => {
                    let is_text =
                        |constant: &Constant| matches!(constant, Constant::Text(text, _) if **text == rest[..end]);
                    return self.few.iter().any(is_text);
                }
                Some(_) => {}
            }
        }
        self.few.iter().any(|constant| constant.relates(Relation::Equal, value))
            || (!self.many.is_empty()
                && self.many.binary_search_by(|other| ValueRef::Tree(other).compare(value)).is_ok())
            || self.patterns.iter().any(|pattern| matches_text(pattern, value))
    }
}

fn matches_text(pattern: &Pattern, value: ValueRef<'_>) -> bool {
    match value.shape() {
        Shape::String(text) => std::str::from_utf8(&text).is_ok_and(|text| pattern.is_match(text)),
        _ => false,
    }
}

/// The remainder of a number, whose fraction is dropped first; it has the number's sign.
fn remainder_of(value: ValueRef<'_>, divisor: i64) -> Option<i64> {
    match value.shape() {
        Shape::Number(number) if number.abs() < 9.2e18 => Some((number as i64).wrapping_rem(divisor)),
        Shape::Number(number) if number.is_finite() => Some((number % divisor as f64) as i64),
        Shape::BigInt(digits) => {
            let magnitude = digits.trim_start_matches('-');
            let modulus = u128::from(divisor.unsigned_abs());
            let rest = magnitude.bytes().fold(0, |rest, digit| (rest * 10 + u128::from(digit - b'0')) % modulus) as i64;
            Some(if digits.starts_with('-') { -rest } else { rest })
        }
        _ => None,
    }
}

/// A set of types, as `$type` names them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TypeSet(u16);

/// Names, MongoDB's numbers, and bits of the types.
const TYPES: [(&str, i32, u16); 14] = [
    ("double", 1, 1 << 0),
    ("string", 2, 1 << 1),
    ("object", 3, 1 << 2),
    ("array", 4, 1 << 3),
    ("binData", 5, 1 << 4),
    ("undefined", 6, 1 << 5),
    ("bool", 8, 1 << 6),
    ("date", 9, 1 << 7),
    ("null", 10, 1 << 8),
    ("regex", 11, 1 << 9),
    ("int", 16, 1 << 10),
    ("long", 18, 1 << 11),
    ("bigint", 0, 1 << 12),
    ("number", 0, 1 << 0 | 1 << 12),
];

impl TypeSet {
    pub(super) const EMPTY: Self = Self(0);

    /// The types' names, for messages.
    pub(super) fn names() -> impl Iterator<Item = &'static str> {
        TYPES.iter().map(|(name, ..)| *name)
    }

    /// Adds the type of this name or number; `false` if there is none.
    pub(super) fn add(&mut self, name: &Value) -> bool {
        let found = TYPES.iter().find(|(text, number, _)| match name {
            Value::String(name) => **name == **text,
            Value::Number(code) => *number != 0 && *code == f64::from(*number),
            _ => false,
        });
        self.0 |= found.map_or(0, |(.., bits)| *bits);
        found.is_some()
    }

    /// The types that a value has: a whole number is `double` and `number`, and `int` or `long` by its size.
    fn of(value: ValueRef<'_>) -> Self {
        Self(match value.shape() {
            Shape::Number(number) if number.trunc() != number => 1 << 0,
            Shape::Number(number) if (-2_147_483_648.0..2_147_483_648.0).contains(&number) => 1 << 0 | 1 << 10,
            Shape::Number(number) if number.abs() < 9_223_372_036_854_775_808.0 => 1 << 0 | 1 << 11,
            Shape::Number(_) => 1 << 0,
            Shape::BigInt(_) => 1 << 11 | 1 << 12,
            Shape::String(_) => 1 << 1,
            Shape::Object(_) => 1 << 2,
            Shape::Array(_) => 1 << 3,
            Shape::Bytes(_) => 1 << 4,
            Shape::Undefined => 1 << 5,
            Shape::Bool(_) => 1 << 6,
            Shape::Date(_) => 1 << 7,
            Shape::Null => 1 << 8,
            Shape::Regex(..) => 1 << 9,
        })
    }
}
