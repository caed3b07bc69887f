//! Writing a segment: terms in order, each with its documents in order, into pages.
//!
//! It writes into a list of puts; the caller's transaction takes them. A segment may be written in several transactions.

use crate::base::{write_varint, Reader, Result};

use super::super::score::{length_of, FieldModel, Model};
use super::documents::{write_ids, write_lengths, Lengths, Numbers, Row, IDS_PAGE, LENGTHS_PAGE};
use super::impact::ImpactScale;
use super::keys::{IndexKeys, Part};
use super::list::{write_plain, ChunkWriter, Columns};
use super::terms::{write_chunk, PageWriter, Place, TermHead};

/// A page of documents or positions is closed before it would exceed this many bytes.
const STREAM_PAGE: usize = 6 << 10;

/// Keys with their values.
pub(crate) type Puts = Vec<(Vec<u8>, Vec<u8>)>;

/// Bytes in pages, written one after another.
#[derive(Debug)]
struct Stream {
    part: Part,
    page: u32,
    bytes: Vec<u8>,
}

impl Stream {
    /// Where the next bytes go.
    fn place(&self) -> Place {
        Place { page: self.page, offset: self.bytes.len() as u32 }
    }

    /// Makes room for `len` bytes; answers whether they begin a page.
    fn make_room(&mut self, len: usize, keys: &IndexKeys, segment: u32, puts: &mut Puts) -> bool {
        let turns = !self.bytes.is_empty() && self.bytes.len() + len > STREAM_PAGE;
        if turns {
            self.close(keys, segment, puts);
        }
        turns
    }

    fn close(&mut self, keys: &IndexKeys, segment: u32, puts: &mut Puts) {
        if !self.bytes.is_empty() {
            puts.push((keys.page(segment, self.part, self.page), std::mem::take(&mut self.bytes)));
            self.page += 1;
        }
    }
}

/// The lengths of the documents that a writer meets, in ascending order.
#[derive(Debug, Default)]
pub(crate) struct LengthTable {
    pages: Vec<Lengths>,
    /// The first document of each page.
    firsts: Vec<u32>,
    fields: usize,
}

impl LengthTable {
    pub(crate) fn new(pages: Vec<Lengths>, fields: usize) -> Self {
        let firsts = pages.iter().map(|page| page.numbers.iter().next().unwrap_or(0)).collect();
        Self { pages, firsts, fields }
    }

    /// The lengths of rows.
    pub(crate) fn of_rows(rows: &[Row], fields: usize) -> Self {
        let codes =
            (0..fields).flat_map(|field| rows.iter().map(move |row| row.codes.get(field).copied().unwrap_or(0)));
        let numbers = Numbers::of(rows.iter().map(|row| row.number).collect());
        Self::new(vec![Lengths { numbers, codes: codes.collect() }], fields)
    }

    fn find(&self, doc: u32) -> Option<(&Lengths, usize)> {
        let after = self.firsts.partition_point(|first| *first <= doc);
        let page = self.pages.get(after.checked_sub(1)?)?;
        Some((page, page.numbers.place(doc)?))
    }

    /// The greatest impact of a block.
    fn impact(&self, columns: &Columns, units: &Units) -> f32 {
        let mut greatest = 0.0f32;
        for (at, doc) in columns.docs.iter().enumerate() {
            let Some((page, place)) = self.find(*doc) else { return f32::INFINITY };
            let mut impact = 0.0;
            for (field, column) in columns.fields.iter().enumerate().take(self.fields) {
                let count = column.counts.get(at).copied().unwrap_or(0);
                if count > 0 {
                    impact += count.min(0xffff) as f32 * units.of(field, page.code(place, field));
                }
            }
            greatest = greatest.max(impact);
        }
        greatest
    }
}

/// What one occurrence adds to an impact, for each field and length code: a table saves a division for each posting.
#[derive(Debug)]
struct Units(Vec<f32>);

