//! The database: engine, catalog, views and subscriptions of one instance, and the ways to send it a command.
//!
//! It decides nothing about documents; the collections floor does.

use std::cell::{Cell, RefCell};
use std::future::ready;
use std::rc::Rc;

use crate::base::planted::{planted, Bug};
use crate::base::{Error, ErrorKind, Result, SortedMap};
use crate::cache::{keys as cache_keys, CacheView, UseBits};
use crate::collections::catalog::Catalog;
use crate::collections::index::Indexes;
use crate::collections::keys;
use crate::collections::view::View;
use crate::collections::write::InsertMode;
use crate::collections::Document;
use crate::disk::{Disk, DiskError, LocalFuture, Witness};
use crate::engine::{
    CommitEvent, Durability, Engine, EngineOptions, Item, KeyRange, Pause, Platform, Read, Snapshot, Step, Transaction,
    BREATH_BYTES, SNAPSHOT_EXPIRED,
};
use crate::search::store::{SearchIndexes, Warm};
use crate::topics::clock::TopicClock;
use crate::topics::keys as topic_keys;
use crate::topics::ChangeFeeds;

use super::calls::Transactions;
use super::command::{parse, Command};
use super::inspect::Inspectors;
use super::latency::Latencies;
use super::live::Subscriptions;
use super::read::{Context, ReadTask};
use super::response::Response;
use super::sync::keys::SYNC;
use super::sync::{Capture, SyncState};
use super::upkeep::Upkeep;
use super::write::{Write, Writing};

/// How often a read that lost its tables while the tab slept starts over.
const EXPIRED_MAX: usize = 5;
/// One part in so many of the memory is for what searches remember, at most.
const WARM_SHARE: usize = 4;
/// The block cache gives that up in so many steps, as searches come to need it.
const WARM_STEPS: usize = 8;

/// What a database tells its owner besides answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DatabaseEvent {
    /// JSON text as docs/COMMANDS.md describes it, for example the progress of an index.
    Notice(Vec<u8>),
    /// The instance is unusable from now on, and why.
    Dead(Error),
    /// A write acknowledged with durability `memory` failed afterwards.
    WriteLost(Error),
}

/// An open database. Clones share it.
#[derive(Clone)]
pub struct Database(pub(super) Rc<Shared>);

/// Receives a database's events.
pub(super) type EventListener = Rc<dyn Fn(&DatabaseEvent)>;

/// What the clones share.
pub(super) struct Shared {
    pub(super) engine: Engine,
    pub(super) platform: Rc<dyn Platform>,
    pub(super) catalog: Catalog,
    pub(super) views: Vec<Rc<dyn View>>,
    /// The view of search indexes, which knows the analyzers.
    pub(super) search: Rc<SearchIndexes>,
    /// What searches remember of each other, and how much memory the engine has given for it.
    pub(super) warm: Rc<Warm>,
    set_aside: Cell<usize>,
    /// What cache entries this instance has read lately.
    pub(super) cache_uses: Rc<UseBits>,
    /// The time of topics.
    pub(super) topic_clock: Rc<TopicClock>,
    /// What writes do to synced collections, and what this instance remembers of sync.
    pub(super) capture: Rc<Capture>,
    pub(super) sync: SyncState,
    pub(super) transactions: Transactions,
    pub(super) subscriptions: Subscriptions,
    pub(super) upkeep: Upkeep,
    pub(super) inspectors: Inspectors,
    pub(super) latencies: RefCell<Latencies>,
    /// A read that paused in `try_execute`, for the `execute` that follows.
    paused: RefCell<Option<PausedRead>>,
    listeners: RefCell<Vec<EventListener>>,
    /// Counts `$sample` runs, so that each draws anew.
    seed: Cell<u64>,
}

struct PausedRead {
    command: Box<[u8]>,
    name: &'static str,
    task: ReadTask,
    snapshot: Snapshot,
}

impl Database {
    /// Opens the database on `disk`, or creates it.
    ///
    /// # Errors
    /// As [`Engine::open`].
    pub async fn open(
        disk: Rc<dyn Disk>,
        platform: Rc<dyn Platform>,
        witness: Option<Rc<dyn Witness>>,
        options: EngineOptions,
    ) -> Result<Self> {
        Self::open_when(Box::pin(ready(Ok(disk))), platform, witness, options).await
    }

