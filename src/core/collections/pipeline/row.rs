//! What flows between stages: a stored document as long as nothing needs it as a tree.

use std::borrow::Cow;

use super::super::document::key_hash;
use super::super::expression::{Expression, Fields};
use super::super::{Document, Value, ValueRef};
use super::Environment;
use crate::base::Result;

/// One row.
pub(super) enum Row<'a> {
    /// A document as it is stored.
    Stored(&'a [u8], Document<'a>),
    /// A tree.
    Tree(Value),
    /// A tree that becomes other rows afterwards: who keeps it makes a copy.
    Lent(&'a Value),
}

const MISSING: Value = Value::Undefined;

impl Row<'_> {
    /// The row as a value to read.
    pub(super) fn as_ref(&self) -> ValueRef<'_> {
        match self {
            Self::Stored(_, document) => ValueRef::Document(document),
            Self::Tree(value) => ValueRef::Tree(value),
            Self::Lent(value) => ValueRef::Tree(value),
        }
    }

    /// The row as a tree with at least `fields`.
    pub(super) fn tree(&self, fields: &Fields) -> Result<Cow<'_, Value>> {
        match self {
            Self::Stored(_, document) => fields.decode(document).map(Cow::Owned),
            Self::Tree(value) => Ok(Cow::Borrowed(value)),
            Self::Lent(value) => Ok(Cow::Borrowed(value)),
        }
    }

    /// The row as a tree of its own with at least `fields`.
    pub(super) fn into_tree(self, fields: &Fields) -> Result<Value> {
        match self {
            Self::Stored(_, document) => fields.decode(&document),
            Self::Tree(value) => Ok(value),
            Self::Lent(value) => Ok(value.clone()),
        }
    }
}

/// An expression whose simplest forms read rows without making trees.
#[derive(Clone, Debug)]
pub(super) enum Input {
    /// The same for every row.
    Constant(Value),
    /// A field: the top-level one with the hash of its name, and the names of fields inside.
    Field { name: Box<str>, hash: u16, inside: Vec<Box<str>>, computed: Box<(Expression, Fields)> },
    /// Anything else, and the fields it reads.
    Computed(Box<(Expression, Fields)>),
}

impl Input {
    pub(super) fn new(expression: Expression) -> Self {
        if let Some(value) = expression.constant() {
            return Self::Constant(value.clone());
        }
        let mut fields = Fields::none();
        expression.collect_fields(&mut fields);
        match expression.field_path() {
            Some([name, inside @ ..]) => {
                let hash = low_bits(key_hash(name.as_bytes()));
                let (name, inside) = (name.clone(), inside.to_vec());
                Self::Field { name, hash, inside, computed: Box::new((expression, fields)) }
            }
            _ => Self::Computed(Box::new((expression, fields))),
        }
    }

    /// Adds the top-level fields it reads to `fields`.
    pub(super) fn collect_fields(&self, fields: &mut Fields) {
        match self {
            Self::Constant(_) => {}
            Self::Field { name, .. } => fields.add(name),
            Self::Computed(computed) => computed.0.collect_fields(fields),
        }
    }

    /// Calls `use_value` with the value for `row`; a missing one is `Undefined`.
    #[inline]
    pub(super) fn with<T>(
        &self,
        row: &Row<'_>,
        environment: &Environment,
        use_value: impl FnOnce(ValueRef<'_>) -> Result<T>,
    ) -> Result<T> {
        match self {
            Self::Constant(value) => use_value(ValueRef::Tree(value)),
            Self::Field { name, hash, inside, computed } => {
                let mut value = row.as_ref().field_hashed(name, *hash);
                for name in inside {
                    // Through an array the path gives an array of its own.
                    if value.is_some_and(ValueRef::is_array) {
                        return compute(computed, row, environment, use_value);
                    }
                    value = value.and_then(|value| value.field_hashed(name, 0));
                }
                use_value(value.unwrap_or(ValueRef::Tree(&MISSING)))
            }
            Self::Computed(computed) => compute(computed, row, environment, use_value),
        }
    }

    /// The value for `row` as a tree.
    pub(super) fn value(&self, row: &Row<'_>, environment: &Environment) -> Result<Value> {
        self.with(row, environment, |value| Ok(value.to_value()))
    }
}

/// Calls `use_value` with the value of an expression that needs a tree of some fields.
fn compute<T>(
    (expression, fields): &(Expression, Fields),
    row: &Row<'_>,
    environment: &Environment,
    use_value: impl FnOnce(ValueRef<'_>) -> Result<T>,
) -> Result<T> {
    let tree = row.tree(fields)?;
    let value = environment.evaluate(expression, &tree)?;
    use_value(ValueRef::Tree(&value))
}

/// The bits of a key's hash that a document's directory keeps.
#[expect(clippy::cast_possible_truncation, reason = "the directory keeps the low 16 bits")]
fn low_bits(hash: u32) -> u16 {
    hash as u16
}
