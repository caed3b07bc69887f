//! Flushing: sealed memtables become tables, and the log below them becomes superfluous.
//!
//! It does not cut the log; see `truncate.rs`.

use std::rc::Rc;

use crate::base::{Error, Result};

use super::access::{Direction, KeyRange, Pause};
use super::blocks::{Blocks, Pins};
use super::engine::Inner;
use super::manifest::Edit;
use super::memtable::Memtable;
use super::merge_cursor::{MergeCursor, Show};
use super::options::Durability;
use super::staged::Staged;
use super::state::SharedMemtable;
use super::table_info::TableInfo;
use super::table_writer::{can_discard, TableWriter};

/// How long one slice of work may hold the thread.
pub(crate) const SLICE_MS: f64 = 4.0;
/// Entries between two looks at the clock.
const ENTRIES_PER_LOOK: usize = 256;
/// Ids at hand before each slice: more tables than one slice can begin.
pub(crate) const IDS_PER_SLICE: usize = 8;

impl Inner {
    /// Writes everything in the memtables into tables. Answers whether there was anything.
    pub(crate) async fn flush(self: &Rc<Self>) -> Result<bool> {
        self.sealed().await?;
        let (through, memtables, strict) = {
            let state = self.state.borrow();
            let Some(last) = state.sealed.last() else { return Ok(false) };
            let memtables: Vec<_> = state.sealed.iter().rev().map(|sealed| Rc::clone(&sealed.memtable)).collect();
            (last.through, memtables, state.strict)
        };
        let mut writer = TableWriter::new(self);
        let result = self.write_memtables(&memtables, &mut writer).await;
        let tables = match result {
            Ok(tables) => tables,
            Err(error) => {
                if can_discard(&error) {
                    // The first error is the one to report; leftovers are found later by their reserved ids.
                    let _ = writer.discard().await;
                }
                return Err(error);
            }
        };
        let durability = if strict { Durability::Strict } else { Durability::Relaxed };
        let engine = super::Engine(Rc::clone(self));
        let adopted = engine
            .commit_staged(durability, true, move |staged| Ok(stage_flush(staged, through, &tables)))
            .await?
            .value;
        if adopted {
            writer.adopted();
            self.stats.borrow_mut().flushes += 1;
        } else {
            // Another instance flushed the same records first.
            writer.discard().await?;
        }
        Ok(adopted)
    }

    /// Has the active memtable sealed between two groups.
    async fn sealed(self: &Rc<Self>) -> Result<()> {
        self.check_alive()?;
        let busy = self.state.borrow().busy;
        if !busy {
            self.state.borrow_mut().seal();
            return Ok(());
        }
        self.maintenance.seal_requested.set(true);
        let done = || !self.maintenance.seal_requested.get() || !self.queue.borrow().is_driving();
        self.between_groups.wait_until(done).await;
        if self.maintenance.seal_requested.take() {
            self.state.borrow_mut().seal();
        }
        self.check_alive()
    }

    async fn write_memtables(
        self: &Rc<Self>,
        memtables: &[SharedMemtable],
        writer: &mut TableWriter,
    ) -> Result<Vec<TableInfo>> {
        let mut last: Option<Vec<u8>> = None;
        loop {
            writer.reserve(IDS_PER_SLICE).await?;
            let deadline_ms = self.platform.monotonic_ms() + SLICE_MS;
            let pins = Pins::default();
            let blocks = self.blocks(&pins);
            let in_time = || self.platform.monotonic_ms() < deadline_ms;
            let more = copy_slice(memtables, blocks, &mut last, writer, in_time)?;
            if !more {
                return writer.finish().await;
            }
            if writer.wants_write() {
                writer.write().await?;
            }
            self.platform.breathe().await;
            self.check_alive()?;
        }
    }
}

/// Copies entries after `last` into the tables until they end or time is up; answers whether there are more.
fn copy_slice(
    memtables: &[SharedMemtable],
    blocks: Blocks<'_>,
    last: &mut Option<Vec<u8>>,
    writer: &mut TableWriter,
    in_time: impl Fn() -> bool,
) -> Result<bool> {
    let borrowed: Vec<_> = memtables.iter().map(|memtable| memtable.borrow()).collect();
    let sources: Vec<&Memtable> = borrowed.iter().map(|memtable| &**memtable).collect();
    // The first key after the last one is that key and a zero byte.
    let start = last.as_ref().map_or_else(Vec::new, |last| [last.as_slice(), &[0]].concat());
    let range = KeyRange { start, end: None };
    // Only the newest version of a key is kept: older ones are read through the snapshots that need them.
    let mut cursor = MergeCursor::new(sources, [], range, Direction::Forward, Show::Newest);
    let mut count = 0;
    while cursor.advance(&blocks).map_err(unpaused)? {
        writer.add(cursor.key(), cursor.position(), cursor.value())?;
        count += 1;
        if count % ENTRIES_PER_LOOK == 0 && !in_time() {
            *last = Some(cursor.key().to_vec());
            return Ok(true);
        }
    }
    Ok(false)
}

/// Memtables lack no blocks.
fn unpaused(pause: Pause) -> Error {
    match pause {
        Pause::Failed(error) => error,
        Pause::Missing(_) | Pause::Yield => Error::internal("a memtable paused"),
    }
}

fn stage_flush(staged: &mut Staged<'_>, through: u64, tables: &[TableInfo]) -> bool {
    let mine = tables.iter().all(|table| staged.manifest.reserved.get(&table.id) == Some(&staged.writer));
    if staged.manifest.flushed >= through || !mine {
        return false;
    }
    staged.edit(&Edit::Flush { through, tables: tables.to_vec() });
    true
}
