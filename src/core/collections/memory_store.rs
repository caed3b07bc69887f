//! An ordered map in memory with the engine's access traits, for the tests of this floor. It can pretend that keys are
//! not in memory, so that every pause and resume is exercised.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use crate::disk::BlobName;
use crate::engine::{Cursor, Direction, KeyRange, Pause, Read, Step, Transaction};

/// The committed state.
#[derive(Clone, Default)]
pub struct MemoryStore {
    entries: BTreeMap<Vec<u8>, Vec<u8>>,
    faults: Faults,
}

/// Which keys pretend to be cold: one in `one_in` (0: none); a key is warm after its first miss.
#[derive(Clone, Default)]
struct Faults {
    one_in: u64,
    seed: u64,
    warm: RefCell<BTreeSet<u64>>,
}

impl Faults {
    fn touch(&self, key: &[u8]) -> Step<()> {
        if self.one_in == 0 {
            return Ok(());
        }
        let hash = xxhash_rust::xxh3::xxh3_64_with_seed(key, self.seed) >> 1;
        if hash.is_multiple_of(self.one_in) && self.warm.borrow_mut().insert(hash) {
            return Err(Pause::missing(vec![BlobName::table(hash & 0xffff, 0)]));
        }
        Ok(())
    }
}

impl MemoryStore {
    /// From now on one key in `one_in` is cold.
    pub fn inject_misses(&mut self, one_in: u64, seed: u64) {
        self.faults = Faults { one_in, seed, ..Faults::default() };
    }

    /// All entries, in key order.
    pub fn entries(&self) -> &BTreeMap<Vec<u8>, Vec<u8>> {
        &self.entries
    }

    /// Runs a reading task until it completes.
    pub fn read<T>(&self, mut task: impl FnMut(&dyn Read) -> Step<T>) -> Result<T, crate::base::Error> {
        loop {
            match task(self) {
                Ok(value) => return Ok(value),
                Err(Pause::Failed(error)) => return Err(error),
                Err(Pause::Missing(names)) => assert!(!names.is_empty(), "a miss names its blobs"),
                Err(Pause::Yield) => {}
            }
        }
    }

    /// Runs a writing task until it completes and commits it. Writes of a run that paused stay visible to the next one:
    /// harsher than the engine, which takes them back.
    pub fn commit<T>(
        &mut self,
        mut task: impl FnMut(&mut dyn Transaction) -> Step<T>,
    ) -> Result<T, crate::base::Error> {
        let mut transaction = MemoryTransaction { store: self, writes: BTreeMap::new(), kept: None };
        let value = loop {
            match task(&mut transaction) {
                Ok(value) => break value,
                Err(Pause::Failed(error)) => return Err(error),
                Err(Pause::Missing(names)) => assert!(!names.is_empty(), "a miss names its blobs"),
                Err(Pause::Yield) => {}
            }
        };
        let writes = transaction.writes;
        self.apply(&writes);
        Ok(value)
    }

    /// The same as the engine does it: what a run wrote that paused is taken back, unless it was kept.
    pub fn commit_afresh<T>(
        &mut self,
        mut task: impl FnMut(&mut dyn Transaction) -> Step<T>,
    ) -> Result<T, crate::base::Error> {
        let mut kept = None;
        loop {
            let writes = kept.clone().unwrap_or_default();
            let mut transaction = MemoryTransaction { store: self, writes, kept };
            match task(&mut transaction) {
                Ok(value) => {
                    let writes = transaction.writes;
                    self.apply(&writes);
                    return Ok(value);
                }
                Err(Pause::Failed(error)) => return Err(error),
                Err(Pause::Missing(names)) => assert!(!names.is_empty(), "a miss names its blobs"),
                Err(Pause::Yield) => {}
            }
            kept = transaction.kept;
        }
    }

    fn apply(&mut self, writes: &BTreeMap<Vec<u8>, Option<Vec<u8>>>) {
        for (key, value) in writes {
            match value {
                Some(value) => self.entries.insert(key.clone(), value.clone()),
                None => self.entries.remove(key),
            };
        }
    }
}

impl Read for MemoryStore {
    fn get(&self, key: &[u8], value: &mut Vec<u8>) -> Step<bool> {
        self.faults.touch(key)?;
        Ok(self.entries.get(key).map(|found| value.extend_from_slice(found)).is_some())
    }

    fn cursor(&self, range: KeyRange, direction: Direction) -> Box<dyn Cursor + '_> {
        Box::new(MapCursor { map: &self.entries, faults: &self.faults, range, direction, current: None, none: &[] })
    }
}

struct MapCursor<'a> {
    map: &'a BTreeMap<Vec<u8>, Vec<u8>>,
    faults: &'a Faults,
    range: KeyRange,
    direction: Direction,
    current: Option<(&'a [u8], &'a [u8])>,
    none: &'a [u8],
}

