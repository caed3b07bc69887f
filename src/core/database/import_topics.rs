//! The topics of a backup on their way back: lines become parts, and parts are committed in batches.
//!
//! A topic with the name of one in the backup is replaced as a whole: offsets of two topics cannot be mixed.

use crate::base::{Error, Result};
use crate::collections::fields::Fields;
use crate::collections::raw::RawValue;
use crate::engine::{Durability, Transaction};
use crate::topics::backup::{self, GroupPart, Later, Part, Restoring};
use crate::topics::clock::{self, Stamp};
use crate::topics::delivery::{Attempt, Record};
use crate::topics::keys::Place;
use crate::topics::NewMessage;

use super::handle::Database;
use super::topics::{group_wishes, timed, wishes};

/// About the text that one commit takes.
const BATCH_BYTES: usize = 256 << 10;

/// The topic whose lines are coming.
#[derive(Default)]
pub(super) struct TopicImport {
    at: Option<Restoring>,
    parts: Vec<Part>,
    bytes: usize,
    /// Topics and messages that came.
    pub(super) topics: u64,
    pub(super) messages: u64,
}

impl TopicImport {
    /// The clock of topics goes on behind where it was, so that no message is younger than now.
    pub(super) async fn clock(database: &Database, time: u64) -> Result<()> {
        database.0.topic_time().await?;
        let wall = clock::whole(database.0.platform.wall_ms());
        let work = timed(&database.0, move |tx: &mut dyn Transaction, now| {
            clock::advance(tx, Stamp { time: time.saturating_add(1).max(now), wall, tick: 0 }).map(drop)
        });
        database.0.engine.commit(Durability::Relaxed, work).await.map(drop)
    }

    /// Takes a line, if it is one of a topic.
    pub(super) async fn take(&mut self, database: &Database, fields: &mut Fields<'_>, length: usize) -> Result<bool> {
        if let Some(name) = fields.text("topic")?.map(String::from) {
            self.flush(database).await?;
            let (wishes, next) = (wishes(fields)?, fields.number("next")?.unwrap_or(0));
            let work = timed(&database.0, move |tx: &mut dyn Transaction, _| backup::begin(tx, &name, wishes, next));
            self.at = Some(database.0.engine.commit(Durability::Relaxed, work).await?.value);
            database.resume_upkeep();
            self.topics += 1;
            return Ok(true);
        }
        let Some(part) = part(fields)? else { return Ok(false) };
        if self.at.is_none() {
            return Err(Error::invalid("import: a line of a topic comes before its topic"));
        }
        self.messages += u64::from(matches!(part, Part::Message(..)));
        self.parts.push(part);
        self.bytes += length;
        if self.bytes >= BATCH_BYTES {
            self.flush(database).await?;
        }
        Ok(true)
    }

    /// Commits what came so far.
    pub(super) async fn flush(&mut self, database: &Database) -> Result<()> {
        let (Some(at), parts) = (self.at, std::mem::take(&mut self.parts)) else { return Ok(()) };
        self.bytes = 0;
        if parts.is_empty() {
            return Ok(());
        }
        let work = timed(&database.0, move |tx: &mut dyn Transaction, _| backup::restore(tx, at, &parts));
        self.at = Some(database.0.engine.commit(Durability::Relaxed, work).await?.value);
        Ok(())
    }
}

fn part(fields: &mut Fields<'_>) -> Result<Option<Part>> {
    if let Some(place) = take_place(fields, "message")? {
        let when = (fields.number("time")?.unwrap_or(0), fields.number("tick")?.unwrap_or(0));
        return Ok(Some(Part::Message(place, when, message(fields, place.lane)?)));
    }
    if let Some(due) = fields.number("scheduled")? {
        let lane = fields.number("lane")?.and_then(|lane| u8::try_from(lane).ok());
        let lane = lane.filter(|lane| *lane <= crate::topics::PRIORITY_MAX).ok_or_else(|| fields.missing("lane"))?;
        let (id, cron) = (fields.required_text("as")?.into(), fields.text("cron")?.map(Into::into));
        return Ok(Some(Part::Scheduled(Later { due, id, cron, message: message(fields, lane)? })));
    }
    if let Some(name) = fields.text("group")?.map(Into::into) {
        let (wishes, start) = (group_wishes(fields)?, fields.number("start")?.unwrap_or(0));
        let raw = fields.raw("frontiers").unwrap_or(b"[]");
        let frontiers: Option<Vec<_>> = RawValue::new(raw).items().map(|item| place(&item)).collect();
        let frontiers = frontiers.ok_or_else(|| fields.wrong("frontiers", "an array of places"))?;
        return Ok(Some(Part::Group(GroupPart { name, wishes, start, frontiers })));
    }
    if let Some(place) = take_place(fields, "delivery")? {
        return Ok(Some(Part::Delivery(place, record(fields)?)));
    }
    if let Some(hash) = fields.number("lock")? {
        let place = take_place(fields, "from")?.ok_or_else(|| fields.missing("from"))?;
        return Ok(Some(Part::Lock(hash, place)));
    }
    if let Some(hash) = fields.number("blocked")? {
        let place = take_place(fields, "at")?.ok_or_else(|| fields.missing("at"))?;
        return Ok(Some(Part::Blocked(hash, place, record(fields)?)));
    }
    Ok(None)
}

fn take_place(fields: &mut Fields<'_>, name: &str) -> Result<Option<Place>> {
    let Some(raw) = fields.raw(name) else { return Ok(None) };
    place(&RawValue::new(raw)).map(Some).ok_or_else(|| fields.wrong(name, "a place: [lane, partition, offset]"))
}

fn place(value: &RawValue<'_>) -> Option<Place> {
    let number = |cell: RawValue<'_>| std::str::from_utf8(cell.json()).ok().and_then(|text| text.parse::<u64>().ok());
    let numbers: Vec<u64> = value.items().map(number).collect::<Option<_>>()?;
    match numbers[..] {
        [lane, partition, offset] => {
            Some(Place { lane: u8::try_from(lane).ok()?, partition: u8::try_from(partition).ok()?, offset })
        }
        _ => None,
    }
}

fn message(fields: &mut Fields<'_>, lane: u8) -> Result<NewMessage> {
    Ok(NewMessage {
        lane,
        key: fields.text("key")?.map(Into::into),
        id: fields.text("id")?.map(Into::into),
        headers: fields.raw("headers").map(<[u8]>::to_vec),
        dead: fields.raw("dead").map(<[u8]>::to_vec),
        extended: fields.flag("tagged", false)?,
        value: fields.raw("value").unwrap_or(b"null").to_vec(),
        delay: 0,
    })
}

fn record(fields: &mut Fields<'_>) -> Result<Record> {
    let (count, due, hash) =
        (fields.number("count")?.unwrap_or(0), fields.number("due")?.unwrap_or(0), fields.number("hash")?);
    let mut record = Record { member: 0, count, due, hash, history: Vec::new() };
    let raw = fields.raw("history").unwrap_or(b"[]");
    for item in RawValue::new(raw).items() {
        let mut cells = item.items();
        let at = cells.next().and_then(|cell| std::str::from_utf8(cell.json()).ok().and_then(|text| text.parse().ok()));
        let error = cells.next().and_then(|cell| cell.as_str().map(Box::<str>::from));
        let (Some(at), Some(error)) = (at, error) else {
            return Err(fields.wrong("history", "an array of [time, error]"));
        };
        record.history.push(Attempt { at, error });
    }
    Ok(record)
}
