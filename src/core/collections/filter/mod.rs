//! MongoDB's filter language, compiled to tests that read stored bytes.
//!
//! A filter finds a field through the document's directory and compares it where it stands; nothing is decoded that the
//! test does not need. It is not the planner: which keys of an index can match is decided in `plan`.

mod constant;
mod names;
mod parse;
mod test;

use std::fmt;
use std::rc::Rc;

pub(crate) use names::suggestion;
pub(super) use parse::has_operators;
use test::Test;

use super::document::Document;
use super::path::Path;
use super::{Value, ValueRef};
use crate::base::{Error, Result};

/// A condition that only an expression can state (`$expr`).
pub trait Condition: fmt::Debug {
    /// Whether it holds for a document.
    ///
    /// # Errors
    /// What the expression's evaluation answers, such as a date operator on a string.
    fn holds(&self, root: ValueRef<'_>) -> Result<bool>;
}

/// Compiles the operand of `$expr`.
pub type CompileCondition<'a> = &'a dyn Fn(&Value) -> Result<Rc<dyn Condition>>;

/// A compiled filter.
#[derive(Clone, Debug)]
pub struct Filter {
    root: Node,
    source: Rc<Value>,
}

/// A filter's logic.
#[derive(Clone, Debug)]
enum Node {
    /// All of these; of none, always.
    All(Box<[Node]>),
    /// One of these; of none, never.
    Any(Box<[Node]>),
    /// The opposite.
    Not(Box<Node>),
    /// A test of the values at a path.
    Field(FieldTest),
    /// A condition of `$expr`.
    Condition(Rc<dyn Condition>),
}

/// A test of the values that a path reaches: it holds if it holds for one of them.
#[derive(Clone, Debug)]
struct FieldTest {
    path: Path,
    test: Test,
    /// Whether the elements of an array at the path's end are tested too.
    fans_out: bool,
}

impl Filter {
    /// Compiles a filter without `$expr`.
    ///
    /// # Errors
    /// `Invalid` for an unknown operator or a malformed operand; the message names the path and the fix.
    pub fn parse(filter: &Value) -> Result<Self> {
        Self::parse_with(filter, &|_| Err(Error::invalid("$expr is not available here: use the other operators")))
    }

    /// Compiles a filter; `compile` takes the operands of `$expr`.
    ///
    /// # Errors
    /// As [`Self::parse`], and what `compile` answers.
    pub fn parse_with(filter: &Value, compile: CompileCondition<'_>) -> Result<Self> {
        let root = parse::Parser { compile }.filter(filter)?;
        Ok(Self { root, source: Rc::new(filter.clone()) })
    }

    /// What it was compiled from: the planner reads conditions from it.
    pub fn source(&self) -> &Value {
        &self.source
    }

    /// Whether every document matches.
    pub fn is_empty(&self) -> bool {
        matches!(&self.root, Node::All(nodes) if nodes.is_empty())
    }

    /// Whether a stored document matches.
    ///
    /// # Errors
    /// Only what a condition of `$expr` answers.
    #[inline]
    pub fn matches(&self, document: &Document<'_>) -> Result<bool> {
        self.matches_ref(ValueRef::Document(document))
    }

    /// Whether a document given as a tree matches.
    ///
    /// # Errors
    /// As [`Self::matches`].
    pub fn matches_value(&self, document: &Value) -> Result<bool> {
        self.matches_ref(ValueRef::Tree(document))
    }

    /// Whether a document matches, wherever it stands.
    ///
    /// # Errors
    /// As [`Self::matches`].
    #[inline(always)]
    pub fn matches_ref(&self, document: ValueRef<'_>) -> Result<bool> {
        let mut fault = None;
        let holds = self.root.holds(document, &mut fault);
        match fault {
            None => Ok(holds),
            Some(error) => Err(error),
        }
    }
}

/// What `$elemMatch` asks of an element of an array.
#[derive(Clone, Debug)]
pub(crate) struct ElementFilter {
    node: Node,
    /// Elements must be objects.
    objects: bool,
}

impl ElementFilter {
    /// Compiles the operand of the `$elemMatch` at `path`.
    pub(crate) fn parse(path: &Path, operand: &Value) -> Result<Self> {
        parse::element(path, operand)
    }

    /// Whether the element matches.
    pub(crate) fn matches(&self, element: ValueRef<'_>) -> bool {
        // A condition of `$expr` cannot stand in here, so there is no error to lose.
        (!self.objects || element.is_object()) && self.node.holds_inner(element, &mut None)
    }
}

impl Node {
    /// Whether the node holds; the first error of a condition goes to `fault`.
    #[inline(always)]
    fn holds(&self, root: ValueRef<'_>, fault: &mut Option<Error>) -> bool {
        match self {
            Self::Field(field) => field.holds(root),
            Self::All(nodes) => nodes.iter().all(|node| node.holds_inner(root, fault)),
            _ => self.holds_inner(root, fault),
        }
    }

    fn holds_inner(&self, root: ValueRef<'_>, fault: &mut Option<Error>) -> bool {
        match self {
            Self::Field(field) => field.holds(root),
            Self::All(nodes) => nodes.iter().all(|node| node.holds_inner(root, fault)),
            Self::Any(nodes) => nodes.iter().any(|node| node.holds_inner(root, fault)),
            Self::Not(node) => !node.holds_inner(root, fault),
            Self::Condition(condition) => condition.holds(root).unwrap_or_else(|error| {
                fault.get_or_insert(error);
                false
            }),
        }
    }
}

impl FieldTest {
    #[inline]
    fn holds(&self, root: ValueRef<'_>) -> bool {
        // The common case, without a closure: a top-level field of a stored document.
        if let (ValueRef::Document(document), [segment]) = (root, self.path.segments()) {
            return match document.field_hashed(segment.name().as_bytes(), segment.hash()) {
                Some(raw) => self.test.holds(ValueRef::Raw(raw)) || self.holds_inside(ValueRef::Raw(raw)),
                None => self.test.holds_missing(),
            };
        }
        self.path.visit(root, &mut |value| match value {
            Some(value) => self.test.holds(value) || self.holds_inside(value),
            None => self.test.holds_missing(),
        })
    }

    /// Whether the test holds for an element of an array.
    #[inline(always)]
    fn holds_inside(&self, value: ValueRef<'_>) -> bool {
        value.is_array() && self.fans_out && value.items().any(|item| self.test.holds(item))
    }
}

#[cfg(test)]
mod filter_tests;
