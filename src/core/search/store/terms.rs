//! The terms of one segment: pages in the order of their bytes, and where the documents of each term lie.
//!
//! Not the documents themselves (`list.rs`), and not the terms of the index: those are the union of all segments.
//!
//! ```text
//! page:
//!   varint  page, varint offset     of the first chunk of documents that a term of this page has
//!   varint  page, varint offset     of its positions
//!   for each term:
//!     varint  shared bytes with the term before (0 at every 16th, a restart), varint length of the rest, the rest
//!     varint  documents × 4 + (2 if some of the term's documents are removed) + (1 if in chunks)
//!     varint  how many are removed, if any
//!     slice   u8 impact code, then the plain list, or for each chunk:
//!       varint  last document - last document of the chunk before (from the segment's base - 1)
//!       varint  bytes × 2 + (1 if it begins a page)
//!       varint  bytes of positions × 2 + (1 if they begin a page)
//!       u8      impact code
//!   for each restart u16 its offset; u16 their number
//! ```
//!
//! Chunks follow each other in the pages of documents in the order of their terms, so only where a page of terms begins
//! is written down.

use std::ops::Range;

use crate::base::{read_varint, write_slice, write_varint, Reader, Result};

use super::list::damaged;

/// A page of terms is closed when it has so many bytes.
pub(crate) const TERMS_PAGE: usize = 4096;
/// Every so many terms one is written whole, so that a search begins there.
const RESTART: usize = 16;

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
    restarts: Vec<u16>,
    terms: usize,
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
            self.restarts.clear();
            self.terms = 0;
        }
        // A page grows beyond 64 KiB only by a single huge entry, behind which it is closed.
        if self.terms.is_multiple_of(RESTART) {
            self.last.clear();
            self.restarts.push(u16::try_from(self.bytes.len()).unwrap_or(u16::MAX));
        }
        self.terms += 1;
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
        let mut bytes = std::mem::take(&mut self.bytes);
        self.restarts.iter().for_each(|offset| bytes.extend_from_slice(&offset.to_le_bytes()));
        bytes.extend_from_slice(&(self.restarts.len() as u16).to_le_bytes());
        (std::mem::take(&mut self.first), bytes)
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
    /// Where the terms end and the restarts begin.
    end: usize,
    base: u32,
    term: Vec<u8>,
    docs: u32,
    removed: u32,
    chunked: bool,
    body: Range<usize>,
    /// Where the chunks of the terms before `placed_at` end: only who asks for chunks adds them up.
    documents: Place,
    positions: Place,
    placed_at: usize,
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

/// Documents, removed ones, whether in chunks, and where the body is.
#[inline]
fn read_head(page: &[u8], at: &mut usize) -> Result<(u64, u64, bool, Range<usize>)> {
    let head = number(page, at)?;
    let removed = if head & 2 != 0 { number(page, at)? } else { 0 };
    Ok((head >> 2, removed, head & 1 != 0, slice_range(page, at)?))
}

impl PageCursor {
    /// Goes before the first term of a page in a segment with that base.
    pub(crate) fn open(&mut self, page: &[u8], base: u32) -> Result<()> {
        let mut reader = Reader::new(page);
        self.documents = Place::read(&mut reader)?;
        self.positions = Place::read(&mut reader)?;
        self.at = page.len() - reader.len();
        self.end = restarts_begin(page).filter(|end| *end >= self.at).ok_or_else(damaged)?;
        self.placed_at = self.at;
        self.base = base;
        self.term.clear();
        self.chunked = false;
        self.docs = 0;
        Ok(())
    }

    /// Goes to the next term; `false` at the end of the page.
    #[inline]
    pub(crate) fn advance(&mut self, page: &[u8]) -> Result<bool> {
        let mut at = self.at;
        if at >= self.end {
            return Ok(false);
        }
        let shared = number(page, &mut at)?;
        if shared > self.term.len() as u64 {
            return Err(damaged());
        }
        let rest = slice_range(page, &mut at)?;
        let (docs, removed, chunked, body) = read_head(page, &mut at)?;
        self.term.truncate(shared as usize);
        self.term.extend_from_slice(page.get(rest).unwrap_or_default());
        self.docs = u32::try_from(docs).map_err(|_| damaged())?;
        self.removed = u32::try_from(removed).map_err(|_| damaged())?;
        self.chunked = chunked;
        self.body = body;
        self.at = at;
        Ok(true)
    }

    /// Adds up the chunks of the terms before the current one.
    fn place(&mut self, page: &[u8]) -> Result<()> {
        loop {
            let mut at = self.placed_at;
            number(page, &mut at)?;
            slice_range(page, &mut at)?;
            let (_, _, chunked, body) = read_head(page, &mut at)?;
            if body.end >= self.body.end {
                return Ok(());
            }
            if chunked {
                let body = page.get(body).unwrap_or_default();
                read_chunks(body, self.base, &mut self.documents, &mut self.positions, &mut |_| {})?;
            }
            self.placed_at = at;
        }
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
    pub(crate) fn entry(&mut self, page: &[u8]) -> Result<Entry> {
        let body = page.get(self.body.clone()).unwrap_or_default();
        let impact = self.impact(page);
        let mut entry = Entry { docs: self.docs, removed: self.removed, impact, ..Entry::default() };
        if self.chunked {
            self.place(page)?;
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

    /// Goes before the last restart ahead whose term is not beyond `term`, if there is one.
    fn jump(&mut self, page: &[u8], term: &[u8]) -> Result<()> {
        let offset = |at: usize| {
            let bytes = page.get(self.end + 2 * at..).and_then(<[u8]>::first_chunk::<2>);
            bytes.map_or(usize::MAX, |bytes| usize::from(u16::from_le_bytes(*bytes)))
        };
        let (mut low, mut high) = (0, page.len().saturating_sub(self.end + 2) / 2);
        while low < high {
            let middle = low.midpoint(high);
            let mut at = offset(middle);
            // Behind the current term there is nothing to look for, so what lies there counts as before `term`.
            let before = at < self.at || {
                if at >= self.end || number(page, &mut at)? != 0 {
                    return Err(damaged());
                }
                let text = slice_range(page, &mut at)?;
                page.get(text).unwrap_or_default() <= term
            };
            if before {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        if let Some(target) = low.checked_sub(1).map(offset).filter(|target| *target > self.at) {
            self.at = target;
            self.term.clear();
        }
        Ok(())
    }

    /// Goes to the first term at or after `term`; `false` if the page has none from the current one on.
    pub(crate) fn seek(&mut self, page: &[u8], term: &[u8]) -> Result<bool> {
        self.jump(page, term)?;
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
