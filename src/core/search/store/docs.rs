//! Walks the documents of one term through all segments, block by block.
//!
//! It scores nothing. Pages are read when a block of them is asked for, positions only when a query asks for positions.

use std::cell::{OnceCell, RefCell};
use std::rc::{Rc, Weak};

use crate::base::Result;
use crate::engine::Step;

use super::super::postings::{Block, DocNumber, TermDocs, TermStats, BLOCK_DOCS, NO_DOC};
use super::index::{PageName, StoredPostings};
use super::keys::Part;
use super::list::{damaged, fill_counts, read_block, read_distances, read_heads, read_plain, BlockHead, Columns};
use super::terms::{Chunk, Entry, Place};

/// Memory of the documents of a plain list, about.
const PLAIN_BLOCK_BYTES: usize = 160;

/// What a segment has of a term, with the headers of the chunks that somebody has read.
#[derive(Debug)]
pub(super) struct TermList {
    pub(super) entry: Entry,
    /// The documents of a plain list.
    block: OnceCell<Rc<Block>>,
    chunks: RefCell<Vec<Option<Rc<OpenChunk>>>>,
}

/// A chunk that was looked at.
#[derive(Debug)]
struct OpenChunk {
    heads: Rc<[BlockHead]>,
    /// For each of these the block, while somebody keeps it: what keeps it is asked by name otherwise.
    blocks: RefCell<Box<[Weak<Block>]>>,
}

impl OpenChunk {
    fn new(heads: Rc<[BlockHead]>) -> Self {
        let blocks = RefCell::new(heads.iter().map(|_| Weak::new()).collect());
        Self { heads, blocks }
    }

    fn block(&self, at: usize) -> Option<Rc<Block>> {
        self.blocks.borrow().get(at)?.upgrade()
    }

    fn remember(&self, at: usize, block: &Rc<Block>) {
        if let Some(slot) = self.blocks.borrow_mut().get_mut(at) {
            *slot = Rc::downgrade(block);
        }
    }
}

/// Memory of a header, and of a block that is remembered but gone.
const HEAD_BYTES: usize = size_of::<BlockHead>() + size_of::<Weak<Block>>() + size_of::<Block>() + 16;

impl TermList {
    pub(super) fn new(entry: Entry) -> Rc<Self> {
        let chunks = RefCell::new(vec![None; entry.chunks.len()]);
        Rc::new(Self { entry, block: OnceCell::new(), chunks })
    }

    /// Bytes of memory, about, once all headers are read.
    pub(super) fn memory(&self) -> usize {
        let Entry { docs, chunks, plain, .. } = &self.entry;
        let read = match chunks.len() {
            0 => PLAIN_BLOCK_BYTES,
            chunks => (*docs as usize / BLOCK_DOCS + chunks) * HEAD_BYTES,
        };
        size_of::<Self>() + plain.capacity() + chunks.capacity() * size_of::<Chunk>() + read
    }
}

/// The list of a term in the segment with that place in the head.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) segment: usize,
    pub(super) list: Rc<TermList>,
}

/// A page that was read, and which.
#[derive(Debug, Default)]
struct Page {
    page: Option<(PageName, Rc<Vec<u8>>)>,
}

impl Page {
    /// The bytes at a place of a segment.
    fn read(&mut self, index: &StoredPostings<'_>, name: PageName, place: Place, len: u32) -> Step<&[u8]> {
        if self.page.as_ref().is_none_or(|(own, _)| *own != name) {
            self.page = Some((name, index.page(name)?));
        }
        let start = place.offset as usize;
        let bytes = self.page.as_ref().and_then(|(_, page)| page.get(start..start.saturating_add(len as usize)));
        Ok(bytes.ok_or_else(damaged)?)
    }
}

