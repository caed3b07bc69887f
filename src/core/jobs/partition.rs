//! Partitions of a run: ranges of the source's ids, each with its own cursor and guard, so that several runners may map at once.
//!
//! They are for mapping only: keys are reduced when all of them are done, by one runner.

use crate::base::planted::{planted, Bug};
use crate::base::{write_slice, write_varint, Error, Reader, Result};

use super::definition::PARTITIONS_MAX;
use super::record::{Phase, Record};

/// Bits of a slice's number that count the slices of its partition; those above are the partition.
const SLICE_BITS: u32 = 48;

/// A range of ids: those behind the end of the partition before it, up to its own end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Partition {
    /// Whether all of it was mapped.
    pub done: bool,
    /// Counts its slices: one is only taken from whoever has seen the last.
    pub step: u64,
    /// The id of the last document read; before that the end of the partition before it.
    pub cursor: Vec<u8>,
    /// The last id that may be in it; empty for no end.
    pub end: Vec<u8>,
}

impl Partition {
    /// The partitions that ids, in ascending order, cut a source into; none if it is not cut.
    pub fn between(cuts: &[Vec<u8>]) -> Vec<Self> {
        if cuts.is_empty() {
            return Vec::new();
        }
        let starts = [Vec::new()].into_iter().chain(cuts.iter().cloned());
        let ends = cuts.iter().cloned().chain([Vec::new()]);
        starts.zip(ends).map(|(cursor, end)| Self { cursor, end, ..Self::default() }).collect()
    }

    pub(super) fn encode_all(partitions: &[Self], out: &mut Vec<u8>) {
        write_varint(out, partitions.len() as u64);
        for Self { done, step, cursor, end } in partitions {
            out.push(u8::from(*done));
            write_varint(out, *step);
            write_slice(out, cursor);
            write_slice(out, end);
        }
    }

    pub(super) fn decode_all(reader: &mut Reader<'_>) -> Result<Vec<Self>> {
        let count = reader.varint()?;
        if !(1..=PARTITIONS_MAX).contains(&count) {
            return Err(Error::corrupt("a job has a number of partitions that there is not"));
        }
        let decode = |_| {
            let done = reader.u8()? != 0;
            Ok(Self { done, step: reader.varint()?, cursor: reader.slice()?.to_vec(), end: reader.slice()?.to_vec() })
        };
        (0..count).map(decode).collect()
    }
}

impl Record {
    /// Whether its documents are being mapped partition by partition.
    pub fn is_split(&self) -> bool {
        self.phase == Phase::Map && !self.partitions.is_empty()
    }

    /// The step that a slice must have been made from: the run's, or that of its partition. `None` if there is nothing left to do of
    /// that partition.
    pub fn step_of(&self, partition: usize) -> Option<u64> {
        if !self.is_split() {
            return (partition == 0).then_some(self.step);
        }
        self.partitions.get(partition).filter(|one| !one.done).map(|one| one.step)
    }

    /// The ids that are still to be read: those behind the first, up to the second (empty: without end).
    pub(super) fn range_of(&self, partition: usize) -> (&[u8], &[u8]) {
        match self.partitions.get(partition) {
            Some(one) if self.is_split() => (&one.cursor, &one.end),
            _ => (&self.cursor, &[]),
        }
    }

    /// What the next slice is called in the keys of its parts: slices sort as the documents they were made from.
    pub(super) fn slice_number(&self, partition: usize) -> u64 {
        match self.partitions.get(partition) {
            Some(one) if self.is_split() => (partition as u64) << SLICE_BITS | one.step,
            _ => self.step,
        }
    }

    /// Moves the cursor behind a slice that read up to `last`; `end` if nothing is behind it. Behind the last of all keys are
    /// reduced.
    pub(super) fn move_cursor(&mut self, partition: usize, last: &[u8], end: bool) {
        let is_split = self.is_split();
        match self.partitions.get_mut(partition) {
            Some(one) if is_split => {
                one.step += 1;
                one.done |= end;
                one.cursor = if end { Vec::new() } else { last.to_vec() };
                let all = self.partitions.iter().all(|one| one.done);
                if all || end && planted(Bug::ReduceBeforeLastPartition) {
                    self.reduce();
                }
            }
            _ if end => self.reduce(),
            _ => self.cursor = last.to_vec(),
        }
    }

    fn reduce(&mut self) {
        self.phase = Phase::Reduce;
        self.cursor.clear();
        self.partitions.iter_mut().for_each(|one| one.end.clear());
    }
}
