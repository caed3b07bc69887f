//! The engine keys of sync and the records under them: one place that knows their bytes.
//!
//! ```text
//! 08 's'             the settings
//! 08 'm'             counts for everybody, and the replica's record
//! 08 'c' name        the collection is synced: how
//! 08 'u' name        its documents from before are being queued: the last one that was
//! 08 'g' name        what was pulled of it is being cleared; without a name everything of sync
//! 08 'b' collection 00 id    a document as the server has it
//! 08 'o' seq         the outbox
//! 08 'a' seq         what the server has answered of it: the run that ends there
//! 08 'r' key         mutations that are retained from former names of the replica
//! 08 'd' id          dead letters
//! ```

use crate::base::{write_varint, Error, Reader, Result};
use crate::engine::KeyRange;
use crate::sync::client::Table;

/// The first byte of every key of sync.
pub(in super::super) const SYNC: u8 = 0x08;
/// The key of the settings.
pub(super) const SETTINGS: &[u8] = &[SYNC, b's'];
/// The key of the counts and the replica's record.
pub(super) const META: &[u8] = &[SYNC, b'm'];
/// What begins the keys that say that documents are being queued.
pub(super) const UPLOADS: &[u8] = &[SYNC, b'u'];
/// What begins the keys that say that something is being cleared.
pub(super) const GARBAGE: &[u8] = &[SYNC, b'g'];

fn key(tag: u8, name: &str) -> Vec<u8> {
    let mut key = vec![SYNC, tag];
    key.extend_from_slice(name.as_bytes());
    key
}

/// The key that says that a collection is synced.
pub(super) fn marker(collection: &str) -> Vec<u8> {
    key(b'c', collection)
}

/// The key that says that a collection's documents are being queued.
pub(super) fn upload(collection: &str) -> Vec<u8> {
    key(b'u', collection)
}

/// The key that says that a collection's base is being cleared; `""` for everything.
pub(super) fn garbage(collection: &str) -> Vec<u8> {
    key(b'g', collection)
}

/// Whether the key is that of a write that waits for the server.
pub(in crate::database) fn is_waiting(key: &[u8]) -> bool {
    key.starts_with(&[SYNC, b'o'])
}

/// The name in a key of one tag.
pub(super) fn name(key: &[u8]) -> Result<Box<str>> {
    let name = std::str::from_utf8(key.get(2..).unwrap_or_default());
    name.map(Box::from).map_err(|_| Error::corrupt("a key of sync is not UTF-8"))
}

/// The key of a row of a table.
pub(super) fn row(table: Table, row: &str) -> Vec<u8> {
    match table {
        Table::Meta => META.to_vec(),
        Table::Base => key(b'b', row),
        Table::Outbox => key(b'o', row),
        Table::Answered => key(b'a', row),
        Table::Retained => key(b'r', row),
        Table::Dead => key(b'd', row),
    }
}

/// All rows of a table.
pub(super) fn rows(table: Table) -> KeyRange {
    KeyRange::prefix(&row(table, ""))
}

/// The rows of a table from one on.
pub(super) fn rows_from(table: Table, from: &str) -> KeyRange {
    KeyRange { start: row(table, from), ..rows(table) }
}

/// What was pulled of one collection.
pub(super) fn bases(collection: &str) -> KeyRange {
    KeyRange::prefix(&row(Table::Base, &format!("{collection}\0")))
}

/// What every instance shows, in front of the replica's record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    /// Counts what changes more than the end of the outbox: an instance that remembers another number looks at everything anew.
    pub(super) turn: u64,
    /// Mutations that the server has not answered.
    pub(super) pending: u64,
    /// Dead letters.
    pub(super) letters: u64,
}

impl Counts {
    /// The bytes before the replica's record `json`, and it.
    pub(super) fn encode(self, json: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(json.len() + 8);
        for number in [self.turn, self.pending, self.letters] {
            write_varint(&mut out, number);
        }
        out.extend_from_slice(json);
        out
    }

    /// Reads what `encode` wrote.
    pub(super) fn decode(bytes: &[u8]) -> Result<(Self, &[u8])> {
        let mut reader = Reader::new(bytes);
        let counts = Self { turn: reader.varint()?, pending: reader.varint()?, letters: reader.varint()? };
        Ok((counts, reader.rest()))
    }
}

/// What is known of a document in a synced collection. Without a record it was there before and waits to be queued.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Known {
    /// The version and generation at which the server sent it, if it has it.
    pub(super) server: Option<(u64, u64)>,
    /// Whether pending mutations change it. If not, the collection's document is the server's.
    pub(super) pending: bool,
    /// The server's document as JSON, if it has it and mutations are pending.
    pub(super) json: Vec<u8>,
}

const SERVER: u8 = 1;
const PENDING: u8 = 2;

impl Known {
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = vec![if self.server.is_some() { SERVER } else { 0 } | if self.pending { PENDING } else { 0 }];
        if let Some((version, generation)) = self.server {
            write_varint(&mut out, version);
            write_varint(&mut out, generation);
        }
        out.extend_from_slice(&self.json);
        out
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Self> {
        let mut reader = Reader::new(bytes);
        let flags = reader.u8()?;
        let server = match flags & SERVER != 0 {
            true => Some((reader.varint()?, reader.varint()?)),
            false => None,
        };
        let (pending, json) = (flags & PENDING != 0, reader.rest().to_vec());
        if flags > SERVER | PENDING || flags == 0 || json.is_empty() == (server.is_some() && pending) {
            return Err(Error::corrupt("what is known of a synced document makes no sense"));
        }
        Ok(Self { server, pending, json })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn records_come_back_as_they_were(turn: u64, pending: u64, letters: u64, version: u64, generation: u64) {
            let counts = Counts { turn, pending, letters };
            let bytes = counts.encode(b"{}");
            prop_assert_eq!(Counts::decode(&bytes).unwrap(), (counts, &b"{}"[..]));
            let server = Some((version, generation));
            for known in [
                Known { server, pending: false, json: Vec::new() },
                Known { server, pending: true, json: b"{}".to_vec() },
                Known { server: None, pending: true, json: Vec::new() },
            ] {
                prop_assert_eq!(Known::decode(&known.encode()).unwrap(), known);
            }
        }

        #[test]
        fn hostile_bytes_are_an_error_and_never_a_panic(bytes: Vec<u8>) {
            let _ = Counts::decode(&bytes);
            let _ = Known::decode(&bytes);
        }
    }
}
