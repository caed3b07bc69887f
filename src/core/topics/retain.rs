//! Removing messages: those that are too old or too many, always the oldest of the topic.
//!
//! It asks no group: who is slower than what is kept misses messages, as documented.

use crate::base::Reader;
use crate::engine::{Direction, Read, Step, Transaction};

use super::head::Head;
use super::keys::{self, Place};
use super::message::Message;
use super::spec::Spec;

/// Messages that one commit removes besides as many as it adds.
const REMOVED_MAX: usize = 64;

/// The oldest message of a lane and partition.
struct Oldest {
    place: Place,
    time: u64,
    bytes: usize,
}

fn oldest(view: &dyn Read, topic: u32, from: Place) -> Step<Option<Oldest>> {
    let mut cursor = view.cursor(keys::messages_from(topic, from), Direction::Forward);
    if !cursor.advance()? {
        return Ok(None);
    }
    let Some(place) = Place::at_end(cursor.key()) else { return Ok(None) };
    let message = Message::decode(cursor.value())?;
    Ok(Some(Oldest { place, time: message.time, bytes: cursor.value().len() }))
}

/// Removes what is over the limits, but not too much at once.
pub(super) fn apply(tx: &mut dyn Transaction, spec: &Spec, head: &mut Head, now: u64, added: usize) -> Step<()> {
    let Spec { age, count, bytes, .. } = *spec;
    if age == 0 && count == 0 && bytes == 0 {
        return Ok(());
    }
    let mut firsts = Vec::new();
    for from in &head.streams {
        firsts.push(oldest(tx, spec.number, *from)?);
    }
    for _ in 0..REMOVED_MAX + 2 * added {
        let present = firsts.iter().enumerate().filter_map(|(at, one)| one.as_ref().map(|one| (at, one)));
        let Some((at, first)) = present.min_by_key(|(_, one)| one.place.offset) else { break };
        let is_over = (count > 0 && head.count > count)
            || (bytes > 0 && head.bytes > bytes)
            || (age > 0 && first.time.saturating_add(age) <= now);
        if !is_over {
            break;
        }
        let (place, size) = (first.place, first.bytes);
        forget_newest(tx, spec, place)?;
        tx.delete(&keys::message(spec.number, place))?;
        head.shrink(size);
        let next = oldest(tx, spec.number, place.next())?;
        if let Some(stream) = head.streams.get_mut(at) {
            *stream = next.as_ref().map_or(place.next(), |next| next.place);
        }
        if let Some(slot) = firsts.get_mut(at) {
            *slot = next;
        }
    }
    Ok(())
}

/// A compacted topic must not go on naming what is gone.
fn forget_newest(tx: &mut dyn Transaction, spec: &Spec, place: Place) -> Step<()> {
    if !spec.compact {
        return Ok(());
    }
    let mut bytes = Vec::new();
    if !tx.get(&keys::message(spec.number, place), &mut bytes)? {
        return Ok(());
    }
    let Some(key) = Message::decode(&bytes)?.key else { return Ok(()) };
    let mut newest = Vec::new();
    let name = keys::newest(spec.number, key);
    if tx.get(&name, &mut newest)? && Reader::new(&newest).rest() == place.bytes() {
        tx.delete(&name)?;
    }
    Ok(())
}

/// Removes a message. Answers whether it was there.
pub(super) fn remove(tx: &mut dyn Transaction, topic: u32, head: &mut Head, place: Place) -> Step<bool> {
    let key = keys::message(topic, place);
    let mut bytes = Vec::new();
    if !tx.get(&key, &mut bytes)? {
        return Ok(false);
    }
    tx.delete(&key)?;
    head.shrink(bytes.len());
    Ok(true)
}
