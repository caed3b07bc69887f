//! Housekeeping of one instance: when to flush, truncate, compact and collect, and the locks that tell others.
//!
//! Nothing here carries correctness: every result is a log record that obeys the same race as any commit, and two
//! instances that do the same work only waste it.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use crate::base::{Error, ErrorKind, Result, SortedMap};
use crate::disk::LocalFuture;

use super::engine::{Engine, Inner};
use super::options::Durability;
use super::platform::{Guard, LockMode, Platform};
use super::signal::{both, first_of, Condition};

/// How long to wait for another instance's housekeeping before doing it anyway: it may be frozen.
const HOUSEKEEPER_MS: f64 = 5_000.0;
/// How long a writer waits for room in the memtables.
const ROOM_MS: f64 = 10_000.0;
/// Beyond so many full memtables a writer is refused instead.
const ROOM_MAX: usize = 6;
/// Tables that others left out of shape wait so long: whoever opens a database wants to read first.
const SETTLE_MS: f64 = 1_000.0;
/// Pause after a failed round.
const BACKOFF_MS: f64 = 1_000.0;
/// A log tail shorter than this is not worth an idle flush.
const IDLE_LOG_BYTES: u64 = 32 << 10;
/// Nor one with fewer records.
const IDLE_RECORDS: u64 = 64;

/// The state of one instance's housekeeping.
#[derive(Default)]
pub(crate) struct Maintenance {
    /// Notified when there may be work, or the instance dies.
    pub(crate) wake: Condition,
    running: Cell<bool>,
    idle_due: Cell<bool>,
    idle_timer: Cell<bool>,
    last_commit_ms: Cell<f64>,
    /// The error of the last round, if it failed.
    failure: RefCell<Option<Error>>,
    /// Set while somebody waits for the driver to seal the memtable between two groups.
    pub(crate) seal_requested: Cell<bool>,
    /// Says that this instance lives.
    writer_lock: RefCell<Option<Guard>>,
    /// Says which version of the manifest it may be reading.
    version_lock: RefCell<Option<(u64, Guard)>>,
    /// When obsolete tables were first seen (monotonic ms), for platforms without locks.
    pub(crate) seen_obsolete: RefCell<SortedMap<u64, f64>>,
}

impl Maintenance {
    /// Waits until no round is running.
    pub(crate) async fn stopped(&self, ended: &Condition) {
        ended.wait_until(|| !self.running.get()).await;
    }

    /// Keeps the locks that were taken before the instance was there.
    pub(crate) fn hold(&self, Locks { writer, version }: Locks) {
        *self.writer_lock.borrow_mut() = writer;
        *self.version_lock.borrow_mut() = version.map(|guard| (OLDEST, guard));
    }

    /// Lets go of the locks.
    pub(crate) fn release_locks(&self) {
        self.writer_lock.take();
        self.version_lock.take();
    }
}

/// Older than every version of the manifest that has tables.
const OLDEST: u64 = 0;

/// The locks that tell other instances about one that is being opened.
pub(crate) struct Locks {
    writer: Option<Guard>,
    version: Option<Guard>,
}

/// Takes them. What version this instance is going to read is not known yet, so it names the oldest: until it names
/// another nobody deletes a table.
pub(crate) async fn take_locks(platform: &dyn Platform, database: &str, writer: u64) -> Locks {
    let name = writer_lock_name(database, writer);
    let version = format!("{}{OLDEST}/{writer:016x}", version_lock_prefix(database));
    let version = platform.lock(&version, LockMode::Shared);
    let (writer, version) = both(platform.lock(&name, LockMode::Exclusive), version).await;
    Locks { writer, version }
}

fn writer_lock_name(database: &str, writer: u64) -> String {
    format!("tidewell/{database}/writer/{writer:016x}")
}

fn version_lock_prefix(database: &str) -> String {
    format!("tidewell/{database}/version/")
}

