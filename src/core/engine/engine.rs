//! One open instance of a database's engine: the handle that upper floors hold.
//!
//! It knows no documents; see the collections floor. The work is in the files beside it, one for each task.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::rc::Rc;

use crate::base::{Error, ErrorKind, Result};
use crate::disk::{Disk, Witness};

use super::cache::BlockCache;
use super::commit::Queue;
use super::maintenance::Maintenance;
use super::options::EngineOptions;
use super::platform::Platform;
use super::record::Record;
use super::signal::Condition;
use super::snapshot::VersionsInUse;
use super::state::State;
use super::stats::EngineStats;
use super::turn::Turns;

/// What instances tell their listeners, in the order of the log.
#[derive(Debug)]
pub enum CommitEvent<'a> {
    /// A record became visible here.
    Commit {
        /// Its position and items.
        record: &'a Record,
        /// Whether this instance wrote it.
        own: bool,
    },
    /// The instance fell behind the log's floor and reloaded: anything may have changed.
    Reset {
        /// The new head.
        position: u64,
    },
    /// A write acknowledged at `Durability::Memory` failed afterwards.
    WriteLost {
        /// Why.
        error: &'a Error,
    },
    /// The instance became unusable; every later call fails with this error.
    Dead {
        /// Why.
        error: &'a Error,
    },
}

/// Called synchronously after each change of the visible state; it may read, and must not block.
pub type CommitListener = Rc<dyn Fn(&CommitEvent<'_>)>;

/// An open instance. Clones share it.
#[derive(Clone)]
pub struct Engine(pub(crate) Rc<Inner>);

/// What the clones share.
pub(crate) struct Inner {
    pub(crate) disk: Rc<dyn Disk>,
    pub(crate) platform: Rc<dyn Platform>,
    pub(crate) witness: Option<Rc<dyn Witness>>,
    pub(crate) options: EngineOptions,
    pub(crate) state: RefCell<State>,
    pub(crate) cache: BlockCache,
    pub(crate) queue: RefCell<Queue>,
    pub(super) turns: Turns,
    /// Notified whenever a group of jobs has ended, one way or the other.
    pub(crate) between_groups: Condition,
    /// Whether writes acknowledged at `Durability::Memory` are not visible yet.
    pub(crate) unconfirmed: Cell<bool>,
    /// Until when (monotonic ms) interactive transactions of this instance take turns with those of others.
    pub(crate) turns_until: Cell<f64>,
    pub(crate) versions: Rc<VersionsInUse>,
    pub(crate) maintenance: Maintenance,
    pub(crate) stats: RefCell<EngineStats>,
    listeners: RefCell<Vec<CommitListener>>,
}

impl Inner {
    /// An instance around a state that was just read.
    pub(crate) fn new(
        disk: Rc<dyn Disk>,
        platform: Rc<dyn Platform>,
        witness: Option<Rc<dyn Witness>>,
        options: EngineOptions,
        state: State,
    ) -> Self {
        let cache = BlockCache::new(options.cache_bytes());
        let versions = Rc::clone(&state.versions);
        Self {
            disk,
            platform,
            witness,
            options,
            state: RefCell::new(state),
            cache,
            queue: RefCell::default(),
            turns: Turns::default(),
            between_groups: Condition::default(),
            unconfirmed: Cell::new(false),
            turns_until: Cell::new(0.0),
            versions,
            maintenance: Maintenance::default(),
            stats: RefCell::default(),
            listeners: RefCell::default(),
        }
    }

    /// Fails if the instance was closed or lost its storage.
    pub(crate) fn check_alive(&self) -> Result<()> {
        self.state.borrow().dead.clone().map_or(Ok(()), Err)
    }

    /// Tells every listener.
    pub(crate) fn emit(&self, event: &CommitEvent<'_>) {
        let listeners = self.listeners.borrow().clone();
        listeners.iter().for_each(|listener| listener(event));
    }

    /// Marks the instance dead for good; the first reason stays.
    pub(crate) fn die(&self, error: &Error) {
        {
            let mut state = self.state.borrow_mut();
            if state.dead.is_some() {
                return;
            }
            state.dead = Some(error.clone());
        }
        self.emit(&CommitEvent::Dead { error });
        self.between_groups.notify();
        self.maintenance.wake.notify();
    }

    /// The stored database vanished: nothing is recreated behind the application's back.
    pub(crate) fn storage_lost(&self, detail: &str) -> Error {
        let error = Error::new(ErrorKind::StorageLost, format!("stored data was lost: {detail}"));
        self.die(&error);
        error
    }
}

impl Engine {
    /// Adds a listener for the life of the instance.
    pub fn on_commit(&self, listener: CommitListener) {
        self.0.listeners.borrow_mut().push(listener);
    }

    /// The newest visible position.
    pub fn position(&self) -> u64 {
        self.0.state.borrow().head
    }

    /// The identity of the database: another one under the same name has another.
    pub fn store_id(&self) -> u64 {
        self.0.state.borrow().store
    }

    /// The random identity of this instance.
    pub fn writer_id(&self) -> u64 {
        self.0.state.borrow().writer
    }

    /// Resolves when all of the program is loaded ([`Platform::prepare`]), or when the instance is dead. Work that a page does not begin
    /// with waits for it.
    pub async fn prepared(&self) {
        self.0.prepared().await;
    }

    /// Ends the instance: waits for commits under way, lets go of locks and of the disk. What was acknowledged is kept.
    /// Closing twice is fine.
    pub async fn close(&self) {
        let inner = &self.0;
        if inner.check_alive().is_ok() {
            inner.wait_for_queue().await;
            inner.die(&Error::new(ErrorKind::Closed, "the database was closed: open it again"));
        }
        inner.maintenance.stopped(&inner.between_groups).await;
        inner.maintenance.release_locks();
        inner.disk.close();
    }
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.0.state.borrow();
        f.debug_struct("Engine").field("head", &state.head).field("dead", &state.dead).finish_non_exhaustive()
    }
}
