//! An index in a map, and answers by looking at every document: slow, and obviously right. For tests.
//!
//! It is not the index that ships. Its [`Postings`] can miss blocks on purpose, to test pauses.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use crate::disk::BlobName;
use crate::engine::{Pause, Step};

use super::analyze::Analyzer;
use super::evaluate::Hit;
use super::postings::{Block, DocNumber, FieldTotals, Postings, TermDocs, TermStats, Terms, Totals, NO_DOC};
use super::score::{length_code, Model};
use super::spec::SearchSpec;
use super::terms::DocumentTerms;

/// The places of a term in one document: the fields that have it, ascending, with the positions in each.
pub type Places = Vec<(usize, Vec<u32>)>;

/// An index in a map.
#[derive(Debug)]
pub struct MemoryIndex {
    /// The declaration.
    pub spec: SearchSpec,
    /// The analyzer of each field.
    pub analyzers: Vec<Analyzer>,
    pub(super) terms: BTreeMap<Vec<u8>, BTreeMap<DocNumber, Places>>,
    pub(super) lengths: BTreeMap<DocNumber, Vec<u32>>,
    sealed: BTreeMap<Vec<u8>, Sealed>,
    codes: Vec<Vec<u8>>,
    reference: Model,
    totals: Totals,
    /// Whether everything that is read is missed the first time.
    pub misses: Cell<bool>,
    read: RefCell<BTreeSet<Vec<u8>>>,
}

/// A term's documents in blocks.
#[derive(Debug, Default)]
struct Sealed {
    stats: TermStats,
    blocks: Vec<SealedBlock>,
}

#[derive(Debug)]
struct SealedBlock {
    last: DocNumber,
    impact: f32,
    block: Rc<Block>,
    places: Vec<Places>,
}

impl MemoryIndex {
    /// An index without documents.
    pub fn new(spec: SearchSpec, analyzers: Vec<Analyzer>) -> Self {
        let reference = Model::new(&spec, &Totals::default());
        let (terms, lengths, sealed) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        let (misses, read) = (Cell::new(false), RefCell::default());
        Self {
            spec,
            analyzers,
            terms,
            lengths,
            sealed,
            codes: Vec::new(),
            reference,
            totals: Totals::default(),
            misses,
            read,
        }
    }

    /// Adds a document under a new number.
    pub fn add(&mut self, doc: DocNumber, terms: &DocumentTerms) {
        for (term, occurrences) in terms.iter() {
            let docs = self.terms.entry(term.to_vec()).or_default();
            let places = docs.entry(doc).or_default();
            for (field, position) in occurrences {
                match places.last_mut() {
                    Some((last, positions)) if *last == field => positions.push(position),
                    _ => places.push((field, vec![position])),
                }
            }
        }
        if !terms.is_empty() {
            self.lengths.insert(doc, terms.lengths().to_vec());
        }
    }

    /// Removes a document. Terms that nothing is left of stay, as in an index whose segments were not merged yet.
    pub fn remove(&mut self, doc: DocNumber) {
        self.lengths.remove(&doc);
        self.terms.values_mut().for_each(|docs| drop(docs.remove(&doc)));
    }

    /// Cuts the documents of every term into blocks; to be called after the last change. Bounds are by `reference`.
    pub fn seal(&mut self, block_docs: usize, reference: Option<Model>) {
        self.totals = self.count();
        self.reference = reference.unwrap_or_else(|| Model::new(&self.spec, &self.count()));
        let numbers = self.lengths.keys().next_back().map_or(0, |last| *last as usize + 1);
        self.codes = vec![vec![0; numbers]; self.spec.fields.len()];
        for (doc, lengths) in &self.lengths {
            for (codes, length) in self.codes.iter_mut().zip(lengths) {
                codes[*doc as usize] = length_code(*length);
            }
        }
        self.sealed = self.terms.iter().map(|(term, docs)| (term.clone(), self.seal_term(docs, block_docs))).collect();
    }

    fn seal_term(&self, docs: &BTreeMap<DocNumber, Places>, block_docs: usize) -> Sealed {
        let docs: Vec<(&DocNumber, &Places)> = docs.iter().collect();
        let blocks: Vec<SealedBlock> = docs.chunks(block_docs).map(|docs| self.seal_block(docs)).collect();
        let impact = blocks.iter().map(|block| block.impact).fold(0.0, f32::max);
        Sealed { stats: TermStats { docs: docs.len() as u32, impact }, blocks }
    }

    fn seal_block(&self, docs: &[(&DocNumber, &Places)]) -> SealedBlock {
        let mut block = Block::new(docs.iter().map(|(doc, _)| **doc).collect());
        for field in 0..self.spec.fields.len() {
            let count = |places: &Places| places.iter().find(|(own, _)| *own == field).map_or(0, |(_, at)| at.len());
            if docs.iter().any(|(_, places)| count(places) > 0) {
                let counts = docs.iter().map(|(_, places)| count(places) as u16).collect();
                let codes = docs.iter().map(|(doc, _)| self.codes[field][**doc as usize]).collect();
                block.push_column(field, counts, codes);
            }
        }
        let impact = docs.iter().map(|(doc, places)| self.impact(&self.reference, **doc, places)).fold(0.0, f32::max);
        let last = block.docs().last().copied().unwrap_or(NO_DOC);
        SealedBlock {
            last,
            impact,
            block: Rc::new(block),
            places: docs.iter().map(|(_, places)| (*places).clone()).collect(),
        }
    }

