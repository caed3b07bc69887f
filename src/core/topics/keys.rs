//! The engine keys of topics: one place that knows their bytes.
//!
//! A *place* is where a message stands: `lane:u8 partition:u8 offset:u64be`; the lane is 9 less the priority, so that the keys of
//! urgent messages come first.
//!
//! ```text
//! 06 'n'                                           the next topic number
//! 06 'c'                                           the clock
//! 06 'N' name                                      a topic's number
//! 06 't' topic:u32be                               a topic's description
//! 06 'h' topic                                     its head: what the next message gets, what is stored
//! 06 'm' topic place                               a message
//! 06 'i' topic id                                  a message id that was seen: when
//! 06 'j' topic when:u64be id                       the same by time
//! 06 'k' topic key                                 the newest message of a key, of compacted topics
//! 06 's' topic due:u64be number:u64be              a scheduled message
//! 06 'u' topic id                                  where the scheduled message with that id stands
//! 06 'f' collection                                the topic of a collection's changes
//! 06 'G' topic name                                a group's number
//! 06 'g' topic group:u32be                         a group's description
//! 06 'q' topic group                               how far it got
//! 06 'd' topic group place                         a message that was handed out and is not done
//! 06 'x' topic group due:u64be place               the same by the time at which the lease of its holder ends
//! 06 'w' topic group due:u64be place               the same by the time at which it may be handed out again
//! 06 'l' topic group key-hash:u64be                a message key with a message that is not done
//! 06 'b' topic group key-hash place                a message that waits for that one
//! 06 'o' topic                                     the least number of a new group, once one was dropped
//! 06 'z' topic                                     a dropped topic whose other keys are to be cleared
//! ```

use crate::engine::KeyRange;

/// The first byte of every key of this floor.
pub const TOPIC: u8 = 0x06;

/// Where a message stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// 9 less the priority.
    pub lane: u8,
    /// The partition.
    pub partition: u8,
    /// The offset, ascending through the whole topic.
    pub offset: u64,
}

impl Place {
    /// The bytes in keys.
    pub fn bytes(self) -> [u8; 10] {
        let mut bytes = [0; 10];
        bytes[0] = self.lane;
        bytes[1] = self.partition;
        bytes[2..].copy_from_slice(&self.offset.to_be_bytes());
        bytes
    }

    /// The place at the end of a key.
    pub fn at_end(key: &[u8]) -> Option<Self> {
        let (lane, partition, offset) = match key.last_chunk::<10>()? {
            [lane, partition, offset @ ..] => (*lane, *partition, *offset),
        };
        Some(Self { lane, partition, offset: u64::from_be_bytes(offset) })
    }

    /// The place behind it.
    #[must_use]
    pub fn next(self) -> Self {
        Self { offset: self.offset.saturating_add(1), ..self }
    }
}

/// The key of the next topic number.
pub const NEXT_TOPIC: &[u8] = &[TOPIC, b'n'];
/// The key of the clock.
pub const CLOCK: &[u8] = &[TOPIC, b'c'];
/// What every description of a topic starts with.
pub const TOPICS: &[u8] = &[TOPIC, b't'];

fn of(kind: u8, topic: u32, rest: &[&[u8]]) -> Vec<u8> {
    let mut key = Vec::with_capacity(32);
    key.extend_from_slice(&[TOPIC, kind]);
    key.extend_from_slice(&topic.to_be_bytes());
    rest.iter().for_each(|part| key.extend_from_slice(part));
    key
}

/// The key of a topic's number.
pub fn topic_name(name: &str) -> Vec<u8> {
    [&[TOPIC, b'N'], name.as_bytes()].concat()
}

/// The key that says into which topic a collection's changes go.
pub fn feed(collection: &str) -> Vec<u8> {
    [&[TOPIC, b'f'], collection.as_bytes()].concat()
}

/// A topic's description.
pub fn topic(topic: u32) -> Vec<u8> {
    of(b't', topic, &[])
}

/// A topic's head.
pub fn head(topic: u32) -> Vec<u8> {
    of(b'h', topic, &[])
}

/// A message.
pub fn message(topic: u32, place: Place) -> Vec<u8> {
    of(b'm', topic, &[&place.bytes()])
}

