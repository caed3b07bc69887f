//! What was read from tables, under one byte budget: blobs as fetched, blocks opened, table metas.
//!
//! Not a source of truth and not a buffer of writes: everything in it can be fetched again.
//!
//! A blob is dense and costs a decompression; an opened block costs nothing and takes about 2.6 times the memory. Blobs may
//! hold up to half the budget and opened blocks get the rest. A point read keeps the block it opened; a scan keeps it
//! only while there is room, so that no scan drives out what point reads use. When blobs must go, those whose block is
//! open go first. Where all data opened fit the budget, or nearly, nothing is held twice: an opened block's blob goes at once,
//! and a block that must go is compressed again instead of being fetched the next time.

use std::cell::RefCell;
use std::rc::Rc;

use crate::base::Result;
use crate::disk::BlobName;

use super::block::Block;
use super::clock_segment::{ClockSegment, Item};
use super::sealed_block::{open_block, seal_block, BlockAddress, BlockKind};
use super::table_info::TableInfo;
use super::table_meta::TableMeta;

/// Memory of blocks that were let go, kept for the next ones.
const SPARE_MAX: usize = 4;
/// The largest memory worth keeping as a spare.
const SPARE_BYTES_MAX: usize = 64 * 1024;

/// Where else a blob may be found.
pub(crate) type Pinned<'a> = &'a dyn Fn(&BlobName) -> Option<Rc<[u8]>>;

/// How the reader will use a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// One key; neighbours are likely wanted again.
    Point,
    /// Every block of a range, once.
    Scan,
}

/// Counts since the cache was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CacheStats {
    /// Blocks found opened.
    pub hot_hits: u64,
    /// Blocks found as blobs, and opened.
    pub cold_hits: u64,
    /// Blocks that had to be fetched.
    pub misses: u64,
    /// Things driven out.
    pub evictions: u64,
    /// Bytes of blobs now.
    pub cold_bytes: usize,
    /// Bytes of opened blocks now.
    pub hot_bytes: usize,
    /// Bytes of table metas now.
    pub meta_bytes: usize,
}

#[derive(Debug, Default)]
struct Segments {
    budget: usize,
    /// Bytes of all blocks of the database, opened.
    data: u64,
    cold: ClockSegment,
    hot: ClockSegment,
    metas: ClockSegment,
    spares: Vec<Vec<u8>>,
    stats: CacheStats,
}

/// The cache. Shared by all readers of an instance; changed through `&self`.
#[derive(Debug, Default)]
pub struct BlockCache {
    segments: RefCell<Segments>,
}

impl BlockCache {
    /// A cache that holds up to `budget` bytes.
    pub fn new(budget: usize) -> Self {
        let cache = Self::default();
        cache.set_budget(budget);
        cache
    }

    /// Changes the budget, and drives out what no longer fits.
    pub fn set_budget(&self, budget: usize) {
        let mut segments = self.segments.borrow_mut();
        segments.budget = budget;
        segments.shrink();
    }

    /// Tells how many bytes all blocks of the database would take, opened.
    pub fn set_data_bytes(&self, bytes: u64) {
        self.segments.borrow_mut().data = bytes;
    }

    /// Counts and sizes.
    pub fn stats(&self) -> CacheStats {
        let segments = self.segments.borrow();
        CacheStats {
            cold_bytes: segments.cold.bytes(),
            hot_bytes: segments.hot.bytes(),
            meta_bytes: segments.metas.bytes(),
            ..segments.stats
        }
    }

    /// Keeps a fetched (or just written) part of a table.
    pub fn insert(&self, name: BlobName, blob: Rc<[u8]>) {
        let mut segments = self.segments.borrow_mut();
        let bytes = blob.len();
        segments.cold.insert(blob_id(&name), Item::Blob(blob), bytes);
        segments.shrink();
    }

    /// The opened block, if it is here.
    #[inline]
    pub(crate) fn block(&self, address: &BlockAddress, purpose: Purpose) -> Option<Rc<Block>> {
        let mut segments = self.segments.borrow_mut();
        let Segments { hot, stats, .. } = &mut *segments;
        let Item::Block(block) = hot.get(address.id(), purpose == Purpose::Point)? else { return None };
        stats.hot_hits += 1;
        Some(Rc::clone(block))
    }

    /// Opens the block at `address` from blobs that are here or that `pinned` has; `None` if one is missing.
    pub(crate) fn open_block(
        &self,
        address: &BlockAddress,
        purpose: Purpose,
        pinned: Pinned<'_>,
    ) -> Result<Option<Rc<Block>>> {
        let mut segments = self.segments.borrow_mut();
        let segments = &mut *segments;
        let Some(parts) = segments.parts(address, purpose == Purpose::Point, pinned) else {
            segments.stats.misses += 1;
            return Ok(None);
        };
        segments.stats.cold_hits += 1;
        let mut content = segments.spares.pop().unwrap_or_default();
        let opened = open_block(BlockKind::Data, address, &parts, &mut content);
        let block = match opened.and_then(|()| Block::new(content).map(Rc::new).map_err(|_| address.damaged())) {
            Ok(block) => block,
            Err(error) => {
                // It may have been damaged on its way: whoever looks again gets it from the disk again.
                segments.forget_blobs(address);
                return Err(error);
            }
        };
        let bytes = block.bytes();
        if purpose == Purpose::Point || segments.total() + bytes <= segments.budget {
            segments.hot.insert(address.id(), Item::Block(Rc::clone(&block)), bytes);
            if segments.data_nearly_fit() {
                segments.forget_blobs(address);
            }
            segments.shrink();
        }
        Ok(Some(block))
    }

