//! One cache entry, or what a cache holds.

use crate::base::{Reader, Result};
use crate::cache::entry::Entry;
use crate::cache::keys::{self, Address};
use crate::cache::{tally, Dependency};
use crate::collections::fields::Fields;
use crate::engine::{Read, Step};

use super::super::response::{ObjectWriter, Response};

/// `cacheGet` or `cacheTally`.
pub(in super::super) enum CacheTask {
    Get(Address),
    Tally(u32),
}

impl CacheTask {
    pub(super) fn take_get(fields: &mut Fields<'_>) -> Result<Self> {
        let cache = fields.number_u32("cache")?.ok_or_else(|| fields.missing("cache"))?;
        Ok(Self::Get(Address { cache, key: fields.required_text("key")?.into() }))
    }

    pub(super) fn take_tally(fields: &mut Fields<'_>) -> Result<Self> {
        Ok(Self::Tally(fields.number_u32("cache")?.ok_or_else(|| fields.missing("cache"))?))
    }

    pub(super) fn dependencies(&self) -> Vec<Dependency> {
        match self {
            Self::Get(address) => vec![Dependency::Entry(address.clone())],
            Self::Tally(_) => Vec::new(),
        }
    }

    pub(super) fn step(&mut self, view: &dyn Read) -> Step<Response> {
        match self {
            Self::Get(address) => get(view, address),
            Self::Tally(cache) => {
                let held = tally(view, *cache)?;
                let mut answer = ObjectWriter::default();
                answer.number("entries", held.entries).number("bytes", held.bytes);
                Ok(answer.finish())
            }
        }
    }
}

/// The entry as `{"at":[created,touched,ttl,sliding,stale],"flags":…,"value":…}`, or `null`.
fn get(view: &dyn Read, address: &Address) -> Step<Response> {
    let mut bytes = Vec::new();
    if !view.get(&keys::entry(address), &mut bytes)? {
        return Ok(Response::plain(*b"null"));
    }
    let mut reader = Reader::new(&bytes);
    let entry = Entry::decode_head(&mut reader)?;
    let terms = &entry.terms;
    let mut answer = ObjectWriter::default();
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
    Ok(answer.finish())
}
