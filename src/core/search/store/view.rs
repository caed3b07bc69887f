//! The view that keeps search indexes: every commit of documents brings its own segment along.
//!
//! Not the builder of an index on existing documents, and not merging: those work in the background.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use crate::base::{write_varint, Error, Reader, Result};
use crate::collections::catalog::{Collection, SearchIndex};
use crate::collections::view::{Change, Gather, View};
use crate::engine::{Read, Step, Transaction};

use super::super::analyze::{Analyzer, Analyzers};
use super::super::spec::SearchSpec;
use super::super::terms::DocumentTerms;
use super::commit::{number_of, same_texts, Changes};
use super::head::Head;
use super::keys::IndexKeys;
use super::plan::Pace;

/// A declaration with its analyzers at hand.
#[derive(Debug)]
pub struct Prepared {
    /// The declaration.
    pub spec: SearchSpec,
    /// The analyzer of each field.
    pub analyzers: Vec<Analyzer>,
}

impl Prepared {
    /// The bytes that the catalog keeps of a declaration: those of the spec, then a varint for each field: the version of
    /// its analyzer.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.spec.write(&mut out);
        self.analyzers.iter().for_each(|analyzer| write_varint(&mut out, analyzer.version().into()));
        out
    }

    /// Terms of two versions of an analyzer of the application do not belong in one index.
    fn check_versions(&self, made_by: &[u32]) -> Result<()> {
        for ((field, analyzer), made_by) in self.spec.fields.iter().zip(&self.analyzers).zip(made_by) {
            if matches!(analyzer, Analyzer::Custom(_)) && analyzer.version() != *made_by {
                let message = format!(
                    "search.{}: the index was made by version {made_by} of the analyzer '{}', here is version {}: declare the \
                     search again to make it anew, or load the newer code",
                    field.path.text(),
                    field.analyzer,
                    analyzer.version()
                );
                return Err(Error::invalid(message).with_reason(ANALYZER_VERSION));
            }
        }
        Ok(())
    }
}

/// What the bytes in the catalog declare, and the versions of the analyzers that made the index.
pub(crate) fn decode(bytes: &[u8]) -> Result<(SearchSpec, Vec<u32>)> {
    let mut reader = Reader::new(bytes);
    let spec = SearchSpec::read(&mut reader)?;
    let mut versions = Vec::with_capacity(spec.fields.len());
    for _ in &spec.fields {
        versions.push(reader.varint_u32()?);
    }
    reader.finish("a search declaration")?;
    Ok((spec, versions))
}

/// The view. One for an instance; it knows the application's analyzers.
#[derive(Default)]
pub struct SearchIndexes {
    analyzers: RefCell<Analyzers>,
    prepared: RefCell<Vec<(Box<[u8]>, Rc<Prepared>)>>,
    /// Whether some commit left segments worth merging, and at what pace.
    merge_hint: Cell<Option<Pace>>,
}

/// The reason of an error about an index that another version of an analyzer made.
pub const ANALYZER_VERSION: &str = "analyzer-version";

/// Declarations kept ready.
const PREPARED_MAX: usize = 64;

impl SearchIndexes {
    /// Makes analyzers of the application known.
    ///
    /// # Errors
    /// What `change` answers.
    pub fn with_analyzers<T>(&self, change: impl FnOnce(&mut Analyzers) -> Result<T>) -> Result<T> {
        self.prepared.borrow_mut().clear();
        change(&mut self.analyzers.borrow_mut())
    }

    /// The busiest pace at which there may be segments to merge since the last time this was asked.
    pub fn take_merge_hint(&self) -> Option<Pace> {
        self.merge_hint.take()
    }

    /// A declaration with its analyzers.
    ///
    /// # Errors
    /// `Invalid` with reason `unknown-analyzer`.
    pub fn prepare(&self, spec: SearchSpec) -> Result<Prepared> {
        let analyzers = self.analyzers.borrow().of(&spec)?;
        Ok(Prepared { spec, analyzers })
    }

    /// The declaration of a search index, ready for use.
    ///
    /// # Errors
    /// `Invalid` if an analyzer is not known here (reason `unknown-analyzer`), or in another version than the one that made the
    /// index (reason `analyzer-version`); `Corrupt` if the bytes make no sense.
    pub fn prepared(&self, search: &SearchIndex) -> Result<Rc<Prepared>> {
        let mut known = self.prepared.borrow_mut();
        if let Some((_, prepared)) = known.iter().find(|(bytes, _)| **bytes == *search.spec) {
            return Ok(Rc::clone(prepared));
        }
        let (spec, versions) = decode(&search.spec)?;
        let prepared = Rc::new(self.prepare(spec)?);
        prepared.check_versions(&versions)?;
        if known.len() >= PREPARED_MAX {
            known.clear();
        }
        known.push((search.spec.clone(), Rc::clone(&prepared)));
        Ok(prepared)
    }
}

impl View for SearchIndexes {
    fn check(&self, view: &dyn Read, collection: &Collection, changes: &[Change<'_>]) -> Step<()> {
        let Some(search) = &collection.search else { return Ok(()) };
        let prepared = self.prepared(search)?;
        let keys = IndexKeys::new(collection.id, search.id);
        let mut gather = Gather::default();
        gather.step(Head::load(view, &keys, prepared.spec.fields.len()))?;
        for change in changes.iter().filter(|change| change.old.is_some()) {
            gather.step(number_of(view, &keys, change.id))?;
        }
        gather.finish()
    }

    fn apply(&self, tx: &mut dyn Transaction, collection: &Collection, changes: &[Change<'_>]) -> Step<()> {
        let Some(search) = &collection.search else { return Ok(()) };
        let prepared = self.prepared(search)?;
        let keys = IndexKeys::new(collection.id, search.id);
        let mut terms = DocumentTerms::default();
        let mut update: Option<Changes<'_>> = None;
        let Prepared { spec, analyzers } = &*prepared;
        for change in changes {
            if let (Some(old), Some(new)) = (&change.old, &change.new) {
                if same_texts(spec, old, new)? {
                    continue;
                }
            }
            let update = match &mut update {
                Some(update) => update,
                None => update.insert(Changes::begin(tx, keys, spec)?),
            };
            if let Some(old) = &change.old {
                if let Some(number) = number_of(tx, &keys, change.id)? {
                    terms.read(spec, analyzers, old)?;
                    update.remove(tx, change.id, number, &terms)?;
                }
            }
            if let Some(new) = &change.new {
                terms.read(spec, analyzers, new)?;
                update.add(tx, change.id, &terms)?;
            }
        }
        if let Some(update) = update {
            let due = update.finish(tx)?;
            if due == Some(Pace::Busy) || self.merge_hint.get().is_none() {
                self.merge_hint.set(due);
            }
        }
        Ok(())
    }
}

/// The declaration of a search index.
///
/// # Errors
/// `Corrupt` if its bytes make no sense.
pub fn declared(search: &SearchIndex) -> Result<SearchSpec> {
    Ok(decode(&search.spec)?.0)
}

/// The error for a collection without a search index.
pub fn not_declared(collection: &str) -> Error {
    let message =
        format!("collection '{collection}' has no search index: declare it with `search: {{ field: weight }}`");
    Error::invalid(message).with_reason("no-search-index")
}
