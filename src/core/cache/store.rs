//! Putting entries into caches and taking them out, in a transaction: the entry, its place in the queues, its tags, its
//! dependencies and the counters always together, and everything computed from it along with it.
//!
//! It commits nothing and looks at no clock.

use std::collections::{BTreeMap, BTreeSet};

use crate::base::planted::{planted, Bug};
use crate::base::{Error, Reader, Result};
use crate::engine::{Direction, KeyRange, Read, Step, Transaction};

use super::dependency::{encode_interests, Dependency, Grouped};
use super::entry::{Entry, Terms};
use super::evict::{self, UseBits};
use super::keys::{self, Address};
use super::{KEY_MAX, NAME_MAX, TAGS_MAX, TAG_MAX, VALUE_MAX};

/// What an entry costs besides its key and value, in bytes: its places in queues and counters.
const OVERHEAD: u64 = 64;
/// Entries that one commit of a clear removes.
const CLEAR_SLICE: usize = 1024;

/// An entry as it is asked to be.
#[derive(Clone, Debug)]
pub struct NewEntry {
    /// Where.
    pub address: Address,
    /// What it says besides its value.
    pub terms: Terms,
    /// The value as JSON text.
    pub json: Vec<u8>,
    /// Whether the value has tagged values.
    pub extended: bool,
    /// What it was computed from; `None` if nobody watched.
    pub dependencies: Option<Vec<Dependency>>,
    /// The budget of the cache, in bytes.
    pub bytes_max: u64,
}

/// What a cache holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Entries.
    pub entries: u64,
    /// What they count against the budget, in bytes.
    pub bytes: u64,
}

/// The number of the cache `name`, if it exists.
pub fn find(view: &dyn Read, name: &str) -> Step<Option<u32>> {
    let mut bytes = Vec::new();
    if !view.get(&keys::description(name), &mut bytes)? {
        return Ok(None);
    }
    Ok(Some(Reader::new(&bytes).u32()?))
}

/// The number of the cache `name`, which is created if it does not exist.
///
/// # Errors
/// `Invalid` for a name that cannot be kept.
pub fn open(tx: &mut dyn Transaction, name: &str) -> Step<u32> {
    if let Some(number) = find(tx, name)? {
        return Ok(number);
    }
    check_text("cache: a name", name, NAME_MAX)?;
    let mut bytes = Vec::new();
    let number = if tx.get(keys::NEXT_CACHE, &mut bytes)? { Reader::new(&bytes).u32()? } else { 1 };
    let next = number.checked_add(1).ok_or_else(|| Error::invalid("too many caches were created"))?;
    tx.put(keys::NEXT_CACHE, &next.to_le_bytes())?;
    tx.put(&keys::description(name), &number.to_le_bytes())?;
    Ok(number)
}

fn check_text(what: &str, text: &str, max: usize) -> Result<()> {
    if text.is_empty() || text.len() > max {
        return Err(Error::invalid(format!("{what} has {} bytes: use 1 to {max} bytes", text.len())));
    }
    Ok(())
}

impl NewEntry {
    fn check(&self) -> Result<()> {
        check_text("cache: a key", &self.address.key, KEY_MAX)?;
        if self.terms.tags.len() > TAGS_MAX {
            return Err(Error::invalid(format!("cache: an entry has more than {TAGS_MAX} tags: use fewer")));
        }
        for tag in &self.terms.tags {
            check_text("cache: a tag", tag, TAG_MAX)?;
        }
        let (size, max) = (self.size(), self.bytes_max.min(VALUE_MAX as u64));
        if size > max || self.json.len() > VALUE_MAX {
            let message = format!(
                "cache: the entry '{}' has {size} bytes and the limit is {max}: raise maxBytes or store less",
                self.address.key
            );
            return Err(Error::invalid(message).with_reason("too-large"));
        }
        Ok(())
    }

    /// What it counts against the budget.
    fn size(&self) -> u64 {
        let own = self.address.key.len() as u64 + self.json.len() as u64;
        self.terms.weight.unwrap_or(own).saturating_add(OVERHEAD)
    }
}

