//! Where a group's messages are handed out: what it is, how far it got, and what follows when a delivery ends.
//!
//! It lives for one commit. Handing out is in `deliver.rs`, the order of keys in `order.rs`.

use crate::base::planted::{planted, Bug};
use crate::base::{write_varint, Error, Reader, Result, Rng, SeededRng};
use crate::engine::{Direction, KeyRange, Read, Step, Transaction};

use super::delivery::{self, Line, Record};
use super::group::{self, Group};
use super::head::{read_places, write_places};
use super::keys::{self, Place};
use super::spec::{self, Spec};
use super::{dead, order};

const FORMAT: u8 = 1;

/// How far a group got.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Nothing of the group is due before.
    pub due_floor: u64,
    /// Lanes and partitions that are not in `frontiers` begin here.
    pub start: u64,
    /// Messages that wait for another with their key.
    pub blocked: u64,
    /// Messages that somebody holds.
    pub held: u64,
    /// Of each lane and partition the place of the first message that was never looked at.
    pub frontiers: Vec<Place>,
}

impl Progress {
    /// The progress of a group.
    pub fn load(view: &dyn Read, topic: u32, group: u32) -> Step<Self> {
        let mut bytes = Vec::new();
        if !view.get(&keys::progress(topic, group), &mut bytes)? {
            return Ok(Self::default());
        }
        Ok(Self::decode(&bytes)?)
    }

    pub(super) fn save(&self, tx: &mut dyn Transaction, topic: u32, group: u32) -> Step<()> {
        let mut out = vec![FORMAT];
        for number in [self.due_floor, self.start, self.blocked, self.held] {
            write_varint(&mut out, number);
        }
        write_places(&mut out, &self.frontiers);
        tx.put(&keys::progress(topic, group), &out)
    }

    fn decode(bytes: &[u8]) -> Result<Self> {
        let mut reader = Reader::new(bytes);
        if reader.u8()? != FORMAT {
            return Err(Error::corrupt("a group's progress is stored in a format of a later version"));
        }
        let (due_floor, start) = (reader.varint()?, reader.varint()?);
        let (blocked, held) = (reader.varint()?, reader.varint()?);
        Ok(Self { due_floor, start, blocked, held, frontiers: read_places(&mut reader)? })
    }

    /// Where the group goes on in a lane and partition whose first message is at `first`.
    pub fn frontier(&self, first: Place) -> Place {
        let known = self.frontiers.iter().find(|one| (one.lane, one.partition) == (first.lane, first.partition));
        let offset = known.map_or(self.start, |known| known.offset);
        Place { offset: offset.max(first.offset), ..first }
    }

    /// The group goes on there.
    pub(super) fn advance(&mut self, to: Place) {
        match self.frontiers.iter_mut().find(|one| (one.lane, one.partition) == (to.lane, to.partition)) {
            Some(known) => known.offset = to.offset,
            None => self.frontiers.push(to),
        }
    }
}

/// A group at work.
pub struct Desk {
    /// The topic.
    pub spec: Spec,
    /// The group.
    pub group: Group,
    /// How far it got.
    pub progress: Progress,
    /// The time of this commit.
    pub now: u64,
    as_loaded: Progress,
    rng: SeededRng,
}

impl Desk {
    /// Opens the desk of a group. `seed` decides how long failed messages wait.
    ///
    /// # Errors
    /// `Invalid`, reasons `unknown-topic` and `unknown-group`.
    pub fn open(view: &dyn Read, (topic, group): (u32, u32), now: u64, seed: u64) -> Step<Self> {
        let (spec, group) = (spec::load(view, topic)?, group::load(view, topic, group)?);
        let progress = Progress::load(view, topic, group.number)?;
        Ok(Self { as_loaded: progress.clone(), spec, group, progress, now, rng: SeededRng::new(seed) })
    }

    /// Writes how far it got, if it did.
    pub fn close(self, tx: &mut dyn Transaction) -> Step<()> {
        if self.progress == self.as_loaded {
            return Ok(());
        }
        self.progress.save(tx, self.spec.number, self.group.number)
    }