impl Engine {
    /// Writes the memtable into tables and cuts the log. Answers whether there was anything to write.
    ///
    /// # Errors
    /// As the disk does.
    pub async fn flush(&self) -> Result<bool> {
        self.0.check_alive()?;
        let flushed = self.0.flush().await?;
        self.0.truncate(Durability::Relaxed).await?;
        Ok(flushed)
    }

    /// Flushes, then compacts until every level is in shape, then deletes what nobody needs.
    ///
    /// # Errors
    /// As the disk does.
    pub async fn compact(&self) -> Result<()> {
        self.flush().await?;
        while self.0.compact_once().await? {}
        self.0.truncate(Durability::Relaxed).await?;
        self.0.collect().await
    }
}

impl Inner {
    /// Starts the housekeeping task.
    pub(crate) fn start_maintenance(self: &Rc<Self>) {
        if self.options.auto_maintenance {
            self.maintenance.running.set(true);
            self.platform.spawn(Box::pin(maintain(Rc::clone(self))));
        }
    }

    /// After a commit, own or heard: is there work?
    pub(crate) fn wake_maintenance(self: &Rc<Self>) {
        if !self.options.auto_maintenance {
            return;
        }
        self.maintenance.last_commit_ms.set(self.platform.monotonic_ms());
        self.maintenance.wake.notify();
        if !self.maintenance.idle_timer.replace(true) {
            self.platform.spawn(Box::pin(watch_idle(Rc::clone(self))));
        }
    }

    /// Waits until nobody's commit is queued or under way.
    pub(crate) async fn wait_for_queue(&self) {
        self.between_groups.wait_until(|| !self.queue.borrow().is_driving()).await;
    }

    /// Holds a writer back while the memtables are full and a flush is on its way.
    pub(crate) async fn wait_for_room(&self) -> Result<()> {
        if !self.options.auto_maintenance || self.has_room() {
            return Ok(());
        }
        self.maintenance.wake.notify();
        let ready = || self.has_room() || self.maintenance.failure.borrow().is_some() || self.is_dead();
        let room = Box::pin(self.between_groups.wait_until(ready));
        // Housekeeping that is held up (by a slow disk, or another instance that froze) must not hold writers for ever.
        let _ = first_of(room, self.platform.sleep(ROOM_MS)).await;
        self.check_alive()?;
        if self.has_room() || self.state.borrow().memtable_bytes() < ROOM_MAX * self.options.memtable_bytes() {
            return Ok(());
        }
        let stalled = || Error::new(ErrorKind::Unavailable, "storage cannot keep up with the writes: try again later");
        Err(self.maintenance.failure.borrow().clone().unwrap_or_else(stalled))
    }

    fn has_room(&self) -> bool {
        self.state.borrow().memtable_bytes() < 3 * self.options.memtable_bytes()
    }

    fn is_dead(&self) -> bool {
        self.state.borrow().dead.is_some()
    }

    /// Resolves when all of the program is loaded, or when the instance is dead: nobody waits for ever, and holds its memory.
    pub(super) async fn prepared(&self) {
        let ended = Box::pin(self.maintenance.wake.wait_until(|| self.is_dead()));
        let _ = first_of(self.platform.prepare(), ended).await;
    }

    /// Whether a round has something to do.
    fn work_due(&self) -> bool {
        let state = self.state.borrow();
        state.active.borrow().bytes() >= self.options.memtable_bytes()
            || !state.sealed.is_empty()
            || self.maintenance.idle_due.get()
            || self.compaction_due(&state)
    }

    fn flush_due(&self) -> bool {
        let state = self.state.borrow();
        let idle = self.maintenance.idle_due.get()
            && (state.log_bytes >= IDLE_LOG_BYTES || state.head - state.manifest.flushed >= IDLE_RECORDS)
            && !state.active.borrow().is_empty();
        idle || !state.sealed.is_empty() || state.active.borrow().bytes() >= self.options.memtable_bytes()
    }

