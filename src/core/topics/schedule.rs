//! Messages that are to be published later, once or again and again.
//!
//! What a cron expression means is the package's business: here it is a text, and whoever reads it says when the next time is. A
//! scheduled message gets its offset when it is due, so it keeps order with what was published before it then.

use crate::base::planted::{planted, Bug};
use crate::base::{write_slice, Error, Reader, Result};
use crate::engine::{Direction, Read, Step, Transaction};

use super::head::Head;
use super::keys;
use super::message::{Message, NewMessage};
use super::publish::append;
use super::spec::Spec;
use super::ID_MAX;

/// Scheduled messages that one commit publishes.
const DUE_MAX: usize = 256;

/// A scheduled message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scheduled {
    /// When it is due, by the clock of topics.
    pub due: u64,
    /// What makes keys with the same time differ.
    number: u64,
    /// By which it can be cancelled.
    pub id: Box<str>,
    /// What says when the next one is due; `None` if there is none.
    pub cron: Option<Box<str>>,
    /// The message.
    pub message: NewMessage,
}

impl Scheduled {
    fn encode(&self) -> Vec<u8> {
        let mut out = vec![self.message.lane];
        write_slice(&mut out, self.id.as_bytes());
        write_slice(&mut out, self.cron.as_deref().unwrap_or_default().as_bytes());
        out.extend_from_slice(&self.message.encode(0, 0));
        out
    }

    /// Reads a key and its value.
    ///
    /// # Errors
    /// `Corrupt` if they make no sense.
    pub fn decode(key: &[u8], bytes: &[u8]) -> Result<Self> {
        let damaged = || Error::corrupt("a scheduled message makes no sense");
        let (due, number) = keys::read_scheduled(key).ok_or_else(damaged)?;
        let mut reader = Reader::new(bytes);
        let lane = reader.u8()?;
        let (id, cron) = (reader.text()?.into(), reader.text()?);
        let message = Message::decode(reader.rest())?;
        let message = NewMessage { id: message.id.map(Box::from), ..message.to_new(lane) };
        Ok(Self { due, number, id, cron: (!cron.is_empty()).then(|| cron.into()), message })
    }
}

/// Schedules a message under its id.
pub(super) fn put(tx: &mut dyn Transaction, spec: &Spec, head: &mut Head, due: u64, message: &NewMessage) -> Step<()> {
    let id = message.id.clone().ok_or_else(|| Error::invalid("publish: a delayed message needs an id"))?;
    add(tx, spec, head, due, id, None, message)
}

/// Schedules a message as it was.
pub(super) fn put_back(
    tx: &mut dyn Transaction,
    spec: &Spec,
    head: &mut Head,
    due: u64,
    (id, cron): (Box<str>, Option<Box<str>>),
    message: &NewMessage,
) -> Step<()> {
    if id.is_empty() || id.len() > ID_MAX {
        return Err(Error::invalid(format!("schedule: an id is 1 to {ID_MAX} bytes of UTF-8")).into());
    }
    add(tx, spec, head, due, id, cron, message)
}

fn add(
    tx: &mut dyn Transaction,
    spec: &Spec,
    head: &mut Head,
    due: u64,
    id: Box<str>,
    cron: Option<Box<str>>,
    message: &NewMessage,
) -> Step<()> {
    let number = head.scheduled;
    head.scheduled = number.saturating_add(1);
    head.schedule_floor = head.schedule_floor.min(due);
    let one = Scheduled { due, number, id, cron, message: message.clone() };
    let key = keys::scheduled(spec.number, due, number);
    tx.put(&keys::scheduled_id(spec.number, &one.id), key.get(6..).unwrap_or_default())?;
    tx.put(&key, &one.encode())
}

/// Schedules `message` again and again under `id`, in place of what was there under it; the first time in `delay` ms.
///
/// # Errors
/// `Invalid` for what cannot be kept.
pub fn repeat(
    tx: &mut dyn Transaction,
    spec: &Spec,
    id: &str,
    cron: &str,
    delay: u64,
    message: &NewMessage,
    now: u64,
) -> Step<()> {
    if id.is_empty() || id.len() > ID_MAX {
        return Err(Error::invalid(format!("schedule: an id is 1 to {ID_MAX} bytes of UTF-8")).into());
    }
    message.check()?;
    let mut head = Head::load(tx, spec.number)?;
    cancel(tx, spec.number, id)?;
    add(tx, spec, &mut head, now.saturating_add(delay), id.into(), Some(cron.into()), message)?;
    head.save(tx, spec.number)
}