impl Units {
    fn new(model: &Model) -> Self {
        let codes = |field: &FieldModel| (0..=u8::MAX).map(|code| field.unit(length_of(code))).collect::<Vec<_>>();
        Self(model.fields.iter().flat_map(codes).collect())
    }

    fn of(&self, field: usize, code: u8) -> f32 {
        self.0.get(field * 256 + usize::from(code)).copied().unwrap_or(f32::INFINITY)
    }
}

/// A segment in the making: its terms.
#[derive(Debug)]
pub(crate) struct SegmentWriter<'a> {
    keys: IndexKeys,
    segment: u32,
    base: u32,
    units: Units,
    scale: ImpactScale,
    lengths: &'a LengthTable,
    page: PageWriter,
    documents: Stream,
    positions: Stream,
    chunk: ChunkWriter,
    body: Vec<u8>,
    /// The block of the current term that is being filled.
    pub(crate) columns: Columns,
    term: Vec<u8>,
    docs: u32,
    impact: u8,
    /// Where the current term's first chunk lies, once it has one.
    first: Option<(Place, Place)>,
    before_chunk: u32,
    before_block: u32,
    /// What is complete.
    pub(crate) puts: Puts,
}

/// Where writing goes on in another transaction: the next page of documents and of positions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct NextPages {
    pub(crate) documents: u32,
    pub(crate) positions: u32,
}

impl<'a> SegmentWriter<'a> {
    /// A writer of the terms that come after those already written.
    pub(crate) fn new(
        keys: IndexKeys,
        segment: u32,
        base: u32,
        model: &Model,
        lengths: &'a LengthTable,
        next: NextPages,
    ) -> Self {
        Self {
            keys,
            segment,
            base,
            units: Units::new(model),
            scale: ImpactScale::new(model),
            lengths,
            page: PageWriter::default(),
            documents: Stream { part: Part::Documents, page: next.documents, bytes: Vec::new() },
            positions: Stream { part: Part::Positions, page: next.positions, bytes: Vec::new() },
            chunk: ChunkWriter::default(),
            body: Vec::new(),
            columns: Columns::new(model.fields.len()),
            term: Vec::new(),
            docs: 0,
            impact: 0,
            first: None,
            before_chunk: 0,
            before_block: 0,
            puts: Vec::new(),
        }
    }

    /// Begins a term. Its documents go into `columns`, each followed by [`Self::settle`].
    pub(crate) fn begin(&mut self, term: &[u8]) {
        self.term.clear();
        self.term.extend_from_slice(term);
        self.docs = 0;
        self.impact = 0;
        self.first = None;
        self.before_chunk = self.base.wrapping_sub(1);
        self.before_block = self.before_chunk;
        self.columns.clear();
        self.body.clear();
        self.body.push(0);
    }

    /// A document is complete: writes the block if it is full.
    pub(crate) fn settle(&mut self) {
        if self.columns.is_full() {
            self.close_block();
        }
    }

    /// The term has no more documents. `removed` documents of older segments had it and are removed by this one.
    pub(crate) fn end(&mut self, removed: u32) {
        let plain = self.docs == 0 && self.write_plain();
        if !plain {
            self.close_block();
            self.close_chunk();
        }
        if self.docs == 0 && removed == 0 {
            return;
        }
        if let Some(impact) = self.body.first_mut() {
            *impact = self.impact;
        }
        let here = (self.documents.place(), self.positions.place());
        let (documents, positions) = self.first.unwrap_or(here);
        let head = TermHead { docs: self.docs, removed, chunked: !plain, body: &self.body };
        self.page.push(&self.term, head, documents, positions);
        if self.page.is_full() {
            self.close_page();
        }
    }

    fn write_plain(&mut self) -> bool {
        let docs = self.columns.docs.len() as u32;
        if !write_plain(&self.columns, self.base, &mut self.body) {
            return false;
        }
        if docs > 0 {
            self.impact = self.scale.code(self.lengths.impact(&self.columns, &self.units));
        }
        self.docs = docs;
        true
    }

