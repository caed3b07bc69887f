//! Walks the entries of a sorted run (one table, or a level of tables that do not overlap) in one direction.
//!
//! It shows every version, deletes included; the merge chooses. It fetches nothing: where a block is missing it stays
//! where it is and says what it wants.

use std::cmp::Ordering;
use std::rc::Rc;

use crate::base::Result;
use crate::disk::BlobName;

use super::access::{Direction, KeyRange};
use super::block::Block;
use super::block_cursor::BlockCursor;
use super::blocks::Blocks;
use super::cache::Purpose;
use super::key::compare;
use super::levels::Run;
use super::table_info::TableInfo;
use super::table_meta::TableMeta;

/// What a step of a cursor came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Advance {
    /// It is on the next entry.
    Entry,
    /// There are no more.
    End,
    /// A blob is missing; ask again when it is there.
    Missing,
}

/// A cursor over a run.
#[derive(Debug)]
pub(crate) struct RunCursor {
    run: Run,
    range: Rc<KeyRange>,
    direction: Direction,
    /// The table it is in, or goes to next; `None` when there are no more.
    table: Option<usize>,
    meta: Option<Rc<TableMeta>>,
    /// The block in that table; `None` is the first one in this direction that matters.
    block_index: Option<usize>,
    block: Option<Rc<Block>>,
    /// How often a block was loaded.
    loads: u32,
    /// Whether the range ends in this block, so that every key must be checked.
    last_block: bool,
    entries: BlockCursor,
}

impl RunCursor {
    /// A cursor before the first entry of `range`; `None` if no table of the run reaches into it.
    pub(crate) fn new(run: &Run, range: &Rc<KeyRange>, direction: Direction) -> Option<Self> {
        let table = match direction {
            Direction::Forward => run.partition_point(|table| compare(&table.largest, &range.start).is_lt()),
            Direction::Backward => {
                let end = range.end.as_ref();
                run.partition_point(|table| end.is_none_or(|end| compare(&table.smallest, end).is_lt()))
                    .checked_sub(1)?
            }
        };
        let cursor = Self {
            run: Rc::clone(run),
            range: Rc::clone(range),
            direction,
            table: Some(table),
            meta: None,
            block_index: None,
            block: None,
            loads: 0,
            last_block: false,
            entries: BlockCursor::default(),
        };
        cursor.in_range(table).then_some(cursor)
    }

    #[inline(always)]
    pub(crate) fn key(&self) -> &[u8] {
        self.entries.key()
    }

    #[inline(always)]
    pub(crate) fn value(&self) -> Option<&[u8]> {
        self.block.as_ref().and_then(|block| block.value(self.entries.entry()))
    }

    #[inline(always)]
    pub(crate) fn is_delete(&self) -> bool {
        self.entries.entry().delete
    }

    #[inline(always)]
    pub(crate) fn position(&self) -> u64 {
        self.entries.entry().position
    }

    /// Whether the entry before this one in ascending order has the same key.
    #[inline(always)]
    pub(crate) fn is_older(&self) -> bool {
        self.entries.entry().older
    }

    /// How often it has loaded a block.
    #[inline]
    pub(crate) fn loads(&self) -> u32 {
        self.loads
    }

    /// A key that no key of the current block comes after; `None` if it is in no block.
    pub(crate) fn block_end(&self) -> Option<&[u8]> {
        let (_, meta, index) = (self.block.as_ref()?, self.meta.as_ref()?, self.block_index?);
        Some(meta.last_key(index))
    }

    /// Moves to the next entry.
    #[inline(always)]
    pub(crate) fn step(&mut self, blocks: &Blocks<'_>) -> Result<Advance> {
        loop {
            let Some(block) = &self.block else {
                if !self.load(blocks)? {
                    return Ok(if self.table.is_none() { Advance::End } else { Advance::Missing });
                }
                continue;
            };
            let moved = match self.direction {
                Direction::Forward => self.entries.step_inline(block),
                Direction::Backward => self.entries.step_back(block),
            };
            match moved {
                Ok(true) if self.last_block && !self.key_in_range() => {}
                Ok(true) => return Ok(Advance::Entry),
                Ok(false) if self.last_block => {}
                Ok(false) => {
                    self.leave_block(blocks);
                    continue;
                }
                Err(_) => return Err(self.damaged()),
            }
            self.table = None;
            self.block = None;
            return Ok(Advance::End);
        }
    }

