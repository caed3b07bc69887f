//! One source of a merge, reduced to what the walk shows of it.
//!
//! It compares nothing with other sources; see `merge_cursor.rs`.

use crate::base::Result;
use crate::disk::BlobName;

use super::access::Direction;
use super::blocks::Blocks;
use super::memtable_cursor::MemtableCursor;
use super::run_cursor::{Advance, RunCursor};

/// What a walk shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Show {
    /// Of each key the newest version at or before this position, unless it is a delete.
    Visible(u64),
    /// Of each key the newest version, deletes too.
    Newest,
    /// Every version, newest first within a key. Forward only.
    Versions,
}

#[derive(Debug)]
pub(crate) enum Leaf<'a> {
    Memtable(MemtableCursor<'a>),
    Run(Box<RunCursor>),
}

/// An entry copied out of its leaf, which had to go on to see whether it is the one to show.
#[derive(Debug)]
struct Held {
    key: Vec<u8>,
    position: u64,
    value: Option<Vec<u8>>,
}

#[derive(Debug)]
pub(crate) struct Source<'a> {
    leaf: Leaf<'a>,
    /// Forward: a version of the leaf's current key was shown, older ones are skipped.
    shown: bool,
    /// Backward: the newest version so far of the key the leaf is in, if the leaf has gone past it.
    held: Option<Held>,
    /// Whether the current entry is the held one.
    on_held: bool,
}

impl<'a> Source<'a> {
    pub(crate) fn new(leaf: Leaf<'a>) -> Self {
        Self { leaf, shown: false, held: None, on_held: false }
    }

    #[inline(always)]
    pub(crate) fn key(&self) -> &[u8] {
        match (&self.leaf, &self.held) {
            (_, Some(held)) if self.on_held => &held.key,
            (Leaf::Memtable(cursor), _) => cursor.key(),
            (Leaf::Run(cursor), _) => cursor.key(),
        }
    }

    #[inline(always)]
    pub(crate) fn value(&self) -> Option<&[u8]> {
        match (&self.leaf, &self.held) {
            (_, Some(held)) if self.on_held => held.value.as_deref(),
            (Leaf::Memtable(cursor), _) => cursor.version().value,
            (Leaf::Run(cursor), _) => cursor.value(),
        }
    }

    #[inline(always)]
    pub(crate) fn is_delete(&self) -> bool {
        match (&self.leaf, &self.held) {
            (_, Some(held)) if self.on_held => held.value.is_none(),
            (Leaf::Memtable(cursor), _) => cursor.version().value.is_none(),
            (Leaf::Run(cursor), _) => cursor.is_delete(),
        }
    }

    #[inline(always)]
    pub(crate) fn position(&self) -> u64 {
        match (&self.leaf, &self.held) {
            (_, Some(held)) if self.on_held => held.position,
            _ => self.leaf.position(),
        }
    }

    #[inline(always)]
    pub(crate) fn advance(&mut self, blocks: &Blocks<'_>, direction: Direction, show: Show) -> Result<Advance> {
        let position = match show {
            Show::Versions => return self.leaf.step(blocks),
            Show::Newest => u64::MAX,
            Show::Visible(position) => position,
        };
        match direction {
            Direction::Forward => self.forward(blocks, position),
            Direction::Backward => self.backward(blocks, position),
        }
    }

    #[inline(always)]
    fn forward(&mut self, blocks: &Blocks<'_>, position: u64) -> Result<Advance> {
        loop {
            let advance = self.leaf.step(blocks)?;
            if advance != Advance::Entry {
                return Ok(advance);
            }
            self.shown &= self.leaf.is_older();
            if !self.shown && self.leaf.position() <= position {
                self.shown = true;
                return Ok(Advance::Entry);
            }
        }
    }

    /// The leaf meets the oldest version of a key first; the one to show is the last one met that is old enough.
    fn backward(&mut self, blocks: &Blocks<'_>, position: u64) -> Result<Advance> {
        if std::mem::take(&mut self.on_held) {
            self.held = None;
        }
        loop {
            let advance = self.leaf.step(blocks)?;
            if advance != Advance::Entry {
                return Ok(advance);
            }
            let visible = self.leaf.position() <= position;
            if self.leaf.is_older() {
                if visible {
                    self.hold();
                }
            } else if visible {
                self.held = None;
                return Ok(Advance::Entry);
            } else if self.held.is_some() {
                self.on_held = true;
                return Ok(Advance::Entry);
            }
        }
    }

    /// How often a run has loaded a block; `None` for a memtable.
    #[inline(always)]
    pub(crate) fn loads(&self) -> Option<u32> {
        match &self.leaf {
            Leaf::Memtable(_) => None,
            Leaf::Run(cursor) => Some(cursor.loads()),
        }
    }

    /// A key that no key of the block a run is in comes after.
    pub(crate) fn block_end(&self) -> Option<&[u8]> {
        match &self.leaf {
            Leaf::Memtable(_) => None,
            Leaf::Run(cursor) => cursor.block_end(),
        }
    }

    /// Appends the names of what is missing for the next step and up to `ahead` blocks in all. Answers whether blocks, and
    /// not only a meta, are among them.
    pub(crate) fn want(&self, blocks: &Blocks<'_>, ahead: usize, names: &mut Vec<BlobName>) -> Result<bool> {
        self.leaf.want(blocks, ahead, names)
    }

    fn hold(&mut self) {
        self.held = Some(Held {
            key: self.key().to_vec(),
            position: self.leaf.position(),
            value: self.value().map(<[u8]>::to_vec),
        });
    }
}

impl Leaf<'_> {
    /// As [`RunCursor::want`]; a memtable wants nothing.
    fn want(&self, blocks: &Blocks<'_>, ahead: usize, names: &mut Vec<BlobName>) -> Result<bool> {
        match self {
            Self::Memtable(_) => Ok(false),
            Self::Run(cursor) => cursor.want(blocks, ahead, names),
        }
    }

    fn step(&mut self, blocks: &Blocks<'_>) -> Result<Advance> {
        match self {
            Self::Memtable(cursor) => Ok(if cursor.step() { Advance::Entry } else { Advance::End }),
            Self::Run(cursor) => cursor.step(blocks),
        }
    }

    #[inline(always)]
    fn position(&self) -> u64 {
        match self {
            Self::Memtable(cursor) => cursor.version().position,
            Self::Run(cursor) => cursor.position(),
        }
    }

    #[inline(always)]
    fn is_older(&self) -> bool {
        match self {
            Self::Memtable(cursor) => cursor.is_older(),
            Self::Run(cursor) => cursor.is_older(),
        }
    }
}
