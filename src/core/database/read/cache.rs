//! Cache entries: one, some, those with a prefix, or how much a cache holds.

use crate::base::{Reader, Result};
use crate::cache::entry::Entry;
use crate::cache::keys::{self, Address};
use crate::cache::{tally, Dependency};
use crate::collections::fields::Fields;
use crate::engine::{Direction, KeyRange, Read, Step};

use super::super::response::{ObjectWriter, Response};

/// Entries in one answer of `cacheEntries` unless it says otherwise, and the bytes after which it is full anyway.
const PAGE_ENTRIES: u64 = 256;
const PAGE_BYTES: usize = 1 << 20;

/// `cacheGet`, `cacheGetMany`, `cacheEntries` or `cacheTally`.
pub(in super::super) enum CacheTask {
    Get(Address),
    GetMany(u32, Vec<Box<str>>),
    Entries(Page),
    Tally(u32),
}

impl CacheTask {
    pub(super) fn take_get(fields: &mut Fields<'_>) -> Result<Self> {
        let cache = fields.number_u32("cache")?.ok_or_else(|| fields.missing("cache"))?;
        Ok(Self::Get(Address { cache, key: fields.required_text("key")?.into() }))
    }

    pub(super) fn take_get_many(fields: &mut Fields<'_>) -> Result<Self> {
        let cache = fields.number_u32("cache")?.ok_or_else(|| fields.missing("cache"))?;
        Ok(Self::GetMany(cache, fields.texts("keys")?.ok_or_else(|| fields.missing("keys"))?))
    }

    pub(super) fn take_entries(fields: &mut Fields<'_>) -> Result<Self> {
        let cache = fields.number_u32("cache")?.ok_or_else(|| fields.missing("cache"))?;
        let prefix = fields.text("prefix")?.unwrap_or_default().into();
        let after = fields.text("after")?.map(Into::into);
        let limit = fields.number("limit")?.unwrap_or(PAGE_ENTRIES).max(1);
        Ok(Self::Entries(Page { cache, prefix, after, limit }))
    }

    pub(super) fn take_tally(fields: &mut Fields<'_>) -> Result<Self> {
        Ok(Self::Tally(fields.number_u32("cache")?.ok_or_else(|| fields.missing("cache"))?))
    }

    pub(super) fn dependencies(&self) -> Vec<Dependency> {
        match self {
            Self::Get(address) => vec![Dependency::Entry(address.clone())],
            Self::GetMany(cache, names) => {
                names.iter().map(|key| Dependency::Entry(Address::new(*cache, key))).collect()
            }
            Self::Entries(_) | Self::Tally(_) => Vec::new(),
        }
    }

    pub(super) fn step(&mut self, view: &dyn Read) -> Step<Response> {
        match self {
            Self::Get(address) => get(view, address),
            Self::GetMany(cache, names) => get_many(view, *cache, names),
            Self::Entries(page) => page.answer(view),
            Self::Tally(cache) => {
                let held = tally(view, *cache)?;
                let mut answer = ObjectWriter::default();
                answer.number("entries", held.entries).number("bytes", held.bytes);
                Ok(answer.finish())
            }
        }
    }
}

/// The entry as `cacheGet` tells it, or `null`.
fn get(view: &dyn Read, address: &Address) -> Step<Response> {
    let mut bytes = Vec::new();
    if !view.get(&keys::entry(address), &mut bytes)? {
        return Ok(Response::plain(*b"null"));
    }
    let mut answer = ObjectWriter::default();
    write_entry(&mut answer, &bytes)?;
    Ok(answer.finish())
}

/// Adds the fields of a stored entry.
fn write_entry(answer: &mut ObjectWriter, bytes: &[u8]) -> Result<()> {
    let mut reader = Reader::new(bytes);
    let entry = Entry::decode_head(&mut reader)?;
    let terms = &entry.terms;
    answer.number("created", terms.created).number("touched", terms.touched);
    for (name, duration) in [("ttl", terms.ttl), ("sliding", terms.sliding)] {
        if let Some(duration) = duration {
            answer.number(name, duration);
        }
    }
    answer.number("stale", terms.stale).number("size", entry.size);
    if terms.negative {
        answer.flag("negative", true);
    }
    if entry.computed {
        answer.flag("computed", true);
    }
    answer.raw("value", reader.rest()).extended(entry.extended);
    Ok(())
}

fn get_many(view: &dyn Read, cache: u32, names: &[Box<str>]) -> Step<Response> {
    let (mut json, mut extended) = (vec![b'['], false);
    for (at, key) in names.iter().enumerate() {
        if at > 0 {
            json.push(b',');
        }
        let one = get(view, &Address::new(cache, key))?;
        json.extend_from_slice(&one.json);
        extended |= one.extended;
    }
    json.push(b']');
    Ok(Response { json, extended })
}

/// Which entries `cacheEntries` lists, in the order of their keys.
pub(in super::super) struct Page {
    cache: u32,
    prefix: Box<str>,
    /// Behind this key.
    after: Option<Box<str>>,
    limit: u64,
}

impl Page {
    fn answer(&self, view: &dyn Read) -> Step<Response> {
        let mut range = KeyRange::prefix(&keys::entry(&Address::new(self.cache, &self.prefix)));
        if let Some(after) = &self.after {
            // The first key behind another is that key and a zero byte.
            let mut start = keys::entry(&Address::new(self.cache, after));
            start.push(0);
            range.start = range.start.max(start);
        }
        let (mut json, mut extended, mut count) = (Vec::new(), false, 0);
        let mut last = None;
        let mut cursor = view.cursor(range, Direction::Forward);
        while cursor.advance()? {
            if count >= self.limit || json.len() >= PAGE_BYTES {
                break;
            }
            let Some(address) = keys::entry_address(cursor.key()) else { continue };
            let mut one = ObjectWriter::default();
            one.text("key", &address.key);
            write_entry(&mut one, cursor.value())?;
            let one = one.finish();
            if count > 0 {
                json.push(b',');
            }
            json.extend_from_slice(&one.json);
            extended |= one.extended;
            count += 1;
            last = Some(address.key);
        }
        let more = count >= self.limit || json.len() >= PAGE_BYTES;
        let mut answer = ObjectWriter::default();
        answer.raw("entries", &[b"[", json.as_slice(), b"]"].concat()).extended(extended);
        match last.filter(|_| more) {
            Some(key) => answer.text("next", &key),
            None => answer.raw("next", b"null"),
        };
        Ok(answer.finish())
    }
}
