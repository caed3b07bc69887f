//! The terms of one document: each once, with the fields and positions it stands at.
//!
//! A buffer that is used again for the next document. Not an index.

use crate::base::Result;
use crate::collections::{Document, Shape, ValueRef};

use super::analyze::{Analyzer, Purpose, TOKENS_MAX};
use super::spec::SearchSpec;

/// How many positions lie between two texts of one field, so that no phrase matches across them.
pub const TEXT_GAP: u32 = 100;

/// The terms of a document.
#[derive(Debug, Default)]
pub struct DocumentTerms {
    bytes: Vec<u8>,
    terms: Vec<Term>,
    occurrences: Vec<Occurrence>,
    /// An open-addressing table of places in `terms`, plus 1; 0 is free. Its length is a power of two.
    table: Vec<u32>,
    lengths: Vec<u32>,
}

#[derive(Clone, Copy, Debug)]
struct Term {
    hash: u32,
    start: u32,
    end: u32,
    /// The first and the last occurrence.
    first: u32,
    last: u32,
}

#[derive(Clone, Copy, Debug)]
struct Occurrence {
    field: u32,
    position: u32,
    /// The next occurrence of the term, or [`NONE`].
    next: u32,
}

const NONE: u32 = u32::MAX;

impl DocumentTerms {
    /// Takes in a document, in place of the one before.
    ///
    /// # Errors
    /// What a custom analyzer failed with.
    pub fn read(&mut self, spec: &SearchSpec, analyzers: &[Analyzer], document: &Document<'_>) -> Result<()> {
        self.clear(spec.fields.len());
        for (at, (field, analyzer)) in spec.fields.iter().zip(analyzers).enumerate() {
            let mut base = 0;
            texts(&field.path, document, &mut |text| self.add(at, analyzer, text, &mut base))?;
        }
        Ok(())
    }

    /// Takes in texts given by field, in place of the document before. For tests and tools.
    ///
    /// # Errors
    /// What a custom analyzer failed with.
    pub fn read_texts(&mut self, analyzers: &[Analyzer], texts: &[&str]) -> Result<()> {
        self.clear(analyzers.len());
        for (at, (analyzer, text)) in analyzers.iter().zip(texts).enumerate() {
            self.add(at, analyzer, text, &mut 0)?;
        }
        Ok(())
    }

    fn clear(&mut self, fields: usize) {
        self.bytes.clear();
        self.terms.clear();
        self.occurrences.clear();
        self.table.fill(0);
        self.lengths.clear();
        self.lengths.resize(fields, 0);
    }

    fn add(&mut self, field: usize, analyzer: &Analyzer, text: &str, base: &mut u32) -> Result<()> {
        let mut next = *base;
        analyzer.tokens(text, Purpose::Document, &mut |token| {
            let position = base.saturating_add(token.position);
            if self.lengths[field] < TOKENS_MAX {
                self.lengths[field] += 1;
                self.insert(token.term.as_bytes(), Occurrence { field: field as u32, position, next: NONE });
                next = position + 1;
            }
        })?;
        *base = next.saturating_add(TEXT_GAP);
        Ok(())
    }

    fn insert(&mut self, term: &[u8], occurrence: Occurrence) {
        if self.terms.len() * 2 >= self.table.len() {
            self.grow();
        }
        let new = self.occurrences.len() as u32;
        self.occurrences.push(occurrence);
        let hash = hash(term);
        let mask = self.table.len() - 1;
        let mut slot = hash as usize & mask;
        loop {
            let place = self.table[slot];
            if place == 0 {
                break;
            }
            let known = self.terms[place as usize - 1];
            if known.hash == hash && &self.bytes[known.start as usize..known.end as usize] == term {
                self.occurrences[known.last as usize].next = new;
                self.terms[place as usize - 1].last = new;
                return;
            }
            slot = (slot + 1) & mask;
        }
        let start = self.bytes.len() as u32;
        self.bytes.extend_from_slice(term);
        self.terms.push(Term { hash, start, end: self.bytes.len() as u32, first: new, last: new });
        self.table[slot] = self.terms.len() as u32;
    }

    #[cold]
    fn grow(&mut self) {
        let len = (self.table.len() * 2).max(256);
        self.table.clear();
        self.table.resize(len, 0);
        for (at, term) in self.terms.iter().enumerate() {
            let mut slot = term.hash as usize & (len - 1);
            while self.table[slot] != 0 {
                slot = (slot + 1) & (len - 1);
            }
            self.table[slot] = at as u32 + 1;
        }
    }

    /// The length of each field: how many terms it has, repetitions counted.
    pub fn lengths(&self) -> &[u32] {
        &self.lengths
    }

    /// Whether the document has no term at all.
    pub fn is_empty(&self) -> bool {
        self.terms.is_empty()
    }

    /// How many different terms there are.
    pub fn len(&self) -> usize {
        self.terms.len()
    }

