//! Commands of topics: what changes them is here and in `turn.rs`, what reads them in `look.rs`, what is told of commits in `news.rs`.
//!
//! It decides nothing about messages; the topics floor does.

mod look;
mod news;
mod parse;
mod turn;

use std::rc::Rc;

use crate::base::{Error, Result};
use crate::collections::fields::Fields;
use crate::engine::{Durability, Step, Transaction};
use crate::topics::clock::{self, TopicClock};
use crate::topics::desk::Desk;
use crate::topics::group::{self, Group};
use crate::topics::spec::{self, Spec};
use crate::topics::{change, dead, gone, publish, schedule, seek, NewMessage, Published};

use super::handle::{Database, Shared};
use super::response::{write_list, ObjectWriter, Response};

pub(super) use look::TopicTask;
pub(super) use parse::{group_wishes, wishes};
pub(super) use turn::{write_labels, Deferred};

/// Commands of topics that change something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TopicCall {
    Open,
    Publish,
    Group,
    /// Settles, and asks for messages.
    Turn,
    Evict,
    Seek,
    Schedule,
    Cancel,
    Fire,
    Requeue,
    Remove,
    Follow,
    Drop,
    DropGroup,
}

impl TopicCall {
    pub(super) fn named(op: &str) -> Option<Self> {
        Some(match op {
            "topicOpen" => Self::Open,
            "topicPublish" => Self::Publish,
            "topicGroup" => Self::Group,
            "topicTurn" => Self::Turn,
            "topicEvict" => Self::Evict,
            "topicSeek" => Self::Seek,
            "topicSchedule" => Self::Schedule,
            "topicCancel" => Self::Cancel,
            "topicFire" => Self::Fire,
            "topicRequeue" => Self::Requeue,
            "topicRemove" => Self::Remove,
            "topicFollow" => Self::Follow,
            "topicDrop" => Self::Drop,
            "topicDropGroup" => Self::DropGroup,
            _ => return None,
        })
    }
}

/// The time of a commit, for the closures that run in it.
pub(in super::super) fn timed<T>(
    shared: &Rc<Shared>,
    mut work: impl FnMut(&mut dyn Transaction, u64) -> Step<T>,
) -> impl FnMut(&mut dyn Transaction) -> Step<T> {
    let (clock, platform) = (Rc::clone(&shared.topic_clock), Rc::clone(&shared.platform));
    move |tx| {
        let now = clock::advance(tx, clock.now(&*platform))?;
        work(tx, now)
    }
}

impl Shared {
    /// Sets the clock of topics, once: by what is stored.
    pub(super) async fn topic_time(&self) -> Result<&TopicClock> {
        if !self.topic_clock.is_set() {
            let stored = self.look(clock::stored).await?;
            if !self.topic_clock.is_set() {
                self.topic_clock.set(stored, &*self.platform);
            }
        }
        Ok(&self.topic_clock)
    }
}

impl Database {
    pub(super) async fn topic_call(
        &self,
        call: TopicCall,
        mut fields: Fields<'_>,
        durability: Durability,
    ) -> Result<Response> {
        self.0.topic_time().await?;
        match call {
            TopicCall::Open => self.topic_open(fields, durability).await,
            TopicCall::Publish => {
                let topic = parse::topic(&mut fields)?;
                let messages = parse::messages(&mut fields)?;
                fields.finish()?;
                self.topic_publish(topic, messages, durability).await
            }
            TopicCall::Group => self.topic_group(fields, durability).await,
            TopicCall::Turn => self.topic_turn(fields, durability).await,
            TopicCall::Evict => {
                let desk = parse::desk(&mut fields)?;
                let member = parse::member(&mut fields)?;
                fields.finish()?;
                let seed = self.0.platform.next_u64();
                self.topic_count("evicted", durability, move |tx, now| {
                    let mut desk = Desk::open(tx, desk, now, seed)?;
                    let count = desk.evict(tx, member)?;
                    desk.close(tx)?;
                    Ok(count)
                })
                .await
            }
            TopicCall::Seek => {
                let (desk, from) = (parse::desk(&mut fields)?, parse::from(&mut fields)?);
                fields.finish()?;
                self.topic_count("sought", durability, move |tx, now| {
                    let mut desk = Desk::open(tx, desk, now, 0)?;
                    seek::seek(tx, &mut desk, from)?;
                    desk.close(tx)?;
                    Ok(1)
                })
                .await
            }
            TopicCall::Requeue | TopicCall::Remove => {
                let (topic, places) = (parse::topic(&mut fields)?, parse::places(&mut fields)?);
                fields.finish()?;
                let seed = self.0.platform.next_u64();
                let is_requeue = call == TopicCall::Requeue;
                self.topic_count(if is_requeue { "requeued" } else { "removed" }, durability, move |tx, now| {
                    if is_requeue {
                        dead::requeue(tx, topic, &places, now, seed)
                    } else {
                        dead::remove(tx, topic, &places)
                    }
                })
                .await
            }
            TopicCall::Schedule | TopicCall::Cancel | TopicCall::Fire => {
                self.topic_schedule(call, fields, durability).await
            }
            TopicCall::Drop | TopicCall::DropGroup => self.topic_drop(call, fields, durability).await,
            TopicCall::Follow => {
                let collection: Box<str> = fields.required_text("collection")?.into();
                let wishes = parse::wishes(&mut fields)?;
                fields.finish()?;
                crate::collections::catalog::check_collection_name(&collection)?;
                let known = self.0.look(|view| change::topic_of(view, &collection)).await?;
                let follow = move |tx: &mut dyn Transaction, _| change::follow(tx, &collection, wishes);
                let topic = match known {
                    Some(topic) => topic,
                    None => self.0.engine.commit(durability, timed(&self.0, follow)).await?.value,
                };
                Ok(ObjectWriter::default().number("topic", topic.into()).finish())
            }
        }
    }