/// All messages of a topic.
pub fn all_messages(topic: u32) -> KeyRange {
    KeyRange::prefix(&of(b'm', topic, &[]))
}

/// All locks of message keys of a group.
pub fn locks(topic: u32, group: u32) -> KeyRange {
    KeyRange::prefix(&of(b'l', topic, &[&group.to_be_bytes()]))
}

/// All messages of a group that wait for others with their keys.
pub fn all_blocked(topic: u32, group: u32) -> KeyRange {
    KeyRange::prefix(&of(b'b', topic, &[&group.to_be_bytes()]))
}

/// The messages of one lane and partition from `place` on.
pub fn messages_from(topic: u32, place: Place) -> KeyRange {
    let stream = KeyRange::prefix(&of(b'm', topic, &[&[place.lane, place.partition]]));
    KeyRange { start: message(topic, place), end: stream.end }
}

/// A message id that was seen.
pub fn id(topic: u32, id: &str) -> Vec<u8> {
    of(b'i', topic, &[id.as_bytes()])
}

/// The same by time.
pub fn id_by_time(topic: u32, when: u64, id: &str) -> Vec<u8> {
    of(b'j', topic, &[&when.to_be_bytes(), id.as_bytes()])
}

/// The ids that were seen from `floor` to before `end`.
pub fn ids_between(topic: u32, floor: u64, end: u64) -> KeyRange {
    KeyRange { start: id_by_time(topic, floor, ""), end: Some(id_by_time(topic, end, "")) }
}

/// The time and the id in a key of [`id_by_time`].
pub fn read_id_by_time(key: &[u8]) -> Option<(u64, &str)> {
    let (when, id) = key.get(6..)?.split_first_chunk::<8>()?;
    Some((u64::from_be_bytes(*when), std::str::from_utf8(id).ok()?))
}

/// The newest message of a key.
pub fn newest(topic: u32, key: &str) -> Vec<u8> {
    of(b'k', topic, &[key.as_bytes()])
}

/// A scheduled message.
pub fn scheduled(topic: u32, due: u64, number: u64) -> Vec<u8> {
    of(b's', topic, &[&due.to_be_bytes(), &number.to_be_bytes()])
}

/// Scheduled messages that are due from `floor` to before `end`; all later ones without an end.
pub fn scheduled_between(topic: u32, floor: u64, end: Option<u64>) -> KeyRange {
    let start = scheduled(topic, floor, 0);
    match end {
        Some(end) => KeyRange { start, end: Some(scheduled(topic, end, 0)) },
        None => KeyRange { start, end: KeyRange::prefix(&of(b's', topic, &[])).end },
    }
}

/// The time and number in a key of [`scheduled`].
pub fn read_scheduled(key: &[u8]) -> Option<(u64, u64)> {
    let (due, number) = key.get(6..)?.split_first_chunk::<8>()?;
    Some((u64::from_be_bytes(*due), u64::from_be_bytes(number.try_into().ok()?)))
}

/// Where the scheduled message with that id stands.
pub fn scheduled_id(topic: u32, id: &str) -> Vec<u8> {
    of(b'u', topic, &[id.as_bytes()])
}

/// A group's number.
pub fn group_name(topic: u32, name: &str) -> Vec<u8> {
    of(b'G', topic, &[name.as_bytes()])
}

/// A group's description.
pub fn group(topic: u32, group: u32) -> Vec<u8> {
    of(b'g', topic, &[&group.to_be_bytes()])
}

/// All groups of a topic.
pub fn groups(topic: u32) -> KeyRange {
    KeyRange::prefix(&of(b'g', topic, &[]))
}

/// The group's number in a key of [`group`].
pub fn read_group(key: &[u8]) -> Option<u32> {
    Some(u32::from_be_bytes(key.get(6..10)?.try_into().ok()?))
}

/// How far a group got.
pub fn progress(topic: u32, group: u32) -> Vec<u8> {
    of(b'q', topic, &[&group.to_be_bytes()])
}

/// A message that is not done.
pub fn delivery(topic: u32, group: u32, place: Place) -> Vec<u8> {
    of(b'd', topic, &[&group.to_be_bytes(), &place.bytes()])
}

