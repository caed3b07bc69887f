//! Compares a stored index with one rebuilt from the documents: every term, document, count, position, length and bound.
//!
//! For tests; it holds the whole index in memory.

use std::collections::BTreeMap;
use std::rc::Rc;

use crate::collections::catalog::{Collection, SearchIndex};
use crate::collections::{keys, Document, Value};
use crate::engine::{Direction, KeyRange, Read, Step};

use super::super::brute_force::brute_force;
use super::super::evaluate::{Evaluation, Hit, Top};
use super::super::plan::Plan;
use super::super::postings::{FieldTotals, Postings, TermDocs, Totals, BLOCK_DOCS, NO_DOC};
use super::super::query::{Options, Query};
use super::super::reference::MemoryIndex;
use super::super::score::{length_code, length_of};
use super::super::terms::DocumentTerms;
use super::index::StoredPostings;
use super::view::Prepared;
use super::warm::Warm;

/// For each field the positions of a term in a document.
type Places = Vec<Vec<u32>>;

/// An index rebuilt from documents.
#[derive(Debug, Default)]
struct Rebuilt {
    terms: BTreeMap<Vec<u8>, BTreeMap<String, Places>>,
    lengths: BTreeMap<String, Vec<u32>>,
    totals: Totals,
}

fn rebuild(view: &dyn Read, collection: u32, prepared: &Prepared) -> Step<Rebuilt> {
    let fields = prepared.spec.fields.len();
    let mut rebuilt = Rebuilt::default();
    rebuilt.totals.fields = vec![FieldTotals::default(); fields];
    let mut terms = DocumentTerms::default();
    let mut cursor = view.cursor(KeyRange::prefix(&keys::document_prefix(collection)), Direction::Forward);
    while cursor.advance()? {
        let id = String::from_utf8_lossy(keys::document_id(cursor.key())).into_owned();
        terms.read(&prepared.spec, &prepared.analyzers, &Document::parse(cursor.value())?)?;
        if terms.is_empty() {
            continue;
        }
        rebuilt.totals.docs += 1;
        for (total, length) in rebuilt.totals.fields.iter_mut().zip(terms.lengths()) {
            total.docs += u64::from(*length > 0);
            total.tokens += u64::from(*length);
        }
        rebuilt.lengths.insert(id.clone(), terms.lengths().to_vec());
        for (term, occurrences) in terms.iter() {
            let mut places = vec![Vec::new(); fields];
            occurrences.for_each(|(field, position)| places[field].push(position));
            rebuilt.terms.entry(term.to_vec()).or_default().insert(id.clone(), places);
        }
    }
    Ok(rebuilt)
}

/// What differs between the stored index and one rebuilt from the documents; `None` if nothing does.
///
/// # Errors
/// As any read.
pub fn difference(
    view: &dyn Read,
    collection: &Collection,
    search: &SearchIndex,
    prepared: &Prepared,
) -> Step<Option<String>> {
    let rebuilt = rebuild(view, collection.id, prepared)?;
    let stored = StoredPostings::open(view, collection.id, search.id, &prepared.spec, &Rc::default())?;
    if stored.totals()? != rebuilt.totals {
        return Ok(Some(format!("totals: stored {:?}, rebuilt {:?}", stored.totals()?, rebuilt.totals)));
    }
    let mut terms = stored.terms()?;
    let mut expected = rebuilt.terms.keys();
    while terms.advance()? {
        if terms.stats().docs == 0 {
            continue;
        }
        if expected.next().map(Vec::as_slice) != Some(terms.term()) {
            return Ok(Some(format!("the terms differ at '{}'", String::from_utf8_lossy(terms.term()))));
        }
    }
    if let Some(term) = expected.next() {
        return Ok(Some(format!("the term '{}' is missing", String::from_utf8_lossy(term))));
    }
    for (term, docs) in &rebuilt.terms {
        if let Some(text) = term_difference(&stored, term, docs, &rebuilt)? {
            return Ok(Some(format!("the term '{}': {text}", String::from_utf8_lossy(term))));
        }
        let found = terms.seek(term)?;
        if !found || terms.term() != term.as_slice() {
            return Ok(Some(format!("seeking '{}' does not find it", String::from_utf8_lossy(term))));
        }
    }
    Ok(None)
}

