//! A search index as a query sees it: what the trait `Postings` asks for, from pages of the engine.
//!
//! It holds one position's head and what the query has looked at, and ends with the query.

use std::cell::RefCell;
use std::rc::Rc;

use crate::base::{sort, Reader, Result};
use crate::collections::view::Gather;
use crate::engine::{Direction, KeyRange, Pause, Read, Step};

use super::super::postings::{Block, DocNumber, Postings, TermDocs, TermStats, Terms, Totals};
use super::super::score::Model;
use super::super::spec::SearchSpec;
use super::docs::{Found, StoredDocs, TermList};
use super::documents::{damaged, Ids, Lengths, Numbers};
use super::head::{Head, Segment};
use super::impact::ImpactScale;
use super::keys::{IndexKeys, Part, PART_PREFIX_LEN};
use super::scan::{SegmentTerms, StoredTerms};
use super::terms::Entry;
use super::warm::{Kept, Row, Warm};

/// A page of documents or positions: segment, part, number.
pub(super) type PageName = (u32, Part, u32);

/// An index at one position.
pub struct StoredPostings<'a> {
    pub(super) view: &'a dyn Read,
    pub(super) keys: IndexKeys,
    pub(super) fields: usize,
    opened: Rc<Opened>,
    warm: Rc<Warm>,
    /// The page of lengths that was used last.
    lengths: RefCell<Option<Rc<Lengths>>>,
    /// Where the last looked-up term was: the next one is often near.
    walkers: RefCell<Vec<SegmentTerms<'a>>>,
    /// For keys.
    scratch: RefCell<Vec<u8>>,
}

/// What is known of an index at one position before anything is asked of it.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) keys: IndexKeys,
    /// The head's bytes.
    bytes: Vec<u8>,
    head: Head,
    model: Model,
    /// For each segment.
    bounds: Vec<Bound>,
    /// The numbers of all removed documents whose postings are still there, ascending.
    removed: Vec<u32>,
}

/// How a segment's impact codes translate to the model of now.
#[derive(Clone, Copy, Debug)]
struct Bound {
    scale: ImpactScale,
    factor: f32,
}

impl Opened {
    fn new(view: &dyn Read, keys: IndexKeys, bytes: Vec<u8>, head: Head, model: Model) -> Step<Self> {
        let bound = |segment: &Segment| Bound {
            scale: ImpactScale::new(&segment.model),
            factor: model.looseness(&segment.model),
        };
        let bounds = head.segments.iter().map(bound).collect();
        let removed = load_removed(view, &keys, &head.segments)?;
        Ok(Self { keys, bytes, head, model, bounds, removed })
    }

    /// Bytes of memory, about.
    pub(super) fn memory(&self) -> usize {
        self.bytes.len() * 3 + self.removed.len() * 4
    }
}

impl<'a> StoredPostings<'a> {
    /// The index of a collection with those numbers, as `view` has it. Of what is committed `warm` may be the instance's; in
    /// a transaction it is one for this very use.
    ///
    /// # Errors
    /// A pause while its head, or what it removed, is not in memory; `Corrupt` if its bytes make no sense.
    pub fn open(view: &'a dyn Read, collection: u32, index: u32, spec: &SearchSpec, warm: &Rc<Warm>) -> Step<Self> {
        let keys = IndexKeys::new(collection, index);
        let mut bytes = Vec::new();
        view.get(&keys.head(), &mut bytes)?;
        let known = warm.head(|head| head.keys == keys && head.bytes == bytes);
        // The declaration may have got other weights, which the head does not know.
        let same = |head: &Rc<Opened>| head.model == Model::new(spec, &head.head.totals);
        let opened = match known.filter(same) {
            Some(opened) => opened,
            None => {
                let head = Head::of(&bytes, spec.fields.len())?;
                let model = Model::new(spec, &head.totals);
                let opened = Rc::new(Opened::new(view, keys, bytes, head, model)?);
                warm.keep_head(&opened);
                opened
            }
        };
        Ok(Self::with(view, spec.fields.len(), opened, Rc::clone(warm)))
    }

