//! The newest entries, sorted in memory: every version of every key since the last flush.
//!
//! Not durable (the log is) and not concurrent: it changes between steps, while no cursor over it is alive.
//!
//! A sorted list in chunks. An entry is a small descriptor beside its bytes in an arena; a chunk knows how many
//! leading bytes all its keys share and its descriptors hold the next eight, so that a search mostly compares numbers.

use std::cmp::Ordering;

use super::arena::{Arena, Place};
use super::key::{common_prefix, compare, word_at};

/// Entries in a chunk before it splits. Smaller moves less at an insert, larger keeps the list of chunks short.
const CHUNK_MAX: usize = 128;
const DELETE: u32 = u32::MAX;

/// Where an entry is: chunk and index in it. Only good until the next change.
pub(crate) type Slot = (usize, usize);

#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry {
    /// Eight bytes of the key after the chunk's shared beginning.
    word: u64,
    position: u64,
    place: Place,
    key_len: u32,
    /// [`DELETE`] for a tombstone.
    value_len: u32,
}

#[derive(Clone, Debug)]
struct Chunk {
    /// How many leading bytes all keys of the chunk share, at least.
    skip: usize,
    /// Never empty. Keys ascending, positions of one key descending.
    entries: Vec<Entry>,
}

/// What an insert replaced. Hand it to [`Memtable::undo`] to take the insert back.
#[derive(Clone, Copy, Debug)]
pub struct Undo(Option<Entry>);

/// What a lookup found: the position of the version and its value, `None` for a delete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Version<'a> {
    /// The commit that wrote it.
    pub position: u64,
    /// Its value; `None` if the commit deleted the key.
    pub value: Option<&'a [u8]>,
}

/// Versions of keys in key order, newest first within a key.
#[derive(Clone, Debug, Default)]
pub struct Memtable {
    arena: Arena,
    chunks: Vec<Chunk>,
    len: usize,
}

impl Memtable {
    /// An empty memtable. Allocates nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many entries it holds, deletes and old versions included.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether it holds no entry.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Memory held, in bytes, about.
    pub fn bytes(&self) -> usize {
        self.arena.bytes() + self.chunks.len() * (CHUNK_MAX * size_of::<Entry>() + size_of::<Chunk>())
    }

    /// Writes `value` (`None` deletes) as the version of `key` at `position`. A version of the same key *and* position
    /// is replaced. Keys and values are at most [`KEY_MAX`](super::key::KEY_MAX) and
    /// [`VALUE_MAX`](super::key::VALUE_MAX) bytes; the caller has checked.
    pub fn insert(&mut self, key: &[u8], position: u64, value: Option<&[u8]>) -> Undo {
        let bytes = value.unwrap_or_default();
        let mut entry = Entry {
            word: 0,
            position,
            place: self.arena.push(key, bytes),
            key_len: key.len() as u32,
            value_len: if value.is_some() { bytes.len() as u32 } else { DELETE },
        };
        let Some(chunk_index) = self.chunk_for(key, position) else {
            self.chunks.push(Chunk { skip: key.len(), entries: vec![entry] });
            self.len += 1;
            return Undo(None);
        };
        self.share(chunk_index, key);
        let (index, found) = self.lower_bound_in(chunk_index, key, position);
        let chunk = &mut self.chunks[chunk_index];
        entry.word = word_at(key, chunk.skip);
        if found {
            return Undo(Some(std::mem::replace(&mut chunk.entries[index], entry)));
        }
        self.len += 1;
        if chunk.entries.len() < CHUNK_MAX {
            chunk.entries.insert(index, entry);
        } else {
            self.insert_split(chunk_index, index, entry);
        }
        Undo(None)
    }

    /// Takes back the insert of `key` at `position` that answered `undo`.
    pub fn undo(&mut self, key: &[u8], position: u64, undo: Undo) {
        let Undo(Some(mut old)) = undo else {
            self.remove(key, position);
            return;
        };
        if let Some((chunk, index)) = self.find(key, position) {
            old.word = word_at(key, self.chunks[chunk].skip);
            self.chunks[chunk].entries[index] = old;
        }
    }