    /// Appends the names of what is missing for the next step and up to `ahead` blocks in all. Answers whether blocks,
    /// and not only a meta, are among them.
    pub(crate) fn want(&self, blocks: &Blocks<'_>, ahead: usize, names: &mut Vec<BlobName>) -> Result<bool> {
        let (mut table, mut index) = (self.table, self.block_index);
        let mut wants_blocks = false;
        for _ in 0..ahead {
            let Some(info) = table.and_then(|table| self.run.get(table)) else { break };
            let Some(meta) = blocks.meta(info)? else {
                blocks.missing(&info.meta(), names);
                break;
            };
            let block = index.unwrap_or_else(|| self.first_block(&meta));
            let Some(address) = meta.address(block) else { break };
            let before = names.len();
            blocks.missing(&address, names);
            wants_blocks |= names.len() > before;
            if self.ends_in(info, &meta, block) {
                break;
            }
            index = self.next_block(&meta, block);
            if index.is_none() {
                table = table.and_then(|table| self.next_table(table));
            }
        }
        Ok(wants_blocks)
    }

    /// Opens the block to go on in; `false` if a blob is missing or there are no more tables.
    fn load(&mut self, blocks: &Blocks<'_>) -> Result<bool> {
        let Some(info) = self.table.and_then(|table| self.run.get(table)) else {
            self.table = None;
            return Ok(false);
        };
        if self.meta.is_none() {
            self.meta = blocks.meta(info)?;
        }
        let Some(meta) = &self.meta else { return Ok(false) };
        let index = self.block_index.unwrap_or_else(|| self.first_block(meta));
        // A meta that does not fit its blocks could send us past the last one.
        let address = meta.address(index).ok_or_else(|| info.meta().damaged())?;
        let Some(block) = blocks.block(&address, Purpose::Scan)? else { return Ok(false) };
        self.last_block = self.ends_in(info, meta, index);
        let placed = match self.direction {
            Direction::Forward if self.block_index.is_none() && compare(&info.smallest, &self.range.start).is_lt() => {
                self.entries.seek(&block, &self.range.start)
            }
            Direction::Forward => {
                self.entries.rewind(&block);
                Ok(())
            }
            Direction::Backward => {
                let end = self.range.end.as_deref().filter(|_| self.block_index.is_none());
                self.entries.rewind_back(&block, end)
            }
        };
        placed.map_err(|_| address.damaged())?;
        self.block_index = Some(index);
        self.block = Some(block);
        self.loads = self.loads.wrapping_add(1);
        Ok(true)
    }

    fn leave_block(&mut self, blocks: &Blocks<'_>) {
        if let Some(block) = self.block.take() {
            blocks.recycle(block);
        }
        let (Some(table), Some(meta), Some(index)) = (self.table, &self.meta, self.block_index) else { return };
        self.block_index = self.next_block(meta, index);
        if self.block_index.is_none() {
            self.table = self.next_table(table);
            self.meta = None;
        }
    }

    /// The first block of a table that may hold keys of the range, in this direction.
    fn first_block(&self, meta: &TableMeta) -> usize {
        let last = meta.blocks().saturating_sub(1);
        match (self.direction, &self.range.end) {
            (Direction::Forward, _) => meta.block_for(&self.range.start),
            (Direction::Backward, Some(end)) => meta.block_for(end).min(last),
            (Direction::Backward, None) => last,
        }
    }

    fn next_block(&self, meta: &TableMeta, index: usize) -> Option<usize> {
        match self.direction {
            Direction::Forward => Some(index + 1).filter(|next| *next < meta.blocks()),
            Direction::Backward => index.checked_sub(1),
        }
    }

    fn next_table(&self, table: usize) -> Option<usize> {
        let next = match self.direction {
            Direction::Forward => Some(table + 1),
            Direction::Backward => table.checked_sub(1),
        };
        next.filter(|next| self.in_range(*next))
    }

    fn in_range(&self, table: usize) -> bool {
        self.run.get(table).is_some_and(|table| table.reaches(&self.range))
    }

    /// Whether no block after this one, in this direction, holds keys of the range.
    fn ends_in(&self, info: &TableInfo, meta: &TableMeta, index: usize) -> bool {
        match self.direction {
            Direction::Forward => {
                self.range.end.as_ref().is_some_and(|end| compare(meta.last_key(index), end) != Ordering::Less)
            }
            Direction::Backward => {
                let before = index.checked_sub(1).map_or(info.smallest.as_slice(), |before| meta.last_key(before));
                compare(before, &self.range.start) == Ordering::Less
            }
        }
    }

    fn key_in_range(&self) -> bool {
        match self.direction {
            Direction::Forward => {
                self.range.end.as_ref().is_none_or(|end| compare(self.entries.key(), end) == Ordering::Less)
            }
            Direction::Backward => compare(self.entries.key(), &self.range.start) != Ordering::Less,
        }
    }

    #[cold]
    fn damaged(&self) -> crate::base::Error {
        let address = self.meta.as_ref().zip(self.block_index).and_then(|(meta, index)| meta.address(index));
        address.map_or_else(|| crate::base::Error::corrupt("a block is damaged"), |address| address.damaged())
    }
}
