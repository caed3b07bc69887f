//! A log record: what one commit writes, as the bytes of one blob.
//!
//! It does not know what the keys mean, nor whether it won its position; see `commit.rs`. Format: docs/FORMAT.md.

use lz4_flex::block::decompress_into;

use crate::base::bytes::{write_slice, Reader};
use crate::base::checksum::{seal, unseal};
use crate::base::{Error, Result};

use super::packing::Packing;

const VERSION: u8 = 1;
const RAW: u8 = 0;
const LZ4: u8 = 1;
const STRICT: u8 = 0x10;
const HEADER_LEN: usize = 2 + 4 * 8 + 4;
/// Shorter payloads are not worth compressing: one document saves nothing and costs a microsecond.
const COMPRESS_MIN: usize = 1024;
/// LZ4 cannot expand by more than this factor; a larger claim is a lie and is not allocated for.
const EXPANSION_MAX: usize = 256;

const PUT: u8 = 1;
const DELETE: u8 = 2;
const EDIT: u8 = 3;

/// Who wrote a record, and where it belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordHeader {
    /// The identity of the database: a record of another one is never applied.
    pub store: u64,
    /// The position in the log.
    pub position: u64,
    /// The random identity of the writing instance.
    pub writer: u64,
    /// The writer's own count of attempts: with `writer` it names this very record.
    pub sequence: u64,
    /// Whether its commit was asked to survive a power cut.
    pub strict: bool,
}

/// One change inside a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Item<'a> {
    /// A key got a value.
    Put(&'a [u8], &'a [u8]),
    /// A key was removed.
    Delete(&'a [u8]),
    /// The manifest changed; see [`super::manifest::Edit`].
    Edit(&'a [u8]),
}

/// Collects the items of a record in order.
#[derive(Debug, Default)]
pub struct Payload {
    bytes: Vec<u8>,
}

impl Payload {
    /// Appends an item.
    pub fn push(&mut self, item: Item<'_>) {
        match item {
            Item::Put(key, value) => {
                self.bytes.push(PUT);
                write_slice(&mut self.bytes, key);
                write_slice(&mut self.bytes, value);
            }
            Item::Delete(key) => {
                self.bytes.push(DELETE);
                write_slice(&mut self.bytes, key);
            }
            Item::Edit(edit) => {
                self.bytes.push(EDIT);
                write_slice(&mut self.bytes, edit);
            }
        }
    }

    /// Bytes so far. A mark for [`Payload::truncate`].
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether there is no item.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Forgets the items after the mark.
    pub fn truncate(&mut self, len: usize) {
        self.bytes.truncate(len);
    }

    /// The items after the mark.
    pub fn items_from(&self, mark: usize) -> impl Iterator<Item = Item<'_>> {
        let mut reader = Reader::new(self.bytes.get(mark..).unwrap_or_default());
        std::iter::from_fn(move || read_item(&mut reader).ok())
    }

    /// The payload to be compressed, if that may be worth it.
    pub(crate) fn packing(&self) -> Option<Packing<'_>> {
        (self.bytes.len() >= COMPRESS_MIN).then(|| Packing::new(&self.bytes))
    }

    /// The bytes of the blob.
    pub fn encode(&self, header: RecordHeader) -> Vec<u8> {
        let mut packing = self.packing();
        while let Some(true) = packing.as_mut().and_then(Packing::step) {}
        self.seal(header, packing.and_then(Packing::finish))
    }

    /// The bytes of the blob, of a payload that was compressed already.
    pub(crate) fn seal(&self, header: RecordHeader, packed: Option<Vec<u8>>) -> Vec<u8> {
        let body = packed.as_deref().unwrap_or(&self.bytes);
        let mut out = Vec::with_capacity(HEADER_LEN + body.len() + 8);
        let codec = if packed.is_some() { LZ4 } else { RAW };
        out.extend_from_slice(&[VERSION, if header.strict { codec | STRICT } else { codec }]);
        for field in [header.store, header.position, header.writer, header.sequence] {
            out.extend_from_slice(&field.to_le_bytes());
        }
        let raw_len = u32::try_from(self.bytes.len()).unwrap_or(u32::MAX);
        out.extend_from_slice(&raw_len.to_le_bytes());
        out.extend_from_slice(body);
        seal(&mut out);
        out
    }

    /// The record as a reader will see it.
    pub fn into_record(self, header: RecordHeader) -> Record {
        Record { header, payload: self.bytes }
    }
}

/// A record read back.
#[derive(Clone, Debug)]
pub struct Record {
    /// Who wrote it, and where it belongs.
    pub header: RecordHeader,
    payload: Vec<u8>,
}