/// What differs between the results of queries over the stored index and those of scoring every document of a rebuilt one;
/// `None` if nothing does. The queries use `warm`.
///
/// # Errors
/// As any read.
pub fn result_difference(
    view: &dyn Read,
    collection: &Collection,
    search: &SearchIndex,
    prepared: &Prepared,
    queries: &[Value],
    warm: &Rc<Warm>,
) -> Step<Option<String>> {
    let Prepared { spec, analyzers } = prepared;
    let stored = StoredPostings::open(view, collection.id, search.id, spec, warm)?;
    let mut memory = MemoryIndex::new(spec.clone(), analyzers.clone());
    let mut documents = Vec::new();
    let mut cursor = view.cursor(KeyRange::prefix(&keys::document_prefix(collection.id)), Direction::Forward);
    while cursor.advance()? {
        let id = String::from_utf8_lossy(keys::document_id(cursor.key())).into_owned();
        if let Some(number) = stored.number(&id)? {
            documents.push((number, cursor.value().to_vec()));
        }
    }
    crate::base::sort::sort(&mut documents);
    let mut terms = DocumentTerms::default();
    for (number, bytes) in &documents {
        terms.read(spec, analyzers, &Document::parse(bytes)?)?;
        memory.add(*number, &terms);
    }
    memory.seal(BLOCK_DOCS, None);
    for query in queries {
        let plan = Plan::new(&Query::parse(query, &Options::default(), spec)?, spec, analyzers)?;
        let mut top = Top::new(10);
        Evaluation::new(plan.clone()).run(spec, &stored, &mut top, u64::MAX >> 1)?;
        let (found, all) = (top.into_hits(), brute_force(&memory, &plan));
        let near = |a: f32, b: f32| (a - b).abs() <= 1e-4 * a.abs().max(1.0);
        let right = |hit: &Hit| all.iter().any(|other| other.doc == hit.doc && near(other.score, hit.score));
        let best = found.iter().zip(&all).all(|(hit, best)| near(hit.score, best.score));
        if found.len() != all.len().min(10) || !best || !found.iter().all(right) {
            let best = all.get(..all.len().min(10)).unwrap_or_default();
            return Ok(Some(format!("{query:?}: stored {found:?}, scored one by one {best:?}")));
        }
    }
    Ok(None)
}

fn term_difference(
    stored: &StoredPostings<'_>,
    term: &[u8],
    expected: &BTreeMap<String, Places>,
    rebuilt: &Rebuilt,
) -> Step<Option<String>> {
    let Some(mut docs) = stored.docs(term)? else { return Ok(Some("it is missing".to_owned())) };
    if docs.stats().docs as usize != expected.len() {
        return Ok(Some(format!("{} documents counted, {} there", docs.stats().docs, expected.len())));
    }
    let (mut found, mut next) = (BTreeMap::new(), 0);
    let mut all = Vec::new();
    while docs.seek(next)? {
        let block = docs.read()?;
        for (at, doc) in block.docs().iter().enumerate() {
            if all.last().is_some_and(|last| last >= doc) || *doc > docs.last() {
                return Ok(Some(format!("document {doc} is out of order")));
            }
            all.push(*doc);
            let id = stored.id(*doc)?;
            let Some(lengths) = rebuilt.lengths.get(&*id) else { return Ok(Some(format!("a ghost: {id}"))) };
            let mut places = vec![Vec::new(); lengths.len()];
            for column in block.columns() {
                if column.counts()[at] > 0 {
                    docs.positions(at, column.field(), &mut places[column.field()])?;
                }
                if column.codes()[at] != length_code(lengths[column.field()]) {
                    return Ok(Some(format!("document {id} has another length beside its counts")));
                }
                if places[column.field()].len() != usize::from(column.counts()[at]) {
                    return Ok(Some(format!("document {id} has other positions than counted")));
                }
            }
            if let Some(text) = bound_difference(stored, &*docs, *doc, &places, lengths)? {
                return Ok(Some(format!("document {id}: {text}")));
            }
            found.insert(id.to_string(), places);
        }
        if docs.last() == NO_DOC {
            return Ok(Some("a block without end".to_owned()));
        }
        next = docs.last() + 1;
    }
    if found != *expected {
        return Ok(Some(format!("stored {found:?}, rebuilt {expected:?}")));
    }
    seek_difference(stored, term, &all)
}

/// Lengths are as rebuilt, and no impact is above its block's or its term's bound.
fn bound_difference(
    stored: &StoredPostings<'_>,
    docs: &dyn TermDocs,
    doc: u32,
    places: &Places,
    lengths: &[u32],
) -> Step<Option<String>> {
    let mut impact = 0.0;
    for (field, (places, length)) in places.iter().zip(lengths).enumerate() {
        let mut code = [0];
        stored.lengths(field, &[doc], &mut code)?;
        if code[0] != length_code(*length) {
            return Ok(Some(format!("its length in field {field} is {}, not {length}", length_of(code[0]))));
        }
        if !places.is_empty() {
            impact += stored.reference().impact([(field, places.len() as u16, code[0])]);
        }
    }
    if impact > docs.impact() * 1.0001 || impact > docs.stats().impact * 1.0001 {
        return Ok(Some(format!("its impact {impact} exceeds a bound")));
    }
    Ok(None)
}

/// Skipping leads where walking does.
fn seek_difference(stored: &StoredPostings<'_>, term: &[u8], all: &[u32]) -> Step<Option<String>> {
    let Some(mut docs) = stored.docs(term)? else { return Ok(Some("it vanished".to_owned())) };
    let step = (all.len() / 7).max(1);
    for doc in all.iter().step_by(step) {
        if !docs.seek(*doc)? {
            return Ok(Some(format!("seeking {doc} finds no block")));
        }
        let block = docs.read()?;
        if !block.docs().contains(doc) {
            return Ok(Some(format!("seeking {doc} finds another block")));
        }
    }
    Ok(None)
}
