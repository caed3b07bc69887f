//! The fields of commands of topics.
//!
//! It runs nothing; what is too long or too large is refused here, before any commit.

use crate::base::{Error, Result};
use crate::collections::fields::Fields;
use crate::collections::raw::RawValue;
use crate::topics::group::GroupWishes;
use crate::topics::keys::Place;
use crate::topics::publish::lane;
use crate::topics::seek::From;
use crate::topics::settle::Verdict;
use crate::topics::spec::Wishes;
use crate::topics::{NewMessage, Settlement, PRIORITY_MAX};

/// Messages of one command.
const MESSAGES_MAX: usize = 10_000;

pub(super) fn topic(fields: &mut Fields<'_>) -> Result<u32> {
    fields.number_u32("topic")?.ok_or_else(|| fields.missing("topic"))
}

pub(super) fn desk(fields: &mut Fields<'_>) -> Result<(u32, u32)> {
    let topic = topic(fields)?;
    Ok((topic, fields.number_u32("group")?.ok_or_else(|| fields.missing("group"))?))
}

pub(super) fn member(fields: &mut Fields<'_>) -> Result<u64> {
    fields.number("member")?.filter(|member| *member > 0).ok_or_else(|| fields.missing("member"))
}

pub(in super::super) fn wishes(fields: &mut Fields<'_>) -> Result<Wishes> {
    Ok(Wishes {
        partitions: fields.number("partitions")?,
        age: fields.number("age")?,
        count: fields.number("count")?,
        bytes: fields.number("bytes")?,
        compact: if fields.has("compact") { Some(fields.flag("compact", false)?) } else { None },
        dedupe: fields.number("dedupe")?,
    })
}

pub(in super::super) fn group_wishes(fields: &mut Fields<'_>) -> Result<GroupWishes> {
    Ok(GroupWishes {
        ack: fields.number("ackDeadline")?,
        deliveries: fields.number("maxDeliveries")?,
        backoff: fields.number("backoff")?,
        backoff_max: fields.number("backoffMax")?,
        dead: fields.text("deadLetter")?.map(Into::into),
        paused: if fields.has("paused") { Some(fields.flag("paused", false)?) } else { None },
    })
}

pub(super) fn from(fields: &mut Fields<'_>) -> Result<From> {
    let (offset, time) = (fields.number("offset")?, fields.number("time")?);
    let text = fields.text("from")?;
    match (text.as_deref(), offset, time) {
        (Some("beginning"), None, None) => Ok(From::Beginning),
        (Some("end"), None, None) => Ok(From::End),
        (None, Some(offset), None) => Ok(From::Offset(offset)),
        (None, None, Some(time)) => Ok(From::Time(time)),
        _ => Err(fields.wrong("from", "'beginning' or 'end', or 'offset' or 'time' a number")),
    }
}

/// A message out of its JSON object.
pub(super) fn message(json: &[u8]) -> Result<NewMessage> {
    let mut fields = Fields::split(json, "publish: a message")?;
    let value = fields.raw("value").unwrap_or(b"null").to_vec();
    let headers = fields.raw("headers").map(<[u8]>::to_vec);
    let tagged = |json: &[u8]| json.windows(3).any(|part| part == b"{\"$");
    let extended = tagged(&value) || headers.as_deref().is_some_and(tagged);
    let message = NewMessage {
        lane: lane(fields.number("priority")?)?,
        key: fields.text("key")?.map(Into::into),
        id: fields.text("id")?.map(Into::into),
        delay: fields.number("delay")?.unwrap_or(0),
        headers,
        dead: None,
        value,
        extended,
    };
    fields.finish()?;
    message.check()?;
    Ok(message)
}

/// The messages of a command.
pub(super) fn messages(fields: &mut Fields<'_>) -> Result<Vec<NewMessage>> {
    let raw = fields.raw("messages").ok_or_else(|| fields.missing("messages"))?;
    let mut messages = Vec::new();
    for one in RawValue::new(raw).items() {
        if messages.len() >= MESSAGES_MAX {
            return Err(Error::invalid(format!("publish: a batch has at most {MESSAGES_MAX} messages: use several")));
        }
        messages.push(message(one.json())?);
    }
    Ok(messages)
}

/// Arrays of numbers, and `null` for none, with perhaps a text behind them.
fn rows(fields: &mut Fields<'_>, name: &str, length: usize) -> Result<Vec<Row>> {
    let Some(raw) = fields.raw(name) else { return Ok(Vec::new()) };
    let wrong = || Error::invalid(format!("'{name}' must be an array of arrays of {length} numbers"));
    let mut rows = Vec::new();
    for item in RawValue::new(raw).items() {
        let mut row = Row { numbers: Vec::with_capacity(length), text: "".into() };
        for cell in item.items() {
            match cell.as_str() {
                Some(text) => row.text = text.into(),
                None => row.numbers.push(std::str::from_utf8(cell.json()).ok().and_then(|cell| cell.parse().ok())),
            }
        }
        if row.numbers.len() != length || row.numbers.iter().take(3).any(Option::is_none) {
            return Err(wrong());
        }
        rows.push(row);
    }
    Ok(rows)
}

struct Row {
    numbers: Vec<Option<u64>>,
    text: Box<str>,
}

impl Row {
    fn number(&self, at: usize) -> Option<u64> {
        self.numbers.get(at).copied().flatten()
    }

    /// The place in the first three cells: partition, priority, offset.
    fn place(&self) -> Result<Place> {
        let small = |at: usize, max: u8| self.number(at).and_then(|n| u8::try_from(n).ok()).filter(|n| *n <= max);
        match (small(0, u8::MAX), small(1, PRIORITY_MAX), self.number(2)) {
            (Some(partition), Some(priority), Some(offset)) => {
                Ok(Place { lane: PRIORITY_MAX - priority, partition, offset })
            }
            _ => Err(Error::invalid("a message is named by its partition, its priority and its offset")),
        }
    }
}

/// The places of `messages`: arrays of partition, priority and offset.
pub(super) fn places(fields: &mut Fields<'_>) -> Result<Vec<Place>> {
    rows(fields, "messages", 3)?.iter().map(Row::place).collect()
}

/// What is said of messages: `ack`, `nack`, `extend` and `release`.
pub(super) fn settlements(fields: &mut Fields<'_>) -> Result<Vec<Settlement>> {
    let mut settlements = Vec::new();
    for (name, length) in [("ack", 4), ("nack", 5), ("extend", 5), ("release", 4)] {
        for row in rows(fields, name, length)? {
            let verdict = match name {
                "ack" => Verdict::Ack,
                "nack" => Verdict::Nack { delay: row.number(4), error: row.text.clone() },
                "extend" => Verdict::Extend(row.number(4).unwrap_or(0)),
                _ => Verdict::Release,
            };
            settlements.push(Settlement { place: row.place()?, count: row.number(3).unwrap_or(0), verdict });
        }
    }
    Ok(settlements)
}