impl Record {
    /// Reads a blob.
    ///
    /// # Errors
    /// `Corrupt` if the checksum, the version or the shape is wrong.
    pub fn decode(blob: &[u8]) -> Result<Self> {
        let mut reader = Reader::new(unseal(blob, "log record")?);
        let version = reader.u8()?;
        if version != VERSION {
            return Err(Error::corrupt(format!("log record has version {version}, this build reads {VERSION}")));
        }
        let codec = reader.u8()?;
        let header = RecordHeader {
            store: reader.u64()?,
            position: reader.u64()?,
            writer: reader.u64()?,
            sequence: reader.u64()?,
            strict: codec & STRICT != 0,
        };
        let raw_len = reader.u32()? as usize;
        let payload = unpack(codec & !STRICT, raw_len, reader.rest())?;
        let record = Self { header, payload };
        record.validate()?;
        Ok(record)
    }

    /// Items once checked never fail again, so that applying a record cannot stop half way.
    fn validate(&self) -> Result<()> {
        let mut reader = Reader::new(&self.payload);
        while !reader.is_empty() {
            read_item(&mut reader)?;
        }
        Ok(())
    }

    /// The items in order.
    pub fn items(&self) -> impl Iterator<Item = Item<'_>> {
        let mut reader = Reader::new(&self.payload);
        std::iter::from_fn(move || read_item(&mut reader).ok())
    }

    /// Uncompressed bytes of the items.
    pub fn payload_len(&self) -> usize {
        self.payload.len()
    }
}

fn unpack(codec: u8, raw_len: usize, body: &[u8]) -> Result<Vec<u8>> {
    match codec {
        RAW if body.len() == raw_len => Ok(body.to_vec()),
        LZ4 if raw_len <= body.len().saturating_mul(EXPANSION_MAX) => {
            let mut raw = vec![0; raw_len];
            match decompress_into(body, &mut raw) {
                Ok(len) if len == raw_len => Ok(raw),
                _ => Err(Error::corrupt("log record does not decompress")),
            }
        }
        RAW | LZ4 => Err(Error::corrupt("log record has a wrong length")),
        other => Err(Error::corrupt(format!("log record has an unknown codec {other}"))),
    }
}

fn read_item<'a>(reader: &mut Reader<'a>) -> Result<Item<'a>> {
    match reader.u8()? {
        PUT => Ok(Item::Put(reader.slice()?, reader.slice()?)),
        DELETE => Ok(Item::Delete(reader.slice()?)),
        EDIT => Ok(Item::Edit(reader.slice()?)),
        other => Err(Error::corrupt(format!("log record holds an unknown item {other}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: RecordHeader = RecordHeader { store: 1, position: 2, writer: 3, sequence: 4, strict: true };

    fn sample(repeat: usize) -> Payload {
        let mut payload = Payload::default();
        for i in 0..repeat {
            payload.push(Item::Put(format!("key{i}").as_bytes(), &[7; 50]));
        }
        payload.push(Item::Delete(b"gone"));
        payload.push(Item::Edit(b"edit"));
        payload
    }

    fn check_round_trip(repeat: usize) {
        let payload = sample(repeat);
        let record = Record::decode(&payload.encode(HEADER)).unwrap();
        assert_eq!(record.header, HEADER);
        assert_eq!(record.items().count(), repeat + 2);
        assert_eq!(record.items().last(), Some(Item::Edit(b"edit")));
    }

    #[test]
    fn a_small_a_compressed_and_a_huge_record_come_back() {
        check_round_trip(1);
        check_round_trip(1000);
        check_round_trip(20_000);
    }

    #[test]
    fn a_flipped_bit_anywhere_is_noticed() {
        let blob = sample(30).encode(HEADER);
        for bit in 0..blob.len() * 8 {
            let mut bad = blob.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            assert!(Record::decode(&bad).is_err(), "bit {bit}");
        }
    }

    #[test]
    fn a_truncated_record_is_noticed() {
        let blob = sample(30).encode(HEADER);
        for len in 0..blob.len() {
            assert!(Record::decode(&blob[..len]).is_err(), "length {len}");
        }
    }

    #[test]
    fn a_lying_length_allocates_nothing() {
        let mut blob = vec![VERSION, LZ4];
        blob.extend_from_slice(&[0; 32]);
        blob.extend_from_slice(&u32::MAX.to_le_bytes());
        blob.extend_from_slice(&[0; 16]);
        seal(&mut blob);
        assert!(Record::decode(&blob).is_err());
    }
}
