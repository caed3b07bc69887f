//! A page of terms as it is read: its terms at full length, so that looking one up compares and walks nothing.
//!
//! What stands behind a term (documents, chunks) is read when somebody asks. The bytes: `terms.rs`.

use std::cell::{Cell, OnceCell};
use std::ops::Range;

use crate::base::{read_varint, Reader, Result};

use super::super::analyze::TERM_MAX;
use super::list::damaged;
use super::terms::{Chunk, Entry, Place};

/// The page.
#[derive(Debug, Default)]
pub(crate) struct TermPage {
    bytes: Vec<u8>,
    /// The segment's base.
    base: u32,
    /// The terms behind each other.
    text: Vec<u8>,
    /// Where each ends in the text, and where in the page stands what is written of it.
    slots: Vec<Slot>,
    /// From a term on, where the next chunks of documents and of positions are: that of the first term, and where somebody was.
    first: Chunks,
    reached: Cell<Chunks>,
    /// The first term of the page behind this one, once somebody went there; `None` in it if there is none.
    next: OnceCell<Option<Box<[u8]>>>,
}

#[derive(Clone, Copy, Debug)]
struct Slot {
    /// The first bytes of the term: most comparisons end with them.
    lead: u64,
    end: u32,
    head: u32,
}

/// A term of a page, and where the chunks from it on are.
#[derive(Clone, Copy, Debug, Default)]
struct Chunks {
    term: usize,
    documents: Place,
    positions: Place,
}

/// The first eight bytes as a number that sorts as they do; equal numbers say nothing.
#[inline]
fn lead(term: &[u8]) -> u64 {
    match term.first_chunk::<8>() {
        Some(bytes) => u64::from_be_bytes(*bytes),
        None => term.iter().rev().fold(0, |lead, byte| lead >> 8 | u64::from(*byte) << 56),
    }
}

/// What is written of a term, without its chunks.
#[derive(Clone, Debug, Default)]
pub(crate) struct TermEntry {
    pub(crate) docs: u32,
    pub(crate) removed: u32,
    /// The code of the greatest impact in the segment; 0 if no document of it has the term.
    pub(crate) impact: u8,
    chunked: bool,
    body: Range<usize>,
}

impl TermPage {
    /// The page with those bytes in a segment with that base.
    ///
    /// # Errors
    /// `Corrupt` if they make no sense.
    pub(crate) fn read(bytes: Vec<u8>, base: u32) -> Result<Self> {
        let mut reader = Reader::new(&bytes);
        let (documents, positions) = (Place::read(&mut reader)?, Place::read(&mut reader)?);
        let mut at = bytes.len() - reader.len();
        let end = restarts_begin(&bytes).filter(|end| *end >= at).ok_or_else(damaged)?;
        let (mut text, mut slots) = (Vec::new(), Vec::new());
        let mut before = 0..0;
        while at < end {
            let shared = number(&bytes, &mut at)? as usize;
            let rest = slice_range(&bytes, &mut at)?;
            if shared > before.len() || shared + rest.len() > TERM_MAX {
                return Err(damaged());
            }
            let start = text.len();
            text.extend_from_within(before.start..before.start + shared);
            text.extend_from_slice(bytes.get(rest).unwrap_or_default());
            before = start..text.len();
            let lead = lead(text.get(before.clone()).unwrap_or_default());
            slots.push(Slot { lead, end: before.end as u32, head: at as u32 });
            head(&bytes, &mut at)?;
        }
        let first = Chunks { term: 0, documents, positions };
        Ok(Self { bytes, base, text, slots, first, reached: Cell::new(first), next: OnceCell::new() })
    }

    /// How many terms it has.
    pub(crate) fn len(&self) -> usize {
        self.slots.len()
    }

    /// A term; empty if there is none.
    #[inline]
    pub(crate) fn term(&self, at: usize) -> &[u8] {
        let start = at.checked_sub(1).and_then(|before| self.slots.get(before)).map_or(0, |slot| slot.end);
        let end = self.slots.get(at).map_or(start, |slot| slot.end);
        self.text.get(start as usize..end as usize).unwrap_or_default()
    }

    /// Whether the term at a place is before `term`, whose lead that is. There must be one.
    #[inline]
    fn is_before(&self, at: usize, lead: u64, term: &[u8]) -> bool {
        let own = self.slots.get(at).map_or(0, |slot| slot.lead);
        own < lead || (own == lead && self.term(at) < term)
    }

    /// Whether the page, or the gap behind it, is where `term` would be, if it is not before the first term.
    pub(crate) fn reaches(&self, term: &[u8]) -> bool {
        let before_next = |next: &Option<Box<[u8]>>| next.as_ref().is_none_or(|next| term < &**next);
        let last = self.len().checked_sub(1);
        last.is_some_and(|last| !self.is_before(last, lead(term), term)) || self.next.get().is_some_and(before_next)
    }

    /// The first term of the page behind; `None` if nobody went there, `None` in it if there is none.
    pub(crate) fn next(&self) -> Option<Option<&[u8]>> {
        self.next.get().map(Option::as_deref)
    }

    /// Notes the first term of the page behind.
    pub(crate) fn set_next(&self, next: Option<&[u8]>) {
        self.next.get_or_init(|| next.map(Box::from));
    }

