//! A topic's head: what the next message gets, where each lane and partition begins, how much is stored.
//!
//! It is read and written by every commit that publishes, and by those that remove messages.

use crate::base::{write_varint, Error, Reader, Result};
use crate::engine::{Read, Step, Transaction};

use super::keys::{self, Place};

const FORMAT: u8 = 1;

/// The head of a topic.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Head {
    /// The offset of the next message.
    pub next: u64,
    /// The number of the next scheduled message.
    pub scheduled: u64,
    /// No scheduled message is due before.
    pub schedule_floor: u64,
    /// No id is remembered from before.
    pub id_floor: u64,
    /// Messages stored.
    pub count: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Of each lane and partition that ever had a message, in order: no message stands before.
    pub streams: Vec<Place>,
    /// Which commit of its millisecond this is, once it was asked for. It is not written.
    pub(super) tick: Option<u64>,
}

impl Head {
    /// The head of a topic; that of one without messages if nothing is stored.
    pub fn load(view: &dyn Read, topic: u32) -> Step<Self> {
        let mut bytes = Vec::new();
        if !view.get(&keys::head(topic), &mut bytes)? {
            return Ok(Self::default());
        }
        Ok(Self::decode(&bytes)?)
    }

    /// Writes it.
    pub fn save(&self, tx: &mut dyn Transaction, topic: u32) -> Step<()> {
        tx.put(&keys::head(topic), &self.encode())
    }

    fn encode(&self) -> Vec<u8> {
        let mut out = vec![FORMAT];
        for number in [self.next, self.scheduled, self.schedule_floor, self.id_floor, self.count, self.bytes] {
            write_varint(&mut out, number);
        }
        write_places(&mut out, &self.streams);
        out
    }

    fn decode(bytes: &[u8]) -> Result<Self> {
        let mut reader = Reader::new(bytes);
        if reader.u8()? != FORMAT {
            return Err(Error::corrupt("a topic's head is stored in a format of a later version"));
        }
        let (next, scheduled) = (reader.varint()?, reader.varint()?);
        let (schedule_floor, id_floor) = (reader.varint()?, reader.varint()?);
        let (count, bytes) = (reader.varint()?, reader.varint()?);
        Ok(Self {
            next,
            scheduled,
            schedule_floor,
            id_floor,
            count,
            bytes,
            streams: read_places(&mut reader)?,
            tick: None,
        })
    }

    /// Takes the place of the next message.
    pub(super) fn take(&mut self, lane: u8, partition: impl FnOnce(u64) -> u8) -> Place {
        let offset = self.next;
        self.next = offset.saturating_add(1);
        let place = Place { lane, partition: partition(offset), offset };
        self.cover(place);
        place
    }

    /// A message stands at `place`.
    pub(super) fn cover(&mut self, place: Place) {
        let Place { lane, partition, offset } = place;
        let at = self.streams.partition_point(|one| (one.lane, one.partition) < (lane, partition));
        match self.streams.get_mut(at).filter(|one| (one.lane, one.partition) == (lane, partition)) {
            Some(first) => first.offset = first.offset.min(offset),
            None => self.streams.insert(at, place),
        }
    }

    /// A message was stored.
    pub(super) fn grow(&mut self, bytes: usize) {
        self.count = self.count.saturating_add(1);
        self.bytes = self.bytes.saturating_add(bytes as u64);
    }

    /// A message was removed.
    pub(super) fn shrink(&mut self, bytes: usize) {
        self.count = self.count.saturating_sub(1);
        self.bytes = self.bytes.saturating_sub(bytes as u64);
    }
}

/// Appends places after their number.
pub(super) fn write_places(out: &mut Vec<u8>, places: &[Place]) {
    write_varint(out, places.len() as u64);
    for place in places {
        out.extend_from_slice(&[place.lane, place.partition]);
        write_varint(out, place.offset);
    }
}

/// Reads what [`write_places`] wrote.
pub(super) fn read_places(reader: &mut Reader<'_>) -> Result<Vec<Place>> {
    let mut places = Vec::new();
    for _ in 0..reader.count(3)? {
        places.push(Place { lane: reader.u8()?, partition: reader.u8()?, offset: reader.varint()? });
    }
    Ok(places)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_head_comes_back(next: u32, numbers: [u64; 5], places: Vec<(u8, u8, u64)>) {
            let [scheduled, schedule_floor, id_floor, count, bytes] = numbers;
            let streams = places.iter().map(|&(lane, partition, offset)| Place { lane, partition, offset }).collect();
            let head = Head { next: next.into(), scheduled, schedule_floor, id_floor, count, bytes, streams, tick: None };
            prop_assert_eq!(Head::decode(&head.encode()).unwrap(), head);
        }

        #[test]
        fn hostile_bytes_are_an_error_and_never_a_panic(bytes: Vec<u8>) {
            let _ = Head::decode(&bytes);
        }
    }
}
