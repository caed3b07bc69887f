//! Keys with about as much between any two of them, told without reading what lies between.
//!
//! A guess by size: deleted and overwritten versions count as long as they are stored.

use crate::base::sort;

use super::access::{Direction, KeyRange, Pause, Step};
use super::key::compare;
use super::memtable_cursor::MemtableCursor;
use super::sources::Sources;
use super::table_info::TableInfo;

/// Where more tables than these reach into a range, they are not opened: where each of them ends is enough.
const OPENED_MAX: usize = 64;
/// Bytes of a memtable that count as a block.
const BLOCK_BYTES: usize = 16 << 10;
/// Bytes of a memtable that count as a table.
const TABLE_BYTES: usize = 2 << 20;

impl Sources<'_> {
    /// Keys of `range` in ascending order, perhaps some of them twice.
    pub(crate) fn landmarks(&self, range: &KeyRange) -> Step<Vec<Vec<u8>>> {
        let tables: Vec<_> =
            self.levels.tables().map(|(_, table)| table).filter(|table| reaches(table, range)).collect();
        let is_coarse = tables.len() > OPENED_MAX;
        let (mut keys, mut missing) = (Vec::new(), Vec::new());
        for table in tables {
            if is_coarse {
                keys.push(table.largest.clone());
            } else if let Some(meta) = self.blocks.meta(table)? {
                let blocks = meta.block_for(&range.start)..meta.blocks();
                keys.extend(blocks.map(|block| meta.last_key(block).to_vec()));
            } else {
                self.blocks.missing(&table.meta(), &mut missing);
            }
        }
        if !missing.is_empty() {
            return Err(Pause::Missing(missing));
        }
        let stride = if is_coarse { TABLE_BYTES } else { BLOCK_BYTES };
        for memtable in &self.memtables {
            let (mut cursor, mut bytes) = (MemtableCursor::new(memtable, range, Direction::Forward), 0);
            while cursor.step() {
                bytes += cursor.key().len() + cursor.version().value.map_or(0, <[u8]>::len);
                if bytes >= stride {
                    bytes = 0;
                    keys.push(cursor.key().to_vec());
                }
            }
        }
        keys.retain(|key| range.contains(key));
        sort::sort(&mut keys);
        Ok(keys)
    }
}

fn reaches(table: &TableInfo, range: &KeyRange) -> bool {
    compare(&table.largest, &range.start).is_ge()
        && range.end.as_ref().is_none_or(|end| compare(&table.smallest, end).is_lt())
}
