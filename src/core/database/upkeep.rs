//! Work in the background of one instance: filling new indexes and clearing what was dropped, in slices.
//!
//! It may be interrupted at any time: every slice is a commit that stores how far it got.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use crate::base::{Error, ErrorKind, Result};
use crate::collections::build::{self, Build, BuildStep};
use crate::disk::LocalFuture;
use crate::engine::signal::first_of;
use crate::engine::{Durability, LockMode};
use crate::jobs::run as jobs;
use crate::search::store::Pace;
use crate::topics::gone;

use super::handle::{Database, DatabaseEvent, Shared};
use super::response::ObjectWriter;
use super::search;

/// Between two looks at whether another instance finished the work.
const WATCH_MS: f64 = 250.0;
/// How long it waits for another instance at the same work: a frozen one must not stop anybody.
const TURN_MS: f64 = 2_000.0;
/// After opening: what a page asks first reads the same blocks, and somebody waits for that.
const REST_MS: f64 = 100.0;
/// So long without a commit of documents with a search index nobody is writing them.
const QUIET_MS: f64 = 200.0;
/// After a failed slice.
const BACKOFF_MS: f64 = 1_000.0;

/// The state of one instance's background work.
#[derive(Default)]
pub(super) struct Upkeep {
    rested: Cell<bool>,
    running: Cell<bool>,
    again: Cell<bool>,
    /// Until when documents with a search index are taken to keep coming, and whether somebody waits for that.
    busy_until_ms: Cell<f64>,
    waiting: Cell<bool>,
    rounds: Cell<u64>,
    /// Why indexes were given up: collection, name, error.
    failures: RefCell<Vec<(Box<str>, Box<str>, Error)>>,
    /// Why the work stopped, until somebody who waits for it was told.
    damage: RefCell<Option<Error>>,
}

impl Upkeep {
    /// Slices done so far.
    pub(super) fn rounds(&self) -> u64 {
        self.rounds.get()
    }

    /// Another slice was done.
    pub(super) fn slice_done(&self) {
        self.rounds.set(self.rounds.get() + 1);
    }

    /// Waits until another slice was done, here or (after a moment) elsewhere.
    ///
    /// # Errors
    /// `Corrupt` if the work cannot go on.
    pub(super) async fn wait_past(&self, seen: u64, shared: &Shared) -> Result<()> {
        if self.rounds.get() == seen {
            shared.platform.sleep(if self.running.get() { 5.0 } else { WATCH_MS }).await;
        }
        self.damage.take().map_or(Ok(()), Err)
    }

    /// Remembers why an index is not built.
    pub(super) fn give_up(&self, collection: &str, name: &str, error: Error) {
        self.failures.borrow_mut().push((collection.into(), name.into(), error));
    }

    /// Forgets the indexes of that name that were given up: they are tried again.
    pub(super) fn try_again(&self, name: &str) {
        self.failures.borrow_mut().retain(|(_, given_up, _)| &**given_up != name);
    }

    /// Why an index was given up, if it was.
    pub(super) fn given_up(&self, collection: &str, name: &str) -> Option<Error> {
        let failures = self.failures.borrow();
        let known = failures.iter().rev().find(|(c, n, _)| &**c == collection && &**n == name);
        known.map(|(_, _, error)| error.clone())
    }

    /// Why some index of a collection was given up, if one was.
    pub(super) fn given_up_any(&self, collection: &str) -> Option<Error> {
        let failures = self.failures.borrow();
        let known = failures.iter().rev().find(|(c, _, _)| &**c == collection);
        known.map(|(_, _, error)| error.clone())
    }

    /// Why an index that somebody waits for is not there. The slice that removed it in its commit says so a moment later.
    pub(super) async fn failure(&self, collection: &str, name: &str, shared: &Shared) -> Error {
        let seen = self.rounds.get();
        while self.given_up(collection, name).is_none() && self.running.get() && self.rounds.get() == seen {
            if let Err(error) = self.wait_past(seen, shared).await {
                return error;
            }
        }
        self.given_up(collection, name).unwrap_or_else(|| {
            let message = format!("collection '{collection}' has no index called '{name}'");
            Error::invalid(message).with_reason("not-found")
        })
    }
}

impl Database {
    /// Starts the background work if there may be some and it is not under way.
    pub(super) fn resume_upkeep(&self) {
        let shared = &self.0;
        shared.upkeep.again.set(true);
        if !shared.upkeep.running.replace(true) {
            shared.platform.spawn(Box::pin(run(Rc::clone(shared))));
        }
    }
}

impl Shared {
    /// How eagerly segments of search indexes are merged now.
    pub(super) fn merge_pace(&self) -> Pace {
        match self.platform.monotonic_ms() < self.upkeep.busy_until_ms.get() {
            true => Pace::Busy,
            false => Pace::Quiet,
        }
    }

    /// After a commit that left segments to merge at a pace: merges them when it has come to that.
    pub(super) fn merge_at(self: &Rc<Self>, pace: Pace) {
        let upkeep = &self.upkeep;
        upkeep.busy_until_ms.set(self.platform.monotonic_ms() + QUIET_MS);
        if pace == Pace::Busy {
            Database(Rc::clone(self)).resume_upkeep();
        }
        if !upkeep.waiting.replace(true) {
            self.platform.spawn(Box::pin(wait_for_quiet(Rc::clone(self))));
        }
    }
}

