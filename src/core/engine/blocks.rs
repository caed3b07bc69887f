//! Where readers find blocks: the shared cache, and what the running operation has fetched for itself.
//!
//! It fetches nothing: what is in neither place, the reader names in its pause.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use crate::base::{IdMap, Result};
use crate::disk::BlobName;

use super::block::Block;
use super::cache::{blob_id, BlockCache, Purpose};
use super::sealed_block::BlockAddress;
use super::table_info::TableInfo;
use super::table_meta::TableMeta;

/// A scan asks for up to `2^READ_AHEAD_LOG_MAX` blocks at once.
const READ_AHEAD_LOG_MAX: u32 = 5;

#[derive(Debug)]
struct Pin {
    blob: Rc<[u8]>,
    /// The last round that used it, or that it was fetched for.
    round: Cell<u32>,
}

/// Blobs that the running operation had to fetch. They stay available to it whatever the cache's budget, so that an
/// operation over more blocks than the budget holds still finishes.
#[derive(Debug, Default)]
pub struct Pins {
    blobs: RefCell<IdMap<Pin>>,
    round: Cell<u32>,
    pauses: Cell<u32>,
    /// Bytes of blocks that the operation had to open.
    opened: Cell<usize>,
}

/// The cache and the pins of one operation.
#[derive(Clone, Copy, Debug)]
pub struct Blocks<'a> {
    cache: &'a BlockCache,
    pins: &'a Pins,
}

impl Pins {
    /// No pins.
    pub fn new() -> Self {
        Self::default()
    }

    /// Pins a fetched blob.
    pub fn insert(&self, name: BlobName, blob: Rc<[u8]>) {
        let pin = Pin { blob, round: Cell::new(self.round.get()) };
        self.blobs.borrow_mut().insert(blob_id(&name), pin);
    }

    /// The operation is about to run again. What neither its last run used nor was fetched since is let go: a reader
    /// that starts over uses all it ever asked for, and one that resumes has moved on.
    pub fn begin_round(&self) {
        let round = self.round.get();
        self.blobs.borrow_mut().retain(|_, pin| pin.round.get() >= round);
        self.round.set(round + 1);
    }

    fn get(&self, name: &BlobName) -> Option<Rc<[u8]>> {
        let blobs = self.blobs.borrow();
        let pin = blobs.get(&blob_id(name))?;
        pin.round.set(self.round.get());
        Some(Rc::clone(&pin.blob))
    }

    /// Notes that what the blobs hold is in use, though it came from elsewhere.
    fn touch(&self, address: &BlockAddress) {
        let blobs = self.blobs.borrow();
        if !blobs.is_empty() {
            for name in address.names() {
                blobs.get(&blob_id(&name)).inspect(|pin| pin.round.set(self.round.get()));
            }
        }
    }
}

impl<'a> Blocks<'a> {
    /// What one operation may use.
    pub fn new(cache: &'a BlockCache, pins: &'a Pins) -> Self {
        Self { cache, pins }
    }

    /// The opened block at `address`; `None` if some part of it must be fetched.
    #[inline]
    pub(crate) fn block(&self, address: &BlockAddress, purpose: Purpose) -> Result<Option<Rc<Block>>> {
        match self.cache.block(address, purpose) {
            Some(block) => {
                self.pins.touch(address);
                Ok(Some(block))
            }
            None => {
                let block = self.cache.open_block(address, purpose, &|name| self.pins.get(name))?;
                let bytes = block.as_ref().map_or(0, |block| block.bytes());
                self.pins.opened.set(self.pins.opened.get() + bytes);
                Ok(block)
            }
        }
    }

    /// Bytes of blocks that the operation has opened so far.
    pub(crate) fn opened(&self) -> usize {
        self.pins.opened.get()
    }

    /// The opened meta of a table; `None` if some part of it must be fetched.
    #[inline]
    pub(crate) fn meta(&self, info: &TableInfo) -> Result<Option<Rc<TableMeta>>> {
        let address = info.meta();
        match self.cache.meta(&address) {
            Some(meta) => {
                self.pins.touch(&address);
                Ok(Some(meta))
            }
            None => self.cache.open_meta(info, &|name| self.pins.get(name)),
        }
    }

    /// Appends the names of the parts of `address` that must be fetched.
    pub(crate) fn missing(&self, address: &BlockAddress, names: &mut Vec<BlobName>) {
        if !self.cache.holds_opened(address) {
            let pinned = self.pins.blobs.borrow();
            let absent = |name: &BlobName| !self.cache.holds_blob(name) && !pinned.contains_key(&blob_id(name));
            names.extend(address.names().filter(absent));
        }
    }

    /// Takes a block back that the reader is done with.
    pub(crate) fn recycle(&self, block: Rc<Block>) {
        self.cache.recycle(block);
    }

    /// How many blocks a scan that pauses now should ask for: 1, 2, 4 … the more often the operation had to pause.
    pub(crate) fn read_ahead(&self) -> usize {
        let pauses = self.pins.pauses.get();
        self.pins.pauses.set((pauses + 1).min(READ_AHEAD_LOG_MAX));
        1 << pauses
    }
}
