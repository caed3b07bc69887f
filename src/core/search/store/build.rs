//! Search indexes on collections that have documents already: declared, filled in the background, dropped.
//!
//! From the moment an index is declared every writer maintains it; the builder brings in the documents that were there
//! before. It reads and analyzes in short slices, holds what it has up to a limit, and commits that together with how far
//! it got: a closed tab loses only the part that was not committed.

use std::rc::Rc;

use crate::base::{checksum, Error, FastSet};
use crate::collections::build::Progress;
use crate::collections::catalog::{self, document_count, Catalog, Collection, SearchIndex};
use crate::collections::view::Gather;
use crate::collections::{keys, Document};
use crate::engine::{Direction, KeyRange, Read, Step, Transaction};

use super::super::terms::DocumentTerms;
use super::commit::{number_of, Batch, Changes};
use super::keys::IndexKeys;
use super::view::{decode, Prepared};

/// Bytes of documents analyzed in one slice.
const SLICE_BYTES: usize = 48 << 10;
/// Bytes of memory after which a batch is committed.
const BATCH_BYTES: usize = 3 << 20;

/// Declares a search index; answers the collection. The same declaration changes nothing, one that differs in weights only
/// is noted, and any other makes a new index in place of the old one.
pub fn declare(tx: &mut dyn Transaction, catalog: &Catalog, name: &str, prepared: &Prepared) -> Step<Rc<Collection>> {
    let old = catalog.find_or_create(tx, name)?;
    let spec: Box<[u8]> = prepared.encode().into();
    if old.search.as_ref().is_some_and(|search| search.spec == spec) {
        return Ok(old);
    }
    let mut collection = Collection::clone(&old);
    match &mut collection.search {
        Some(search) if holds(&search.spec, prepared) => search.spec = spec,
        _ => {
            remove(tx, &mut collection)?;
            let id = collection.next_index;
            collection.next_index += 1;
            let ready = document_count(tx, collection.id)? == 0;
            if !ready {
                tx.put(&keys::build(collection.id, id), &Progress::default().encode())?;
            }
            collection.search = Some(SearchIndex { id, spec, ready });
        }
    }
    catalog::save(tx, &collection)?;
    Ok(Rc::new(collection))
}

/// Whether the index that was made by the stored declaration is right for this one too.
pub fn holds(stored: &[u8], prepared: &Prepared) -> bool {
    decode(stored).is_ok_and(|(spec, versions)| {
        spec.same_terms(&prepared.spec)
            && versions.iter().eq(prepared.analyzers.iter().map(|one| one.version()).collect::<Vec<_>>().iter())
    })
}

/// Drops the search index; answers whether there was one.
pub fn drop_search(tx: &mut dyn Transaction, catalog: &Catalog, name: &str) -> Step<bool> {
    let Some(old) = catalog.find(tx, name)?.filter(|collection| collection.search.is_some()) else { return Ok(false) };
    let mut collection = Collection::clone(&old);
    remove(tx, &mut collection)?;
    catalog::save(tx, &collection)?;
    Ok(true)
}

fn remove(tx: &mut dyn Transaction, collection: &mut Collection) -> Step<()> {
    if let Some(search) = collection.search.take() {
        tx.delete(&keys::build(collection.id, search.id))?;
        tx.put(&keys::garbage(collection.id, search.id), &[])?;
    }
    Ok(())
}

/// What reading a slice led to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadStep {
    /// Read on.
    More,
    /// Commit what was read.
    Full,
    /// Commit: those were the last documents.
    End,
    /// The index was dropped, or is ready.
    Gone,
}

/// What committing a batch led to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CommitStep {
    /// It goes on: documents done, documents in the collection.
    Building(u64, u64),
    /// The index is ready: documents done.
    Ready(u64),
    /// The index was dropped, or is ready.
    Gone,
}

/// A builder of one index.
pub struct Builder {
    collection: Box<str>,
    index: u32,
    prepared: Rc<Prepared>,
    terms: DocumentTerms,
    batch: Batch,
    /// The checksum of each document of the batch as it was read.
    read_as: Vec<u64>,
    /// The id of the last document read; `None` before the first look at the stored progress.
    last: Option<Vec<u8>>,
    /// Documents read since the last commit.
    read: u64,
}

impl Builder {
    /// A builder that goes on where the stored progress says.
    pub fn new(collection: &str, index: u32, prepared: Rc<Prepared>) -> Self {
        Self {
            collection: collection.into(),
            index,
            prepared,
            terms: DocumentTerms::default(),
            batch: Batch::default(),
            read_as: Vec::new(),
            last: None,
            read: 0,
        }
    }

