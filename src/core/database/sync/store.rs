//! The client's store over a view or a transaction of the engine.
//!
//! It has no copy of the documents that nothing is pending for: there the collection's own document is the server's. A block
//! that is not in memory is noted and read as nothing; so an answer is only believed if it comes out of `complete`.

use std::cell::RefCell;
use std::collections::BTreeMap;

use crate::base::{Error, Result};
use crate::collections::catalog::Catalog;
use crate::collections::view::Gather;
use crate::collections::{json, keys as collection_keys, Document, Value};
use crate::engine::{Direction, Pause, Read, Step, Transaction};
use crate::sync::client::{ClientStore, Table, Write};

use super::keys::{self, Counts, Known};
use super::settings::Settings;

/// How the store reaches the engine.
pub(super) enum Access<'a> {
    /// It is only looked at.
    Look(&'a dyn Read),
    /// It is also written.
    Write(&'a mut dyn Transaction),
}

/// A document of the server that a commit brings: version, generation, content; or that it is gone.
pub(super) type Brought = Option<(u64, u64, Value)>;

/// The store.
pub(super) struct EngineStore<'a> {
    access: Access<'a>,
    catalog: &'a Catalog,
    settings: &'a Settings,
    missing: RefCell<Gather>,
    /// Documents of the server that this commit brings. They are written by `settle`, with the collection's.
    pub(super) brought: BTreeMap<Box<str>, Brought>,
    /// The replica's record, if this commit writes it.
    meta: Option<Vec<u8>>,
    /// Dead letters that came, less those that went.
    letters: i64,
}

impl<'a> EngineStore<'a> {
    pub(super) fn new(access: Access<'a>, catalog: &'a Catalog, settings: &'a Settings) -> Self {
        let missing = RefCell::default();
        Self { access, catalog, settings, missing, brought: BTreeMap::new(), meta: None, letters: 0 }
    }

    pub(super) fn look(view: &'a dyn Read, catalog: &'a Catalog, settings: &'a Settings) -> Self {
        Self::new(Access::Look(view), catalog, settings)
    }

    pub(super) fn read(&self) -> &dyn Read {
        match &self.access {
            Access::Look(view) => *view,
            Access::Write(tx) => &**tx,
        }
    }

    /// The transaction.
    pub(super) fn tx(&mut self) -> Result<&mut dyn Transaction> {
        match &mut self.access {
            Access::Look(_) => Err(Error::internal("the sync store is only looked at")),
            Access::Write(tx) => Ok(&mut **tx),
        }
    }

    pub(super) fn catalog(&self) -> &'a Catalog {
        self.catalog
    }

    pub(super) fn settings(&self) -> &'a Settings {
        self.settings
    }

    /// What `work` answers, an error too, if everything that it read was there; it pauses otherwise.
    pub(super) fn complete<T>(&mut self, work: impl FnOnce(&mut Self) -> Result<T>) -> Step<T> {
        let answer = work(self);
        std::mem::take(self.missing.get_mut()).finish()?;
        Ok(answer?)
    }

    /// What a step answers, or `None` and a note if it lacks blocks.
    pub(super) fn noted<T>(&self, step: Step<T>) -> Result<Option<T>> {
        match self.missing.borrow_mut().step(step) {
            Ok(value) => Ok(value),
            Err(Pause::Failed(error)) => Err(error),
            Err(Pause::Missing(_) | Pause::Yield) => Err(Error::internal("a read of the sync store paused")),
        }
    }

    fn bytes(&self, key: &[u8]) -> Result<Option<Vec<u8>>> {
        let mut bytes = Vec::new();
        let found = self.noted(self.read().get(key, &mut bytes))?.unwrap_or(false);
        Ok(found.then_some(bytes))
    }

    /// What is known of a document.
    pub(super) fn known(&self, key: &str) -> Result<Option<Known>> {
        self.bytes(&keys::row(Table::Base, key))?.as_deref().map(Known::decode).transpose()
    }

    /// The document in the collection.
    fn document(&self, key: &str) -> Result<Option<Value>> {
        let Some((name, id)) = key.split_once('\0') else { return Ok(None) };
        let Some(Some(collection)) = self.noted(self.catalog.find(self.read(), name))? else { return Ok(None) };
        let mut key = Vec::new();
        collection_keys::document(collection.id, id, &mut key);
        self.bytes(&key)?.map(|stored| Document::parse(&stored)?.to_value()).transpose()
    }

    /// The server's document with its version and generation, as this commit has it.
    pub(super) fn base(&self, key: &str) -> Result<Brought> {
        if let Some(brought) = self.brought.get(key) {
            return Ok(brought.clone());
        }
        let collection = key.split_once('\0').map_or("", |(name, _)| name);
        if self.settings.find(collection).is_none() {
            return Ok(None);
        }
        let Some(Known { server: Some((version, generation)), pending, json }) = self.known(key)? else {
            return Ok(None);
        };
        let document = if pending { Some(json::parse(&json)?) } else { self.document(key)? };
        Ok(document.map(|document| (version, generation, document)))
    }

    /// The counts.
    pub(super) fn counts(&self) -> Result<Counts> {
        let bytes = self.bytes(keys::META)?;
        Ok(bytes.as_deref().map(Counts::decode).transpose()?.map(|(counts, _)| counts).unwrap_or_default())
    }

    /// Ends a commit: the counts as they are now, in front of the replica's record.
    pub(super) fn write_counts(&mut self, change: impl FnOnce(&mut Counts)) -> Step<()> {
        let bytes = self.complete(|store| store.bytes(keys::META))?;
        let (mut counts, json) = match bytes.as_deref() {
            Some(bytes) => Counts::decode(bytes)?,
            None => (Counts::default(), &b""[..]),
        };
        counts.letters = counts.letters.saturating_add_signed(self.letters);
        change(&mut counts);
        let value = counts.encode(self.meta.as_deref().unwrap_or(json));
        self.tx()?.put(keys::META, &value)
    }

    fn write(&mut self, (table, row, value): Write) -> Result<()> {
        let key = keys::row(table, &row);
        match (table, value) {
            (Table::Meta, value) => self.meta = value.map(|value| json::to_json(&value)),
            (Table::Base, value) => drop(self.brought.insert(row, value.map(split_base).transpose()?)),
            (_, Some(value)) => {
                let is_new = table == Table::Dead && self.bytes(&key)?.is_none();
                self.letters += i64::from(is_new);
                plain(self.tx()?.put(&key, &json::to_json(&value)))?;
            }
            (_, None) => {
                let was_there = table == Table::Dead && self.bytes(&key)?.is_some();
                self.letters -= i64::from(was_there);
                plain(self.tx()?.delete(&key))?;
            }
        }
        Ok(())
    }
}

