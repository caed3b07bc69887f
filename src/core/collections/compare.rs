//! The one order of values, MongoDB's, and equality as its `$eq` sees it.
//!
//! undefined/null < numbers (f64 and BigInt by value, NaN first) < strings (by code point) < objects < arrays < bytes <
//! booleans < dates < regular expressions. It is not JavaScript's order, and knows no collation.

use std::cmp::Ordering;

use super::bigint;
use super::Value;

/// The classes of values in their order. Comparisons of a query (`$lt` …) never cross a class.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum TypeClass {
    /// `undefined`, `null` and missing.
    Null = 0x10,
    /// f64 and BigInt.
    Number = 0x20,
    /// Strings.
    String = 0x30,
    /// Objects.
    Object = 0x40,
    /// Arrays.
    Array = 0x50,
    /// Uint8Arrays.
    Bytes = 0x60,
    /// Booleans, `false` first.
    Bool = 0x70,
    /// Dates, invalid ones first.
    Date = 0x80,
    /// Regular expressions.
    Regex = 0x90,
}

impl TypeClass {
    /// The class of `value`.
    pub fn of(value: &Value) -> Self {
        match value {
            Value::Undefined | Value::Null => Self::Null,
            Value::Number(_) | Value::BigInt(_) => Self::Number,
            Value::String(_) => Self::String,
            Value::Object(_) => Self::Object,
            Value::Array(_) => Self::Array,
            Value::Bytes(_) => Self::Bytes,
            Value::Bool(_) => Self::Bool,
            Value::Date(_) => Self::Date,
            Value::Regex(..) => Self::Regex,
        }
    }
}

/// The total order of values.
pub fn compare(a: &Value, b: &Value) -> Ordering {
    let class = TypeClass::of(a);
    let classes = class.cmp(&TypeClass::of(b));
    if classes.is_ne() {
        return classes;
    }
    match (a, b) {
        (Value::Number(a), Value::Number(b)) | (Value::Date(a), Value::Date(b)) => compare_f64(*a, *b),
        (Value::BigInt(a), Value::BigInt(b)) => bigint::compare(a, b),
        (Value::BigInt(a), Value::Number(b)) => bigint::compare_to_f64(a, *b),
        (Value::Number(a), Value::BigInt(b)) => bigint::compare_to_f64(b, *a).reverse(),
        (Value::String(a), Value::String(b)) => a.cmp(b),
        (Value::Object(a), Value::Object(b)) => compare_objects(a, b),
        (Value::Array(a), Value::Array(b)) => compare_arrays(a, b),
        (Value::Bytes(a), Value::Bytes(b)) => a.len().cmp(&b.len()).then_with(|| a.cmp(b)),
        (Value::Bool(a), Value::Bool(b)) => a.cmp(b),
        (Value::Regex(a, x), Value::Regex(b, y)) => a.cmp(b).then_with(|| x.cmp(y)),
        _ => Ordering::Equal,
    }
}

/// Whether `$eq` holds: numbers by value across f64 and BigInt, -0 = 0, NaN = NaN, null = undefined, objects with the
/// same keys in the same order.
pub fn equals(a: &Value, b: &Value) -> bool {
    compare(a, b).is_eq()
}

/// Orders f64 numbers: NaN first, -0 equal to 0.
pub fn compare_f64(a: f64, b: f64) -> Ordering {
    a.partial_cmp(&b).unwrap_or_else(|| b.is_nan().cmp(&a.is_nan()))
}

/// Field by field: class of the value, then key, then value; the object that ends first is smaller.
fn compare_objects(a: &[(Box<str>, Value)], b: &[(Box<str>, Value)]) -> Ordering {
    for ((a_key, a), (b_key, b)) in a.iter().zip(b) {
        let order = TypeClass::of(a).cmp(&TypeClass::of(b)).then_with(|| a_key.cmp(b_key)).then_with(|| compare(a, b));
        if order.is_ne() {
            return order;
        }
    }
    a.len().cmp(&b.len())
}

/// Element by element; the array that ends first is smaller.
fn compare_arrays(a: &[Value], b: &[Value]) -> Ordering {
    let different = a.iter().zip(b).map(|(a, b)| compare(a, b)).find(|order| order.is_ne());
    different.unwrap_or_else(|| a.len().cmp(&b.len()))
}

#[cfg(test)]
mod compare_tests;
