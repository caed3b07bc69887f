//! Merges the inputs of a compaction, in steps, and drops what nobody can see any more.
//!
//! It writes nothing: survivors go to a sink in order, which builds the tables. What to merge is chosen in
//! `compaction_pick.rs`.

use std::rc::Rc;

use crate::base::planted::{planted, Bug};
use crate::base::Result;

use super::access::{Direction, KeyRange, Step};
use super::blocks::Blocks;
use super::compaction_pick::CompactionTask;
use super::key::equal;
use super::levels::{Levels, Run};
use super::merge_cursor::{MergeCursor, Show};

/// A compaction under way. It may be abandoned at any time.
#[derive(Debug)]
pub(crate) struct Compaction {
    merge: MergeCursor<'static>,
    /// The levels below the result: a delete that covers nothing there is not needed.
    below: Vec<Run>,
    /// The oldest position that a snapshot may still read through the result.
    oldest: u64,
    key: Vec<u8>,
    /// The position of the last version met of `key`; `None` before the first key.
    last_position: Option<u64>,
    /// Whether a version of `key` at or before `oldest` was met, so that older ones are invisible.
    settled: bool,
}

impl Compaction {
    /// The compaction `task` of `levels`. Snapshots at positions before `oldest` do not read the result.
    pub(crate) fn new(task: &CompactionTask, levels: &Levels, oldest: u64) -> Self {
        // Those that come from the level of the result are neighbours there: one run. The others may overlap.
        let (resting, arriving): (Vec<_>, Vec<_>) =
            task.inputs.iter().partition(|(level, _)| *level == task.output_level);
        let mut runs: Vec<Run> = arriving.into_iter().map(|(_, table)| Rc::from([Rc::clone(table)])).collect();
        runs.push(resting.into_iter().map(|(_, table)| Rc::clone(table)).collect());
        let everything = KeyRange { start: Vec::new(), end: None };
        Self {
            merge: MergeCursor::new([], &runs, everything, Direction::Forward, Show::Versions),
            below: levels.below(task.output_level).to_vec(),
            oldest,
            key: Vec::new(),
            last_position: None,
            settled: false,
        }
    }

    /// Merges up to `entries_max` entries and hands the survivors to `sink`. Answers `true` when there are no more.
    ///
    /// # Errors
    /// [`super::Pause::Missing`] names the blocks to fetch first: call again. Otherwise what a block or `sink` answers;
    /// then the compaction is over.
    pub(crate) fn step(
        &mut self,
        blocks: &Blocks<'_>,
        entries_max: usize,
        mut sink: impl FnMut(&[u8], u64, Option<&[u8]>) -> Result<()>,
    ) -> Step<bool> {
        for _ in 0..entries_max {
            if !self.merge.advance(blocks)? {
                return Ok(true);
            }
            if self.survives() {
                sink(self.merge.key(), self.merge.position(), self.merge.value())?;
            }
        }
        Ok(false)
    }

    fn survives(&mut self) -> bool {
        let (key, position) = (self.merge.key(), self.merge.position());
        if self.last_position.is_none() || !equal(&self.key, key) {
            self.key.clear();
            self.key.extend_from_slice(key);
            self.settled = false;
        } else if self.settled || self.last_position == Some(position) {
            return false;
        }
        self.last_position = Some(position);
        self.settled = position <= self.oldest;
        // A delete hides what lies below. If nothing does, then once everybody sees the delete nobody needs it.
        self.merge.value().is_some() || (!self.settled || self.covers_something()) && !planted(Bug::ResurrectDeleted)
    }

    fn covers_something(&self) -> bool {
        self.below.iter().any(|run| {
            let index = run.partition_point(|table| table.largest < self.key);
            run.get(index).is_some_and(|table| table.smallest <= self.key)
        })
    }
}

#[cfg(test)]
#[path = "compaction_tests.rs"]
mod compaction_tests;
