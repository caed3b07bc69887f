//! Following the log: records heard from other instances, records missed, and starting over behind the floor.
//!
//! It never writes.

use std::rc::Rc;

use crate::base::Result;
use crate::disk::{self, Area, Batch, BlobRange, DiskError};

use super::engine::{CommitEvent, Engine, Inner};
use super::floor::Floor;
use super::manifest::Manifest;
use super::open::read_state;
use super::options::Durability;
use super::record::Record;

/// How often a read that storage interrupts is repeated.
const READ_ATTEMPTS: usize = 4;

impl Engine {
    /// Takes in what another instance announced. Anything that does not fit is ignored or makes this one look.
    pub fn receive(&self, message: &[u8]) {
        if let [word] = *message {
            return self.0.heard(word);
        }
        let Ok(record) = Record::decode(message) else { return };
        let inner = &self.0;
        {
            let mut state = inner.state.borrow_mut();
            if record.header.store != state.store || record.header.position <= state.head || state.dead.is_some() {
                return;
            }
            state.inbox.push_back(record);
        }
        inner.drain_inbox();
        inner.wake_maintenance();
    }

    /// Reads whatever other instances have committed since this one last looked.
    ///
    /// # Errors
    /// As the disk does; `StorageLost` if the database is gone.
    pub async fn catch_up(&self) -> Result<()> {
        self.0.check_alive()?;
        self.0.state.borrow_mut().behind = true;
        // Only the commit driver moves the head over awaits: a job that writes nothing makes it look.
        self.commit_staged(Durability::Relaxed, false, |_| Ok(())).await.map(drop)
    }
}

impl Inner {
    /// Whether another instance took the position that a group here is being staged for.
    pub(crate) fn lost_while_staging(&self) -> bool {
        let state = self.state.borrow();
        state.inbox.iter().any(|record| record.header.position > state.head)
    }

    /// Applies what was heard, unless the commit driver owns the head and will do so itself.
    pub(crate) fn drain_inbox(self: &Rc<Self>) {
        {
            let state = self.state.borrow();
            if state.busy || state.dead.is_some() || state.inbox.is_empty() {
                return;
            }
        }
        match self.apply_inbox() {
            Ok(()) if self.state.borrow().behind => self.catch_up_soon(),
            Ok(()) => {}
            Err(error) => self.die(&error),
        }
    }

    /// Applies the records heard, as far as they follow the head. A gap makes the instance look at the log.
    pub(crate) fn apply_inbox(&self) -> Result<()> {
        while let Some(record) = self.next_heard() {
            self.apply(&record)?;
        }
        Ok(())
    }

    fn next_heard(&self) -> Option<Record> {
        let mut state = self.state.borrow_mut();
        let head = state.head;
        state.inbox.retain(|record| record.header.position > head);
        let next = state.inbox.iter().position(|record| record.header.position == head + 1);
        if next.is_none() && !state.inbox.is_empty() {
            state.inbox.clear();
            state.behind = true;
        }
        next.and_then(|index| state.inbox.remove(index))
    }

    /// Looks at the log in the background. A failure leaves `behind` set: the next commit looks again and reports it.
    fn catch_up_soon(self: &Rc<Self>) {
        let engine = Engine(Rc::clone(self));
        self.platform.spawn(Box::pin(async move { drop(engine.catch_up().await) }));
    }

    fn apply(&self, record: &Record) -> Result<()> {
        self.state.borrow_mut().apply(record)?;
        self.forget_retired();
        self.emit(&CommitEvent::Commit { record, own: false });
        Ok(())
    }

    /// Applies what the log holds beyond the head. Only the commit driver and `open` call it.
    pub(crate) async fn catch_up(&self) -> Result<()> {
        let (floor, records) = self.look().await?;
        if floor.position > self.state.borrow().head {
            self.reload().await?;
        } else {
            for record in records {
                let record = Record::decode(&record)?;
                if record.header.position > self.state.borrow().head {
                    self.apply(&record)?;
                }
            }
        }
        let mut state = self.state.borrow_mut();
        state.behind = false;
        state.looks += 1;
        Ok(())
    }

    /// The floor and, as of the same moment, the records beyond the head. (Below the floor records may be orphans of an instance
    /// that slept.)
    async fn look(&self) -> Result<(Floor, Vec<Vec<u8>>)> {
        let first = self.state.borrow().head + 1;
        let range = BlobRange { first, ..BlobRange::all(Area::Log) };
        let batch = || Batch { reads: vec![range, BlobRange::all(Area::Floor)], ..Batch::default() };
        let mut found = self.retry_read(|| self.disk.commit(batch(), disk::Durability::Relaxed)).await?;
        let floor = Floor::newest(&found.pop().unwrap_or_default())?;
        match floor.filter(|floor| floor.store == self.state.borrow().store) {
            Some(floor) => Ok((floor, found.pop().unwrap_or_default())),
            None => Err(self.storage_lost("the database was emptied or replaced underneath")),
        }
    }

    /// Drops what the cache holds of tables that are not live any more, and tells it how much data there are.
    pub(crate) fn forget_retired(&self) {
        let mut state = self.state.borrow_mut();
        let retired = std::mem::take(&mut state.retired);
        self.cache.set_data_bytes(state.manifest.levels.census.content);
        drop(state);
        retired.into_iter().for_each(|table| self.cache.forget_table(table));
    }

    /// Starts over from the manifest snapshot: the records needed to go on are gone.
    async fn reload(&self) -> Result<()> {
        let (store, writer) = {
            let state = self.state.borrow();
            (state.store, state.writer)
        };
        let fresh = read_state(&*self.disk, writer).await?;
        let Some(mut fresh) = fresh.filter(|fresh| fresh.store == store) else {
            return Err(self.storage_lost("the database was emptied or replaced underneath"));
        };
        let position = fresh.head;
        {
            let mut state = self.state.borrow_mut();
            fresh.sequence = state.sequence;
            fresh.busy = state.busy;
            fresh.durable = state.durable;
            fresh.generation = state.generation + 1;
            fresh.versions = Rc::clone(&state.versions);
            fresh.table_ids = own_ids(&fresh.manifest, writer, &state.table_ids);
            *state = fresh;
        }
        self.stats.borrow_mut().reloads += 1;
        self.emit(&CommitEvent::Reset { position });
        Ok(())
    }

    /// Repeats a read that storage interrupted; a dead connection is reopened by the disk.
    pub(crate) async fn retry_read<T, F>(&self, read: impl Fn() -> F) -> Result<T>
    where
        F: std::future::Future<Output = std::result::Result<T, DiskError>>,
    {
        let mut attempt = 1;
        loop {
            match read().await {
                Ok(value) => return Ok(value),
                Err(DiskError::Interrupted(_)) if attempt < READ_ATTEMPTS => attempt += 1,
                Err(DiskError::Lost(detail)) => return Err(self.storage_lost(&detail)),
                Err(error) => return Err(error.into()),
            }
        }
    }
}

fn own_ids(manifest: &Manifest, writer: u64, known: &[u64]) -> Vec<u64> {
    known.iter().copied().filter(|id| manifest.reserved.get(id) == Some(&writer)).collect()
}
