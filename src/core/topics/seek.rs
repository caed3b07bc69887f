//! Where a group begins, and begins anew: at an offset, a time, the first message or behind the last.
//!
//! What its members hold at that moment is theirs no more.

use crate::engine::{Direction, Read, Step, Transaction};

use super::desk::{Desk, Progress};
use super::head::Head;
use super::keys::{self, Place};
use super::message::Message;

/// A beginning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum From {
    /// The first message that is kept.
    Beginning,
    /// Behind the last message.
    End,
    /// The first message with at least that offset.
    Offset(u64),
    /// The first message that was published at that time or later.
    Time(u64),
}

impl From {
    /// The progress of a group that begins there.
    pub fn progress(self, view: &dyn Read, topic: u32) -> Step<Progress> {
        let head = Head::load(view, topic)?;
        let (start, time) = match self {
            Self::Beginning => (0, None),
            Self::End => (head.next, None),
            Self::Offset(offset) => (offset, None),
            Self::Time(time) => (head.next, Some(time)),
        };
        let mut frontiers = Vec::new();
        for stream in head.streams.iter().filter(|_| time.is_some()) {
            frontiers.push(at_time(view, topic, *stream, head.next, time.unwrap_or(0))?);
        }
        Ok(Progress { start, frontiers, ..Progress::default() })
    }
}

/// The place of the first message of a lane and partition that is not older than `time`.
fn at_time(view: &dyn Read, topic: u32, first: Place, end: u64, time: u64) -> Step<Place> {
    let (mut low, mut high) = (first.offset, end);
    while low < high {
        let middle = low + (high - low) / 2;
        let mut cursor = view.cursor(keys::messages_from(topic, Place { offset: middle, ..first }), Direction::Forward);
        if !cursor.advance()? {
            high = middle;
            continue;
        }
        let at = Place::at_end(cursor.key()).map_or(middle, |place| place.offset);
        if Message::decode(cursor.value())?.time >= time {
            high = middle;
        } else {
            low = at.saturating_add(1);
        }
    }
    Ok(Place { offset: low, ..first })
}

/// The first offset of the topic that is not older than `time`; that of the next message if there is none.
pub fn offset_at(view: &dyn Read, topic: u32, time: u64) -> Step<u64> {
    let head = Head::load(view, topic)?;
    let mut least = head.next;
    for stream in &head.streams {
        let place = at_time(view, topic, *stream, head.next, time)?;
        let mut cursor = view.cursor(keys::messages_from(topic, place), Direction::Forward);
        if cursor.advance()? {
            least = least.min(Place::at_end(cursor.key()).map_or(least, |place| place.offset));
        }
    }
    Ok(least)
}

/// Lets a group begin anew.
pub fn seek(tx: &mut dyn Transaction, desk: &mut Desk, from: From) -> Step<()> {
    desk.clear(tx)?;
    let due_floor = desk.progress.due_floor;
    desk.progress = Progress { due_floor, ..from.progress(tx, desk.spec.number)? };
    desk.group.save(tx, desk.spec.number)
}
