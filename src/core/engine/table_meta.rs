//! A table's index and bloom filter: which block could hold a key.
//!
//! It reads no blocks. Bytes are described in docs/FORMAT.md.

use crate::base::{write_slice, write_varint, Error, Reader, Result};

use super::bloom::{Bloom, KeyHash};
use super::key::{common_prefix, compare, KEY_MAX};
use super::sealed_block::BlockAddress;
use super::table_info::TableInfo;

/// The least bytes a block takes in the index.
const INDEX_ENTRY_MIN: usize = 3;

#[derive(Clone, Copy, Debug)]
struct IndexEntry {
    part: u32,
    parts: u32,
    /// Where the block's last key ends in `keys`; it begins where the one before ends.
    key_end: u32,
}

/// The decoded meta of a table.
#[derive(Debug)]
pub struct TableMeta {
    table: u64,
    blocks: Vec<IndexEntry>,
    keys: Vec<u8>,
    bloom: Bloom,
}

impl TableMeta {
    /// How many blocks the table has.
    pub(crate) fn blocks(&self) -> usize {
        self.blocks.len()
    }

    /// Where block `index` lies.
    pub(crate) fn address(&self, index: usize) -> Option<BlockAddress> {
        let entry = self.blocks.get(index)?;
        Some(BlockAddress { table: self.table, part: entry.part, parts: entry.parts })
    }

    /// The last key of block `index`.
    #[inline]
    pub(crate) fn last_key(&self, index: usize) -> &[u8] {
        let start = index.checked_sub(1).and_then(|before| self.blocks.get(before)).map_or(0, |entry| entry.key_end);
        let end = self.blocks.get(index).map_or(start, |entry| entry.key_end);
        self.keys.get(start as usize..end as usize).unwrap_or_default()
    }

