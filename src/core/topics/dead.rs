//! Dead letters: messages that failed too often, with what went wrong; and the way back.
//!
//! They are messages of another topic: listed, consumed and kept as any.

use crate::base::planted::{planted, Bug};
use crate::base::{Error, Result};
use crate::collections::fields::Fields;
use crate::collections::json::write_string;
use crate::engine::{Step, Transaction};

use super::delivery::{self, Record};
use super::desk::Desk;
use super::head::Head;
use super::keys::{self, Place};
use super::message::{Message, NewMessage};
use super::publish::publish_one;
use super::spec::{self, Wishes};
use super::{group, order, retain, PRIORITY_MAX};

/// Publishes a message to the group's topic of dead letters, if it has one.
pub(super) fn bury(tx: &mut dyn Transaction, desk: &Desk, place: Place, record: &Record) -> Step<()> {
    let mut bytes = Vec::new();
    if desk.group.dead.is_empty()
        || planted(Bug::ForgetDeadLetter)
        || !tx.get(&keys::message(desk.spec.number, place), &mut bytes)?
    {
        return Ok(());
    }
    let spec = spec::open(tx, &desk.group.dead, Wishes::default())?;
    let message = Message::decode(&bytes)?;
    let dead = NewMessage { dead: Some(write_past(desk, place, record)), ..message.to_new(place.lane) };
    publish_one(tx, &spec, &dead, desk.now).map(drop)
}

/// What became of a message, as JSON.
fn write_past(desk: &Desk, place: Place, record: &Record) -> Vec<u8> {
    let mut out = b"{\"topic\":".to_vec();
    write_string(&desk.spec.name, &mut out);
    out.extend_from_slice(b",\"group\":");
    write_string(&desk.group.name, &mut out);
    let Place { lane, partition, offset } = place;
    let priority = PRIORITY_MAX.saturating_sub(lane);
    let numbers = format!(
        ",\"partition\":{partition},\"offset\":{offset},\"priority\":{priority},\"deliveries\":{},\"error\":",
        record.count
    );
    out.extend_from_slice(numbers.as_bytes());
    write_string(record.history.last().map_or("", |last| &last.error), &mut out);
    out.extend_from_slice(b",\"history\":[");
    for (at, attempt) in record.history.iter().enumerate() {
        let head = format!("{}{{\"at\":{},\"error\":", if at > 0 { "," } else { "" }, attempt.at);
        out.extend_from_slice(head.as_bytes());
        write_string(&attempt.error, &mut out);
        out.push(b'}');
    }
    out.extend_from_slice(b"]}");
    out
}

/// Where a dead letter came from.
struct Origin {
    topic: Box<str>,
    group: Box<str>,
    place: Place,
}

impl Origin {
    fn read(json: &[u8]) -> Result<Self> {
        let mut fields = Fields::split(json, "a dead letter")?;
        let damaged = || Error::corrupt("a dead letter's past makes no sense");
        let mut number = |name: &str| fields.number(name)?.ok_or_else(damaged);
        let (partition, offset, priority) = (number("partition")?, number("offset")?, number("priority")?);
        let partition = u8::try_from(partition).map_err(|_| damaged())?;
        let lane = PRIORITY_MAX.saturating_sub(u8::try_from(priority).map_err(|_| damaged())?);
        let (topic, group) = (fields.required_text("topic")?.into(), fields.required_text("group")?.into());
        Ok(Self { topic, group, place: Place { lane, partition, offset } })
    }
}

/// Takes dead letters out of `topic` and gives them back to the group in which they died, as if they had never been handed out.
/// One whose message is not kept any more is published to its topic again, for every group. Answers how many there were.
///
/// # Errors
/// `Invalid` for messages that are no dead letters.
pub fn requeue(tx: &mut dyn Transaction, topic: u32, places: &[Place], now: u64, seed: u64) -> Step<u64> {
    spec::load(tx, topic)?;
    let mut count = 0;
    for place in places {
        let mut bytes = Vec::new();
        if !tx.get(&keys::message(topic, *place), &mut bytes)? {
            continue;
        }
        let message = Message::decode(&bytes)?;
        let past = message.dead.ok_or_else(|| Error::invalid("requeue: the message is no dead letter"))?;
        let origin = Origin::read(past)?;
        back(tx, &origin, &message, now, seed)?;
        let mut head = Head::load(tx, topic)?;
        retain::remove(tx, topic, &mut head, *place)?;
        head.save(tx, topic)?;
        count += 1;
    }
    Ok(count)
}

fn back(tx: &mut dyn Transaction, origin: &Origin, message: &Message<'_>, now: u64, seed: u64) -> Step<()> {
    let spec = spec::open(tx, &origin.topic, Wishes::default())?;
    let group = group::number(tx, spec.number, &origin.group)?;
    let is_kept = tx.contains(&keys::message(spec.number, origin.place))?;
    let Some(group) = group.filter(|_| is_kept) else {
        return publish_one(tx, &spec, &message.to_new(origin.place.lane), now).map(drop);
    };
    if delivery::load(tx, spec.number, group, origin.place)?.is_some() {
        return Ok(());
    }
    let mut desk = Desk::open(tx, (spec.number, group), now, seed)?;
    // A group that began anew before it comes to the message by itself.
    if desk.progress.frontier(origin.place).offset > origin.place.offset {
        order::admit(tx, &mut desk, message.key, origin.place)?;
    }
    desk.close(tx)
}

/// Removes messages of a topic. Answers how many there were.
pub fn remove(tx: &mut dyn Transaction, topic: u32, places: &[Place]) -> Step<u64> {
    spec::load(tx, topic)?;
    let mut head = Head::load(tx, topic)?;
    let mut count = 0;
    for place in places {
        count += u64::from(retain::remove(tx, topic, &mut head, *place)?);
    }
    head.save(tx, topic)?;
    Ok(count)
}
