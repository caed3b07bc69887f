//! From the bytes of a group's key to its number, by open addressing over one hash of the whole key.
//!
//! Not a general map: keys are only added, and live one after another in one buffer.

use xxhash_rust::xxh3::xxh3_64;

/// Marks a free place.
const FREE: u32 = u32::MAX;

/// A table of keys.
#[derive(Clone, Debug, Default)]
pub(super) struct KeyTable {
    /// Places of entries, a power of two, at most three quarters full.
    places: Vec<u32>,
    entries: Vec<Entry>,
    keys: Vec<u8>,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    hash: u64,
    start: usize,
    length: usize,
    group: u32,
}

impl KeyTable {
    /// The group of `key`, if it is known.
    #[inline]
    pub(super) fn find(&self, key: &[u8]) -> Option<u32> {
        let hash = xxh3_64(key);
        let mut place = self.first_place(hash)?;
        loop {
            let entry = self.entries.get(*self.places.get(place)? as usize)?;
            if entry.hash == hash && self.keys.get(entry.start..entry.start + entry.length)? == key {
                return Some(entry.group);
            }
            place = (place + 1) & (self.places.len() - 1);
        }
    }

    /// How many keys there are.
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Adds a key that is not known yet.
    pub(super) fn insert(&mut self, key: &[u8], group: u32) {
        if (self.entries.len() + 1) * 4 > self.places.len() * 3 {
            self.grow();
        }
        let hash = xxh3_64(key);
        self.place(hash, u32::try_from(self.entries.len()).unwrap_or(FREE));
        self.entries.push(Entry { hash, start: self.keys.len(), length: key.len(), group });
        self.keys.extend_from_slice(key);
    }

    #[expect(clippy::cast_possible_truncation, reason = "masked to the number of places")]
    fn first_place(&self, hash: u64) -> Option<usize> {
        self.places.len().checked_sub(1).map(|mask| hash as usize & mask)
    }

    fn place(&mut self, hash: u64, index: u32) {
        let Some(mut place) = self.first_place(hash) else { return };
        while let Some(taken) = self.places.get_mut(place) {
            if *taken == FREE {
                *taken = index;
                return;
            }
            place = (place + 1) & (self.places.len() - 1);
        }
    }

    fn grow(&mut self) {
        let size = (self.places.len() * 2).max(16);
        self.places = vec![FREE; size];
        for index in 0..self.entries.len() {
            let Some(hash) = self.entries.get(index).map(|entry| entry.hash) else { return };
            self.place(hash, u32::try_from(index).unwrap_or(FREE));
        }
    }
}
