//! A piece of the memtable's sorted list: descriptors of up to 128 entries, and a word of each key to search by.
//!
//! It knows where entries lie in the arena, not what they mean.

use std::cmp::Ordering;

use super::arena::{Arena, Place};
use super::key::{compare_inline, word_at};

/// Entries in a chunk before it splits. Smaller moves less at an insert, larger keeps the list of chunks short.
pub(crate) const CHUNK_MAX: usize = 128;
/// A search looks at every so many words first: far apart they can be fetched at the same time.
const STRIDE: usize = 16;
/// Bytes in a [`Beginning`].
const BEGINNING_LEN: usize = 48;
/// A split takes new words from the keys only if the old ones still share so many of their eight bytes: fetching all
/// keys costs more than comparing a few.
const STALE_BYTES: usize = 6;
const DELETE: u32 = u32::MAX;

/// The first 48 bytes of a key (enough for a collection and a UUID) as numbers that order like them; zeros where the
/// key has ended.
pub(crate) type Beginning = [u64; 6];

/// Where an entry's bytes are.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry {
    pub(crate) position: u64,
    place: Place,
    key_len: u32,
    /// [`DELETE`] for a tombstone.
    value_len: u32,
}

/// Entries in order: keys ascending, positions of one key descending.
#[derive(Clone, Debug)]
pub(crate) struct Chunk {
    /// How many leading bytes all keys share, at least, where a short key counts as followed by zeros. At most as many
    /// as a [`Beginning`] has.
    skip: usize,
    /// The eight bytes of each key after the shared ones.
    words: Vec<u64>,
    /// Never empty.
    entries: Vec<Entry>,
}

/// What is looked for: a key at a position.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Target<'a> {
    pub(crate) key: &'a [u8],
    pub(crate) beginning: Beginning,
    pub(crate) position: u64,
}

impl<'a> Target<'a> {
    pub(crate) fn new(key: &'a [u8], position: u64) -> Self {
        Self { key, beginning: beginning_of(key), position }
    }

    /// How `entry` orders to the target.
    #[inline]
    pub(crate) fn order_of(&self, entry: &Entry, arena: &Arena) -> Ordering {
        compare_inline(entry.key(arena), self.key).then(self.position.cmp(&entry.position))
    }
}

impl Entry {
    /// Copies key and value into the arena.
    #[inline]
    pub(crate) fn new(key: &[u8], position: u64, value: Option<&[u8]>, arena: &mut Arena) -> Self {
        let bytes = value.unwrap_or_default();
        Self {
            position,
            place: arena.push(key, bytes),
            key_len: key.len() as u32,
            value_len: if value.is_some() { bytes.len() as u32 } else { DELETE },
        }
    }

    /// Gives its bytes back, if they are the last of the arena.
    pub(crate) fn take_back(&self, arena: &mut Arena) {
        let value = if self.value_len == DELETE { 0 } else { self.value_len };
        arena.take_back(self.place, self.key_len as usize + value as usize);
    }

    #[inline]
    pub(crate) fn key<'a>(&self, arena: &'a Arena) -> &'a [u8] {
        arena.get(self.place, 0, self.key_len)
    }

    #[inline]
    pub(crate) fn value<'a>(&self, arena: &'a Arena) -> Option<&'a [u8]> {
        (self.value_len != DELETE).then(|| arena.get(self.place, self.key_len, self.value_len))
    }
}

impl Chunk {
    /// A chunk of one entry.
    pub(crate) fn new(entry: Entry, arena: &Arena) -> Self {
        let mut chunk = Self { skip: 0, words: vec![0], entries: vec![entry] };
        chunk.rebase(BEGINNING_LEN, arena);
        chunk
    }