/// The walk.
pub(super) struct StoredDocs<'a, 'v> {
    index: &'a StoredPostings<'v>,
    parts: Vec<Found>,
    stats: TermStats,
    /// The current segment among `parts`, the chunk in it, the block in that.
    part: usize,
    chunk: usize,
    block: usize,
    /// The chunk that is open, and which that is.
    opened: Option<Rc<OpenChunk>>,
    open: Option<(usize, usize)>,
    page: Page,
    positions_page: Page,
    /// Without fields before the first use.
    columns: Columns,
    /// The block whose documents are in `columns`, with its mask of fields; and whether the distances are as well.
    decoded: Option<(usize, usize, usize)>,
    mask: u32,
    has_distances: bool,
    /// The places in `columns` of the documents that were handed out.
    kept: Vec<u32>,
    /// Whether those are not all.
    filtered: bool,
    last: DocNumber,
    impact: f32,
}

impl<'a, 'v> StoredDocs<'a, 'v> {
    pub(super) fn new(index: &'a StoredPostings<'v>, mut parts: Vec<Found>, stats: TermStats) -> Self {
        parts.retain(|part| part.list.entry.docs > 0);
        Self {
            index,
            parts,
            stats,
            part: 0,
            chunk: 0,
            block: 0,
            opened: None,
            open: None,
            page: Page::default(),
            positions_page: Page::default(),
            columns: Columns::default(),
            decoded: None,
            mask: 0,
            has_distances: false,
            kept: Vec::new(),
            filtered: false,
            last: 0,
            impact: f32::INFINITY,
        }
    }

    /// Begins anew with other parts, which the caller puts into the answer.
    pub(super) fn restart(&mut self) -> &mut Vec<Found> {
        (self.part, self.chunk, self.block) = (0, 0, 0);
        (self.open, self.decoded) = (None, None);
        self.parts.clear();
        &mut self.parts
    }

    /// The headers of the open chunk.
    fn heads(&self) -> &[BlockHead] {
        self.opened.as_ref().map_or(&[], |chunk| &chunk.heads)
    }

    fn segment(&self, part: &Found) -> Result<(u32, u32)> {
        let segment = self.index.segments().get(part.segment).ok_or_else(damaged)?;
        Ok((segment.id, segment.base))
    }

    /// Decodes the plain list of the current part.
    fn decode_plain(&mut self) -> Step<()> {
        let name = Some((self.part, 0, 0));
        if self.decoded != name {
            let part = self.parts.get(self.part).ok_or_else(damaged)?;
            let (_, base) = self.segment(part)?;
            self.decoded = None;
            let entry = &part.list.entry;
            read_plain(&entry.plain, entry.docs as usize, base, &mut self.columns)?;
            self.mask = u32::MAX;
            self.has_distances = true;
            self.decoded = name;
        }
        Ok(())
    }

    /// Reads the headers of the current chunk.
    fn open_chunk(&mut self, chunk: Chunk) -> Step<()> {
        let name = Some((self.part, self.chunk));
        if self.open != name {
            let part = self.parts.get(self.part).ok_or_else(damaged)?;
            let (segment, _) = self.segment(part)?;
            let list = Rc::clone(&part.list);
            let known = list.chunks.borrow().get(self.chunk).and_then(Option::clone);
            self.opened = Some(match known {
                Some(opened) => opened,
                None => {
                    let Self { index, page, .. } = self;
                    let name = (segment, Part::Documents, chunk.place.page);
                    let wanted_next = [chunk.before.wrapping_add(1), chunk.last];
                    let bytes = page.read(index, name, chunk.place, chunk.len);
                    let bytes = bytes.map_err(|pause| index.with_lengths(pause, wanted_next))?;
                    let opened = Rc::new(OpenChunk::new(read_heads(bytes, chunk.before)?));
                    if let Some(slot) = list.chunks.borrow_mut().get_mut(self.chunk) {
                        *slot = Some(Rc::clone(&opened));
                    }
                    opened
                }
            });
            self.block = 0;
            self.open = name;
        }
        Ok(())
    }

