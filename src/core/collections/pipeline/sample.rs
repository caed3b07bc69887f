//! `$sample`: an even choice of rows, replayed by its seed.

use super::super::expression::{weight, Fields};
use super::super::Value;
use super::row::Row;
use super::Memory;
use crate::base::Result;

/// A `$sample` at work: each row so far is in with the same chance.
#[derive(Clone, Debug)]
pub(super) struct Sample {
    size: usize,
    seen: u64,
    random: u64,
    rows: Vec<Value>,
}

impl Sample {
    pub(super) fn new(size: usize, seed: u64) -> Self {
        Self { size, seen: 0, random: seed, rows: Vec::new() }
    }

    pub(super) fn add(&mut self, row: Row<'_>, needed: &Fields, memory: &mut Memory) -> Result<()> {
        self.seen += 1;
        if self.rows.len() < self.size {
            let value = row.into_tree(needed)?;
            memory.hold("$sample", weight(&value))?;
            self.rows.push(value);
            // So that the order is random too.
            let (last, other) = (self.rows.len() - 1, self.below(self.seen));
            self.rows.swap(last, usize::try_from(other).unwrap_or(0));
            return Ok(());
        }
        let at = usize::try_from(self.below(self.seen)).unwrap_or(usize::MAX);
        if let Some(place) = self.rows.get_mut(at) {
            let value = row.into_tree(needed)?;
            memory.release(weight(place));
            memory.hold("$sample", weight(&value))?;
            *place = value;
        }
        Ok(())
    }

    pub(super) fn into_rows(self) -> Vec<Value> {
        self.rows
    }

    /// A number below `bound`, by SplitMix64.
    fn below(&mut self, bound: u64) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.random;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound.max(1)
    }
}
