//! Where a source is cut into partitions: ids that leave about as much of it on each side.
//!
//! Only about: whatever the ids are, every document is in one partition. A large collection is cut where its tables say that their
//! blocks end, and nothing of it is read; of a small one all ids are looked at.

use crate::base::Clock;
use crate::collections::keys;
use crate::engine::{Direction, Pause, Read, Step};

use super::map::behind;

/// So many ids for each partition are enough to choose from.
const ENOUGH: usize = 8;
/// The most ids that are kept of a small collection.
const KEPT_MAX: usize = 1 << 10;
/// After so long the thread is given back.
const SLICE_MS: f64 = 4.0;
/// Ids between two looks at the clock.
const LOOK_EVERY: u64 = 64;

/// A look for cuts. It may be stepped again after a pause.
pub struct Cuts {
    source: u32,
    partitions: usize,
    /// Ids with about as much between any two, in ascending order.
    ids: Vec<Vec<u8>>,
    /// Every so many-th id is kept.
    stride: u64,
    seen: u64,
    last: Vec<u8>,
    is_small: bool,
}

impl Cuts {
    /// Cuts of a collection into at most so many partitions.
    pub fn new(source: u32, partitions: usize) -> Self {
        Self { source, partitions, ids: Vec::new(), stride: 1, seen: 0, last: Vec::new(), is_small: false }
    }

    /// Looks for them.
    ///
    /// # Errors
    /// [`Pause::Yield`] after a few milliseconds: step again.
    pub fn step(&mut self, view: &dyn Read, clock: &dyn Clock) -> Step<()> {
        if !self.is_small {
            let marks = view.landmarks(&behind(self.source, &[], &[]))?;
            if marks.len() >= self.partitions * ENOUGH {
                self.ids = marks.iter().map(|key| keys::document_id(key).to_vec()).collect();
                return Ok(());
            }
            self.is_small = true;
        }
        self.walk(view, clock)
    }

    fn walk(&mut self, view: &dyn Read, clock: &dyn Clock) -> Step<()> {
        let begun = clock.monotonic_ms();
        let mut cursor = view.cursor(behind(self.source, &self.last, &[]), Direction::Forward);
        while cursor.advance()? {
            self.last.clear();
            self.last.extend_from_slice(keys::document_id(cursor.key()));
            self.seen += 1;
            if self.seen.is_multiple_of(self.stride) {
                self.ids.push(self.last.clone());
            }
            if self.ids.len() >= KEPT_MAX {
                let mut keep = false;
                self.ids.retain(|_| {
                    keep = !keep;
                    !keep
                });
                self.stride *= 2;
            }
            if self.seen.is_multiple_of(LOOK_EVERY) && clock.monotonic_ms() - begun > SLICE_MS {
                return Err(Pause::Yield);
            }
        }
        Ok(())
    }

    /// The last ids of all partitions but the last, in ascending order and each once; fewer where there are not enough.
    pub fn finish(self) -> Vec<Vec<u8>> {
        let count = self.ids.len();
        let cut = |at: usize| self.ids.get((at * count / self.partitions).checked_sub(1)?).cloned();
        let mut cuts: Vec<_> = (1..self.partitions).filter_map(cut).collect();
        cuts.dedup();
        cuts.retain(|cut| !cut.is_empty());
        cuts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(ids: usize, partitions: usize) -> Vec<String> {
        let ids = (0..ids).map(|id| format!("{id:02}").into_bytes()).collect();
        let cuts = Cuts { ids, ..Cuts::new(1, partitions) }.finish();
        cuts.into_iter().map(|cut| String::from_utf8(cut).unwrap()).collect()
    }

    #[test]
    fn cuts_leave_about_as_many_ids_on_each_side() {
        assert_eq!(cut(8, 2), ["03"]);
        assert_eq!(cut(10, 4), ["01", "04", "06"]);
        assert_eq!(cut(90, 3), ["29", "59"]);
    }

    #[test]
    fn where_there_are_few_ids_there_are_few_cuts() {
        assert!(cut(0, 16).is_empty());
        assert!(cut(1, 16).is_empty());
        assert_eq!(cut(3, 16), ["00", "01"]);
    }
}
