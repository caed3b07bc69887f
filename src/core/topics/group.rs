//! A group's description: its name and how it treats messages.
//!
//! How far it got is in `desk.rs`.

use crate::base::planted::{planted, Bug};
use crate::base::{write_slice, write_varint, Error, Reader, Result};
use crate::engine::{Direction, Read, Step, Transaction};

use super::spec::Spec;
use super::{check_name, gone, keys};

const FORMAT: u8 = 1;
const PAUSED: u8 = 1;

/// How a group treats messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// Its number in the topic.
    pub number: u32,
    /// Its name.
    pub name: Box<str>,
    /// How long a member may hold a message, in ms.
    pub ack: u64,
    /// After so many deliveries a message is dead.
    pub deliveries: u64,
    /// How long a message waits after its first failure, in ms; twice as long after each further one.
    pub backoff: u64,
    /// How long it waits at most, in ms.
    pub backoff_max: u64,
    /// The topic of dead messages; empty if they are dropped.
    pub dead: Box<str>,
    /// Whether nothing is handed out.
    pub paused: bool,
}

/// What may be asked of a group; what is `None` stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GroupWishes {
    /// How long a member may hold a message, in ms.
    pub ack: Option<u64>,
    /// After so many deliveries a message is dead.
    pub deliveries: Option<u64>,
    /// The first backoff, in ms.
    pub backoff: Option<u64>,
    /// The longest backoff, in ms.
    pub backoff_max: Option<u64>,
    /// The topic of dead messages; empty for none.
    pub dead: Option<Box<str>>,
    /// Whether nothing is handed out.
    pub paused: Option<bool>,
}

impl Group {
    fn new(spec: &Spec, number: u32, name: &str) -> Self {
        let dead = format!("{}.dead", spec.name).into();
        let name = name.into();
        Self { number, name, ack: 30_000, deliveries: 10, backoff: 1_000, backoff_max: 60_000, dead, paused: false }
    }

    fn with(&self, spec: &Spec, wishes: &GroupWishes) -> Result<Self> {
        let wished = Self {
            ack: wishes.ack.unwrap_or(self.ack),
            deliveries: wishes.deliveries.unwrap_or(self.deliveries),
            backoff: wishes.backoff.unwrap_or(self.backoff),
            backoff_max: wishes.backoff_max.unwrap_or(self.backoff_max),
            dead: wishes.dead.clone().unwrap_or_else(|| self.dead.clone()),
            paused: wishes.paused.unwrap_or(self.paused),
            ..self.clone()
        };
        if wished.ack == 0 || wished.deliveries == 0 {
            return Err(Error::invalid("consume: the ack deadline and the most deliveries are at least 1"));
        }
        if wished.dead == spec.name {
            return Err(Error::invalid("consume: the dead letters of a topic must go to another topic"));
        }
        if !wished.dead.is_empty() {
            check_name("dead-letter topic", &wished.dead)?;
        }
        Ok(wished)
    }

    /// Writes it, also where nothing changed: whoever waits for messages of the group looks again.
    pub(super) fn save(&self, tx: &mut dyn Transaction, topic: u32) -> Step<()> {
        tx.put(&keys::group(topic, self.number), &self.encode())
    }

    fn encode(&self) -> Vec<u8> {
        let mut out = vec![FORMAT, if self.paused { PAUSED } else { 0 }];
        for number in [self.ack, self.deliveries, self.backoff, self.backoff_max] {
            write_varint(&mut out, number);
        }
        write_slice(&mut out, self.name.as_bytes());
        write_slice(&mut out, self.dead.as_bytes());
        out
    }

    fn decode(number: u32, bytes: &[u8]) -> Result<Self> {
        let mut reader = Reader::new(bytes);
        if reader.u8()? != FORMAT {
            return Err(Error::corrupt("a group is stored in a format of a later version"));
        }
        let flags = reader.u8()?;
        if flags & !PAUSED != 0 {
            return Err(Error::corrupt("a group has flags of a later version"));
        }
        let (ack, deliveries) = (reader.varint()?, reader.varint()?);
        let (backoff, backoff_max) = (reader.varint()?, reader.varint()?);
        let (name, dead) = (reader.text()?.into(), reader.text()?.into());
        Ok(Self { number, name, ack, deliveries, backoff, backoff_max, dead, paused: flags & PAUSED != 0 })
    }

