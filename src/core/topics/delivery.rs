//! A message that was handed out and is not done: who holds it, how often it was handed out, what went wrong.
//!
//! A delivery is a lease. Its token is the member together with the number of the delivery: whoever comes with an older one is too
//! late, whatever it believes.

use crate::base::{write_slice, write_varint, Error, Reader, Result};
use crate::engine::{Read, Step};

use super::keys::{self, Place};
use super::ERROR_MAX;

const FORMAT: u8 = 1;
const KEYED: u8 = 1;

/// Attempts that are remembered.
const HISTORY_MAX: usize = 10;

/// A failed delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// When it was known to have failed.
    pub at: u64,
    /// Why.
    pub error: Box<str>,
}

/// What is written down of a message that is not done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Record {
    /// Who holds it; 0 while it waits.
    pub member: u64,
    /// How often it was handed out.
    pub count: u64,
    /// When the lease or the waiting ends.
    pub due: u64,
    /// Of messages with a key: its hash.
    pub hash: Option<u64>,
    /// The deliveries that failed, the last ones.
    pub history: Vec<Attempt>,
}

/// Where a record stands in line: whether somebody holds the message, and until when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) held: bool,
    pub(super) due: u64,
}

impl Record {
    /// Where it stands in line.
    pub(super) fn line(&self) -> Line {
        Line { held: self.member != 0, due: self.due }
    }

    /// The stored bytes (docs/FORMAT.md).
    pub fn encode(&self) -> Vec<u8> {
        let mut out = vec![FORMAT, if self.hash.is_some() { KEYED } else { 0 }];
        for number in [self.member, self.count, self.due] {
            write_varint(&mut out, number);
        }
        out.extend_from_slice(&self.hash.map(u64::to_le_bytes).unwrap_or_default());
        if self.hash.is_none() {
            out.truncate(out.len() - 8);
        }
        write_varint(&mut out, self.history.len() as u64);
        for attempt in &self.history {
            write_varint(&mut out, attempt.at);
            write_slice(&mut out, attempt.error.as_bytes());
        }
        out
    }

    /// Reads what [`Self::encode`] wrote.
    ///
    /// # Errors
    /// `Corrupt` if the bytes make no sense or are of a later format.
    pub fn decode(bytes: &[u8]) -> Result<Self> {
        let mut reader = Reader::new(bytes);
        if reader.u8()? != FORMAT {
            return Err(Error::corrupt("a delivery is stored in a format of a later version"));
        }
        let flags = reader.u8()?;
        if flags & !KEYED != 0 {
            return Err(Error::corrupt("a delivery has flags of a later version"));
        }
        let (member, count, due) = (reader.varint()?, reader.varint()?, reader.varint()?);
        let hash = if flags & KEYED != 0 { Some(reader.u64()?) } else { None };
        let mut history = Vec::new();
        for _ in 0..reader.count(2)? {
            history.push(Attempt { at: reader.varint()?, error: reader.text()?.into() });
        }
        reader.finish("a delivery")?;
        Ok(Self { member, count, due, hash, history })
    }

    /// Remembers why a delivery failed.
    pub fn failed(&mut self, at: u64, error: &str) {
        if self.history.len() >= HISTORY_MAX {
            self.history.remove(0);
        }
        let end = (0..=ERROR_MAX.min(error.len())).rev().find(|end| error.is_char_boundary(*end)).unwrap_or(0);
        self.history.push(Attempt { at, error: error.get(..end).unwrap_or_default().into() });
    }
}

/// The record of a message.
pub fn load(view: &dyn Read, topic: u32, group: u32, place: Place) -> Step<Option<Record>> {
    let mut bytes = Vec::new();
    let found = view.get(&keys::delivery(topic, group, place), &mut bytes)?;
    Ok(if found { Some(Record::decode(&bytes)?) } else { None })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_record_comes_back(member: u64, count: u64, due: u64, hash: Option<u64>, errors: Vec<(u64, String)>) {
            let history = errors.into_iter().map(|(at, error)| Attempt { at, error: error.into() }).collect();
            let record = Record { member, count, due, hash, history };
            prop_assert_eq!(Record::decode(&record.encode()).unwrap(), record);
        }

        #[test]
        fn hostile_bytes_are_an_error_and_never_a_panic(bytes: Vec<u8>) {
            let _ = Record::decode(&bytes);
        }

        #[test]
        fn of_many_long_errors_the_last_are_kept_and_cut(error in "é{0,900}", n in 0u64..30) {
            let mut record = Record::default();
            (0..n).for_each(|at| record.failed(at, &error));
            prop_assert!(record.history.len() <= HISTORY_MAX && record.history.iter().all(|one| one.error.len() <= ERROR_MAX));
            prop_assert_eq!(record.history.last().map(|last| last.at), n.checked_sub(1));
        }
    }
}
