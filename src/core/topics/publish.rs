//! Appending messages: each id once, of compacted topics each key once, delayed ones into the schedule.
//!
//! It wakes nobody; whoever follows the log hears of it.

use crate::base::planted::{planted, Bug};
use crate::base::{write_varint, Reader, Result};
use crate::engine::{Direction, Step, Transaction};

use super::head::Head;
use super::keys::{self, Place};
use super::message::NewMessage;
use super::spec::{self, Spec};
use super::{clock, retain, schedule};

/// What became of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Published {
    /// It stands there.
    At(Place),
    /// It will, at that time.
    Due(u64),
    /// One with its id was published before; nothing was added.
    Duplicate,
}

/// Appends messages in one commit. Who takes them from outside has checked them: those of change feeds may be larger.
///
/// # Errors
/// `Invalid`, reason `unknown-topic`.
pub fn publish(tx: &mut dyn Transaction, topic: u32, messages: &[NewMessage], now: u64) -> Step<Vec<Published>> {
    let spec = spec::load(tx, topic)?;
    let mut head = Head::load(tx, topic)?;
    let mut published = Vec::with_capacity(messages.len());
    for message in messages {
        published.push(one(tx, &spec, &mut head, message, now)?);
    }
    forget_ids(tx, &spec, &mut head, now, messages.len())?;
    retain::apply(tx, &spec, &mut head, now, messages.len())?;
    head.save(tx, topic)?;
    Ok(published)
}

fn one(tx: &mut dyn Transaction, spec: &Spec, head: &mut Head, message: &NewMessage, now: u64) -> Step<Published> {
    if let Some(id) = &message.id {
        if is_known(tx, spec, id, now)? {
            return Ok(Published::Duplicate);
        }
        if spec.dedupe > 0 {
            remember(tx, spec, head, id, now)?;
        }
    }
    if message.delay > 0 {
        let due = now.saturating_add(message.delay);
        schedule::put(tx, spec, head, due, message)?;
        return Ok(Published::Due(due));
    }
    append(tx, spec, head, message, now).map(Published::At)
}

fn is_known(tx: &dyn Transaction, spec: &Spec, id: &str, now: u64) -> Step<bool> {
    if planted(Bug::ForgetTopicIds) {
        return Ok(false);
    }
    if tx.contains(&keys::scheduled_id(spec.number, id))? {
        return Ok(true);
    }
    let mut bytes = Vec::new();
    if !tx.get(&keys::id(spec.number, id), &mut bytes)? {
        return Ok(false);
    }
    Ok(Reader::new(&bytes).varint()?.saturating_add(spec.dedupe) > now)
}

fn remember(tx: &mut dyn Transaction, spec: &Spec, head: &mut Head, id: &str, now: u64) -> Step<()> {
    let mut when = Vec::new();
    let key = keys::id(spec.number, id);
    if tx.get(&key, &mut when)? {
        let before = Reader::new(&when).varint()?;
        tx.delete(&keys::id_by_time(spec.number, before, id))?;
    }
    when.clear();
    write_varint(&mut when, now);
    tx.put(&key, &when)?;
    head.id_floor = head.id_floor.min(now);
    tx.put(&keys::id_by_time(spec.number, now, id), &[])
}

/// Forgets ids of which nobody needs to know any more: faster than new ones come, and never many at once.
fn forget_ids(tx: &mut dyn Transaction, spec: &Spec, head: &mut Head, now: u64, added: usize) -> Step<()> {
    let end = now.saturating_sub(spec.dedupe);
    if head.id_floor >= end {
        return Ok(());
    }
    let mut old: Vec<(u64, Box<str>)> = Vec::new();
    let mut cursor = tx.cursor(keys::ids_between(spec.number, head.id_floor, end), Direction::Forward);
    let all = cursor.walk(&mut |key, _| {
        let found = keys::read_id_by_time(key);
        old.extend(found.map(|(when, id)| (when, Box::from(id))));
        old.len() < 2 * added + 16
    })?;
    drop(cursor);
    head.id_floor = if all { end } else { old.last().map_or(end, |(when, _)| *when) };
    for (when, id) in old {
        tx.delete(&keys::id_by_time(spec.number, when, &id))?;
        tx.delete(&keys::id(spec.number, &id))?;
    }
    Ok(())
}

/// Appends a message of which it is known that it must be.
pub(super) fn append(
    tx: &mut dyn Transaction,
    spec: &Spec,
    head: &mut Head,
    message: &NewMessage,
    now: u64,
) -> Step<Place> {
    let key = message.key.as_deref();
    let place = head.take(message.lane, |offset| spec.partition(key, offset));
    let tick = match head.tick {
        Some(tick) => tick,
        None => *head.tick.insert(clock::tick(tx, now)?),
    };
    let bytes = message.encode(now, tick);
    tx.put(&keys::message(spec.number, place), &bytes)?;
    head.grow(bytes.len());
    if let Some(key) = key.filter(|_| spec.compact) {
        let newest = keys::newest(spec.number, key);
        let mut before = Vec::new();
        if tx.get(&newest, &mut before)? {
            if let Some(before) = Place::at_end(&before) {
                retain::remove(tx, spec.number, head, before)?;
            }
        }
        tx.put(&newest, &place.bytes())?;
    }
    Ok(place)
}

/// Appends one message to a topic whose head is not at hand.
pub(super) fn publish_one(tx: &mut dyn Transaction, spec: &Spec, message: &NewMessage, now: u64) -> Step<Place> {
    let mut head = Head::load(tx, spec.number)?;
    let place = append(tx, spec, &mut head, message, now)?;
    retain::apply(tx, spec, &mut head, now, 1)?;
    head.save(tx, spec.number)?;
    Ok(place)
}

/// The lane of a priority.
///
/// # Errors
/// `Invalid` for one that there is not.
pub fn lane(priority: Option<u64>) -> Result<u8> {
    match priority.map_or(Ok(super::PRIORITY), u8::try_from) {
        Ok(priority) if priority <= super::PRIORITY_MAX => Ok(super::PRIORITY_MAX - priority),
        _ => Err(crate::base::Error::invalid(format!("publish: a priority is 0 to {}", super::PRIORITY_MAX))),
    }
}