    fn current_chunk(&self) -> Result<(u32, Chunk)> {
        let part = self.parts.get(self.part).ok_or_else(damaged)?;
        let chunk = part.list.entry.chunks.get(self.chunk).ok_or_else(damaged)?;
        Ok((self.segment(part)?.0, *chunk))
    }

    fn is_plain(&self) -> bool {
        self.parts.get(self.part).is_some_and(|part| part.list.entry.chunks.is_empty())
    }

    fn next_part(&mut self) {
        self.part += 1;
        self.chunk = 0;
        self.block = 0;
    }

    /// Decodes the documents of the current block.
    fn decode(&mut self) -> Step<()> {
        if self.columns.fields.is_empty() {
            self.columns = Columns::new(self.index.fields);
        }
        if self.is_plain() {
            return self.decode_plain();
        }
        let name = Some((self.part, self.chunk, self.block));
        if self.decoded == name {
            return Ok(());
        }
        let (segment, chunk) = self.current_chunk()?;
        let head = *self.heads().get(self.block).ok_or_else(damaged)?;
        let Self { index, page, columns, .. } = self;
        let bytes = page.read(index, (segment, Part::Documents, chunk.place.page), chunk.place, chunk.len)?;
        self.decoded = None;
        self.mask = read_block(bytes, &head, columns)?;
        self.has_distances = false;
        self.decoded = name;
        Ok(())
    }

    /// Everything of the segments' current block, in all columns, and moves to the next one. For merging: no lengths are
    /// looked up.
    pub(super) fn next_whole(&mut self) -> Step<Option<&Columns>> {
        loop {
            let Some(part) = self.parts.get(self.part) else { return Ok(None) };
            let Entry { docs, chunks, .. } = &part.list.entry;
            if chunks.is_empty() && *docs > 0 {
                break;
            }
            let Some(chunk) = chunks.get(self.chunk).copied() else {
                self.next_part();
                continue;
            };
            self.open_chunk(chunk)?;
            if self.block < self.heads().len() {
                break;
            }
            self.chunk += 1;
        }
        self.decode()?;
        self.load_distances()?;
        if !self.is_plain() {
            fill_counts(&mut self.columns);
        }
        self.step_over();
        Ok(Some(&self.columns))
    }

    /// Moves behind the current block.
    fn step_over(&mut self) {
        if self.is_plain() {
            self.next_part();
            return;
        }
        self.block += 1;
        if self.block >= self.heads().len() {
            self.chunk += 1;
            self.block = 0;
        }
    }

    /// The documents of the current block, those that were removed included.
    fn block(&mut self) -> Step<Rc<Block>> {
        if self.is_plain() {
            let part = self.parts.get(self.part).ok_or_else(damaged)?;
            let list = Rc::clone(&part.list);
            if let Some(block) = list.block.get() {
                return Ok(Rc::clone(block));
            }
            let block = Rc::new(self.decode_block()?);
            return Ok(Rc::clone(list.block.get_or_init(|| block)));
        }
        let opened = Rc::clone(self.opened.as_ref().ok_or_else(damaged)?);
        if let Some(block) = opened.block(self.block) {
            return Ok(block);
        }
        let (segment, chunk) = self.current_chunk()?;
        let head = *self.heads().get(self.block).ok_or_else(damaged)?;
        let name = (segment, Part::Documents, chunk.place.page);
        let (index, at) = (self.index, self.block);
        let offset = (chunk.place.offset as usize).saturating_add(head.start);
        let block = index.block(name, offset, || self.decode_block())?;
        opened.remember(at, &block);
        Ok(block)
    }

