//! The terms of one segment: pages in the order of their bytes, and where the documents of each term lie.
//!
//! Not the documents themselves (`list.rs`), and not the terms of the index: those are the union of all segments.
//!
//! ```text
//! page:
//!   varint  page, varint offset     of the first chunk of documents that a term of this page has
//!   varint  page, varint offset     of its positions
//!   for each term:
//!     varint  shared bytes with the term before, varint length of the rest, the rest
//!     varint  documents × 4 + (2 if some of the term's documents are removed) + (1 if in chunks)
//!     varint  how many are removed, if any
//!     slice   u8 impact code, then the plain list, or for each chunk:
//!       varint  last document - last document of the chunk before (from the segment's base - 1)
//!       varint  bytes × 2 + (1 if it begins a page)
//!       varint  bytes of positions × 2 + (1 if they begin a page)
//!       u8      impact code
//! ```
//!
//! Chunks follow each other in the pages of documents in the order of their terms, so only where a page of terms begins
//! is written down.

use std::ops::Range;

use crate::base::{write_slice, write_varint, Reader, Result};

use super::list::damaged;

/// A page of terms is closed when it has so many bytes.
pub(crate) const TERMS_PAGE: usize = 4096;

/// Where bytes lie: page and offset.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) page: u32,
    pub(crate) offset: u32,
}

impl Place {
    fn read(reader: &mut Reader<'_>) -> Result<Self> {
        Ok(Self { page: reader.varint_u32()?, offset: reader.varint_u32()? })
    }

    fn write(self, out: &mut Vec<u8>) {
        write_varint(out, self.page.into());
        write_varint(out, self.offset.into());
    }

    /// The place of the next `bytes`, which begin a new page if `new_page`; moves behind them.
    fn next(&mut self, bytes: u32, new_page: bool) -> Self {
        if new_page {
            *self = Self { page: self.page.saturating_add(1), offset: 0 };
        }
        let place = *self;
        self.offset = self.offset.saturating_add(bytes);
        place
    }
}

/// One chunk of a term's documents.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Chunk {
    /// The document before its first, from which its numbers count.
    pub(crate) before: u32,
    pub(crate) last: u32,
    pub(crate) place: Place,
    pub(crate) len: u32,
    pub(crate) positions: Place,
    pub(crate) positions_len: u32,
    pub(crate) impact: u8,
}

/// What a page says of a term.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Entry {
    /// Documents that have it in this segment.
    pub(crate) docs: u32,
    /// Documents of older segments that had it and are removed by this one.
    pub(crate) removed: u32,
    /// The code of the greatest impact.
    pub(crate) impact: u8,
    /// The chunks; none if the list is plain.
    pub(crate) chunks: Vec<Chunk>,
    /// The plain list.
    pub(crate) plain: Vec<u8>,
}

/// A page in the making.
#[derive(Debug, Default)]
pub(crate) struct PageWriter {
    bytes: Vec<u8>,
    first: Vec<u8>,
    last: Vec<u8>,
}

impl PageWriter {
    pub(crate) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    pub(crate) fn is_full(&self) -> bool {
        self.bytes.len() >= TERMS_PAGE
    }

    /// Appends a term. `documents` and `positions` are where the next chunk lies, if this is the page's first.
    pub(crate) fn push(&mut self, term: &[u8], head: TermHead<'_>, documents: Place, positions: Place) {
        if self.bytes.is_empty() {
            documents.write(&mut self.bytes);
            positions.write(&mut self.bytes);
            self.first = term.to_vec();
            self.last.clear();
        }
        let shared = crate::engine::key::common_prefix(&self.last, term);
        write_varint(&mut self.bytes, shared as u64);
        write_slice(&mut self.bytes, term.get(shared..).unwrap_or_default());
        self.last.clear();
        self.last.extend_from_slice(term);
        let flags = u64::from(head.removed > 0) << 1 | u64::from(head.chunked);
        write_varint(&mut self.bytes, u64::from(head.docs) << 2 | flags);
        if head.removed > 0 {
            write_varint(&mut self.bytes, head.removed.into());
        }
        write_slice(&mut self.bytes, head.body);
    }

    /// The page's first term and its bytes.
    pub(crate) fn take(&mut self) -> (Vec<u8>, Vec<u8>) {
        (std::mem::take(&mut self.first), std::mem::take(&mut self.bytes))
    }
}

