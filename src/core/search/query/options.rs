//! How the words of a text match, and in which fields.

use crate::base::{Error, Result};
use crate::collections::Value;
use crate::search::edit::EDITS_MAX;
use crate::search::spec::{SearchSpec, WEIGHT_MAX};

/// How many of the words must match.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Matching {
    /// One.
    Any,
    /// Every one.
    All,
    /// So many, or all if there are fewer.
    Minimum(u32),
}

/// Which words stand for all that begin with them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Prefix {
    /// None.
    No,
    /// The last one, as somebody types.
    Last,
    /// All.
    All,
}

/// How many edits a word of the index may be away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fuzzy {
    /// By the length of the word, see [`edits_for`](crate::search::edit::edits_for).
    Auto,
    /// 0 to 2. Words of one or two letters are never fuzzy.
    Edits(u8),
}

/// The options of a text.
#[derive(Clone, Debug, PartialEq)]
pub struct Options {
    /// How many words must match.
    pub matching: Matching,
    /// Which words stand for all that begin with them.
    pub prefix: Prefix,
    /// How many edits are allowed.
    pub fuzzy: Fuzzy,
    /// How many letters at the beginning are never edited.
    pub fixed: u32,
    /// The fields, with boosts by place in the spec; `None` is all.
    pub fields: Option<Vec<(usize, f32)>>,
}

impl Default for Options {
    fn default() -> Self {
        Self { matching: Matching::Any, prefix: Prefix::No, fuzzy: Fuzzy::Edits(0), fixed: 0, fields: None }
    }
}

impl Options {
    /// Reads the option `name`; `false` if there is none of that name.
    ///
    /// # Errors
    /// `Invalid`; the message begins with `at`, the object's place.
    pub fn set(&mut self, name: &str, value: &Value, at: &str, spec: &SearchSpec) -> Result<bool> {
        match name {
            "match" => self.matching = matching(value, at)?,
            "prefix" => self.prefix = prefix(value, at)?,
            "fuzzy" => self.fuzzy = fuzzy(value, at)?,
            "prefixLength" => self.fixed = whole(value, at, name, 0, 64)?,
            "fields" => self.fields = fields(value, at, spec)?,
            _ => return Ok(false),
        }
        Ok(true)
    }
}

fn matching(value: &Value, at: &str) -> Result<Matching> {
    match value {
        Value::String(word) if &**word == "any" => Ok(Matching::Any),
        Value::String(word) if &**word == "all" => Ok(Matching::All),
        Value::Number(_) => whole(value, at, "match", 1, 1024).map(Matching::Minimum),
        _ => Err(wrong(at, "match", "'any', 'all' or how many words must match")),
    }
}

fn prefix(value: &Value, at: &str) -> Result<Prefix> {
    match value {
        Value::Bool(true) => Ok(Prefix::All),
        Value::Bool(false) => Ok(Prefix::No),
        Value::String(word) if &**word == "last" => Ok(Prefix::Last),
        _ => Err(wrong(at, "prefix", "true, false or 'last'")),
    }
}

fn fuzzy(value: &Value, at: &str) -> Result<Fuzzy> {
    match value {
        Value::Bool(true) => Ok(Fuzzy::Auto),
        Value::Bool(false) => Ok(Fuzzy::Edits(0)),
        Value::String(word) if &**word == "auto" => Ok(Fuzzy::Auto),
        Value::Number(_) => whole(value, at, "fuzzy", 0, u32::from(EDITS_MAX)).map(|edits| Fuzzy::Edits(edits as u8)),
        _ => Err(wrong(at, "fuzzy", "0, 1, 2 or 'auto'")),
    }
}

/// Fields by name: one, a list, or an object with boosts.
pub(super) fn fields(value: &Value, at: &str, spec: &SearchSpec) -> Result<Option<Vec<(usize, f32)>>> {
    let mut fields = Vec::new();
    match value {
        Value::Null | Value::Undefined => return Ok(None),
        Value::String(name) => fields.push((place(name, at, spec)?, 1.0)),
        Value::Array(names) => {
            for name in names {
                let Value::String(name) = name else { return Err(wrong_fields(at)) };
                fields.push((place(name, at, spec)?, 1.0));
            }
        }
        Value::Object(boosts) => {
            for (name, value) in boosts {
                fields.push((place(name, at, spec)?, boost(value, &format!("{at}.fields"), name)?));
            }
        }
        _ => return Err(wrong_fields(at)),
    }
    if fields.is_empty() {
        return Err(wrong_fields(at));
    }
    Ok(Some(fields))
}

fn wrong_fields(at: &str) -> Error {
    wrong(at, "fields", "a field, a list of fields, or boosts like { title: 2 }")
}

fn place(name: &str, at: &str, spec: &SearchSpec) -> Result<usize> {
    spec.field(name).ok_or_else(|| {
        let known: Vec<&str> = spec.fields.iter().map(|field| field.path.text()).collect();
        Error::invalid(format!("{at}.fields: '{name}' is not searchable: declared are {}", known.join(", ")))
    })
}

/// A boost: a number above 0.
pub(super) fn boost(value: &Value, at: &str, name: &str) -> Result<f32> {
    match value {
        Value::Number(number) if (0.001..=WEIGHT_MAX).contains(number) => Ok(*number as f32),
        _ => Err(wrong(at, name, &format!("a number from 0.001 to {WEIGHT_MAX}"))),
    }
}

pub(super) fn whole(value: &Value, at: &str, name: &str, min: u32, max: u32) -> Result<u32> {
    match value {
        Value::Number(number) if number.fract() == 0.0 && (f64::from(min)..=f64::from(max)).contains(number) => {
            Ok(*number as u32)
        }
        _ => Err(wrong(at, name, &format!("a whole number from {min} to {max}"))),
    }
}

pub(super) fn wrong(at: &str, name: &str, expected: &str) -> Error {
    Error::invalid(format!("{at}.{name}: must be {expected}"))
}
