//! Writing tables to disk piece by piece: ids from the log, parts in small commits, nothing visible until an edit names it.
//!
//! It does not decide what goes into the tables; flush and compaction do.

use std::rc::Rc;

use crate::base::{Error, ErrorKind, Result};
use crate::disk::{Area, Batch, BlobRange, DiskError, Durability as DiskDurability};

use super::engine::Inner;
use super::manifest::Edit;
use super::options::Durability;
use super::table_builder::{Part, TableBuilder};
use super::table_info::TableInfo;

/// Parts written in one disk commit: small, so that other commits never wait long behind it.
const WRITE_BYTES: usize = 256 << 10;
/// Ids taken in one record.
const IDS_AT_ONCE: u64 = 16;
/// How often an interrupted write of parts is repeated; writing them twice is harmless.
const ATTEMPTS: usize = 4;

/// Tables in the making.
pub(crate) struct TableWriter {
    inner: Rc<Inner>,
    builder: Option<TableBuilder>,
    ready: Vec<Part>,
    ready_bytes: usize,
    done: Vec<TableInfo>,
    /// Ids taken from the instance's pool.
    ids: Vec<u64>,
    used: Vec<u64>,
}

impl TableWriter {
    pub(crate) fn new(inner: &Rc<Inner>) -> Self {
        Self {
            inner: Rc::clone(inner),
            builder: None,
            ready: Vec::new(),
            ready_bytes: 0,
            done: Vec::new(),
            ids: Vec::new(),
            used: Vec::new(),
        }
    }

    /// Makes sure that at least `count` ids are at hand. Ids are reserved through the log, so that the blobs of an
    /// instance that dies half way are found and removed.
    pub(crate) async fn reserve(&mut self, count: usize) -> Result<()> {
        while self.ids.len() < count {
            if let Some(id) = self.inner.state.borrow_mut().table_ids.pop() {
                self.ids.push(id);
                continue;
            }
            let engine = super::Engine(Rc::clone(&self.inner));
            engine
                .commit_staged(Durability::Relaxed, true, |staged| {
                    staged.edit(&Edit::Reserve { count: IDS_AT_ONCE });
                    Ok(())
                })
                .await?;
        }
        Ok(())
    }

    /// Appends an entry, in order. There must be an id at hand: see `reserve`.
    pub(crate) fn add(&mut self, key: &[u8], position: u64, value: Option<&[u8]>) -> Result<()> {
        // Without an id for the next table, this one gets longer than usual.
        if !self.ids.is_empty() && self.builder.as_ref().is_some_and(|builder| builder.should_cut(key)) {
            self.finish_table()?;
        }
        if self.builder.is_none() {
            let id = self.ids.pop().ok_or_else(|| Error::internal("a table has no id"))?;
            self.used.push(id);
            self.builder = Some(TableBuilder::new(id, self.inner.options.tables));
        }
        if let Some(builder) = &mut self.builder {
            builder.add(key, position, value)?;
            if builder.has_parts() {
                let parts = builder.take_parts();
                self.push_parts(parts);
            }
        }
        Ok(())
    }

    fn finish_table(&mut self) -> Result<()> {
        if let Some(builder) = self.builder.take() {
            let (info, parts) = builder.finish()?;
            self.push_parts(parts);
            self.done.push(info);
        }
        Ok(())
    }

    fn push_parts(&mut self, parts: Vec<Part>) {
        self.ready_bytes += parts.iter().map(|(_, bytes)| bytes.len()).sum::<usize>();
        self.ready.extend(parts);
    }

    /// Whether enough is finished to be written.
    pub(crate) fn wants_write(&self) -> bool {
        self.ready_bytes >= WRITE_BYTES
    }

    /// Writes what is finished.
    pub(crate) async fn write(&mut self) -> Result<()> {
        let mut ready = std::mem::take(&mut self.ready).into_iter().peekable();
        self.inner.stats.borrow_mut().table_bytes_written += std::mem::take(&mut self.ready_bytes) as u64;
        while ready.peek().is_some() {
            let mut batch = Batch::default();
            let mut bytes = 0;
            while let Some(part) = ready.next_if(|_| bytes < WRITE_BYTES) {
                bytes += part.1.len();
                batch.puts.push(part);
            }
            self.inner.write_tables(&batch).await?;
            for (name, bytes) in batch.puts {
                self.inner.cache.insert(name, bytes.into());
            }
        }
        Ok(())
    }

    /// Completes the last table and writes the rest. The tables are on disk, and nobody knows them yet.
    pub(crate) async fn finish(&mut self) -> Result<Vec<TableInfo>> {
        self.finish_table()?;
        self.write().await?;
        Ok(std::mem::take(&mut self.done))
    }

    /// The tables became part of the database: only unused ids go back to the pool.
    pub(crate) fn adopted(mut self) {
        self.inner.state.borrow_mut().table_ids.append(&mut self.ids);
    }

    /// The tables are not wanted: removes their blobs and gives the ids up.
    pub(crate) async fn discard(mut self) -> Result<()> {
        let used = std::mem::take(&mut self.used);
        self.inner.state.borrow_mut().table_ids.append(&mut self.ids);
        if used.is_empty() {
            return Ok(());
        }
        let engine = super::Engine(Rc::clone(&self.inner));
        engine
            .commit_staged(Durability::Relaxed, true, move |staged| {
                let (reserved, me) = (&staged.manifest.reserved, staged.writer);
                // Ids that others released belong to nobody, and their blobs are as dead.
                let mine = used.iter().copied().filter(|id| reserved.get(id).is_none_or(|writer| *writer == me));
                let live = |id: &u64| staged.manifest.levels.tables().any(|(_, table)| table.id == *id);
                let tables: Vec<u64> = mine.filter(|id| !live(id)).collect();
                let ranges = tables.iter().map(|id| BlobRange::one(Area::Table, *id));
                staged.stage.batch.deletes.extend(ranges);
                staged.edit(&Edit::Release { tables });
                Ok(())
            })
            .await
            .map(drop)
    }
}

impl Inner {
    /// Writes or deletes parts of tables, which may be done again: no record says that it happened.
    pub(super) async fn write_tables(&self, batch: &Batch) -> Result<()> {
        for attempt in 1.. {
            match self.disk.commit(batch.clone(), DiskDurability::Relaxed).await {
                Ok(_) => break,
                Err(DiskError::Interrupted(_)) if attempt < ATTEMPTS => drop(self.disk.settle().await),
                Err(DiskError::Lost(detail)) => return Err(self.storage_lost(&detail)),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }
}

/// Whether an error means that the tables were written for nothing and can be discarded in peace.
pub(crate) fn can_discard(error: &Error) -> bool {
    !matches!(error.kind(), ErrorKind::Closed | ErrorKind::StorageLost | ErrorKind::Aborted)
}
