//! Beginning and ending sync: which collections are synced, from which commit on.
//!
//! Whoever opens it, every instance writes the outbox from that commit on.

use std::rc::Rc;

use crate::base::{Error, Result};
use crate::collections::catalog::IndexSpec;
use crate::collections::fields::Fields;
use crate::engine::{Direction, Durability, KeyRange, Read, Step, Transaction};
use crate::sync::client::link::{Link, Timing};
use crate::sync::client::Table;
use crate::sync::Client;

use super::super::handle::{Database, Shared};
use super::super::response::Response;
use super::capture::marker_value;
use super::keys;
use super::settings::{take_timing, Settings, Synced};
use super::store::{Access, EngineStore};
use super::Running;

/// What a commit that changes the settings led to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Opened {
    /// Something of an earlier sync is still being cleared.
    Clearing,
    Done,
}

impl Database {
    pub(super) async fn sync_open(&self, mut fields: Fields<'_>, durability: Durability) -> Result<Response> {
        let settings = Settings::take(&mut fields)?;
        let timing = take_timing(&mut fields)?;
        fields.finish()?;
        let settings = Rc::new(settings);
        loop {
            self.sync_clear().await?;
            if self.0.look(|view| Ok(Settings::load(view)?.as_ref() == Some(&*settings))).await? {
                break;
            }
            let (shared, wanted) = (Rc::clone(&self.0), Rc::clone(&settings));
            let open = move |tx: &mut dyn Transaction| open(tx, &shared, &wanted);
            if self.0.engine.commit(durability, open).await?.value == Opened::Done {
                break;
            }
        }
        self.sync_uploads().await?;
        self.sync_clear().await?;
        self.0.start_link(timing);
        let status = self.sync_status_json().await?;
        Ok(Response::plain(status))
    }

    pub(super) async fn sync_close(&self, mut fields: Fields<'_>, durability: Durability) -> Result<Response> {
        let forget = fields.flag("forget", false)?;
        fields.finish()?;
        *self.0.sync.running.borrow_mut() = None;
        self.0.sync.forget();
        if forget {
            self.0.engine.commit(durability, forget_all).await?;
            self.sync_clear().await?;
        }
        self.sync_status().await
    }

    /// Clears in slices what is left of collections that are not synced any more.
    async fn sync_clear(&self) -> Result<()> {
        while self.0.look(|view| any(view, keys::GARBAGE)).await? {
            self.0.engine.commit(Durability::Relaxed, clear_slice).await?;
            self.0.platform.breathe().await;
        }
        Ok(())
    }
}

impl Shared {
    /// A link that has not tried yet, unless there is one.
    fn start_link(&self, timing: Timing) {
        let mut running = self.sync.running.borrow_mut();
        if running.is_none() {
            *running = Some(Running { link: Link::new(timing), flight: None });
        }
    }
}

/// Whether there is any key with this prefix.
pub(super) fn any(view: &dyn Read, prefix: &[u8]) -> Step<bool> {
    view.cursor(KeyRange::prefix(prefix), Direction::Forward).advance()
}

fn open(tx: &mut dyn Transaction, shared: &Shared, wanted: &Settings) -> Step<Opened> {
    if any(tx, keys::GARBAGE)? {
        return Ok(Opened::Clearing);
    }
    let known = Settings::load(tx)?.unwrap_or_default();
    for synced in &wanted.collections {
        begin(tx, shared, &known, synced)?;
        tx.put(&keys::marker(&synced.name), &marker_value(synced.if_version, wanted.schema))?;
    }
    let mut left_out = false;
    for left in known.collections.iter().filter(|one| wanted.find(&one.name).is_none()) {
        left_out = true;
        tx.delete(&keys::marker(&left.name))?;
        tx.delete(&keys::upload(&left.name))?;
        tx.put(&keys::garbage(&left.name), &[])?;
    }
    tx.put(keys::SETTINGS, &wanted.encode())?;
    let mut store = EngineStore::new(Access::Write(tx), &shared.catalog, wanted);
    // The first time it makes the replica's record.
    let mut client = store.complete(|store| Client::open(store, wanted.config(), &*shared.platform))?;
    if left_out {
        // If it is synced again before anything is pulled, the server cannot tell that it is missing.
        client.restart(&mut store)?;
    }
    store.write_counts(|counts| counts.turn += 1)?;
    Ok(Opened::Done)
}

/// Begins to sync a collection, if it was not synced before.
fn begin(tx: &mut dyn Transaction, shared: &Shared, known: &Settings, synced: &Synced) -> Step<()> {
    let Some(collection) = shared.catalog.find(tx, &synced.name)? else { return Ok(()) };
    if let Some(index) = collection.indexes.iter().find(|index| index.spec.unique) {
        return Err(unique(&synced.name, &index.spec.name).into());
    }
    if known.find(&synced.name).is_none() {
        tx.put(&keys::upload(&synced.name), &[])?;
    }
    Ok(())
}

/// Refuses a unique index on a synced collection.
pub(in super::super) fn refuse_unique(view: &dyn Read, collection: &str, specs: &[IndexSpec]) -> Step<()> {
    match specs.iter().find(|spec| spec.unique) {
        Some(spec) if view.contains(&keys::marker(collection))? => Err(unique(collection, &spec.name).into()),
        _ => Ok(()),
    }
}

/// The error for a unique index on a synced collection.
fn unique(collection: &str, index: &str) -> Error {
    let message = format!(
        "sync: the index '{index}' of '{collection}' is unique: two devices may write one value, so a synced collection cannot have it"
    );
    Error::invalid(message).with_reason("synced")
}

/// Everything of sync goes: at once what makes a collection synced, the rest in slices.
fn forget_all(tx: &mut dyn Transaction) -> Step<()> {
    let Some(settings) = Settings::load(tx)? else { return Ok(()) };
    for synced in &settings.collections {
        tx.delete(&keys::marker(&synced.name))?;
        tx.delete(&keys::upload(&synced.name))?;
    }
    tx.delete(keys::SETTINGS)?;
    tx.delete(keys::META)?;
    tx.put(&keys::garbage(""), &[])
}

fn clear_slice(tx: &mut dyn Transaction) -> Step<()> {
    const SLICE: usize = 2000;
    let mut names = Vec::new();
    let mut cursor = tx.cursor(KeyRange::prefix(keys::GARBAGE), Direction::Forward);
    while cursor.advance()? {
        names.push(keys::name(cursor.key())?);
    }
    drop(cursor);
    for name in names {
        let ranges = match &*name {
            "" => [Table::Base, Table::Outbox, Table::Answered, Table::Retained, Table::Dead].map(keys::rows).to_vec(),
            name => vec![keys::bases(name)],
        };
        if crate::engine::delete_some(tx, ranges, SLICE)? {
            return Ok(());
        }
        tx.delete(&keys::garbage(&name))?;
    }
    Ok(())
}
