//! The one order of values, MongoDB's, and equality as its `$eq` sees it.
//!
//! undefined/null < numbers (f64 and BigInt by value, NaN first) < strings (by code point) < objects < arrays < bytes <
//! booleans < dates < regular expressions. It is not JavaScript's order, and knows no collation.

use std::cmp::Ordering;

use super::{Value, ValueRef};

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
    ValueRef::Tree(a).compare(ValueRef::Tree(b))
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

#[cfg(test)]
mod compare_tests;
