//! Writes one table: entries in, finished parts out as they come, facts at the end.
//!
//! It neither merges nor drops anything, and never touches a disk: the caller takes the parts and writes them.

use crate::base::{Error, Result};
use crate::disk::BlobName;

use super::block_builder::BlockBuilder;
use super::key::{compare, equal};
use super::sealed_block::{seal_block, BlockKind};
use super::table_info::TableInfo;
use super::table_meta::TableMetaBuilder;

/// A table is full at so many entries, whatever its size, which keeps the bloom filter small.
const ENTRIES_MAX: u64 = 32_768;
/// A table of at least this part of its size ends where the key's prefix changes. Smaller ones may hold several prefixes,
/// since many tiny tables cost more than they help.
const PREFIX_CUT_SHARE: u64 = 32;
/// The key kind of index entries, whose prefix is longer; see `prefix_len`.
const INDEX_KIND: u8 = 0x02;

/// How large blocks and tables get.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TableSizes {
    /// Bytes of content in a block before compression; more only if one entry alone is larger.
    pub block_bytes: usize,
    /// Bytes of content in a table before compression, about.
    pub table_bytes: u64,
}

impl Default for TableSizes {
    fn default() -> Self {
        // Half the size costs a cold point read half the time (it is mostly decompression), and IndexedDB stores values of
        // 16 KiB as fast as those of 60 KiB.
        Self { block_bytes: 16 << 10, table_bytes: 2 << 20 }
    }
}

/// A finished part of a table.
pub type Part = (BlobName, Vec<u8>);

/// Takes entries in order (keys ascending, positions of one key descending).
#[derive(Debug)]
pub struct TableBuilder {
    sizes: TableSizes,
    block: BlockBuilder,
    meta: TableMetaBuilder,
    parts: Vec<Part>,
    last_key: Vec<u8>,
    last_position: u64,
    info: TableInfo,
}

impl TableBuilder {
    /// A builder of the table with that id.
    pub fn new(id: u64, sizes: TableSizes) -> Self {
        Self {
            sizes,
            block: BlockBuilder::default(),
            meta: TableMetaBuilder::default(),
            parts: Vec::new(),
            last_key: Vec::new(),
            last_position: 0,
            info: TableInfo {
                id,
                data_parts: 0,
                meta_parts: 0,
                entries: 0,
                deletes: 0,
                raw_bytes: 0,
                stored_bytes: 0,
                min_position: u64::MAX,
                max_position: 0,
                smallest: Vec::new(),
                largest: Vec::new(),
            },
        }
    }

    /// Whether nothing was added yet.
    pub fn is_empty(&self) -> bool {
        self.info.entries == 0
    }

    /// Bytes of block content so far.
    pub fn raw_bytes(&self) -> u64 {
        self.info.raw_bytes + self.block.len() as u64
    }

    /// Whether the table should end before `key`: it is full, or worthwhile and `key` begins another collection or
    /// index. Never between versions of one key.
    pub fn should_cut(&self, key: &[u8]) -> bool {
        let raw = self.raw_bytes();
        let full = raw >= self.sizes.table_bytes || self.info.entries >= ENTRIES_MAX;
        let at_prefix = || raw >= self.sizes.table_bytes / PREFIX_CUT_SHARE && prefix(key) != prefix(&self.last_key);
        (full || at_prefix()) && !equal(key, &self.last_key)
    }

    /// Appends a version of `key`; `None` deletes.
    ///
    /// # Errors
    /// `Internal` if it does not come after the entry before.
    pub fn add(&mut self, key: &[u8], position: u64, value: Option<&[u8]>) -> Result<()> {
        let first = self.is_empty();
        let order = compare(&self.last_key, key);
        let older = !first && order.is_eq();
        if !first && (order.is_gt() || older && self.last_position <= position) {
            return Err(Error::internal("entries reach a table out of order"));
        }
        let size = key.len() + value.map_or(0, <[u8]>::len);
        if !self.block.is_empty() && self.block.len() + size > self.sizes.block_bytes {
            self.finish_block();
        }
        self.block.add(&self.last_key, key, older, position, value);
        if !older {
            self.meta.add_key(key);
        }
        if first {
            self.info.smallest = key.to_vec();
        }
        self.info.entries += 1;
        self.info.deletes += u64::from(value.is_none());
        self.info.min_position = self.info.min_position.min(position);
        self.info.max_position = self.info.max_position.max(position);
        self.last_key.clear();
        self.last_key.extend_from_slice(key);
        self.last_position = position;
        Ok(())
    }

    /// Whether parts are finished and not taken yet.
    pub fn has_parts(&self) -> bool {
        !self.parts.is_empty()
    }

    /// Takes the parts finished so far.
    pub fn take_parts(&mut self) -> Vec<Part> {
        std::mem::take(&mut self.parts)
    }

    /// Completes the table: its facts, and the parts not taken yet.
    ///
    /// # Errors
    /// `Internal` if nothing was added.
    pub fn finish(mut self) -> Result<(TableInfo, Vec<Part>)> {
        if self.is_empty() {
            return Err(Error::internal("a table needs an entry"));
        }
        self.finish_block();
        let content = std::mem::take(&mut self.meta).finish();
        let sealed = seal_block(BlockKind::Meta, self.info.id, self.info.data_parts, &content);
        self.info.meta_parts = sealed.len() as u32;
        self.emit(self.info.data_parts, sealed);
        self.info.largest = self.last_key;
        Ok((self.info, self.parts))
    }

    fn finish_block(&mut self) {
        let content = self.block.finish();
        self.info.raw_bytes += content.len() as u64;
        let part = self.info.data_parts;
        let sealed = seal_block(BlockKind::Data, self.info.id, part, content);
        self.block.clear();
        self.meta.add_block(sealed.len() as u32, &self.last_key);
        self.info.data_parts += sealed.len() as u32;
        self.emit(part, sealed);
    }

    fn emit(&mut self, first: u32, sealed: Vec<Vec<u8>>) {
        for (part, bytes) in (first..).zip(sealed) {
            self.info.stored_bytes += bytes.len() as u64;
            self.parts.push((BlobName::table(self.info.id, part), bytes));
        }
    }
}

/// The leading bytes that name what a key belongs to: kind and collection, and for index entries the index.
fn prefix(key: &[u8]) -> &[u8] {
    let len = if key.first() == Some(&INDEX_KIND) { 9 } else { 5 };
    key.get(..len).unwrap_or(key)
}
