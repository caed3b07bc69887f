//! Where a pipeline's rows go: one JSON array, or trees for the stage around.

use super::super::expression::{weight, Fields};
use super::super::{json, Value};
use super::row::Row;
use super::Memory;
use crate::base::Result;

/// The result of a pipeline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    /// A minified JSON array of the rows.
    pub json: Vec<u8>,
    /// Whether some value in it may be tagged: the receiver must revive.
    pub extended: bool,
    /// The number of rows.
    pub count: usize,
}

/// Collects rows.
#[derive(Debug)]
pub(super) enum Sink {
    Json(Output),
    Trees(Vec<Value>),
}

impl Sink {
    pub(super) fn new(trees: bool) -> Self {
        if trees {
            return Self::Trees(Vec::new());
        }
        Self::Json(Output { json: vec![b'['], extended: false, count: 0 })
    }

    pub(super) fn add(&mut self, row: Row<'_>, memory: &mut Memory) -> Result<()> {
        match self {
            Self::Trees(trees) => {
                let value = row.into_tree(&Fields::All)?;
                memory.hold("the nested pipeline", weight(&value))?;
                trees.push(value);
            }
            Self::Json(output) => {
                if output.count > 0 {
                    output.json.push(b',');
                }
                output.count += 1;
                let value = match &row {
                    Row::Stored(_, document) => {
                        output.json.extend_from_slice(document.json());
                        output.extended |= document.is_extended();
                        return Ok(());
                    }
                    Row::Tree(value) => value,
                    Row::Lent(value) => value,
                };
                output.extended |= is_extended(value);
                json::write(value, &mut output.json);
            }
        }
        Ok(())
    }
}

/// Whether a value's JSON text has tags.
fn is_extended(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(_) | Value::String(_) => false,
        Value::Number(number) => !number.is_finite() || (*number == 0.0 && number.is_sign_negative()),
        Value::Array(items) => items.iter().any(is_extended),
        // A single key that starts with '$' may be escaped.
        Value::Object(fields) => {
            let escaped = matches!(fields.as_slice(), [(name, _)] if name.starts_with('$'));
            escaped || fields.iter().any(|(_, value)| is_extended(value))
        }
        _ => true,
    }
}
