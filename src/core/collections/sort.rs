//! Sort specifications, and the bytes that put documents in their order.
//!
//! A sort key compares by `memcmp` and is made of the same bytes as index keys, so that an index walked in order needs no
//! sort. An array sorts by its least element ascending and by its greatest descending; a missing field and an empty array
//! sort as null. No collation.

use super::document::Document;
use super::filter::suggestion;
use super::key_codec;
use super::path::Path;
use super::{Value, ValueRef};
use crate::base::{sort, Error, Result};

/// Most fields of a sort.
pub const FIELDS_MAX: usize = 32;

/// One field of a sort.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SortField {
    /// What to sort by.
    pub path: Path,
    /// Greatest first.
    pub descending: bool,
}

/// A parsed sort specification.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sort {
    fields: Box<[SortField]>,
}

impl Sort {
    /// Parses `{ due: 1, 'author.name': -1 }` or `[['due', 1], ['author.name', -1]]`; directions are 1, -1, `'asc'` and
    /// `'desc'`.
    ///
    /// # Errors
    /// `Invalid` for anything else, a field that stands twice, no field at all, or more than [`FIELDS_MAX`].
    pub fn parse(sort: &Value) -> Result<Self> {
        let mut fields: Vec<SortField> = Vec::new();
        let mut add = |path: &str, direction: &Value| {
            if fields.iter().any(|field| field.path.text() == path) {
                return Err(Error::invalid(format!("the sort names '{path}' twice")));
            }
            fields.push(SortField { path: Path::parse(path)?, descending: is_descending(path, direction)? });
            Ok(())
        };
        match sort {
            Value::Object(pairs) => pairs.iter().try_for_each(|(path, direction)| add(path, direction))?,
            Value::Array(pairs) => pairs.iter().try_for_each(|pair| match pair {
                Value::Array(pair) => match pair.as_slice() {
                    [Value::String(path), direction] => add(path, direction),
                    _ => Err(malformed()),
                },
                Value::String(path) => add(path, &Value::Number(1.0)),
                _ => Err(malformed()),
            })?,
            _ => return Err(malformed()),
        }
        if fields.is_empty() || fields.len() > FIELDS_MAX {
            return Err(Error::invalid(format!("a sort names 1 to {FIELDS_MAX} fields, not {}", fields.len())));
        }
        Ok(Self { fields: fields.into() })
    }

    /// The fields, most significant first.
    pub fn fields(&self) -> &[SortField] {
        &self.fields
    }

    /// Appends the sort key of a stored document.
    #[inline]
    pub fn key(&self, document: &Document<'_>, out: &mut Vec<u8>) {
        self.key_ref(ValueRef::Document(document), out);
    }

    /// Appends the sort key of a value, wherever it stands.
    pub fn key_ref(&self, root: ValueRef<'_>, out: &mut Vec<u8>) {
        for field in &self.fields {
            let start = out.len();
            field.ascending_key(root, out);
            if field.descending {
                key_codec::invert(&mut out[start..]);
            }
        }
    }

    /// Sorts values; equal ones keep their order.
    pub fn sort_values(&self, values: &mut [Value]) {
        let keyed = values.iter_mut().map(|value| {
            let mut key = Vec::new();
            self.key_ref(ValueRef::Tree(value), &mut key);
            (key, std::mem::replace(value, Value::Undefined))
        });
        let mut keyed: Vec<_> = keyed.collect();
        sort::sort_by(&mut keyed, |(a, _), (b, _)| a.cmp(b));
        for (place, (_, value)) in values.iter_mut().zip(keyed) {
            *place = value;
        }
    }
}

impl SortField {
    fn ascending_key(&self, root: ValueRef<'_>, out: &mut Vec<u8>) {
        // The common case, without a closure: a top-level field of a stored document that is no array.
        if let (ValueRef::Document(document), [segment]) = (root, self.path.segments()) {
            let field = document.field_hashed(segment.name().as_bytes(), segment.hash());
            if field.is_none_or(|raw| !raw.is_array()) {
                return key_codec::encode_leaf(field.map(ValueRef::Raw), out);
            }
        }
        let start = out.len();
        let mut best: Option<usize> = None;
        self.path.leaves(root, &mut |leaf| {
            let from = out.len();
            key_codec::encode_leaf(leaf, out);
            let Some(end) = best else {
                best = Some(out.len());
                return;
            };
            let (kept, candidate) = (&out[start..end], &out[from..]);
            if if self.descending { candidate > kept } else { candidate < kept } {
                out.drain(start..from);
                best = Some(out.len());
            } else {
                out.truncate(from);
            }
        });
    }
}

fn is_descending(path: &str, direction: &Value) -> Result<bool> {
    match direction {
        Value::Number(1.0) => return Ok(false),
        Value::Number(-1.0) => return Ok(true),
        Value::String(name) if matches!(&**name, "asc" | "ascending") => return Ok(false),
        Value::String(name) if matches!(&**name, "desc" | "descending") => return Ok(true),
        _ => {}
    }
    let hint = match direction {
        Value::String(name) => suggestion(name, ["asc", "desc"]),
        _ => String::new(),
    };
    Err(Error::invalid(format!("at '{path}': a sort direction is 1 or -1, 'asc' or 'desc'{hint}")))
}

fn malformed() -> Error {
    Error::invalid("a sort is an object like { due: 1, title: -1 }, or an array of pairs like [['due', 1]]")
}

#[cfg(test)]
mod sort_tests;
