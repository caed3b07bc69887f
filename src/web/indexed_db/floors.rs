//! What the small area `Floor` holds, known without reading it at every commit.
//!
//! Every commit asks for that area in its own transaction, and reading a range costs a third of a commit. So the area has
//! a generation: whoever changes it inserts the record `generation-N+1` in the same transaction, conditionally, and those
//! records stay for ever (a few bytes for each truncation of the log). If `generation-N+1` is missing, nobody changed
//! what was there at generation N: one look-up of a key answers for the whole area, atomically and without trust in
//! locks, clocks or messages.

use std::collections::BTreeMap;

use tidewell_core::disk::{Area, Batch, BlobRange};

/// The contents of the area at one generation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Floors {
    pub(super) generation: u64,
    pub(super) blobs: BTreeMap<u64, Vec<u8>>,
}

/// What a batch has to do with the area.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Interest {
    /// Nothing.
    None,
    /// It reads it.
    Reads,
    /// It changes it.
    Changes,
}

impl Interest {
    pub(super) fn of(batch: &Batch) -> Self {
        let written = batch.puts.iter().chain(&batch.inserts).map(|(name, _)| name.area);
        let mut changed = batch.deletes.iter().map(|range| range.area).chain(written);
        if changed.any(|area| area == Area::Floor) {
            Self::Changes
        } else if batch.reads.iter().any(|range| range.area == Area::Floor) {
            Self::Reads
        } else {
            Self::None
        }
    }
}

impl Floors {
    /// The next generation, after `batch`.
    pub(super) fn after(&self, batch: &Batch) -> Self {
        let mut blobs = self.blobs.clone();
        for range in batch.deletes.iter().filter(|range| range.area == Area::Floor) {
            blobs.retain(|id, _| !(range.first..=range.last).contains(id));
        }
        for (name, bytes) in batch.puts.iter().chain(&batch.inserts).filter(|(name, _)| name.area == Area::Floor) {
            blobs.insert(name.id, bytes.clone());
        }
        Self { generation: self.generation + 1, blobs }
    }

    /// The contents of the blobs in `range`.
    pub(super) fn within(&self, range: &BlobRange) -> Vec<Vec<u8>> {
        let inside = self.blobs.iter().filter(|(id, _)| (range.first..=range.last).contains(*id));
        inside.map(|(_, bytes)| bytes.clone()).collect()
    }
}
