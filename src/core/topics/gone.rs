//! Topics and groups that are dropped: their names go in one commit, what they kept is cleared slice by slice.
//!
//! Numbers are never used again, so whoever still holds something of them is refused, whatever has their name since.

use crate::base::planted::{planted, Bug};
use crate::base::{Error, Reader};
use crate::engine::{delete_some, Direction, Read, Step, Transaction};

use super::change::PREFIX;
use super::desk::Desk;
use super::{group, keys, spec};

/// Keys cleared by one slice.
const CLEAR_KEYS: usize = 500;

/// Drops the topic `name` with its messages, schedules and groups. Answers whether there was one.
pub fn drop_topic(tx: &mut dyn Transaction, name: &str) -> Step<bool> {
    let Some(number) = spec::number(tx, name)? else { return Ok(false) };
    tx.delete(&keys::topic_name(name))?;
    tx.delete(&keys::topic(number))?;
    if let Some(collection) = name.strip_prefix(PREFIX) {
        tx.delete(&keys::feed(collection))?;
    }
    tx.put(&keys::garbage(number), &[])?;
    Ok(true)
}

/// Drops a group: where it is, and what its members hold. Answers whether there was one.
///
/// # Errors
/// `Invalid`, reason `unknown-topic`.
pub fn drop_group(tx: &mut dyn Transaction, topic: u32, name: &str) -> Step<bool> {
    spec::load(tx, topic)?;
    let Some(number) = group::number(tx, topic, name)? else { return Ok(false) };
    let mut desk = Desk::open(tx, (topic, number), 0, 0)?;
    desk.clear(tx)?;
    tx.delete(&keys::group_name(topic, name))?;
    tx.delete(&keys::group(topic, number))?;
    tx.delete(&keys::progress(topic, number))?;
    let next = next_group(tx, topic)?.max(number.saturating_add(1));
    tx.put(&keys::next_group(topic), &next.to_le_bytes())?;
    Ok(true)
}

/// The least number that a new group may have.
pub(super) fn next_group(view: &dyn Read, topic: u32) -> Step<u32> {
    let mut bytes = Vec::new();
    Ok(if view.get(&keys::next_group(topic), &mut bytes)? { Reader::new(&bytes).u32()? } else { 1 })
}

/// Whether dropped topics still occupy space.
pub fn has_garbage(view: &dyn Read) -> Step<bool> {
    view.cursor(keys::garbage_all(), Direction::Forward).advance()
}

/// Clears a slice of what dropped topics left behind; answers whether there is more.
pub fn clear_slice(tx: &mut dyn Transaction) -> Step<bool> {
    let topic = {
        let mut cursor = tx.cursor(keys::garbage_all(), Direction::Forward);
        if !cursor.advance()? {
            return Ok(false);
        }
        keys::garbage_topic(cursor.key()).ok_or_else(|| Error::corrupt("a dropped topic's key makes no sense"))?
    };
    if !planted(Bug::KeepDroppedTopic) && delete_some(tx, keys::of_topic(topic), CLEAR_KEYS)? {
        return Ok(true);
    }
    tx.delete(&keys::garbage(topic))?;
    has_garbage(tx)
}