    /// The index that a head describes, its impacts by `model`.
    pub(super) fn with_head(
        view: &'a dyn Read,
        keys: IndexKeys,
        fields: usize,
        head: Head,
        model: &Model,
    ) -> Step<Self> {
        let opened = Opened::new(view, keys, Vec::new(), head, model.clone())?;
        Ok(Self::with(view, fields, Rc::new(opened), Warm::once()))
    }

    fn with(view: &'a dyn Read, fields: usize, opened: Rc<Opened>, warm: Rc<Warm>) -> Self {
        let (lengths, walkers, scratch) = (RefCell::default(), RefCell::default(), RefCell::default());
        Self { view, keys: opened.keys, fields, opened, warm, lengths, walkers, scratch }
    }

    /// The id of a document.
    ///
    /// # Errors
    /// `Corrupt` if the index has no such document.
    pub fn id(&self, doc: DocNumber) -> Step<Box<str>> {
        let Some(Row::Ids(_, page)) = self.row(Part::Ids, doc)? else { return Err(damaged().into()) };
        let id = page.get(doc).and_then(|id| std::str::from_utf8(id).ok());
        Ok(id.ok_or_else(damaged)?.into())
    }

    /// The number of a document; `None` if it is not in the index.
    pub fn number(&self, id: &str) -> Step<Option<DocNumber>> {
        super::commit::number_of(self.view, &self.keys, id)
    }

    pub(super) fn warm(&self) -> &Rc<Warm> {
        &self.warm
    }

    pub(super) fn segments(&self) -> &[Segment] {
        &self.opened.head.segments
    }

    /// The numbers of the removed documents whose postings are still there, ascending.
    pub(super) fn removed(&self) -> &[u32] {
        &self.opened.removed
    }

    /// The length codes of a document.
    pub(super) fn codes(&self, doc: u32) -> Step<Vec<u8>> {
        let known = |page: &Lengths| page.numbers.place(doc).is_some();
        let mut page = self.lengths.borrow_mut();
        if !page.as_deref().is_some_and(known) {
            let Some(Row::Lengths(_, found)) = self.row(Part::Lengths, doc)? else { return Err(damaged().into()) };
            *page = Some(found);
        }
        let page = page.as_ref().ok_or_else(damaged)?;
        let place = page.numbers.place(doc).ok_or_else(damaged)?;
        Ok((0..self.fields).map(|field| page.code(place, field)).collect())
    }

    /// Whether the document was removed.
    pub(super) fn is_removed(&self, doc: u32) -> bool {
        !self.opened.removed.is_empty() && self.opened.removed.binary_search(&doc).is_ok()
    }

    /// The removed numbers from the first of these documents to the last.
    pub(super) fn removed_within(&self, docs: &[u32]) -> &[u32] {
        let (Some(first), Some(last)) = (docs.first(), docs.last()) else { return &[] };
        let removed = &self.opened.removed;
        if removed.is_empty() {
            return &[];
        }
        let start = removed.partition_point(|number| number < first);
        let behind = removed.get(start..).unwrap_or_default();
        behind.get(..behind.partition_point(|number| number <= last)).unwrap_or_default()
    }

    /// The impact of a code, by the model of now.
    pub(super) fn impact(&self, segment: usize, code: u8) -> f32 {
        let bound =
            self.opened.bounds.get(segment).map_or(f32::INFINITY, |bound| bound.scale.decode(code) * bound.factor);
        if bound.is_nan() {
            f32::INFINITY
        } else {
            bound
        }
    }

