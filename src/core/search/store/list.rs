//! The documents of one term in one segment, as bytes: blocks of up to 128 documents with frequencies and positions.
//!
//! Not where the bytes lie; see `terms.rs`. A list of a few documents is written plainly, a longer one in *chunks* of
//! blocks whose frequencies and positions lie apart, so that a query without phrases reads no positions.
//!
//! ```text
//! plain, for each document:
//!   varint  number - number before (from the segment's base; the first one + 0)
//!   for each field with the term:  varint (count - 1) × 2F + field × 2 + (1 if it is the last), positions as varints
//! chunk:
//!   varint  number of blocks; for each block:
//!     varint  documents, 1 … 128
//!     varint  last document - last document before
//!     varint  bytes of the block, varint bytes of its positions
//!     u8      impact code
//!   the blocks:     packed (number - number before - 1), varint mask of fields, packed counts of each field of the mask
//!                   (counts - 1 if it is the only one)
//! positions of a chunk, apart: for each block and each field of its mask, packed distances
//! ```
//!
//! A distance is the position minus the one before in the same document and field; the first is the position itself.

use std::rc::Rc;

use crate::base::{read_varint, write_varint, Error, Reader, Result};

use super::super::postings::BLOCK_DOCS;
use super::super::spec::FIELDS_MAX;
use super::pack::{pack, unpack};

/// A block is closed when it has so many positions.
const BLOCK_POSITIONS: usize = 4096;
/// More positions than this in one block are damage: no document has so many terms.
const POSITIONS_MAX: usize = (FIELDS_MAX << 18) + BLOCK_POSITIONS;
/// Lists of up to this many documents are written plainly.
const PLAIN_DOCS: usize = 6;
/// And of up to this many bytes.
const PLAIN_BYTES: usize = 60;
/// A chunk is closed when it has so many bytes, or bytes of positions.
pub(crate) const CHUNK_BYTES: usize = 3072;

/// Documents with frequencies and distances, in columns by field.
#[derive(Clone, Debug, Default)]
pub(crate) struct Columns {
    /// The documents, ascending.
    pub(crate) docs: Vec<u32>,
    /// One for each field of the index.
    pub(crate) fields: Vec<Column>,
}

/// One field's part.
#[derive(Clone, Debug, Default)]
pub(crate) struct Column {
    /// How often the term stands in each document.
    pub(crate) counts: Vec<u32>,
    /// The distances of all documents.
    pub(crate) distances: Vec<u32>,
}

impl Columns {
    pub(crate) fn new(fields: usize) -> Self {
        Self { docs: Vec::new(), fields: vec![Column::default(); fields] }
    }

    pub(crate) fn clear(&mut self) {
        self.docs.clear();
        for field in &mut self.fields {
            field.counts.clear();
            field.distances.clear();
        }
    }

    /// Begins a document without occurrences.
    pub(crate) fn begin(&mut self, doc: u32) {
        self.docs.push(doc);
        self.fields.iter_mut().for_each(|field| field.counts.push(0));
    }

    /// Adds occurrences to the last document: their distances.
    pub(crate) fn add(&mut self, field: usize, distances: &[u32]) {
        if let Some(column) = self.fields.get_mut(field) {
            if let Some(count) = column.counts.last_mut() {
                *count += distances.len() as u32;
                column.distances.extend_from_slice(distances);
            }
        }
    }

    fn positions(&self) -> usize {
        self.fields.iter().map(|field| field.distances.len()).sum()
    }

    /// Whether no further document should go in.
    pub(crate) fn is_full(&self) -> bool {
        self.docs.len() >= BLOCK_DOCS || self.positions() >= BLOCK_POSITIONS
    }

    fn mask(&self) -> u32 {
        let used = self.fields.iter().zip(0..).filter(|(field, _)| !field.distances.is_empty());
        used.fold(0, |mask, (_, at)| mask | 1 << at)
    }
}

/// What a block's header says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct BlockHead {
    /// The document before the first one: what the first distance counts from.
    pub(crate) before: u32,
    /// The last document.
    pub(crate) last: u32,
    /// How many.
    pub(crate) docs: usize,
    /// Where the block begins in the chunk, and its length.
    pub(crate) start: usize,
    pub(crate) len: usize,
    /// Where its positions begin in those of the chunk, and their length.
    pub(crate) positions_start: usize,
    pub(crate) positions_len: usize,
    /// The code of its greatest impact.
    pub(crate) impact: u8,
}