/// All messages of a group that are not done.
pub fn deliveries(topic: u32, group: u32) -> KeyRange {
    KeyRange::prefix(&of(b'd', topic, &[&group.to_be_bytes()]))
}

/// The line in which a message that is not done stands: of those that somebody holds, or of those that wait.
fn line(held: bool) -> u8 {
    if held {
        b'x'
    } else {
        b'w'
    }
}

/// A message that is not done by its time.
pub fn due(topic: u32, group: u32, held: bool, due: u64, place: Place) -> Vec<u8> {
    of(line(held), topic, &[&group.to_be_bytes(), &due.to_be_bytes(), &place.bytes()])
}

/// What is due from `floor` to before `end`; all later without an end.
pub fn due_between(topic: u32, group: u32, held: bool, floor: u64, end: Option<u64>) -> KeyRange {
    let at = |time: u64| of(line(held), topic, &[&group.to_be_bytes(), &time.to_be_bytes()]);
    let all = KeyRange::prefix(&of(line(held), topic, &[&group.to_be_bytes()]));
    KeyRange { start: at(floor), end: end.map_or(all.end, |end| Some(at(end))) }
}

/// The time and the place in a key of [`due`].
pub fn read_due(key: &[u8]) -> Option<(u64, Place)> {
    let time = key.get(10..18)?.try_into().ok()?;
    Some((u64::from_be_bytes(time), Place::at_end(key)?))
}

/// A message key with a message that is not done.
pub fn lock(topic: u32, group: u32, hash: u64) -> Vec<u8> {
    of(b'l', topic, &[&group.to_be_bytes(), &hash.to_be_bytes()])
}

/// A message that waits for another with its key.
pub fn blocked(topic: u32, group: u32, hash: u64, place: Place) -> Vec<u8> {
    of(b'b', topic, &[&group.to_be_bytes(), &hash.to_be_bytes(), &place.bytes()])
}

/// The messages that wait for one with that key, from `place` on.
pub fn blocked_from(topic: u32, group: u32, hash: u64, place: Place) -> KeyRange {
    let all = KeyRange::prefix(&of(b'b', topic, &[&group.to_be_bytes(), &hash.to_be_bytes()]));
    KeyRange { start: blocked(topic, group, hash, place), end: all.end }
}

/// Everything of a group that a new beginning removes.
pub fn of_group(topic: u32, group: u32) -> [KeyRange; 5] {
    [b'd', b'x', b'w', b'l', b'b'].map(|kind| KeyRange::prefix(&of(kind, topic, &[&group.to_be_bytes()])))
}

/// The least number of a topic's next group.
pub fn next_group(topic: u32) -> Vec<u8> {
    of(b'o', topic, &[])
}

/// A dropped topic that left keys behind.
pub fn garbage(topic: u32) -> Vec<u8> {
    of(b'z', topic, &[])
}

/// All dropped topics that left keys behind.
pub fn garbage_all() -> KeyRange {
    KeyRange::prefix(&[TOPIC, b'z'])
}

/// The topic's number in a key of [`garbage`].
pub fn garbage_topic(key: &[u8]) -> Option<u32> {
    Some(u32::from_be_bytes(key.get(2..6)?.try_into().ok()?))
}

/// Everything that a dropped topic leaves behind.
pub fn of_topic(topic: u32) -> Vec<KeyRange> {
    b"hmijksuGgqdxwlbo".iter().map(|kind| KeyRange::prefix(&of(*kind, topic, &[]))).collect()
}

/// What a changed key means to whoever waits for messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum News {
    /// Something was published.
    Topic(u32),
    /// Something of a group changed that may concern its members.
    Group(u32, u32),
}

/// What a key that was written means.
pub fn news(key: &[u8]) -> Option<News> {
    let number = |at: usize| Some(u32::from_be_bytes(key.get(at..at + 4)?.try_into().ok()?));
    match key {
        [TOPIC, b'h' | b's' | b'o' | b'z', ..] => Some(News::Topic(number(2)?)),
        [TOPIC, b'g' | b'w', ..] => Some(News::Group(number(2)?, number(6)?)),
        _ => None,
    }
}
