//! The head of a search index: its counts and its segments. Every commit that touches the index rewrites it.
//!
//! It grows with the number of segments, which merging keeps small, never with the number of documents.

use crate::base::{write_varint, Error, Reader, Result};
use crate::engine::{Read, Step};

use super::super::postings::{FieldTotals, Totals};
use super::super::score::Model;
use super::keys::IndexKeys;

const FORMAT: u8 = 1;

/// A segment: the documents of one commit, or of several merged ones.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Segment {
    pub(crate) id: u32,
    /// Its documents have numbers from here on; the next segment's begin behind them.
    pub(crate) base: u32,
    /// How many documents it has.
    pub(crate) docs: u32,
    /// How many documents of older segments it removes.
    pub(crate) removed: u32,
    /// How large it is, about.
    pub(crate) bytes: u64,
    /// The model of its impacts.
    pub(crate) model: Model,
}

/// The head.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Head {
    /// The number the next document gets.
    pub(crate) next_number: u32,
    /// The number the next segment gets.
    pub(crate) next_segment: u32,
    pub(crate) totals: Totals,
    /// In the order of their documents.
    pub(crate) segments: Vec<Segment>,
}

impl Head {
    /// The head of an empty index.
    pub(crate) fn empty(fields: usize) -> Self {
        let totals = Totals { docs: 0, fields: vec![FieldTotals::default(); fields] };
        Self { next_number: 0, next_segment: 1, totals, segments: Vec::new() }
    }

    pub(crate) fn load(view: &dyn Read, keys: &IndexKeys, fields: usize) -> Step<Self> {
        let mut bytes = Vec::new();
        view.get(&keys.head(), &mut bytes)?;
        Ok(Self::of(&bytes, fields)?)
    }

    /// The head with those bytes; none are an empty index.
    pub(crate) fn of(bytes: &[u8], fields: usize) -> Result<Self> {
        if bytes.is_empty() {
            return Ok(Self::empty(fields));
        }
        Self::decode(bytes, fields)
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = vec![FORMAT];
        write_varint(&mut out, self.next_number.into());
        write_varint(&mut out, self.next_segment.into());
        write_varint(&mut out, self.totals.docs);
        for field in &self.totals.fields {
            write_varint(&mut out, field.docs);
            write_varint(&mut out, field.tokens);
        }
        write_varint(&mut out, self.segments.len() as u64);
        for segment in &self.segments {
            for number in [segment.id, segment.base, segment.docs, segment.removed] {
                write_varint(&mut out, number.into());
            }
            write_varint(&mut out, segment.bytes);
            segment.model.write(&mut out);
        }
        out
    }

    pub(crate) fn decode(bytes: &[u8], fields: usize) -> Result<Self> {
        let mut reader = Reader::new(bytes);
        if reader.u8()? != FORMAT {
            return Err(Error::corrupt("a search index has the format of a later version"));
        }
        let mut head = Self::empty(fields);
        head.next_number = reader.varint_u32()?;
        head.next_segment = reader.varint_u32()?;
        head.totals.docs = reader.varint()?;
        for field in &mut head.totals.fields {
            *field = FieldTotals { docs: reader.varint()?, tokens: reader.varint()? };
        }
        for _ in 0..reader.count(9)? {
            head.segments.push(Segment {
                id: reader.varint_u32()?,
                base: reader.varint_u32()?,
                docs: reader.varint_u32()?,
                removed: reader.varint_u32()?,
                bytes: reader.varint()?,
                model: Model::read(&mut reader, fields)?,
            });
        }
        reader.finish("the head of a search index")?;
        if head.segments.windows(2).any(|pair| matches!(pair, [a, b] if a.base > b.base)) {
            return Err(Error::corrupt("the segments of a search index are out of order"));
        }
        Ok(head)
    }

    /// The segment that has the document, if it is still there.
    pub(crate) fn segment_of(&self, number: u32) -> Option<&Segment> {
        let after = self.segments.partition_point(|segment| segment.base <= number);
        self.segments.get(after.checked_sub(1)?)
    }
}