    /// Removes the version of `key` at exactly `position`; answers whether there was one.
    pub fn remove(&mut self, key: &[u8], position: u64) -> bool {
        let Some((chunk, index)) = self.find(key, position) else { return false };
        self.chunks[chunk].entries.remove(index);
        if self.chunks[chunk].entries.is_empty() {
            self.chunks.remove(chunk);
        }
        self.len -= 1;
        true
    }

    /// The newest version of `key` at or before `position`.
    #[inline]
    pub fn get(&self, key: &[u8], position: u64) -> Option<Version<'_>> {
        let slot = self.lower_bound(key, position);
        let entry = self.entry(slot)?;
        (self.key_of(entry) == key).then(|| self.version_of(entry))
    }

    /// The position of the newest version of `key`.
    pub fn newest_position(&self, key: &[u8]) -> Option<u64> {
        self.get(key, u64::MAX).map(|version| version.position)
    }

    /// Forgets every version at or before `position`, and gives their memory back. For after a flush.
    pub fn drop_upto(&mut self, position: u64) {
        let old = std::mem::take(self);
        for entry in old.chunks.iter().flat_map(|chunk| &chunk.entries) {
            if entry.position > position {
                self.insert(old.key_of(entry), entry.position, old.version_of(entry).value);
            }
        }
    }

    /// The first entry at or after (`key`, `position`), where within a key newer positions come first.
    #[inline]
    pub(crate) fn lower_bound(&self, key: &[u8], position: u64) -> Slot {
        let Some(chunk) = self.chunk_for(key, position) else { return (0, 0) };
        let (index, _) = self.lower_bound_in(chunk, key, position);
        if index < self.chunks[chunk].entries.len() {
            (chunk, index)
        } else {
            (chunk + 1, 0)
        }
    }

    /// One past the last entry.
    pub(crate) fn end(&self) -> Slot {
        (self.chunks.len(), 0)
    }

    pub(crate) fn entry(&self, (chunk, index): Slot) -> Option<&Entry> {
        self.chunks.get(chunk)?.entries.get(index)
    }

    /// The slot after `slot`, which must hold an entry.
    pub(crate) fn after(&self, (chunk, index): Slot) -> Slot {
        match self.chunks.get(chunk) {
            Some(full) if index + 1 < full.entries.len() => (chunk, index + 1),
            _ => (chunk + 1, 0),
        }
    }

    /// The slot before `slot`; `None` at the first.
    pub(crate) fn before(&self, (chunk, index): Slot) -> Option<Slot> {
        if index > 0 {
            return Some((chunk, index - 1));
        }
        let chunk = chunk.checked_sub(1)?;
        Some((chunk, self.chunks.get(chunk)?.entries.len() - 1))
    }

    /// Whether the entry before `slot` has the same key, so that this one is an older version.
    pub(crate) fn is_older(&self, slot: Slot) -> bool {
        let (Some(entry), Some(before)) = (self.entry(slot), self.before(slot)) else { return false };
        let Some(newer) = self.entry(before) else { return false };
        newer.key_len == entry.key_len
            && (before.0 != slot.0 || newer.word == entry.word)
            && self.key_of(newer) == self.key_of(entry)
    }

    pub(crate) fn key_of(&self, entry: &Entry) -> &[u8] {
        self.arena.get(entry.place, 0, entry.key_len)
    }

    pub(crate) fn version_of(&self, entry: &Entry) -> Version<'_> {
        let value = (entry.value_len != DELETE).then(|| self.arena.get(entry.place, entry.key_len, entry.value_len));
        Version { position: entry.position, value }
    }

    fn find(&self, key: &[u8], position: u64) -> Option<Slot> {
        let chunk = self.chunk_for(key, position)?;
        let (index, found) = self.lower_bound_in(chunk, key, position);
        found.then_some((chunk, index))
    }

    /// The last chunk that begins at or before (`key`, `position`), or the first; `None` if there is none at all.
    #[inline]
    fn chunk_for(&self, key: &[u8], position: u64) -> Option<usize> {
        let begins_before = |chunk: &Chunk| {
            chunk.entries.first().is_some_and(|first| self.order(first, key, position) != Ordering::Greater)
        };
        let last = self.chunks.len().checked_sub(1)?;
        if begins_before(&self.chunks[last]) {
            return Some(last);
        }
        Some(self.chunks.partition_point(begins_before).saturating_sub(1))
    }

    #[inline]
    fn order(&self, entry: &Entry, key: &[u8], position: u64) -> Ordering {
        compare(self.key_of(entry), key).then(position.cmp(&entry.position))
    }

    /// The index in a chunk of the first entry at or after (`key`, `position`), and whether it is exactly that.
    #[inline]
    fn lower_bound_in(&self, chunk: usize, key: &[u8], position: u64) -> (usize, bool) {
        let chunk = &self.chunks[chunk];
        let Some(first) = chunk.entries.first() else { return (0, false) };
        let shared = common_prefix(self.key_of(first), key);
        if shared < chunk.skip {
            // The key is outside of what the chunk shares: before all of it or after all of it.
            let before = compare(key, self.key_of(first)) == Ordering::Less;
            return (if before { 0 } else { chunk.entries.len() }, false);
        }
        let word = word_at(key, chunk.skip);
        let mut found = false;
        let index = chunk.entries.partition_point(|entry| {
            let order = entry.word.cmp(&word).then_with(|| self.order(entry, key, position));
            found |= order == Ordering::Equal;
            order == Ordering::Less
        });
        (index, found)
    }

    /// Makes room in what the chunk shares for `key`.
    #[inline]
    fn share(&mut self, chunk: usize, key: &[u8]) {
        let chunk = &mut self.chunks[chunk];
        let Some(first) = chunk.entries.first() else { return };
        let shared = common_prefix(self.arena.get(first.place, 0, first.key_len), key);
        if shared < chunk.skip {
            chunk.rebase(shared, &self.arena);
        }
    }

    /// Inserts into a full chunk: at the very end of the list in a new chunk, so that ascending keys fill chunks;
    /// otherwise after splitting it in halves.
    fn insert_split(&mut self, chunk: usize, index: usize, mut entry: Entry) {
        let last = chunk + 1 == self.chunks.len();
        entry.word = 0; // Nothing lies behind what a lone key shares with itself; a split computes all words anew.
        let full = &mut self.chunks[chunk];
        if index == CHUNK_MAX && last {
            self.chunks.push(Chunk { skip: entry.key_len as usize, entries: vec![entry] });
            return;
        }
        let mut upper = Vec::with_capacity(CHUNK_MAX);
        upper.extend(full.entries.drain(CHUNK_MAX / 2..));
        let mut upper = Chunk { skip: 0, entries: upper };
        let target = if index <= CHUNK_MAX / 2 { &mut *full } else { &mut upper };
        let index = if index <= CHUNK_MAX / 2 { index } else { index - CHUNK_MAX / 2 };
        target.entries.insert(index, entry);
        full.reshare(&self.arena);
        upper.reshare(&self.arena);
        self.chunks.insert(chunk + 1, upper);
    }
}

impl Chunk {
    fn rebase(&mut self, skip: usize, arena: &Arena) {
        self.skip = skip;
        for entry in &mut self.entries {
            entry.word = word_at(arena.get(entry.place, 0, entry.key_len), skip);
        }
    }

    /// Shares as much as its first and last key allow.
    fn reshare(&mut self, arena: &Arena) {
        if let (Some(first), Some(last)) = (self.entries.first(), self.entries.last()) {
            let key = |entry: &Entry| arena.get(entry.place, 0, entry.key_len);
            self.rebase(common_prefix(key(first), key(last)), arena);
        }
    }
}

#[cfg(test)]
#[path = "memtable_tests.rs"]
mod memtable_tests;
