//! Indexes on collections that have documents already: created, filled in slices, dropped and cleared in slices.
//!
//! Every slice is one transaction that also stores how far it got, so a closed tab costs nothing but time. From the
//! moment an index is in the catalog every writer maintains it; the builder brings in the documents that were there
//! before. Two builders of one index only do the same work twice.

use std::rc::Rc;

use crate::base::planted::{planted, Bug};
use crate::base::{write_varint, Error, Reader};
use crate::engine::{delete_some, Direction, KeyRange, Read, Step, Transaction};

use super::catalog::{self, document_count, Catalog, Collection, Index, IndexSpec, INDEXES_MAX};
use super::document::Document;
use super::index::{violation, Entries};
use super::keys;
use super::view::Gather;

/// Documents brought into an index by one slice.
const BUILD_ROWS: usize = 500;
/// Keys cleared by one slice.
const CLEAR_KEYS: usize = 2_000;

/// What a slice of a build did.
#[derive(Clone, Debug, PartialEq)]
pub enum BuildStep {
    /// It goes on.
    Building {
        /// Documents brought in so far.
        done: u64,
        /// Documents in the collection now.
        total: u64,
    },
    /// The index is ready.
    Ready {
        /// Documents brought in.
        done: u64,
    },
    /// Two documents violate the unique index, which was dropped.
    Failed(Error),
    /// The index or its collection was dropped meanwhile, or was ready before.
    Gone,
}

/// An index under construction: collection name and index number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Build {
    /// The collection's name.
    pub collection: Box<str>,
    /// The index's number.
    pub index: u32,
}

/// Creates a collection and the indexes it lacks, and raises its schema version. Answers the collection.
///
/// # Errors
/// `Conflict` with reason `index-differs` if an index of that name is another one; `Invalid` for too many.
pub fn ensure(
    tx: &mut dyn Transaction,
    catalog: &Catalog,
    name: &str,
    version: Option<u32>,
    specs: &[IndexSpec],
) -> Step<Rc<Collection>> {
    let old = catalog.find_or_create(tx, name)?;
    let mut collection = Collection::clone(&old);
    collection.version = collection.version.max(version.unwrap_or(0));
    let empty = document_count(tx, collection.id)? == 0;
    for spec in specs {
        match collection.index(&spec.name) {
            Some(index) if index.spec == *spec => continue,
            Some(_) => return Err(differs(name, spec).into()),
            None => {}
        }
        if collection.indexes.len() >= INDEXES_MAX {
            let message = format!("collection '{name}' has {INDEXES_MAX} indexes, the most there can be: drop one");
            return Err(Error::invalid(message).into());
        }
        let id = collection.next_index;
        collection.next_index += 1;
        if !empty {
            tx.put(&keys::build(collection.id, id), &Progress::default().encode())?;
        }
        collection.indexes.push(Index { id, spec: spec.clone(), multi_entry: false, ready: empty });
    }
    if collection != *old {
        catalog::save(tx, &collection)?;
    }
    Ok(Rc::new(collection))
}

fn differs(collection: &str, spec: &IndexSpec) -> Error {
    Error::conflict(format!(
        "collection '{collection}' has another index called '{}': drop it first, or give this one another name",
        spec.name
    ))
    .with_reason("index-differs")
}

/// Drops an index; answers whether it was there. Its entries become garbage.
pub fn drop_index(tx: &mut dyn Transaction, catalog: &Catalog, collection: &str, name: &str) -> Step<bool> {
    let Some(old) = catalog.find(tx, collection)? else { return Ok(false) };
    let Some(index) = old.index(name) else { return Ok(false) };
    remove(tx, &old, index)?;
    Ok(true)
}

fn remove(tx: &mut dyn Transaction, collection: &Collection, index: &Index) -> Step<()> {
    let mut changed = collection.clone();
    changed.indexes.retain(|other| other.id != index.id);
    tx.delete(&keys::build(collection.id, index.id))?;
    tx.put(&keys::garbage(collection.id, index.id), &[])?;
    catalog::save(tx, &changed)
}

/// Drops a collection; answers whether it was there.
pub fn drop_collection(tx: &mut dyn Transaction, catalog: &Catalog, name: &str) -> Step<bool> {
    let Some(collection) = catalog.find(tx, name)? else { return Ok(false) };
    catalog::drop_collection(tx, &collection)?;
    Ok(true)
}

/// The indexes under construction.
pub fn builds(view: &dyn Read, catalog: &Catalog) -> Step<Vec<Build>> {
    let mut cursor = view.cursor(keys::builds(), Direction::Forward);
    if !cursor.advance()? {
        return Ok(Vec::new());
    }
    let collections = catalog.all(view)?;
    let builds = collections.iter().flat_map(|collection| {
        let unready = collection.indexes.iter().filter(|index| !index.ready);
        unready.map(|index| Build { collection: collection.name.clone(), index: index.id })
    });
    Ok(builds.collect())
}

/// How many documents were brought into an index under construction.
pub fn built(view: &dyn Read, collection: u32, index: u32) -> Step<u64> {
    Ok(Progress::load(view, collection, index)?.map_or(0, |progress| progress.done))
}

/// How far a build got.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Documents brought in.
    pub done: u64,
    /// The id of the last document brought in; empty before the first.
    pub last: Vec<u8>,
}

impl Progress {
    /// The stored bytes (docs/FORMAT.md).
    pub fn encode(&self) -> Vec<u8> {
        let mut out = vec![1];
        write_varint(&mut out, self.done);
        out.extend_from_slice(&self.last);
        out
    }

