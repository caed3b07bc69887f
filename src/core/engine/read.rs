//! Reading: the synchronous hot path, and the rim that fetches what it lacked and runs it again.
//!
//! Nothing here writes, and no borrow of the state lives across an await.

use std::rc::Rc;

use crate::base::{Error, ErrorKind, Result};
use crate::disk::{BlobName, LocalFuture};

use super::access::{KeyRange, Pause, Read, Step};
use super::blocks::{Blocks, Pins};
use super::engine::{Engine, Inner};
use super::snapshot::Snapshot;
use super::view::View;

/// The reason of the error that tells a reader to start over on the newest state.
pub const SNAPSHOT_EXPIRED: &str = "snapshot-expired";

/// Blobs fetched in one look.
const FETCH_LIMIT: usize = 64;

impl Engine {
    /// Runs `read` on the newest visible state with what is in memory. [`Pause::Missing`] or [`Pause::Yield`] means that
    /// the asynchronous `read` is needed.
    ///
    /// # Errors
    /// What `read` answers, or why the instance is unusable.
    pub fn try_read<T>(&self, read: impl FnOnce(&dyn Read) -> Step<T>) -> Step<T> {
        let inner = &self.0;
        if inner.unconfirmed.get() {
            return Err(Pause::Yield);
        }
        let snapshot = {
            let state = inner.state.borrow();
            if let Some(error) = &state.dead {
                return Err(Pause::Failed(error.clone()));
            }
            Snapshot::transient(&state)
        };
        let pins = Pins::default();
        let blocks = inner.blocks(&pins);
        let view = View::new(&snapshot, blocks);
        read(&view)
    }

    /// Runs `read` on the newest visible state until it finishes; every run sees the same position.
    ///
    /// # Errors
    /// What `read` answers; what the disk answers. `Conflict` with reason `snapshot-expired` if the tables it needs were
    /// replaced and deleted meanwhile, which only happens to instances that were frozen: start over.
    pub async fn read<T>(&self, mut read: impl FnMut(&dyn Read) -> Step<T>) -> Result<T> {
        let mut found = None;
        self.read_newest(&mut |view| {
            found = Some(read(view)?);
            Ok(())
        })
        .await?;
        found.ok_or_else(unread)
    }

    /// Holds on to the newest visible state.
    ///
    /// # Errors
    /// Why the instance is unusable.
    pub fn snapshot(&self) -> Result<Snapshot> {
        self.0.check_alive()?;
        Ok(Snapshot::held(&self.0.state.borrow(), &self.0.versions))
    }

    /// As `read`, at the position of `snapshot`.
    ///
    /// # Errors
    /// As `read`.
    pub async fn read_at<T>(&self, snapshot: &Snapshot, mut read: impl FnMut(&dyn Read) -> Step<T>) -> Result<T> {
        let mut found = None;
        self.read_through(snapshot, &mut |view| {
            found = Some(read(view)?);
            Ok(())
        })
        .await?;
        found.ok_or_else(unread)
    }

    /// Fetches, in one look, what first reads in `range` would ask for one after another: where the blocks of its tables are, and the
    /// first block of each run that begins in it. What fails is left to whoever reads.
    pub async fn read_ahead(&self, range: &KeyRange) {
        let inner = &self.0;
        let pins = Pins::default();
        let mut names = Vec::new();
        {
            let state = inner.state.borrow();
            let blocks = inner.blocks(&pins);
            for run in state.manifest.levels.runs() {
                let tables = run.iter().filter(|table| table.reaches(range));
                for (at, table) in tables.enumerate() {
                    blocks.missing(&table.meta(), &mut names);
                    if at == 0 && range.contains(&table.smallest) {
                        blocks.missing(&table.first_block(), &mut names);
                    }
                }
            }
        }
        names.truncate(FETCH_LIMIT);
        if !names.is_empty() {
            let _ = inner.fetch_into(&names, &pins).await;
        }
    }

    fn read_newest<'a>(&'a self, read: &'a mut dyn FnMut(&dyn Read) -> Step<()>) -> LocalFuture<'a, Result<()>> {
        Box::pin(async move {
            self.0.confirmed().await;
            let snapshot = self.snapshot()?;
            self.read_through(&snapshot, read).await
        })
    }