    /// The same with a disk that is still being opened.
    ///
    /// # Errors
    /// As [`Engine::open_when`].
    pub async fn open_when(
        disk: LocalFuture<'_, std::result::Result<Rc<dyn Disk>, DiskError>>,
        platform: Rc<dyn Platform>,
        witness: Option<Rc<dyn Witness>>,
        options: EngineOptions,
    ) -> Result<Self> {
        let engine = Engine::open_when(disk, Rc::clone(&platform), witness, options).await?;
        // Whatever comes first looks at the catalog.
        engine.read_ahead(&KeyRange::prefix(&[keys::CATALOG])).await;
        let seed = Cell::new(platform.next_u64());
        let search = Rc::new(SearchIndexes::default());
        let topic_clock = Rc::<TopicClock>::default();
        let capture = Rc::<Capture>::default();
        let feeds = ChangeFeeds { clock: Rc::clone(&topic_clock), source: Rc::clone(&platform) };
        let shared = Rc::new(Shared {
            engine: engine.clone(),
            platform,
            catalog: Catalog::default(),
            views: vec![
                Rc::new(Indexes),
                Rc::clone(&search) as Rc<dyn View>,
                Rc::new(CacheView::default()),
                Rc::new(feeds),
                Rc::clone(&capture) as Rc<dyn View>,
            ],
            search,
            warm: Rc::new(Warm::new(engine.memory_budget() / WARM_SHARE)),
            set_aside: Cell::new(0),
            cache_uses: Rc::default(),
            topic_clock,
            capture,
            sync: SyncState::default(),
            transactions: Transactions::default(),
            subscriptions: Subscriptions::default(),
            upkeep: Upkeep::default(),
            inspectors: Inspectors::default(),
            latencies: RefCell::default(),
            paused: RefCell::default(),
            listeners: RefCell::default(),
            seed,
        });
        let listener = Rc::downgrade(&shared);
        engine.on_commit(Rc::new(move |event| {
            if let Some(shared) = listener.upgrade() {
                shared.on_commit(event);
            }
        }));
        let database = Self(shared);
        database.resume_upkeep();
        Ok(database)
    }

    /// Calls `listener` for every event from now on.
    pub fn on_event(&self, listener: EventListener) {
        self.0.listeners.borrow_mut().push(listener);
    }

    /// The engine underneath.
    pub fn engine(&self) -> &Engine {
        &self.0.engine
    }

    /// Takes in what another instance announced.
    pub fn receive(&self, message: &[u8]) {
        self.0.engine.receive(message);
    }

    /// Appends the document's JSON to `out` and answers whether it holds tagged values; `None` if there is no such document.
    ///
    /// # Errors
    /// [`Pause`] if blocks are missing: use `execute` with `get`.
    pub fn try_get(&self, collection: &str, id: &str, out: &mut Vec<u8>) -> Step<Option<bool>> {
        let shared = &self.0;
        shared.engine.try_read(|view| {
            let Some(collection) = shared.catalog.find(view, collection)? else { return Ok(None) };
            let mut key = Vec::with_capacity(id.len() + 5);
            keys::document(collection.id, id, &mut key);
            let start = out.len();
            if !view.get(&key, out)? {
                return Ok(None);
            }
            // The stored bytes end with the JSON text: only the directory before it goes.
            let stored = out.get(start..).unwrap_or_default();
            let document = Document::parse(stored)?;
            let (extended, skip) = (document.is_extended(), stored.len() - document.json().len());
            out.drain(start..start + skip);
            Ok(Some(extended))
        })
    }

    /// Runs a reading command on what is in memory.
    ///
    /// # Errors
    /// [`Pause::Missing`] or [`Pause::Yield`] if it needs `execute`, which goes on where this stopped.
    pub fn try_execute(&self, command: &str) -> Step<Response> {
        let shared = &self.0;
        let parsed = parse(command.as_bytes(), shared.platform.wall_ms())?;
        match (parsed.command, parsed.envelope.tx) {
            (Command::Read(mut task), None) => {
                let begun_ms = shared.platform.monotonic_ms();
                let result = shared.engine.try_read(|view| task.step(view, shared.context()));
                match &result {
                    Err(Pause::Missing(_) | Pause::Yield) => shared.keep(command, parsed.name, task)?,
                    result => shared.record(parsed.name, begun_ms, result.is_err()),
                }
                result
            }
            (Command::Call(call), None) => {
                let mut fields = parsed.fields;
                shared.try_call(call, &mut fields)?.ok_or(Pause::Yield)
            }
            _ => Err(Pause::Yield),
        }
    }

