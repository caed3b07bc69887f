//! What leaves a full cache: a queue of newcomers that soon lets go of what nobody used, and a main queue that used entries
//! are promoted to, each with a second chance (the shape of S3-FIFO; Yang et al., SOSP 2023).
//!
//! Reads write nothing: what was used is remembered by the instance and spent when something must go. An instance that
//! closes forgets it, which costs hits and never correctness.

use std::cell::RefCell;
use std::collections::VecDeque;

use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::base::{write_varint, FastSet, Reader};
use crate::engine::{Direction, Read, Step, Transaction};

use super::keys::{self, Address};
use super::store::{count_of, remove_all, reserve_place};

/// The queue of newcomers.
pub const NEW: u8 = 0;
/// The queue of entries that were used.
pub const MAIN: u8 = 1;

/// Entries that get another chance in one commit.
const CHANCES_MAX: usize = 32;
/// Entries that leave in one commit; what is over the budget then leaves with the next.
const EVICTIONS_MAX: usize = 1024;
/// Evicted newcomers remembered, and used entries.
const REMEMBERED_MAX: usize = 8192;

/// What an instance remembers of uses and evictions, as hashes of addresses.
#[derive(Debug, Default)]
pub struct UseBits {
    used: RefCell<FastSet<u64>>,
    gone: RefCell<VecDeque<u64>>,
}

fn hash(address: &Address) -> u64 {
    xxh3_64_with_seed(address.key.as_bytes(), address.cache.into())
}

impl UseBits {
    /// The entry was read.
    pub fn mark(&self, address: &Address) {
        let mut used = self.used.borrow_mut();
        if used.len() >= REMEMBERED_MAX {
            used.clear();
        }
        used.insert(hash(address));
    }

    /// Whether the entry was read since it was last asked.
    fn take(&self, address: &Address) -> bool {
        self.used.borrow_mut().remove(&hash(address))
    }

    fn left(&self, address: &Address) {
        let mut gone = self.gone.borrow_mut();
        if gone.len() >= REMEMBERED_MAX {
            gone.pop_front();
        }
        gone.push_back(hash(address));
    }

    /// Whether the entry was evicted as a newcomer not long ago.
    pub(super) fn was_here(&self, address: &Address) -> bool {
        self.gone.borrow().contains(&hash(address))
    }
}

/// Puts an entry at the end of a queue.
pub(super) fn enqueue(tx: &mut dyn Transaction, address: &Address, segment: u8, place: u64) -> Step<()> {
    tx.put(&keys::place(address.cache, segment, place), address.key.as_bytes())
}

/// Writes down that an entry does not stand at its first place any more.
pub(super) fn locate(tx: &mut dyn Transaction, address: &Address, segment: u8, place: u64) -> Step<()> {
    let mut location = vec![segment];
    write_varint(&mut location, place);
    tx.put(&keys::location(address), &location)
}

/// The queue key of an entry whose first place was `first`.
pub(super) fn queue_key(view: &dyn Read, address: &Address, first: u64) -> Step<Vec<u8>> {
    let mut bytes = Vec::new();
    if !view.get(&keys::location(address), &mut bytes)? {
        return Ok(keys::place(address.cache, NEW, first));
    }
    let mut reader = Reader::new(&bytes);
    let (segment, place) = (reader.u8()?, reader.varint()?);
    Ok(keys::place(address.cache, segment, place))
}

/// The head of a queue: its place and the entry there.
fn head(view: &dyn Read, cache: u32, segment: u8) -> Step<Option<(u64, Address)>> {
    let mut cursor = view.cursor(keys::segment(cache, segment), Direction::Forward);
    if !cursor.advance()? {
        return Ok(None);
    }
    let damaged = || crate::base::Error::corrupt("a cache's queue makes no sense");
    let place = keys::read_place(cursor.key()).ok_or_else(damaged)?;
    let key = std::str::from_utf8(cursor.value()).map_err(|_| damaged())?;
    Ok(Some((place, Address::new(cache, key))))
}

/// Removes entries until the cache is inside its budget. Answers what left; `keep` stays.
pub(super) fn shrink(tx: &mut dyn Transaction, bits: &UseBits, keep: &Address, bytes_max: u64) -> Step<Vec<Address>> {
    let cache = keep.cache;
    let (mut chances, mut gone) = (0, Vec::new());
    while count_of(tx, &keys::bytes(cache))? > bytes_max && gone.len() < EVICTIONS_MAX {
        let Some((segment, place, address)) = candidate(tx, keep)? else { break };
        if chances < CHANCES_MAX && bits.take(&address) {
            chances += 1;
            tx.delete(&keys::place(cache, segment, place))?;
            let place = reserve_place(tx, cache)?;
            enqueue(tx, &address, MAIN, place)?;
            locate(tx, &address, MAIN, place)?;
            continue;
        }
        if segment == NEW {
            bits.left(&address);
        }
        if remove_all(tx, std::slice::from_ref(&address))? == 0 {
            // A place without an entry: of a damaged queue.
            tx.delete(&keys::place(cache, segment, place))?;
        }
        gone.push(address);
    }
    Ok(gone)
}

/// Whose turn it is: a newcomer if they are more than a tenth, else the oldest of the main queue. Never `keep`.
fn candidate(view: &dyn Read, keep: &Address) -> Step<Option<(u8, u64, Address)>> {
    let cache = keep.cache;
    let other = |segment: u8| -> Step<Option<(u8, u64, Address)>> {
        let found = head(view, cache, segment)?.filter(|(_, address)| address != keep);
        Ok(found.map(|(place, address)| (segment, place, address)))
    };
    let Some(newcomer) = other(NEW)? else { return other(MAIN) };
    let waiting = next_place(view, cache)?.saturating_sub(newcomer.1);
    if waiting.saturating_mul(10) > count_of(view, &keys::count(cache))? {
        return Ok(Some(newcomer));
    }
    Ok(other(MAIN)?.or(Some(newcomer)))
}

/// The place the next entry gets.
pub(super) fn next_place(view: &dyn Read, cache: u32) -> Step<u64> {
    let mut bytes = Vec::new();
    if !view.get(&keys::next_place(cache), &mut bytes)? {
        return Ok(1);
    }
    Ok(Reader::new(&bytes).u64()?)
}
