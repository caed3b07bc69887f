//! The terms of one segment: pages in the order of their bytes, and where the documents of each term lie.
//!
//! Not the documents themselves (`list.rs`), not reading the pages (`term_page.rs`), and not the terms of the index: those are
//! the union of all segments.
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

use crate::base::{write_slice, write_varint, Reader, Result};

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
    pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Self> {
        Ok(Self { page: reader.varint_u32()?, offset: reader.varint_u32()? })
    }

    fn write(self, out: &mut Vec<u8>) {
        write_varint(out, self.page.into());
        write_varint(out, self.offset.into());
    }

    /// The place of the next `bytes`, which begin a new page if `new_page`; moves behind them.
    pub(crate) fn next(&mut self, bytes: u32, new_page: bool) -> Self {
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