/// A chunk in the making.
#[derive(Debug, Default)]
pub(crate) struct ChunkWriter {
    heads: Vec<u8>,
    blocks: Vec<u8>,
    count: u64,
    scratch: Vec<u32>,
    /// The positions.
    pub(crate) positions: Vec<u8>,
    /// The greatest impact code so far.
    pub(crate) impact: u8,
}

impl ChunkWriter {
    /// Appends a block; `before` is the document before its first one.
    pub(crate) fn push(&mut self, columns: &Columns, before: u32, impact: u8) {
        let (start, positions_start) = (self.blocks.len(), self.positions.len());
        let mut previous = before;
        self.scratch.clear();
        for doc in &columns.docs {
            self.scratch.push(doc.wrapping_sub(previous).wrapping_sub(1));
            previous = *doc;
        }
        pack(&self.scratch, &mut self.blocks);
        let mask = columns.mask();
        write_varint(&mut self.blocks, mask.into());
        for (field, _) in columns.fields.iter().zip(0..).filter(|(_, at)| mask >> at & 1 == 1) {
            if mask.is_power_of_two() {
                self.scratch.clear();
                self.scratch.extend(field.counts.iter().map(|count| count.saturating_sub(1)));
                pack(&self.scratch, &mut self.blocks);
            } else {
                pack(&field.counts, &mut self.blocks);
            }
            pack(&field.distances, &mut self.positions);
        }
        self.count += 1;
        write_varint(&mut self.heads, columns.docs.len() as u64);
        write_varint(&mut self.heads, previous.wrapping_sub(before).into());
        write_varint(&mut self.heads, (self.blocks.len() - start) as u64);
        write_varint(&mut self.heads, (self.positions.len() - positions_start) as u64);
        self.heads.push(impact);
        self.impact = self.impact.max(impact);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Whether the chunk should end here.
    pub(crate) fn is_full(&self) -> bool {
        self.heads.len() + self.blocks.len() >= CHUNK_BYTES || self.positions.len() >= CHUNK_BYTES
    }

    /// The chunk's bytes without positions.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        write_varint(out, self.count);
        out.extend_from_slice(&self.heads);
        out.extend_from_slice(&self.blocks);
    }

    /// Forgets everything but the memory.
    pub(crate) fn clear(&mut self) {
        self.heads.clear();
        self.blocks.clear();
        self.positions.clear();
        self.count = 0;
        self.impact = 0;
    }
}

/// Reads the headers of a chunk whose first document comes after `before`.
///
/// # Errors
/// `Corrupt` if they make no sense.
pub(crate) fn read_heads(chunk: &[u8], mut before: u32) -> Result<Rc<[BlockHead]>> {
    let mut reader = Reader::new(chunk);
    let (mut start, mut positions_start) = (0usize, 0usize);
    let count = reader.count(5)?;
    let mut heads = Vec::with_capacity(count);
    for _ in 0..count {
        let docs = reader.varint_u32()? as usize;
        let last = before.wrapping_add(reader.varint_u32()?);
        let (len, positions_len) = (reader.varint_u32()? as usize, reader.varint_u32()? as usize);
        let impact = reader.u8()?;
        if docs == 0 || docs > BLOCK_DOCS {
            return Err(damaged());
        }
        heads.push(BlockHead { before, last, docs, start, len, positions_start, positions_len, impact });
        start = start.saturating_add(len);
        positions_start = positions_start.saturating_add(positions_len);
        before = last;
    }
    let shift = chunk.len() - reader.len();
    heads.iter_mut().for_each(|head: &mut BlockHead| head.start = head.start.saturating_add(shift));
    Ok(heads.into())
}

/// Reads a block's documents and counts into `columns`, which get no distances. Answers the mask of fields.
///
/// # Errors
/// `Corrupt` if nobody writes such bytes.
pub(crate) fn read_block(chunk: &[u8], head: &BlockHead, columns: &mut Columns) -> Result<u32> {
    columns.clear();
    let end = head.start.saturating_add(head.len);
    let mut block = chunk.get(head.start..end).ok_or_else(damaged)?;
    unpack(&mut block, head.docs, &mut columns.docs)?;
    let mut previous = head.before;
    for doc in &mut columns.docs {
        previous = previous.wrapping_add(*doc).wrapping_add(1);
        *doc = previous;
    }
    if previous != head.last {
        return Err(damaged());
    }
    let mask = u32::try_from(read_varint(&mut block)?).map_err(|_| damaged())?;
    if columns.fields.len() < 32 && mask >> columns.fields.len() != 0 {
        return Err(damaged());
    }
    let mut positions = 0usize;
    for (field, _) in columns.fields.iter_mut().zip(0..).filter(|(_, at)| mask >> at & 1 == 1) {
        unpack(&mut block, head.docs, &mut field.counts)?;
        if mask.is_power_of_two() {
            field.counts.iter_mut().for_each(|count| *count = count.saturating_add(1));
        }
        positions = field.counts.iter().fold(positions, |sum, count| sum.saturating_add(*count as usize));
    }
    if positions > POSITIONS_MAX {
        return Err(damaged());
    }
    Ok(mask)
}

