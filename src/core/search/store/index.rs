//! A search index as a query sees it: what the trait `Postings` asks for, from pages of the engine.
//!
//! It holds one position's head and what the query has looked at, and ends with the query.

use std::cell::RefCell;
use std::rc::Rc;

use crate::base::{sort, FastMap, Result};
use crate::collections::view::Gather;
use crate::engine::{Direction, KeyRange, Read, Step};

use super::super::postings::{DocNumber, Postings, TermDocs, TermStats, Terms, Totals};
use super::super::score::Model;
use super::super::spec::SearchSpec;
use super::docs::StoredDocs;
use super::documents::{damaged, read_ids, Lengths, Numbers};
use super::head::{Head, Segment};
use super::impact::ImpactScale;
use super::keys::{IndexKeys, Part, PART_PREFIX_LEN};
use super::scan::{SegmentTerms, StoredTerms};
use super::terms::Entry;

/// A page of documents or positions: segment, part, number.
pub(super) type PageName = (u32, Part, u32);

/// Pages kept by a query.
const PAGES_MAX: usize = 64;

/// An index at one position.
pub struct StoredPostings<'a> {
    pub(super) view: &'a dyn Read,
    pub(super) keys: IndexKeys,
    pub(super) fields: usize,
    head: Head,
    model: Model,
    /// For each segment.
    bounds: Vec<Bound>,
    /// The numbers of all removed documents whose postings are still there, ascending.
    removed: Vec<u32>,
    lengths: RefCell<Vec<LengthsPage>>,
    ids: RefCell<IdsPage>,
    /// Pages of documents and positions: neighbours among terms share them.
    pages: RefCell<FastMap<PageName, Rc<Vec<u8>>>>,
    /// Where the last looked-up term was: the next one is often near.
    walkers: RefCell<Vec<SegmentTerms<'a>>>,
}

/// The page of ids that was read last.
#[derive(Debug, Default)]
struct IdsPage {
    first: u32,
    bytes: Vec<u8>,
}

impl IdsPage {
    fn find(&self, doc: u32) -> Result<Option<Box<str>>> {
        let mut found = None;
        if !self.bytes.is_empty() && self.first <= doc {
            read_ids(&self.bytes, self.first, &mut |number, id| {
                if number == doc {
                    found = std::str::from_utf8(id).ok().map(Box::from);
                }
                number < doc
            })?;
        }
        Ok(found)
    }
}

/// How a segment's impact codes translate to the model of now.
#[derive(Clone, Copy, Debug)]
struct Bound {
    scale: ImpactScale,
    factor: f32,
}

#[derive(Clone)]
struct LengthsPage {
    first: u32,
    page: Rc<Lengths>,
}

/// What one segment knows of a term.
#[derive(Debug)]
pub(super) struct Found {
    /// The segment's place in the head.
    pub(super) segment: usize,
    pub(super) entry: Entry,
}

impl<'a> StoredPostings<'a> {
    /// The index of a collection with those numbers, as `view` has it.
    ///
    /// # Errors
    /// A pause while its head, or what it removed, is not in memory; `Corrupt` if its bytes make no sense.
    pub fn open(view: &'a dyn Read, collection: u32, index: u32, spec: &SearchSpec) -> Step<Self> {
        let keys = IndexKeys::new(collection, index);
        let head = Head::load(view, &keys, spec.fields.len())?;
        let model = Model::new(spec, &head.totals);
        Self::with_head(view, keys, spec.fields.len(), head, &model)
    }

    /// The index that a head describes, its impacts by `model`.
    pub(super) fn with_head(
        view: &'a dyn Read,
        keys: IndexKeys,
        fields: usize,
        head: Head,
        model: &Model,
    ) -> Step<Self> {
        let bound = |segment: &Segment| Bound {
            scale: ImpactScale::new(&segment.model),
            factor: model.looseness(&segment.model),
        };
        let bounds = head.segments.iter().map(bound).collect();
        let removed = load_removed(view, &keys, &head.segments)?;
        Ok(Self {
            view,
            keys,
            fields,
            head,
            model: model.clone(),
            bounds,
            removed,
            lengths: RefCell::default(),
            ids: RefCell::default(),
            pages: RefCell::default(),
            walkers: RefCell::default(),
        })
    }

    /// The id of a document.
    ///
    /// # Errors
    /// `Corrupt` if the index has no such document.
    pub fn id(&self, doc: DocNumber) -> Step<Box<str>> {
        // Neighbours are often asked for one after another: the page stays at hand.
        let mut page = self.ids.borrow_mut();
        if let Some(id) = page.find(doc)? {
            return Ok(id);
        }
        let segment = self.head.segment_of(doc).ok_or_else(damaged)?;
        let range = self.keys.upto(segment.id, Part::Ids, &doc.to_be_bytes());
        let mut cursor = self.view.cursor(range, Direction::Backward);
        if cursor.advance()? {
            page.first = first_number(cursor.key())?;
            page.bytes.clear();
            page.bytes.extend_from_slice(cursor.value());
        }
        Ok(page.find(doc)?.ok_or_else(damaged)?)
    }

    /// The number of a document; `None` if it is not in the index.
    pub fn number(&self, id: &str) -> Step<Option<DocNumber>> {
        super::commit::number_of(self.view, &self.keys, id)
    }

    pub(super) fn segments(&self) -> &[Segment] {
        &self.head.segments
    }

    /// The numbers of the removed documents whose postings are still there, ascending.
    pub(super) fn removed(&self) -> &[u32] {
        &self.removed
    }

