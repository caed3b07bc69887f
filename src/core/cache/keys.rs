//! The engine keys of caches: one place that knows their bytes.
//!
//! ```text
//! 00 'k' name                                          a cache's number
//! 05 'n'                                               the next cache number
//! 05 'e' cache:u32be key                               an entry
//! 05 'q' cache:u32be segment:u8 place:u64be            the eviction queues: the entry's key
//! 05 'l' cache:u32be key                               where a promoted entry stands in the queues
//! 05 'p' cache:u32be                                   the next place in the queues
//! 05 'b' cache:u32be                                   counter: bytes of all entries
//! 05 'c' cache:u32be                                   counter: entries
//! 05 't' cache:u32be len:u8 tag key                    an entry with that tag
//! 05 'w' len:u8 collection                             something was ever computed from that collection
//! 05 'd' len:u8 collection 'i' len:u16be id cache:u32be key    an entry computed from a document
//! 05 'd' len:u8 collection 'q' cache:u32be key         an entry computed from queries: their interests
//! 05 'x' cache:u32be len:u16be key cache:u32be key     an entry computed from another entry
//! ```

use crate::base::{Error, Result};
use crate::engine::KeyRange;

/// The first byte of every key of this floor but the descriptions.
pub const CACHE: u8 = 0x05;

/// An entry's address: the cache's number and the key in it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address {
    /// The number of the cache.
    pub cache: u32,
    /// The key.
    pub key: Box<str>,
}

impl Address {
    /// The entry `key` of the cache with that number.
    pub fn new(cache: u32, key: &str) -> Self {
        Self { cache, key: key.into() }
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.cache.to_be_bytes());
        out.extend_from_slice(self.key.as_bytes());
    }
}

/// The key of a cache's number.
pub fn description(name: &str) -> Vec<u8> {
    let mut key = vec![crate::collections::keys::CATALOG, b'k'];
    key.extend_from_slice(name.as_bytes());
    key
}

/// The key of the next cache number.
pub const NEXT_CACHE: &[u8] = &[CACHE, b'n'];

fn of_cache(kind: u8, cache: u32) -> Vec<u8> {
    let mut key = vec![CACHE, kind];
    key.extend_from_slice(&cache.to_be_bytes());
    key
}

/// An entry.
pub fn entry(address: &Address) -> Vec<u8> {
    let mut key = vec![CACHE, b'e'];
    address.write(&mut key);
    key
}

/// All entries of a cache.
pub fn entries(cache: u32) -> KeyRange {
    KeyRange::prefix(&of_cache(b'e', cache))
}

/// The address in an entry's key, if it is one.
pub fn entry_address(key: &[u8]) -> Option<Address> {
    let rest = key.strip_prefix(&[CACHE, b'e'])?;
    read_address(rest).ok()
}

/// The address at the end of a key.
///
/// # Errors
/// `Corrupt` if the bytes are none.
pub fn read_address(rest: &[u8]) -> Result<Address> {
    let damaged = || Error::corrupt("a cache key makes no sense");
    let (cache, key) = rest.split_at_checked(4).ok_or_else(damaged)?;
    let cache = u32::from_be_bytes(cache.try_into().map_err(|_| damaged())?);
    Ok(Address { cache, key: std::str::from_utf8(key).map_err(|_| damaged())?.into() })
}

/// A place in a queue.
pub fn place(cache: u32, segment: u8, place: u64) -> Vec<u8> {
    let mut key = of_cache(b'q', cache);
    key.push(segment);
    key.extend_from_slice(&place.to_be_bytes());
    key
}

/// One queue of a cache.
pub fn segment(cache: u32, segment: u8) -> KeyRange {
    let mut key = of_cache(b'q', cache);
    key.push(segment);
    KeyRange::prefix(&key)
}

/// The place in a key of [`segment`].
pub fn read_place(key: &[u8]) -> Option<u64> {
    Some(u64::from_be_bytes(key.get(7..15)?.try_into().ok()?))
}

/// Where a promoted entry stands.
pub fn location(address: &Address) -> Vec<u8> {
    let mut key = vec![CACHE, b'l'];
    address.write(&mut key);
    key
}

/// The next place in the queues of a cache.
pub fn next_place(cache: u32) -> Vec<u8> {
    of_cache(b'p', cache)
}