    /// The impact of a term on a document.
    pub(super) fn impact(&self, model: &Model, doc: DocNumber, places: &Places) -> f32 {
        let code = |field: usize| length_code(self.lengths.get(&doc).map_or(0, |lengths| lengths[field]));
        model.impact(places.iter().map(|(field, at)| (*field, at.len() as u16, code(*field))))
    }

    /// The counts, added up from the documents.
    pub fn count(&self) -> Totals {
        let field = |at: usize| FieldTotals {
            docs: self.lengths.values().filter(|lengths| lengths[at] > 0).count() as u64,
            tokens: self.lengths.values().map(|lengths| u64::from(lengths[at])).sum(),
        };
        Totals { docs: self.lengths.len() as u64, fields: (0..self.spec.fields.len()).map(field).collect() }
    }

    fn read(&self, what: &[u8], part: usize) -> Step<()> {
        if !self.misses.get() {
            return Ok(());
        }
        let name = [what, &part.to_le_bytes()].concat();
        if self.read.borrow_mut().insert(name) {
            return Err(Pause::missing(vec![BlobName::meta(part as u64)]));
        }
        Ok(())
    }
}

/// Orders results: best first.
pub fn rank(hits: &mut [Hit]) {
    crate::base::sort::sort(hits);
}

impl Postings for MemoryIndex {
    fn totals(&self) -> Step<Totals> {
        self.read(b"", 0)?;
        Ok(self.totals.clone())
    }

    fn reference(&self) -> &Model {
        &self.reference
    }

    fn docs<'a>(&'a self, term: &[u8]) -> Step<Option<Box<dyn TermDocs + 'a>>> {
        self.read(term, 0)?;
        let docs = |(term, sealed): (&'a Vec<u8>, _)| {
            Box::new(MemoryDocs { index: self, term, sealed, at: 0 }) as Box<dyn TermDocs + 'a>
        };
        Ok(self.sealed.get_key_value(term).filter(|(_, sealed)| sealed.stats.docs > 0).map(docs))
    }

    fn terms(&self) -> Step<Box<dyn Terms + '_>> {
        self.read(b"", 1)?;
        Ok(Box::new(MemoryTerms { index: self, current: None }))
    }
}

struct MemoryDocs<'a> {
    index: &'a MemoryIndex,
    term: &'a [u8],
    sealed: &'a Sealed,
    at: usize,
}

impl TermDocs for MemoryDocs<'_> {
    fn stats(&self) -> TermStats {
        self.sealed.stats
    }

    fn seek(&mut self, doc: DocNumber) -> Step<bool> {
        while self.sealed.blocks.get(self.at).is_some_and(|block| block.last < doc) {
            self.at += 1;
        }
        Ok(self.at < self.sealed.blocks.len())
    }

    fn last(&self) -> DocNumber {
        self.sealed.blocks.get(self.at).map_or(NO_DOC, |block| block.last)
    }

    fn impact(&self) -> f32 {
        self.sealed.blocks.get(self.at).map_or(0.0, |block| block.impact)
    }

    fn read(&mut self) -> Step<Rc<Block>> {
        self.index.read(self.term, self.at * 2 + 1)?;
        Ok(self.sealed.blocks.get(self.at).map(|sealed| Rc::clone(&sealed.block)).unwrap_or_default())
    }

    fn positions(&mut self, at: usize, field: usize, positions: &mut Vec<u32>) -> Step<()> {
        self.index.read(self.term, self.at * 2 + 2)?;
        positions.clear();
        let places = self.sealed.blocks.get(self.at).and_then(|block| block.places.get(at));
        let own = places.and_then(|places| places.iter().find(|(own, _)| *own == field));
        positions.extend(own.iter().flat_map(|(_, positions)| positions));
        Ok(())
    }
}

struct MemoryTerms<'a> {
    index: &'a MemoryIndex,
    current: Option<(&'a [u8], TermStats)>,
}

impl MemoryTerms<'_> {
    fn go(&mut self, from: std::ops::Bound<&[u8]>) -> bool {
        let mut range = self.index.sealed.range::<[u8], _>((from, std::ops::Bound::Unbounded));
        self.current = range.next().map(|(term, sealed)| (term.as_slice(), sealed.stats));
        self.current.is_some()
    }
}

impl Terms for MemoryTerms<'_> {
    fn seek(&mut self, term: &[u8]) -> Step<bool> {
        self.index.read(term.get(..1).unwrap_or_default(), 0)?;
        Ok(self.go(std::ops::Bound::Included(term)))
    }

    fn advance(&mut self) -> Step<bool> {
        match self.current {
            None => Ok(false),
            Some((term, _)) => Ok(self.go(std::ops::Bound::Excluded(term))),
        }
    }

    fn term(&self) -> &[u8] {
        self.current.map_or(b"", |(term, _)| term)
    }

    fn stats(&self) -> TermStats {
        self.current.map_or(TermStats::default(), |(_, stats)| stats)
    }
}
