//! Handing messages out: first what is due again, then what nobody has looked at, urgent ones first, every partition in turn.
//!
//! Whoever asks gets messages; there is no assignment of partitions to members that could be out of date.

use crate::base::planted::{planted, Bug};
use crate::base::sort;
use crate::engine::{Direction, Read, Step, Transaction};

use super::delivery::{Line, Record};
use super::desk::Desk;
use super::head::Head;
use super::keys::{self, Place};
use super::message::Message;
use super::order::{self, BLOCKED_MAX};
use super::schedule::{self, Scheduled};
use super::{retain, spec};

/// Messages that are due again and looked at in one commit.
const DUE_MAX: usize = 1024;
/// Messages that are passed over in one commit because others have their key.
const SKIPPED_MAX: usize = 1024;
/// Bytes after which no more is handed out in one commit.
const BYTES_MAX: usize = 4 << 20;

/// What a member is given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// Where it stands.
    pub place: Place,
    /// How often it has been handed out: with the member, the token of this delivery.
    pub count: u64,
    /// The stored message.
    pub message: Vec<u8>,
}

/// What [`fetch`] found.
#[derive(Debug, Default)]
pub struct Fetched {
    /// What the member holds from now on.
    pub deliveries: Vec<Delivery>,
    /// Whether it ended because one commit does no more: there may be further ones at once.
    pub more: bool,
    /// Repeated messages that are due: somebody must say when the next time is.
    pub crons: Vec<Scheduled>,
}

struct Hand<'a> {
    desk: &'a mut Desk,
    member: u64,
    max: usize,
    bytes: usize,
    skipped: usize,
    given: Vec<Delivery>,
}

/// Hands up to `max` messages to `member`; publishes scheduled ones that are due, and takes back what was held too long.
pub fn fetch(tx: &mut dyn Transaction, desk: &mut Desk, member: u64, max: usize) -> Step<Fetched> {
    let spec = spec::load(tx, desk.spec.number)?;
    let mut head = Head::load(tx, spec.number)?;
    let before = head.clone();
    let crons = schedule::promote(tx, &spec, &mut head, desk.now)?;
    retain::apply(tx, &spec, &mut head, desk.now, 0)?;
    if head != before {
        head.save(tx, spec.number)?;
    }
    if desk.group.paused {
        return Ok(Fetched { crons, ..Fetched::default() });
    }
    let again = take_back(tx, desk)?;
    let mut hand = Hand { desk, member, max, bytes: 0, skipped: 0, given: Vec::new() };
    let mut again = again.into_iter().peekable();
    let mut streams = head.streams.as_slice();
    while let Some(first) = streams.first() {
        while let Some((place, record)) = again.next_if(|(place, _)| hand.has_room() && place.lane <= first.lane) {
            hand.give_again(tx, place, record)?;
        }
        let end = streams.iter().position(|one| one.lane != first.lane).unwrap_or(streams.len());
        let (lane, rest) = streams.split_at(end);
        hand.give_new(tx, lane)?;
        streams = rest;
    }
    for (place, record) in again {
        if hand.has_room() {
            hand.give_again(tx, place, record)?;
        } else {
            hand.desk.progress.due_floor = hand.desk.progress.due_floor.min(record.due);
        }
    }
    Ok(Fetched { more: hand.is_cut_short(), deliveries: hand.given, crons })
}

/// What is due: of messages that were held too long the lease ends; all that may be handed out again, urgent ones first.
fn take_back(tx: &mut dyn Transaction, desk: &mut Desk) -> Step<Vec<(Place, Record)>> {
    let (topic, group) = desk.numbers();
    let mut due = Vec::new();
    let early = if planted(Bug::TakeBackEarly) { 1_000_000 } else { 0 };
    let end = desk.now.saturating_add(1).saturating_add(early);
    let floor = desk.progress.due_floor;
    let mut is_all = true;
    for held in [true, false] {
        let mut found = Vec::new();
        let mut cursor = tx.cursor(keys::due_between(topic, group, held, floor, Some(end)), Direction::Forward);
        while found.len() < DUE_MAX && cursor.advance()? {
            found.extend(keys::read_due(cursor.key()).map(|(time, place)| (held, time, place)));
        }
        is_all &= found.len() < DUE_MAX;
        due.extend(found);
    }
    // Whatever comes into line from now on is due at the time of its commit or later, which is not before this one.
    if is_all {
        desk.progress.due_floor = desk.now;
    }
    let mut again = Vec::new();
    for (held, time, place) in due {
        let Some(record) = desk.record(tx, place)? else {
            tx.delete(&keys::due(topic, group, held, time, place))?;
            continue;
        };
        if record.member == 0 {
            again.push((place, record));
        } else if !planted(Bug::LoseExpired) {
            desk.fail(tx, place, record, "it was not acknowledged in time", Some(0))?;
            let waits = desk.record(tx, place)?;
            again.extend(waits.filter(|record| record.member == 0).map(|record| (place, record)));
        }
    }
    sort::sort_by_key(&mut again, |(place, _)| place.lane);
    Ok(again)
}

