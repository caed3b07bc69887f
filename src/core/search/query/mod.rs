//! What a search asks for, before any text is analyzed: words, phrases, and combinations of them.
//!
//! A string is read leniently, as people type; an object strictly, as programs write. Not the filter language: that
//! selects by values and does not score.

mod options;
mod parse;
mod string;

#[cfg(test)]
mod query_tests;

pub use options::{Fuzzy, Matching, Options, Prefix};
pub use string::parse_string;

use crate::base::Result;
use crate::collections::Value;

use super::spec::SearchSpec;

/// The longest text in a query, in bytes.
pub const TEXT_MAX: usize = 16 * 1024;
/// The deepest nesting of `must`, `should` and `not`.
pub const DEPTH_MAX: usize = 16;
/// The most clauses of a query, and the most terms after analysis.
pub const TERMS_MAX: usize = 1024;
/// The greatest slop of a phrase.
pub const SLOP_MAX: u32 = 100;

/// A query.
#[derive(Clone, Debug, PartialEq)]
pub enum Query {
    /// Words, in any order.
    Text {
        /// The words as typed.
        text: Box<str>,
        /// How they match, and in which fields.
        options: Options,
        /// The factor of its score.
        boost: f32,
    },
    /// Words in this order.
    Phrase {
        /// The words as typed.
        text: Box<str>,
        /// By how many places a word may be off, counted from the first one's.
        slop: u32,
        /// The fields, with boosts by place in the spec; `None` is all.
        fields: Option<Vec<(usize, f32)>>,
        /// The factor of its score.
        boost: f32,
    },
    /// Queries combined.
    Bool {
        /// All of them match.
        must: Vec<Query>,
        /// At least `minimum` of them match.
        should: Vec<Query>,
        /// None of them matches.
        not: Vec<Query>,
        /// How many of `should`: without `must` at least 1.
        minimum: u32,
        /// The factor of its score.
        boost: f32,
    },
}

impl Query {
    /// Reads a query: a string ([`parse_string`]), or an object with one of `text`, `query` (a string with operators),
    /// `phrase`, or `must`, `should`, `not`. What the object does not say is taken from `defaults`.
    ///
    /// # Errors
    /// `Invalid`; the message names the place and the fix. A string is never wrong, only too long.
    pub fn parse(value: &Value, defaults: &Options, spec: &SearchSpec) -> Result<Self> {
        let mut parser = parse::Parser { spec, clauses: 0 };
        parser.query(value, defaults, "query", 0)
    }
}
