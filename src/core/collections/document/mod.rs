//! A stored document: a small directory of its top-level fields in front of its JSON text.
//!
//! ```text
//! u8      0x10 | flags            high nibble: format version 1; bit 0 EXTENDED (some value is tagged), bit 1 WIDE
//! varint  schema version of the application
//! varint  n, number of top-level fields
//! n ×     u16 LE hash of the key, u16 (u32 if WIDE) LE offset of the key's opening quote in the text
//! JSON    minified UTF-8 text of the object
//! ```
//!
//! So a filter jumps to a field without reading the rest, and output is a copy of the text. It is not a tree: nothing is
//! decoded that nobody asked for, and nothing here changes a document.

mod encode;
mod scan;

pub use encode::{encode, encode_batch, encode_value, Encoded, NewId, ID_MAX, JSON_MAX};

use super::json::{self, text};
use super::path::Path;
use super::raw::{RawField, RawValue};
use super::Value;
use crate::base::{Error, Reader, Result};

/// Some value of the document is tagged: readers must revive it.
pub const EXTENDED: u8 = 1;
/// Offsets take four bytes: the text is longer than 65,535 bytes.
pub const WIDE: u8 = 2;

const VERSION: u8 = 0x10;

/// A stored document, parsed just far enough to find its fields.
#[derive(Clone, Copy, Debug)]
pub struct Document<'a> {
    flags: u8,
    schema_version: u64,
    directory: &'a [u8],
    json: &'a [u8],
}

impl<'a> Document<'a> {
    /// Looks at stored bytes: a few nanoseconds, nothing is copied.
    ///
    /// # Errors
    /// `Corrupt` if the bytes are not a document of a known version. Damage inside the text shows as missing fields.
    pub fn parse(bytes: &'a [u8]) -> Result<Self> {
        Self::parse_inline(bytes)
    }

    /// The same, for loops over documents.
    #[inline(always)]
    pub(crate) fn parse_inline(bytes: &'a [u8]) -> Result<Self> {
        // One byte each for both numbers, as almost every document has them.
        if let [head @ (0x10..=0x13), schema_version @ ..=0x7f, count @ ..=0x7f, rest @ ..] = bytes {
            let flags = head & 0x0f;
            let length = usize::from(*count) * entry_len(flags);
            if let Some((directory, json @ [b'{', .., b'}'])) = rest.split_at_checked(length) {
                return Ok(Self { flags, schema_version: u64::from(*schema_version), directory, json });
            }
        }
        Self::parse_any(bytes)
    }

    fn parse_any(bytes: &'a [u8]) -> Result<Self> {
        let mut reader = Reader::new(bytes);
        let head = reader.u8()?;
        let flags = head & 0x0f;
        if head & 0xf0 != VERSION || flags & !(EXTENDED | WIDE) != 0 {
            return Err(Error::corrupt("a stored document has an unknown version"));
        }
        let schema_version = reader.varint()?;
        let count = reader.count(entry_len(flags))?;
        let directory = reader.take(count * entry_len(flags))?;
        let json = reader.rest();
        if !matches!(json, [b'{', .., b'}']) {
            return Err(Error::corrupt("a stored document holds no object"));
        }
        Ok(Self { flags, schema_version, directory, json })
    }

