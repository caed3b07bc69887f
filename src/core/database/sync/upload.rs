//! Documents that were in a collection before it was synced: each is queued as a mutation of its own, in slices, so that one that the
//! server has already does not keep the others away.
//!
//! Nothing is pulled before all of them are: what comes could not be told from what was there.

use std::rc::Rc;

use crate::base::Result;
use crate::collections::write::Edit;
use crate::collections::{keys as collection_keys, Document};
use crate::engine::{Direction, Durability, KeyRange, Read, Step, Transaction};
use crate::sync::client::{key_of, Table};

use super::super::handle::{Database, Shared};
use super::capture::Captured;
use super::keys;
use super::open::any;

/// Documents of a slice.
const SLICE: usize = 500;
/// A slice ends when its documents have so many bytes.
const BYTES: usize = 512 << 10;

impl Database {
    /// Queues what still waits for it.
    pub(super) async fn sync_uploads(&self) -> Result<()> {
        while self.0.look(|view| any(view, keys::UPLOADS)).await? {
            let shared = Rc::clone(&self.0);
            self.0.engine.commit(Durability::Relaxed, move |tx| slice(tx, &shared)).await?;
            self.0.platform.breathe().await;
        }
        Ok(())
    }
}

/// Queues the next documents of the first collection that has any.
fn slice(tx: &mut dyn Transaction, shared: &Shared) -> Step<()> {
    let mut cursor = tx.cursor(KeyRange::prefix(keys::UPLOADS), Direction::Forward);
    if !cursor.advance()? {
        return Ok(());
    }
    let (name, last) = (keys::name(cursor.key())?, cursor.value().to_vec());
    drop(cursor);
    let Some(collection) = shared.catalog.find(tx, &name)? else { return tx.delete(&keys::upload(&name)) };
    let (documents, more) = next(tx, collection.id, &last)?;
    let mut unknown = Vec::new();
    for (id, stored) in &documents {
        if !tx.contains(&keys::row(Table::Base, &key_of(&name, id)))? {
            unknown.push(Edit { id, old: None, new: Some(stored) });
        }
    }
    let captured = shared.capture.queue(tx, &collection, &unknown)?;
    captured.append(tx, shared)?;
    match documents.last() {
        Some((id, _)) if more => tx.put(&keys::upload(&name), id.as_bytes()),
        _ => tx.delete(&keys::upload(&name)),
    }
}

type Stored = (Box<str>, Vec<u8>);

/// Documents behind `last`, and whether there are more.
fn next(view: &dyn Read, collection: u32, last: &[u8]) -> Step<(Vec<Stored>, bool)> {
    let mut range = KeyRange::prefix(&collection_keys::document_prefix(collection));
    if !last.is_empty() {
        range.start.extend_from_slice(last);
        range.start.push(0);
    }
    let (mut found, mut bytes): (Vec<Stored>, usize) = (Vec::new(), 0);
    let mut cursor = view.cursor(range, Direction::Forward);
    while cursor.advance()? {
        if found.len() == SLICE || bytes >= BYTES {
            return Ok((found, true));
        }
        let id = String::from_utf8_lossy(collection_keys::document_id(cursor.key())).into_owned();
        bytes += cursor.value().len();
        found.push((id.into(), cursor.value().to_vec()));
    }
    Ok((found, false))
}

impl super::Capture {
    /// What it takes to make documents known that nobody was told of.
    fn queue(
        &self,
        tx: &mut dyn Transaction,
        collection: &crate::collections::catalog::Collection,
        edits: &[Edit<'_>],
    ) -> Step<Captured> {
        let mut changes = Vec::with_capacity(edits.len());
        for edit in edits {
            let new = edit.new.map(Document::parse).transpose()?;
            changes.push(crate::collections::view::Change { id: edit.id, old: None, new });
        }
        let (result, queued) = self.capture(super::Intent::Create, || {
            crate::collections::view::View::check(self, tx, collection, &changes)?;
            crate::collections::view::View::apply(self, tx, collection, &changes)
        });
        result.map(|()| queued.apart())
    }
}