    /// Bytes of memory held.
    pub(crate) fn bytes(&self) -> usize {
        size_of::<Self>() + self.entries.capacity() * (size_of::<Entry>() + size_of::<u64>())
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    #[inline]
    pub(crate) fn entry(&self, index: usize) -> Option<&Entry> {
        self.entries.get(index)
    }

    pub(crate) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    pub(crate) fn replace(&mut self, index: usize, entry: Entry) -> Entry {
        std::mem::replace(&mut self.entries[index], entry)
    }

    pub(crate) fn remove(&mut self, index: usize) -> Entry {
        self.words.remove(index);
        self.entries.remove(index)
    }

    /// Whether two entries differ in their words, and so in their keys.
    #[inline]
    pub(crate) fn words_differ(&self, a: usize, b: usize) -> bool {
        self.words.get(a) != self.words.get(b)
    }

    /// The beginning of the first key.
    pub(crate) fn beginning(&self, arena: &Arena) -> Beginning {
        self.entries.first().map(|first| beginning_of(first.key(arena))).unwrap_or_default()
    }

    /// The index of the first entry at or after `target`, and whether it is exactly that. `first` is the beginning of
    /// the chunk's first key.
    #[inline]
    pub(crate) fn lower_bound(&self, target: &Target<'_>, first: &Beginning, arena: &Arena) -> (usize, bool) {
        if common_beginning(first, &target.beginning) < self.skip {
            // The key is outside of what the chunk shares: before all of it or after all of it.
            return (if target.beginning < *first { 0 } else { self.entries.len() }, false);
        }
        let word = word_at(target.key, self.skip);
        let mut index = self.lower_bound_word(word);
        let ties = self.words.get(index..).unwrap_or_default().iter().take_while(|&&other| other == word).count();
        if ties > 1 {
            let tied = self.entries.get(index..index + ties).unwrap_or_default();
            index += tied.partition_point(|entry| target.order_of(entry, arena).is_lt());
            return (index, self.entry(index).is_some_and(|entry| target.order_of(entry, arena).is_eq()));
        }
        match self.entry(index).filter(|_| ties == 1).map(|entry| target.order_of(entry, arena)) {
            Some(Ordering::Less) => (index + 1, false),
            order => (index, order == Some(Ordering::Equal)),
        }
    }

    /// The index of the first word that is not less.
    #[inline]
    fn lower_bound_word(&self, word: u64) -> usize {
        let strides = self.words.iter().skip(STRIDE - 1).step_by(STRIDE).filter(|&&other| other < word).count();
        let start = strides * STRIDE;
        let rest = self.words.get(start..).unwrap_or_default();
        start + rest.iter().take(STRIDE).filter(|&&other| other < word).count()
    }

    /// Makes room in what the chunk shares for a key with that beginning. `first` is that of the first key.
    #[inline]
    pub(crate) fn share(&mut self, beginning: &Beginning, first: &Beginning, arena: &Arena) {
        let shared = common_beginning(first, beginning);
        if shared < self.skip {
            self.rebase(shared, arena);
        }
    }

    /// Inserts an entry whose key shares what the chunk shares.
    #[inline]
    pub(crate) fn insert(&mut self, index: usize, key: &[u8], entry: Entry) {
        self.words.insert(index, word_at(key, self.skip));
        self.entries.insert(index, entry);
    }

    /// Splits off the upper half.
    pub(crate) fn split(&mut self, arena: &Arena) -> Self {
        let half = CHUNK_MAX / 2;
        let mut upper =
            Self { skip: self.skip, words: Vec::with_capacity(CHUNK_MAX), entries: Vec::with_capacity(CHUNK_MAX) };
        upper.words.extend(self.words.drain(half..));
        upper.entries.extend(self.entries.drain(half..));
        self.refresh(arena);
        upper.refresh(arena);
        upper
    }

    /// Takes words further into the keys if these tell too little.
    fn refresh(&mut self, arena: &Arena) {
        if let [first, .., last] = self.entries[..] {
            let shared = common_beginning(&beginning_of(first.key(arena)), &beginning_of(last.key(arena)));
            if shared >= self.skip + STALE_BYTES {
                self.rebase(shared, arena);
            }
        }
    }

    fn rebase(&mut self, skip: usize, arena: &Arena) {
        self.skip = skip;
        for (word, entry) in self.words.iter_mut().zip(&self.entries) {
            *word = word_at(entry.key(arena), skip);
        }
    }
}

#[inline]
fn beginning_of(key: &[u8]) -> Beginning {
    std::array::from_fn(|index| word_at(key, index * 8))
}

/// How many leading bytes two beginnings have in common.
#[inline]
fn common_beginning(a: &Beginning, b: &Beginning) -> usize {
    for (index, (a, b)) in a.iter().zip(b).enumerate() {
        if a != b {
            return index * 8 + (a ^ b).leading_zeros() as usize / 8;
        }
    }
    BEGINNING_LEN
}
