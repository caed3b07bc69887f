//! An entry's stored bytes: its times, tags, what it was computed from, and the value as tagged JSON.
//!
//! It decides nothing about time; the package does, by one clock for memory and storage.

use crate::base::{write_slice, write_varint, Error, Reader, Result};

use super::dependency::Grouped;
use super::keys::Address;

const FORMAT: u8 = 1;
const EXTENDED: u8 = 1;
const NEGATIVE: u8 = 2;
const COMPUTED: u8 = 4;

/// What an entry says besides its value. Times and durations are whole milliseconds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Terms {
    /// When it was stored, by the storing instance's clock.
    pub created: u64,
    /// When it was last used, as far as it was written down.
    pub touched: u64,
    /// How long it is fresh after `created`.
    pub ttl: Option<u64>,
    /// How long it is fresh after its last use.
    pub sliding: Option<u64>,
    /// How long after that it may still be served while (or because) no newer value is to be had.
    pub stale: u64,
    /// The value stands for "there is none".
    pub negative: bool,
    /// The weight the application gave it, in bytes.
    pub weight: Option<u64>,
    /// Its tags.
    pub tags: Vec<Box<str>>,
}

/// An entry.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Entry {
    /// What it says besides its value.
    pub terms: Terms,
    /// Whether the value has tagged values.
    pub extended: bool,
    /// Whether it was computed under watch.
    pub computed: bool,
    /// Its first place in the queue of newcomers.
    pub place: u64,
    /// What it counts against the budget, in bytes.
    pub size: u64,
    /// What it was computed from, as far as needed to find its dependency keys.
    pub grouped: Grouped,
    /// The value as JSON text.
    pub json: Vec<u8>,
}

impl Entry {
    /// The stored bytes (docs/FORMAT.md).
    pub fn encode(&self) -> Vec<u8> {
        let terms = &self.terms;
        let mut out = Vec::with_capacity(self.json.len() + 64);
        let flag = |set: bool, bit: u8| if set { bit } else { 0 };
        out.push(FORMAT);
        out.push(flag(self.extended, EXTENDED) | flag(terms.negative, NEGATIVE) | flag(self.computed, COMPUTED));
        for number in [self.place, self.size, terms.created, terms.touched, optional(terms.ttl)] {
            write_varint(&mut out, number);
        }
        for number in [optional(terms.sliding), terms.stale, optional(terms.weight), terms.tags.len() as u64] {
            write_varint(&mut out, number);
        }
        terms.tags.iter().for_each(|tag| write_slice(&mut out, tag.as_bytes()));
        if self.computed {
            self.encode_dependencies(&mut out);
        }
        out.extend_from_slice(&self.json);
        out
    }

    fn encode_dependencies(&self, out: &mut Vec<u8>) {
        let Grouped { documents, queries, entries } = &self.grouped;
        write_varint(out, documents.len() as u64);
        for (collection, id) in documents {
            write_slice(out, collection.as_bytes());
            write_slice(out, id.as_bytes());
        }
        // The interests themselves stand under the collection's keys.
        write_varint(out, queries.len() as u64);
        queries.iter().for_each(|(collection, _)| write_slice(out, collection.as_bytes()));
        write_varint(out, entries.len() as u64);
        for address in entries {
            write_varint(out, address.cache.into());
            write_slice(out, address.key.as_bytes());
        }
    }

    /// Reads what `encode` wrote; the queries come back without their interests.
    ///
    /// # Errors
    /// `Corrupt` if the bytes make no sense or are of a later format.
    pub fn decode(bytes: &[u8]) -> Result<Self> {
        let mut reader = Reader::new(bytes);
        let mut entry = Self::decode_head(&mut reader)?;
        entry.json = reader.rest().to_vec();
        Ok(entry)
    }

    /// Everything but the value, which is what `reader` has left.
    ///
    /// # Errors
    /// As [`Self::decode`].
    pub fn decode_head(reader: &mut Reader<'_>) -> Result<Self> {
        if reader.u8()? != FORMAT {
            return Err(Error::corrupt("a cache entry is stored in a format of a later version"));
        }
        let flags = reader.u8()?;
        if flags & !(EXTENDED | NEGATIVE | COMPUTED) != 0 {
            return Err(Error::corrupt("a cache entry has flags of a later version"));
        }
        let (place, size) = (reader.varint()?, reader.varint()?);
        let (created, touched) = (reader.varint()?, reader.varint()?);
        let (ttl, sliding) = (present(reader.varint()?), present(reader.varint()?));
        let (stale, weight) = (reader.varint()?, present(reader.varint()?));
        let mut tags = Vec::new();
        for _ in 0..reader.count(1)? {
            tags.push(reader.text()?.into());
        }
        let negative = flags & NEGATIVE != 0;
        let terms = Terms { created, touched, ttl, sliding, stale, negative, weight, tags };
        let computed = flags & COMPUTED != 0;
        let grouped = if computed { decode_dependencies(reader)? } else { Grouped::default() };
        Ok(Self { terms, extended: flags & EXTENDED != 0, computed, place, size, grouped, json: Vec::new() })
    }
}

fn decode_dependencies(reader: &mut Reader<'_>) -> Result<Grouped> {
    let mut grouped = Grouped::default();
    for _ in 0..reader.count(2)? {
        grouped.documents.push((reader.text()?.into(), reader.text()?.into()));
    }
    for _ in 0..reader.count(1)? {
        grouped.queries.push((reader.text()?.into(), Vec::new()));
    }
    for _ in 0..reader.count(2)? {
        grouped.entries.push(Address { cache: reader.varint_u32()?, key: reader.text()?.into() });
    }
    Ok(grouped)
}

/// 0 for nothing, else one more.
fn optional(number: Option<u64>) -> u64 {
    number.map_or(0, |number| number.saturating_add(1))
}

fn present(number: u64) -> Option<u64> {
    number.checked_sub(1)
}