    /// The numbers of topic and group.
    pub(super) fn numbers(&self) -> (u32, u32) {
        (self.spec.number, self.group.number)
    }

    /// The record of a message.
    pub(super) fn record(&self, view: &dyn Read, place: Place) -> Step<Option<Record>> {
        delivery::load(view, self.spec.number, self.group.number, place)
    }

    /// Writes a record, and puts it in line. `before` is where it stood.
    pub(super) fn put(
        &mut self,
        tx: &mut dyn Transaction,
        place: Place,
        record: &Record,
        before: Option<Line>,
    ) -> Step<()> {
        let line = record.line();
        if before != Some(line) {
            self.leave(tx, place, before)?;
            self.progress.held = self.progress.held.saturating_add(u64::from(line.held));
            let (topic, group) = self.numbers();
            tx.put(&keys::due(topic, group, line.held, line.due, place), &[])?;
        }
        tx.put(&keys::delivery(self.spec.number, self.group.number, place), &record.encode())
    }

    fn leave(&mut self, tx: &mut dyn Transaction, place: Place, line: Option<Line>) -> Step<()> {
        let Some(Line { held, due }) = line else { return Ok(()) };
        self.progress.held = self.progress.held.saturating_sub(u64::from(held));
        tx.delete(&keys::due(self.spec.number, self.group.number, held, due, place))
    }

    /// The message is done: it goes, and the next one with its key may come.
    pub(super) fn finish(&mut self, tx: &mut dyn Transaction, place: Place, record: &Record) -> Step<()> {
        self.leave(tx, place, Some(record.line()))?;
        tx.delete(&keys::delivery(self.spec.number, self.group.number, place))?;
        match record.hash {
            Some(hash) => order::unlock(tx, self, hash),
            None => Ok(()),
        }
    }

    /// A delivery failed: the message waits `delay` ms, or by the backoff, or is dead.
    pub(super) fn fail(
        &mut self,
        tx: &mut dyn Transaction,
        place: Place,
        mut record: Record,
        error: &str,
        delay: Option<u64>,
    ) -> Step<()> {
        let before = record.line();
        record.failed(self.now, error);
        if record.count >= self.group.deliveries && !planted(Bug::DeliverForever) {
            dead::bury(tx, self, place, &record)?;
            return self.finish(tx, place, &record);
        }
        let delay = delay.unwrap_or_else(|| self.group.wait(record.count, self.rng.next_u64()));
        record.member = 0;
        record.due = self.now.saturating_add(delay);
        self.put(tx, place, &record, Some(before))
    }

    /// The member is gone: what it held waits for another one. Answers how many messages that were.
    pub fn evict(&mut self, tx: &mut dyn Transaction, member: u64) -> Step<u64> {
        let mut held = Vec::new();
        let mut cursor = tx.cursor(keys::deliveries(self.spec.number, self.group.number), Direction::Forward);
        while cursor.advance()? {
            let record = Record::decode(cursor.value())?;
            if record.member == member && member != 0 {
                held.extend(Place::at_end(cursor.key()).map(|place| (place, record)));
            }
        }
        drop(cursor);
        let count = held.len() as u64;
        for (place, record) in held {
            self.fail(tx, place, record, "the member that held it is gone", Some(0))?;
        }
        Ok(count)
    }

    /// Forgets everything that is not done: the group begins anew.
    pub(super) fn clear(&mut self, tx: &mut dyn Transaction) -> Step<()> {
        for range in keys::of_group(self.spec.number, self.group.number) {
            for key in keys_of(tx, range)? {
                tx.delete(&key)?;
            }
        }
        self.progress = Progress { due_floor: self.progress.due_floor, ..Progress::default() };
        Ok(())
    }
}

fn keys_of(view: &dyn Read, range: KeyRange) -> Step<Vec<Vec<u8>>> {
    let mut found = Vec::new();
    let mut cursor = view.cursor(range, Direction::Forward);
    while cursor.advance()? {
        found.push(cursor.key().to_vec());
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn hostile_bytes_are_an_error_and_never_a_panic(bytes: Vec<u8>) {
            let _ = Progress::decode(&bytes);
        }
    }
}
