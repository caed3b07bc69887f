//! The best results so far.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use crate::engine::Step;
use crate::search::postings::DocNumber;

use super::Sink;

/// A result.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Hit {
    /// The document.
    pub doc: DocNumber,
    /// Its score.
    pub score: f32,
}

impl Eq for Hit {}

impl PartialOrd for Hit {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Hit {
    /// Better results are less: higher scores, then lower numbers.
    fn cmp(&self, other: &Self) -> Ordering {
        other.score.total_cmp(&self.score).then(self.doc.cmp(&other.doc))
    }
}

/// Keeps the best `limit` results of those that a filter accepts.
pub struct Top<'a> {
    limit: usize,
    after: Option<Hit>,
    filter: Option<&'a mut dyn FnMut(DocNumber) -> Step<bool>>,
    /// The worst on top.
    heap: BinaryHeap<Hit>,
}

impl<'a> Top<'a> {
    /// The best `limit` results.
    pub fn new(limit: usize) -> Self {
        Self { limit, after: None, filter: None, heap: BinaryHeap::new() }
    }

    /// Only results behind this one: the next page.
    #[must_use]
    pub fn after(mut self, last: Option<Hit>) -> Self {
        self.after = last;
        self
    }

    /// Only documents that the filter accepts. It is asked only about those that would be kept, once each unless it pauses.
    #[must_use]
    pub fn filter(mut self, filter: &'a mut dyn FnMut(DocNumber) -> Step<bool>) -> Self {
        self.filter = Some(filter);
        self
    }

    /// The results, best first.
    pub fn into_hits(self) -> Vec<Hit> {
        self.heap.into_sorted_vec()
    }
}

impl Sink for Top<'_> {
    fn threshold(&self) -> f32 {
        match self.heap.peek() {
            _ if self.limit == 0 => f32::INFINITY,
            Some(worst) if self.heap.len() >= self.limit => worst.score,
            _ => f32::NEG_INFINITY,
        }
    }

    fn hit(&mut self, doc: DocNumber, score: f32) -> Step<()> {
        let hit = Hit { doc, score };
        if self.after.is_some_and(|last| hit <= last) {
            return Ok(());
        }
        if let Some(filter) = &mut self.filter {
            if !filter(doc)? {
                return Ok(());
            }
        }
        self.heap.push(hit);
        if self.heap.len() > self.limit {
            self.heap.pop();
        }
        Ok(())
    }
}
