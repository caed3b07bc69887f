//! The order of messages with one key: at most one of them is in somebody's hands or waits to be handed out again; the others
//! wait for it.
//!
//! Order is per key and priority. Messages without a key know no order.

use crate::base::planted::{planted, Bug};
use crate::base::Error;
use crate::engine::{Direction, Read, Step, Transaction};

use super::delivery::Record;
use super::desk::Desk;
use super::keys::{self, Place};

/// Messages of a group that wait for others with their keys. With more, those behind are not looked at yet.
pub(super) const BLOCKED_MAX: u64 = 4096;

/// The hash of a key in a lane.
pub(super) fn hash(lane: u8, key: &str) -> u64 {
    xxhash_rust::xxh3::xxh3_64_with_seed(key.as_bytes(), u64::from(lane) + 1)
}

/// The lock of a key: no message that waits for it stands before this place.
fn lock_of(view: &dyn Read, desk: &Desk, hash: u64) -> Step<Option<Place>> {
    let mut bytes = Vec::new();
    if !view.get(&keys::lock(desk.spec.number, desk.group.number, hash), &mut bytes)? {
        return Ok(None);
    }
    let place = Place::at_end(&bytes).ok_or_else(|| Error::corrupt("the lock of a key makes no sense"))?;
    Ok(Some(place))
}

fn put_lock(tx: &mut dyn Transaction, desk: &Desk, hash: u64, floor: Place) -> Step<()> {
    tx.put(&keys::lock(desk.spec.number, desk.group.number, hash), &floor.bytes())
}

/// Takes the key's lock for the message at `place`. Answers whether it was free.
pub(super) fn lock(tx: &mut dyn Transaction, desk: &Desk, hash: u64, place: Place) -> Step<bool> {
    if lock_of(tx, desk, hash)?.is_some() {
        return Ok(planted(Bug::ForgetKeyOrder));
    }
    put_lock(tx, desk, hash, place.next())?;
    Ok(true)
}

/// The message waits for another with its key.
pub(super) fn block(tx: &mut dyn Transaction, desk: &mut Desk, hash: u64, place: Place, record: &Record) -> Step<()> {
    if lock_of(tx, desk, hash)?.is_some_and(|floor| place < floor) {
        put_lock(tx, desk, hash, place)?;
    }
    desk.progress.blocked = desk.progress.blocked.saturating_add(1);
    tx.put(&keys::blocked(desk.spec.number, desk.group.number, hash, place), &record.encode())
}

/// Lets go of a key's lock: the next message that waited for it may be handed out, and has the lock from then on.
pub(super) fn unlock(tx: &mut dyn Transaction, desk: &mut Desk, hash: u64) -> Step<()> {
    let (topic, group) = desk.numbers();
    let Some(floor) = lock_of(tx, desk, hash)? else { return Ok(()) };
    let mut next = None;
    let mut cursor = tx.cursor(keys::blocked_from(topic, group, hash, floor), Direction::Forward);
    if cursor.advance()? {
        next = Place::at_end(cursor.key()).map(|place| (place, Record::decode(cursor.value())));
    }
    drop(cursor);
    let Some((place, record)) = next else {
        return tx.delete(&keys::lock(topic, group, hash));
    };
    let record = Record { member: 0, due: desk.now, hash: Some(hash), ..record? };
    tx.delete(&keys::blocked(topic, group, hash, place))?;
    desk.progress.blocked = desk.progress.blocked.saturating_sub(1);
    put_lock(tx, desk, hash, place.next())?;
    desk.put(tx, place, &record, None)
}

/// A message comes back to the group: it waits for others with its key, or may be handed out at once.
pub(super) fn admit(tx: &mut dyn Transaction, desk: &mut Desk, key: Option<&str>, place: Place) -> Step<()> {
    let hash = key.map(|key| hash(place.lane, key));
    let record = Record { due: desk.now, hash, ..Record::default() };
    match hash {
        Some(hash) if !lock(tx, desk, hash, place)? => block(tx, desk, hash, place, &record),
        _ => desk.put(tx, place, &record, None),
    }
}