    /// The opened meta of a table, if it is here.
    #[inline]
    pub(crate) fn meta(&self, address: &BlockAddress) -> Option<Rc<TableMeta>> {
        match self.segments.borrow_mut().metas.get(address.id(), true)? {
            Item::Meta(meta) => Some(Rc::clone(meta)),
            _ => None,
        }
    }

    /// Opens the meta of a table from blobs that are here or that `pinned` has; `None` if one is missing.
    pub(crate) fn open_meta(&self, info: &TableInfo, pinned: Pinned<'_>) -> Result<Option<Rc<TableMeta>>> {
        let address = info.meta();
        let mut segments = self.segments.borrow_mut();
        let Some(parts) = segments.parts(&address, true, pinned) else { return Ok(None) };
        let mut content = Vec::new();
        let opened = open_block(BlockKind::Meta, &address, &parts, &mut content);
        segments.forget_blobs(&address); // Opened metas go last of all; the blob is of no more use, damaged or not.
        opened?;
        let meta = Rc::new(TableMeta::decode(info, &content)?);
        segments.metas.insert(address.id(), Item::Meta(Rc::clone(&meta)), meta.bytes());
        segments.shrink();
        Ok(Some(meta))
    }

    /// Whether the block or meta at `address` is here, opened.
    pub(crate) fn holds_opened(&self, address: &BlockAddress) -> bool {
        let segments = self.segments.borrow();
        segments.hot.contains(address.id()) || segments.metas.contains(address.id())
    }

    /// Whether the blob is here.
    pub(crate) fn holds_blob(&self, name: &BlobName) -> bool {
        self.segments.borrow().cold.contains(blob_id(name))
    }

    /// Takes a block back that a reader is done with; its memory serves the next one if nobody else holds it.
    pub(crate) fn recycle(&self, block: Rc<Block>) {
        if let Ok(block) = Rc::try_unwrap(block) {
            self.segments.borrow_mut().spare(block);
        }
    }

    /// Forgets everything of a table that was deleted.
    pub fn forget_table(&self, table: u64) {
        let mut segments = self.segments.borrow_mut();
        let Segments { cold, hot, metas, .. } = &mut *segments;
        for segment in [cold, hot, metas] {
            for id in segment.ids() {
                if blob_place(id).0 == table {
                    segment.remove(id);
                }
            }
        }
    }

    /// Forgets everything.
    pub fn clear(&self) {
        let mut segments = self.segments.borrow_mut();
        let Segments { budget, data, stats, .. } = *segments;
        *segments = Segments { budget, data, stats, ..Segments::default() };
    }
}

impl Segments {
    fn parts(&mut self, address: &BlockAddress, used: bool, pinned: Pinned<'_>) -> Option<Vec<Rc<[u8]>>> {
        // Pins come first: one that is not asked for counts as no longer needed.
        let part = |name: BlobName| match (pinned(&name), self.cold.get(blob_id(&name), used)) {
            (Some(blob), _) => Some(blob),
            (None, Some(Item::Blob(blob))) => Some(Rc::clone(blob)),
            _ => None,
        };
        address.names().map(part).collect()
    }

    /// Whether all data opened take at most a quarter more than there is room for. With more than that, blobs keep more
    /// of the data at hand than opened blocks alone would.
    fn data_nearly_fit(&self) -> bool {
        self.data <= (self.budget + self.budget / 4) as u64
    }

    fn forget_blobs(&mut self, address: &BlockAddress) {
        for name in address.names() {
            self.cold.remove(blob_id(&name));
        }
    }

    fn total(&self) -> usize {
        self.cold.bytes() + self.hot.bytes() + self.metas.bytes()
    }

    fn shrink(&mut self) {
        while self.total() > self.budget {
            let Self { cold, hot, metas, .. } = self;
            let victim = if metas.bytes() > self.budget / 4 {
                metas.evict(|_| false)
            } else if cold.bytes() > self.budget / 2 || hot.bytes() == 0 {
                cold.evict(|id| hot.contains(id))
            } else {
                hot.evict(|_| false)
            };
            let Some((id, item)) = victim else { return };
            if let Item::Block(block) = item {
                self.let_go(id, block);
            }
            self.stats.evictions += 1;
        }
    }

    /// Keeps an opened block that must go as a blob, where blobs of opened blocks are not held.
    fn let_go(&mut self, id: u64, block: Rc<Block>) {
        if self.data_nearly_fit() && !self.cold.contains(id) {
            let (table, part) = blob_place(id);
            if let [blob] = &mut seal_block(BlockKind::Data, table, part, block.content())[..] {
                let blob: Rc<[u8]> = std::mem::take(blob).into();
                let bytes = blob.len();
                self.cold.insert(id, Item::Blob(blob), bytes);
            }
        }
        if let Ok(block) = Rc::try_unwrap(block) {
            self.spare(block);
        }
    }

    fn spare(&mut self, block: Block) {
        let content = block.into_content();
        if self.spares.len() < SPARE_MAX && content.capacity() <= SPARE_BYTES_MAX {
            self.spares.push(content);
        }
    }
}

/// A blob's id in caches: unique as long as table ids stay below 2^44.
pub(crate) fn blob_id(name: &BlobName) -> u64 {
    name.id << 20 | u64::from(name.part)
}

/// The table and the part that an id of [`blob_id`] stands for.
fn blob_place(id: u64) -> (u64, u32) {
    (id >> 20, (id & 0xf_ffff) as u32)
}

#[cfg(test)]
#[path = "cache_tests.rs"]
mod cache_tests;
