//! The first k of many documents by their sort keys, holding no more than k at a time.
//!
//! Not a sort on disk: without a limit everything is held, and the caller watches [`TopK::bytes`].

use std::cmp::Ordering;
use std::collections::BinaryHeap;

/// A document on its way into a sorted result.
#[derive(Debug, PartialEq, Eq)]
pub struct Ranked {
    /// Its sort key.
    pub key: Vec<u8>,
    /// When it was offered: equal keys keep this order.
    sequence: u64,
    /// What the caller keeps of it.
    pub payload: Vec<u8>,
}

impl Ord for Ranked {
    fn cmp(&self, other: &Self) -> Ordering {
        self.key.cmp(&other.key).then(self.sequence.cmp(&other.sequence))
    }
}

impl PartialOrd for Ranked {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Keeps the `limit` smallest keys of those offered.
#[derive(Debug)]
pub struct TopK {
    limit: usize,
    sequence: u64,
    bytes: usize,
    /// The greatest key on top.
    heap: BinaryHeap<Ranked>,
}

impl TopK {
    /// Keeps `limit` documents: skip plus limit of a query, or `usize::MAX` for a full sort.
    pub fn new(limit: usize) -> Self {
        Self { limit, sequence: 0, bytes: 0, heap: BinaryHeap::new() }
    }

    /// Whether a document with this key would be kept, so that nobody prepares a payload in vain.
    #[inline]
    pub fn admits(&self, key: &[u8]) -> bool {
        self.heap.len() < self.limit || self.heap.peek().is_some_and(|last| key < last.key.as_slice())
    }

    /// Offers a document.
    pub fn push(&mut self, key: &[u8], payload: &[u8]) {
        if !self.admits(key) {
            return;
        }
        let sequence = self.sequence;
        self.sequence += 1;
        self.bytes += key.len() + payload.len();
        if self.heap.len() < self.limit {
            self.heap.push(Ranked { key: key.to_vec(), sequence, payload: payload.to_vec() });
            return;
        }
        if let Some(mut last) = self.heap.peek_mut() {
            self.bytes -= last.key.len() + last.payload.len();
            last.sequence = sequence;
            last.key.clear();
            last.key.extend_from_slice(key);
            last.payload.clear();
            last.payload.extend_from_slice(payload);
        }
    }

    /// How many documents are held.
    pub fn len(&self) -> usize {
        self.heap.len()
    }

    /// Whether none is held.
    pub fn is_empty(&self) -> bool {
        self.heap.is_empty()
    }

    /// Bytes of keys and payloads held.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// The documents in order.
    pub fn into_sorted(self) -> Vec<Ranked> {
        let mut all = self.heap.into_vec();
        all.sort_unstable();
        all
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_first_k_are_those_of_a_stable_sort(keys in prop::collection::vec(0u8..9, 0..40), limit in 0usize..12) {
            let mut top = TopK::new(limit);
            for (i, &key) in keys.iter().enumerate() {
                top.push(&[key], &[i as u8]);
            }
            let mut expected: Vec<(u8, u8)> = keys.iter().zip(0u8..).map(|(&key, i)| (key, i)).collect();
            expected.sort();
            expected.truncate(limit);
            prop_assert_eq!(top.bytes(), 2 * expected.len());
            let found: Vec<(u8, u8)> = top.into_sorted().iter().map(|ranked| (ranked.key[0], ranked.payload[0])).collect();
            prop_assert_eq!(found, expected);
        }
    }
}
