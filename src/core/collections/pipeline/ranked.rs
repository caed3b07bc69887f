//! A bounded list of values in order: what `$topN`, `$minN`, `$firstN` and their opposites keep.

use super::super::expression::weight;
use super::super::Value;

/// Which values are kept when there are too many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kept {
    /// The first to arrive.
    First,
    /// The last to arrive.
    Last,
    /// Those with the lowest keys.
    Lowest,
    /// Those with the highest keys.
    Highest,
}

/// Up to `count` values with their keys.
#[derive(Clone, Debug)]
pub(super) struct Ranked {
    count: usize,
    keep: Kept,
    /// In the order of keys (equal keys in order of arrival), or of arrival.
    entries: std::collections::VecDeque<(Vec<u8>, Value)>,
}

impl Ranked {
    pub(super) fn new(count: usize, keep: Kept) -> Self {
        Self { count, keep, entries: std::collections::VecDeque::new() }
    }

    /// Adds a value if it ranks; answers by how many bytes, about, the list grew.
    pub(super) fn add(&mut self, key: Vec<u8>, value: impl FnOnce() -> Value) -> usize {
        let full = self.entries.len() >= self.count;
        match self.keep {
            Kept::First if full => return 0,
            Kept::Lowest if full && self.entries.back().is_some_and(|(last, _)| key >= *last) => return 0,
            Kept::Highest if full && self.entries.front().is_some_and(|(first, _)| key < *first) => return 0,
            _ => {}
        }
        let at = match self.keep {
            Kept::First | Kept::Last => self.entries.len(),
            Kept::Lowest | Kept::Highest => self.entries.partition_point(|(other, _)| *other <= key),
        };
        let value = value();
        let added = key.len() + weight(&value);
        self.entries.insert(at, (key, value));
        let dropped = if !full {
            None
        } else if matches!(self.keep, Kept::Lowest) {
            self.entries.pop_back()
        } else {
            self.entries.pop_front()
        };
        added.saturating_sub(dropped.map_or(0, |(key, value)| key.len() + weight(&value)))
    }

    /// The values with their keys, in order.
    pub(super) fn entries(&self) -> impl ExactSizeIterator<Item = &(Vec<u8>, Value)> {
        self.entries.iter()
    }

    /// Takes in what another list of the same kind kept of later values.
    pub(super) fn merge(&mut self, later: Self) -> usize {
        later.entries.into_iter().map(|(key, value)| self.add(key, || value)).sum()
    }

    /// The values in order. `$maxN` gives the highest first.
    pub(super) fn into_values(self, highest_first: bool) -> Vec<Value> {
        let values = self.entries.into_iter().map(|(_, value)| value);
        if highest_first {
            values.rev().collect()
        } else {
            values.collect()
        }
    }
}
