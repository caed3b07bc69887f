//! Topics as they are put back from a backup: messages at the places where they were, groups where they had got to.
//!
//! It reads no text: lines are the database floor's. Who held what is not put back: what was held comes again.

use crate::base::planted::{planted, Bug};
use crate::base::{write_varint, Error, Result};
use crate::engine::{Step, Transaction};

use super::change::PREFIX;
use super::delivery::Record;
use super::desk::Progress;
use super::group::{self, Group, GroupWishes};
use super::head::Head;
use super::keys::{self, Place};
use super::message::NewMessage;
use super::spec::{self, Spec, Wishes};
use super::{gone, schedule, PRIORITY_MAX};

/// A message that is due later, once or again and again.
#[derive(Clone, Debug, PartialEq)]
pub struct Later {
    /// When it is due, by the clock of topics.
    pub due: u64,
    /// By which it can be cancelled.
    pub id: Box<str>,
    /// What says when it comes again.
    pub cron: Option<Box<str>>,
    /// The message.
    pub message: NewMessage,
}

/// A group and where it got to.
#[derive(Clone, Debug, PartialEq)]
pub struct GroupPart {
    /// Its name.
    pub name: Box<str>,
    /// How it treats messages.
    pub wishes: GroupWishes,
    /// Where lanes and partitions begin that are not in `frontiers`.
    pub start: u64,
    /// Of each lane and partition the place of the first message that was never looked at.
    pub frontiers: Vec<Place>,
}

/// A part of a topic.
#[derive(Clone, Debug, PartialEq)]
pub enum Part {
    /// A message, and when it was published: the millisecond, and which commit of it.
    Message(Place, (u64, u64), NewMessage),
    /// A message that waits for its time.
    Scheduled(Later),
    /// A group.
    Group(GroupPart),
    /// Of the group before: a message that was handed out and is not done.
    Delivery(Place, Record),
    /// Of the group before: a message key with a message that is not done, and from where others of it may wait.
    Lock(u64, Place),
    /// Of the group before: a message that waits for another with its key.
    Blocked(u64, Place, Record),
}

/// A topic that is being put back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Restoring {
    /// Its number.
    pub topic: u32,
    /// The group whose parts are coming; 0 before the first.
    pub group: u32,
}

/// Makes room for a topic: one with its name is dropped. `next` is the offset of its next message.
///
/// # Errors
/// As [`spec::open`].
pub fn begin(tx: &mut dyn Transaction, name: &str, wishes: Wishes, next: u64) -> Step<Restoring> {
    gone::drop_topic(tx, name)?;
    let spec = spec::open(tx, name, wishes)?;
    if let Some(collection) = name.strip_prefix(PREFIX) {
        tx.put(&keys::feed(collection), &spec.number.to_le_bytes())?;
    }
    Head { next, id_floor: u64::MAX, ..Head::default() }.save(tx, spec.number)?;
    Ok(Restoring { topic: spec.number, group: 0 })
}

/// Puts parts back, in the order of the backup. Answers where it is.
///
/// # Errors
/// `Invalid` for a place that the topic cannot have, and for a part of a group without a group.
pub fn restore(tx: &mut dyn Transaction, at: Restoring, parts: &[Part]) -> Step<Restoring> {
    let spec = spec::load(tx, at.topic)?;
    let mut head = Head::load(tx, at.topic)?;
    let mut at = at;
    let mut desk = load_desk(tx, at)?;
    for part in parts {
        match part {
            Part::Message(place, when, message) => put_message(tx, &spec, &mut head, (*place, *when), message)?,
            Part::Scheduled(Later { due, id, cron, message }) => {
                message.check()?;
                schedule::put_back(tx, &spec, &mut head, *due, (id.clone(), cron.clone()), message)?;
            }
            Part::Group(GroupPart { name, wishes, start, frontiers }) => {
                save_desk(tx, at, desk.take())?;
                let group: Group = group::open(tx, &spec, name, wishes)?.0;
                at.group = group.number;
                frontiers.iter().try_for_each(|place| check(&spec, *place))?;
                let progress = Progress { start: *start, frontiers: frontiers.clone(), ..Progress::default() };
                desk = Some(if planted(Bug::ForgetGroupPosition) { Progress::default() } else { progress });
            }
            Part::Delivery(place, record) => {
                check(&spec, *place)?;
                open(desk.as_mut())?;
                tx.put(&keys::delivery(at.topic, at.group, *place), &record.encode())?;
                tx.put(&keys::due(at.topic, at.group, false, record.due, *place), &[])?;
            }
            Part::Lock(hash, place) => {
                open(desk.as_mut())?;
                tx.put(&keys::lock(at.topic, at.group, *hash), &place.bytes())?;
            }
            Part::Blocked(hash, place, record) => {
                check(&spec, *place)?;
                let progress = open(desk.as_mut())?;
                progress.blocked = progress.blocked.saturating_add(1);
                tx.put(&keys::blocked(at.topic, at.group, *hash, *place), &record.encode())?;
            }
        }
    }
    save_desk(tx, at, desk)?;
    head.save(tx, at.topic)?;
    Ok(at)
}

fn load_desk(tx: &dyn Transaction, at: Restoring) -> Step<Option<Progress>> {
    Ok(if at.group == 0 { None } else { Some(Progress::load(tx, at.topic, at.group)?) })
}

fn save_desk(tx: &mut dyn Transaction, at: Restoring, desk: Option<Progress>) -> Step<()> {
    match desk {
        Some(progress) => progress.save(tx, at.topic, at.group),
        None => Ok(()),
    }
}

fn open(desk: Option<&mut Progress>) -> Result<&mut Progress> {
    desk.ok_or_else(|| Error::invalid("import: a part of a group comes before its group"))
}

fn check(spec: &Spec, place: Place) -> Result<()> {
    if place.lane > PRIORITY_MAX || place.partition >= spec.partitions {
        return Err(Error::invalid(format!("import: topic '{}' has no such place", spec.name)));
    }
    Ok(())
}

fn put_message(
    tx: &mut dyn Transaction,
    spec: &Spec,
    head: &mut Head,
    (place, (time, tick)): (Place, (u64, u64)),
    message: &NewMessage,
) -> Step<()> {
    check(spec, place)?;
    if place.offset >= head.next {
        return Err(Error::invalid("import: a message stands behind the end of its topic").into());
    }
    let bytes = message.encode(time, tick);
    tx.put(&keys::message(spec.number, place), &bytes)?;
    head.grow(bytes.len());
    head.cover(place);
    if let Some(id) = message.id.as_deref().filter(|_| spec.dedupe > 0) {
        let mut when = Vec::new();
        write_varint(&mut when, time);
        tx.put(&keys::id(spec.number, id), &when)?;
        tx.put(&keys::id_by_time(spec.number, time, id), &[])?;
        head.id_floor = head.id_floor.min(time);
    }
    if let Some(key) = message.key.as_deref().filter(|_| spec.compact) {
        let name = keys::newest(spec.number, key);
        let mut known = Vec::new();
        let is_known = tx.get(&name, &mut known)?;
        if !is_known || Place::at_end(&known).is_none_or(|known| known.offset < place.offset) {
            tx.put(&name, &place.bytes())?;
        }
    }
    Ok(())
}
