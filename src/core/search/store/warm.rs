//! What queries have read of an instance's search indexes, kept for the next ones: heads, terms, pages.
//!
//! Not a source of truth, and never stale: a segment that a head names does not change any more, and its number is never
//! used again. Within a transaction it is not used: what is not committed may be taken back, and its numbers given anew.
//!
//! Rows, pages that are looked for by what is in them, take up to half of the budget. What they leave belongs to entries in four
//! generations: what is used moves to the youngest; when that is full, the oldest goes and a new one begins. So what is used again
//! and again stays if it takes no more than three quarters.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use xxhash_rust::xxh3::xxh3_64;

use crate::base::IdMap;

use super::super::postings::Block;
use super::docs::TermList;
use super::documents::{Ids, Lengths};
use super::index::Opened;
use super::term_page::TermPage;

/// Indexes whose heads are kept.
const HEADS_MAX: usize = 8;
/// Memory that an entry takes besides its content, about.
const ENTRY_BYTES: usize = 96;
/// Rows are looked through for what is not used once in so many that find no room.
const SWEEP_EVERY: u32 = 64;
const GENERATIONS: usize = 4;

/// The memory. Shared by the queries of an instance; changed through `&self`.
#[derive(Debug, Default)]
pub struct Warm {
    budget: usize,
    heads: RefCell<Vec<Rc<Opened>>>,
    entries: RefCell<Generations>,
    spans: RefCell<Vec<Span>>,
    span_bytes: Cell<usize>,
    refused: Cell<u32>,
}

#[derive(Debug, Default)]
struct Generations {
    /// The youngest first.
    entries: [IdMap<Entry>; GENERATIONS],
    bytes: [usize; GENERATIONS],
}

#[derive(Debug)]
struct Entry {
    key: Box<[u8]>,
    kept: Kept,
    bytes: usize,
}

/// Something that was read.
#[derive(Clone, Debug)]
pub(super) enum Kept {
    /// A page of documents or positions.
    Page(Rc<Vec<u8>>),
    /// What a segment knows of a term; `None` if it does not have it.
    Term(Option<Rc<TermList>>),
    /// A block of a term's documents.
    Block(Rc<Block>),
}

/// A page that is looked for by what is in it.
#[derive(Clone, Debug)]
pub(super) enum Row {
    /// The ids of documents with numbers up to that one.
    Ids(u32, Rc<Ids>),
    /// The lengths of documents with numbers up to that one.
    Lengths(u32, Rc<Lengths>),
    Terms(Rc<TermPage>),
}

impl Row {
    /// Whether what a key names, from the first of the page on, would be in it.
    pub(super) fn reaches(&self, name: &[u8]) -> bool {
        let number = |last: u32| name.try_into().is_ok_and(|name| u32::from_be_bytes(name) <= last);
        match self {
            Self::Ids(last, _) | Self::Lengths(last, _) => number(*last),
            Self::Terms(page) => page.reaches(name),
        }
    }

    fn memory(&self) -> usize {
        match self {
            Self::Ids(_, page) => page.memory(),
            Self::Lengths(_, page) => page.memory(),
            Self::Terms(page) => page.memory(),
        }
    }
}

/// A row under its key.
#[derive(Debug)]
struct Span {
    key: Box<[u8]>,
    row: Row,
    used: Cell<bool>,
}

impl Warm {
    /// An empty memory of up to about `budget` bytes.
    pub fn new(budget: usize) -> Self {
        Self { budget, ..Self::default() }
    }

    /// One for a single use, where the instance's must not be used.
    pub fn once() -> Rc<Self> {
        Rc::new(Self::new(1 << 20))
    }

    /// Bytes in use, about.
    pub fn bytes(&self) -> usize {
        let entries = self.entries.borrow();
        let heads: usize = self.heads.borrow().iter().map(|head| head.memory()).sum();
        entries.bytes.iter().sum::<usize>() + self.span_bytes.get() + heads
    }

    /// Forgets everything.
    pub fn clear(&self) {
        self.heads.borrow_mut().clear();
        *self.entries.borrow_mut() = Generations::default();
        self.spans.borrow_mut().clear();
        self.span_bytes.set(0);
    }

    /// The head that `is` says is the one wanted.
    pub(super) fn head(&self, is: impl Fn(&Opened) -> bool) -> Option<Rc<Opened>> {
        self.heads.borrow().iter().find(|head| is(head)).map(Rc::clone)
    }

    /// Keeps a head in the place of the one before of the same index.
    pub(super) fn keep_head(&self, head: &Rc<Opened>) {
        let mut heads = self.heads.borrow_mut();
        heads.retain(|other| other.keys != head.keys);
        if heads.len() >= HEADS_MAX {
            heads.remove(0);
        }
        heads.push(Rc::clone(head));
    }

    /// What is kept under a key.
    pub(super) fn get(&self, key: &[u8]) -> Option<Kept> {
        let id = xxh3_64(key);
        let mut generations = self.entries.borrow_mut();
        let (at, entry) =
            generations.entries.iter().zip(0..).find_map(|(entries, at)| Some((at, entries.get(&id)?)))?;
        let kept = (*entry.key == *key).then(|| entry.kept.clone())?;
        if at > 0 {
            if let Some(entry) = generations.entries[at].remove(&id) {
                generations.bytes[at] -= entry.bytes;
                self.insert(&mut generations, id, entry);
            }
        }
        Some(kept)
    }