/// Removes a scheduled message. Answers whether it was there.
pub fn cancel(tx: &mut dyn Transaction, topic: u32, id: &str) -> Step<bool> {
    let name = keys::scheduled_id(topic, id);
    let mut place = Vec::new();
    if !tx.get(&name, &mut place)? {
        return Ok(false);
    }
    tx.delete(&name)?;
    if let Some((due, number)) = keys::read_scheduled(&[&[0; 6], place.as_slice()].concat()) {
        tx.delete(&keys::scheduled(topic, due, number))?;
    }
    Ok(true)
}

fn range(view: &dyn Read, topic: u32, floor: u64, end: Option<u64>, max: usize) -> Step<Vec<Scheduled>> {
    let mut found = Vec::new();
    let mut cursor = view.cursor(keys::scheduled_between(topic, floor, end), Direction::Forward);
    while found.len() < max && cursor.advance()? {
        found.push(Scheduled::decode(cursor.key(), cursor.value())?);
    }
    Ok(found)
}

/// What is scheduled, in order of time, at most `max`.
pub fn list(view: &dyn Read, topic: u32, max: usize) -> Step<Vec<Scheduled>> {
    range(view, topic, 0, None, max)
}

/// When the next scheduled message is due.
pub fn next_due(view: &dyn Read, topic: u32, head: &Head) -> Step<Option<u64>> {
    Ok(range(view, topic, head.schedule_floor, None, 1)?.first().map(|one| one.due))
}

/// Publishes what is due, and answers what repeats and is due: [`fire`] publishes that.
pub(super) fn promote(tx: &mut dyn Transaction, spec: &Spec, head: &mut Head, now: u64) -> Step<Vec<Scheduled>> {
    if head.scheduled == 0 || head.schedule_floor > now {
        return Ok(Vec::new());
    }
    let early = if planted(Bug::ForgetDelay) { 10_000_000 } else { 0 };
    let end = now.saturating_add(1).saturating_add(early);
    let due = range(tx, spec.number, head.schedule_floor, Some(end), DUE_MAX)?;
    let (mut crons, mut floor) = (Vec::new(), now.saturating_add(1));
    if due.len() == DUE_MAX {
        floor = due.last().map_or(floor, |one| one.due);
    }
    for one in due {
        if one.cron.is_some() {
            floor = floor.min(one.due);
            crons.push(one);
            continue;
        }
        tx.delete(&keys::scheduled(spec.number, one.due, one.number))?;
        tx.delete(&keys::scheduled_id(spec.number, &one.id))?;
        append(tx, spec, head, &one.message, now)?;
    }
    head.schedule_floor = floor;
    Ok(crons)
}

/// Publishes a repeated message that is due, and schedules it again in `delay` ms; `None` ends it. Somebody may have done so
/// meanwhile: then nothing happens. Answers whether it was published.
pub fn fire(tx: &mut dyn Transaction, spec: &Spec, id: &str, due: u64, delay: Option<u64>, now: u64) -> Step<bool> {
    let mut place = Vec::new();
    if !tx.get(&keys::scheduled_id(spec.number, id), &mut place)? {
        return Ok(false);
    }
    let Some((known, number)) = keys::read_scheduled(&[&[0; 6], place.as_slice()].concat()) else { return Ok(false) };
    if known != due || due > now {
        return Ok(false);
    }
    let key = keys::scheduled(spec.number, due, number);
    let mut bytes = Vec::new();
    if !tx.get(&key, &mut bytes)? {
        return Ok(false);
    }
    let one = Scheduled::decode(&key, &bytes)?;
    cancel(tx, spec.number, id)?;
    let mut head = Head::load(tx, spec.number)?;
    append(tx, spec, &mut head, &one.message, now)?;
    if let Some(delay) = delay {
        add(tx, spec, &mut head, now.saturating_add(delay.max(1)), one.id, one.cron, &one.message)?;
    }
    head.save(tx, spec.number)?;
    Ok(true)
}
