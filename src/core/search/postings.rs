//! What a query needs of an index: statistics, the documents of a term block by block, and the terms in order.
//!
//! It is not a storage format: one implementation reads blocks of the engine, another is a map for tests, and the same
//! evaluator runs over both. Every read is a [`Step`]: it may pause because something is not in memory, and is then
//! called again on the same position.

use std::rc::Rc;

use crate::engine::Step;

use super::score::Model;

/// The number of a document within one index. A document keeps its number until it changes; a number is never used twice.
/// Results of equal score come in ascending order of it.
pub type DocNumber = u32;

/// No document: greater than every number.
pub const NO_DOC: DocNumber = DocNumber::MAX;

/// The most documents in one block.
pub const BLOCK_DOCS: usize = 128;

/// The counts of a whole index that scores depend on.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Totals {
    /// How many documents have at least one term in some field.
    pub docs: u64,
    /// For each field of the spec, in its order.
    pub fields: Vec<FieldTotals>,
}

/// The counts of one field.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FieldTotals {
    /// How many documents have at least one term in this field.
    pub docs: u64,
    /// How many terms these have together: the sum of their lengths, exactly.
    pub tokens: u64,
}

impl FieldTotals {
    /// The mean length over the documents that have the field; 1 when there are none.
    pub fn average(&self) -> f32 {
        if self.docs == 0 || self.tokens == 0 {
            return 1.0;
        }
        (self.tokens as f64 / self.docs as f64) as f32
    }
}

/// What is known of a term without reading its documents.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct TermStats {
    /// How many documents have the term in any field, exactly.
    pub docs: u32,
    /// At least the greatest [`Model::impact`] of any of its documents, by the model of [`Postings::reference`].
    /// Infinity is always right, and never lets anything be skipped.
    pub impact: f32,
}

/// An index as a query sees it: one consistent state.
pub trait Postings {
    /// The counts of the index.
    fn totals(&self) -> Step<Totals>;

    /// The model by which the impacts of terms and blocks were computed. Scores use the totals of now; bounds are
    /// translated with [`Model::looseness`]. So a reference stays right when averages drift, only less tight.
    fn reference(&self) -> &Model;

    /// The documents of a term, placed before its first block; `None` if no document has it.
    fn docs<'a>(&'a self, term: &[u8]) -> Step<Option<Box<dyn TermDocs + 'a>>>;

    /// As [`Self::docs`] of a term of which [`Terms::holders`] answered this.
    fn docs_of<'a>(&'a self, term: &[u8], holders: u32) -> Step<Option<Box<dyn TermDocs + 'a>>> {
        let _ = holders;
        self.docs(term)
    }

    /// The terms of the index in the order of their bytes, placed before the first.
    fn terms(&self) -> Step<Box<dyn Terms + '_>>;
}

/// Walks the documents of one term in blocks of ascending numbers. Deleted documents do not appear.
///
/// After a pause the cursor stands where it stood: the same call is repeated, here or on a new cursor.
pub trait TermDocs {
    /// What is known of the term.
    fn stats(&self) -> TermStats;

    /// Goes to the first block, from the current one on, whose last document is at least `doc`. Reads headers only.
    /// Answers `false`, and `last` is [`NO_DOC`] from then on, if there is none.
    fn seek(&mut self, doc: DocNumber) -> Step<bool>;

    /// At least the last document of the current block; every following block begins after it. [`NO_DOC`] past the end.
    fn last(&self) -> DocNumber;

    /// At least the greatest [`Model::impact`] in the current block, by the model of [`Postings::reference`].
    fn impact(&self) -> f32;

    /// The documents of the current block; it may have none left.
    fn read(&mut self) -> Step<Rc<Block>>;

    /// Replaces `positions` by those of the term in a field of the `at`th document of the current block, ascending.
    /// Called only where the field's frequency is not 0.
    fn positions(&mut self, at: usize, field: usize, positions: &mut Vec<u32>) -> Step<()>;
}

/// Walks terms in the order of their bytes. Terms without documents may be left out, or have 0 of them.
pub trait Terms {
    /// Goes to the first term at or after `term`, forwards or backwards; `false` if there is none.
    fn seek(&mut self, term: &[u8]) -> Step<bool>;

    /// Goes to the next term; `false` at the end.
    fn advance(&mut self) -> Step<bool>;

    /// The current term; empty before the first and past the end.
    fn term(&self) -> &[u8];

    /// What is known of the current term.
    fn stats(&self) -> TermStats;

    /// The same, and which parts of the index have the current term, in its own terms: with it the documents are found faster.
    fn held(&self) -> (TermStats, u32) {
        (self.stats(), u32::MAX)
    }
}

/// Documents of a term with its frequencies and their fields' lengths, in columns, so that loops over them are short.
#[derive(Clone, Debug, Default)]
pub struct Block {
    docs: Vec<DocNumber>,
    columns: Vec<Column>,
}

/// How often the term stands in one field of each document of a block.
#[derive(Clone, Debug)]
pub struct Column {
    field: usize,
    counts: Vec<u16>,
    codes: Vec<u8>,
}

impl Column {
    /// The field, by its place in the spec.
    pub fn field(&self) -> usize {
        self.field
    }

    /// One number for each document; 0 where the field lacks the term. Frequencies above 65,535 count as that.
    pub fn counts(&self) -> &[u16] {
        &self.counts
    }

    /// Whether the term stands in the field of the document at a place.
    pub fn has(&self, at: usize) -> bool {
        self.counts.get(at).is_some_and(|count| *count > 0)
    }

    /// The code of the field's length in each document (see [`score::length_code`](super::score::length_code)).
    pub fn codes(&self) -> &[u8] {
        &self.codes
    }
}

impl Block {
    /// These documents, ascending; each [`Self::push_column`] adds what is known of them.
    pub fn new(docs: Vec<DocNumber>) -> Self {
        Self { docs, columns: Vec::new() }
    }

    /// Adds a field that has the term in some document, at most once: a frequency and a length code for each document.
    pub fn push_column(&mut self, field: usize, counts: Vec<u16>, codes: Vec<u8>) {
        self.columns.push(Column { field, counts, codes });
    }

    /// The documents, ascending.
    pub fn docs(&self) -> &[DocNumber] {
        &self.docs
    }

    /// A column for each field that has the term in some document of the block.
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// The documents at these places only.
    #[must_use]
    pub fn only(&self, places: &[u32]) -> Self {
        let mut kept = Self::new(pick(&self.docs, places));
        for column in &self.columns {
            kept.push_column(column.field, pick(&column.counts, places), pick(&column.codes, places));
        }
        kept
    }

    /// Bytes of memory, about.
    pub fn memory(&self) -> usize {
        let column = size_of::<Column>() + self.docs.len() * 3;
        size_of::<Self>() + self.docs.len() * 4 + self.columns.len() * column
    }
}

fn pick<T: Copy>(from: &[T], places: &[u32]) -> Vec<T> {
    places.iter().filter_map(|at| from.get(*at as usize).copied()).collect()
}