    /// How long a message waits after its `count`th delivery failed: half of the backoff at least, the rest by `chance`.
    pub fn wait(&self, count: u64, chance: u64) -> u64 {
        let doubled = self.backoff.saturating_mul(1 << count.saturating_sub(1).min(40));
        let most = doubled.min(self.backoff_max.max(self.backoff));
        most / 2 + chance % (most / 2 + 1)
    }
}

/// The group's number, if it exists.
pub fn number(view: &dyn Read, topic: u32, name: &str) -> Step<Option<u32>> {
    let mut bytes = Vec::new();
    Ok(if view.get(&keys::group_name(topic, name), &mut bytes)? { Some(Reader::new(&bytes).u32()?) } else { None })
}

/// The group with that number.
///
/// # Errors
/// `Invalid`, reason `unknown-group`, if there is none.
pub fn load(view: &dyn Read, topic: u32, number: u32) -> Step<Group> {
    let mut bytes = Vec::new();
    if !view.get(&keys::group(topic, number), &mut bytes)? {
        return Err(unknown(&format!("{number}")).into());
    }
    Ok(Group::decode(number, &bytes)?)
}

/// The error for a group that there is not.
pub fn unknown(name: &str) -> Error {
    let message = format!("topic: there is no group '{name}': it comes into being with its first consumer");
    Error::invalid(message).with_reason("unknown-group")
}

/// All groups of a topic.
pub fn all(view: &dyn Read, topic: u32) -> Step<Vec<Group>> {
    let mut found = Vec::new();
    let mut cursor = view.cursor(keys::groups(topic), Direction::Forward);
    while cursor.advance()? {
        let number = keys::read_group(cursor.key()).ok_or_else(|| Error::corrupt("a group's key makes no sense"))?;
        found.push(Group::decode(number, cursor.value())?);
    }
    Ok(found)
}

/// The group `name` as it is wished, created if it does not exist; and whether it was.
///
/// # Errors
/// `Invalid` for a bad name or number.
pub fn open(tx: &mut dyn Transaction, spec: &Spec, name: &str, wishes: &GroupWishes) -> Step<(Group, bool)> {
    check_name("group", name)?;
    let topic = spec.number;
    if let Some(number) = number(tx, topic, name)? {
        let known = load(tx, topic, number)?;
        let wished = known.with(spec, wishes)?;
        if wished != known {
            wished.save(tx, topic)?;
        }
        return Ok((wished, false));
    }
    let unused = all(tx, topic)?.last().map_or(1, |last| last.number.saturating_add(1));
    // Not that of a group that was dropped: its members may still say something of messages.
    let least = if planted(Bug::ReuseGroupNumber) { 1 } else { gone::next_group(tx, topic)? };
    let number = unused.max(least);
    let group = Group::new(spec, number, name).with(spec, wishes)?;
    tx.put(&keys::group_name(topic, name), &number.to_le_bytes())?;
    group.save(tx, topic)?;
    Ok((group, true))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn group() -> Group {
        let spec =
            Spec { number: 1, name: "t".into(), partitions: 1, age: 0, count: 0, bytes: 0, compact: false, dedupe: 0 };
        Group::new(&spec, 1, "g")
    }

    proptest! {
        #[test]
        fn a_backoff_doubles_stays_below_its_limit_and_is_never_less_than_half(count in 1u64..200, chance: u64) {
            let group = group();
            let most = (1_000u64 << (count - 1).min(20)).min(60_000);
            let wait = group.wait(count, chance);
            prop_assert!((most / 2..=most).contains(&wait), "{} of {}", wait, most);
        }

        #[test]
        fn hostile_bytes_are_an_error_and_never_a_panic(bytes: Vec<u8>) {
            let _ = Group::decode(1, &bytes);
        }
    }
}
