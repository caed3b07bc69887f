//! What the manifest says about a table: enough to choose it, open it and delete it without touching its blobs.
//!
//! Not where the table stands in the tree; see `levels.rs`. Bytes are described in docs/FORMAT.md.

use crate::base::{write_slice, write_varint, Error, Reader, Result};
use crate::disk::BlobName;

use super::access::KeyRange;
use super::key::{compare, KEY_MAX};
use super::sealed_block::BlockAddress;

/// An immutable table's facts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableInfo {
    /// Its id; its blobs are `BlobName::table(id, 0..parts())`.
    pub id: u64,
    /// Parts that hold data blocks: parts `0..data_parts`.
    pub data_parts: u32,
    /// Parts that hold the meta: those after the data.
    pub meta_parts: u32,
    /// Entries: every version of every key, deletes included.
    pub entries: u64,
    /// How many of the entries are deletes.
    pub deletes: u64,
    /// Bytes of the data blocks before compression.
    pub raw_bytes: u64,
    /// Bytes of all parts.
    pub stored_bytes: u64,
    /// The lowest position among its entries.
    pub min_position: u64,
    /// The highest position among its entries.
    pub max_position: u64,
    /// The first key.
    pub smallest: Vec<u8>,
    /// The last key.
    pub largest: Vec<u8>,
}

impl TableInfo {
    /// How many blobs the table has.
    pub fn parts(&self) -> u32 {
        self.data_parts + self.meta_parts
    }

    /// The names of all blobs of the table.
    pub fn names(&self) -> impl Iterator<Item = BlobName> + '_ {
        (0..self.parts()).map(|part| BlobName::table(self.id, part))
    }

    /// Where the meta lies.
    pub fn meta(&self) -> BlockAddress {
        BlockAddress { table: self.id, part: self.data_parts, parts: self.meta_parts }
    }

    /// Where the first part of the data lies, in which the first key is.
    pub(crate) fn first_block(&self) -> BlockAddress {
        BlockAddress { table: self.id, part: 0, parts: 1 }
    }

    /// Whether `key` lies between the first and the last key.
    pub fn spans(&self, key: &[u8]) -> bool {
        compare(&self.smallest, key).is_le() && compare(key, &self.largest).is_le()
    }

    /// Whether some key of the range could be in the table.
    pub(crate) fn reaches(&self, range: &KeyRange) -> bool {
        compare(&self.largest, &range.start).is_ge()
            && range.end.as_ref().is_none_or(|end| compare(&self.smallest, end).is_lt())
    }

    /// Whether some key could be in both tables.
    pub fn overlaps(&self, other: &TableInfo) -> bool {
        compare(&self.smallest, &other.largest).is_le() && compare(&other.smallest, &self.largest).is_le()
    }

    /// Appends the facts.
    pub fn encode(&self, out: &mut Vec<u8>) {
        for number in [
            self.id,
            u64::from(self.data_parts),
            u64::from(self.meta_parts),
            self.entries,
            self.deletes,
            self.raw_bytes,
            self.stored_bytes,
            self.min_position,
            self.max_position,
        ] {
            write_varint(out, number);
        }
        write_slice(out, &self.smallest);
        write_slice(out, &self.largest);
    }

    /// Reads the facts.
    ///
    /// # Errors
    /// `Corrupt` if they are cut short or contradict themselves.
    pub fn decode(reader: &mut Reader<'_>) -> Result<Self> {
        let info = Self {
            id: reader.varint()?,
            data_parts: reader.varint_u32()?,
            meta_parts: reader.varint_u32()?,
            entries: reader.varint()?,
            deletes: reader.varint()?,
            raw_bytes: reader.varint()?,
            stored_bytes: reader.varint()?,
            min_position: reader.varint()?,
            max_position: reader.varint()?,
            smallest: reader.slice()?.to_vec(),
            largest: reader.slice()?.to_vec(),
        };
        let parts = u64::from(info.data_parts) + u64::from(info.meta_parts);
        let sound = info.id < 1 << 33
            && info.data_parts > 0
            && info.meta_parts > 0
            && parts < 1 << 20
            && info.deletes <= info.entries
            && info.min_position <= info.max_position
            && info.smallest <= info.largest
            && info.largest.len() <= KEY_MAX
            && info.smallest.len() <= KEY_MAX;
        sound.then_some(info).ok_or_else(|| Error::corrupt("a table's facts contradict themselves"))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn info() -> TableInfo {
        TableInfo {
            id: 300,
            data_parts: 4,
            meta_parts: 1,
            entries: 1000,
            deletes: 10,
            raw_bytes: 90_000,
            stored_bytes: 40_000,
            min_position: 7,
            max_position: 1 << 40,
            smallest: b"a".to_vec(),
            largest: b"zebra".to_vec(),
        }
    }

    fn encoded() -> Vec<u8> {
        let mut out = Vec::new();
        info().encode(&mut out);
        out
    }

    #[test]
    fn facts_come_back() {
        let bytes = encoded();
        let mut reader = Reader::new(&bytes);
        assert_eq!(TableInfo::decode(&mut reader).unwrap(), info());
        assert!(reader.is_empty());
    }

    proptest! {
        #[test]
        fn damaged_facts_are_an_error_or_sound(at: prop::sample::Index, byte: u8, cut: prop::sample::Index) {
            let mut bytes = encoded();
            let at = at.index(bytes.len());
            bytes[at] = byte;
            prop_assert!(TableInfo::decode(&mut Reader::new(&bytes[..cut.index(bytes.len() - 6)])).is_err());
            if let Ok(info) = TableInfo::decode(&mut Reader::new(&bytes)) {
                prop_assert!(info.smallest <= info.largest && info.parts() >= 2);
            }
        }
    }
}
