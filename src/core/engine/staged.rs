//! The transaction of a commit: it writes into the memtable at the position the record is going to take.
//!
//! Readers look at older positions and do not see it; if the position is lost, everything is taken back.

use std::cell::{Ref, RefMut};

use crate::base::planted::{planted, Bug};
use crate::base::{Error, Result};
use crate::disk::Batch;

use super::access::{Cursor, Direction, KeyRange, Pause, Read, Step, Transaction};
use super::blocks::Blocks;
use super::key::{KEY_MAX, VALUE_MAX};
use super::manifest::{Edit, Manifest};
use super::memtable::{Memtable, Undo};
use super::record::{Item, Payload};
use super::snapshot::Snapshot;
use super::sources::Sources;
use super::table_info::TableInfo;

/// The largest payload of one record in bytes: what one transaction may write.
const RECORD_MAX: usize = 128 << 20;

/// What the jobs of one group have staged so far.
#[derive(Debug, Default)]
pub(crate) struct Stage {
    /// The items of the record.
    pub(crate) payload: Payload,
    /// How to take each of them back, in order.
    pub(crate) undos: Vec<Undo>,
    /// What the record's disk batch does besides inserting it.
    pub(crate) batch: Batch,
    /// Where the job began that runs now.
    begin: Mark,
    /// What of it stays over a pause, if it asked for that. Until then it is not whole: nothing may be committed.
    kept: Option<Mark>,
}

/// A place in what is staged.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Mark {
    payload: usize,
    undos: usize,
}

impl Stage {
    fn mark(&self) -> Mark {
        Mark { payload: self.payload.len(), undos: self.undos.len() }
    }

    /// A job runs, or goes on.
    pub(crate) fn enter(&mut self) {
        if self.kept.is_none() {
            self.begin = self.mark();
        }
    }

    /// The job is done: what it wrote stays.
    pub(crate) fn settle(&mut self) {
        self.kept = None;
    }

    /// What the job that ran last has written, in bytes.
    pub(crate) fn written(&self) -> usize {
        self.payload.len() - self.begin.payload
    }

    /// Whether a job is in the middle of its work.
    pub(crate) fn is_half_way(&self) -> bool {
        self.kept.is_some()
    }

    /// The job paused: takes back what it has not kept.
    pub(crate) fn pause(&mut self, memtable: &mut Memtable, position: u64) {
        self.take_back(memtable, self.kept.unwrap_or(self.begin), position);
    }

    /// The job failed: takes back all of it.
    pub(crate) fn abandon(&mut self, memtable: &mut Memtable, position: u64) {
        let from = self.kept.take().filter(|_| planted(Bug::LeaveHalfJob));
        self.take_back(memtable, from.unwrap_or(self.begin), position);
    }

    /// Takes back everything.
    pub(crate) fn clear(&mut self, memtable: &mut Memtable, position: u64) {
        self.kept = None;
        self.take_back(memtable, Mark::default(), position);
    }

    /// Takes back everything after the mark from the memtable it went into.
    fn take_back(&mut self, memtable: &mut Memtable, mark: Mark, position: u64) {
        let keys = self.payload.items_from(mark.payload).filter_map(|item| match item {
            Item::Put(key, _) | Item::Delete(key) => Some(key),
            Item::Edit(_) => None,
        });
        let writes: Vec<_> = keys.zip(self.undos.drain(mark.undos..)).collect();
        writes.into_iter().rev().for_each(|(key, undo)| memtable.undo(key, position, undo));
        self.payload.truncate(mark.payload);
        self.batch = Batch::default();
    }
}

/// One job's view of the newest state, with what the group staged before it.
pub(crate) struct Staged<'a> {
    pub(crate) active: RefMut<'a, Memtable>,
    pub(crate) sealed: Vec<Ref<'a, Memtable>>,
    pub(crate) snapshot: &'a Snapshot,
    pub(crate) manifest: &'a Manifest,
    /// Tables whose deletes may have left no trace.
    pub(crate) forgotten: &'a [TableInfo],
    pub(crate) writer: u64,
    pub(crate) store: u64,
    pub(crate) blocks: Blocks<'a>,
    pub(crate) stage: &'a mut Stage,
}

