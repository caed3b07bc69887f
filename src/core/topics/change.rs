//! Change feeds: collections whose changes are published to a topic, in the commit that makes them.
//!
//! Only collections that somebody asked for have one; a commit on any other pays one look-up.

use std::rc::Rc;

use crate::base::planted::{planted, Bug};
use crate::base::{Clock, Reader};
use crate::collections::catalog::Collection;
use crate::collections::json::write_string;
use crate::collections::view::{Change, View};
use crate::engine::{Read, Step, Transaction};

use super::clock::{self, TopicClock};
use super::message::NewMessage;
use super::publish::publish;
use super::spec::{self, Wishes};
use super::{keys, PRIORITY, PRIORITY_MAX};

/// What the names of topics of changes start with.
pub const PREFIX: &str = "$changes/";

/// Publishes the changes of collections. An instance has one.
pub struct ChangeFeeds<C: ?Sized> {
    /// The time of topics.
    pub clock: Rc<TopicClock>,
    /// Where it comes from.
    pub source: Rc<C>,
}

/// The topic of a collection's changes, if it has one.
pub fn topic_of(view: &dyn Read, collection: &str) -> Step<Option<u32>> {
    let mut bytes = Vec::new();
    Ok(if view.get(&keys::feed(collection), &mut bytes)? { Some(Reader::new(&bytes).u32()?) } else { None })
}

/// Publishes the collection's changes from now on. Answers the topic.
///
/// # Errors
/// As [`spec::open`].
pub fn follow(tx: &mut dyn Transaction, collection: &str, wishes: Wishes) -> Step<u32> {
    let wishes = Wishes { partitions: Some(1), ..wishes };
    let spec = spec::open(tx, &format!("{PREFIX}{collection}"), wishes)?;
    if topic_of(tx, collection)? != Some(spec.number) {
        tx.put(&keys::feed(collection), &spec.number.to_le_bytes())?;
    }
    Ok(spec.number)
}

impl<C: Clock + ?Sized> View for ChangeFeeds<C> {
    fn check(&self, view: &dyn Read, collection: &Collection, _changes: &[Change<'_>]) -> Step<()> {
        if let Some(topic) = topic_of(view, &collection.name)? {
            spec::load(view, topic)?;
            super::head::Head::load(view, topic)?;
            clock::stored(view)?;
        }
        Ok(())
    }

    fn apply(&self, tx: &mut dyn Transaction, collection: &Collection, changes: &[Change<'_>]) -> Step<()> {
        let Some(topic) = topic_of(tx, &collection.name)? else { return Ok(()) };
        if planted(Bug::ForgetChange) {
            return Ok(());
        }
        if !self.clock.is_set() {
            self.clock.set(clock::stored(tx)?, &*self.source);
        }
        let now = clock::advance(tx, self.clock.now(&*self.source))?;
        let messages: Vec<NewMessage> = changes.iter().map(message).collect();
        publish(tx, topic, &messages, now).map(drop)
    }
}

fn message(change: &Change<'_>) -> NewMessage {
    let mut value = b"{\"id\":".to_vec();
    write_string(change.id, &mut value);
    let mut extended = false;
    for (name, document) in [("before", &change.old), ("after", &change.new)] {
        value.extend_from_slice(b",\"");
        value.extend_from_slice(name.as_bytes());
        value.extend_from_slice(b"\":");
        value.extend_from_slice(document.as_ref().map_or(b"null", |document| document.json()));
        extended |= document.as_ref().is_some_and(|document| document.is_extended());
    }
    value.push(b'}');
    let key = (change.id.len() <= super::KEY_MAX).then(|| change.id.into());
    NewMessage { lane: PRIORITY_MAX - PRIORITY, key, value, extended, ..NewMessage::default() }
}