/// The counter of a cache's bytes.
pub fn bytes(cache: u32) -> Vec<u8> {
    of_cache(b'b', cache)
}

/// The counter of a cache's entries.
pub fn count(cache: u32) -> Vec<u8> {
    of_cache(b'c', cache)
}

/// What every key of a tag starts with.
pub fn tag_prefix(cache: u32, tag: &str) -> Vec<u8> {
    let mut key = of_cache(b't', cache);
    key.push(tag.len().min(255) as u8);
    key.extend_from_slice(tag.as_bytes());
    key
}

/// An entry with a tag.
pub fn tag(address: &Address, tag: &str) -> Vec<u8> {
    let mut key = tag_prefix(address.cache, tag);
    key.extend_from_slice(address.key.as_bytes());
    key
}

fn of_collection(kind: u8, collection: &str) -> Vec<u8> {
    let mut key = vec![CACHE, kind, collection.len().min(255) as u8];
    key.extend_from_slice(collection.as_bytes());
    key
}

/// Says that something was computed from the collection.
pub fn watched(collection: &str) -> Vec<u8> {
    of_collection(b'w', collection)
}

/// What every key of an entry computed from documents of the collection by their ids starts with.
pub fn documents_prefix(collection: &str) -> Vec<u8> {
    let mut key = of_collection(b'd', collection);
    key.push(b'i');
    key
}

/// What every key of an entry computed from this document starts with.
pub fn document_prefix(collection: &str, id: &str) -> Vec<u8> {
    let mut key = documents_prefix(collection);
    key.extend_from_slice(&(id.len().min(0xffff) as u16).to_be_bytes());
    key.extend_from_slice(id.as_bytes());
    key
}

/// An entry computed from a document.
pub fn document(collection: &str, id: &str, address: &Address) -> Vec<u8> {
    let mut key = document_prefix(collection, id);
    address.write(&mut key);
    key
}

/// What every key of an entry computed from queries of the collection starts with.
pub fn queries_prefix(collection: &str) -> Vec<u8> {
    let mut key = of_collection(b'd', collection);
    key.push(b'q');
    key
}

/// An entry computed from queries.
pub fn queries(collection: &str, address: &Address) -> Vec<u8> {
    let mut key = queries_prefix(collection);
    address.write(&mut key);
    key
}

/// What every key of an entry computed from that entry starts with.
pub fn dependents_prefix(of: &Address) -> Vec<u8> {
    let mut key = of_cache(b'x', of.cache);
    key.extend_from_slice(&(of.key.len().min(0xffff) as u16).to_be_bytes());
    key.extend_from_slice(of.key.as_bytes());
    key
}

/// An entry computed from another.
pub fn dependent(of: &Address, address: &Address) -> Vec<u8> {
    let mut key = dependents_prefix(of);
    address.write(&mut key);
    key
}

/// What an entry was computed from, as its keys tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source<'a> {
    /// A document of a collection, by its id.
    Document(&'a str, &'a str),
    /// Queries of a collection.
    Query(&'a str),
    /// Another entry.
    Entry(Address),
}

/// The source and the entry in a key of [`document`], [`queries`] or [`dependent`], if it is one.
pub fn read_source(key: &[u8]) -> Option<(Source<'_>, Address)> {
    let text = |bytes| std::str::from_utf8(bytes).ok();
    match key {
        [CACHE, b'd', length, rest @ ..] => {
            let (collection, rest) = rest.split_at_checked(usize::from(*length))?;
            match rest {
                [b'i', a, b, rest @ ..] => {
                    let (id, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes([*a, *b])))?;
                    Some((Source::Document(text(collection)?, text(id)?), read_address(rest).ok()?))
                }
                [b'q', rest @ ..] => Some((Source::Query(text(collection)?), read_address(rest).ok()?)),
                _ => None,
            }
        }
        [CACHE, b'x', a, b, c, d, e, f, rest @ ..] => {
            let (of, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes([*e, *f])))?;
            let of = Address { cache: u32::from_be_bytes([*a, *b, *c, *d]), key: text(of)?.into() };
            Some((Source::Entry(of), read_address(rest).ok()?))
        }
        _ => None,
    }
}