    /// Runs `read` until it finishes. Boxed, and one for all readers: each of their futures would hold a copy of it.
    fn read_through<'a>(
        &'a self,
        snapshot: &'a Snapshot,
        read: &'a mut dyn FnMut(&dyn Read) -> Step<()>,
    ) -> LocalFuture<'a, Result<()>> {
        Box::pin(async move {
            let inner = &self.0;
            let pins = Pins::default();
            loop {
                inner.check_alive()?;
                let step = {
                    let blocks = inner.blocks(&pins);
                    read(&View::new(snapshot, blocks))
                };
                match step {
                    Ok(()) => return Ok(()),
                    Err(Pause::Failed(error)) => return Err(error),
                    Err(Pause::Yield) => inner.platform.breathe().await,
                    Err(Pause::Missing(names)) => {
                        // A resumable reader has moved on; one that starts over needs all it ever asked for.
                        pins.begin_round();
                        if let Err(error) = inner.fetch_into(&names, &pins).await {
                            if error.reason() == Some(SNAPSHOT_EXPIRED) {
                                self.catch_up().await?;
                            }
                            return Err(error);
                        }
                    }
                }
            }
        })
    }
}

/// A reader that finished has something to show.
fn unread() -> Error {
    Error::internal("a read ended without a result")
}

impl Inner {
    /// What reads may use: the cache, and what was fetched for this very operation.
    pub(crate) fn blocks<'a>(&'a self, pins: &'a Pins) -> Blocks<'a> {
        Blocks::new(&self.cache, pins)
    }

    /// Waits until writes acknowledged at `Durability::Memory` are visible.
    pub(crate) async fn confirmed(&self) {
        if self.unconfirmed.get() {
            self.between_groups.wait_until(|| !self.unconfirmed.get()).await;
        }
    }

    /// Fetches blobs into the cache and pins them for the running operation.
    pub(crate) async fn fetch_into(&self, names: &[BlobName], pins: &Pins) -> Result<()> {
        // Behind a pointer, since several futures await it.
        let fetching: LocalFuture<'_, Result<()>> = Box::pin(self.fetch_pinned(names, pins, true));
        fetching.await
    }

    /// Fetches blobs and pins them; `keep` puts them into the cache as well.
    pub(crate) async fn fetch_pinned(&self, names: &[BlobName], pins: &Pins, keep: bool) -> Result<()> {
        if names.is_empty() {
            // Only where two tables share an id: what is here then is another one's. Asking again would never end.
            return Err(Error::corrupt("a block is missing, and there is nothing to fetch it by"));
        }
        for names in names.chunks(FETCH_LIMIT) {
            let blobs = self.retry_read(|| self.disk.read(names)).await?;
            self.stats.borrow_mut().blobs_read += names.len() as u64;
            for (name, blob) in names.iter().zip(blobs) {
                let Some(blob) = blob else { return Err(self.missing_blob(name)) };
                let blob: Rc<[u8]> = blob.into();
                if keep {
                    self.cache.insert(*name, Rc::clone(&blob));
                }
                pins.insert(*name, blob);
            }
        }
        Ok(())
    }

    /// A table's blob is not there: either others deleted the table while this instance slept, or storage lost it.
    fn missing_blob(&self, name: &BlobName) -> Error {
        let state = &mut *self.state.borrow_mut();
        let is_live = |id: &u64| state.manifest.levels.tables().any(|(_, table)| table.id == *id);
        state.missed.retain(|id, _| is_live(id));
        if is_live(&name.id) && *state.missed.or_insert_with(name.id, || state.looks) < state.looks {
            // The log was read since, and still names the table.
            return Error::new(ErrorKind::Corrupt, format!("block {} of table {} is missing", name.part, name.id));
        }
        state.behind = true;
        Error::new(ErrorKind::Conflict, "the snapshot expired while this tab was asleep: run the operation again")
            .with_reason(SNAPSHOT_EXPIRED)
    }
}