    /// Where the first term at or after `term` is, from a place on: mostly it is near.
    pub(crate) fn seek(&self, from: usize, term: &[u8]) -> usize {
        let (mut low, mut step, lead) = (from, 1, lead(term));
        while low + step <= self.len() && self.is_before(low + step - 1, lead, term) {
            low += step;
            step *= 2;
        }
        let mut high = (low + step - 1).min(self.len());
        while low < high {
            let middle = low.midpoint(high);
            if self.is_before(middle, lead, term) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        low
    }

    /// What is written of a term, without its chunks.
    pub(crate) fn entry(&self, at: usize) -> TermEntry {
        let mut place = self.slots.get(at).map_or(usize::MAX, |slot| slot.head as usize);
        head(&self.bytes, &mut place).unwrap_or_default()
    }

    /// All that is written of a term.
    ///
    /// # Errors
    /// `Corrupt` if it makes no sense.
    pub(crate) fn whole_entry(&self, at: usize) -> Result<Entry> {
        let own = self.entry(at);
        let mut entry = Entry { docs: own.docs, removed: own.removed, impact: own.impact, ..Entry::default() };
        let body = |entry: TermEntry| self.bytes.get(entry.body).unwrap_or_default();
        if !own.chunked {
            entry.plain = body(own).get(1..).unwrap_or_default().to_vec();
            return Ok(entry);
        }
        // Chunks follow each other in the order of the terms, and terms are mostly asked for in it.
        let reached = self.reached.get();
        let Chunks { term, mut documents, mut positions } = if reached.term <= at { reached } else { self.first };
        for before in term..at {
            let before = self.entry(before);
            if before.chunked {
                read_chunks(body(before), self.base, &mut documents, &mut positions, &mut |_| {})?;
            }
        }
        let chunks = &mut entry.chunks;
        read_chunks(body(own), self.base, &mut documents, &mut positions, &mut |chunk| chunks.push(chunk))?;
        if entry.chunks.is_empty() {
            return Err(damaged());
        }
        self.reached.set(Chunks { term: at + 1, documents, positions });
        Ok(entry)
    }

    /// Bytes of memory.
    pub(crate) fn memory(&self) -> usize {
        self.bytes.capacity() + self.text.capacity() + self.slots.capacity() * size_of::<Slot>()
    }
}

/// Where the restarts of a page begin.
fn restarts_begin(page: &[u8]) -> Option<usize> {
    let (_, count) = page.split_last_chunk::<2>()?;
    page.len().checked_sub(2 + 2 * usize::from(u16::from_le_bytes(*count)))
}

/// A number, mostly of one byte.
#[inline]
fn number(page: &[u8], at: &mut usize) -> Result<u64> {
    match page.get(*at) {
        Some(byte) if *byte < 0x80 => {
            *at += 1;
            Ok(u64::from(*byte))
        }
        _ => {
            let mut rest = page.get(*at..).unwrap_or_default();
            let value = read_varint(&mut rest)?;
            *at = page.len() - rest.len();
            Ok(value)
        }
    }
}

/// A slice after its length.
#[inline]
fn slice_range(page: &[u8], at: &mut usize) -> Result<Range<usize>> {
    let len = usize::try_from(number(page, at)?).unwrap_or(usize::MAX);
    let end = at.checked_add(len).filter(|end| *end <= page.len()).ok_or_else(damaged)?;
    let range = *at..end;
    *at = end;
    Ok(range)
}

/// What stands behind a term.
fn head(page: &[u8], at: &mut usize) -> Result<TermEntry> {
    let head = number(page, at)?;
    let removed = if head & 2 != 0 { number(page, at)? } else { 0 };
    let body = slice_range(page, at)?;
    let docs = u32::try_from(head >> 2).map_err(|_| damaged())?;
    let removed = u32::try_from(removed).map_err(|_| damaged())?;
    let impact = if docs == 0 { 0 } else { page.get(body.start).copied().unwrap_or(u8::MAX) };
    Ok(TermEntry { docs, removed, impact, chunked: head & 1 != 0, body })
}

fn read_chunks(
    body: &[u8],
    base: u32,
    documents: &mut Place,
    positions: &mut Place,
    each: &mut dyn FnMut(Chunk),
) -> Result<()> {
    let mut reader = Reader::new(body);
    reader.u8()?;
    let mut before = base.wrapping_sub(1);
    while !reader.is_empty() {
        let last = before.wrapping_add(reader.varint_u32()?);
        let (len, positions_len) = (reader.varint_u32()?, reader.varint_u32()?);
        let place = documents.next(len >> 1, len & 1 == 1);
        let positions = positions.next(positions_len >> 1, positions_len & 1 == 1);
        let impact = reader.u8()?;
        each(Chunk { before, last, place, len: len >> 1, positions, positions_len: positions_len >> 1, impact });
        before = last;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::super::terms::{PageWriter, TermHead};
    use super::*;

    fn check(terms: &BTreeSet<Vec<u8>>, wanted: &[u8], from: usize) {
        let mut writer = PageWriter::default();
        for term in terms {
            let head = TermHead { docs: 1, removed: 0, chunked: false, body: &[7, 1, 1] };
            writer.push(term, head, Place::default(), Place::default());
        }
        let page = TermPage::read(writer.take().1, 0).unwrap();
        let sorted: Vec<&[u8]> = terms.iter().map(Vec::as_slice).collect();
        assert_eq!((0..page.len()).map(|at| page.term(at)).collect::<Vec<_>>(), sorted);
        let from = from.min(sorted.partition_point(|term| *term < wanted));
        assert_eq!(page.seek(from, wanted), sorted.partition_point(|term| *term < wanted));
        assert_eq!(page.reaches(wanted), sorted.last().is_some_and(|last| *last >= wanted));
        assert!((0..page.len()).all(|at| page.whole_entry(at).is_ok_and(|entry| entry.docs == 1 && entry.impact == 7)));
    }

    proptest! {
        #[test]
        fn terms_are_found_where_they_are(
            terms in prop::collection::btree_set(prop::collection::vec(0u8..3, 1..14), 1..80),
            wanted in prop::collection::vec(0u8..3, 0..14),
            from in 0usize..80,
        ) {
            check(&terms, &wanted, from);
        }
    }
}
