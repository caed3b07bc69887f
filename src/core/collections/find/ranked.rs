//! The best documents of a scan by rank: all of them, or the first few without keeping the rest.
//!
//! Not a stable sort: ranks differ, since they end with the id.

use std::ops::Range;

/// Documents with their ranks in one buffer.
#[derive(Debug)]
pub(super) struct Ranked {
    bytes: Vec<u8>,
    items: Vec<Item>,
    keep: usize,
    /// Nothing from this rank on can be among the best.
    bound: Option<Vec<u8>>,
}

/// One document.
#[derive(Clone, Debug)]
struct Item {
    /// The rank's first eight bytes, which mostly decide.
    head: u64,
    start: usize,
    /// Where the sort key ends and the id part begins.
    id: usize,
    rank_end: usize,
    end: usize,
}

/// One document of the result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RankedDocument<'a> {
    /// The sort key.
    pub(super) sort_key: &'a [u8],
    /// The id as part of the rank.
    pub(super) id_part: &'a [u8],
    /// The stored document.
    pub(super) document: &'a [u8],
}

impl Ranked {
    /// Keeps the first `keep` documents; `None` keeps all.
    pub(super) fn new(keep: Option<usize>) -> Self {
        Self { bytes: Vec::new(), items: Vec::new(), keep: keep.unwrap_or(usize::MAX), bound: None }
    }

    /// Whether a document of that rank could be among the best.
    #[inline]
    pub(super) fn wants(&self, rank: &[u8]) -> bool {
        self.bound.as_ref().is_none_or(|bound| rank < bound.as_slice())
    }

    /// Adds a document; `id` is where in `rank` the id part begins.
    pub(super) fn push(&mut self, rank: &[u8], id: usize, document: &[u8]) {
        if self.keep == 0 || !self.wants(rank) {
            return;
        }
        let start = self.bytes.len();
        self.bytes.extend_from_slice(rank);
        self.bytes.extend_from_slice(document);
        let rank_end = start + rank.len();
        self.items.push(Item { head: head(rank), start, id: start + id, rank_end, end: self.bytes.len() });
        if self.items.len() >= self.keep.saturating_mul(2).saturating_add(256) {
            self.prune();
        }
    }

    /// Sorts and gives the best documents in order.
    pub(super) fn finish(&mut self) -> impl Iterator<Item = RankedDocument<'_>> {
        self.sort();
        self.items.truncate(self.keep);
        self.items.iter().map(|item| RankedDocument {
            sort_key: self.slice(item.start..item.id),
            id_part: self.slice(item.id..item.rank_end),
            document: self.slice(item.rank_end..item.end),
        })
    }

    fn slice(&self, range: Range<usize>) -> &[u8] {
        self.bytes.get(range).unwrap_or_default()
    }

    fn sort(&mut self) {
        let bytes = &self.bytes;
        let rank = |item: &Item| bytes.get(item.start..item.rank_end).unwrap_or_default();
        crate::base::sort::sort_by(&mut self.items, |a, b| a.head.cmp(&b.head).then_with(|| rank(a).cmp(rank(b))));
    }

    /// Forgets what cannot be among the best any more.
    fn prune(&mut self) {
        self.sort();
        self.items.truncate(self.keep);
        let mut bytes = Vec::with_capacity(self.items.iter().map(|item| item.end - item.start).sum::<usize>() * 2);
        for item in &mut self.items {
            let moved = bytes.len();
            bytes.extend_from_slice(self.bytes.get(item.start..item.end).unwrap_or_default());
            item.id = moved + (item.id - item.start);
            item.rank_end = moved + (item.rank_end - item.start);
            item.end = bytes.len();
            item.start = moved;
        }
        self.bytes = bytes;
        self.bound = self.items.last().map(|item| self.slice(item.start..item.rank_end).to_vec());
    }
}

fn head(rank: &[u8]) -> u64 {
    let mut bytes = [0; 8];
    bytes.iter_mut().zip(rank).for_each(|(byte, rank)| *byte = *rank);
    u64::from_be_bytes(bytes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_best_are_the_first_of_the_sorted_whole(
            ranks in prop::collection::btree_set(prop::collection::vec(0u8..4, 1..12), 0..400),
            shuffle in any::<u64>(), keep in prop::option::of(0usize..40),
        ) {
            let sorted: Vec<_> = ranks.into_iter().collect();
            let mut shuffled = sorted.clone();
            shuffled.sort_by_key(|rank| xxhash_rust::xxh3::xxh3_64_with_seed(rank, shuffle));
            let mut ranked = Ranked::new(keep);
            for rank in &shuffled {
                ranked.push(rank, rank.len() / 2, &[rank.as_slice(), b"!"].concat());
            }
            let best: Vec<_> = ranked.finish()
                .map(|item| (item.sort_key.to_vec(), item.id_part.to_vec(), item.document.to_vec())).collect();
            let expected: Vec<_> = sorted.iter().take(keep.unwrap_or(usize::MAX)).map(|rank| {
                let (sort_key, id) = rank.split_at(rank.len() / 2);
                (sort_key.to_vec(), id.to_vec(), [rank.as_slice(), b"!"].concat())
            }).collect();
            prop_assert_eq!(best, expected);
        }
    }
}
