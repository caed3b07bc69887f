//! The declaration of a search index: which fields, how much each counts, and how its text becomes terms.
//!
//! Not the index: that is made from documents by this declaration.

use crate::base::{write_slice, write_varint, Error, Reader, Result};
use crate::collections::json;
use crate::collections::{Path, Value};

use super::score::{B, K1};

/// The most fields of one index.
pub const FIELDS_MAX: usize = 32;
/// The greatest weight of a field, and the greatest boost in a query.
pub const WEIGHT_MAX: f64 = 1000.0;
/// The longest name of an analyzer, in bytes.
pub const ANALYZER_NAME_MAX: usize = 64;
/// The analyzer of fields that name none.
pub const DEFAULT_ANALYZER: &str = "standard";

const FORMAT: u8 = 1;

/// A declared search index.
#[derive(Clone, Debug, PartialEq)]
pub struct SearchSpec {
    /// The fields in the order of the declaration.
    pub fields: Vec<FieldSpec>,
    /// The saturation of frequencies, 0 to 10.
    pub k1: f32,
    /// How much length counts in fields that do not say, 0 to 1.
    pub b: f32,
}

/// One declared field.
#[derive(Clone, Debug, PartialEq)]
pub struct FieldSpec {
    /// Where its text is: a string, an array of strings, or several of these behind an array of objects.
    pub path: Path,
    /// The factor of its frequencies, above 0.
    pub weight: f32,
    /// How much its length counts, if not as much as in the others.
    pub b: Option<f32>,
    /// The name of its analyzer.
    pub analyzer: Box<str>,
}

impl SearchSpec {
    /// Reads a declaration such as `{ title: 3, body: { weight: 1, analyzer: 'english' } }`, `'title'` or
    /// `['title', 'body']`. `$analyzer`, `$k1` and `$b` speak for all fields.
    ///
    /// # Errors
    /// `Invalid`; the message names the path within `search` and what belongs there.
    pub fn parse(value: &Value) -> Result<Self> {
        let mut spec = Self { fields: Vec::new(), k1: K1, b: B };
        match value {
            Value::String(path) => spec.add(path, 1.0, None, DEFAULT_ANALYZER)?,
            Value::Array(paths) => spec.parse_list(paths)?,
            Value::Object(entries) => spec.parse_object(entries)?,
            _ => return Err(wrong("search", "an object like { title: 3, body: 1 }")),
        }
        if spec.fields.is_empty() {
            return Err(Error::invalid("search: no fields: name at least one, like { title: 3, body: 1 }"));
        }
        Ok(spec)
    }

    fn parse_list(&mut self, paths: &[Value]) -> Result<()> {
        for (at, path) in paths.iter().enumerate() {
            let Value::String(path) = path else { return Err(wrong(&format!("search[{at}]"), "a path")) };
            self.add(path, 1.0, None, DEFAULT_ANALYZER)?;
        }
        Ok(())
    }

    fn parse_object(&mut self, entries: &[(Box<str>, Value)]) -> Result<()> {
        let mut analyzer = DEFAULT_ANALYZER;
        for (key, value) in entries {
            match &**key {
                "$analyzer" => analyzer = name(value, "search.$analyzer")?,
                "$k1" => self.k1 = number(value, "search.$k1", 0.0, 10.0)?,
                "$b" => self.b = number(value, "search.$b", 0.0, 1.0)?,
                _ => {}
            }
        }
        for (path, value) in entries {
            let at = format!("search.{path}");
            match value {
                _ if matches!(&**path, "$analyzer" | "$k1" | "$b") => {}
                _ if path.starts_with('$') => {
                    return Err(Error::invalid(format!("{at}: unknown option: there are $analyzer, $k1 and $b")));
                }
                Value::Number(_) => self.add(path, weight(value, &at)?, None, analyzer)?,
                Value::Bool(true) => self.add(path, 1.0, None, analyzer)?,
                Value::String(name) => self.add(path, 1.0, None, name)?,
                Value::Object(options) => self.parse_field(path, &at, options, analyzer)?,
                _ => return Err(wrong(&at, "a weight like 3, or { weight: 3, analyzer: 'english' }")),
            }
        }
        Ok(())
    }

    fn parse_field(&mut self, path: &str, at: &str, options: &[(Box<str>, Value)], default: &str) -> Result<()> {
        let (mut factor, mut b, mut analyzer) = (1.0, None, default);
        for (option, value) in options {
            let at = format!("{at}.{option}");
            match &**option {
                "weight" => factor = weight(value, &at)?,
                "b" => b = Some(number(value, &at, 0.0, 1.0)?),
                "analyzer" => analyzer = name(value, &at)?,
                _ => return Err(Error::invalid(format!("{at}: unknown option: there are weight, analyzer and b"))),
            }
        }
        self.add(path, factor, b, analyzer)
    }

    fn add(&mut self, path: &str, weight: f32, b: Option<f32>, analyzer: &str) -> Result<()> {
        let at = format!("search.{path}");
        if self.field(path).is_some() {
            return Err(Error::invalid(format!("{at}: the field is declared twice")));
        }
        if self.fields.len() == FIELDS_MAX {
            return Err(Error::invalid(format!("{at}: more than {FIELDS_MAX} fields: leave some out")));
        }
        check_name(analyzer, &at)?;
        let path = Path::parse(path).map_err(|error| Error::invalid(format!("{at}: {}", error.message())))?;
        self.fields.push(FieldSpec { path, weight, b, analyzer: analyzer.into() });
        Ok(())
    }

