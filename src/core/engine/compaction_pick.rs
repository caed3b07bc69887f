//! Chooses what to compact next. A function of the levels alone: it remembers nothing between calls.
//!
//! It merges nothing; see `compaction.rs`.

use std::rc::Rc;

use super::levels::{Levels, LEVEL_MAX};
use super::table_info::TableInfo;

/// A table with at least this many deletes is rewritten …
const DELETES_MIN: u64 = 1024;
/// … if they are more than one in so many of its entries.
const DELETES_SHARE: u64 = 4;

/// When levels are out of shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CompactionOptions {
    /// How many tables of level 0 may overlap at one key before they are merged. Twice as many tables in all are moved on.
    pub level0_tables: usize,
    /// Bytes of content that level 1 may hold.
    pub level1_bytes: u64,
    /// How many times more each next level may hold.
    pub ratio: u64,
}

impl Default for CompactionOptions {
    fn default() -> Self {
        Self { level0_tables: 4, level1_bytes: 8 << 20, ratio: 10 }
    }
}

/// A piece of compaction to do.
#[derive(Clone, Debug)]
pub struct CompactionTask {
    /// The tables to merge or move, each with its level.
    pub inputs: Vec<(u32, Rc<TableInfo>)>,
    /// The level of the result.
    pub output_level: u32,
    /// Whether the inputs only change their level: nothing is read or written.
    pub is_move: bool,
}

impl CompactionTask {
    /// The ids of the inputs, which the edit removes.
    pub fn removed(&self) -> Vec<u64> {
        self.inputs.iter().map(|(_, table)| table.id).collect()
    }

    /// What the edit of a move adds: the same tables in their new level.
    pub fn moved(&self) -> Vec<(u32, TableInfo)> {
        self.inputs.iter().map(|(_, table)| (self.output_level, (**table).clone())).collect()
    }
}

/// Figures about levels that tell quickly whether there is anything to do.
#[derive(Clone, Debug, Default)]
pub(crate) struct Census {
    /// How many tables of level 0 overlap where most of them do, and a key there.
    pile: usize,
    pile_key: Vec<u8>,
    /// Bytes of content in level 1 and deeper.
    bytes: Vec<u64>,
    /// Bytes of content in all levels.
    pub(crate) content: u64,
    /// The first level (from the top) with a table that is mostly deletes of things below.
    deletes: Option<(u32, Rc<TableInfo>)>,
}

impl Census {
    pub(crate) fn of(levels: &Levels) -> Self {
        let mut census = Self::default();
        for table in levels.flushed() {
            let pile = levels.flushed().filter(|other| other.spans(&table.smallest)).count();
            if pile > census.pile {
                census.pile = pile;
                census.pile_key.clone_from(&table.smallest);
            }
        }
        census.bytes = (1..=levels.depth()).map(|level| bytes(levels.level(level))).collect();
        let flushed: u64 = levels.flushed().map(|table| table.raw_bytes).sum();
        census.content = flushed + census.bytes.iter().sum::<u64>();
        let upper = levels.flushed().map(|table| (0, table));
        let deeper = (1..=levels.depth()).flat_map(|level| levels.level(level).iter().map(move |table| (level, table)));
        census.deletes = upper
            .chain(deeper)
            .find(|(level, table)| is_mostly_deletes(table) && covers_something(levels, *level, table))
            .map(|(level, table)| (level, Rc::clone(table)));
        census
    }
}

/// Whether [`pick_compaction`] would find something to do. A page asks this while it opens, when the code that chooses is not there yet.
pub(crate) fn is_compaction_due(levels: &Levels, options: &CompactionOptions) -> bool {
    let census = &levels.census;
    census.pile >= options.level0_tables
        || has_many_flushed(levels, options)
        || overfull(census, options).is_some()
        || census.deletes.is_some()
}

/// What to compact next, most urgent first; `None` if every level is in shape.
pub fn pick_compaction(levels: &Levels, options: &CompactionOptions) -> Option<CompactionTask> {
    let census = &levels.census;
    if census.pile >= options.level0_tables {
        return Some(merge_pile(levels, |table| table.spans(&census.pile_key)));
    }
    if has_many_flushed(levels, options) {
        return Some(move_flushed(levels).unwrap_or_else(|| {
            let oldest = levels.flushed().next_back().map(|table| table.id);
            merge_pile(levels, |table| Some(table.id) == oldest)
        }));
    }
    if let Some((level, excess)) = overfull(census, options) {
        return Some(push_down(levels, level, excess));
    }
    let (level, table) = census.deletes.as_ref()?;
    Some(match level {
        0 => merge_pile(levels, |other| other.id == table.id),
        level => merge_into_next(levels, *level, table),
    })
}

fn has_many_flushed(levels: &Levels, options: &CompactionOptions) -> bool {
    levels.flushed().count() >= options.level0_tables * 2
}

