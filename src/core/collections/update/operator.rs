//! The update operators on single values. Those on arrays are in `array`.

use std::cmp::Ordering;

use super::super::compare::compare;
use super::super::number::Numeric;
use super::super::Value;
use super::array::{AddToSet, Pull, Push};
use super::path::{Edit, UpdatePath};
use crate::base::{Error, Result};

/// One operator with its parsed operand.
#[derive(Clone, Debug)]
pub(super) enum Operator {
    Set(Value),
    SetOnInsert(Value),
    Unset,
    Inc(Numeric),
    Mul(Numeric),
    Min(Value),
    Max(Value),
    Rename(UpdatePath),
    Push(Box<Push>),
    AddToSet(AddToSet),
    Pull(Box<Pull>),
    Pop { front: bool },
    CurrentDate,
    Bit(Vec<(Bits, i128)>),
}

/// A bitwise operation.
#[derive(Clone, Copy, Debug)]
pub(super) enum Bits {
    And,
    Or,
    Xor,
}

impl Operator {
    /// Applies the operator to the value at its path, or to the gap there.
    pub(super) fn apply(&self, current: Option<&mut Value>, now: f64) -> Result<Edit> {
        match self {
            Self::Set(value) | Self::SetOnInsert(value) => Ok(put(current.as_deref(), value.clone())),
            Self::Unset => Ok(if current.is_some() { Edit::Remove } else { Edit::Keep }),
            Self::Inc(by) => arithmetic("$inc", current, *by, Numeric::plus),
            Self::Mul(by) => match present(current) {
                Some(current) => arithmetic("$mul", Some(current), *by, Numeric::times),
                None => Ok(Edit::Put(by.times(Numeric::Double(0.0))?.into_value())),
            },
            Self::Min(value) => Ok(bound(current, value, Ordering::Less)),
            Self::Max(value) => Ok(bound(current, value, Ordering::Greater)),
            Self::Push(push) => push.apply(current),
            Self::AddToSet(set) => set.apply(current),
            Self::Pull(pull) => pull.apply(current),
            Self::Pop { front } => pop(current, *front),
            Self::CurrentDate => Ok(put(current.as_deref(), Value::Date(now))),
            Self::Bit(operations) => bit(current, operations),
            // Works on two paths at once: done in `Update::apply`.
            Self::Rename(_) => Ok(Edit::Keep),
        }
    }
}

/// The value, unless it is missing or undefined.
fn present(current: Option<&mut Value>) -> Option<&mut Value> {
    current.filter(|value| **value != Value::Undefined)
}

fn put(current: Option<&Value>, value: Value) -> Edit {
    match current {
        Some(current) if identical(current, &value) => Edit::Keep,
        _ => Edit::Put(value),
    }
}

/// Whether two values are the same to the last bit: -0 is not 0, and NaN is NaN.
pub(super) fn identical(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) | (Value::Date(a), Value::Date(b)) => a.to_bits() == b.to_bits(),
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| identical(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|((ka, a), (kb, b))| ka == kb && identical(a, b))
        }
        _ => a == b,
    }
}

fn arithmetic(
    operator: &str,
    current: Option<&mut Value>,
    by: Numeric,
    compute: fn(Numeric, Numeric) -> Result<Numeric>,
) -> Result<Edit> {
    let Some(current) = present(current) else { return Ok(Edit::Put(by.into_value())) };
    let Some(number) = Numeric::of(current)? else { return Err(not("a number", operator, current)) };
    Ok(put(Some(current), compute(number, by)?.into_value()))
}

fn bound(current: Option<&mut Value>, value: &Value, wanted: Ordering) -> Edit {
    match present(current) {
        Some(current) if compare(value, current) != wanted => Edit::Keep,
        _ => Edit::Put(value.clone()),
    }
}

fn pop(current: Option<&mut Value>, front: bool) -> Result<Edit> {
    match present(current) {
        None => Ok(Edit::Keep),
        Some(Value::Array(items)) if items.is_empty() => Ok(Edit::Keep),
        Some(Value::Array(items)) => {
            items.remove(if front { 0 } else { items.len() - 1 });
            Ok(Edit::Changed)
        }
        Some(other) => Err(not("an array", "$pop", other)),
    }
}

fn bit(current: Option<&mut Value>, operations: &[(Bits, i128)]) -> Result<Edit> {
    let current = present(current);
    let before = match &current {
        None => Numeric::Double(0.0),
        Some(value) => Numeric::of(value)?.ok_or_else(|| not("an integer", "$bit", value))?,
    };
    let Some(start) = before.to_i128() else { return Err(not("an integer", "$bit", &before.into_value())) };
    let result = operations.iter().fold(start, |bits, (operation, mask)| match operation {
        Bits::And => bits & mask,
        Bits::Or => bits | mask,
        Bits::Xor => bits ^ mask,
    });
    let result = match (before, i64::try_from(result)) {
        (Numeric::Double(_), Ok(small)) => super::super::number::number(small),
        _ => Numeric::Big(result).into_value(),
    };
    Ok(put(current.as_deref(), result))
}

/// The name of a value's type in messages.
pub(super) fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Undefined => "undefined",
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::BigInt(_) => "a BigInt",
        Value::String(_) => "a string",
        Value::Bytes(_) => "bytes",
        Value::Date(_) => "a date",
        Value::Regex(..) => "a regular expression",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

pub(super) fn not(wanted: &str, operator: &str, found: &Value) -> Error {
    Error::invalid(format!(
        "{operator} needs {wanted}, but the document holds {} there: $set it first",
        type_name(found)
    ))
}
