//! How documents are reached: the outcome of planning, as the scan needs it.

use std::rc::Rc;

use crate::engine::{Direction, KeyRange};

use super::super::catalog::Index;

/// Where the candidates come from.
#[derive(Clone, Debug)]
pub enum Access {
    /// Nothing can match.
    Nothing,
    /// Ranges of document keys, ascending.
    Documents(Vec<KeyRange>),
    /// These documents, ids ascending, each once.
    Ids(Vec<Box<str>>),
    /// Ranges of index entries, ascending.
    Index {
        /// The index.
        index: Rc<Index>,
        /// The ranges.
        ranges: Vec<KeyRange>,
    },
    /// The candidates of each of these, which are ids and indexes, one after another.
    Any(Vec<Access>),
}

impl Access {
    /// The stage's name in `explain`.
    pub fn stage(&self) -> &'static str {
        match self {
            Self::Nothing => "none",
            Self::Documents(_) => "scan",
            Self::Ids(_) => "ids",
            Self::Index { .. } => "index",
            Self::Any(_) => "or",
        }
    }
}

/// A way to the documents that a query asks for.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Where the candidates come from.
    pub access: Access,
    /// Which way the ranges are walked.
    pub direction: Direction,
    /// Whether the candidates come in the order asked for.
    pub ordered: bool,
    /// Whether every candidate matches: the filter need not look.
    pub exact: bool,
    /// How many entries or documents the planner expects to look at, in units of one scanned document.
    pub cost: u64,
    /// For `explain`: what else was weighed, by name and cost.
    pub considered: Vec<(Box<str>, u64)>,
    /// The encoded leading fields of the index that have one value each.
    pub fixed: Vec<u8>,
    /// How many fields those are.
    pub fixed_fields: usize,
    /// For `explain`: the bounded paths of the chosen index.
    pub bounds: Vec<(Box<str>, super::interval::Intervals)>,
}

impl Plan {
    /// The plan for a query that nothing can match.
    pub fn nothing() -> Self {
        Self {
            access: Access::Nothing,
            direction: Direction::Forward,
            ordered: true,
            exact: true,
            cost: 0,
            considered: Vec::new(),
            fixed: Vec::new(),
            fixed_fields: 0,
            bounds: Vec::new(),
        }
    }
}