impl Hand<'_> {
    fn has_room(&self) -> bool {
        self.given.len() < self.max && self.bytes < BYTES_MAX
    }

    /// Whether what one commit may do ended it. (Where too many wait for their keys, another look would find no more.)
    fn is_cut_short(&self) -> bool {
        let skipped = self.skipped >= SKIPPED_MAX && self.desk.progress.blocked < BLOCKED_MAX;
        self.bytes >= BYTES_MAX || skipped
    }

    fn give(
        &mut self,
        tx: &mut dyn Transaction,
        place: Place,
        record: Record,
        before: Option<Line>,
        message: Vec<u8>,
    ) -> Step<()> {
        let due = self.desk.now.saturating_add(self.desk.group.ack);
        let record = Record { member: self.member, count: record.count.saturating_add(1), due, ..record };
        self.desk.put(tx, place, &record, before)?;
        self.bytes += message.len();
        self.given.push(Delivery { place, count: record.count, message });
        Ok(())
    }

    /// Hands out what waited; what is not kept any more is done.
    fn give_again(&mut self, tx: &mut dyn Transaction, place: Place, record: Record) -> Step<()> {
        let mut message = Vec::new();
        if !tx.get(&keys::message(self.desk.spec.number, place), &mut message)? {
            return self.desk.finish(tx, place, &record);
        }
        let before = Some(record.line());
        self.give(tx, place, record, before, message)
    }

    /// Hands out what nobody has looked at, of the lane's partitions in turn.
    fn give_new(&mut self, tx: &mut dyn Transaction, lane: &[Place]) -> Step<()> {
        let count = lane.len().max(1);
        let start = usize::try_from(self.desk.now).unwrap_or(0) % count;
        loop {
            let before = (self.given.len(), self.skipped);
            for at in 0..count {
                if !self.has_room() {
                    return Ok(());
                }
                let quota = (self.max - self.given.len()).div_ceil(count - at);
                if let Some(first) = lane.get((start + at) % count) {
                    self.give_from(tx, self.desk.progress.frontier(*first), quota)?;
                }
            }
            if before == (self.given.len(), self.skipped) {
                return Ok(());
            }
        }
    }

    fn give_from(&mut self, tx: &mut dyn Transaction, from: Place, quota: usize) -> Step<()> {
        let topic = self.desk.spec.number;
        let (mut found, mut bytes) = (Vec::new(), self.bytes);
        let mut cursor = tx.cursor(keys::messages_from(topic, from), Direction::Forward);
        while found.len() < quota && bytes < BYTES_MAX && cursor.advance()? {
            bytes += cursor.value().len();
            found.extend(Place::at_end(cursor.key()).map(|place| (place, cursor.value().to_vec())));
        }
        drop(cursor);
        for (place, message) in found {
            let key = Message::decode(&message)?.key;
            let hash = key.map(|key| order::hash(place.lane, key));
            let record = Record { hash, ..Record::default() };
            match hash {
                Some(hash) if !order::lock(tx, self.desk, hash, place)? => {
                    if self.desk.progress.blocked >= BLOCKED_MAX || self.skipped >= SKIPPED_MAX {
                        return Ok(());
                    }
                    self.skipped += 1;
                    order::block(tx, self.desk, hash, place, &record)?;
                }
                _ => self.give(tx, place, record, None, message)?,
            }
            self.desk.progress.advance(place.next());
        }
        Ok(())
    }
}

/// When something of the group may happen by itself: a wait ends, a scheduled message is due, or a lease has ended. Of leases only the
/// latest time is told: to find the first one would be to walk over all that were acknowledged. In a group that is paused only
/// scheduled messages do anything.
pub fn next_due(view: &dyn Read, desk: &Desk) -> Step<Option<u64>> {
    let (topic, group) = desk.numbers();
    let head = Head::load(view, topic)?;
    let scheduled = if head.scheduled == 0 { None } else { schedule::next_due(view, topic, &head)? };
    if desk.group.paused {
        return Ok(scheduled);
    }
    let waiting = keys::due_between(topic, group, false, desk.progress.due_floor, None);
    let mut cursor = view.cursor(waiting, Direction::Forward);
    let due = if cursor.advance()? { keys::read_due(cursor.key()).map(|(time, _)| time) } else { None };
    drop(cursor);
    let leases = (desk.progress.held > 0).then(|| desk.now.saturating_add(desk.group.ack));
    Ok(due.into_iter().chain(scheduled).chain(leases).min())
}