/// Stores an entry in place of the one before, removes what was computed from that, and evicts what is over the budget.
/// Answers the evicted keys.
///
/// # Errors
/// `Invalid`, with reason `too-large` for one that can never fit.
pub fn put(tx: &mut dyn Transaction, new: &NewEntry, bits: &UseBits) -> Step<Vec<Address>> {
    new.check()?;
    let address = &new.address;
    remove_all(tx, std::slice::from_ref(address))?;
    let grouped = new.dependencies.as_deref().map(Grouped::new);
    let mut terms = new.terms.clone();
    crate::base::sort::sort(&mut terms.tags);
    terms.tags.dedup();
    let place = reserve_place(tx, address.cache)?;
    let segment = if bits.was_here(address) { evict::MAIN } else { evict::NEW };
    evict::enqueue(tx, address, segment, place)?;
    if segment != evict::NEW {
        evict::locate(tx, address, segment, place)?;
    }
    for tag in &terms.tags {
        tx.put(&keys::tag(address, tag), &[])?;
    }
    let entry = Entry {
        terms,
        extended: new.extended,
        computed: grouped.is_some(),
        place,
        size: new.size(),
        grouped: grouped.unwrap_or_default(),
        json: new.json.clone(),
    };
    put_dependencies(tx, address, &entry.grouped)?;
    tx.put(&keys::entry(address), &entry.encode())?;
    tx.add(&keys::bytes(address.cache), signed(entry.size))?;
    tx.add(&keys::count(address.cache), 1)?;
    evict::shrink(tx, bits, address, new.bytes_max)
}

/// Writes a used entry's new time; nothing else of it changes. Answers whether it was still there.
pub fn touch(tx: &mut dyn Transaction, address: &Address, touched: u64) -> Step<bool> {
    let Some(mut entry) = load(tx, address)? else { return Ok(false) };
    entry.terms.touched = entry.terms.touched.max(touched);
    tx.put(&keys::entry(address), &entry.encode())?;
    Ok(true)
}

fn put_dependencies(tx: &mut dyn Transaction, address: &Address, grouped: &Grouped) -> Step<()> {
    for (collection, id) in &grouped.documents {
        tx.put(&keys::document(collection, id, address), &[])?;
    }
    for (collection, interests) in &grouped.queries {
        tx.put(&keys::queries(collection, address), &encode_interests(interests))?;
    }
    for of in &grouped.entries {
        tx.put(&keys::dependent(of, address), &[])?;
    }
    let documents = grouped.documents.iter().map(|(collection, _)| collection);
    let collections: BTreeSet<_> = documents.chain(grouped.queries.iter().map(|(collection, _)| collection)).collect();
    for collection in collections {
        let watched = keys::watched(collection);
        if !tx.contains(&watched)? {
            tx.put(&watched, &[])?;
        }
    }
    Ok(())
}

/// The entry at an address.
pub fn load(view: &dyn Read, address: &Address) -> Step<Option<Entry>> {
    let mut bytes = Vec::new();
    if !view.get(&keys::entry(address), &mut bytes)? {
        return Ok(None);
    }
    Ok(Some(Entry::decode(&bytes)?))
}

/// Entries that have to go, each with the key of its place in the queues.
pub type Doomed = BTreeMap<Address, Option<(Entry, Vec<u8>)>>;

/// The entries at `roots` and everything that was computed from them.
pub fn doom(view: &dyn Read, roots: &[Address]) -> Step<Doomed> {
    let mut doomed = Doomed::new();
    let mut waiting = roots.to_vec();
    while let Some(address) = waiting.pop() {
        if doomed.contains_key(&address) {
            continue;
        }
        let mut cursor = view.cursor(KeyRange::prefix(&keys::dependents_prefix(&address)), Direction::Forward);
        let prefix = keys::dependents_prefix(&address).len();
        while !planted(Bug::ForgetCacheChains) && cursor.advance()? {
            waiting.push(keys::read_address(cursor.key().get(prefix..).unwrap_or_default())?);
        }
        drop(cursor);
        let found = match load(view, &address)? {
            Some(entry) => {
                let place = evict::queue_key(view, &address, entry.place)?;
                Some((entry, place))
            }
            None => None,
        };
        doomed.insert(address, found);
    }
    Ok(doomed)
}

