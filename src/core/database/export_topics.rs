//! The topics of a backup: each as a line, then its messages, what is scheduled, and its groups with where they are.
//!
//! It writes no trailer; `export.rs` does. What members hold is written as what waits: nobody holds it in another database.

use std::rc::Rc;

use crate::base::{Error, Result};
use crate::collections::json::write_string;
use crate::engine::{Direction, KeyRange, Read, Step};
use crate::topics::delivery::Record;
use crate::topics::desk::Progress;
use crate::topics::group::{self, Group};
use crate::topics::head::Head;
use crate::topics::keys::{self, Place};
use crate::topics::message::Message;
use crate::topics::schedule::Scheduled;
use crate::topics::spec::{self, Spec};

use super::export::{push_line, CHUNK_BYTES};
use super::response::{write_list, ObjectWriter};
use super::topics::write_labels;

/// What is written next: a line, or all lines of a range.
#[derive(Clone)]
pub(super) enum Section {
    Topic(Rc<Spec>),
    Messages(u32),
    Scheduled(u32),
    Group(u32, Rc<Group>),
    Deliveries(u32, u32),
    Locks(u32, u32),
    Blocked(u32, u32),
}

/// All there is to write of topics, and how many there are.
pub(super) fn sections(view: &dyn Read) -> Step<(Rc<[Section]>, u64)> {
    let (mut sections, all) = (Vec::new(), spec::all(view)?);
    let count = all.len() as u64;
    for one in all {
        let topic = one.number;
        sections.extend([Section::Topic(Rc::new(one)), Section::Messages(topic), Section::Scheduled(topic)]);
        for group in group::all(view, topic)? {
            let number = group.number;
            sections.push(Section::Group(topic, Rc::new(group)));
            sections.extend([
                Section::Deliveries(topic, number),
                Section::Locks(topic, number),
                Section::Blocked(topic, number),
            ]);
        }
    }
    Ok((sections.into(), count))
}

impl Section {
    /// Appends its lines behind the key `last` until the chunk is full, and counts messages. Answers whether those were the last ones.
    pub(super) fn write(
        &self,
        view: &dyn Read,
        last: &mut Vec<u8>,
        chunk: &mut Vec<u8>,
        messages: &mut u64,
    ) -> Step<bool> {
        let range = match self {
            Self::Topic(spec) => {
                let next = Head::load(view, spec.number)?.next;
                push_line(chunk, &topic_line(spec, next));
                return Ok(true);
            }
            Self::Group(topic, group) => {
                let progress = Progress::load(view, *topic, group.number)?;
                push_line(chunk, &group_line(group, &progress));
                return Ok(true);
            }
            Self::Messages(topic) => keys::all_messages(*topic),
            Self::Scheduled(topic) => keys::scheduled_between(*topic, 0, None),
            Self::Deliveries(topic, group) => keys::deliveries(*topic, *group),
            Self::Locks(topic, group) => keys::locks(*topic, *group),
            Self::Blocked(topic, group) => keys::all_blocked(*topic, *group),
        };
        let range = if last.is_empty() { range } else { KeyRange { start: [last, &[0][..]].concat(), ..range } };
        let mut cursor = view.cursor(range, Direction::Forward);
        while cursor.advance()? {
            push_line(chunk, &self.line(cursor.key(), cursor.value())?);
            *messages += u64::from(matches!(self, Self::Messages(_)));
            last.clear();
            last.extend_from_slice(cursor.key());
            if chunk.len() >= CHUNK_BYTES {
                return Ok(false);
            }
        }
        last.clear();
        Ok(true)
    }

    /// A key and its value as a line.
    fn line(&self, key: &[u8], value: &[u8]) -> Result<Vec<u8>> {
        let mut line = ObjectWriter::default();
        let damaged = || Error::corrupt("a topic's key makes no sense");
        let place = || Place::at_end(key).ok_or_else(damaged);
        match self {
            Self::Topic(_) | Self::Group(..) => {}
            Self::Messages(_) => {
                let message = Message::decode(value)?;
                write_place(place()?, line.field("message"));
                line.number("time", message.time);
                if message.tick > 0 {
                    line.number("tick", message.tick);
                }
                write_message(&message, &mut line);
            }
            Self::Scheduled(_) => {
                let one = Scheduled::decode(key, value)?;
                line.number("scheduled", one.due).number("lane", one.message.lane.into()).text("as", &one.id);
                if let Some(cron) = &one.cron {
                    line.text("cron", cron);
                }
                write_message(&Message::decode(&one.message.encode(0, 0))?, &mut line);
            }
            Self::Deliveries(..) => {
                write_place(place()?, line.field("delivery"));
                write_record(&Record::decode(value)?, &mut line);
            }
            Self::Locks(..) => {
                line.number("lock", hash_of(key)?);
                write_place(Place::at_end(value).ok_or_else(damaged)?, line.field("from"));
            }
            Self::Blocked(..) => {
                line.number("blocked", hash_of(key)?);
                write_place(place()?, line.field("at"));
                write_record(&Record::decode(value)?, &mut line);
            }
        }
        Ok(line.finish().json)
    }
}

/// The hash of a message key in a key of the engine.
fn hash_of(key: &[u8]) -> Result<u64> {
    let bytes = key.get(10..18).and_then(|bytes| bytes.try_into().ok());
    bytes.map(u64::from_be_bytes).ok_or_else(|| Error::corrupt("a topic's key makes no sense"))
}

fn write_place(Place { lane, partition, offset }: Place, out: &mut Vec<u8>) {
    out.extend_from_slice(format!("[{lane},{partition},{offset}]").as_bytes());
}

fn write_message(message: &Message<'_>, line: &mut ObjectWriter) {
    write_labels(line, message);
    if message.extended {
        line.flag("tagged", true);
    }
    line.raw("value", message.value);
}

/// Of a message that somebody holds: it may be handed out again at once.
fn write_record(record: &Record, line: &mut ObjectWriter) {
    line.number("count", record.count).number("due", if record.member == 0 { record.due } else { 0 });
    if let Some(hash) = record.hash {
        line.number("hash", hash);
    }
    write_list(line.field("history"), &record.history, |attempt, out| {
        out.extend_from_slice(format!("[{},", attempt.at).as_bytes());
        write_string(&attempt.error, out);
        out.push(b']');
    });
}

fn topic_line(spec: &Spec, next: u64) -> Vec<u8> {
    let mut line = ObjectWriter::default();
    line.text("topic", &spec.name).number("partitions", spec.partitions.into()).number("age", spec.age);
    line.number("count", spec.count).number("bytes", spec.bytes).flag("compact", spec.compact);
    line.number("dedupe", spec.dedupe).number("next", next);
    line.finish().json
}

fn group_line(group: &Group, progress: &Progress) -> Vec<u8> {
    let mut line = ObjectWriter::default();
    line.text("group", &group.name).number("ackDeadline", group.ack).number("maxDeliveries", group.deliveries);
    line.number("backoff", group.backoff).number("backoffMax", group.backoff_max).text("deadLetter", &group.dead);
    line.flag("paused", group.paused).number("start", progress.start);
    write_list(line.field("frontiers"), &progress.frontiers, |place, out| write_place(*place, out));
    line.finish().json
}