    /// Keeps something of about that many bytes.
    pub(super) fn keep(&self, key: &[u8], kept: Kept, bytes: usize) {
        let entry = Entry { key: key.into(), kept, bytes: bytes + key.len() + ENTRY_BYTES };
        self.insert(&mut self.entries.borrow_mut(), xxh3_64(key), entry);
    }

    fn insert(&self, generations: &mut Generations, id: u64, entry: Entry) {
        let Generations { entries, bytes } = generations;
        bytes[0] += entry.bytes;
        if let Some(before) = entries[0].insert(id, entry) {
            bytes[0] -= before.bytes;
        }
        if bytes[0] > self.budget.saturating_sub(self.span_bytes.get()) / GENERATIONS {
            entries.rotate_right(1);
            bytes.rotate_right(1);
            (entries[0], bytes[0]) = (IdMap::default(), 0);
        }
    }

    /// The page under the last key up to this one, if what the key names would be in it. The first `part` bytes are the same
    /// in the keys of all such pages.
    pub(super) fn row(&self, part: usize, key: &[u8]) -> Option<Row> {
        self.row_near(part, key, &mut 0)
    }

    /// The same for what is mostly not far behind the place of the one before, which becomes its own place.
    fn row_near(&self, part: usize, key: &[u8], near: &mut usize) -> Option<Row> {
        let spans = self.spans.borrow();
        let upto = |span: &Span| *span.key <= *key;
        let (mut low, mut step) = (0, spans.len());
        // What is behind that place may lie elsewhere by now: then all are looked through.
        if *near > 0 && spans.get(*near).is_some_and(upto) {
            (low, step) = (*near, 1);
            while spans.get(low + step).is_some_and(upto) {
                low += step;
                step *= 2;
            }
        }
        let ahead = spans.get(low..(low + step).min(spans.len())).unwrap_or_default();
        *near = (low + ahead.partition_point(upto)).checked_sub(1)?;
        let span = spans.get(*near)?;
        if span.key.get(..part) != key.get(..part) || !span.row.reaches(key.get(part..)?) {
            return None;
        }
        span.used.set(true);
        Some(span.row.clone())
    }

    /// That for a page of terms.
    pub(super) fn terms(&self, part: usize, key: &[u8], near: &mut usize) -> Option<Rc<TermPage>> {
        match self.row_near(part, key, near)? {
            Row::Terms(page) => Some(page),
            _ => None,
        }
    }

    /// Keeps a page under its key, while there is room.
    pub(super) fn keep_row(&self, key: &[u8], row: Row) {
        let span = Span { key: key.into(), row, used: Cell::new(true) };
        let bytes = span.bytes();
        if self.span_bytes.get() + bytes > self.budget / 2 {
            self.make_room();
            if self.span_bytes.get() + bytes > self.budget / 2 {
                return;
            }
        }
        let mut spans = self.spans.borrow_mut();
        let at = spans.partition_point(|span| *span.key < *key);
        if spans.get(at).is_none_or(|span| *span.key != *key) {
            spans.insert(at, span);
            self.span_bytes.set(self.span_bytes.get() + bytes);
        }
    }

    /// Lets go of the rows that were not used since the last time; every so often, for it looks at all.
    fn make_room(&self) {
        self.refused.set(self.refused.get() + 1);
        if self.refused.get().is_multiple_of(SWEEP_EVERY) {
            let mut spans = self.spans.borrow_mut();
            spans.retain(|span| span.used.take());
            self.span_bytes.set(spans.iter().map(Span::bytes).sum());
        }
    }
}

impl Span {
    fn bytes(&self) -> usize {
        self.row.memory() + self.key.len() + ENTRY_BYTES
    }
}

#[cfg(test)]
mod tests {
    use super::super::documents::Numbers;
    use super::*;

    const ENTRY: usize = 200;

    /// How many of so many entries are there when all are asked for in turn, again and again.
    fn there(warm: &Warm, entries: u32) -> u32 {
        let page = || Kept::Page(Rc::default());
        let mut there = 0;
        for _ in 0..5 {
            there = 0;
            for key in (0..entries).map(u32::to_be_bytes) {
                match warm.get(&key) {
                    Some(_) => there += 1,
                    None => warm.keep(&key, page(), ENTRY - key.len() - ENTRY_BYTES),
                }
            }
        }
        there
    }

    #[test]
    fn what_is_used_again_and_again_stays_if_it_takes_three_quarters_of_what_rows_leave() {
        let warm = Warm::new(100 * ENTRY);
        assert_eq!(there(&warm, 74), 74);
        assert!(there(&warm, 200) < 200 && warm.bytes() <= 101 * ENTRY, "{} bytes", warm.bytes());
        let page = Lengths { numbers: Numbers::of((0..100).collect()), codes: vec![0; 50 * ENTRY - 200] };
        warm.keep_row(b"row", Row::Lengths(99, Rc::new(page)));
        assert_eq!(there(&warm, 37), 37);
        assert!(there(&warm, 74) < 74 && warm.bytes() <= 101 * ENTRY, "{} bytes", warm.bytes());
        warm.clear();
        assert_eq!((warm.bytes(), there(&warm, 74)), (0, 74));
    }
}
