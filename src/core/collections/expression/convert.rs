//! Conversions between types: `$toString` and its siblings, `$convert`, `$type`.

use super::super::number::{integer, number, Numeric};
use super::super::{json, Value};
use super::date;
use super::evaluate::is_null;
use crate::base::{Error, Result};

/// What to convert to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Target {
    String,
    Int,
    Long,
    Double,
    Bool,
    Date,
}

/// The name of a value's type as `$type` gives it. Whole numbers are "int" if they fit 32 bits, else "long" as BigInts
/// are; other numbers are "double".
pub(super) fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Undefined => "missing",
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(number) => match integer(*number).map(i32::try_from) {
            Some(Ok(_)) => "int",
            Some(Err(_)) => "long",
            None => "double",
        },
        Value::BigInt(_) => "long",
        Value::String(_) => "string",
        Value::Bytes(_) => "binData",
        Value::Date(_) => "date",
        Value::Regex(..) => "regex",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// Converts to the type that `target` names, by name or by BSON number. The value is not null.
pub(super) fn convert(value: &Value, target: &Value) -> Result<Value> {
    let name = match target {
        Value::String(name) => &**name,
        Value::Number(code) => match integer(*code) {
            Some(1) => "double",
            Some(2) => "string",
            Some(8) => "bool",
            Some(9) => "date",
            Some(16) => "int",
            Some(18) => "long",
            _ => "",
        },
        other if is_null(other) => return Ok(Value::Null),
        _ => "",
    };
    let target = match name {
        "string" => Target::String,
        "int" => Target::Int,
        "long" => Target::Long,
        "double" => Target::Double,
        "bool" => Target::Bool,
        "date" => Target::Date,
        _ => return Err(Error::invalid("$convert needs string, int, long, double, bool or date in 'to'")),
    };
    to(target, value).map_err(|error| Error::invalid(format!("$convert {}", error.message())))
}

/// Converts to `target`; null and missing give null.
pub(super) fn to(target: Target, value: &Value) -> Result<Value> {
    if is_null(value) {
        return Ok(Value::Null);
    }
    match target {
        Target::String => to_string(value),
        Target::Bool => Ok(Value::Bool(super::truthy(value))),
        Target::Double => match value {
            Value::Number(_) => Ok(value.clone()),
            Value::BigInt(_) => Ok(Value::Number(Numeric::of(value)?.map_or(f64::NAN, Numeric::to_f64))),
            Value::Bool(truth) => Ok(number(i64::from(*truth))),
            Value::Date(ms) => Ok(Value::Number(*ms)),
            Value::String(text) => decimal(text).map(Value::Number).ok_or_else(|| cannot("a number")),
            _ => Err(cannot("a number")),
        },
        Target::Int => {
            to_whole(value).filter(|whole| i32::try_from(*whole).is_ok()).map(number).ok_or_else(|| cannot("an int"))
        }
        Target::Long => to_whole(value).map(number).ok_or_else(|| cannot("a whole number")),
        Target::Date => to_date(value),
    }
}

fn cannot(what: &str) -> Error {
    Error::invalid(format!("cannot make {what} of this value: use $convert with onError"))
}

fn to_string(value: &Value) -> Result<Value> {
    let text = match value {
        Value::String(_) => return Ok(value.clone()),
        Value::Number(number) => number_text(*number),
        Value::BigInt(digits) => digits.to_string(),
        Value::Bool(truth) => truth.to_string(),
        Value::Date(ms) => date::to_iso(*ms).ok_or_else(|| cannot("a string"))?,
        _ => return Err(cannot("a string")),
    };
    Ok(Value::String(text.into_boxed_str()))
}

/// A number as JavaScript writes it.
fn number_text(number: f64) -> String {
    if number.is_nan() {
        return "NaN".into();
    }
    if number.is_infinite() {
        return if number > 0.0 { "Infinity" } else { "-Infinity" }.into();
    }
    let mut text = Vec::new();
    json::number::write(number, &mut text);
    let text = String::from_utf8(text).unwrap_or_default();
    if text.contains('e') && !text.contains("e-") && !text.contains("e+") {
        text.replace('e', "e+")
    } else {
        text
    }
}

/// A decimal number in text: a JSON number, and nothing around it.
fn decimal(text: &str) -> Option<f64> {
    let text = text.strip_prefix('+').unwrap_or(text);
    json::number::parse(text.as_bytes()).filter(|(_, length)| *length == text.len()).map(|(number, _)| number)
}

fn to_whole(value: &Value) -> Option<i64> {
    match value {
        Value::Number(number) => integer(number.trunc()),
        Value::Bool(truth) => Some(i64::from(*truth)),
        Value::BigInt(digits) => digits.parse().ok(),
        Value::Date(ms) => integer(*ms),
        Value::String(text) => {
            let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
            let all = !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit());
            if all {
                text.parse().ok()
            } else {
                None
            }
        }
        _ => None,
    }
}

fn to_date(value: &Value) -> Result<Value> {
    let ms = match value {
        Value::Date(_) => return Ok(value.clone()),
        Value::Number(ms) => super::calendar::valid(*ms),
        Value::BigInt(digits) => digits.parse().ok(),
        Value::String(text) => date::from_iso(text),
        _ => None,
    };
    match ms.map(number) {
        Some(Value::Number(ms)) if super::calendar::valid(ms).is_some() => Ok(Value::Date(ms)),
        _ => Err(cannot("a date")),
    }
}