impl Staged<'_> {
    /// The position the record is going to take.
    pub(crate) fn position(&self) -> u64 {
        self.snapshot.position + 1
    }

    fn sources(&self) -> Sources<'_> {
        let mut memtables = Vec::with_capacity(1 + self.sealed.len());
        memtables.push(&*self.active);
        memtables.extend(self.sealed.iter().map(|memtable| &**memtable));
        Sources { memtables, levels: &self.snapshot.levels, blocks: self.blocks, position: self.position() }
    }

    /// Adds a manifest edit to the record.
    pub(crate) fn edit(&mut self, edit: &Edit) {
        self.stage.payload.push(Item::Edit(&edit.encode()));
    }

    /// Whether `key` was written or deleted after `position`, or may have been.
    pub(crate) fn changed_since(&self, key: &[u8], position: u64) -> Step<bool> {
        if self.forgotten.iter().any(|table| table.max_position > position && table.spans(key)) {
            return Ok(true);
        }
        Ok(self.sources().newest_position(key)?.is_some_and(|newest| newest > position))
    }

    /// Whether any key of `range` was written or deleted after `position`, or may have been.
    pub(crate) fn range_changed_since(&self, range: &KeyRange, position: u64) -> bool {
        self.forgotten.iter().any(|table| table.max_position > position && table.reaches(range))
            || self.sources().changed_since(range, position)
    }

    fn write(&mut self, key: &[u8], value: Option<&[u8]>) -> Step<()> {
        check_size(key, value, self.stage.payload.len())?;
        let position = self.position();
        self.stage.undos.push(self.active.insert(key, position, value));
        self.stage.payload.push(match value {
            Some(value) => Item::Put(key, value),
            None => Item::Delete(key),
        });
        Ok(())
    }
}

/// Checks what one write adds to a record that holds `used` bytes.
pub(crate) fn check_size(key: &[u8], value: Option<&[u8]>, used: usize) -> Result<()> {
    if key.len() > KEY_MAX {
        return Err(Error::invalid(format!(
            "a key of {} bytes exceeds {KEY_MAX}: index a shorter field or use a shorter id",
            key.len()
        )));
    }
    if value.is_some_and(|value| value.len() > VALUE_MAX) {
        return Err(Error::invalid(format!("a value exceeds {} MiB", VALUE_MAX >> 20)));
    }
    if used + key.len() + value.map_or(0, <[u8]>::len) > RECORD_MAX {
        return Err(Error::invalid(format!(
            "one transaction writes more than {} MiB: split it into several",
            RECORD_MAX >> 20
        )));
    }
    Ok(())
}

impl Read for Staged<'_> {
    fn get(&self, key: &[u8], value: &mut Vec<u8>) -> Step<bool> {
        self.sources().get(key, value)
    }

    fn contains(&self, key: &[u8]) -> Step<bool> {
        self.sources().contains(key)
    }

    fn is_known_empty(&self, range: &KeyRange) -> bool {
        !self.sources().changed_since(range, 0)
    }

    fn cursor(&self, range: KeyRange, direction: Direction) -> Box<dyn Cursor + '_> {
        self.sources().into_cursor(range, direction)
    }

    fn opened(&self) -> usize {
        self.blocks.opened()
    }
}

impl Transaction for Staged<'_> {
    fn put(&mut self, key: &[u8], value: &[u8]) -> Step<()> {
        self.write(key, Some(value))
    }

    fn delete(&mut self, key: &[u8]) -> Step<()> {
        self.write(key, None)
    }

    fn add(&mut self, key: &[u8], delta: i64) -> Step<()> {
        let value = counter(self, key)?.wrapping_add(delta);
        self.write(key, Some(&value.to_le_bytes()))
    }

    fn keep(&mut self) {
        self.stage.kept = Some(self.stage.mark());
    }

    fn kept(&self) -> bool {
        self.stage.is_half_way()
    }
}

/// The value of the counter at `key`; a missing one is 0.
pub(crate) fn counter(view: &dyn Read, key: &[u8]) -> Step<i64> {
    let mut bytes = Vec::with_capacity(8);
    if !view.get(key, &mut bytes)? {
        return Ok(0);
    }
    number(&bytes)
}

/// The number that a counter's value is.
pub(crate) fn number(value: &[u8]) -> Step<i64> {
    let bytes = value.try_into().map_err(|_| Pause::Failed(Error::corrupt("a counter is not 8 bytes long")))?;
    Ok(i64::from_le_bytes(bytes))
}