    /// The place of a field by its path.
    pub fn field(&self, path: &str) -> Option<usize> {
        self.fields.iter().position(|field| field.path.text() == path)
    }

    /// Whether an index made for the other declaration holds the right terms for this one: weights and parameters may
    /// differ, fields, their order and their analyzers may not.
    pub fn same_terms(&self, other: &Self) -> bool {
        let pairs = || self.fields.iter().zip(&other.fields);
        self.fields.len() == other.fields.len() && pairs().all(|(a, b)| a.path == b.path && a.analyzer == b.analyzer)
    }

    /// Appends the bytes of the declaration:
    ///
    /// ```text
    /// u8      1, the format
    /// f32 LE  k1, b
    /// varint  number of fields; for each:
    ///   slice   path
    ///   f32 LE  weight, b (NaN: as the index)
    ///   slice   name of the analyzer
    /// ```
    pub fn write(&self, out: &mut Vec<u8>) {
        out.push(FORMAT);
        out.extend_from_slice(&self.k1.to_le_bytes());
        out.extend_from_slice(&self.b.to_le_bytes());
        write_varint(out, self.fields.len() as u64);
        for field in &self.fields {
            write_slice(out, field.path.text().as_bytes());
            out.extend_from_slice(&field.weight.to_le_bytes());
            out.extend_from_slice(&field.b.unwrap_or(f32::NAN).to_le_bytes());
            write_slice(out, field.analyzer.as_bytes());
        }
    }

    /// Takes a declaration off the front of stored bytes.
    ///
    /// # Errors
    /// `Corrupt` if [`SearchSpec::write`] did not write them.
    pub fn read(reader: &mut Reader<'_>) -> Result<Self> {
        let corrupt = |_| Error::corrupt("a stored search declaration makes no sense");
        if reader.u8()? != FORMAT {
            return Err(Error::corrupt("a stored search declaration has an unknown format"));
        }
        let (k1, b) = (f32::from_le_bytes(reader.array()?), f32::from_le_bytes(reader.array()?));
        within(k1, 0.0, 10.0)?;
        within(b, 0.0, 1.0)?;
        let mut spec = Self { fields: Vec::new(), k1, b };
        for _ in 0..reader.count(10)? {
            let path = reader.text()?;
            let weight = f32::from_le_bytes(reader.array()?);
            let b = f32::from_le_bytes(reader.array()?);
            within(weight, f32::MIN_POSITIVE, WEIGHT_MAX as f32)?;
            let b = if b.is_nan() { None } else { Some(within(b, 0.0, 1.0)?) };
            spec.add(path, weight, b, reader.text()?).map_err(corrupt)?;
        }
        if spec.fields.is_empty() {
            return Err(corrupt(Error::corrupt("")));
        }
        Ok(spec)
    }

    /// Appends the declaration as JSON, every option written out, as `parse` reads it.
    pub fn write_json(&self, out: &mut Vec<u8>) {
        let mut entries: Vec<(Box<str>, Value)> = Vec::new();
        entries.push(("$k1".into(), decimal(self.k1)));
        entries.push(("$b".into(), decimal(self.b)));
        for field in &self.fields {
            let mut options: Vec<(Box<str>, Value)> = vec![("weight".into(), decimal(field.weight))];
            options.extend(field.b.map(|b| ("b".into(), decimal(b))));
            options.push(("analyzer".into(), Value::String(field.analyzer.clone())));
            entries.push((field.path.text().into(), Value::Object(options)));
        }
        out.extend_from_slice(&json::to_json(&Value::Object(entries)));
    }
}

/// A number as people wrote it: 0.75, not the nearest f32 written as f64.
fn decimal(number: f32) -> Value {
    Value::Number((f64::from(number) * 1e6).round() / 1e6)
}

fn wrong(at: &str, expected: &str) -> Error {
    Error::invalid(format!("{at}: must be {expected}"))
}

fn within(number: f32, min: f32, max: f32) -> Result<f32> {
    if (min..=max).contains(&number) {
        return Ok(number);
    }
    Err(Error::corrupt("a stored search declaration has a number out of bounds"))
}

fn number(value: &Value, at: &str, min: f64, max: f64) -> Result<f32> {
    match value {
        Value::Number(number) if (min..=max).contains(number) => Ok(*number as f32),
        _ => Err(wrong(at, &format!("a number from {min} to {max}"))),
    }
}

/// A weight: a number above 0.
fn weight(value: &Value, at: &str) -> Result<f32> {
    match value {
        Value::Number(number) if (0.001..=WEIGHT_MAX).contains(number) => Ok(*number as f32),
        _ => Err(wrong(at, &format!("a number from 0.001 to {WEIGHT_MAX}; to leave a field out, do not name it"))),
    }
}

fn name<'a>(value: &'a Value, at: &str) -> Result<&'a str> {
    match value {
        Value::String(name) => Ok(name),
        _ => Err(wrong(at, "the name of an analyzer, like 'english'")),
    }
}

/// Checks the name of an analyzer.
pub(super) fn check_name(name: &str, at: &str) -> Result<()> {
    if name.is_empty() || name.len() > ANALYZER_NAME_MAX || name.chars().any(char::is_control) {
        let problem =
            format!("{at}.analyzer: must be a name of 1 to {ANALYZER_NAME_MAX} bytes without control characters");
        return Err(Error::invalid(problem));
    }
    Ok(())
}

#[cfg(test)]
#[path = "spec_tests.rs"]
mod tests;
