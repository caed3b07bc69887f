//! The engine keys of a search index, below the prefix that the collections floor gives it.
//!
//! ```text
//! 04 collection:u32be index:u32be      the index's prefix; after it:
//!   'h'                                the head: counts and segments
//!   'i' id                             the number of the document with that id
//!   'm'                                a merge under way
//!   'g' segment:u32be                  a segment that was merged and still occupies space
//!   's' segment:u32be                  a segment; after it:
//!     'a' number:u32be                 lengths of documents from that number on
//!     'b' number:u32be                 their ids
//!     'c' number:u32be                 numbers of older documents that it removes, from that number on
//!     'd' term                         a page of terms that begins with that one
//!     'e' page:u32be                   a page of documents of terms
//!     'f' page:u32be                   a page of positions
//! ```

use crate::collections::keys;
use crate::engine::KeyRange;

/// The parts of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Part {
    Lengths = b'a' as isize,
    Ids = b'b' as isize,
    Removed = b'c' as isize,
    Terms = b'd' as isize,
    Documents = b'e' as isize,
    Positions = b'f' as isize,
}

/// The keys of one index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct IndexKeys {
    prefix: [u8; keys::INDEX_PREFIX_LEN],
}

impl IndexKeys {
    pub(crate) fn new(collection: u32, index: u32) -> Self {
        Self { prefix: keys::search_prefix(collection, index) }
    }

    fn tagged(&self, tag: u8, rest: &[u8]) -> Vec<u8> {
        [self.prefix.as_slice(), &[tag], rest].concat()
    }

    pub(crate) fn head(&self) -> Vec<u8> {
        self.tagged(b'h', &[])
    }

    pub(crate) fn number(&self, id: &str) -> Vec<u8> {
        self.tagged(b'i', id.as_bytes())
    }

    pub(crate) fn merge(&self) -> Vec<u8> {
        self.tagged(b'm', &[])
    }

    pub(crate) fn garbage(&self, segment: u32) -> Vec<u8> {
        self.tagged(b'g', &segment.to_be_bytes())
    }

    pub(crate) fn garbage_all(&self) -> KeyRange {
        KeyRange::prefix(&self.tagged(b'g', &[]))
    }

    /// The segment of a key of [`Self::garbage_all`].
    pub(crate) fn garbage_segment(key: &[u8]) -> Option<u32> {
        let bytes = key.get(keys::INDEX_PREFIX_LEN + 1..)?;
        Some(u32::from_be_bytes(bytes.try_into().ok()?))
    }

    /// Everything of a segment.
    pub(crate) fn segment(&self, segment: u32) -> KeyRange {
        KeyRange::prefix(&self.tagged(b's', &segment.to_be_bytes()))
    }

    /// What every key of that part of a segment starts with.
    pub(crate) fn part(&self, segment: u32, part: Part) -> Vec<u8> {
        let mut key = self.tagged(b's', &segment.to_be_bytes());
        key.push(part as u8);
        key
    }

    /// Replaces `key` by the name under which a term of a segment is remembered. It is no key of the engine.
    pub(crate) fn term(&self, segment: u32, term: &[u8], key: &mut Vec<u8>) {
        key.clear();
        key.extend_from_slice(&self.prefix);
        key.push(b't');
        key.extend_from_slice(&segment.to_be_bytes());
        key.extend_from_slice(term);
    }

    /// A page by its number.
    pub(crate) fn page(&self, segment: u32, part: Part, number: u32) -> Vec<u8> {
        let mut key = self.part(segment, part);
        key.extend_from_slice(&number.to_be_bytes());
        key
    }

    /// The pages that begin at or before `last`: the last one of them is where `last` is.
    pub(crate) fn upto(&self, segment: u32, part: Part, last: &[u8]) -> KeyRange {
        let start = self.part(segment, part);
        let end = [&start, last, &[0]].concat();
        KeyRange { start, end: Some(end) }
    }
}

/// Bytes of a page's key before what it begins with.
pub(crate) const PART_PREFIX_LEN: usize = keys::INDEX_PREFIX_LEN + 6;
