//! Everything one read looks at: memtables, tables, blocks, and the position it sees.
//!
//! It holds no state of its own, and what it lacks it names; see `access::Pause`.

use crate::base::Result;
use crate::disk::BlobName;

use super::access::{Cursor, Direction, KeyRange, Pause, Step};
use super::block::{Block, Entry};
use super::blocks::Blocks;
use super::bloom::KeyHash;
use super::cache::Purpose;
use super::key::equal;
use super::levels::Levels;
use super::memtable::Memtable;
use super::merge_cursor::{MergeCursor, Show};
use super::table_info::TableInfo;
use std::rc::Rc;

/// The sources of a read.
#[derive(Debug)]
pub(crate) struct Sources<'a> {
    /// The memtables, newest first.
    pub(crate) memtables: Vec<&'a Memtable>,
    /// The tables.
    pub(crate) levels: &'a Levels,
    /// Their blocks.
    pub(crate) blocks: Blocks<'a>,
    /// The position the read sees.
    pub(crate) position: u64,
}

/// A version that was found, where it lies.
#[derive(Debug)]
pub(crate) struct Found<'a> {
    /// The commit that wrote it.
    pub(crate) position: u64,
    place: Place<'a>,
}

#[derive(Debug)]
enum Place<'a> {
    Deleted,
    Memory(&'a [u8]),
    Block(Rc<Block>, Entry),
}

impl Found<'_> {
    /// The value; `None` if the version is a delete.
    pub(crate) fn value(&self) -> Option<&[u8]> {
        match &self.place {
            Place::Deleted => None,
            Place::Memory(value) => Some(value),
            Place::Block(block, entry) => block.value(entry),
        }
    }
}

impl<'a> Sources<'a> {
    /// The newest version of `key` at or before the position.
    pub(crate) fn find(&self, key: &[u8]) -> Step<Option<Found<'a>>> {
        self.find_at(key, self.position)
    }

    /// Appends the value of `key` to `value` and answers `true`, or leaves it alone and answers `false`.
    pub(crate) fn get(&self, key: &[u8], value: &mut Vec<u8>) -> Step<bool> {
        let found = self.find(key)?;
        let Some(bytes) = found.as_ref().and_then(Found::value) else { return Ok(false) };
        value.extend_from_slice(bytes);
        Ok(true)
    }

    /// Whether `key` exists.
    pub(crate) fn contains(&self, key: &[u8]) -> Step<bool> {
        Ok(self.find(key)?.is_some_and(|found| found.value().is_some()))
    }

    /// The position of the newest version of `key`, deleted or not, at whatever position.
    pub(crate) fn newest_position(&self, key: &[u8]) -> Step<Option<u64>> {
        Ok(self.find_at(key, u64::MAX)?.map(|found| found.position))
    }

    /// Whether any key of `range` was written after `position`. A table that was written since and overlaps the range counts
    /// as a yes, without looking into it.
    pub(crate) fn changed_since(&self, range: &KeyRange, position: u64) -> bool {
        let in_memory = self.memtables.iter().any(|memtable| {
            let mut cursor = super::memtable_cursor::MemtableCursor::new(memtable, range, Direction::Forward);
            std::iter::from_fn(|| cursor.step().then(|| cursor.version().position)).any(|at| at > position)
        });
        in_memory || self.levels.tables().any(|(_, table)| table.max_position > position && table.reaches(range))
    }

    /// A cursor over what is visible in `range`.
    pub(crate) fn into_cursor(self, range: KeyRange, direction: Direction) -> Box<dyn Cursor + 'a> {
        let show = Show::Visible(self.position);
        let merge = MergeCursor::new(self.memtables, self.levels.runs(), range, direction, show);
        Box::new(VisibleCursor { merge, blocks: self.blocks })
    }

    fn find_at(&self, key: &[u8], position: u64) -> Step<Option<Found<'a>>> {
        for memtable in &self.memtables {
            if let Some(version) = memtable.get(key, position) {
                let place = version.value.map_or(Place::Deleted, Place::Memory);
                return Ok(Some(Found { position: version.position, place }));
            }
        }
        let mut best: Option<Found<'a>> = None;
        let mut missing = Vec::new();
        let mut hash = None;
        for table in self.levels.tables_with(key) {
            let superseded = best.as_ref().is_some_and(|best| best.position >= table.max_position);
            if superseded || table.min_position > position {
                continue;
            }
            let hash = *hash.get_or_insert_with(|| KeyHash::new(key));
            match self.find_in_table(table, key, hash, position, &mut missing)? {
                Some(found) if best.as_ref().is_none_or(|best| best.position < found.position) => best = Some(found),
                _ => {}
            }
        }
        if missing.is_empty() {
            Ok(best)
        } else {
            Err(Pause::missing(missing))
        }
    }

    fn find_in_table(
        &self,
        table: &TableInfo,
        key: &[u8],
        hash: KeyHash,
        position: u64,
        missing: &mut Vec<BlobName>,
    ) -> Result<Option<Found<'a>>> {
        let Some(meta) = self.blocks.meta(table)? else {
            self.blocks.missing(&table.meta(), missing);
            if equal(&table.smallest, key) {
                // The table's first key is in its first block: known before the meta says so.
                self.blocks.missing(&table.first_block(), missing);
            }
            return Ok(None);
        };
        if !meta.may_contain(hash) {
            return Ok(None);
        }
        let mut index = meta.block_for(key);
        while let Some(address) = meta.address(index) {
            let Some(block) = self.blocks.block(&address, Purpose::Point)? else {
                self.blocks.missing(&address, missing);
                return Ok(None);
            };
            if let Some(entry) = block.get(key, position).map_err(|_| address.damaged())? {
                let place = if entry.delete { Place::Deleted } else { Place::Block(block, entry) };
                return Ok(Some(Found { position: entry.position, place }));
            }
            if !equal(meta.last_key(index), key) {
                break;
            }
            index += 1; // Older versions of the block's last key go on in the next one.
        }
        Ok(None)
    }
}

/// The cursor that readers get.
#[derive(Debug)]
struct VisibleCursor<'a> {
    merge: MergeCursor<'a>,
    blocks: Blocks<'a>,
}

impl Cursor for VisibleCursor<'_> {
    fn advance(&mut self) -> Step<bool> {
        self.merge.advance(&self.blocks)
    }

    fn key(&self) -> &[u8] {
        self.merge.key()
    }

    fn value(&self) -> &[u8] {
        self.merge.value().unwrap_or_default()
    }
}

#[cfg(test)]
#[path = "sources_tests.rs"]
mod sources_tests;