    pub(crate) fn writer_lock_name(&self, writer: u64) -> String {
        writer_lock_name(&self.options.name, writer)
    }

    pub(crate) fn version_lock_prefix(&self) -> String {
        version_lock_prefix(&self.options.name)
    }

    /// Names the oldest version of the manifest that this instance may be reading.
    pub(crate) async fn hold_version(&self) {
        let version = self.versions.oldest().unwrap_or_else(|| self.state.borrow().manifest.edited);
        if self.maintenance.version_lock.borrow().as_ref().is_some_and(|(held, _)| *held == version) {
            return;
        }
        let name = format!("{}{version}/{:016x}", self.version_lock_prefix(), self.state.borrow().writer);
        if let Some(guard) = self.platform.lock(&name, LockMode::Shared).await {
            // The older name is let go only once the newer one is held.
            *self.maintenance.version_lock.borrow_mut() = Some((version, guard));
        }
    }
}

/// Runs rounds until the instance dies.
async fn maintain(inner: Rc<Inner>) {
    inner.maintenance.wake.wait_until(|| inner.is_dead() || inner.work_due()).await;
    // Silence after a commit is that second already.
    let hurried = || inner.is_dead() || inner.flush_due() || inner.maintenance.idle_due.get();
    let urgent = Box::pin(inner.maintenance.wake.wait_until(hurried));
    let _ = first_of(inner.platform.sleep(SETTLE_MS), urgent).await;
    loop {
        inner.maintenance.wake.wait_until(|| inner.is_dead() || inner.work_due()).await;
        inner.prepared().await;
        if inner.is_dead() {
            break;
        }
        // Behind a pointer, and so not a part of this future, which a page has from the beginning.
        let round: LocalFuture<'_, Result<()>> = Box::pin(round(&inner));
        let failure = round.await.err();
        let failed = failure.is_some();
        *inner.maintenance.failure.borrow_mut() = failure;
        inner.between_groups.notify();
        if inner.is_dead() {
            break;
        }
        if failed {
            inner.platform.sleep(BACKOFF_MS).await;
            inner.maintenance.failure.borrow_mut().take();
        }
    }
    inner.maintenance.running.set(false);
    inner.between_groups.notify();
}

/// One round of everything that is due, with other instances kept from doing the same.
async fn round(inner: &Rc<Inner>) -> Result<()> {
    let name = format!("tidewell/{}/housekeeper", inner.options.name);
    let lock = inner.platform.lock(&name, LockMode::Exclusive);
    let _guard = first_of(lock, inner.platform.sleep(HOUSEKEEPER_MS)).await;
    // What another instance did meanwhile shows in the log.
    let idle = inner.maintenance.idle_due.get();
    if inner.flush_due() {
        inner.flush().await?;
        inner.between_groups.notify();
    }
    inner.maintenance.idle_due.set(false);
    // In a quiet moment a sync costs nobody anything, and the witness learns of a position that lasts.
    let durability = if idle { Durability::Strict } else { Durability::Relaxed };
    inner.truncate(durability).await?;
    let compacted = inner.compact_once().await?;
    inner.hold_version().await;
    if compacted || idle {
        inner.collect().await?;
    }
    if idle {
        inner.testify().await;
    }
    Ok(())
}

/// Waits for a quiet moment after commits, then makes an idle round due.
async fn watch_idle(inner: Rc<Inner>) {
    loop {
        let quiet_ms = inner.platform.monotonic_ms() - inner.maintenance.last_commit_ms.get();
        let left_ms = inner.options.idle_flush_ms - quiet_ms;
        if left_ms <= 0.5 || inner.is_dead() {
            break;
        }
        inner.platform.sleep(left_ms).await;
    }
    inner.maintenance.idle_timer.set(false);
    inner.maintenance.idle_due.set(true);
    inner.maintenance.wake.notify();
}