/// Removes what [`doom`] found. Answers how many entries there were.
pub fn execute(tx: &mut dyn Transaction, doomed: &Doomed) -> Step<u64> {
    let mut removed = 0;
    for (address, found) in doomed {
        let Some((entry, place)) = found else { continue };
        removed += 1;
        tx.delete(&keys::entry(address))?;
        tx.delete(place)?;
        if *place != keys::place(address.cache, evict::NEW, entry.place) {
            tx.delete(&keys::location(address))?;
        }
        for tag in &entry.terms.tags {
            tx.delete(&keys::tag(address, tag))?;
        }
        for (collection, id) in &entry.grouped.documents {
            tx.delete(&keys::document(collection, id, address))?;
        }
        for (collection, _) in &entry.grouped.queries {
            tx.delete(&keys::queries(collection, address))?;
        }
        for of in &entry.grouped.entries {
            tx.delete(&keys::dependent(of, address))?;
        }
        tx.add(&keys::bytes(address.cache), -signed(entry.size))?;
        tx.add(&keys::count(address.cache), -1)?;
    }
    Ok(removed)
}

/// Removes the entries at `addresses` and what was computed from them. Answers how many there were.
pub fn remove_all(tx: &mut dyn Transaction, addresses: &[Address]) -> Step<u64> {
    let doomed = doom(tx, addresses)?;
    execute(tx, &doomed)
}

/// Removes every entry that has one of the tags. Answers how many there were.
pub fn invalidate_tags(tx: &mut dyn Transaction, cache: u32, tags: &[Box<str>]) -> Step<u64> {
    let mut roots = Vec::new();
    for tag in tags {
        let prefix = keys::tag_prefix(cache, tag);
        let mut cursor = tx.cursor(KeyRange::prefix(&prefix), Direction::Forward);
        while cursor.advance()? {
            let key = cursor.key().get(prefix.len()..).unwrap_or_default();
            let key = std::str::from_utf8(key).map_err(|_| Error::corrupt("a cache's tag makes no sense"))?;
            roots.push(Address::new(cache, key));
        }
    }
    remove_all(tx, &roots)
}

/// Removes a slice of a cache's entries. Answers whether there are more, and how many went.
pub fn clear_slice(tx: &mut dyn Transaction, cache: u32) -> Step<(bool, u64)> {
    let mut roots = Vec::new();
    let mut cursor = tx.cursor(keys::entries(cache), Direction::Forward);
    while roots.len() < CLEAR_SLICE && cursor.advance()? {
        roots.extend(keys::entry_address(cursor.key()));
    }
    drop(cursor);
    Ok((roots.len() == CLEAR_SLICE, remove_all(tx, &roots)?))
}

/// What a cache holds.
pub fn tally(view: &dyn Read, cache: u32) -> Step<Tally> {
    Ok(Tally { entries: count_of(view, &keys::count(cache))?, bytes: count_of(view, &keys::bytes(cache))? })
}

/// A counter; what is negative by damage counts as 0.
pub(super) fn count_of(view: &dyn Read, key: &[u8]) -> Step<u64> {
    let mut bytes = Vec::new();
    if !view.get(key, &mut bytes)? {
        return Ok(0);
    }
    Ok(u64::try_from(Reader::new(&bytes).u64()?.cast_signed()).unwrap_or(0))
}

/// Takes the next place in the queues.
pub(super) fn reserve_place(tx: &mut dyn Transaction, cache: u32) -> Step<u64> {
    let place = evict::next_place(tx, cache)?;
    tx.put(&keys::next_place(cache), &place.saturating_add(1).to_le_bytes())?;
    Ok(place)
}

fn signed(size: u64) -> i64 {
    i64::try_from(size).unwrap_or(i64::MAX)
}
