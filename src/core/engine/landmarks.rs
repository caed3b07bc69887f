//! Keys with about as much between any two of them, told without reading what lies between.
//!
//! A guess by size: deleted and overwritten versions count as long as they are stored.

use crate::base::sort;

use super::access::{Direction, KeyRange, Pause, Step};
use super::memtable_cursor::MemtableCursor;
use super::sources::Sources;

/// Where more tables than these reach into a range, they are not opened: where each of them ends is enough, and more than anybody asks
/// for.
const OPENED_MAX: usize = 256;
/// Bytes of a memtable that count as a block.
const BLOCK_BYTES: usize = 16 << 10;
/// Bytes of a memtable that count as a table.
const TABLE_BYTES: usize = 2 << 20;

impl Sources<'_> {
    /// Keys of `range` in ascending order, perhaps some of them twice.
    pub(crate) fn landmarks(&self, range: &KeyRange) -> Step<Vec<Vec<u8>>> {
        let tables: Vec<_> =
            self.levels.tables().map(|(_, table)| table).filter(|table| table.reaches(range)).collect();
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
            return Err(Pause::missing(missing));
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

#[cfg(test)]
mod tests {
    use super::super::memtable::Memtable;
    use super::super::test_store::TestStore;
    use super::*;

    const COUNT: usize = 20_000;

    fn key(n: usize) -> Vec<u8> {
        format!("k{n:05}").into_bytes()
    }

    /// A third of the keys in a memtable, the others in tables of `cut` entries, 100 bytes each.
    fn landmarks(cut: usize, range: &KeyRange) -> Vec<Vec<u8>> {
        let keys: Vec<_> = (0..COUNT).map(key).collect();
        let value = |n: usize| (0..100).map(|at| (n.wrapping_mul(7919) >> (at % 13)) as u8).collect::<Vec<_>>();
        let values: Vec<_> = (0..COUNT).map(value).collect();
        let mut memtable = Memtable::new();
        for at in (0..COUNT).filter(|at| at % 3 == 0) {
            memtable.insert(&keys[at], 9, Some(&values[at]));
        }
        let mut store = TestStore::new(10_000_000);
        let stored = (0..COUNT).filter(|at| at % 3 != 0).map(|at| (&keys[at][..], 5, Some(&values[at][..])));
        store.write(1, cut, stored);
        store.run(|levels, blocks| {
            Sources { memtables: vec![&memtable], levels, blocks: *blocks, position: 9 }.landmarks(range)
        })
    }

    #[test]
    fn as_much_lies_between_any_two_quarters_of_the_landmarks() {
        // One table, a few, and more than are opened.
        for (cut, least) in [(COUNT, 100), (5_000, 100), (40, 256)] {
            let range = KeyRange { start: key(4_000), end: Some(key(12_000)) };
            let found = landmarks(cut, &range);
            assert!(found.len() >= least * 8_000 / COUNT, "{} of tables of {cut}", found.len());
            assert!(found.is_sorted() && found.iter().all(|key| range.contains(key)));
            for quarter in 1..4 {
                let at = &found[found.len() * quarter / 4];
                let (low, high) = (key(4_000 + 2_000 * quarter - 400), key(4_000 + 2_000 * quarter + 400));
                assert!(
                    *at >= low && *at <= high,
                    "quarter {quarter} of tables of {cut} is at {}",
                    String::from_utf8_lossy(at)
                );
            }
        }
    }

    #[test]
    fn where_nothing_is_there_are_no_landmarks() {
        assert!(landmarks(5_000, &KeyRange::prefix(b"x")).is_empty());
        assert!(landmarks(100, &KeyRange::prefix(b"a")).is_empty());
    }
}
