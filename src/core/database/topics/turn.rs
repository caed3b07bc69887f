//! A member's turn: what it says of the messages it holds, and what it gets, in one commit. And what a transaction of the application
//! publishes and acknowledges: kept aside, and done in its commit on the newest state.
//!
//! So two transactions that publish to one topic do not conflict.

use crate::base::planted::{planted, Bug};
use crate::base::{Error, Result};
use crate::collections::fields::Fields;
use crate::engine::{Durability, Step, Transaction};
use crate::topics::deliver::{next_due, Fetched};
use crate::topics::desk::Desk;
use crate::topics::message::Message;
use crate::topics::settle::{settle, settle_all};
use crate::topics::{fetch, publish, spec, Delivery, NewMessage, Settlement, PRIORITY_MAX};

use super::super::handle::Database;
use super::super::response::{write_list, ObjectWriter, Response};
use super::{parse, timed, TopicCall};

/// Messages that one turn hands out at most.
const MAX: usize = 10_000;

/// What a transaction does to topics when it commits.
pub(in super::super) enum Deferred {
    /// Appends messages.
    Publish(u32, Vec<NewMessage>),
    /// Acknowledges messages of a member, or fails.
    Settle((u32, u32), u64, Vec<Settlement>),
}

impl Deferred {
    /// Does it.
    pub(in super::super) fn run(&self, tx: &mut dyn Transaction, now: u64) -> Step<()> {
        match self {
            Self::Publish(topic, messages) => publish(tx, *topic, messages, now).map(drop),
            Self::Settle(..) if planted(Bug::ForgetTransactionalAck) => Ok(()),
            Self::Settle(desk, member, settlements) => {
                let mut desk = Desk::open(tx, *desk, now, now)?;
                settle_all(tx, &mut desk, *member, settlements)?;
                desk.close(tx)
            }
        }
    }
}

/// What a turn did.
struct Turn {
    refused: Vec<usize>,
    fetched: Fetched,
    next: Option<u64>,
    now: u64,
}

impl Database {
    pub(super) async fn topic_turn(&self, mut fields: Fields<'_>, durability: Durability) -> Result<Response> {
        let numbers = parse::desk(&mut fields)?;
        let member = parse::member(&mut fields)?;
        let settlements = parse::settlements(&mut fields)?;
        let max = usize::try_from(fields.number("max")?.unwrap_or(0)).unwrap_or(MAX).min(MAX);
        fields.finish()?;
        let seed = self.0.platform.next_u64();
        let work = move |tx: &mut dyn Transaction, now| {
            let mut desk = Desk::open(tx, numbers, now, seed)?;
            let refused = settle(tx, &mut desk, member, &settlements)?;
            let fetched = if max > 0 { fetch(tx, &mut desk, member, max)? } else { Fetched::default() };
            let idle = max > 0 && fetched.deliveries.len() < max;
            // Only who has nothing to do needs to know when there will be something.
            let next = match idle {
                true if fetched.more => Some(now),
                true => next_due(tx, &desk)?,
                false => None,
            };
            desk.close(tx)?;
            Ok(Turn { refused, fetched, next, now })
        };
        let committed = self.0.engine.commit(durability, timed(&self.0, work)).await?;
        Ok(committed.value.respond(committed.position))
    }

    /// Commands of topics inside a transaction.
    pub(in super::super) async fn topic_call_in(
        &self,
        call: TopicCall,
        mut fields: Fields<'_>,
        tx: u32,
    ) -> Result<Response> {
        self.0.topic_time().await?;
        let deferred = match call {
            TopicCall::Publish => {
                let topic = parse::topic(&mut fields)?;
                // Whether it is still there: of an error at the commit nobody could tell whose it is.
                self.0.look(|view| spec::load(view, topic)).await?;
                Deferred::Publish(topic, parse::messages(&mut fields)?)
            }
            TopicCall::Turn => {
                let desk = parse::desk(&mut fields)?;
                let member = parse::member(&mut fields)?;
                Deferred::Settle(desk, member, parse::settlements(&mut fields)?)
            }
            _ => return Err(Error::invalid("topic: this command cannot run inside a transaction: leave 'tx' out")),
        };
        fields.finish()?;
        self.0.transactions.defer(tx, deferred)?;
        Ok(ObjectWriter::default().finish())
    }
}

impl Turn {
    fn respond(&self, position: u64) -> Response {
        let mut answer = ObjectWriter::default();
        let mut extended = false;
        write_list(answer.field("messages"), &self.fetched.deliveries, |one, out| {
            extended |= write_delivery(one, out);
        });
        write_list(answer.field("refused"), &self.refused, |at, out| out.extend_from_slice(at.to_string().as_bytes()));
        if !self.fetched.crons.is_empty() {
            write_list(answer.field("crons"), &self.fetched.crons, |one, out| {
                let mut cron = ObjectWriter::default();
                cron.text("id", &one.id).text("cron", one.cron.as_deref().unwrap_or_default()).number("due", one.due);
                out.extend_from_slice(&cron.finish().json);
            });
        }
        if let Some(next) = self.next {
            answer.number("next", next.saturating_sub(self.now));
        }
        answer.number("position", position).extended(extended);
        answer.finish()
    }
}

/// Appends a message as members get it. Answers whether it has tagged values.
fn write_delivery(one: &Delivery, out: &mut Vec<u8>) -> bool {
    let Ok(message) = Message::decode(&one.message) else {
        out.extend_from_slice(b"null");
        return false;
    };
    let mut answer = ObjectWriter::default();
    write_message(&mut answer, one.place, &message);
    answer.number("deliveries", one.count);
    out.extend_from_slice(&answer.finish().json);
    message.extended
}

/// Adds the fields of a message.
pub(super) fn write_message(answer: &mut ObjectWriter, place: crate::topics::keys::Place, message: &Message<'_>) {
    answer.number("partition", place.partition.into());
    answer.number("priority", PRIORITY_MAX.saturating_sub(place.lane).into());
    answer.number("offset", place.offset).number("time", message.time);
    if message.tick > 0 {
        answer.number("tick", message.tick);
    }
    write_labels(answer, message);
    answer.raw("value", message.value);
}

/// Adds what a message has besides its value, if it has it.
pub(in super::super) fn write_labels(answer: &mut ObjectWriter, message: &Message<'_>) {
    for (name, text) in [("key", message.key), ("id", message.id)] {
        if let Some(text) = text {
            answer.text(name, text);
        }
    }
    for (name, json) in [("headers", message.headers), ("dead", message.dead)] {
        if let Some(json) = json {
            answer.raw(name, json);
        }
    }
}
