//! The part of an ordered result that a query showed, by its first and last rank: what lies behind it may change unnoticed.
//!
//! It knows no filter: that is the interest's.

use crate::base::planted::{planted, Bug};
use crate::base::{write_slice, Reader, Result};
use crate::collections::find::Ranking;
use crate::collections::view::Change;
use crate::collections::{json, Value};

/// The longest ranks that are kept, in bytes together; a longer window counts as everything that matches.
const RANKS_MAX: usize = 1024;

/// What a query showed of its matches in their order.
#[derive(Clone, Debug, PartialEq)]
pub struct Window {
    /// The order as JSON: pairs of path and direction, the id last.
    pub sort: Vec<u8>,
    /// The rank of the first shown match, where some before it were skipped; else empty.
    pub start: Vec<u8>,
    /// The rank of the last match it looked at; empty if there were fewer than it asked for.
    pub bound: Vec<u8>,
}

impl Window {
    /// The window of a query in that order; `None` if its ranks are too long to keep, or it says nothing.
    pub fn new(ranking: &Ranking, start: Option<Vec<u8>>, bound: Option<Vec<u8>>) -> Option<Self> {
        let (start, bound) = (start.unwrap_or_default(), bound.unwrap_or_default());
        if start.len() + bound.len() > RANKS_MAX || (start.is_empty() && bound.is_empty()) {
            return None;
        }
        let order = &ranking.order;
        let pair = |path: &str, descending: bool| {
            Value::Array(vec![Value::String(path.into()), Value::Number(if descending { -1.0 } else { 1.0 })])
        };
        let mut pairs: Vec<Value> = order.fields.iter().map(|field| pair(&field.path, field.descending)).collect();
        pairs.push(pair("id", order.id_descending));
        Some(Self { sort: json::to_json(&Value::Array(pairs)), start, bound })
    }

    /// Appends its bytes.
    pub fn write(&self, out: &mut Vec<u8>) {
        [&self.sort, &self.start, &self.bound].into_iter().for_each(|part| write_slice(out, part));
    }

    /// Reads what [`Self::write`] wrote.
    ///
    /// # Errors
    /// `Corrupt` if the bytes make no sense.
    pub fn read(reader: &mut Reader<'_>) -> Result<Self> {
        let mut part = || reader.slice().map(<[u8]>::to_vec);
        Ok(Self { sort: part()?, start: part()?, bound: part()? })
    }

    /// The window, ready to be asked; `None` if this version does not understand its order.
    pub fn ready(self) -> Option<Ready> {
        let ranking = Ranking::parse(Some(json::parse(&self.sort).ok()?), true).ok()?;
        Some(Ready { ranking, start: self.start, bound: self.bound })
    }
}

/// A window with its order parsed.
#[derive(Debug)]
pub struct Ready {
    ranking: Ranking,
    start: Vec<u8>,
    bound: Vec<u8>,
}

impl Ready {
    /// Whether a change may show; `old` and `new` say which of the two documents match.
    pub fn shows(&self, change: &Change<'_>, old: bool, new: bool) -> bool {
        let rank = |document: Option<&_>, matches: bool| {
            let mut rank = Vec::new();
            document.filter(|_| matches).map(|document| {
                self.ranking.rank(document, change.id.as_bytes(), &mut rank);
                rank
            })
        };
        let (old, new) = (rank(change.old.as_ref(), old), rank(change.new.as_ref(), new));
        let is_behind = |rank: &Vec<u8>| {
            let narrow = planted(Bug::NarrowCacheWindow) && *rank == self.bound;
            !self.bound.is_empty() && (narrow || *rank > self.bound)
        };
        if old.iter().chain(&new).all(is_behind) {
            return false;
        }
        // One that was skipped and still is moves nothing.
        let is_skipped = |rank: &Option<Vec<u8>>| rank.as_ref().is_some_and(|rank| *rank < self.start);
        !(is_skipped(&old) && is_skipped(&new))
    }
}

#[cfg(test)]
#[path = "window_tests.rs"]
mod tests;