    /// The progress of the build of an index; `None` if it is not being built.
    pub fn load(view: &dyn Read, collection: u32, index: u32) -> Step<Option<Self>> {
        let mut bytes = Vec::new();
        if !view.get(&keys::build(collection, index), &mut bytes)? {
            return Ok(None);
        }
        let mut reader = Reader::new(&bytes);
        if reader.u8()? != 1 {
            return Err(Error::corrupt("an index build is recorded in a format of a later version").into());
        }
        Ok(Some(Self { done: reader.varint()?, last: reader.rest().to_vec() }))
    }
}

impl Build {
    /// Brings the next documents into the index.
    pub fn slice(&self, tx: &mut dyn Transaction, catalog: &Catalog) -> Step<BuildStep> {
        let Some(collection) = catalog.find(tx, &self.collection)? else { return Ok(BuildStep::Gone) };
        let index = collection.indexes.iter().find(|index| index.id == self.index && !index.ready);
        let (Some(index), Some(mut progress)) = (index, Progress::load(tx, collection.id, self.index)?) else {
            return Ok(BuildStep::Gone);
        };
        let mut entries = Entries::default();
        let finished = match collect(tx, &collection, index, &mut progress, &mut entries) {
            Err(crate::engine::Pause::Failed(error)) if error.kind() == crate::base::ErrorKind::Invalid => {
                remove(tx, &collection, index)?;
                return Ok(BuildStep::Failed(error));
            }
            other => other?,
        };
        if let Some(error) = first_violation(tx, index, &entries)? {
            remove(tx, &collection, index)?;
            return Ok(BuildStep::Failed(error));
        }
        for (key, value) in entries.iter() {
            tx.put(key, value)?;
        }
        if finished || (entries.multi_entry && !index.multi_entry) {
            let mut changed = Collection::clone(&collection);
            for index in changed.indexes.iter_mut().filter(|index| index.id == self.index) {
                index.ready = finished;
                index.multi_entry |= entries.multi_entry;
            }
            catalog::save(tx, &changed)?;
        }
        if finished {
            tx.delete(&keys::build(collection.id, self.index))?;
            return Ok(BuildStep::Ready { done: progress.done });
        }
        tx.put(&keys::build(collection.id, self.index), &progress.encode())?;
        let total = document_count(tx, collection.id)?;
        Ok(BuildStep::Building { done: progress.done, total })
    }
}

/// The entries of the next documents; answers whether those were the last.
fn collect(
    view: &dyn Read,
    collection: &Collection,
    index: &Index,
    progress: &mut Progress,
    entries: &mut Entries,
) -> Step<bool> {
    let prefix = keys::document_prefix(collection.id);
    let mut range = KeyRange::prefix(&prefix);
    if !progress.last.is_empty() {
        range.start.extend_from_slice(&progress.last);
        range.start.push(0);
    }
    let mut cursor = view.cursor(range, Direction::Forward);
    for at in 0..BUILD_ROWS {
        if !cursor.advance()? {
            entries.sort();
            return Ok(true);
        }
        let id = keys::document_id(cursor.key());
        if at < 3 && progress.done > 0 && planted(Bug::SkipBuildRows) {
            continue;
        }
        let text = std::str::from_utf8(id).map_err(|_| Error::corrupt("a document's id is not UTF-8"))?;
        entries.add(collection.id, index, &Document::parse(cursor.value())?, text)?;
        progress.done += 1;
        progress.last = id.to_vec();
    }
    entries.sort();
    Ok(false)
}

/// The first two documents that violate the index, if it is unique.
fn first_violation(view: &dyn Read, index: &Index, entries: &Entries) -> Step<Option<Error>> {
    if !index.spec.unique {
        return Ok(None);
    }
    let mut gather = Gather::default();
    let mut before: Option<(&[u8], &[u8])> = None;
    let mut owner = Vec::new();
    for (key, id) in entries.iter() {
        if let Some((_, holder)) = before.filter(|(other, _)| *other == key) {
            return Ok(Some(violation(index, holder, id)));
        }
        before = Some((key, id));
        owner.clear();
        if gather.step(view.get(key, &mut owner))?.unwrap_or(false) && owner != id {
            return Ok(Some(violation(index, &owner, id)));
        }
    }
    gather.finish()?;
    Ok(None)
}

/// Clears a slice of what dropped collections and indexes left behind; answers whether there is more.
pub fn clear_slice(tx: &mut dyn Transaction) -> Step<bool> {
    let Some((record, collection, index)) = first_garbage(tx)? else { return Ok(false) };
    let ranges = match index {
        0 => vec![
            KeyRange::prefix(&keys::document_prefix(collection)),
            KeyRange::prefix(&keys::indexes_prefix(collection)),
            KeyRange::prefix(&keys::searches_prefix(collection)),
        ],
        index => vec![
            KeyRange::prefix(&keys::index_prefix(collection, index)),
            KeyRange::prefix(&keys::search_prefix(collection, index)),
        ],
    };
    if delete_some(tx, ranges, CLEAR_KEYS)? {
        return Ok(true);
    }
    if index == 0 {
        tx.delete(&keys::count(collection))?;
    }
    tx.delete(&record)?;
    Ok(first_garbage(tx)?.is_some())
}

/// Whether dropped collections or indexes still occupy space.
pub fn has_garbage(view: &dyn Read) -> Step<bool> {
    Ok(first_garbage(view)?.is_some())
}

fn first_garbage(view: &dyn Read) -> Step<Option<(Vec<u8>, u32, u32)>> {
    let mut cursor = view.cursor(keys::garbage_all(), Direction::Forward);
    if !cursor.advance()? {
        return Ok(None);
    }
    let (collection, index) =
        keys::parse_pair(cursor.key()).ok_or_else(|| Error::corrupt("a garbage record makes no sense"))?;
    Ok(Some((cursor.key().to_vec(), collection, index)))
}
