//! Documents in memory, turned around: from the terms of each to the documents of each term.
//!
//! It holds one commit's documents, not the index; what it takes is given back when the commit is staged.

use crate::base::{sort, FastSet};

use super::super::terms::DocumentTerms;
use super::list::Columns;

/// The terms of some documents.
#[derive(Debug, Default)]
pub(crate) struct Inverted {
    bytes: Vec<u8>,
    terms: Vec<Term>,
    /// An open-addressing table of places in `terms`, plus 1; 0 is free. Its length is a power of two.
    table: Vec<u32>,
    postings: Vec<Posting>,
    /// Fields and distances of all occurrences.
    fields: Vec<u8>,
    distances: Vec<u32>,
}

#[derive(Clone, Copy, Debug)]
struct Term {
    hash: u32,
    start: u32,
    end: u32,
    docs: u32,
    removed: u32,
}

#[derive(Clone, Copy, Debug)]
struct Posting {
    term: u32,
    /// The document, by its place among those added.
    row: u32,
    /// Its occurrences end here; they begin where those of the posting before end.
    end: u32,
}

impl Inverted {
    /// Adds a document as number `row`, which ascends.
    pub(crate) fn add(&mut self, row: u32, terms: &DocumentTerms) {
        for (term, hash, occurrences) in terms.hashed() {
            let at = self.find(term, hash);
            if let Some(term) = self.terms.get_mut(at) {
                term.docs += 1;
            }
            let mut before = (usize::MAX, 0);
            for (field, position) in occurrences {
                let distance = if field == before.0 { position.saturating_sub(before.1) } else { position };
                self.fields.push(field as u8);
                self.distances.push(distance);
                before = (field, position);
            }
            self.postings.push(Posting { term: at as u32, row, end: self.fields.len() as u32 });
        }
    }

    /// Notes that a document with these terms is removed.
    pub(crate) fn remove(&mut self, terms: &DocumentTerms) {
        for (term, hash, _) in terms.hashed() {
            let at = self.find(term, hash);
            if let Some(term) = self.terms.get_mut(at) {
                term.removed += 1;
            }
        }
    }

    /// Bytes of memory in use, about.
    pub(crate) fn memory(&self) -> usize {
        self.bytes.len() + self.terms.len() * 28 + self.postings.len() * 12 + self.fields.len() * 5
    }

    /// The place of a term, which is entered if it is new.
    fn find(&mut self, term: &[u8], hash: u32) -> usize {
        if self.terms.len() * 2 >= self.table.len() {
            self.grow();
        }
        let mask = self.table.len() - 1;
        let mut slot = hash as usize & mask;
        while let Some(place) = self.table.get(slot).copied().filter(|place| *place != 0) {
            let known = self.terms.get(place as usize - 1);
            if known.is_some_and(|known| known.hash == hash && self.text(known) == term) {
                return place as usize - 1;
            }
            slot = (slot + 1) & mask;
        }
        let start = self.bytes.len() as u32;
        self.bytes.extend_from_slice(term);
        self.terms.push(Term { hash, start, end: self.bytes.len() as u32, docs: 0, removed: 0 });
        if let Some(free) = self.table.get_mut(slot) {
            *free = self.terms.len() as u32;
        }
        self.terms.len() - 1
    }

    #[cold]
    fn grow(&mut self) {
        let len = (self.table.len() * 2).max(512);
        self.table.clear();
        self.table.resize(len, 0);
        for (term, place) in self.terms.iter().zip(1..) {
            let mut slot = term.hash as usize & (len - 1);
            while self.table.get(slot).is_some_and(|place| *place != 0) {
                slot = (slot + 1) & (len - 1);
            }
            if let Some(free) = self.table.get_mut(slot) {
                *free = place;
            }
        }
    }

    fn text(&self, term: &Term) -> &[u8] {
        self.bytes.get(term.start as usize..term.end as usize).unwrap_or_default()
    }

    /// The order of the postings by term; within a term they stay in the order they came. Also where each term's begin.
    fn by_term(&self) -> (Vec<u32>, Vec<u32>) {
        let mut starts = Vec::with_capacity(self.terms.len());
        let mut next = 0;
        for term in &self.terms {
            starts.push(next);
            next += term.docs;
        }
        let mut cursors = starts.clone();
        let mut order = vec![0; self.postings.len()];
        for (posting, at) in self.postings.iter().zip(0..) {
            let Some(cursor) = cursors.get_mut(posting.term as usize) else { continue };
            if let Some(slot) = order.get_mut(*cursor as usize) {
                *slot = at;
            }
            *cursor += 1;
        }
        (order, starts)
    }

    /// The places of the terms in the order of their bytes.
    fn sorted(&self) -> Vec<usize> {
        let words: Vec<u64> = self.terms.iter().map(|term| crate::engine::key::word_at(self.text(term), 0)).collect();
        let text = |at: usize| self.terms.get(at).map(|term| self.text(term));
        sort::order(self.terms.len(), &mut |a, b| match (words.get(a), words.get(b)) {
            (Some(x), Some(y)) if x != y => x < y,
            _ => text(a) < text(b),
        })
    }

    /// Hands over every term in order with how many removed documents had it, and its documents without those of `skip`.
    pub(crate) fn each(&self, skip: &FastSet<u32>, out: &mut dyn TermSink) {
        let (order, starts) = self.by_term();
        for at in self.sorted() {
            let (Some(term), Some(start)) = (self.terms.get(at), starts.get(at)) else { continue };
            out.begin(self.text(term), term.removed);
            for posting in order.iter().skip(*start as usize).take(term.docs as usize) {
                let at = *posting as usize;
                let Some(posting) = self.postings.get(at) else { continue };
                if !skip.is_empty() && skip.contains(&posting.row) {
                    continue;
                }
                let begin = at.checked_sub(1).and_then(|at| self.postings.get(at)).map_or(0, |before| before.end);
                let range = begin as usize..posting.end as usize;
                let columns = out.document(posting.row);
                let fields = self.fields.get(range.clone()).unwrap_or_default();
                let mut distances = self.distances.get(range).unwrap_or_default();
                for run in fields.chunk_by(|a, b| a == b) {
                    let (own, rest) = distances.split_at(run.len().min(distances.len()));
                    columns.add(run.first().copied().unwrap_or(0).into(), own);
                    distances = rest;
                }
                out.settle();
            }
            out.end();
        }
    }
}

/// Takes terms with their documents.
pub(crate) trait TermSink {
    /// A term begins, which so many removed documents had.
    fn begin(&mut self, term: &[u8], removed: u32);
    /// A document of it begins: its occurrences go into the answer.
    fn document(&mut self, row: u32) -> &mut Columns;
    /// The document is complete.
    fn settle(&mut self);
    /// The term is complete.
    fn end(&mut self);
}
