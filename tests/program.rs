//! What one operation does, as data: the same program runs on the engine and on the model.

use std::collections::BTreeMap;

use tidewell_core::base::{Rng, SeededRng};
use tidewell_core::engine::{Cursor, Direction, KeyRange, Read, Step, Transaction};

/// A state of the model: all keys and values.
pub(crate) type Model = BTreeMap<Vec<u8>, Vec<u8>>;

/// One step of a program.
#[derive(Clone, Debug)]
pub(crate) enum Act {
    Get(Vec<u8>),
    Scan { range: KeyRange, direction: Direction, limit: usize },
    Put(Vec<u8>, Vec<u8>),
    Delete(Vec<u8>),
    Add(Vec<u8>, i64),
}

/// What a step saw.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Seen {
    Value(Option<Vec<u8>>),
    Entries(Vec<(Vec<u8>, Vec<u8>)>),
}

/// Marks an operation in the log. It sorts before every other key, so it begins the operation's items in a record.
pub(crate) fn marker(operation: u64) -> Vec<u8> {
    [&[0][..], &operation.to_be_bytes()].concat()
}

/// The operation that `key` marks.
pub(crate) fn marked(key: &[u8]) -> Option<u64> {
    let (0, rest) = key.split_first().map(|(first, rest)| (*first, rest))? else { return None };
    rest.try_into().ok().map(u64::from_be_bytes)
}

pub(crate) fn data_key(number: u64) -> Vec<u8> {
    format!("\u{1}key-{number:04}").into_bytes()
}

pub(crate) fn counter_key(number: u64) -> Vec<u8> {
    format!("\u{3}counter-{number}").into_bytes()
}

/// Runs the reading steps.
pub(crate) fn look(acts: &[Act], view: &dyn Read) -> Step<Vec<Seen>> {
    let mut seen = Vec::new();
    for act in acts {
        seen.extend(look_once(act, view)?);
    }
    Ok(seen)
}

fn look_once(act: &Act, view: &dyn Read) -> Step<Option<Seen>> {
    match act {
        Act::Get(key) => {
            let mut value = Vec::new();
            let found = view.get(key, &mut value)?;
            Ok(Some(Seen::Value(found.then_some(value))))
        }
        Act::Scan { range, direction, limit } => {
            let mut cursor = view.cursor(range.clone(), *direction);
            Ok(Some(Seen::Entries(take(&mut *cursor, *limit)?)))
        }
        _ => Ok(None),
    }
}

fn take(cursor: &mut dyn Cursor, limit: usize) -> Step<Vec<(Vec<u8>, Vec<u8>)>> {
    let mut entries = Vec::new();
    while entries.len() < limit && cursor.advance()? {
        entries.push((cursor.key().to_vec(), cursor.value().to_vec()));
    }
    Ok(entries)
}

/// Runs all steps inside a transaction.
pub(crate) fn perform(acts: &[Act], transaction: &mut dyn Transaction) -> Step<Vec<Seen>> {
    let mut seen = Vec::new();
    for act in acts {
        match act {
            Act::Put(key, value) => transaction.put(key, value)?,
            Act::Delete(key) => transaction.delete(key)?,
            Act::Add(key, delta) => transaction.add(key, *delta)?,
            Act::Get(_) | Act::Scan { .. } => seen.extend(look_once(act, &ReadOnly(transaction))?),
        }
    }
    Ok(seen)
}

struct ReadOnly<'a>(&'a dyn Transaction);

impl Read for ReadOnly<'_> {
    fn get(&self, key: &[u8], value: &mut Vec<u8>) -> Step<bool> {
        self.0.get(key, value)
    }
    fn contains(&self, key: &[u8]) -> Step<bool> {
        self.0.contains(key)
    }
    fn cursor(&self, range: KeyRange, direction: Direction) -> Box<dyn Cursor + '_> {
        self.0.cursor(range, direction)
    }
}

/// Runs all steps on the model.
pub(crate) fn imagine(acts: &[Act], model: &mut Model) -> Vec<Seen> {
    let mut seen = Vec::new();
    for act in acts {
        match act {
            Act::Put(key, value) => drop(model.insert(key.clone(), value.clone())),
            Act::Delete(key) => drop(model.remove(key)),
            Act::Add(key, delta) => {
                let old = model.get(key).map_or(0, |value| i64::from_le_bytes(value.as_slice().try_into().unwrap()));
                model.insert(key.clone(), old.wrapping_add(*delta).to_le_bytes().to_vec());
            }
            Act::Get(key) => seen.push(Seen::Value(model.get(key).cloned())),
            Act::Scan { range, direction, limit } => {
                let within = model.iter().filter(|(key, _)| range.contains(key));
                let entry = |(key, value): (&Vec<u8>, &Vec<u8>)| (key.clone(), value.clone());
                seen.push(Seen::Entries(match direction {
                    Direction::Forward => within.take(*limit).map(entry).collect(),
                    Direction::Backward => within.rev().take(*limit).map(entry).collect(),
                }));
            }
        }
    }
    seen
}

/// Draws random programs.
pub(crate) struct Author {
    pub(crate) rng: SeededRng,
    /// Keys to choose from.
    pub(crate) keys: u64,
    /// The longest value, in bytes.
    pub(crate) value_max: u64,
}

impl Author {
    fn key(&self) -> Vec<u8> {
        data_key(self.rng.below(self.keys))
    }

    fn value(&self) -> Vec<u8> {
        let len = if self.rng.one_in(4) { self.rng.below(self.value_max + 1) } else { self.rng.below(40) };
        let mut value = vec![0; len as usize];
        self.rng.fill(&mut value);
        // Half of it compresses, as real values do.
        value.iter_mut().skip(len as usize / 2).for_each(|byte| *byte = b'x');
        value
    }

    pub(crate) fn reading(&self) -> Act {
        if self.rng.one_in(2) {
            return Act::Get(if self.rng.one_in(8) { counter_key(self.rng.below(3)) } else { self.key() });
        }
        let range = match self.rng.below(4) {
            0 => KeyRange { start: self.key(), end: None },
            1 => KeyRange::prefix(b"\x01key-00"),
            2 => KeyRange { start: Vec::new(), end: Some(self.key()) },
            _ => KeyRange { start: self.key(), end: Some(self.key()) },
        };
        let direction = if self.rng.one_in(2) { Direction::Forward } else { Direction::Backward };
        let limit = if self.rng.one_in(4) { usize::MAX } else { self.rng.index(12) };
        Act::Scan { range, direction, limit }
    }

    fn writing(&self) -> Act {
        match self.rng.below(8) {
            0 | 1 => Act::Delete(self.key()),
            2 => Act::Add(counter_key(self.rng.below(3)), self.rng.below(2001) as i64 - 1000),
            _ => Act::Put(self.key(), self.value()),
        }
    }

    /// A few writes, now and then with looks in between, after the operation's marker.
    pub(crate) fn transaction(&self, operation: u64) -> Vec<Act> {
        let mut acts = vec![Act::Put(marker(operation), operation.to_le_bytes().to_vec())];
        for _ in 0..1 + self.rng.below(4) {
            if self.rng.one_in(3) {
                acts.push(self.reading());
            }
            acts.push(self.writing());
        }
        acts
    }
}