    /// Runs any command.
    ///
    /// # Errors
    /// What the command answers; see docs/COMMANDS.md.
    pub async fn execute(&self, command: &str) -> Result<Response> {
        let shared = &self.0;
        let begun_ms = shared.platform.monotonic_ms();
        if let Some(paused) = shared.take_paused(command) {
            let result = shared.finish_paused(paused, command).await;
            return result;
        }
        let parsed = parse(command.as_bytes(), shared.platform.wall_ms())?;
        let (name, envelope) = (parsed.name, parsed.envelope);
        let result = match (parsed.command, envelope.tx) {
            (Command::Read(task), None) => shared.read(task, command).await,
            (Command::Read(task), Some(tx)) => {
                let reading: LocalFuture<'_, Result<Response>> = Box::pin(shared.read_in(tx, task));
                reading.await
            }
            (Command::Write(write), None) => shared.write(write, envelope.durability).await,
            (Command::Write(write), Some(tx)) => {
                let writing: LocalFuture<'_, Result<Response>> = Box::pin(shared.write_in(tx, write));
                writing.await
            }
            (Command::Call(call), tx) => self.call(call, parsed.fields, tx, envelope.durability).await,
        };
        shared.record(name, begun_ms, result.is_err());
        result
    }

    /// The command `insert` (or `put`) without wrapping the documents.
    ///
    /// # Errors
    /// As `execute`.
    pub async fn write_batch(
        &self,
        mode: InsertMode,
        collection: &str,
        docs: Vec<u8>,
        version: Option<u32>,
        durability: Durability,
    ) -> Result<Response> {
        let name = if mode == InsertMode::Insert { "insert" } else { "put" };
        let begun_ms = self.0.platform.monotonic_ms();
        if docs.len() >= BREATH_BYTES {
            self.0.platform.breathe().await;
        }
        let result = self.0.write(Write::insert(collection, docs, mode, version), durability).await;
        self.0.record(name, begun_ms, result.is_err());
        result
    }
}

impl Shared {
    /// Takes from the block cache what searches remember.
    #[cold]
    fn set_memory_aside(&self) {
        let share = self.engine.memory_budget() / WARM_SHARE;
        let aside = self.warm.bytes().next_multiple_of((share / WARM_STEPS).max(1)).min(share);
        if aside > self.set_aside.replace(aside) {
            self.engine.set_aside(aside);
        }
    }