    /// The length codes of a document.
    pub(super) fn codes(&self, doc: u32) -> Step<Vec<u8>> {
        let page = self.lengths_page(doc)?.ok_or_else(damaged)?;
        let place = page.numbers.place(doc).ok_or_else(damaged)?;
        Ok((0..self.fields).map(|field| page.code(place, field)).collect())
    }

    /// Whether the document was removed.
    pub(super) fn is_removed(&self, doc: u32) -> bool {
        !self.removed.is_empty() && self.removed.binary_search(&doc).is_ok()
    }

    /// The removed numbers from the first of these documents to the last.
    pub(super) fn removed_within(&self, docs: &[u32]) -> &[u32] {
        let (Some(first), Some(last)) = (docs.first(), docs.last()) else { return &[] };
        if self.removed.is_empty() {
            return &[];
        }
        let start = self.removed.partition_point(|number| number < first);
        let behind = self.removed.get(start..).unwrap_or_default();
        behind.get(..behind.partition_point(|number| number <= last)).unwrap_or_default()
    }

    /// The impact of a code, by the model of now.
    pub(super) fn impact(&self, segment: usize, code: u8) -> f32 {
        let bound = self.bounds.get(segment).map_or(f32::INFINITY, |bound| bound.scale.decode(code) * bound.factor);
        if bound.is_nan() {
            f32::INFINITY
        } else {
            bound
        }
    }

    /// The terms of each segment, before the first.
    pub(super) fn segment_terms(&self) -> Vec<SegmentTerms<'a>> {
        let new = |segment| SegmentTerms::new(self.view, self.keys, segment);
        self.head.segments.iter().map(new).collect()
    }

    /// A page of documents or positions.
    pub(super) fn page(&self, name: PageName) -> Step<Rc<Vec<u8>>> {
        if let Some(page) = self.pages.borrow().get(&name) {
            return Ok(Rc::clone(page));
        }
        let (segment, part, number) = name;
        let mut bytes = Vec::new();
        if !self.view.get(&self.keys.page(segment, part, number), &mut bytes)? {
            return Err(damaged().into());
        }
        let page = Rc::new(bytes);
        let mut pages = self.pages.borrow_mut();
        if pages.len() >= PAGES_MAX {
            pages.clear();
        }
        pages.insert(name, Rc::clone(&page));
        Ok(page)
    }

    /// What each segment knows of a term.
    pub(super) fn find(&self, term: &[u8]) -> Step<Vec<Found>> {
        let mut found = Vec::new();
        let mut gather = Gather::default();
        let mut walkers = self.walkers.borrow_mut();
        if walkers.is_empty() {
            *walkers = self.segment_terms();
        }
        for (segment, walker) in walkers.iter_mut().enumerate() {
            if gather.step(walker.seek(term))?.is_some() && walker.term() == Some(term) {
                found.push(Found { segment, entry: walker.entry()? });
            }
        }
        gather.finish()?;
        Ok(found)
    }

    /// The page of lengths that has the document.
    fn lengths_page(&self, doc: u32) -> Step<Option<Rc<Lengths>>> {
        let mut cache = self.lengths.borrow_mut();
        let after = cache.partition_point(|page| page.first <= doc);
        if let Some(known) = after.checked_sub(1).and_then(|at| cache.get(at)) {
            if known.page.numbers.place(doc).is_some() {
                return Ok(Some(Rc::clone(&known.page)));
            }
        }
        let Some(segment) = self.head.segment_of(doc) else { return Ok(None) };
        let range = self.keys.upto(segment.id, Part::Lengths, &doc.to_be_bytes());
        let mut cursor = self.view.cursor(range, Direction::Backward);
        if !cursor.advance()? {
            return Ok(None);
        }
        let first = first_number(cursor.key())?;
        let page = Rc::new(Lengths::read(cursor.value(), first, self.fields)?);
        if page.numbers.place(doc).is_none() {
            return Ok(None);
        }
        cache.insert(after, LengthsPage { first, page: Rc::clone(&page) });
        Ok(Some(page))
    }
}

impl Postings for StoredPostings<'_> {
    fn totals(&self) -> Step<Totals> {
        Ok(self.head.totals.clone())
    }

    fn reference(&self) -> &Model {
        &self.model
    }

    fn docs<'a>(&'a self, term: &[u8]) -> Step<Option<Box<dyn TermDocs + 'a>>> {
        let found = self.find(term)?;
        let stats = self.stats(found.iter().map(|found| {
            let Entry { docs, removed, impact, .. } = found.entry;
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

    fn lengths(&self, field: usize, docs: &[DocNumber], codes: &mut [u8]) -> Step<()> {
        let mut page: Option<Rc<Lengths>> = None;
        for (doc, code) in docs.iter().zip(codes) {
            let mut place = page.as_ref().and_then(|page| page.numbers.place(*doc));
            if place.is_none() {
                page = self.lengths_page(*doc)?;
                place = page.as_ref().and_then(|page| page.numbers.place(*doc));
            }
            *code = page.as_ref().zip(place).map_or(0, |(page, place)| page.code(place, field));
        }
        Ok(())
    }
}

impl StoredPostings<'_> {
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
        let mut reader = crate::base::Reader::new(cursor.value());
        let numbers = Numbers::read(&mut reader, first_number(cursor.key())?)?;
        reader.finish("a page of removed documents")?;
        removed.extend(numbers.iter());
    }
    Ok(())
}
