//! The view of documents by which a write to a synced collection becomes ops, and by which the server's document is kept
//! aside when the first pending mutation changes it.
//!
//! It sees only writes that somebody captures: an answer of the server is written by the same way, and is nobody's mutation.

use std::cell::RefCell;

use crate::base::planted::{planted, Bug};
use crate::base::{write_varint, Error, Reader, Result};
use crate::collections::catalog::Collection;
use crate::collections::view::{Change, Gather, View};
use crate::collections::Document;
use crate::engine::{Read, Step, Transaction};
use crate::sync::client::{append, key_of, Grouping, Table};
use crate::sync::Op;

use super::super::handle::Shared;
use super::keys::{self, Known};
use super::ops::Intent;
use super::settings::Settings;
use super::store::{Access, EngineStore};

/// In a marker: changes are refused that somebody else came before.
const IF_VERSION: u8 = 1;

/// The view. An instance has one.
#[derive(Default)]
pub(in super::super) struct Capture {
    /// Of the write that somebody captures, if somebody does.
    intent: RefCell<Option<Intent>>,
    captured: RefCell<Captured>,
    /// What `check` found for the `apply` that follows it.
    found: RefCell<Option<Found>>,
}

/// What a write did to synced collections.
#[derive(Debug, Default)]
pub(in super::super) struct Captured {
    schema: u64,
    ops: Vec<Op>,
    grouping: Grouping,
}

impl Captured {
    /// Each document's op is judged for itself.
    pub(super) fn apart(self) -> Self {
        Self { grouping: Grouping::Apart, ..self }
    }

    /// Adds what a later write of the same commit did.
    pub(in super::super) fn extend(&mut self, later: Self) {
        self.schema = self.schema.max(later.schema);
        self.ops.extend(later.ops);
    }

    pub(in super::super) fn is_empty(&self) -> bool {
        self.ops.is_empty()
    }

    /// Writes it to the outbox, in the commit that changes the documents.
    pub(in super::super) fn append(&self, tx: &mut dyn Transaction, shared: &Shared) -> Step<()> {
        if self.ops.is_empty() {
            return Ok(());
        }
        let settings = Settings::default();
        let mut store = EngineStore::new(Access::Write(tx), &shared.catalog, &settings);
        let count =
            store.complete(|store| append(store, &*shared.platform, self.schema, self.ops.clone(), self.grouping))?;
        store.write_counts(|counts| counts.pending += count)
    }
}

struct Found {
    schema: u64,
    if_version: bool,
    known: Vec<Option<Known>>,
}

impl Capture {
    /// Runs a write and answers what it did to synced collections besides.
    pub(in super::super) fn capture<T>(&self, intent: Intent, write: impl FnOnce() -> T) -> (T, Captured) {
        *self.intent.borrow_mut() = Some(intent);
        self.captured.take();
        let result = write();
        self.intent.take();
        (result, self.captured.take())
    }
}

impl View for Capture {
    fn check(&self, view: &dyn Read, collection: &Collection, changes: &[Change<'_>]) -> Step<()> {
        *self.found.borrow_mut() = None;
        if self.intent.borrow().is_none() {
            return Ok(());
        }
        let mut marker = Vec::new();
        if !view.get(&keys::marker(&collection.name), &mut marker)? {
            return Ok(());
        }
        let mut gather = Gather::default();
        let mut known = Vec::with_capacity(changes.len());
        for change in changes {
            let key = keys::row(Table::Base, &key_of(&collection.name, change.id));
            let mut bytes = Vec::new();
            let found = gather.step(view.get(&key, &mut bytes))?.unwrap_or(false);
            known.push(if found { Some(Known::decode(&bytes)?) } else { None });
        }
        gather.finish()?;
        let (if_version, schema) = read_marker(&marker)?;
        *self.found.borrow_mut() = Some(Found { schema, if_version, known });
        Ok(())
    }

    fn apply(&self, tx: &mut dyn Transaction, collection: &Collection, changes: &[Change<'_>]) -> Step<()> {
        let Some(found) = self.found.borrow_mut().take() else { return Ok(()) };
        self.captured.borrow_mut().schema = found.schema;
        for (change, known) in changes.iter().zip(found.known) {
            self.apply_one(tx, collection, change, known, found.if_version)?;
        }
        Ok(())
    }
}

impl Capture {
    fn apply_one(
        &self,
        tx: &mut dyn Transaction,
        collection: &Collection,
        change: &Change<'_>,
        known: Option<Known>,
        if_version: bool,
    ) -> Step<()> {
        let (old, new) = (change.old.map(|old| old.json()), change.new.map(|new| new.json()));
        if old == new {
            // Only the schema version that it was written with.
            return Ok(());
        }
        let queued = known.is_some() || old.is_none();
        if !queued && new.is_none() {
            // The server never heard of it.
            return Ok(());
        }
        let value = |document: Option<Document<'_>>| document.map(|document| document.to_value()).transpose();
        let (before, after) = (value(change.old)?, value(change.new)?);
        let intent = self.intent.borrow();
        let intent = intent.as_ref().filter(|_| queued).unwrap_or(&Intent::Create);
        let mut op = intent.op(&collection.name, change.id, before.as_ref().filter(|_| queued), after.as_ref())?;
        let server = known.as_ref().and_then(|known| known.server).filter(|_| old.is_some() || pending(known.as_ref()));
        op.if_version = server.filter(|_| if_version).map(|(version, _)| version);
        self.captured.borrow_mut().ops.push(op);
        if !pending(known.as_ref()) && !planted(Bug::SyncForgetShadow) {
            let json = old.filter(|_| server.is_some()).unwrap_or_default().to_vec();
            let known = Known { server, pending: true, json };
            tx.put(&keys::row(Table::Base, &key_of(&collection.name, change.id)), &known.encode())?;
        }
        Ok(())
    }
}

/// Refuses what would take a synced collection away from under its documents.
pub(in super::super) fn refuse_synced(view: &dyn Read, collection: &str, what: &str) -> Step<()> {
    if view.contains(&keys::marker(collection))? {
        let message =
            format!("{what}: the collection '{collection}' is synced: end that first, or delete its documents");
        return Err(Error::invalid(message).with_reason("synced").into());
    }
    Ok(())
}

fn pending(known: Option<&Known>) -> bool {
    known.is_some_and(|known| known.pending)
}

/// The value of a marker.
pub(super) fn marker_value(if_version: bool, schema: u64) -> Vec<u8> {
    let mut value = vec![if if_version { IF_VERSION } else { 0 }];
    write_varint(&mut value, schema);
    value
}

fn read_marker(bytes: &[u8]) -> Result<(bool, u64)> {
    let mut reader = Reader::new(bytes);
    let (flags, schema) = (reader.u8()?, reader.varint()?);
    reader.finish("the marker of a synced collection")?;
    Ok((flags & IF_VERSION != 0, schema))
}
