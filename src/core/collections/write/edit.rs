//! Documents before and after, and what makes the one the other: the views first, then the documents, then the count.

use std::rc::Rc;

use crate::base::planted::{planted, Bug};
use crate::base::{sort, Result};
use crate::engine::{Read, Step, Transaction};

use super::super::catalog::Collection;
use super::super::document::Document;
use super::super::keys;
use super::super::view::{Change, Gather, View};

/// One document's stored bytes before and after. Each id appears at most once in a batch.
#[derive(Clone, Copy, Debug)]
pub struct Edit<'a> {
    /// The document's id.
    pub id: &'a str,
    /// Its stored bytes as they are.
    pub old: Option<&'a [u8]>,
    /// Its stored bytes as they will be.
    pub new: Option<&'a [u8]>,
}

impl<'a> Change<'a> {
    /// What views see of an edit.
    ///
    /// # Errors
    /// `Corrupt` if the bytes are no documents.
    pub(super) fn of(edit: &Edit<'a>) -> Result<Self> {
        let parsed = |bytes: Option<&'a [u8]>| bytes.map(Document::parse).transpose();
        Ok(Self { id: edit.id, old: parsed(edit.old)?, new: parsed(edit.new)? })
    }
}

/// Applies a batch: lets every view check it, then writes documents, derived data and the document count.
///
/// # Errors
/// What a view refuses; then nothing is written.
pub fn apply(
    tx: &mut dyn Transaction,
    collection: &Collection,
    views: &[Rc<dyn View>],
    edits: &[Edit<'_>],
) -> Step<()> {
    let changes = edits.iter().map(Change::of).collect::<Result<Vec<_>>>()?;
    let mut gather = Gather::default();
    for view in views {
        gather.step(view.check(tx, collection, &changes))?;
    }
    gather.finish()?;
    let mut key = Vec::new();
    let mut count = 0;
    for edit in edits {
        keys::document(collection.id, edit.id, &mut key);
        match edit.new {
            Some(bytes) => tx.put(&key, bytes)?,
            None => tx.delete(&key)?,
        }
        count += i64::from(edit.new.is_some()) - i64::from(edit.old.is_some());
    }
    for view in views {
        view.apply(tx, collection, &changes)?;
    }
    if count != 0 && !planted(Bug::ForgetCount) {
        tx.add(&keys::count(collection.id), count)?;
    }
    Ok(())
}

/// The stored bytes of documents, in the order of the ids, read in key order.
pub fn load(view: &dyn Read, collection: u32, ids: &[&str]) -> Step<Vec<Option<Vec<u8>>>> {
    let order = sort::order(ids.len(), &mut |a, b| ids.get(a) < ids.get(b));
    let mut found = vec![None; ids.len()];
    let mut gather = Gather::default();
    let mut key = Vec::new();
    for at in order {
        let (Some(id), Some(slot)) = (ids.get(at), found.get_mut(at)) else { continue };
        keys::document(collection, id, &mut key);
        let mut bytes = Vec::new();
        if gather.step(view.get(&key, &mut bytes))?.unwrap_or(false) {
            *slot = Some(bytes);
        }
    }
    gather.finish()?;
    Ok(found)
}