    /// The first block whose last key is at or after `key`; the number of blocks if there is none.
    #[inline]
    pub(crate) fn block_for(&self, key: &[u8]) -> usize {
        let (mut low, mut high) = (0, self.blocks.len());
        while low < high {
            let middle = low.midpoint(high);
            if compare(self.last_key(middle), key).is_lt() {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        low
    }

    /// `false` if the key with that hash is surely not in the table.
    #[inline]
    pub(crate) fn may_contain(&self, hash: KeyHash) -> bool {
        self.bloom.may_contain(hash)
    }

    /// Bytes of memory held.
    pub(crate) fn bytes(&self) -> usize {
        size_of::<Self>()
            + self.blocks.capacity() * size_of::<IndexEntry>()
            + self.keys.capacity()
            + self.bloom.as_bytes().len()
    }

    /// Reads the content of the meta of the table that `info` describes.
    ///
    /// # Errors
    /// `Corrupt` if it is cut short, or does not fit the table.
    pub(crate) fn decode(info: &TableInfo, content: &[u8]) -> Result<Self> {
        let mut reader = Reader::new(content);
        let count = reader.count(INDEX_ENTRY_MIN)?;
        let mut blocks = Vec::with_capacity(count);
        let mut keys = Vec::<u8>::new();
        let (mut part, mut last) = (0u32, 0..0);
        for _ in 0..count {
            let parts = reader.varint_u32()?;
            let shared = reader.varint_u32()? as usize;
            let suffix = reader.slice()?;
            if parts == 0 || shared > last.len() || shared + suffix.len() > KEY_MAX {
                return Err(unfit(info));
            }
            let start = keys.len();
            keys.extend_from_within(last.start..last.start + shared);
            keys.extend_from_slice(suffix);
            last = start..keys.len();
            let key_end = u32::try_from(last.end).map_err(|_| unfit(info))?;
            blocks.push(IndexEntry { part, parts, key_end });
            part = part.checked_add(parts).ok_or_else(|| unfit(info))?;
        }
        let bloom = Bloom::from_bytes(reader.slice()?)?;
        reader.finish("a table's meta")?;
        if part != info.data_parts {
            return Err(unfit(info));
        }
        keys.shrink_to_fit();
        Ok(Self { table: info.id, blocks, keys, bloom })
    }
}

/// Collects a meta while its table is written.
#[derive(Debug, Default)]
pub(crate) struct TableMetaBuilder {
    index: Vec<u8>,
    count: u64,
    last_key: Vec<u8>,
    hashes: Vec<KeyHash>,
}

impl TableMetaBuilder {
    /// Notes a key. Once for each different key.
    pub(crate) fn add_key(&mut self, key: &[u8]) {
        self.hashes.push(KeyHash::new(key));
    }

    /// Notes the next block, its number of parts and its last key.
    pub(crate) fn add_block(&mut self, parts: u32, last_key: &[u8]) {
        let shared = common_prefix(&self.last_key, last_key);
        write_varint(&mut self.index, u64::from(parts));
        write_varint(&mut self.index, shared as u64);
        write_slice(&mut self.index, last_key.get(shared..).unwrap_or_default());
        self.last_key.clear();
        self.last_key.extend_from_slice(last_key);
        self.count += 1;
    }

    /// The meta's content.
    pub(crate) fn finish(self) -> Vec<u8> {
        let bloom = Bloom::build(&self.hashes);
        let mut content = Vec::with_capacity(self.index.len() + bloom.as_bytes().len() + 16);
        write_varint(&mut content, self.count);
        content.extend_from_slice(&self.index);
        write_slice(&mut content, bloom.as_bytes());
        content
    }
}

#[cold]
fn unfit(info: &TableInfo) -> Error {
    Error::corrupt(format!("the meta of table {} does not fit it", info.id))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const BLOCKS: u32 = 20;

    fn info() -> TableInfo {
        TableInfo {
            id: 5,
            data_parts: BLOCKS * 2,
            meta_parts: 1,
            entries: 1,
            deletes: 0,
            raw_bytes: 0,
            stored_bytes: 0,
            min_position: 0,
            max_position: 0,
            smallest: Vec::new(),
            largest: Vec::new(),
        }
    }

    fn key(n: u32) -> Vec<u8> {
        format!("key-{n:03}").into_bytes()
    }

    fn content() -> Vec<u8> {
        let mut builder = TableMetaBuilder::default();
        for n in 0..BLOCKS {
            builder.add_key(&key(n * 2));
            builder.add_block(2, &key(n * 2));
        }
        builder.finish()
    }

    #[test]
    fn the_index_finds_the_only_block_that_could_hold_a_key() {
        let meta = TableMeta::decode(&info(), &content()).unwrap();
        for n in 0..BLOCKS * 2 {
            assert_eq!(meta.block_for(&key(n)), n.div_ceil(2) as usize);
        }
        assert_eq!(meta.block_for(b"a"), 0);
        assert_eq!(meta.last_key(3), key(6));
        assert_eq!(meta.address(3), Some(BlockAddress { table: 5, part: 6, parts: 2 }));
        assert_eq!(meta.address(BLOCKS as usize), None);
        assert!(meta.may_contain(KeyHash::new(&key(4))));
    }

    proptest! {
        #[test]
        fn a_damaged_meta_is_an_error_or_a_value_and_never_a_panic(
            at: prop::sample::Index, byte: u8, cut: prop::sample::Index, probe in 0u32..60,
        ) {
            let mut bytes = content();
            prop_assert!(TableMeta::decode(&info(), &bytes[..cut.index(bytes.len())]).is_err());
            let at = at.index(bytes.len());
            bytes[at] = byte;
            if let Ok(meta) = TableMeta::decode(&info(), &bytes) {
                let block = meta.block_for(&key(probe));
                let _ = (meta.address(block), meta.last_key(block), meta.may_contain(KeyHash::new(&key(probe))));
            }
        }
    }
}