    fn find(&self, view: &dyn Read, catalog: &Catalog) -> Step<Option<(Rc<Collection>, Progress)>> {
        let Some(collection) = catalog.find(view, &self.collection)? else { return Ok(None) };
        if !collection.search.as_ref().is_some_and(|search| search.id == self.index && !search.ready) {
            return Ok(None);
        }
        Ok(Progress::load(view, collection.id, self.index)?.map(|progress| (collection, progress)))
    }

    /// Reads and analyzes the next documents. After a pause it is called again.
    pub fn read(&mut self, view: &dyn Read, catalog: &Catalog) -> Step<ReadStep> {
        let Some((collection, progress)) = self.find(view, catalog)? else { return Ok(ReadStep::Gone) };
        let keys = IndexKeys::new(collection.id, self.index);
        let last = self.last.get_or_insert(progress.last);
        let prefix = keys::document_prefix(collection.id);
        let mut range = KeyRange::prefix(&prefix);
        if !last.is_empty() {
            range.start = [&prefix, last.as_slice(), &[0]].concat();
        }
        let mut cursor = view.cursor(range, Direction::Forward);
        let mut bytes = 0;
        while cursor.advance()? {
            let id = keys::document_id(cursor.key());
            let text = std::str::from_utf8(id).map_err(|_| Error::corrupt("a document's id is not UTF-8"))?;
            if number_of(view, &keys, text)?.is_none() {
                let Prepared { spec, analyzers } = &*self.prepared;
                self.terms.read(spec, analyzers, &Document::parse(cursor.value())?)?;
                if self.batch.add(text, &self.terms) {
                    self.read_as.push(checksum(cursor.value()));
                }
            }
            last.clear();
            last.extend_from_slice(id);
            self.read += 1;
            bytes += cursor.value().len();
            if self.batch.memory() >= BATCH_BYTES {
                return Ok(ReadStep::Full);
            }
            if bytes >= SLICE_BYTES {
                return Ok(ReadStep::More);
            }
        }
        Ok(ReadStep::End)
    }

    /// Commits what was read; `end` if those were the last documents. It may be run again.
    pub fn commit(&self, tx: &mut dyn Transaction, catalog: &Catalog, end: bool) -> Step<CommitStep> {
        let Some((collection, mut progress)) = self.find(tx, catalog)? else { return Ok(CommitStep::Gone) };
        let keys = IndexKeys::new(collection.id, self.index);
        let stale = self.stale(tx, &collection, &keys)?;
        let changes = Changes::begin(tx, keys, &self.prepared.spec)?;
        changes.add_batch(tx, &self.batch, &stale)?;
        progress.done += self.read;
        if let Some(last) = self.last.as_ref().filter(|last| **last > progress.last) {
            progress.last.clone_from(last);
        }
        if end {
            let mut changed = Collection::clone(&collection);
            changed.search.iter_mut().for_each(|search| search.ready = true);
            catalog::save(tx, &changed)?;
            tx.delete(&keys::build(collection.id, self.index))?;
            return Ok(CommitStep::Ready(progress.done));
        }
        tx.put(&keys::build(collection.id, self.index), &progress.encode())?;
        Ok(CommitStep::Building(progress.done, document_count(tx, collection.id)?))
    }

    /// The documents of the batch whose text changed since they were read: they are gone, or their writer brought them in,
    /// or they have no text left, and then their writer had nothing to bring in.
    fn stale(&self, view: &dyn Read, collection: &Collection, keys: &IndexKeys) -> Step<FastSet<u32>> {
        let mut gather = Gather::default();
        let mut stale = FastSet::default();
        let (mut key, mut now) = (Vec::new(), Vec::new());
        let mut terms = DocumentTerms::default();
        for (row, (id, read_as)) in (0u32..).zip(self.batch.ids().zip(&self.read_as)) {
            keys::document(collection.id, id, &mut key);
            now.clear();
            let there = gather.step(view.get(&key, &mut now))?;
            let numbered = gather.step(number_of(view, keys, id))?.flatten().is_some();
            let changed = match there {
                Some(true) if !numbered && checksum(&now) != *read_as => self.is_empty(&now, &mut terms)?,
                Some(there) => !there,
                None => false,
            };
            if changed || numbered {
                stale.insert(row);
            }
        }
        gather.finish()?;
        Ok(stale)
    }

    /// Whether a document has no text for the index.
    fn is_empty(&self, document: &[u8], terms: &mut DocumentTerms) -> Step<bool> {
        let Prepared { spec, analyzers } = &*self.prepared;
        terms.read(spec, analyzers, &Document::parse(document)?)?;
        Ok(terms.is_empty())
    }

    /// The builder of the next batch, after this one was committed.
    pub fn next(&self) -> Self {
        let next = Self::new(&self.collection, self.index, Rc::clone(&self.prepared));
        Self { last: self.last.clone(), ..next }
    }
}