/// The first level that holds too much, and by how many bytes.
fn overfull(census: &Census, options: &CompactionOptions) -> Option<(u32, u64)> {
    let targets =
        std::iter::successors(Some(options.level1_bytes), |target| Some(target.saturating_mul(options.ratio)));
    let mut levels = (1..LEVEL_MAX).zip(&census.bytes).zip(targets);
    levels.find_map(|((level, bytes), target)| (*bytes > target).then(|| (level, bytes - target)))
}

/// Merges the chosen tables of level 0, and all older ones that they overlap, into level 1. Older versions must never
/// stay above newer ones.
fn merge_pile(levels: &Levels, chosen: impl Fn(&TableInfo) -> bool) -> CompactionTask {
    let mut pile: Vec<&Rc<TableInfo>> = Vec::new();
    // Newest first, so that whatever a table pulls in is still to come.
    for table in levels.flushed() {
        if chosen(table) || pile.iter().any(|newer| newer.overlaps(table)) {
            pile.push(table);
        }
    }
    let smallest = pile.iter().map(|table| table.smallest.as_slice()).min().unwrap_or_default();
    let largest = pile.iter().map(|table| table.largest.as_slice()).max().unwrap_or_default();
    let next = levels.overlapping(1, smallest, largest).iter().map(|table| (1, Rc::clone(table)));
    let inputs = pile.iter().map(|table| (0, Rc::clone(table))).chain(next).collect();
    CompactionTask { inputs, output_level: 1, is_move: false }
}

/// Moves tables of level 0 that overlap nothing on their way as deep as they can go together, oldest first.
fn move_flushed(levels: &Levels) -> Option<CompactionTask> {
    let mut moved: Vec<&Rc<TableInfo>> = Vec::new();
    let mut output_level = 0;
    for (index, table) in levels.flushed().enumerate() {
        let older = || levels.flushed().skip(index + 1);
        let depth = clear_depth(levels, table);
        let is_free = depth > 0
            && !older().any(|other| other.overlaps(table))
            && (table.deletes == 0 || covers_something(levels, depth, table));
        if is_free && (output_level == 0 || depth == output_level) {
            output_level = depth;
            moved.push(table);
        }
    }
    let inputs: Vec<_> = moved.into_iter().map(|table| (0, Rc::clone(table))).collect();
    (!inputs.is_empty()).then_some(CompactionTask { inputs, output_level, is_move: true })
}

/// The deepest level in use that the table can reach from level 0 without meeting an overlapping one; 0 if level 1 holds
/// one already.
fn clear_depth(levels: &Levels, table: &TableInfo) -> u32 {
    let is_clear = |level: &u32| levels.overlapping(*level, &table.smallest, &table.largest).is_empty();
    (1..=levels.depth().max(1)).take_while(is_clear).last().unwrap_or(0)
}

/// Makes a level smaller by about `excess` bytes.
fn push_down(levels: &Levels, level: u32, excess: u64) -> CompactionTask {
    let mut moved: Vec<(u32, Rc<TableInfo>)> = Vec::new();
    let mut moved_bytes = 0;
    let mut cheapest: Option<(f64, u64, &Rc<TableInfo>)> = None;
    for table in levels.level(level) {
        let next = levels.overlapping(level + 1, &table.smallest, &table.largest);
        if next.is_empty() && moved_bytes < excess && (table.deletes == 0 || covers_something(levels, level + 1, table))
        {
            moved_bytes += table.raw_bytes;
            moved.push((level, Rc::clone(table)));
            continue;
        }
        // Tables of many deletes free the most; then those that rewrite the least, oldest first.
        let cost = bytes(next) as f64 / table.raw_bytes.max(1) as f64;
        let cost = if is_mostly_deletes(table) { cost - 1e6 } else { cost };
        if cheapest.is_none_or(|(least, oldest, _)| (cost, table.max_position) < (least, oldest)) {
            cheapest = Some((cost, table.max_position, table));
        }
    }
    match cheapest {
        Some((_, _, table)) if moved.is_empty() => merge_into_next(levels, level, table),
        _ => CompactionTask { inputs: moved, output_level: level + 1, is_move: true },
    }
}

fn merge_into_next(levels: &Levels, level: u32, table: &Rc<TableInfo>) -> CompactionTask {
    let next = levels.overlapping(level + 1, &table.smallest, &table.largest);
    let next = next.iter().map(|table| (level + 1, Rc::clone(table)));
    let inputs = std::iter::once((level, Rc::clone(table))).chain(next).collect();
    CompactionTask { inputs, output_level: level + 1, is_move: false }
}

fn is_mostly_deletes(table: &TableInfo) -> bool {
    table.deletes >= DELETES_MIN && table.deletes * DELETES_SHARE > table.entries
}

/// Whether a level below `level` holds tables that overlap this one.
fn covers_something(levels: &Levels, level: u32, table: &TableInfo) -> bool {
    (level + 1..=levels.depth()).any(|below| !levels.overlapping(below, &table.smallest, &table.largest).is_empty())
}

fn bytes(tables: &[Rc<TableInfo>]) -> u64 {
    tables.iter().map(|table| table.raw_bytes).sum()
}