/// What is written of a term.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TermHead<'a> {
    pub(crate) docs: u32,
    pub(crate) removed: u32,
    pub(crate) chunked: bool,
    pub(crate) body: &'a [u8],
}

/// Appends a chunk to a body: the distance of its last document, and for its bytes and its positions how many and
/// whether they begin a page.
pub(crate) fn write_chunk(
    out: &mut Vec<u8>,
    distance: u32,
    documents: (usize, bool),
    positions: (usize, bool),
    impact: u8,
) {
    write_varint(out, distance.into());
    write_varint(out, (documents.0 as u64) << 1 | u64::from(documents.1));
    write_varint(out, (positions.0 as u64) << 1 | u64::from(positions.1));
    out.push(impact);
}

/// Walks the terms of a page, which is handed in again for every step.
#[derive(Clone, Debug, Default)]
pub(crate) struct PageCursor {
    at: usize,
    base: u32,
    documents: Place,
    positions: Place,
    term: Vec<u8>,
    docs: u32,
    removed: u32,
    chunked: bool,
    body: Range<usize>,
}

impl PageCursor {
    /// Goes before the first term of a page in a segment with that base.
    pub(crate) fn open(&mut self, page: &[u8], base: u32) -> Result<()> {
        let mut reader = Reader::new(page);
        self.documents = Place::read(&mut reader)?;
        self.positions = Place::read(&mut reader)?;
        self.at = page.len() - reader.len();
        self.base = base;
        self.term.clear();
        self.chunked = false;
        self.docs = 0;
        Ok(())
    }

    /// Goes to the next term; `false` at the end of the page.
    #[inline]
    pub(crate) fn advance(&mut self, page: &[u8]) -> Result<bool> {
        if self.chunked {
            let body = page.get(self.body.clone()).unwrap_or_default();
            read_chunks(body, self.base, &mut self.documents, &mut self.positions, &mut |_| {})?;
            self.chunked = false;
        }
        let mut reader = Reader::new(page.get(self.at..).unwrap_or_default());
        if reader.is_empty() {
            return Ok(false);
        }
        let shared = reader.varint()?;
        if shared > self.term.len() as u64 {
            return Err(damaged());
        }
        self.term.truncate(shared as usize);
        self.term.extend_from_slice(reader.slice()?);
        let head = reader.varint()?;
        self.docs = u32::try_from(head >> 2).map_err(|_| damaged())?;
        self.removed = if head & 2 != 0 { reader.varint_u32()? } else { 0 };
        self.chunked = head & 1 != 0;
        let body = reader.slice()?;
        self.at = page.len() - reader.len();
        self.body = self.at - body.len()..self.at;
        Ok(true)
    }

    pub(crate) fn term(&self) -> &[u8] {
        &self.term
    }

    pub(crate) fn docs(&self) -> u32 {
        self.docs
    }

    pub(crate) fn removed(&self) -> u32 {
        self.removed
    }

    /// The code of the greatest impact in the segment; 0 if no document of it has the term.
    pub(crate) fn impact(&self, page: &[u8]) -> u8 {
        if self.docs == 0 {
            0
        } else {
            page.get(self.body.start).copied().unwrap_or(u8::MAX)
        }
    }

    /// All that is written of the current term.
    pub(crate) fn entry(&self, page: &[u8]) -> Result<Entry> {
        let body = page.get(self.body.clone()).unwrap_or_default();
        let impact = self.impact(page);
        let mut entry = Entry { docs: self.docs, removed: self.removed, impact, ..Entry::default() };
        if self.chunked {
            let (mut documents, mut positions) = (self.documents, self.positions);
            let chunks = &mut entry.chunks;
            read_chunks(body, self.base, &mut documents, &mut positions, &mut |chunk| chunks.push(chunk))?;
            if entry.chunks.is_empty() {
                return Err(damaged());
            }
        } else {
            entry.plain = body.get(1..).unwrap_or_default().to_vec();
        }
        Ok(entry)
    }

    /// Goes to the first term at or after `term`; `false` if the page has none from the current one on.
    pub(crate) fn seek(&mut self, page: &[u8], term: &[u8]) -> Result<bool> {
        while self.advance(page)? {
            if self.term.as_slice() >= term {
                return Ok(true);
            }
        }
        Ok(false)
    }
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
