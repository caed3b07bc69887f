//! Compaction: tables are merged level by level, in slices, and swapped in by one edit.
//!
//! What to merge is chosen in `compaction_pick.rs` and merged in `compaction.rs`; this is the rim that fetches, writes
//! and commits.

use std::rc::Rc;

use crate::base::Result;

use super::access::Pause;
use super::blocks::Pins;
use super::compaction::Compaction;
use super::compaction_pick::{is_compaction_due, pick_compaction, CompactionTask};
use super::engine::Inner;
use super::flush::{IDS_PER_SLICE, SLICE_MS};
use super::levels::Levels;
use super::manifest::Edit;
use super::options::Durability;
use super::read::SNAPSHOT_EXPIRED;
use super::snapshot::Snapshot;
use super::staged::Staged;
use super::state::State;
use super::table_info::TableInfo;
use super::table_writer::{can_discard, TableWriter};

/// Entries merged between two looks at the clock.
const ENTRIES_PER_LOOK: usize = 256;

impl Inner {
    /// Whether some level is out of shape.
    pub(crate) fn compaction_due(&self, state: &State) -> bool {
        is_compaction_due(&state.manifest.levels, &self.options.compaction)
    }

    /// Does one piece of compaction. Answers whether there was one.
    pub(crate) async fn compact_once(self: &Rc<Self>) -> Result<bool> {
        // Held, or the inputs could be deleted underneath once somebody else has merged them.
        let snapshot = Snapshot::held(&self.state.borrow(), &self.versions);
        let levels = Rc::clone(&snapshot.levels);
        let Some(task) = pick_compaction(&levels, &self.options.compaction) else { return Ok(false) };
        if task.is_move {
            let moved = task.moved();
            self.commit_compaction(&task, moved, Durability::Relaxed).await?;
            return Ok(true);
        }
        let mut writer = TableWriter::new(self);
        let tables = match self.merge(&task, &levels, &mut writer).await {
            Ok(tables) => tables,
            Err(error) => {
                if can_discard(&error) {
                    // The first error is the one to report; leftovers are found later by their reserved ids.
                    let _ = writer.discard().await;
                }
                if error.reason() == Some(SNAPSHOT_EXPIRED) {
                    // Another instance merged the same tables while this one slept.
                    super::Engine(Rc::clone(self)).catch_up().await?;
                    return Ok(true);
                }
                return Err(error);
            }
        };
        let added = tables.into_iter().map(|table| (task.output_level, table)).collect();
        // A power cut may take back relaxed commits, but then it takes back this edit and the old tables stand.
        if self.commit_compaction(&task, added, Durability::Relaxed).await? {
            writer.adopted();
        } else {
            writer.discard().await?;
        }
        Ok(true)
    }

    /// Swaps the tables in, unless another instance changed the inputs meanwhile.
    async fn commit_compaction(
        self: &Rc<Self>,
        task: &CompactionTask,
        added: Vec<(u32, TableInfo)>,
        durability: Durability,
    ) -> Result<bool> {
        let engine = super::Engine(Rc::clone(self));
        let inputs: Vec<_> = task.inputs.iter().map(|(level, table)| (*level, table.id)).collect();
        let is_move = task.is_move;
        let adopted = engine
            .commit_staged(durability, true, move |staged| Ok(stage_compaction(staged, &inputs, &added, is_move)))
            .await?
            .value;
        self.stats.borrow_mut().compactions += u64::from(adopted);
        Ok(adopted)
    }

    async fn merge(
        self: &Rc<Self>,
        task: &CompactionTask,
        levels: &Levels,
        writer: &mut TableWriter,
    ) -> Result<Vec<TableInfo>> {
        // Snapshots read the tables they were taken with, so the result need not keep what only they can see.
        let mut compaction = Compaction::new(task, levels, u64::MAX);
        let pins = Pins::default();
        loop {
            writer.reserve(IDS_PER_SLICE).await?;
            match self.merge_slice(&mut compaction, &pins, writer) {
                Ok(true) => return writer.finish().await,
                Ok(false) => {}
                Err(Pause::Failed(error)) => return Err(error),
                Err(Pause::Yield) => {}
                Err(Pause::Missing(names)) => {
                    pins.begin_round();
                    self.fetch_pinned(&names, &pins, false).await?;
                    continue;
                }
            }
            if writer.wants_write() {
                writer.write().await?;
            }
            self.platform.breathe().await;
            self.check_alive()?;
        }
    }

    fn merge_slice(
        &self,
        compaction: &mut Compaction,
        pins: &Pins,
        writer: &mut TableWriter,
    ) -> std::result::Result<bool, Pause> {
        let deadline_ms = self.platform.monotonic_ms() + SLICE_MS;
        let blocks = self.blocks(pins);
        // A slice ends before it could begin more tables than there are ids for.
        while self.platform.monotonic_ms() < deadline_ms && !writer.wants_write() {
            let ended =
                compaction.step(&blocks, ENTRIES_PER_LOOK, |key, position, value| writer.add(key, position, value))?;
            if ended {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

fn stage_compaction(staged: &mut Staged<'_>, inputs: &[(u32, u64)], added: &[(u32, TableInfo)], is_move: bool) -> bool {
    let live: Vec<_> = staged.manifest.levels.tables().map(|(level, table)| (level, table.id)).collect();
    let mine = |id: u64| staged.manifest.reserved.get(&id) == Some(&staged.writer);
    if !inputs.iter().all(|input| live.contains(input)) || !(is_move || added.iter().all(|(_, table)| mine(table.id))) {
        return false;
    }
    let removed: Vec<u64> = inputs.iter().map(|(_, id)| *id).collect();
    // A table of another instance may have come to stand where a moved one would land.
    if staged.manifest.levels.replaced(&removed, added).is_err() {
        return false;
    }
    staged.edit(&Edit::Compact { removed, added: added.to_vec() });
    true
}
