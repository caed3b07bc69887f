//! A snapshot with its memtables opened for the length of one synchronous step.
//!
//! It is gone before anything is awaited: memtables change only between steps.

use std::cell::Ref;

use super::access::{Cursor, Direction, KeyRange, Read, Step};
use super::blocks::Blocks;
use super::memtable::Memtable;
use super::snapshot::Snapshot;
use super::sources::Sources;

/// What a read looks at.
pub(crate) struct View<'a> {
    memtables: Vec<Ref<'a, Memtable>>,
    snapshot: &'a Snapshot,
    blocks: Blocks<'a>,
}

impl<'a> View<'a> {
    pub(crate) fn new(snapshot: &'a Snapshot, blocks: Blocks<'a>) -> Self {
        let memtables = snapshot.memtables.iter().map(|memtable| memtable.borrow()).collect();
        Self { memtables, snapshot, blocks }
    }

    fn sources(&self) -> Sources<'_> {
        Sources {
            memtables: self.memtables.iter().map(|memtable| &**memtable).collect(),
            levels: &self.snapshot.levels,
            blocks: self.blocks,
            position: self.snapshot.position,
        }
    }
}

impl Read for View<'_> {
    fn get(&self, key: &[u8], value: &mut Vec<u8>) -> Step<bool> {
        self.sources().get(key, value)
    }

    fn contains(&self, key: &[u8]) -> Step<bool> {
        self.sources().contains(key)
    }

    fn cursor(&self, range: KeyRange, direction: Direction) -> Box<dyn Cursor + '_> {
        self.sources().into_cursor(range, direction)
    }

    fn opened(&self) -> usize {
        self.blocks.opened()
    }

    fn landmarks(&self, range: &KeyRange) -> Step<Vec<Vec<u8>>> {
        self.sources().landmarks(range)
    }
}