    pub(super) fn context(&self) -> Context<'_> {
        let seed = self.seed.get();
        self.seed.set(seed.wrapping_add(0x9e37_79b9_7f4a_7c15));
        let (catalog, search) = (&self.catalog, &*self.search);
        if self.warm.bytes() > self.set_aside.get() {
            self.set_memory_aside();
        }
        Context {
            catalog,
            search,
            warm: Some(&self.warm),
            now_ms: self.platform.wall_ms(),
            platform: &*self.platform,
            seed,
        }
    }

    pub(super) fn record(&self, name: &'static str, begun_ms: f64, failed: bool) {
        let ms = self.platform.monotonic_ms() - begun_ms;
        self.latencies.borrow_mut().record(name, ms, failed);
    }

    /// Tells every listener.
    pub(super) fn emit(&self, event: &DatabaseEvent) {
        let listeners = self.listeners.borrow().clone();
        listeners.iter().for_each(|listener| listener(event));
    }

    fn keep(&self, command: &str, name: &'static str, task: ReadTask) -> Result<()> {
        let snapshot = self.engine.snapshot()?;
        *self.paused.borrow_mut() = Some(PausedRead { command: command.as_bytes().into(), name, task, snapshot });
        Ok(())
    }

    fn take_paused(&self, command: &str) -> Option<PausedRead> {
        let mut paused = self.paused.borrow_mut();
        paused.take_if(|paused| &*paused.command == command.as_bytes())
    }

    async fn finish_paused(&self, paused: PausedRead, command: &str) -> Result<Response> {
        let PausedRead { name, mut task, snapshot, .. } = paused;
        let begun_ms = self.platform.monotonic_ms();
        let mut result = self.engine.read_at(&snapshot, |view| task.step(view, self.context())).await;
        drop(snapshot);
        if result.as_ref().is_err_and(|error| error.reason() == Some(SNAPSHOT_EXPIRED)) {
            result = match parse(command.as_bytes(), self.platform.wall_ms())?.command {
                Command::Read(task) => self.read(task, command).await,
                _ => result,
            };
        }
        self.record(name, begun_ms, result.is_err());
        result
    }

    /// Runs a task on the newest state; starts over if the tab slept so long that its tables are gone.
    pub(super) async fn read(&self, mut task: ReadTask, command: &str) -> Result<Response> {
        for _ in 0..EXPIRED_MAX {
            let result = self.engine.read(|view| task.step(view, self.context())).await;
            match (result, parse(command.as_bytes(), self.platform.wall_ms())) {
                (Err(error), Ok(parsed)) if error.reason() == Some(SNAPSHOT_EXPIRED) => {
                    let Command::Read(again) = parsed.command else { return Err(error) };
                    task = again;
                }
                (result, _) => return result,
            }
        }
        Err(Error::new(ErrorKind::Unavailable, "the tables kept changing while they were read: try again"))
    }

    pub(super) async fn write(self: &Rc<Self>, write: Write, durability: Durability) -> Result<Response> {
        let shape = write.shape();
        let shared = Rc::clone(self);
        let mut writing = Writing::new(write, self);
        let commit = move |tx: &mut dyn Transaction| {
            writing.run_in(tx, &shared)?;
            if planted(Bug::SyncOutboxApart) {
                let (written, captured) = writing.finish();
                return Ok((written, Some(captured)));
            }
            writing.captured().append(tx, &shared)?;
            Ok((writing.finish().0, None))
        };
        let committed = self.engine.commit(durability, commit).await?;
        let (written, left) = committed.value;
        if let Some(captured) = left {
            // The planted fault: the outbox comes later.
            let shared = Rc::clone(self);
            self.engine.commit(durability, move |tx| captured.append(tx, &shared)).await?;
        }
        Ok(shape.respond(&written, Some(committed.position)))
    }

    fn on_commit(self: &Rc<Self>, event: &CommitEvent<'_>) {
        match event {
            CommitEvent::Commit { record, own } => {
                // Once for all: a record may have tens of thousands of items, most of them documents and entries of indexes.
                let (mut caches, mut topics, mut syncs) = (false, false, false);
                for item in record.items() {
                    let (Item::Put(key, _) | Item::Delete(key)) = item else { continue };
                    match key.first() {
                        Some(&keys::CATALOG) => self.catalog.forget(key),
                        Some(&cache_keys::CACHE) => caches = true,
                        Some(&topic_keys::TOPIC) => topics = true,
                        Some(&SYNC) => syncs = true,
                        _ => {}
                    }
                }
                // Before anybody can read: no cache in front may answer what this commit removed.
                if caches {
                    self.cache_commit(record, *own);
                }
                if topics {
                    self.topic_commit(record, *own);
                }
                self.inspect_commit(record, *own);
                if syncs {
                    self.sync_commit(record, *own);
                }
                self.live_commit(record, *own);
                if let (true, Some(pace)) = (*own, self.search.take_merge_hint()) {
                    self.merge_at(pace);
                }
            }
            CommitEvent::Reset { .. } => {
                self.catalog.forget_all();
                self.warm.clear();
                self.cache_reset();
                self.topic_reset();
                self.sync_reset();
                self.live_reset();
            }
            CommitEvent::WriteLost { error } => self.emit(&DatabaseEvent::WriteLost((*error).clone())),
            CommitEvent::Dead { error } => {
                self.live_dead(error);
                self.emit(&DatabaseEvent::Dead((*error).clone()));
            }
        }
    }

    /// Reads the newest state with a step that may run several times.
    pub(super) async fn look<T>(&self, step: impl FnMut(&dyn Read) -> Step<T>) -> Result<T> {
        self.engine.read(step).await
    }
}

/// Transactions that nobody finished, for `close`.
pub(super) type ById<T> = SortedMap<u32, T>;