/// Waits until no more documents come, then merges.
async fn wait_for_quiet(shared: Rc<Shared>) {
    loop {
        let left_ms = shared.upkeep.busy_until_ms.get() - shared.platform.monotonic_ms();
        if left_ms <= 0.0 {
            break;
        }
        shared.platform.sleep(left_ms).await;
    }
    shared.upkeep.waiting.set(false);
    Database(shared).resume_upkeep();
}

async fn run(shared: Rc<Shared>) {
    if !shared.upkeep.rested.replace(true) {
        shared.platform.sleep(REST_MS).await;
    }
    shared.engine.prepared().await;
    // Behind a pointer, and so not a part of this future, which a page has from the beginning.
    let rounds: LocalFuture<'static, ()> = Box::pin(rounds(shared));
    rounds.await;
}

async fn rounds(shared: Rc<Shared>) {
    while shared.upkeep.again.take() {
        match round(&shared).await {
            Ok(()) => {}
            Err(error) if matches!(error.kind(), ErrorKind::Closed | ErrorKind::StorageLost | ErrorKind::Internal) => {
                break;
            }
            // Trying again would not help; who waits for an index is told.
            Err(error) if error.kind() == ErrorKind::Corrupt => {
                shared.upkeep.damage.replace(Some(error));
                break;
            }
            Err(_) => {
                shared.platform.sleep(BACKOFF_MS).await;
                shared.upkeep.again.set(true);
            }
        }
    }
    shared.upkeep.running.set(false);
}

/// Everything there is to do, one instance at a time if possible: two would only do it twice.
async fn round(shared: &Rc<Shared>) -> Result<()> {
    let builds = shared.look(|view| build::builds(view, &shared.catalog)).await?;
    let garbage = shared.look(build::has_garbage).await?
        || shared.look(jobs::has_garbage).await?
        || shared.look(gone::has_garbage).await?;
    let searches = shared.look(|view| search::pending(view, shared)).await?;
    if builds.is_empty() && !garbage && searches.is_empty() {
        return Ok(());
    }
    let name = format!("tidewell/{:016x}/upkeep", shared.engine.store_id());
    let turn = shared.platform.lock(&name, LockMode::Exclusive);
    let _guard = first_of(turn, shared.platform.sleep(TURN_MS)).await;
    for one in builds {
        fill(shared, one).await?;
    }
    while clear(shared).await? {
        shared.platform.breathe().await;
    }
    for one in searches {
        search::work(shared, &one).await?;
    }
    Ok(())
}

async fn fill(shared: &Rc<Shared>, build: Build) -> Result<()> {
    let name = index_name(shared, &build).await?;
    loop {
        let (worker, job) = (Rc::clone(shared), build.clone());
        let step = shared.engine.commit(Durability::Relaxed, move |tx| job.slice(tx, &worker.catalog)).await?.value;
        shared.upkeep.slice_done();
        let Some(name) = &name else { return Ok(()) };
        let event = |state: &str, done: u64, total: u64, message: Option<&str>| {
            shared.emit(&progress(&build.collection, name, state, done, total, message));
        };
        match step {
            BuildStep::Building { done, total } => event("building", done, total, None),
            BuildStep::Ready { done } => {
                event("ready", done, done, None);
                return Ok(());
            }
            BuildStep::Failed(error) => {
                event("failed", 0, 0, Some(error.message()));
                shared.upkeep.give_up(&build.collection, name, error);
                return Ok(());
            }
            BuildStep::Gone => return Ok(()),
        }
        shared.platform.breathe().await;
    }
}

async fn index_name(shared: &Rc<Shared>, build: &Build) -> Result<Option<Box<str>>> {
    let collection = shared.look(|view| shared.catalog.find(view, &build.collection)).await?;
    let index = collection.as_ref().and_then(|found| found.indexes.iter().find(|index| index.id == build.index));
    Ok(index.map(|index| index.spec.name.clone()))
}

fn progress(collection: &str, name: &str, state: &str, done: u64, total: u64, message: Option<&str>) -> DatabaseEvent {
    let mut notice = ObjectWriter::default();
    notice.text("kind", "index").text("collection", collection).text("name", name).text("state", state);
    notice.number("done", done).number("total", total);
    if let Some(message) = message {
        notice.text("message", message);
    }
    DatabaseEvent::Notice(notice.finish().json)
}

/// Clears a slice of what was dropped; answers whether there is more.
async fn clear(shared: &Rc<Shared>) -> Result<bool> {
    if shared.look(build::has_garbage).await? {
        shared.engine.commit(Durability::Relaxed, build::clear_slice).await?;
        return Ok(true);
    }
    if shared.look(jobs::has_garbage).await? {
        shared.engine.commit(Durability::Relaxed, jobs::clear_slice).await?;
        return Ok(true);
    }
    if !shared.look(gone::has_garbage).await? {
        return Ok(false);
    }
    Ok(shared.engine.commit(Durability::Relaxed, gone::clear_slice).await?.value)
}