    async fn topic_drop(&self, call: TopicCall, mut fields: Fields<'_>, durability: Durability) -> Result<Response> {
        let name: Box<str> = fields.required_text("name")?.into();
        let topic = if call == TopicCall::DropGroup { Some(parse::topic(&mut fields)?) } else { None };
        fields.finish()?;
        let work = move |tx: &mut dyn Transaction, _| {
            let was_there = match topic {
                Some(topic) => gone::drop_group(tx, topic, &name)?,
                None => gone::drop_topic(tx, &name)?,
            };
            Ok(u64::from(was_there))
        };
        let answer = self.topic_count("dropped", durability, work).await;
        self.resume_upkeep();
        answer
    }

    async fn topic_count(
        &self,
        what: &str,
        durability: Durability,
        work: impl FnMut(&mut dyn Transaction, u64) -> Step<u64> + 'static,
    ) -> Result<Response> {
        let committed = self.0.engine.commit(durability, timed(&self.0, work)).await?;
        Ok(ObjectWriter::default().number(what, committed.value).number("position", committed.position).finish())
    }

    async fn topic_open(&self, mut fields: Fields<'_>, durability: Durability) -> Result<Response> {
        let name: Box<str> = fields.required_text("name")?.into();
        let wishes = parse::wishes(&mut fields)?;
        let create = fields.flag("create", true)?;
        fields.finish()?;
        let known = self.0.look(|view| spec::number(view, &name)).await?;
        if !create {
            let number = known.ok_or_else(|| {
                Error::invalid(format!("topic: there is no topic '{name}'")).with_reason("unknown-topic")
            })?;
            return Ok(opened(&self.0.look(|view| spec::load(view, number)).await?));
        }
        let open = move |tx: &mut dyn Transaction, _| spec::open(tx, &name, wishes);
        Ok(opened(&self.0.engine.commit(durability, timed(&self.0, open)).await?.value))
    }

    async fn topic_publish(&self, topic: u32, messages: Vec<NewMessage>, durability: Durability) -> Result<Response> {
        let work = move |tx: &mut dyn Transaction, now| publish(tx, topic, &messages, now);
        let committed = self.0.engine.commit(durability, timed(&self.0, work)).await?;
        let mut answer = ObjectWriter::default();
        write_list(answer.field("published"), &committed.value, |one, out| {
            let text = match one {
                Published::At(place) => format!("[{},{}]", place.partition, place.offset),
                Published::Due(due) => format!("{due}"),
                Published::Duplicate => "null".to_owned(),
            };
            out.extend_from_slice(text.as_bytes());
        });
        Ok(answer.number("position", committed.position).finish())
    }

    async fn topic_group(&self, mut fields: Fields<'_>, durability: Durability) -> Result<Response> {
        let topic = parse::topic(&mut fields)?;
        let name: Box<str> = fields.required_text("name")?.into();
        let create = fields.flag("create", true)?;
        let from = if fields.has("from") || fields.has("offset") || fields.has("time") {
            parse::from(&mut fields)?
        } else {
            seek::From::Beginning
        };
        let wishes = parse::group_wishes(&mut fields)?;
        fields.finish()?;
        let open = move |tx: &mut dyn Transaction, now| {
            let spec = spec::load(tx, topic)?;
            if !create && group::number(tx, topic, &name)?.is_none() {
                return Err(group::unknown(&name).into());
            }
            let (group, is_new) = group::open(tx, &spec, &name, &wishes)?;
            if is_new {
                let mut desk = Desk::open(tx, (topic, group.number), now, 0)?;
                seek::seek(tx, &mut desk, from)?;
                desk.close(tx)?;
            }
            Ok(group)
        };
        let group: Group = self.0.engine.commit(durability, timed(&self.0, open)).await?.value;
        let mut answer = ObjectWriter::default();
        answer.number("group", group.number.into()).number("ackDeadline", group.ack).flag("paused", group.paused);
        Ok(answer.finish())
    }

    async fn topic_schedule(
        &self,
        call: TopicCall,
        mut fields: Fields<'_>,
        durability: Durability,
    ) -> Result<Response> {
        let topic = parse::topic(&mut fields)?;
        let id: Box<str> = fields.required_text("id")?.into();
        match call {
            TopicCall::Schedule => {
                let cron: Box<str> = fields.required_text("cron")?.into();
                let delay = fields.number("delay")?.unwrap_or(0);
                let raw = fields.raw("message").ok_or_else(|| fields.missing("message"))?;
                let message = parse::message(raw)?;
                fields.finish()?;
                self.topic_count("scheduled", durability, move |tx, now| {
                    let spec = spec::load(tx, topic)?;
                    schedule::repeat(tx, &spec, &id, &cron, delay, &message, now)?;
                    Ok(1)
                })
                .await
            }
            TopicCall::Fire => {
                let due = fields.number("due")?.ok_or_else(|| fields.missing("due"))?;
                let delay = fields.number("delay")?;
                fields.finish()?;
                self.topic_count("fired", durability, move |tx, now| {
                    let spec = spec::load(tx, topic)?;
                    schedule::fire(tx, &spec, &id, due, delay, now).map(u64::from)
                })
                .await
            }
            _ => {
                fields.finish()?;
                self.topic_count("cancelled", durability, move |tx, _| schedule::cancel(tx, topic, &id).map(u64::from))
                    .await
            }
        }
    }
}

fn opened(spec: &Spec) -> Response {
    let mut answer = ObjectWriter::default();
    answer.number("topic", spec.number.into()).number("partitions", spec.partitions.into());
    answer.finish()
}
