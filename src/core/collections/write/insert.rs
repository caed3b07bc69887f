//! Whole documents into a collection: `insert`, `put` and `replace` differ only in what they expect to find.

use std::rc::Rc;

use crate::base::{sort, Error, Result};
use crate::engine::{KeyRange, Step, Transaction};

use super::super::catalog::{self, Catalog, Collection};
use super::super::document::{encode_batch, Encoded};
use super::super::keys;
use super::super::view::{Gather, View};
use super::edit::{apply, load, Edit};
use super::Written;

/// What is to become of documents that exist, or do not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InsertMode {
    /// No document may exist.
    Insert,
    /// Documents that exist are replaced.
    Put,
    /// Documents that do not exist are left out.
    Replace,
}

/// From so many documents on a look at the range of their ids costs less than one at each.
const RANGE_MIN: usize = 16;

/// The operation. It keeps the encoded documents from run to run.
pub struct Insert {
    collection: Box<str>,
    json: Vec<u8>,
    mode: InsertMode,
    version: Option<u32>,
    batch: Option<Batch>,
}

/// Documents as they will be stored, and their order by id.
struct Batch {
    version: u32,
    bytes: Vec<u8>,
    documents: Vec<Encoded>,
    /// Positions in `documents` by ascending id; of equal ids the last one only.
    order: Vec<usize>,
}

impl Insert {
    /// Writes a JSON array of documents; `version` is their schema version, by default the collection's.
    pub fn new(collection: &str, json: Vec<u8>, mode: InsertMode, version: Option<u32>) -> Self {
        Self { collection: collection.into(), json, mode, version, batch: None }
    }

    /// Runs it in a transaction.
    ///
    /// # Errors
    /// `Invalid` for text that is not an array of documents with ids; `Conflict` with reason `duplicate-id` or `unique`.
    pub fn run(&mut self, tx: &mut dyn Transaction, catalog: &Catalog, views: &[Rc<dyn View>]) -> Step<Written> {
        let collection = match self.mode {
            InsertMode::Replace => match catalog.find(tx, &self.collection)? {
                Some(collection) => collection,
                None => return Ok(Written::default()),
            },
            _ => catalog.find_or_create(tx, &self.collection)?,
        };
        let version = self.version.unwrap_or(collection.version);
        let mut batch = match self.batch.take() {
            Some(batch) if batch.version == version => batch,
            _ => encode(&self.json, version, self.mode)?,
        };
        if version < collection.version {
            // Whoever declares the newer version finds out by this that there is something to upgrade.
            catalog::save(tx, &Collection { version, ..Collection::clone(&collection) })?;
        }
        let result = match self.mode {
            InsertMode::Insert => insert(tx, &collection, views, &mut batch),
            mode => put(tx, &collection, views, &mut batch, mode),
        };
        self.batch = Some(batch);
        result
    }
}

fn encode(json: &[u8], version: u32, mode: InsertMode) -> Result<Batch> {
    let mut bytes = Vec::new();
    let documents = encode_batch(json, version.into(), None, &mut bytes)?;
    let id = |at: usize| documents.get(at).map(|document| &*document.id);
    let mut order: Vec<usize> = (0..documents.len()).collect();
    let ascending = documents.windows(2).all(|pair| matches!(pair, [a, b] if a.id < b.id));
    if !ascending {
        order = sort::order(documents.len(), &mut |a, b| id(a) < id(b));
        let double = order.windows(2).find(|pair| matches!(pair, [a, b] if id(*a) == id(*b)));
        match (double, mode) {
            (Some(&[_, double]), InsertMode::Insert) => return Err(duplicate(id(double).unwrap_or_default(), true)),
            // The last of equal ids wins: it is last among them in the stable order.
            (Some(_), _) => {
                order.reverse();
                order.dedup_by(|a, b| id(*a) == id(*b));
                order.reverse();
            }
            (None, _) => {}
        }
    }
    Ok(Batch { version, bytes, documents, order })
}

impl Batch {
    fn iter(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.order.iter().filter_map(|&at| {
            let document = self.documents.get(at)?;
            Some((&*document.id, self.bytes.get(document.range.clone())?))
        })
    }

    /// From the first id to the last.
    fn range(&self, collection: u32) -> Option<KeyRange> {
        let id = |at: &usize| self.documents.get(*at).map(|document| &*document.id);
        let (mut start, mut end) = (Vec::new(), Vec::new());
        keys::document(collection, self.order.first().and_then(id)?, &mut start);
        keys::document(collection, self.order.last().and_then(id)?, &mut end);
        end.push(0);
        Some(KeyRange { start, end: Some(end) })
    }

    fn ids(&self) -> Vec<Box<str>> {
        self.documents.iter().map(|document| document.id.clone()).collect()
    }
}

fn insert(
    tx: &mut dyn Transaction,
    collection: &Collection,
    views: &[Rc<dyn View>],
    batch: &mut Batch,
) -> Step<Written> {
    let mut gather = Gather::default();
    let mut key = Vec::new();
    // New ids are mostly greater than those that are there: then one look at the range says so of all of them.
    let range = batch.range(collection.id).filter(|_| batch.order.len() >= RANGE_MIN);
    let all_new = range.is_some_and(|range| tx.is_known_empty(&range));
    let mut edits = Vec::with_capacity(batch.order.len());
    for (id, bytes) in batch.iter() {
        if !all_new {
            keys::document(collection.id, id, &mut key);
            if gather.step(tx.contains(&key))?.unwrap_or(false) {
                return Err(duplicate(id, false).into());
            }
        }
        edits.push(Edit { id, old: None, new: Some(bytes) });
    }
    gather.finish()?;
    apply(tx, collection, views, &edits)?;
    Ok(Written { inserted: edits.len() as u64, ids: batch.ids(), ..Written::default() })
}

fn put(
    tx: &mut dyn Transaction,
    collection: &Collection,
    views: &[Rc<dyn View>],
    batch: &mut Batch,
    mode: InsertMode,
) -> Step<Written> {
    let ids: Vec<&str> = batch.iter().map(|(id, _)| id).collect();
    let old = load(tx, collection.id, &ids)?;
    let mut written = Written { ids: batch.ids(), ..Written::default() };
    let mut edits = Vec::with_capacity(ids.len());
    for ((id, new), old) in batch.iter().zip(&old) {
        let old = old.as_deref();
        match old {
            None if mode == InsertMode::Replace => continue,
            None => written.inserted += 1,
            Some(_) => written.matched += 1,
        }
        if old.is_some_and(|old| old == new) {
            continue;
        }
        written.modified += u64::from(old.is_some());
        edits.push(Edit { id, old, new: Some(new) });
    }
    apply(tx, collection, views, &edits)?;
    Ok(written)
}

/// The error for an id that is taken.
pub(super) fn duplicate(id: &str, within_batch: bool) -> Error {
    let place = if within_batch { "twice in the batch" } else { "already in the collection" };
    Error::conflict(format!("a document with the id '{id}' is {place}: use another id, or put to replace it"))
        .with_reason("duplicate-id")
}
