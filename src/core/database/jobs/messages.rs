//! Topics as sources of jobs: messages as the rows that a pipeline or a map function sees, up to where the topic ended when the
//! run began.
//!
//! It holds nobody's place in the topic: a job is no consumer, and acknowledges nothing.

use crate::base::{Error, Result};
use crate::collections::{json, Value};
use crate::engine::{Read, Step, Transaction};
use crate::jobs::map::{handed_rows, PageEnd};
use crate::jobs::run::{Start, TopicNow};
use crate::jobs::{Definition, Record};
use crate::topics::head::Head;
use crate::topics::keys::Place;
use crate::topics::message::Message;
use crate::topics::{read, spec, PRIORITY_MAX};

use super::super::response::ObjectWriter;

/// Most messages of one page: it is read in one go.
const MESSAGES_MAX: usize = 1_000;

/// A page of messages.
pub(super) struct MessagePage {
    pub(super) page: PageEnd,
    /// Each with its offset.
    pub(super) messages: Vec<(Place, Vec<u8>)>,
}

/// Looks where the topic of a job stands, if it has one.
///
/// # Errors
/// `Invalid`, reason `unknown-topic`.
pub(super) fn look(tx: &dyn Transaction, start: &mut Start) -> Step<()> {
    if start.definition.topic {
        let name = &start.definition.from;
        let number = spec::number(tx, name)?
            .ok_or_else(|| Error::invalid(format!("job: there is no topic '{name}'")).with_reason("unknown-topic"))?;
        let head = Head::load(tx, number)?;
        start.topic = Some(TopicNow { number, count: head.count, next: head.next });
    }
    Ok(())
}

/// Whether the topic that is read is still the one that the run began with.
pub(super) fn is_there(view: &dyn Read, record: &Record, definition: &Definition) -> Step<bool> {
    Ok(!definition.topic || spec::number(view, &definition.from)? == Some(record.source))
}

/// The page behind the record's cursor, or behind a page that was read before.
pub(super) fn page(
    view: &dyn Read,
    record: &Record,
    definition: &Definition,
    limit: Option<u64>,
    after: Option<&[u8]>,
) -> Step<MessagePage> {
    let from = offset_of(after.unwrap_or(&record.cursor))?;
    let max = usize::try_from(handed_rows(definition, limit)).unwrap_or(usize::MAX).min(MESSAGES_MAX);
    let found = read::read(view, record.source, from, max, |_| Ok(true))?;
    let mut page = PageEnd { last: found.next.to_string().into_bytes(), ..PageEnd::default() };
    page.end = found.is_end || found.next >= definition.until;
    let mut messages = found.messages;
    // What came after the run began is for the next one.
    messages.retain(|(place, _)| place.offset < definition.until);
    page.rows = messages.len() as u64;
    page.bytes = messages.iter().map(|(_, bytes)| bytes.len() as u64).sum();
    Ok(MessagePage { page, messages })
}

fn offset_of(cursor: &[u8]) -> Result<u64> {
    if cursor.is_empty() {
        return Ok(0);
    }
    let number = std::str::from_utf8(cursor).ok().and_then(|text| text.parse().ok());
    number.ok_or_else(|| Error::invalid("job: the token is not one of this job"))
}

impl MessagePage {
    /// The messages as trees, each under its offset.
    pub(super) fn rows(&self) -> Result<Vec<(Box<str>, Value)>> {
        let row = |(place, bytes): &(Place, Vec<u8>)| {
            let mut text = Vec::new();
            write(*place, &Message::decode(bytes)?, &mut text);
            Ok((place.offset.to_string().into(), json::parse(&text)?))
        };
        self.messages.iter().map(row).collect()
    }

    /// Appends them as a JSON array.
    pub(super) fn write(&self, out: &mut Vec<u8>) -> Result<()> {
        out.push(b'[');
        for (at, (place, bytes)) in self.messages.iter().enumerate() {
            if at > 0 {
                out.push(b',');
            }
            write(*place, &Message::decode(bytes)?, out);
        }
        out.push(b']');
        Ok(())
    }
}

/// A message as jobs see it: the fields of a message that was read, its time as a date.
fn write(place: Place, message: &Message<'_>, out: &mut Vec<u8>) {
    let mut one = ObjectWriter::default();
    one.number("offset", place.offset).number("partition", place.partition.into());
    one.number("priority", PRIORITY_MAX.saturating_sub(place.lane).into());
    one.raw("timestamp", format!("{{\"$date\":{}}}", message.time).as_bytes());
    for (name, text) in [("key", message.key), ("id", message.id)] {
        if let Some(text) = text {
            one.text(name, text);
        }
    }
    one.raw("headers", message.headers.unwrap_or(b"{}"));
    if let Some(dead) = message.dead {
        one.raw("dead", dead);
    }
    one.raw("value", message.value);
    out.extend_from_slice(&one.finish().json);
}
