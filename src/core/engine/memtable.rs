//! The newest entries, sorted in memory: every version of every key since the last flush.
//!
//! Not durable (the log is) and not concurrent: it changes between steps, while no cursor over it is alive.
//!
//! A sorted list in chunks. An entry is a small descriptor beside its bytes in an arena; a chunk knows how many
//! leading bytes all its keys share and its descriptors hold the next eight, so that a search mostly compares numbers.
//! The beginnings of the chunks' first keys lie together, so that finding the chunk misses no cache.

use std::cmp::Ordering;

use super::arena::Arena;
use super::key::equal;
use super::memtable_chunk::{Beginning, Chunk, Entry, Target, CHUNK_MAX};

/// Where an entry is: chunk and index in it. Only good until the next change.
pub(crate) type Slot = (usize, usize);

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
    /// The beginning of the first key of each chunk.
    beginnings: Vec<Beginning>,
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
        let chunk = self.chunks.first().map_or(0, Chunk::bytes) + size_of::<Beginning>();
        self.arena.bytes() + self.chunks.len() * chunk
    }

    /// Writes `value` (`None` deletes) as the version of `key` at `position`. A version of the same key *and* position
    /// is replaced. Keys and values are at most [`KEY_MAX`](super::key::KEY_MAX) and
    /// [`VALUE_MAX`](super::key::VALUE_MAX) bytes; the caller has checked.
    pub fn insert(&mut self, key: &[u8], position: u64, value: Option<&[u8]>) -> Undo {
        let target = Target::new(key, position);
        let entry = Entry::new(key, position, value, &mut self.arena);
        let Some(chunk_index) = self.chunk_for(&target) else {
            self.push_chunk(entry);
            return Undo(None);
        };
        let (chunk, first) = (&mut self.chunks[chunk_index], &mut self.beginnings[chunk_index]);
        chunk.share(&target.beginning, first, &self.arena);
        let (index, found) = chunk.lower_bound(&target, first, &self.arena);
        if found {
            return Undo(Some(chunk.replace(index, entry)));
        }
        if chunk.len() == CHUNK_MAX {
            self.insert_split(chunk_index, index, key, entry);
            return Undo(None);
        }
        self.len += 1;
        chunk.insert(index, key, entry);
        if index == 0 {
            *first = target.beginning;
        }
        Undo(None)
    }

    /// Takes back the insert of `key` at `position` that answered `undo`, and its memory if it was the last one: the last insert is to
    /// be undone first.
    pub fn undo(&mut self, key: &[u8], position: u64, undo: Undo) {
        let Undo(Some(old)) = undo else {
            self.remove(key, position);
            return;
        };
        if let Some((chunk, index)) = self.find(key, position) {
            self.chunks[chunk].replace(index, old).take_back(&mut self.arena);
        }
    }

    /// Removes the version of `key` at exactly `position`; answers whether there was one.
    pub fn remove(&mut self, key: &[u8], position: u64) -> bool {
        let Some((chunk, index)) = self.find(key, position) else { return false };
        self.len -= 1;
        let removed = self.chunks[chunk].remove(index);
        if self.chunks[chunk].len() == 0 {
            self.chunks.remove(chunk);
            self.beginnings.remove(chunk);
        } else if index == 0 {
            self.beginnings[chunk] = self.chunks[chunk].beginning(&self.arena);
        }
        removed.take_back(&mut self.arena);
        true
    }

    /// The newest version of `key` at or before `position`.
    #[inline]
    pub fn get(&self, key: &[u8], position: u64) -> Option<Version<'_>> {
        let slot = self.lower_bound(key, position);
        let entry = self.entry(slot)?;
        equal(self.key_of(entry), key).then(|| self.version_of(entry))
    }

    /// The position of the newest version of `key`.
    pub fn newest_position(&self, key: &[u8]) -> Option<u64> {
        self.get(key, u64::MAX).map(|version| version.position)
    }

    /// Forgets every version at or before `position`, and gives their memory back. For after a flush.
    pub fn drop_upto(&mut self, position: u64) {
        let old = std::mem::take(self);
        for entry in old.chunks.iter().flat_map(Chunk::entries) {
            if entry.position > position {
                self.insert(old.key_of(entry), entry.position, old.version_of(entry).value);
            }
        }
    }

    /// The first entry at or after (`key`, `position`), where within a key newer positions come first.
    #[inline]
    pub(crate) fn lower_bound(&self, key: &[u8], position: u64) -> Slot {
        let target = Target::new(key, position);
        let Some(chunk) = self.chunk_for(&target) else { return (0, 0) };
        let (index, _) = self.chunks[chunk].lower_bound(&target, &self.beginnings[chunk], &self.arena);
        if index < self.chunks[chunk].len() {
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
        self.chunks.get(chunk)?.entry(index)
    }

    /// The slot after `slot`, which must hold an entry.
    pub(crate) fn after(&self, (chunk, index): Slot) -> Slot {
        match self.chunks.get(chunk) {
            Some(inside) if index + 1 < inside.len() => (chunk, index + 1),
            _ => (chunk + 1, 0),
        }
    }

    /// The slot before `slot`; `None` at the first.
    pub(crate) fn before(&self, (chunk, index): Slot) -> Option<Slot> {
        if index > 0 {
            return Some((chunk, index - 1));
        }
        let chunk = chunk.checked_sub(1)?;
        Some((chunk, self.chunks.get(chunk)?.len() - 1))
    }

    /// Whether the entry before `slot` has the same key, so that this one is an older version.
    pub(crate) fn is_older(&self, slot: Slot) -> bool {
        let Some(before) = self.before(slot) else { return false };
        if before.0 == slot.0 && self.chunks[slot.0].words_differ(before.1, slot.1) {
            return false;
        }
        let (newer, entry) = (self.entry(before), self.entry(slot));
        newer.zip(entry).is_some_and(|(newer, entry)| equal(self.key_of(newer), self.key_of(entry)))
    }

    pub(crate) fn key_of(&self, entry: &Entry) -> &[u8] {
        entry.key(&self.arena)
    }

    pub(crate) fn version_of(&self, entry: &Entry) -> Version<'_> {
        Version { position: entry.position, value: entry.value(&self.arena) }
    }

    fn find(&self, key: &[u8], position: u64) -> Option<Slot> {
        let target = Target::new(key, position);
        let chunk = self.chunk_for(&target)?;
        let (index, found) = self.chunks[chunk].lower_bound(&target, &self.beginnings[chunk], &self.arena);
        found.then_some((chunk, index))
    }

    /// The last chunk that begins at or before the target, or the first; `None` if there is none at all.
    #[inline]
    fn chunk_for(&self, target: &Target<'_>) -> Option<usize> {
        let begins_before = |chunk: usize| match self.beginnings[chunk].cmp(&target.beginning) {
            Ordering::Equal => {
                let first = self.chunks[chunk].entry(0);
                first.is_some_and(|first| target.order_of(first, &self.arena) != Ordering::Greater)
            }
            order => order == Ordering::Less,
        };
        let last = self.beginnings.len().checked_sub(1)?;
        if begins_before(last) {
            return Some(last);
        }
        let (mut low, mut high) = (0, last);
        while low < high {
            let middle = low.midpoint(high);
            if begins_before(middle) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        Some(low.saturating_sub(1))
    }

    /// Begins a chunk at the end of the list.
    fn push_chunk(&mut self, entry: Entry) {
        let chunk = Chunk::new(entry, &self.arena);
        self.beginnings.push(chunk.beginning(&self.arena));
        self.chunks.push(chunk);
        self.len += 1;
    }

    /// Inserts into a full chunk: at the very end of the list in a new chunk, so that ascending keys fill chunks;
    /// otherwise after splitting it in halves.
    fn insert_split(&mut self, chunk: usize, index: usize, key: &[u8], entry: Entry) {
        if index == CHUNK_MAX && chunk + 1 == self.chunks.len() {
            self.push_chunk(entry);
            return;
        }
        let upper = self.chunks[chunk].split(&self.arena);
        self.beginnings.insert(chunk + 1, upper.beginning(&self.arena));
        self.chunks.insert(chunk + 1, upper);
        let lower_len = self.chunks[chunk].len();
        // Between the halves the lower one takes it: it lies before the upper one's first key.
        let (chunk, index) = if index <= lower_len { (chunk, index) } else { (chunk + 1, index - lower_len) };
        let target = Target::new(key, entry.position);
        self.chunks[chunk].share(&target.beginning, &self.beginnings[chunk], &self.arena);
        self.chunks[chunk].insert(index, key, entry);
        if index == 0 {
            self.beginnings[chunk] = target.beginning;
        }
        self.len += 1;
    }
}

#[cfg(test)]
#[path = "memtable_tests.rs"]
mod memtable_tests;
