//! Merges memtables and runs into one ordered walk.
//!
//! It fetches nothing and holds no blocks of its own; see `run_cursor.rs`.
//!
//! A visible walk shows for each key its newest version at or before a position, and hides deletes. A walk of versions
//! shows everything, which is what compaction needs. Usually one source wins many times in a row, so only it is stepped
//! and compared with the runner-up alone; with one source left nothing is compared at all.

use std::cmp::Ordering;
use std::rc::Rc;

use super::access::{Direction, KeyRange, Pause, Step};
use super::blocks::Blocks;
use super::key::compare_inline;
use super::levels::Run;
use super::memtable::Memtable;
use super::memtable_cursor::MemtableCursor;
use super::merge_source::{Leaf, Source};
use super::run_cursor::{Advance, RunCursor};

pub(crate) use super::merge_source::Show;

/// A cursor over several sources.
#[derive(Debug)]
pub(crate) struct MergeCursor<'a> {
    sources: Vec<Source<'a>>,
    direction: Direction,
    show: Show,
    /// Sources that stand on an entry, the next one to show last.
    order: Vec<usize>,
    /// Sources to step before the next entry is chosen: the last winner and those that had the same key.
    stale: Vec<usize>,
    winner: Option<usize>,
    /// How often the last winner had loaded a block when it was found that all of the block comes before the runner-up.
    unrivalled: Option<u32>,
}

impl<'a> MergeCursor<'a> {
    /// A cursor before the first entry of `range`.
    pub(crate) fn new<'r>(
        memtables: impl IntoIterator<Item = &'a Memtable>,
        runs: impl IntoIterator<Item = &'r Run>,
        range: KeyRange,
        direction: Direction,
        show: Show,
    ) -> Self {
        let range = Rc::new(range);
        let mut sources = Vec::new();
        for memtable in memtables.into_iter().filter(|memtable| !memtable.is_empty()) {
            sources.push(Source::new(Leaf::Memtable(MemtableCursor::new(memtable, &range, direction))));
        }
        for run in runs {
            sources.extend(RunCursor::new(run, &range, direction).map(|run| Source::new(Leaf::Run(Box::new(run)))));
        }
        let stale = (0..sources.len()).collect();
        Self {
            order: Vec::with_capacity(sources.len()),
            sources,
            direction,
            show,
            stale,
            winner: None,
            unrivalled: None,
        }
    }

    /// Moves to the next entry; `false` at the end.
    #[inline]
    pub(crate) fn advance(&mut self, blocks: &Blocks<'_>) -> Step<bool> {
        loop {
            if !self.choose(blocks)? {
                self.winner = None;
                return Ok(false);
            }
            if !matches!(self.show, Show::Visible(_)) || !self.is_delete() {
                return Ok(true);
            }
        }
    }

    /// The current entry's key.
    #[inline(always)]
    pub(crate) fn key(&self) -> &[u8] {
        match self.current() {
            Some(source) => source.key(),
            None => &[],
        }
    }

    /// The current entry's value; `None` for a delete.
    #[inline(always)]
    pub(crate) fn value(&self) -> Option<&[u8]> {
        match self.current() {
            Some(source) => source.value(),
            None => None,
        }
    }

    /// The current entry's position.
    pub(crate) fn position(&self) -> u64 {
        self.current().map_or(0, Source::position)
    }

    #[inline(always)]
    fn current(&self) -> Option<&Source<'a>> {
        self.winner.and_then(|winner| self.sources.get(winner))
    }

    #[inline(always)]
    fn is_delete(&self) -> bool {
        match self.current() {
            Some(source) => source.is_delete(),
            None => false,
        }
    }

    /// Steps the stale sources and finds the next winner; `false` if there is none.
    #[inline(always)]
    fn choose(&mut self, blocks: &Blocks<'_>) -> Step<bool> {
        if let [last] = self.stale[..] {
            match self.sources[last].advance(blocks, self.direction, self.show)? {
                Advance::Entry => {
                    if self.is_unrivalled(last) || self.wins_again(last) {
                        self.winner = Some(last);
                        return Ok(true);
                    }
                    self.enqueue(last);
                }
                Advance::End => {}
                Advance::Missing => return Err(self.pause(blocks)),
            }
            self.unrivalled = None;
            self.stale.clear();
        } else {
            self.step_stale(blocks)?;
        }
        self.choose_slowly()
    }

    /// Whether `source` is in a block known to come before everything else.
    #[inline(always)]
    fn is_unrivalled(&self, source: usize) -> bool {
        self.unrivalled.is_some() && self.unrivalled == self.sources[source].loads()
    }

    /// Whether the last winner, on its next entry, still comes before the others; notes if all of its block does.
    fn wins_again(&mut self, source: usize) -> bool {
        self.unrivalled = None;
        let Some(&runner_up) = self.order.last() else { return true };
        let wins = self.compare_keys(source, runner_up) == Ordering::Less;
        if wins && self.direction == Direction::Forward {
            let (source, rival) = (&self.sources[source], self.sources[runner_up].key());
            if source.block_end().is_some_and(|end| compare_inline(end, rival) == Ordering::Less) {
                self.unrivalled = source.loads();
            }
        }
        wins
    }

    /// Steps every stale source; if blocks are missing, those of all of them are named together.
    fn step_stale(&mut self, blocks: &Blocks<'_>) -> Step<()> {
        let mut missing = Vec::new();
        for index in std::mem::take(&mut self.stale) {
            match self.sources[index].advance(blocks, self.direction, self.show) {
                Ok(Advance::Entry) => self.enqueue(index),
                Ok(Advance::End) => {}
                Ok(Advance::Missing) => missing.push(index),
                Err(error) => return Err(error.into()),
            }
        }
        self.stale = missing;
        if self.stale.is_empty() {
            Ok(())
        } else {
            Err(self.pause(blocks))
        }
    }

    fn choose_slowly(&mut self) -> Step<bool> {
        let Some(winner) = self.order.pop() else { return Ok(false) };
        self.winner = Some(winner);
        self.stale.push(winner);
        if self.show != Show::Versions {
            // Others with the same key hold older versions.
            while let Some(&other) = self.order.last() {
                if self.compare_keys(winner, other) != Ordering::Equal {
                    break;
                }
                self.order.pop();
                self.stale.push(other);
            }
        }
        Ok(true)
    }

    /// Puts a source that stands on an entry into its place in the order.
    fn enqueue(&mut self, index: usize) {
        let position = self.sources[index].position();
        let place = self.order.partition_point(|&other| {
            let order = self.compare_keys(other, index);
            order.then_with(|| position.cmp(&self.sources[other].position())) == Ordering::Greater
        });
        self.order.insert(place, index);
    }

    #[inline]
    fn compare_keys(&self, a: usize, b: usize) -> Ordering {
        let order = compare_inline(self.sources[a].key(), self.sources[b].key());
        match self.direction {
            Direction::Forward => order,
            Direction::Backward => order.reverse(),
        }
    }

    #[cold]
    fn pause(&self, blocks: &Blocks<'_>) -> Pause {
        let mut names = Vec::new();
        let mut ahead = 1;
        for round in 0..2 {
            names.clear();
            let mut wants_blocks = false;
            for index in &self.stale {
                match self.sources[*index].want(blocks, ahead, &mut names) {
                    Ok(wants) => wants_blocks |= wants,
                    Err(error) => return error.into(),
                }
            }
            // Only a pause for blocks, not one for a meta, says that the range is long.
            if round == 0 && wants_blocks {
                ahead = blocks.read_ahead();
            }
            if ahead == 1 {
                break;
            }
        }
        Pause::missing(names)
    }
}
