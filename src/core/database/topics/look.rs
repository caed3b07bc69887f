//! Reading topics: messages without a group, what is scheduled, how groups stand.
//!
//! It changes nothing.

use crate::base::Result;
use crate::collections::fields::Fields;
use crate::engine::{Read, Step};
use crate::topics::head::Head;
use crate::topics::message::Message;
use crate::topics::{clock, read, schedule, seek, spec, tally, PRIORITY_MAX};

use super::super::response::{write_list, ObjectWriter, Response};
use super::parse;
use super::turn::write_message;

/// Messages of one answer unless it says otherwise.
const PAGE: u64 = 256;
/// Scheduled messages in one answer.
const SCHEDULED_MAX: usize = 1000;

/// `topicRead`, `topicScheduled`, `topicStats` or `topics`.
pub(in super::super) enum TopicTask {
    Read(Page),
    Scheduled(u32),
    Stats(u32),
    All,
}

/// Which messages `topicRead` answers.
pub(in super::super) struct Page {
    topic: u32,
    from: seek::From,
    limit: usize,
}

impl TopicTask {
    /// Takes the fields of the command `op`; `None` if there is no such command.
    pub(in super::super) fn take(op: &str, fields: &mut Fields<'_>) -> Result<Option<(&'static str, Self)>> {
        Ok(Some(match op {
            "topicRead" => {
                let (topic, from) = (parse::topic(fields)?, parse::from(fields)?);
                let limit = usize::try_from(fields.number("limit")?.unwrap_or(PAGE).clamp(1, 10_000)).unwrap_or(1);
                ("topicRead", Self::Read(Page { topic, from, limit }))
            }
            "topicScheduled" => ("topicRead", Self::Scheduled(parse::topic(fields)?)),
            "topicStats" => ("topicStats", Self::Stats(parse::topic(fields)?)),
            "topics" => ("topicStats", Self::All),
            _ => return Ok(None),
        }))
    }

    /// `wall` is what the device believes the time is.
    pub(in super::super) fn step(&self, view: &dyn Read, wall: f64) -> Step<Response> {
        match self {
            Self::Read(page) => page.answer(view),
            Self::Scheduled(topic) => scheduled(view, *topic, wall),
            Self::Stats(topic) => stats(view, *topic),
            Self::All => {
                let names = spec::all(view)?;
                let mut json = Vec::new();
                write_list(&mut json, &names, |spec, out| {
                    crate::collections::json::write_string(&spec.name, out);
                });
                Ok(Response { json, extended: false })
            }
        }
    }
}

impl Page {
    fn answer(&self, view: &dyn Read) -> Step<Response> {
        spec::load(view, self.topic)?;
        let offset = match self.from {
            seek::From::Beginning => 0,
            seek::From::End => Head::load(view, self.topic)?.next,
            seek::From::Offset(offset) => offset,
            seek::From::Time(time) => seek::offset_at(view, self.topic, time)?,
        };
        let page = read::read(view, self.topic, offset, self.limit, |_| Ok(true))?;
        let (mut extended, mut damage) = (false, None);
        let mut answer = ObjectWriter::default();
        write_list(answer.field("messages"), &page.messages, |(place, bytes), out| match Message::decode(bytes) {
            Ok(message) => {
                let mut one = ObjectWriter::default();
                write_message(&mut one, *place, &message);
                extended |= message.extended;
                out.extend_from_slice(&one.finish().json);
            }
            Err(error) => damage = Some(error),
        });
        if let Some(error) = damage {
            return Err(error.into());
        }
        let now = clock::stored(view)?.map_or([0, 0], |stamp| [stamp.time, stamp.tick]);
        write_list(answer.field("clock"), &now, |number, out| out.extend_from_slice(number.to_string().as_bytes()));
        answer.number("next", page.next).flag("end", page.is_end).extended(extended);
        Ok(answer.finish())
    }
}

fn scheduled(view: &dyn Read, topic: u32, wall: f64) -> Step<Response> {
    spec::load(view, topic)?;
    let all = schedule::list(view, topic, SCHEDULED_MAX)?;
    let stamp = clock::stored(view)?;
    let now = stamp.map_or(0, |stamp| clock::whole(stamp.time as f64 + (wall - stamp.wall as f64).max(0.0)));
    let mut extended = false;
    let mut whole = ObjectWriter::default();
    write_list(whole.number("now", now).field("messages"), &all, |one, out| {
        let mut answer = ObjectWriter::default();
        answer.text("id", &one.id).number("due", one.due);
        if let Some(cron) = &one.cron {
            answer.text("cron", cron);
        }
        if let Some(key) = &one.message.key {
            answer.text("key", key);
        }
        answer.number("priority", PRIORITY_MAX.saturating_sub(one.message.lane).into());
        answer.raw("value", &one.message.value);
        extended |= one.message.extended;
        out.extend_from_slice(&answer.finish().json);
    });
    Ok(whole.extended(extended).finish())
}

fn stats(view: &dyn Read, topic: u32) -> Step<Response> {
    let (spec, head) = (spec::load(view, topic)?, Head::load(view, topic)?);
    let scheduled = schedule::list(view, topic, SCHEDULED_MAX)?.len() as u64;
    let groups = tally::groups(view, topic)?;
    let mut answer = ObjectWriter::default();
    answer.number("messages", head.count).number("bytes", head.bytes).number("next", head.next);
    answer.number("partitions", spec.partitions.into()).number("scheduled", scheduled);
    write_list(answer.field("groups"), &groups, |one, out| {
        let mut group = ObjectWriter::default();
        group.text("name", &one.group.name).number("lag", one.lag).number("inFlight", one.held);
        group.number("waiting", one.waiting).number("members", one.members).flag("paused", one.group.paused);
        if let Some(oldest) = one.oldest {
            group.number("oldest", oldest);
        }
        out.extend_from_slice(&group.finish().json);
    });
    Ok(answer.finish())
}