    fn close_block(&mut self) {
        let Some(last) = self.columns.docs.last().copied() else { return };
        let impact = self.scale.code(self.lengths.impact(&self.columns, &self.units));
        self.chunk.push(&self.columns, self.before_block, impact);
        self.docs += self.columns.docs.len() as u32;
        self.before_block = last;
        self.columns.clear();
        if self.chunk.is_full() {
            self.close_chunk();
        }
    }

    fn close_chunk(&mut self) {
        if self.chunk.is_empty() {
            return;
        }
        let (keys, segment) = (self.keys, self.segment);
        let mut bytes = Vec::new();
        self.chunk.write(&mut bytes);
        let positions = std::mem::take(&mut self.chunk.positions);
        let turns = self.documents.make_room(bytes.len(), &keys, segment, &mut self.puts);
        let positions_turn = self.positions.make_room(positions.len(), &keys, segment, &mut self.puts);
        // Where the page of terms begins is written as the place before a turn, so that the turn's mark still counts.
        if self.first.is_none() {
            let before = |stream: &Stream, turns: bool| match turns {
                true => Place { page: stream.page.wrapping_sub(1), offset: 0 },
                false => stream.place(),
            };
            self.first = Some((before(&self.documents, turns), before(&self.positions, positions_turn)));
        }
        let impact = self.chunk.impact;
        let distance = self.before_block.wrapping_sub(self.before_chunk);
        write_chunk(&mut self.body, distance, (bytes.len(), turns), (positions.len(), positions_turn), impact);
        self.documents.bytes.extend_from_slice(&bytes);
        self.positions.bytes.extend_from_slice(&positions);
        self.impact = self.impact.max(impact);
        self.before_chunk = self.before_block;
        self.chunk.clear();
    }

    fn close_page(&mut self) {
        if !self.page.is_empty() {
            let (first, bytes) = self.page.take();
            let mut key = self.keys.part(self.segment, Part::Terms);
            key.extend_from_slice(&first);
            self.puts.push((key, bytes));
        }
    }

    /// Bytes that are complete and not taken yet.
    pub(crate) fn pending(&self) -> usize {
        self.puts.iter().map(|(_, value)| value.len()).sum()
    }

    /// Closes all pages; answers the puts and where to go on.
    pub(crate) fn finish(mut self) -> (Puts, NextPages) {
        self.close_page();
        let (keys, segment) = (self.keys, self.segment);
        self.documents.close(&keys, segment, &mut self.puts);
        self.positions.close(&keys, segment, &mut self.puts);
        (self.puts, NextPages { documents: self.documents.page, positions: self.positions.page })
    }
}

/// The pages of a segment's documents.
pub(crate) fn put_rows(keys: &IndexKeys, segment: u32, rows: &[Row], fields: usize, puts: &mut Puts) {
    for page in rows.chunks(LENGTHS_PAGE) {
        if let Some(first) = page.first() {
            puts.push((keys.page(segment, Part::Lengths, first.number), write_lengths(page, fields)));
        }
    }
    for page in rows.chunks(IDS_PAGE) {
        if let Some(first) = page.first() {
            puts.push((keys.page(segment, Part::Ids, first.number), write_ids(page)));
        }
    }
}

/// The pages of the numbers that a segment removes; they must ascend.
pub(crate) fn put_removed(keys: &IndexKeys, segment: u32, numbers: &[u32], puts: &mut Puts) {
    for page in numbers.chunks(LENGTHS_PAGE) {
        if let Some(first) = page.first() {
            let mut bytes = Vec::new();
            Numbers::write(page, &mut bytes);
            puts.push((keys.page(segment, Part::Removed, *first), bytes));
        }
    }
}

impl NextPages {
    pub(crate) fn write(self, out: &mut Vec<u8>) {
        write_varint(out, self.documents.into());
        write_varint(out, self.positions.into());
    }

    pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Self> {
        Ok(Self { documents: reader.varint_u32()?, positions: reader.varint_u32()? })
    }
}
