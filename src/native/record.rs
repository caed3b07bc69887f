//! One commit as bytes in the journal.
//!
//! ```text
//! u32 LE   0x3152_5754, "TWR1"
//! u64 LE   length of the payload
//! u64 LE   xxh3-64 of the payload
//! payload:
//!   varint   length of the journal that was known to be synced when this record was written
//!   varint   number of deletes, each: u8 area, varint first id, varint last id
//!   varint   number of writes, each: u8 area, varint id, varint part, varint length, bytes
//! ```
//! Not the engine's log record: to a disk that is one of the blobs.

use tidewell_core::base::{checksum, write_slice, write_varint, Error, Reader, Result};
use tidewell_core::disk::{Area, BlobName, BlobRange};

/// The marker at the start of each record.
pub(crate) const MARKER: [u8; 4] = *b"TWR1";
/// Bytes before the payload.
pub(crate) const HEADER_LEN: usize = 20;

/// A decoded payload. Blobs are given by their place in it.
pub(crate) struct Record {
    pub(crate) synced: u64,
    pub(crate) deletes: Vec<BlobRange>,
    pub(crate) writes: Vec<(BlobName, std::ops::Range<usize>)>,
}

/// Appends a record to `out` and answers where in `out` each blob's bytes are, in order.
pub(crate) fn encode<'a>(
    out: &mut Vec<u8>,
    synced: u64,
    deletes: &[BlobRange],
    writes: impl ExactSizeIterator<Item = (BlobName, &'a [u8])>,
) -> Vec<(BlobName, std::ops::Range<usize>)> {
    let start = out.len();
    out.extend_from_slice(&[0; HEADER_LEN]);
    write_varint(out, synced);
    write_varint(out, deletes.len() as u64);
    for range in deletes {
        out.push(range.area as u8);
        write_varint(out, range.first);
        write_varint(out, range.last);
    }
    write_varint(out, writes.len() as u64);
    let mut places = Vec::with_capacity(writes.len());
    for (name, bytes) in writes {
        out.push(name.area as u8);
        write_varint(out, name.id);
        write_varint(out, name.part.into());
        write_slice(out, bytes);
        places.push((name, out.len() - bytes.len()..out.len()));
    }
    let payload = out.get(start + HEADER_LEN..).unwrap_or_default();
    let mut header = MARKER.to_vec();
    header.extend_from_slice(&(payload.len() as u64).to_le_bytes());
    header.extend_from_slice(&checksum(payload).to_le_bytes());
    out.splice(start..start + HEADER_LEN, header);
    places
}

/// The length and checksum of the payload that a header announces.
pub(crate) fn decode_header(header: &[u8]) -> Result<(u64, u64)> {
    let mut reader = Reader::new(header);
    if reader.array()? != MARKER {
        return Err(Error::corrupt("not a journal record"));
    }
    Ok((reader.u64()?, reader.u64()?))
}

/// Reads a payload whose checksum was right.
pub(crate) fn decode(payload: &[u8]) -> Result<Record> {
    let mut reader = Reader::new(payload);
    let synced = reader.varint()?;
    let count = reader.count(3)?;
    let mut deletes = Vec::with_capacity(count);
    for _ in 0..count {
        deletes.push(BlobRange { area: area(reader.u8()?)?, first: reader.varint()?, last: reader.varint()? });
    }
    let count = reader.count(4)?;
    let mut writes = Vec::with_capacity(count);
    for _ in 0..count {
        let name = BlobName { area: area(reader.u8()?)?, id: reader.varint()?, part: reader.varint_u32()? };
        let len = reader.slice()?.len();
        let end = payload.len() - reader.len();
        writes.push((name, end - len..end));
    }
    reader.finish("a journal record")?;
    Ok(Record { synced, deletes, writes })
}

fn area(byte: u8) -> Result<Area> {
    let areas = [Area::Meta, Area::Log, Area::Table, Area::Floor, Area::Manifest];
    areas.into_iter().find(|area| *area as u8 == byte).ok_or_else(|| Error::corrupt("unknown area"))
}
