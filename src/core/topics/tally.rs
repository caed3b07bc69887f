//! How a topic and its groups stand: what is stored, how far behind each group is, what is in flight.
//!
//! It counts when it is asked; nothing is kept for it.

use crate::engine::{Direction, Read, Step};

use super::delivery::Record;
use super::desk::Progress;
use super::group::{self, Group};
use super::head::Head;
use super::keys;

/// Messages counted at most behind a group; further ones are not looked at.
const COUNTED_MAX: u64 = 1_000_000;

/// How a group stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupTally {
    /// The group.
    pub group: Group,
    /// Messages that are not done, those in flight included.
    pub lag: u64,
    /// Messages that members hold.
    pub held: u64,
    /// Messages that wait to be handed out again, or for another with their key.
    pub waiting: u64,
    /// Members that hold messages.
    pub members: u64,
    /// When the oldest message that nobody has looked at was published.
    pub oldest: Option<u64>,
}

/// How the groups of a topic stand.
pub fn groups(view: &dyn Read, topic: u32) -> Step<Vec<GroupTally>> {
    let head = Head::load(view, topic)?;
    let mut tallies = Vec::new();
    for group in group::all(view, topic)? {
        tallies.push(one(view, topic, &head, group)?);
    }
    Ok(tallies)
}

fn one(view: &dyn Read, topic: u32, head: &Head, group: Group) -> Step<GroupTally> {
    let progress = Progress::load(view, topic, group.number)?;
    let (mut ahead, mut oldest) = (0, None::<u64>);
    for first in &head.streams {
        let mut cursor = view.cursor(keys::messages_from(topic, progress.frontier(*first)), Direction::Forward);
        if !cursor.advance()? {
            continue;
        }
        let time = super::message::Message::decode(cursor.value())?.time;
        oldest = Some(oldest.map_or(time, |before| before.min(time)));
        ahead += 1;
        cursor.walk(&mut |_, _| {
            ahead += 1;
            ahead < COUNTED_MAX
        })?;
    }
    let (mut held, mut waiting, mut members) = (0, progress.blocked, Vec::new());
    let mut cursor = view.cursor(keys::deliveries(topic, group.number), Direction::Forward);
    while cursor.advance()? {
        match Record::decode(cursor.value())?.member {
            0 => waiting = waiting.saturating_add(1),
            member => {
                held += 1;
                if !members.contains(&member) {
                    members.push(member);
                }
            }
        }
    }
    Ok(GroupTally {
        group,
        lag: waiting.saturating_add(ahead + held),
        held,
        waiting,
        members: members.len() as u64,
        oldest,
    })
}