    /// The different terms in the order of their first occurrence, with their occurrences: field and position, ascending.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], Occurrences<'_>)> {
        self.terms.iter().map(|term| self.entry(term))
    }

    /// As [`DocumentTerms::iter`], and the hash of each term.
    pub(super) fn hashed(&self) -> impl Iterator<Item = (&[u8], u32, Occurrences<'_>)> {
        self.terms.iter().map(|term| {
            let (bytes, occurrences) = self.entry(term);
            (bytes, term.hash, occurrences)
        })
    }

    /// As [`DocumentTerms::iter`], in the order of the terms' bytes.
    pub fn sorted(&self) -> impl Iterator<Item = (&[u8], Occurrences<'_>)> {
        let text = |at: usize| self.entry(&self.terms[at]).0;
        let order = crate::base::sort::order(self.terms.len(), &mut |a, b| text(a) < text(b));
        order.into_iter().map(|at| self.entry(&self.terms[at]))
    }

    fn entry(&self, term: &Term) -> (&[u8], Occurrences<'_>) {
        let bytes = &self.bytes[term.start as usize..term.end as usize];
        (bytes, Occurrences { all: &self.occurrences, next: term.first })
    }
}

/// The places of one term in a document: pairs of field and position, ascending.
#[derive(Clone, Debug)]
pub struct Occurrences<'a> {
    all: &'a [Occurrence],
    next: u32,
}

impl Iterator for Occurrences<'_> {
    type Item = (usize, u32);

    #[inline]
    fn next(&mut self) -> Option<(usize, u32)> {
        let occurrence = self.all.get(self.next as usize)?;
        self.next = occurrence.next;
        Some((occurrence.field as usize, occurrence.position))
    }
}

/// Calls `found` with every text that a path reaches in a document: strings, and strings in arrays.
///
/// # Errors
/// The first error of `found`.
pub fn texts(
    path: &crate::collections::Path,
    document: &Document<'_>,
    found: &mut dyn FnMut(&str) -> Result<()>,
) -> Result<()> {
    let mut result = Ok(());
    path.leaves(ValueRef::Document(document), &mut |leaf| {
        if let (Ok(()), Some(Shape::String(bytes))) = (&result, leaf.map(ValueRef::shape)) {
            result = std::str::from_utf8(&bytes).map_or(Ok(()), &mut *found);
        }
    });
    result
}

/// Eight bytes at a time, each with one multiplication.
fn hash(term: &[u8]) -> u32 {
    let mut hash = term.len() as u64;
    for chunk in term.chunks(8) {
        let mut word = [0; 8];
        word[..chunk.len()].copy_from_slice(chunk);
        hash = (hash.rotate_left(23) ^ u64::from_le_bytes(word)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
    // Once more, or the last letters of a term would not reach the low bits.
    ((hash ^ hash >> 32).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn terms(analyzers: &[Analyzer], texts: &[&str]) -> Vec<String> {
        let mut terms = DocumentTerms::default();
        terms.read_texts(analyzers, &["left over"]).unwrap();
        terms.read_texts(analyzers, texts).unwrap();
        let shown = |(term, at): (&[u8], Occurrences<'_>)| {
            format!("{} {:?}", String::from_utf8_lossy(term), at.collect::<Vec<_>>())
        };
        terms.sorted().map(shown).collect()
    }

    #[test]
    fn a_term_has_its_places_in_every_field() {
        let analyzers = [Analyzer::Standard, Analyzer::english()];
        let found = terms(&analyzers, &["Tide and tide", "the tides"]);
        assert_eq!(found, ["and [(0, 1)]", "tide [(0, 0), (0, 2), (1, 1)]"]);
    }

    #[test]
    fn many_terms_are_told_apart() {
        let text: String = (0..5000).map(|n| format!("t{} ", n % 2500)).collect();
        let mut terms = DocumentTerms::default();
        terms.read_texts(&[Analyzer::Standard], &[&text]).unwrap();
        assert_eq!((terms.len(), terms.lengths()), (2500, &[5000][..]));
        assert!(terms.iter().all(|(_, at)| at.count() == 2));
    }

    #[test]
    fn texts_of_an_array_lie_apart() {
        let mut bytes = Vec::new();
        crate::collections::document::encode(br#"{"id":"a","t":["a b","c"],"u":3}"#, 1, &mut bytes).unwrap();
        let spec = SearchSpec::parse(&crate::collections::json::parse(br#"["t","u"]"#).unwrap()).unwrap();
        let mut terms = DocumentTerms::default();
        terms.read(&spec, &[Analyzer::Standard, Analyzer::Standard], &Document::parse(&bytes).unwrap()).unwrap();
        let positions: Vec<u32> = terms.iter().flat_map(|(_, at)| at.map(|(_, position)| position)).collect();
        assert_eq!((positions, terms.lengths()), (vec![0, 1, 102], &[3, 0][..]));
    }
}
