//! The shape of the tree: which tables stand in which level. An immutable value; a change makes a new one.
//!
//! It names tables and opens none.
//!
//! Level 0 holds tables as they were flushed; they may overlap, and the newest wins. In every deeper level no key is in
//! two tables, and whatever a level says about a key is newer than what the levels below it say.

use std::cmp::Reverse;
use std::rc::Rc;

use crate::base::{sort, Error, Result};

use super::compaction_pick::Census;
use super::key::compare;
use super::table_info::TableInfo;

/// Tables in key order, no key in two of them.
pub type Run = Rc<[Rc<TableInfo>]>;

/// The deepest level there can be. At a ratio of 10 the seventh is beyond any browser's disk.
pub const LEVEL_MAX: u32 = 7;

/// The tables of one version of the database.
#[derive(Clone, Debug, Default)]
pub struct Levels {
    /// Level 0, newest first, each table a run of its own.
    flushed: Vec<Run>,
    /// Level 1 and deeper.
    deeper: Vec<Run>,
    /// What compaction looks at after every commit, counted once.
    pub(crate) census: Census,
}

impl Levels {
    /// Every table with its level.
    pub fn tables(&self) -> impl Iterator<Item = (u32, &TableInfo)> {
        self.shared().map(|(level, table)| (level, &**table))
    }

    fn shared(&self) -> impl Iterator<Item = (u32, &Rc<TableInfo>)> {
        let flushed = self.flushed.iter().flat_map(|run| run.iter()).map(|table| (0, table));
        let deeper = (1..).zip(&self.deeper).flat_map(|(level, run)| run.iter().map(move |table| (level, table)));
        flushed.chain(deeper)
    }

    /// Whether there is no table.
    pub fn is_empty(&self) -> bool {
        self.tables().next().is_none()
    }

    /// The runs to merge, those that win first: every table of level 0, newest first, then each deeper level.
    pub(crate) fn runs(&self) -> impl Iterator<Item = &Run> {
        self.flushed.iter().chain(self.deeper.iter().filter(|run| !run.is_empty()))
    }

    /// The tables that may hold `key`, those that win first.
    pub(crate) fn tables_with<'a>(&'a self, key: &'a [u8]) -> impl Iterator<Item = &'a Rc<TableInfo>> {
        self.runs().filter_map(move |run| {
            let index = match run.len() {
                1 => 0,
                _ => run.partition_point(|table| compare(&table.largest, key).is_lt()),
            };
            run.get(index).filter(|table| table.spans(key))
        })
    }

    /// Level 0, newest first.
    pub(crate) fn flushed(&self) -> impl DoubleEndedIterator<Item = &Rc<TableInfo>> {
        self.flushed.iter().filter_map(|run| run.first())
    }

    /// The tables of level `level`, 1 or deeper, in key order.
    pub(crate) fn level(&self, level: u32) -> &[Rc<TableInfo>] {
        (level as usize).checked_sub(1).and_then(|index| self.deeper.get(index)).map_or(&[], |run| run)
    }

    /// The levels below `level`, each a run.
    pub(crate) fn below(&self, level: u32) -> &[Run] {
        self.deeper.get(level as usize..).unwrap_or_default()
    }

    /// The tables of level `level`, 1 or deeper, that may hold keys from `smallest` to `largest`.
    pub(crate) fn overlapping(&self, level: u32, smallest: &[u8], largest: &[u8]) -> &[Rc<TableInfo>] {
        let tables = self.level(level);
        let start = tables.partition_point(|table| table.largest.as_slice() < smallest);
        let end = tables.partition_point(|table| table.smallest.as_slice() <= largest);
        tables.get(start..end).unwrap_or_default()
    }

    /// The deepest level that has tables; 0 if only level 0 may have.
    pub(crate) fn depth(&self) -> u32 {
        self.deeper.iter().rposition(|run| !run.is_empty()).map_or(0, |index| index as u32 + 1)
    }

    /// These levels without the tables in `removed` and with those in `added`, each with its level. A table that moves is
    /// in both.
    ///
    /// # Errors
    /// `Corrupt` if a removed table is not there, an added one is there already, or two tables of a deeper level
    /// overlap.
    pub fn replaced(&self, removed: &[u64], added: &[(u32, TableInfo)]) -> Result<Self> {
        let mut levels = vec![Vec::new()];
        let mut found = 0;
        for (level, table) in self.shared() {
            if removed.contains(&table.id) {
                found += 1;
            } else {
                level_mut(&mut levels, level).push(Rc::clone(table));
            }
        }
        if found != removed.len() {
            return Err(Error::corrupt("an edit removes a table that is not there"));
        }
        for (level, table) in added {
            if *level > LEVEL_MAX || levels.iter().flatten().any(|other| other.id == table.id) {
                return Err(Error::corrupt(format!(
                    "an edit adds table {} to level {level}, which cannot be",
                    table.id
                )));
            }
            level_mut(&mut levels, *level).push(Rc::new(table.clone()));
        }
        let mut levels = levels.into_iter();
        let mut flushed = levels.next().unwrap_or_default();
        sort::sort_by_key(&mut flushed, |table| (Reverse(table.max_position), Reverse(table.id)));
        let flushed = flushed.into_iter().map(|table| Rc::from([table])).collect();
        let deeper = levels.map(sorted_run).collect::<Result<Vec<_>>>()?;
        let mut levels = Self { flushed, deeper, census: Census::default() };
        levels.census = Census::of(&levels);
        Ok(levels)
    }
}

fn level_mut(levels: &mut Vec<Vec<Rc<TableInfo>>>, level: u32) -> &mut Vec<Rc<TableInfo>> {
    let level = level as usize;
    if levels.len() <= level {
        levels.resize(level + 1, Vec::new());
    }
    &mut levels[level]
}

fn sorted_run(mut tables: Vec<Rc<TableInfo>>) -> Result<Run> {
    sort::sort_by(&mut tables, |a, b| a.smallest.cmp(&b.smallest));
    let overlap = tables.windows(2).any(|pair| matches!(pair, [a, b] if a.largest >= b.smallest));
    if overlap {
        return Err(Error::corrupt("two tables of one level overlap"));
    }
    Ok(tables.into())
}

#[cfg(test)]
#[path = "levels_tests.rs"]
mod levels_tests;