/// What writing answers; it never pauses.
fn plain(step: Step<()>) -> Result<()> {
    match step {
        Ok(()) => Ok(()),
        Err(Pause::Failed(error)) => Err(error),
        Err(Pause::Missing(_) | Pause::Yield) => Err(Error::internal("a write of the sync store paused")),
    }
}

fn split_base(value: Value) -> Result<(u64, u64, Value)> {
    let Value::Object(members) = value else { return Err(Error::internal("a base that is no object")) };
    let (mut version, mut generation, mut document) = (0, 0, None);
    for (name, value) in members {
        match (&*name, value) {
            ("version", Value::Number(number)) => version = number as u64,
            ("generation", Value::Number(number)) => generation = number as u64,
            ("doc", value) => document = Some(value),
            _ => {}
        }
    }
    let document = document.ok_or_else(|| Error::internal("a base without its document"))?;
    Ok((version, generation, document))
}

fn join_base(version: u64, generation: u64, document: Option<Value>) -> Value {
    let number = |number: u64| Value::Number(number as f64);
    let mut members = vec![("version".into(), number(version)), ("generation".into(), number(generation))];
    members.extend(document.map(|document| ("doc".into(), document)));
    Value::Object(members)
}

impl ClientStore for EngineStore<'_> {
    fn get(&self, table: Table, row: &str) -> Result<Option<Value>> {
        match table {
            Table::Base => {
                let base = self.base(row)?;
                Ok(base.map(|(version, generation, document)| join_base(version, generation, Some(document))))
            }
            Table::Meta => match (&self.meta, self.bytes(keys::META)?) {
                (Some(json), _) => json::parse(json).map(Some),
                (None, Some(bytes)) => json::parse(Counts::decode(&bytes)?.1).map(Some),
                (None, None) => Ok(None),
            },
            _ => self.bytes(&keys::row(table, row))?.map(|bytes| json::parse(&bytes)).transpose(),
        }
    }

    /// Of what was pulled only versions and generations are shown: a sweep needs no more.
    fn scan(&self, table: Table, from: &str, show: &mut dyn FnMut(&str, Value) -> Result<bool>) -> Result<()> {
        let mut cursor = self.read().cursor(keys::rows_from(table, from), Direction::Forward);
        while self.noted(cursor.advance())?.unwrap_or(false) {
            let row = keys::name(cursor.key())?;
            let value = match table {
                Table::Base => match Known::decode(cursor.value())?.server {
                    Some((version, generation)) => join_base(version, generation, None),
                    None => continue,
                },
                Table::Meta => json::parse(Counts::decode(cursor.value())?.1)?,
                _ => json::parse(cursor.value())?,
            };
            if !show(&row, value)? {
                break;
            }
        }
        Ok(())
    }

    fn commit(&mut self, writes: Vec<Write>) -> Result<()> {
        writes.into_iter().try_for_each(|write| self.write(write))
    }
}