/// Reads the distances of the block that was just read into `columns` from the positions of its chunk.
///
/// # Errors
/// As [`read_block`].
pub(crate) fn read_distances(positions: &[u8], head: &BlockHead, mask: u32, columns: &mut Columns) -> Result<()> {
    let end = head.positions_start.saturating_add(head.positions_len);
    let mut bytes = positions.get(head.positions_start..end).ok_or_else(damaged)?;
    for (field, _) in columns.fields.iter_mut().zip(0..).filter(|(_, at)| mask >> at & 1 == 1) {
        let count = field.counts.iter().fold(0usize, |sum, count| sum.saturating_add(*count as usize));
        field.distances.clear();
        unpack(&mut bytes, count, &mut field.distances)?;
    }
    Ok(())
}

/// Fields outside the mask have no counts after `read_block`: gives them zeros.
pub(crate) fn fill_counts(columns: &mut Columns) {
    let docs = columns.docs.len();
    columns.fields.iter_mut().for_each(|field| field.counts.resize(docs, 0));
}

/// Appends the list plainly if it is short enough; answers whether it was.
pub(crate) fn write_plain(columns: &Columns, base: u32, out: &mut Vec<u8>) -> bool {
    if columns.docs.len() > PLAIN_DOCS || columns.positions() > PLAIN_BYTES {
        return false;
    }
    let start = out.len();
    let mut before = base;
    let mut next = [0usize; FIELDS_MAX];
    let fields = columns.fields.len() as u64;
    for (at, doc) in columns.docs.iter().enumerate() {
        write_varint(out, doc.wrapping_sub(before).into());
        before = *doc;
        let has = |column: &Column| column.counts.get(at).is_some_and(|count| *count > 0);
        let last = columns.fields.iter().rposition(has).unwrap_or(0);
        for (number, (column, next)) in columns.fields.iter().zip(&mut next).enumerate() {
            let count = column.counts.get(at).copied().unwrap_or(0) as usize;
            if count == 0 {
                continue;
            }
            let head = (count as u64 - 1) * 2 * fields + number as u64 * 2 + u64::from(number == last);
            write_varint(out, head);
            for distance in column.distances.iter().skip(*next).take(count) {
                write_varint(out, (*distance).into());
            }
            *next += count;
        }
    }
    if out.len() - start > PLAIN_BYTES {
        out.truncate(start);
        return false;
    }
    true
}

/// Reads a plain list of `docs` documents; `columns` gets counts for all fields, and the distances.
///
/// # Errors
/// `Corrupt` if nobody writes such bytes.
pub(crate) fn read_plain(mut bytes: &[u8], docs: usize, base: u32, columns: &mut Columns) -> Result<()> {
    columns.clear();
    let fields = columns.fields.len() as u64;
    if docs > PLAIN_DOCS || fields == 0 {
        return Err(damaged());
    }
    let mut before = base;
    for _ in 0..docs {
        let distance = u32::try_from(read_varint(&mut bytes)?).map_err(|_| damaged())?;
        before = before.checked_add(distance).ok_or_else(damaged)?;
        columns.begin(before);
        loop {
            let head = read_varint(&mut bytes)?;
            let (count, field, last) = (head / (2 * fields) + 1, head % (2 * fields) / 2, head & 1 == 1);
            let column = columns.fields.get_mut(field as usize).ok_or_else(damaged)?;
            if count > PLAIN_BYTES as u64 {
                return Err(damaged());
            }
            for _ in 0..count {
                column.distances.push(u32::try_from(read_varint(&mut bytes)?).map_err(|_| damaged())?);
            }
            if let Some(total) = column.counts.last_mut() {
                *total += count as u32;
            }
            if last {
                break;
            }
        }
    }
    if !bytes.is_empty() {
        return Err(damaged());
    }
    Ok(())
}

#[cold]
pub(crate) fn damaged() -> Error {
    Error::corrupt("the documents of a term in a search index make no sense")
}
