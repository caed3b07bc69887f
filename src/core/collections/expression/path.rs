//! Field paths of expressions: `$a.b` reads through objects, and through arrays into the array of what it found.

use std::borrow::Cow;

use super::super::Value;
use crate::base::{Error, Result};

/// Deeper than any document.
const MAX_PARTS: usize = 200;

/// The names after `$` or a variable; none for the value itself.
#[derive(Clone, Debug, Default)]
pub(super) struct FieldPath(Vec<Box<str>>);

impl FieldPath {
    pub(super) fn parse(path: &str) -> Result<Self> {
        if path.is_empty() {
            return Ok(Self::default());
        }
        let parts: Vec<Box<str>> = path.split('.').map(Box::from).collect();
        if parts.iter().any(|part| part.is_empty() || part.starts_with('$')) || parts.len() > MAX_PARTS {
            return Err(Error::invalid(format!(
                "field path '${path}' has an empty name or one that starts with '$': write it as '$a.b', or use $getField"
            )));
        }
        Ok(Self(parts))
    }

    /// The first name.
    pub(super) fn first(&self) -> Option<&str> {
        self.0.first().map(|part| &**part)
    }

    /// The names.
    pub(super) fn names(&self) -> &[Box<str>] {
        &self.0
    }

    /// What the path leads to from `value`.
    pub(super) fn read<'v>(&self, value: &'v Value) -> Cow<'v, Value> {
        read(value, &self.0)
    }
}

fn read<'v>(value: &'v Value, parts: &[Box<str>]) -> Cow<'v, Value> {
    let mut value = value;
    for (at, part) in parts.iter().enumerate() {
        match value {
            Value::Array(items) => {
                let rest = parts.get(at..).unwrap_or_default();
                let objects = items.iter().filter(|item| matches!(item, Value::Object(_)));
                let found = objects.map(|item| read(item, rest)).filter(|found| **found != Value::Undefined);
                return Cow::Owned(Value::Array(found.map(Cow::into_owned).collect()));
            }
            _ => match value.field(part) {
                Some(next) => value = next,
                None => return Cow::Owned(Value::Undefined),
            },
        }
    }
    Cow::Borrowed(value)
}