impl Cursor for MapCursor<'_> {
    fn advance(&mut self) -> Step<bool> {
        use std::ops::Bound::{Excluded, Included, Unbounded};
        if self.range.end.as_ref().is_some_and(|end| *end <= self.range.start) {
            return Ok(false);
        }
        let end = self.range.end.as_deref().map_or(Unbounded, Excluded);
        let next = match (self.direction, self.current) {
            (Direction::Forward, Some((key, _))) => self.map.range::<[u8], _>((Excluded(key), end)).next(),
            (Direction::Forward, None) => {
                self.map.range::<[u8], _>((Included(self.range.start.as_slice()), end)).next()
            }
            (Direction::Backward, Some((key, _))) => {
                self.map.range::<[u8], _>((Included(self.range.start.as_slice()), Excluded(key))).next_back()
            }
            (Direction::Backward, None) => {
                self.map.range::<[u8], _>((Included(self.range.start.as_slice()), end)).next_back()
            }
        };
        let Some((key, value)) = next else { return Ok(false) };
        self.faults.touch(key)?;
        self.current = Some((key, value));
        Ok(true)
    }

    fn key(&self) -> &[u8] {
        self.current.map_or(self.none, |(key, _)| key)
    }

    fn value(&self) -> &[u8] {
        self.current.map_or(self.none, |(_, value)| value)
    }
}

type Writes = BTreeMap<Vec<u8>, Option<Vec<u8>>>;

/// An open transaction: its own writes over the store.
struct MemoryTransaction<'a> {
    store: &'a MemoryStore,
    writes: Writes,
    /// The writes that stay over a pause.
    kept: Option<Writes>,
}

impl Read for MemoryTransaction<'_> {
    fn get(&self, key: &[u8], value: &mut Vec<u8>) -> Step<bool> {
        match self.writes.get(key) {
            Some(Some(found)) => {
                value.extend_from_slice(found);
                Ok(true)
            }
            Some(None) => Ok(false),
            None => self.store.get(key, value),
        }
    }

    fn cursor(&self, range: KeyRange, direction: Direction) -> Box<dyn Cursor + '_> {
        if range.end.as_ref().is_some_and(|end| *end <= range.start) {
            return Box::new(OwnedCursor { entries: Vec::new(), at: None, faults: &self.store.faults });
        }
        let end = range.end.clone().map_or(std::ops::Bound::Unbounded, std::ops::Bound::Excluded);
        let bounds = (std::ops::Bound::Included(range.start.clone()), end);
        let stored = self.store.entries.range(bounds.clone());
        let mut merged: BTreeMap<_, _> = stored.map(|(key, value)| (key.clone(), value.clone())).collect();
        for (key, value) in self.writes.range(bounds) {
            match value {
                Some(value) => merged.insert(key.clone(), value.clone()),
                None => merged.remove(key),
            };
        }
        Box::new(OwnedCursor { entries: ordered(merged, direction), at: None, faults: &self.store.faults })
    }
}

fn ordered(map: BTreeMap<Vec<u8>, Vec<u8>>, direction: Direction) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut entries: Vec<_> = map.into_iter().collect();
    if direction == Direction::Backward {
        entries.reverse();
    }
    entries
}

struct OwnedCursor<'a> {
    entries: Vec<(Vec<u8>, Vec<u8>)>,
    at: Option<usize>,
    faults: &'a Faults,
}

impl Cursor for OwnedCursor<'_> {
    fn advance(&mut self) -> Step<bool> {
        let next = self.at.map_or(0, |at| at + 1);
        let Some((key, _)) = self.entries.get(next) else { return Ok(false) };
        self.faults.touch(key)?;
        self.at = Some(next);
        Ok(true)
    }

    fn key(&self) -> &[u8] {
        self.at.map_or(&[], |at| &self.entries[at].0)
    }

    fn value(&self) -> &[u8] {
        self.at.map_or(&[], |at| &self.entries[at].1)
    }
}

impl Transaction for MemoryTransaction<'_> {
    fn put(&mut self, key: &[u8], value: &[u8]) -> Step<()> {
        self.writes.insert(key.to_vec(), Some(value.to_vec()));
        Ok(())
    }

    fn delete(&mut self, key: &[u8]) -> Step<()> {
        self.writes.insert(key.to_vec(), None);
        Ok(())
    }

    fn add(&mut self, key: &[u8], delta: i64) -> Step<()> {
        let mut value = Vec::new();
        let old = match self.get_warm(key, &mut value) {
            true => value.as_slice().try_into().map_or(0, i64::from_le_bytes),
            false => 0,
        };
        self.writes.insert(key.to_vec(), Some((old + delta).to_le_bytes().to_vec()));
        Ok(())
    }

    fn keep(&mut self) {
        self.kept = Some(self.writes.clone());
    }

    fn kept(&self) -> bool {
        self.kept.is_some()
    }
}

impl MemoryTransaction<'_> {
    /// Counters never miss: the engine adds blindly.
    fn get_warm(&self, key: &[u8], value: &mut Vec<u8>) -> bool {
        let found = match self.writes.get(key) {
            Some(found) => found.as_ref(),
            None => self.store.entries.get(key),
        };
        found.map(|found| value.extend_from_slice(found)).is_some()
    }
}