    /// The minified tagged JSON text.
    pub fn json(&self) -> &'a [u8] {
        self.json
    }

    /// [`EXTENDED`] and [`WIDE`].
    pub fn flags(&self) -> u8 {
        self.flags
    }

    /// Whether some value is tagged.
    pub fn is_extended(&self) -> bool {
        self.flags & EXTENDED != 0
    }

    /// The schema version the application wrote the document with.
    pub fn schema_version(&self) -> u64 {
        self.schema_version
    }

    /// The whole document as a value to read.
    pub fn as_raw(&self) -> RawValue<'a> {
        RawValue::new(self.json)
    }

    /// The top-level field `name`.
    pub fn field(&self, name: &str) -> Option<RawValue<'a>> {
        self.field_hashed(name.as_bytes(), key_hash(name.as_bytes()) as u16)
    }

    /// The top-level field `name`, whose [`key_hash`] (its low 16 bits) the caller kept.
    #[inline]
    pub fn field_hashed(&self, name: &[u8], hash: u16) -> Option<RawValue<'a>> {
        let [low, high] = hash.to_le_bytes();
        if self.flags & WIDE == 0 {
            for entry in self.directory.chunks_exact(4) {
                if entry[0] == low && entry[1] == high {
                    let offset = usize::from(u16::from_le_bytes([entry[2], entry[3]]));
                    if let Some(value) = self.value_of(offset, name) {
                        return Some(value);
                    }
                }
            }
            return None;
        }
        let candidates = self.directory.chunks_exact(6).filter(|entry| entry[0] == low && entry[1] == high);
        candidates
            .map(|entry| u32::from_le_bytes([entry[2], entry[3], entry[4], entry[5]]) as usize)
            .find_map(|offset| self.value_of(offset, name))
    }

    /// The value behind the key whose opening quote is at `offset`, if the key is `name`.
    #[inline(always)]
    fn value_of(&self, offset: usize, name: &[u8]) -> Option<RawValue<'a>> {
        let key = self.json.get(offset + 1..)?;
        match key.get(name.len()..) {
            Some([b'"', b':', value @ ..]) if &key[..name.len()] == name => Some(RawValue::new(value)),
            _ => self.value_of_escaped(offset, name),
        }
    }

    /// As [`Self::value_of`], for a key that is written with escapes.
    #[cold]
    fn value_of_escaped(&self, offset: usize, name: &[u8]) -> Option<RawValue<'a>> {
        let (end, escaped) = text::string_end(self.json, offset + 1)?;
        let same = escaped && text::unescape(&self.json[offset + 1..end])?.as_bytes() == name;
        if !same || self.json.get(end + 1) != Some(&b':') {
            return None;
        }
        Some(RawValue::new(self.json.get(end + 2..)?))
    }

    /// The top-level fields in the text's order, found through the directory.
    pub fn fields(&self) -> impl Iterator<Item = RawField<'a>> {
        let (json, directory, length) = (self.json, self.directory, entry_len(self.flags));
        let offset = move |entry: &[u8]| match *entry {
            [_, _, a, b] => usize::from(u16::from_le_bytes([a, b])),
            [_, _, a, b, c, d] => u32::from_le_bytes([a, b, c, d]) as usize,
            _ => json.len(),
        };
        let mut entries = directory.chunks_exact(length).peekable();
        std::iter::from_fn(move || {
            let start = offset(entries.next()?);
            // Before the next key's quote stands a comma, and behind the last value the brace.
            let end = entries.peek().map_or(json.len(), |next| offset(next)).checked_sub(1)?;
            RawField::whole(json.get(start..end)?)
        })
    }

    /// The first value at `path`, entering arrays by numeric segments only. [`Path::visit`] fans out instead.
    pub fn path(&self, path: &Path) -> Option<RawValue<'a>> {
        path.get_raw(self)
    }

    /// The document's id.
    pub fn id(&self) -> Option<std::borrow::Cow<'a, str>> {
        self.field("id")?.as_str()
    }

    /// The document as a tree.
    ///
    /// # Errors
    /// `Corrupt` if the text is damaged.
    pub fn to_value(&self) -> Result<Value> {
        let mut value = json::parse(self.json);
        if let Err(error) = &mut value {
            *error = Error::corrupt(format!("a stored document is damaged: {error}"));
        }
        value
    }
}

fn entry_len(flags: u8) -> usize {
    if flags & WIDE == 0 {
        4
    } else {
        6
    }
}

/// The hash of a key; the directory keeps its low 16 bits. Part of the format: never change it.
#[inline]
pub fn key_hash(key: &[u8]) -> u32 {
    const MULTIPLIER: u64 = 0x9e37_79b9_7f4a_7c15;
    let mut hash = key.len() as u64;
    let mut rest = key;
    while let Some((chunk, tail)) = rest.split_first_chunk::<8>() {
        hash = (hash ^ u64::from_le_bytes(*chunk)).wrapping_mul(MULTIPLIER);
        hash ^= hash >> 29;
        rest = tail;
    }
    let mut last = 0u64;
    for &byte in rest {
        last = last << 8 | u64::from(byte);
    }
    hash = (hash ^ last).wrapping_mul(MULTIPLIER);
    (hash >> 32) as u32
}

#[cfg(test)]
mod document_tests;

#[cfg(test)]
pub(crate) use document_tests::sample;