    /// The terms of each segment, before the first.
    pub(super) fn segment_terms(&self) -> Vec<SegmentTerms<'a>> {
        let new = |segment| SegmentTerms::new(self.view, &self.warm, self.keys, segment);
        self.segments().iter().map(new).collect()
    }

    /// A page of documents or positions.
    pub(super) fn page(&self, name: PageName) -> Step<Rc<Vec<u8>>> {
        let (segment, part, number) = name;
        let key = self.keys.page(segment, part, number);
        if let Some(Kept::Page(page)) = self.warm.get(&key) {
            return Ok(page);
        }
        let mut bytes = Vec::new();
        if !self.view.get(&key, &mut bytes)? {
            return Err(damaged().into());
        }
        let page = Rc::new(bytes);
        self.warm.keep(&key, Kept::Page(Rc::clone(&page)), page.capacity());
        Ok(page)
    }

    /// A pause for a page of documents asks for the lengths of `docs` as well, its first and last, which are wanted next.
    pub(super) fn with_lengths(&self, pause: Pause, docs: [DocNumber; 2]) -> Pause {
        let Pause::Missing(mut names) = pause else { return pause };
        for doc in docs {
            if let Err(Pause::Missing(more)) = self.row(Part::Lengths, doc) {
                names.extend(*more);
            }
        }
        Pause::Missing(names)
    }

    /// The documents of the block at an offset of a page; `decode` has them if nobody read them before.
    pub(super) fn block(
        &self,
        (segment, part, number): PageName,
        offset: usize,
        decode: impl FnOnce() -> Step<Block>,
    ) -> Step<Rc<Block>> {
        let mut key = self.keys.page(segment, part, number);
        key.extend_from_slice(&(offset as u32).to_be_bytes());
        if let Some(Kept::Block(block)) = self.warm.get(&key) {
            return Ok(block);
        }
        let block = Rc::new(decode()?);
        self.warm.keep(&key, Kept::Block(Rc::clone(&block)), block.memory());
        Ok(block)
    }

    /// What each of these segments has of a term.
    fn find(&self, term: &[u8], holders: u32) -> Step<Vec<Found>> {
        let mut found = Vec::new();
        let mut gather = Gather::default();
        let holders = self.segments().iter().enumerate().filter(|(place, _)| holders & holder(*place) != 0);
        for (place, segment) in holders {
            let list = gather.step(self.list(place, segment.id, term))?.flatten();
            found.extend(list.map(|list| Found { segment: place, list }));
        }
        gather.finish()?;
        Ok(found)
    }

    /// What one segment has of a term.
    fn list(&self, place: usize, segment: u32, term: &[u8]) -> Step<Option<Rc<TermList>>> {
        let mut key = self.scratch.borrow_mut();
        self.keys.term(segment, term, &mut key);
        if let Some(Kept::Term(list)) = self.warm.get(&key) {
            return Ok(list);
        }
        let mut walkers = self.walkers.borrow_mut();
        if walkers.is_empty() {
            *walkers = self.segment_terms();
        }
        let walker = walkers.get_mut(place).ok_or_else(damaged)?;
        walker.seek(term)?;
        let list = (walker.term() == Some(term)).then(|| walker.entry().map(TermList::new)).transpose()?;
        let bytes = list.as_ref().map_or(0, |list| list.memory());
        self.warm.keep(&key, Kept::Term(list.clone()), bytes);
        Ok(list)
    }

    /// The page of ids or lengths that has the document, or would have.
    fn row(&self, part: Part, doc: u32) -> Step<Option<Row>> {
        let Some(segment) = self.opened.head.segment_of(doc) else { return Ok(None) };
        let range = self.keys.upto(segment.id, part, &doc.to_be_bytes());
        let key = range.end.as_ref().and_then(|end| end.split_last()).map_or(&[][..], |(_, key)| key);
        if let Some(known) = self.warm.row(PART_PREFIX_LEN, key) {
            return Ok(Some(known));
        }
        let mut cursor = self.view.cursor(range.clone(), Direction::Backward);
        if !cursor.advance()? {
            return Ok(None);
        }
        let first = first_number(cursor.key())?;
        let row = if part == Part::Lengths {
            let page = Rc::new(Lengths::read(cursor.value(), first, self.fields)?);
            Row::Lengths(page.numbers.last(first), page)
        } else {
            let page = Rc::new(Ids::read(cursor.value(), first)?);
            Row::Ids(page.numbers.last(first), page)
        };
        if !row.reaches(&doc.to_be_bytes()) {
            return Ok(None);
        }
        self.warm.keep_row(cursor.key(), row.clone());
        Ok(Some(row))
    }
}

