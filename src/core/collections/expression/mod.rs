//! MongoDB's aggregation expressions: compiled once, evaluated over any number of documents.
//!
//! Not a filter: an expression computes a value, and `$a.b` on an array gives the array of the elements' `b`. A missing
//! field and `undefined` are one thing here, [`Value::Undefined`]: a computed field that has it is left out.

mod arithmetic;
mod array;
mod calendar;
mod call;
mod condition;
mod convert;
mod date;
mod evaluate;
mod node;
mod object;
mod operator;
mod parse;
mod path;
mod string;

#[cfg(test)]
mod expression_tests;

use std::borrow::Cow;
use std::cell::Cell;
use std::collections::BTreeSet;

pub use condition::compile_condition;
pub(super) use evaluate::truthy;
use node::Node;
pub(super) use object::merge_into;
use operator::Operator;
pub(super) use parse::check_variable;

use super::{Document, Value};
use crate::base::{Error, Result};

/// The bytes, roughly, that one evaluation may copy and build: bounds `$range`, `$reduce` and friends.
const WORK: usize = 64 << 20;

/// A compiled expression.
#[derive(Clone, Debug)]
pub struct Expression(Node);

/// The top-level fields of a document that something reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fields {
    /// The whole document.
    All,
    /// These only.
    Named(BTreeSet<Box<str>>),
}

impl Fields {
    /// No field.
    pub fn none() -> Self {
        Self::Named(BTreeSet::new())
    }

    /// These fields of a stored document as a tree. Fails if the stored bytes are damaged.
    pub fn decode(&self, document: &Document<'_>) -> Result<Value> {
        let Self::Named(names) = self else { return document.to_value() };
        let mut fields = Vec::with_capacity(names.len());
        for name in names {
            fields.extend(document.field(name).map(|raw| (name.clone(), raw.to_value())));
        }
        Ok(Value::Object(fields))
    }

    /// Adds all of `other`.
    pub fn merge(&mut self, other: &Self) {
        match (self, other) {
            (Self::Named(names), Self::Named(others)) => names.extend(others.iter().cloned()),
            (this, _) => *this = Self::All,
        }
    }

    /// Whether it is one of them.
    pub fn has(&self, name: &str) -> bool {
        match self {
            Self::All => true,
            Self::Named(names) => names.contains(name),
        }
    }

    /// Adds the top-level field of a dotted path.
    pub fn add(&mut self, path: &str) {
        if let Self::Named(names) = self {
            let first = path.split('.').next().unwrap_or(path);
            if !names.contains(first) {
                names.insert(first.into());
            }
        }
    }
}

/// A variable's values, one for each name: `$let` and `$lookup`'s `let` bind several at once.
pub(super) type Bindings<'v> = [Cow<'v, Value>];

/// What an evaluation sees.
#[derive(Clone, Copy)]
pub(super) struct Scope<'v> {
    root: &'v Value,
    now: f64,
    frame: Option<&'v Frame<'v>>,
    work: &'v Cell<usize>,
}

/// The innermost variables, and those around them.
struct Frame<'v> {
    values: &'v Bindings<'v>,
    outer: Option<&'v Frame<'v>>,
}

impl Expression {
    /// Compiles an expression. Fails on an unknown operator or variable, or wrong arguments; the message names the fix.
    pub fn parse(value: &Value) -> Result<Self> {
        Self::parse_with(value, &[])
    }

    /// Compiles an expression that may use the variables `names` (as `$$name`); evaluate it with their values.
    pub fn parse_with(value: &Value, names: &[Box<str>]) -> Result<Self> {
        parse::Parser::new(names).parse(value).map(Self)
    }

    /// The value for `document`; [`Value::Undefined`] means missing. `now` is `$$NOW`, in milliseconds since the Unix
    /// epoch.
    pub fn evaluate<'v>(&'v self, document: &'v Value, now: f64) -> Result<Cow<'v, Value>> {
        self.evaluate_with(document, now, &[])
    }

    /// The value for `document`, with values for the names given to [`Self::parse_with`].
    pub fn evaluate_with<'v>(&'v self, root: &'v Value, now: f64, values: &'v Bindings<'v>) -> Result<Cow<'v, Value>> {
        if let Some(value) = self.0.shortcut(root) {
            return Ok(value);
        }
        let (work, frame) = (Cell::new(WORK), Frame { values, outer: None });
        let value = self.0.evaluate(&Scope { root, now, frame: Some(&frame), work: &work })?;
        Ok(Cow::Owned(value.into_owned()))
    }

    /// Whether the value for `document` counts as true: not missing, `null`, `false` or zero. For `$expr`.
    pub fn is_true(&self, document: &Value, now: f64) -> Result<bool> {
        Ok(truthy(&*self.evaluate(document, now)?))
    }

    /// Adds the top-level fields it reads to `fields`.
    pub fn collect_fields(&self, fields: &mut Fields) {
        self.0.collect_fields(fields);
    }

    /// Whether its value depends on the time of the run.
    pub fn uses_now(&self) -> bool {
        self.0.uses_now()
    }

    /// The value, if it is a constant.
    pub fn constant(&self) -> Option<&Value> {
        match &self.0 {
            Node::Constant(value) => Some(value),
            _ => None,
        }
    }

    /// The text and the delimiter, if it is a `$split` by the same delimiter always.
    pub fn split(&self) -> Option<(Self, &str)> {
        match &self.0 {
            Node::Call(Operator::Split, nodes) => match nodes.as_slice() {
                [text, Node::Constant(Value::String(delimiter))] if !delimiter.is_empty() => {
                    Some((Self(text.clone()), delimiter))
                }
                _ => None,
            },
            _ => None,
        }
    }

    /// The names, if it is just a field path (`"$a.b"`).
    pub fn field_path(&self) -> Option<&[Box<str>]> {
        match &self.0 {
            Node::Field(path) => Some(path.names()),
            _ => None,
        }
    }
}

impl<'v> Scope<'v> {
    /// The value as owned; copying is charged against the evaluation's budget.
    fn own(&self, value: Cow<'_, Value>) -> Result<Value> {
        match value {
            Cow::Owned(value) => Ok(value),
            Cow::Borrowed(value) => {
                self.charge(weight(value))?;
                Ok(value.clone())
            }
        }
    }

    /// Takes `bytes` of work off the budget.
    fn charge(&self, bytes: usize) -> Result<()> {
        match self.work.get().checked_sub(bytes) {
            Some(left) => {
                self.work.set(left);
                Ok(())
            }
            None => Err(Error::invalid("an expression built more than 64 MiB for one document: make it produce less")),
        }
    }
}

/// About how many bytes `value` takes in memory.
pub fn weight(value: &Value) -> usize {
    let each = size_of::<Value>();
    match value {
        Value::BigInt(text) | Value::String(text) => each + text.len(),
        Value::Bytes(bytes) => each + bytes.len(),
        Value::Array(items) => each + items.iter().map(weight).sum::<usize>(),
        Value::Object(fields) => each + fields.iter().map(|(key, value)| 16 + key.len() + weight(value)).sum::<usize>(),
        Value::Regex(regex) => each + regex.0.len() + regex.1.len(),
        _ => each,
    }
}
