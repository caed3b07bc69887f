//! A topic's description: its name, its partitions, what it keeps and for how long.
//!
//! What the next message gets is in `head.rs`.

use crate::base::{write_slice, write_varint, Error, Reader, Result};
use crate::engine::{Direction, KeyRange, Read, Step, Transaction};

use super::{check_name, keys, PARTITIONS_MAX};

const FORMAT: u8 = 1;
const COMPACT: u8 = 1;

/// Partitions of a topic that does not say.
const PARTITIONS: u8 = 4;
/// How long an id is remembered unless the topic says otherwise: two minutes.
const DEDUPE_MS: u64 = 120_000;

/// What may be asked of a topic; what is `None` stays as it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wishes {
    /// How many partitions it has.
    pub partitions: Option<u64>,
    /// How old messages become, in ms; 0 is without limit.
    pub age: Option<u64>,
    /// How many are kept; 0 is without limit.
    pub count: Option<u64>,
    /// How many bytes are kept; 0 is without limit.
    pub bytes: Option<u64>,
    /// Of each key only the newest is kept.
    pub compact: Option<bool>,
    /// How long an id is remembered, in ms.
    pub dedupe: Option<u64>,
}

/// A topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spec {
    /// Its number.
    pub number: u32,
    /// Its name.
    pub name: Box<str>,
    /// How many partitions it has.
    pub partitions: u8,
    /// How old messages become, in ms; 0 is without limit.
    pub age: u64,
    /// How many are kept; 0 is without limit.
    pub count: u64,
    /// How many bytes are kept; 0 is without limit.
    pub bytes: u64,
    /// Of each key only the newest is kept.
    pub compact: bool,
    /// How long an id is remembered, in ms.
    pub dedupe: u64,
}

impl Spec {
    fn encode(&self) -> Vec<u8> {
        let mut out = vec![FORMAT, if self.compact { COMPACT } else { 0 }, self.partitions];
        for number in [self.age, self.count, self.bytes, self.dedupe] {
            write_varint(&mut out, number);
        }
        write_slice(&mut out, self.name.as_bytes());
        out
    }

    fn decode(number: u32, bytes: &[u8]) -> Result<Self> {
        let mut reader = Reader::new(bytes);
        if reader.u8()? != FORMAT {
            return Err(Error::corrupt("a topic is stored in a format of a later version"));
        }
        let (flags, partitions) = (reader.u8()?, reader.u8()?);
        if flags & !COMPACT != 0 || partitions == 0 {
            return Err(Error::corrupt("a topic's description makes no sense"));
        }
        let (age, count) = (reader.varint()?, reader.varint()?);
        let (bytes, dedupe) = (reader.varint()?, reader.varint()?);
        let name = reader.text()?.into();
        Ok(Self { number, name, partitions, age, count, bytes, compact: flags & COMPACT != 0, dedupe })
    }

    /// The same with what is wished.
    fn with(&self, wishes: Wishes) -> Result<Self> {
        if wishes.partitions.is_some_and(|wished| wished != u64::from(self.partitions)) {
            let message = format!(
                "topic: '{}' has {} partitions, and that cannot change: keys would lose their order",
                self.name, self.partitions
            );
            return Err(Error::conflict(message).with_reason("partitions-differ"));
        }
        Ok(Self {
            age: wishes.age.unwrap_or(self.age),
            count: wishes.count.unwrap_or(self.count),
            bytes: wishes.bytes.unwrap_or(self.bytes),
            compact: wishes.compact.unwrap_or(self.compact),
            dedupe: wishes.dedupe.unwrap_or(self.dedupe),
            ..self.clone()
        })
    }

    /// The partition of a key, or of the message with that offset if it has none.
    pub fn partition(&self, key: Option<&str>, offset: u64) -> u8 {
        let spread = key.map_or(offset, |key| xxhash_rust::xxh3::xxh3_64(key.as_bytes()));
        (spread % u64::from(self.partitions)) as u8
    }
}

/// The number of the topic `name`, if it exists.
pub fn number(view: &dyn Read, name: &str) -> Step<Option<u32>> {
    let mut bytes = Vec::new();
    Ok(if view.get(&keys::topic_name(name), &mut bytes)? { Some(Reader::new(&bytes).u32()?) } else { None })
}

/// The topic with that number.
///
/// # Errors
/// `Invalid`, reason `unknown-topic`, if there is none.
pub fn load(view: &dyn Read, number: u32) -> Step<Spec> {
    let mut bytes = Vec::new();
    if !view.get(&keys::topic(number), &mut bytes)? {
        return Err(Error::invalid(format!("topic: there is no topic {number}")).with_reason("unknown-topic").into());
    }
    Ok(Spec::decode(number, &bytes)?)
}

/// All topics.
pub fn all(view: &dyn Read) -> Step<Vec<Spec>> {
    let mut found = Vec::new();
    let mut cursor = view.cursor(KeyRange::prefix(keys::TOPICS), Direction::Forward);
    while cursor.advance()? {
        let number = cursor.key().get(2..6).and_then(|bytes| bytes.try_into().ok()).map(u32::from_be_bytes);
        let number = number.ok_or_else(|| Error::corrupt("a topic's key makes no sense"))?;
        found.push(Spec::decode(number, cursor.value())?);
    }
    Ok(found)
}

/// The topic `name` as it is wished, created if it does not exist.
///
/// # Errors
/// `Invalid` for a bad name or number; `Conflict`, reason `partitions-differ`.
pub fn open(tx: &mut dyn Transaction, name: &str, wishes: Wishes) -> Step<Spec> {
    check_name("topic", name)?;
    let partitions = wishes.partitions.unwrap_or(u64::from(PARTITIONS));
    let partitions = u8::try_from(partitions).ok().filter(|count| (1..=PARTITIONS_MAX).contains(count));
    let Some(partitions) = partitions else {
        return Err(Error::invalid(format!("topic: a topic has 1 to {PARTITIONS_MAX} partitions")).into());
    };
    if let Some(number) = number(tx, name)? {
        let known = load(tx, number)?;
        let wished = known.with(wishes)?;
        if wished != known {
            tx.put(&keys::topic(number), &wished.encode())?;
        }
        return Ok(wished);
    }
    let number = next_number(tx)?;
    let plain =
        Spec { number, name: name.into(), partitions, age: 0, count: 0, bytes: 0, compact: false, dedupe: DEDUPE_MS };
    let spec = plain.with(Wishes { partitions: None, ..wishes })?;
    tx.put(&keys::topic_name(name), &number.to_le_bytes())?;
    tx.put(&keys::topic(number), &spec.encode())?;
    Ok(spec)
}

fn next_number(tx: &mut dyn Transaction) -> Step<u32> {
    let mut bytes = Vec::new();
    let number = if tx.get(keys::NEXT_TOPIC, &mut bytes)? { Reader::new(&bytes).u32()? } else { 1 };
    let next = number.checked_add(1).ok_or_else(|| Error::invalid("too many topics were created"))?;
    tx.put(keys::NEXT_TOPIC, &next.to_le_bytes())?;
    Ok(number)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn hostile_bytes_are_an_error_and_never_a_panic(bytes: Vec<u8>) {
            let _ = Spec::decode(1, &bytes);
        }
    }
}