impl Postings for StoredPostings<'_> {
    fn totals(&self) -> Step<Totals> {
        Ok(self.opened.head.totals.clone())
    }

    fn reference(&self) -> &Model {
        &self.opened.model
    }

    fn docs<'a>(&'a self, term: &[u8]) -> Step<Option<Box<dyn TermDocs + 'a>>> {
        self.docs_of(term, u32::MAX)
    }

    fn docs_of<'a>(&'a self, term: &[u8], holders: u32) -> Step<Option<Box<dyn TermDocs + 'a>>> {
        let found = self.find(term, holders)?;
        let stats = self.stats(found.iter().map(|found| {
            let Entry { docs, removed, impact, .. } = found.list.entry;
            (found.segment, docs, removed, impact)
        }));
        if stats.docs == 0 {
            return Ok(None);
        }
        Ok(Some(Box::new(StoredDocs::new(self, found, stats))))
    }

    fn terms(&self) -> Step<Box<dyn Terms + '_>> {
        Ok(Box::new(StoredTerms::new(self)))
    }
}

impl StoredPostings<'_> {
    /// The length codes of one field for documents in ascending order; 0 where a document is not there or lacks the field.
    /// `codes` is as long as `docs`.
    pub(super) fn lengths(&self, field: usize, docs: &[DocNumber], codes: &mut [u8]) -> Step<()> {
        let mut at = 0;
        let mut page = self.lengths.borrow_mut();
        while let (Some(docs @ [doc, ..]), Some(codes)) = (docs.get(at..), codes.get_mut(at..)) {
            let filled = page.as_ref().map_or(0, |page| page.fill(field, docs, codes));
            at += filled;
            if filled > 0 {
                continue;
            }
            match self.row(Part::Lengths, *doc)? {
                Some(Row::Lengths(_, found)) => *page = Some(found),
                _ => {
                    codes.iter_mut().take(1).for_each(|code| *code = 0);
                    at += 1;
                }
            }
        }
        Ok(())
    }

    /// The counts of a term from those of each segment: its place, documents, removed ones, impact code.
    pub(super) fn stats(&self, parts: impl Iterator<Item = (usize, u32, u32, u8)>) -> TermStats {
        let (mut docs, mut gone, mut impact) = (0u32, 0u32, 0.0f32);
        for (segment, added, removed, code) in parts {
            docs = docs.saturating_add(added);
            gone = gone.saturating_add(removed);
            if added > 0 {
                impact = impact.max(self.impact(segment, code));
            }
        }
        TermStats { docs: docs.saturating_sub(gone), impact }
    }
}

/// The segment with that place among several, as one bit; those far behind share the last one.
pub(super) fn holder(place: usize) -> u32 {
    1 << place.min(31)
}

/// The number that a page of documents begins with.
pub(super) fn first_number(key: &[u8]) -> Result<u32> {
    let bytes = key.get(PART_PREFIX_LEN..).and_then(|bytes| bytes.try_into().ok()).ok_or_else(damaged)?;
    Ok(u32::from_be_bytes(bytes))
}

/// The numbers that the segments remove, ascending.
pub(super) fn load_removed(view: &dyn Read, keys: &IndexKeys, segments: &[Segment]) -> Step<Vec<u32>> {
    let mut removed = Vec::new();
    let mut gather = Gather::default();
    for segment in segments.iter().filter(|segment| segment.removed > 0) {
        gather.step(read_removed(view, keys, segment.id, &mut removed))?;
    }
    gather.finish()?;
    if !removed.is_sorted() {
        sort::sort(&mut removed);
    }
    Ok(removed)
}

fn read_removed(view: &dyn Read, keys: &IndexKeys, segment: u32, removed: &mut Vec<u32>) -> Step<()> {
    let mut cursor = view.cursor(KeyRange::prefix(&keys.part(segment, Part::Removed)), Direction::Forward);
    while cursor.advance()? {
        let mut reader = Reader::new(cursor.value());
        let numbers = Numbers::read(&mut reader, first_number(cursor.key())?)?;
        reader.finish("a page of removed documents")?;
        removed.extend(numbers.iter());
    }
    Ok(())
}