    fn decode_block(&mut self) -> Step<Block> {
        self.decode()?;
        let Self { index, columns, mask, .. } = self;
        let mut block = Block::new(columns.docs.clone());
        for (field, column) in columns.fields.iter().enumerate() {
            if *mask >> field & 1 == 0 || column.counts.is_empty() {
                continue;
            }
            let counts = column.counts.iter().map(|count| (*count).min(0xffff) as u16).collect();
            let mut codes = vec![0; columns.docs.len()];
            index.lengths(field, &columns.docs, &mut codes)?;
            block.push_column(field, counts, codes);
        }
        Ok(block)
    }

    fn load_distances(&mut self) -> Step<()> {
        if self.has_distances {
            return Ok(());
        }
        let (segment, chunk) = self.current_chunk()?;
        let head = *self.heads().get(self.block).ok_or_else(damaged)?;
        let Self { index, positions_page, columns, mask, .. } = self;
        let (place, len) = (chunk.positions, chunk.positions_len);
        let bytes = positions_page.read(index, (segment, Part::Positions, place.page), place, len)?;
        read_distances(bytes, &head, *mask, columns)?;
        self.has_distances = true;
        Ok(())
    }
}

impl TermDocs for StoredDocs<'_, '_> {
    fn stats(&self) -> TermStats {
        self.stats
    }

    fn seek(&mut self, doc: DocNumber) -> Step<bool> {
        loop {
            let Some(part) = self.parts.get(self.part) else {
                self.last = NO_DOC;
                return Ok(false);
            };
            let segment = part.segment;
            if part.list.entry.chunks.is_empty() {
                let code = part.list.entry.impact;
                let last = self.block()?.docs().last().copied().unwrap_or(0);
                if last >= doc {
                    self.last = last;
                    self.impact = self.index.impact(segment, code);
                    return Ok(true);
                }
                self.next_part();
                continue;
            }
            let ahead = part.list.entry.chunks.iter().skip(self.chunk);
            let Some(skip) = ahead.clone().position(|chunk| chunk.last >= doc) else {
                self.next_part();
                continue;
            };
            let Some(chunk) = part.list.entry.chunks.get(self.chunk + skip).copied() else { continue };
            if skip > 0 {
                self.chunk += skip;
                self.block = 0;
            }
            self.open_chunk(chunk)?;
            let found = self.heads().iter().skip(self.block).position(|head| head.last >= doc);
            let Some(found) = found else {
                self.chunk += 1;
                self.block = 0;
                continue;
            };
            self.block += found;
            let head = self.heads().get(self.block).copied().unwrap_or_default();
            self.last = head.last;
            self.impact = self.index.impact(segment, head.impact);
            return Ok(true);
        }
    }

    fn last(&self) -> DocNumber {
        self.last
    }

    fn impact(&self) -> f32 {
        self.impact
    }

    fn read(&mut self) -> Step<Rc<Block>> {
        let block = self.block()?;
        self.kept.clear();
        let mut removed = self.index.removed_within(block.docs());
        self.filtered = !removed.is_empty();
        if !self.filtered {
            return Ok(block);
        }
        for (doc, at) in block.docs().iter().zip(0..) {
            while removed.first().is_some_and(|number| number < doc) {
                removed = removed.get(1..).unwrap_or_default();
            }
            if removed.first() != Some(doc) {
                self.kept.push(at);
            }
        }
        Ok(Rc::new(block.only(&self.kept)))
    }

    fn positions(&mut self, at: usize, field: usize, positions: &mut Vec<u32>) -> Step<()> {
        positions.clear();
        self.decode()?;
        self.load_distances()?;
        let at = if self.filtered { self.kept.get(at).map_or(usize::MAX, |at| *at as usize) } else { at };
        let Some(column) = self.columns.fields.get(field) else { return Ok(()) };
        let before: u32 = column.counts.iter().take(at).sum();
        let count = column.counts.get(at).copied().unwrap_or(0);
        let mut position = 0u32;
        for distance in column.distances.iter().skip(before as usize).take(count as usize) {
            position = position.saturating_add(*distance);
            positions.push(position);
        }
        Ok(())
    }
}
