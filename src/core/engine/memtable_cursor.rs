//! Walks a memtable's entries, every version of them, in one direction over one range.
//!
//! It does not hide deletes or choose versions; the merge does.

use super::access::{Direction, KeyRange};
use super::memtable::{Memtable, Slot, Version};

/// A cursor over every version in a range. Forward: keys ascending, newest first within a key. Backward: the reverse.
#[derive(Debug)]
pub struct MemtableCursor<'a> {
    table: &'a Memtable,
    direction: Direction,
    /// The slots still to come: `low` inclusive, `high` exclusive.
    low: Slot,
    high: Slot,
    key: &'a [u8],
    version: Version<'a>,
    older: bool,
}

impl<'a> MemtableCursor<'a> {
    /// A cursor before the first entry of `range` in `direction`.
    pub fn new(table: &'a Memtable, range: &KeyRange, direction: Direction) -> Self {
        let low = table.lower_bound(&range.start, u64::MAX);
        let high = range.end.as_ref().map_or(table.end(), |end| table.lower_bound(end, u64::MAX));
        let version = Version { position: 0, value: None };
        Self { table, direction, low, high: high.max(low), key: &[], version, older: false }
    }

    /// Moves to the next entry; `false` at the end.
    #[inline]
    pub fn step(&mut self) -> bool {
        if self.low >= self.high {
            return false;
        }
        let slot = match self.direction {
            Direction::Forward => self.low,
            Direction::Backward => match self.table.before(self.high) {
                Some(slot) => slot,
                None => return false,
            },
        };
        let Some(entry) = self.table.entry(slot) else { return false };
        self.key = self.table.key_of(entry);
        self.version = self.table.version_of(entry);
        self.older = self.table.is_older(slot);
        match self.direction {
            Direction::Forward => self.low = self.table.after(slot),
            Direction::Backward => self.high = slot,
        }
        true
    }

    /// The current entry's key.
    #[inline(always)]
    pub fn key(&self) -> &'a [u8] {
        self.key
    }

    /// The current entry's version.
    #[inline(always)]
    pub fn version(&self) -> Version<'a> {
        self.version
    }

    /// Whether the entry before this one in ascending order has the same key: this is an older version of it.
    #[inline(always)]
    pub fn is_older(&self) -> bool {
        self.older
    }
}
