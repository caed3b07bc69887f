//! Reading the members of a JSON object strictly: each is asked for by name, typed, bounded; what is left over is an error.
//!
//! Not a schema language, and nothing here knows a message.

use super::limits::{NAME_MAX, NUMBER_MAX};
use crate::base::{Error, Result};
use crate::collections::Value;

/// The members of one object that have not been taken yet.
pub(super) struct Fields {
    what: &'static str,
    fields: Vec<(Box<str>, Value)>,
}

impl Fields {
    /// The members of `value`, which `what` names in errors.
    pub(super) fn of(value: Value, what: &'static str) -> Result<Self> {
        match value {
            Value::Object(fields) => Ok(Self { what, fields }),
            _ => Err(Error::invalid(format!("{what} must be an object"))),
        }
    }

    /// The member, if it is there.
    pub(super) fn take(&mut self, name: &str) -> Option<Value> {
        let at = self.fields.iter().position(|(key, _)| &**key == name)?;
        Some(self.fields.swap_remove(at).1)
    }

    fn need(&mut self, name: &str) -> Result<Value> {
        self.take(name).ok_or_else(|| Error::invalid(format!("{} lacks '{name}'", self.what)))
    }

    fn wrong(&self, name: &str, wanted: &str) -> Error {
        Error::invalid(format!("'{name}' of {} must be {wanted}", self.what))
    }

    /// A whole number from 0 on.
    pub(super) fn number(&mut self, name: &str) -> Result<u64> {
        let value = self.need(name)?;
        whole(&value).ok_or_else(|| self.wrong(name, "a whole number from 0 to 2^53 - 1"))
    }

    /// A whole number, or `None` where the member is missing.
    pub(super) fn number_if_any(&mut self, name: &str) -> Result<Option<u64>> {
        let Some(value) = self.take(name) else { return Ok(None) };
        whole(&value).map(Some).ok_or_else(|| self.wrong(name, "a whole number from 0 to 2^53 - 1"))
    }

    /// A string of at most `max` bytes.
    pub(super) fn text(&mut self, name: &str, max: usize) -> Result<Box<str>> {
        match self.need(name)? {
            Value::String(text) if text.len() <= max => Ok(text),
            _ => Err(self.wrong(name, &format!("a string of at most {max} bytes"))),
        }
    }

    /// A string, or `None` where the member is missing or null.
    pub(super) fn text_if_any(&mut self, name: &str, max: usize) -> Result<Option<Box<str>>> {
        match self.take(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) if text.len() <= max => Ok(Some(text)),
            Some(_) => Err(self.wrong(name, &format!("a string of at most {max} bytes"))),
        }
    }

    /// A name as clients make them up: letters, digits, `-` and `_`.
    pub(super) fn name(&mut self, name: &str) -> Result<Box<str>> {
        let text = self.text(name, NAME_MAX)?;
        let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
        if plain {
            Ok(text)
        } else {
            Err(self.wrong(name, "letters, digits, '-' and '_'"))
        }
    }

    /// A hash: 16 hexadecimal digits.
    pub(super) fn hash(&mut self, name: &str) -> Result<u64> {
        let text = self.text(name, 16)?;
        parse_hash(&text).ok_or_else(|| self.wrong(name, "16 lower-case hexadecimal digits"))
    }

    /// `true`, or `false` where the member is missing.
    pub(super) fn flag(&mut self, name: &str) -> Result<bool> {
        match self.take(name) {
            None => Ok(false),
            Some(Value::Bool(flag)) => Ok(flag),
            Some(_) => Err(self.wrong(name, "a boolean")),
        }
    }

    /// An array of at most `max` elements.
    pub(super) fn array(&mut self, name: &str, max: usize) -> Result<Vec<Value>> {
        match self.need(name)? {
            Value::Array(items) if items.len() <= max => Ok(items),
            _ => Err(self.wrong(name, &format!("an array of at most {max} elements"))),
        }
    }

    /// Nothing must be left.
    pub(super) fn finish(self) -> Result<()> {
        match self.fields.first() {
            None => Ok(()),
            Some((name, _)) => Err(Error::invalid(format!("{} has an unknown member '{name}'", self.what))),
        }
    }
}

fn whole(value: &Value) -> Option<u64> {
    match value {
        Value::Number(number) if *number >= 0.0 && *number <= NUMBER_MAX as f64 && number.trunc() == *number => {
            Some(*number as u64)
        }
        _ => None,
    }
}

/// A hash as text.
pub(super) fn hash_text(hash: u64) -> Box<str> {
    format!("{hash:016x}").into()
}

/// A hash from its text.
pub(super) fn parse_hash(text: &str) -> Option<u64> {
    let plain = text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
    plain.then(|| u64::from_str_radix(text, 16).ok()).flatten()
}

/// An object of these members.
pub(super) fn object<const N: usize>(fields: [(&str, Value); N]) -> Value {
    Value::Object(fields.into_iter().map(|(name, value)| (name.into(), value)).collect())
}

/// A number below 2^53.
pub(super) fn number(value: u64) -> Value {
    Value::Number(value as f64)
}

/// A string.
pub(super) fn text(value: &str) -> Value {
    Value::String(value.into())
}
