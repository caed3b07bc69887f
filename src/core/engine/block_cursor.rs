//! Walks the entries of one data block in either direction.
//!
//! It holds no block: each step is handed the same one, so the owner may keep it in a cache.

use std::cmp::Ordering;

use super::block::{Block, Damaged, Entry, Offsets};
use super::block_builder::RESTART_EVERY;
use super::key::compare_inline;

/// A place in a block and the entry there. The key is put together here; the value stays in the block.
#[derive(Debug, Default)]
pub(crate) struct BlockCursor {
    key: Vec<u8>,
    entry: Entry,
    /// Where the next entry lies, forward.
    next: Offsets,
    /// Whether the next step stays on the entry that a seek has found.
    held: bool,
    /// Backward: the entries of one restart interval still to come, last one first to go, each with the end of its key
    /// in `keys`.
    interval: Vec<(Entry, usize)>,
    keys: Vec<u8>,
    /// Backward: how many restarts are still to come.
    restarts: usize,
}

impl BlockCursor {
    #[inline(always)]
    pub(crate) fn key(&self) -> &[u8] {
        &self.key
    }

    #[inline(always)]
    pub(crate) fn entry(&self) -> &Entry {
        &self.entry
    }

    /// Goes before the first entry.
    pub(crate) fn rewind(&mut self, block: &Block) {
        self.next = block.first();
        self.held = false;
        self.key.clear();
    }

    /// Moves to the next entry; `false` at the end.
    pub(crate) fn step(&mut self, block: &Block) -> Result<bool, Damaged> {
        self.step_inline(block)
    }

    /// The same, for walks.
    #[inline(always)]
    pub(crate) fn step_inline(&mut self, block: &Block) -> Result<bool, Damaged> {
        if self.held || self.next.head >= block.heads_end() {
            return Ok(std::mem::take(&mut self.held));
        }
        self.entry = block.entry_inline(self.next)?;
        if self.entry.shared > self.key.len() {
            return Err(Damaged);
        }
        self.key.truncate(self.entry.shared);
        self.key.extend_from_slice(block.suffix(&self.entry));
        self.next = self.entry.next();
        Ok(true)
    }

    /// Goes before the first entry whose key is at or after `key`.
    pub(crate) fn seek(&mut self, block: &Block, key: &[u8]) -> Result<(), Damaged> {
        self.rewind(block);
        self.next = block.restart(block.restart_before(key, u64::MAX)?)?;
        while self.step(block)? {
            if compare_inline(&self.key, key) != Ordering::Less {
                self.held = true;
                break;
            }
        }
        Ok(())
    }

    /// Goes after the last entry whose key is before `end` (after the last of all if `None`).
    pub(crate) fn rewind_back(&mut self, block: &Block, end: Option<&[u8]>) -> Result<(), Damaged> {
        self.interval.clear();
        self.restarts = match end {
            Some(end) => block.restart_before(end, u64::MAX)? + 1,
            None => block.restarts(),
        };
        self.load_interval(block)?;
        if let Some(end) = end {
            while let Some((entry, key_end)) = self.interval.last() {
                let key_start = key_end - (entry.shared + entry.suffix_len);
                if compare_inline(self.keys.get(key_start..*key_end).unwrap_or_default(), end) == Ordering::Less {
                    break;
                }
                self.interval.pop();
            }
        }
        Ok(())
    }

    /// Moves to the entry before; `false` at the beginning.
    pub(crate) fn step_back(&mut self, block: &Block) -> Result<bool, Damaged> {
        while self.interval.is_empty() {
            if self.restarts == 0 {
                return Ok(false);
            }
            self.load_interval(block)?;
        }
        let Some((entry, key_end)) = self.interval.pop() else { return Ok(false) };
        let key_start = key_end - (entry.shared + entry.suffix_len);
        self.key.clear();
        self.key.extend_from_slice(self.keys.get(key_start..key_end).unwrap_or_default());
        self.entry = entry;
        Ok(true)
    }

    /// Decodes the entries of the last restart interval still to come.
    fn load_interval(&mut self, block: &Block) -> Result<(), Damaged> {
        let Some(index) = self.restarts.checked_sub(1) else { return Ok(()) };
        let end = if self.restarts < block.restarts() { block.restart(self.restarts)?.head } else { block.heads_end() };
        self.restarts = index;
        self.keys.clear();
        let mut at = block.restart(index)?;
        let mut last = 0..0;
        while at.head < end.min(block.heads_end()) {
            let entry = block.entry(at)?;
            if entry.shared > last.len() || self.interval.len() == RESTART_EVERY {
                return Err(Damaged);
            }
            let start = self.keys.len();
            self.keys.extend_from_within(last.start..last.start + entry.shared);
            self.keys.extend_from_slice(block.suffix(&entry));
            last = start..self.keys.len();
            self.interval.push((entry, last.end));
            at = entry.next();
        }
        Ok(())
    }
}
