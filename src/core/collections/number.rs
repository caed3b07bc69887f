//! Arithmetic over the two kinds of numbers documents hold: f64 and BigInt.
//!
//! BigInts are computed in 128 bits and fail past them instead of losing digits. Not a bignum library: comparing
//! and storing BigInts of any length is the business of `compare` and `json`.

use super::Value;
use crate::base::{Error, Result};

/// The largest integer an f64 counts to without gaps.
const MAX_SAFE_INTEGER: f64 = 9_007_199_254_740_991.0;

/// A number ready to compute with.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Numeric {
    /// An f64.
    Double(f64),
    /// A BigInt that fits 128 bits.
    Big(i128),
}

use Numeric::{Big, Double};

impl Numeric {
    /// The number in `value`; `None` if it is no number. Fails on a BigInt past 128 bits.
    pub fn of(value: &Value) -> Result<Option<Self>> {
        match value {
            Value::Number(number) => Ok(Some(Double(*number))),
            Value::BigInt(digits) => digits.parse().map(|big| Some(Big(big))).map_err(|_| too_big()),
            _ => Ok(None),
        }
    }

    /// This number as a value.
    pub fn into_value(self) -> Value {
        match self {
            Double(number) => Value::Number(number),
            Big(big) => Value::BigInt(big.to_string().into_boxed_str()),
        }
    }

    /// The nearest f64.
    #[expect(clippy::cast_precision_loss, reason = "the nearest f64 is what is asked for")]
    pub fn to_f64(self) -> f64 {
        match self {
            Double(number) => number,
            Big(big) => big as f64,
        }
    }

    /// The integer this number is, if it is one that fits 128 bits without having lost digits as an f64.
    pub fn to_i128(self) -> Option<i128> {
        match self {
            Big(big) => Some(big),
            Double(number) => integer(number).map(i128::from),
        }
    }

    /// The sum. BigInt and an integer stay BigInt; BigInt and a fraction become f64.
    pub fn plus(self, other: Self) -> Result<Self> {
        if let (Double(a), Double(b)) = (self, other) {
            return Ok(Double(a + b));
        }
        self.combine(other, |a, b| a + b, i128::checked_add)
    }

    /// The difference, with the kinds of [`Self::plus`].
    pub fn minus(self, other: Self) -> Result<Self> {
        self.combine(other, |a, b| a - b, i128::checked_sub)
    }

    /// The product, with the kinds of [`Self::plus`].
    pub fn times(self, other: Self) -> Result<Self> {
        self.combine(other, |a, b| a * b, i128::checked_mul)
    }

    /// The remainder with the sign of `self`, with the kinds of [`Self::plus`]. Fails on a zero BigInt divisor.
    pub fn modulo(self, other: Self) -> Result<Self> {
        self.combine(other, |a, b| a % b, i128::checked_rem)
    }

    fn combine(self, other: Self, doubles: fn(f64, f64) -> f64, bigs: fn(i128, i128) -> Option<i128>) -> Result<Self> {
        if let (Double(a), Double(b)) = (self, other) {
            return Ok(Double(doubles(a, b)));
        }
        match (self.to_i128(), other.to_i128()) {
            (Some(a), Some(b)) => bigs(a, b).map(Big).ok_or_else(too_big),
            _ => Ok(Double(doubles(self.to_f64(), other.to_f64()))),
        }
    }
}

/// The integer that `number` is, if it is one and small enough to be exact.
#[expect(clippy::cast_possible_truncation, reason = "checked to be a whole number below 2^53")]
pub fn integer(number: f64) -> Option<i64> {
    (number.trunc() == number && number.abs() <= MAX_SAFE_INTEGER).then_some(number as i64)
}

/// An integer as a value: a Number where an f64 holds it exactly, else the nearest f64.
#[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^53")]
pub fn number(integer: i64) -> Value {
    Value::Number(integer as f64)
}

fn too_big() -> Error {
    Error::invalid("arithmetic on a BigInt went past 128 bits (or divided by zero): keep such numbers as strings")
}
