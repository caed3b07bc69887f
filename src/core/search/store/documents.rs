//! The documents of a segment: their numbers with the lengths of their fields, their ids, and which older ones it removes.
//!
//! Not the documents' texts; those are in the collection.
//!
//! ```text
//! numbers   varint count; u8 1 if every number follows the one before, else 0 and packed (number - number before - 1),
//!           counted from the number in the page's key (of the first document: 0)
//! lengths   numbers, then for each field one length code for each document
//! ids       numbers, then for each document: varint shared bytes with the id before, slice of the rest
//! removed   numbers
//! ```

use std::ops::Range;

use crate::base::{write_slice, write_varint, Error, Reader, Result};
use crate::engine::key::common_prefix;

use super::pack::{pack, unpack};

/// Documents of one page of lengths, or of removed numbers.
pub(crate) const LENGTHS_PAGE: usize = 4096;
/// Documents of one page of ids.
pub(crate) const IDS_PAGE: usize = 128;
/// More than the ids of a page may have; what a damaged page of ids with much in common could become is without end.
const IDS_BYTES_MAX: usize = 1 << 20;

/// Document numbers, ascending.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Numbers {
    Dense(Range<u32>),
    Sparse(Vec<u32>),
}

impl Numbers {
    /// Ascending numbers.
    pub(crate) fn of(numbers: Vec<u32>) -> Self {
        match (numbers.first(), numbers.last()) {
            (Some(&first), Some(&last)) if (last - first) as usize == numbers.len() - 1 && last < u32::MAX => {
                Self::Dense(first..last + 1)
            }
            _ => Self::Sparse(numbers),
        }
    }

    /// The place of a number in the list.
    pub(crate) fn place(&self, number: u32) -> Option<usize> {
        match self {
            Self::Dense(range) => range.contains(&number).then(|| (number - range.start) as usize),
            Self::Sparse(numbers) => numbers.binary_search(&number).ok(),
        }
    }

    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Dense(range) => range.len(),
            Self::Sparse(numbers) => numbers.len(),
        }
    }

    /// The last number; `first` if there is none.
    pub(crate) fn last(&self, first: u32) -> u32 {
        match self {
            Self::Dense(range) => range.end.saturating_sub(1).max(first),
            Self::Sparse(numbers) => numbers.last().copied().unwrap_or(first),
        }
    }

    /// Bytes of memory besides itself.
    fn memory(&self) -> usize {
        match self {
            Self::Dense(_) => 0,
            Self::Sparse(numbers) => numbers.capacity() * 4,
        }
    }

    pub(crate) fn iter(&self) -> Box<dyn Iterator<Item = u32> + '_> {
        match self {
            Self::Dense(range) => Box::new(range.clone()),
            Self::Sparse(numbers) => Box::new(numbers.iter().copied()),
        }
    }

    /// Appends the list; the first number is in the page's key.
    pub(crate) fn write(numbers: &[u32], out: &mut Vec<u8>) {
        write_varint(out, numbers.len() as u64);
        let mut distances = Vec::with_capacity(numbers.len());
        let mut before = None;
        for number in numbers {
            distances.push(before.map_or(0, |before| number.wrapping_sub(before).wrapping_sub(1)));
            before = Some(*number);
        }
        let dense = distances.iter().all(|distance| *distance == 0);
        out.push(u8::from(dense));
        if !dense {
            pack(&distances, out);
        }
    }

    /// Reads a list that begins with `first`.
    pub(crate) fn read(reader: &mut Reader<'_>, first: u32) -> Result<Self> {
        let count = reader.varint_u32()?;
        if count as usize > LENGTHS_PAGE {
            return Err(damaged());
        }
        if reader.u8()? == 1 {
            return Ok(Self::Dense(first..first.checked_add(count).ok_or_else(damaged)?));
        }
        let mut numbers = Vec::new();
        let mut rest = reader.rest();
        unpack(&mut rest, count as usize, &mut numbers)?;
        *reader = Reader::new(rest);
        let mut before: Option<u32> = None;
        for number in &mut numbers {
            let distance = *number;
            *number = match before {
                None => first.checked_add(distance),
                Some(before) => before.checked_add(distance).and_then(|number| number.checked_add(1)),
            }
            .ok_or_else(damaged)?;
            before = Some(*number);
        }
        Ok(Self::Sparse(numbers))
    }
}

/// A page of lengths.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Lengths {
    pub(crate) numbers: Numbers,
    /// For each field one code for each document.
    pub(crate) codes: Vec<u8>,
}

impl Lengths {
    pub(crate) fn read(page: &[u8], first: u32, fields: usize) -> Result<Self> {
        let mut reader = Reader::new(page);
        let numbers = Numbers::read(&mut reader, first)?;
        let codes = reader.take(numbers.len().saturating_mul(fields))?.to_vec();
        reader.finish("a page of lengths")?;
        Ok(Self { numbers, codes })
    }

    /// Fills in the codes of a field for the first of `docs` (ascending) as far as the page reaches; answers how many.
    pub(crate) fn fill(&self, field: usize, docs: &[u32], codes: &mut [u8]) -> usize {
        let column = self.codes.get(field * self.numbers.len()..).unwrap_or_default();
        let mut filled = 0;
        let pairs = docs.iter().zip(codes);
        match &self.numbers {
            Numbers::Dense(range) => {
                for (doc, code) in pairs.take_while(|(doc, _)| range.contains(doc)) {
                    *code = column.get((doc - range.start) as usize).copied().unwrap_or(0);
                    filled += 1;
                }
            }
            Numbers::Sparse(numbers) => {
                let (Some(first), Some(last)) = (numbers.first(), numbers.last()) else { return 0 };
                let mut at = 0;
                for (doc, code) in pairs.take_while(|(doc, _)| (first..=last).contains(doc)) {
                    at += numbers.get(at..).unwrap_or_default().partition_point(|number| number < doc);
                    let has = numbers.get(at) == Some(doc);
                    *code = if has { column.get(at).copied().unwrap_or(0) } else { 0 };
                    filled += 1;
                }
            }
        }
        filled
    }

    /// Bytes of memory.
    pub(crate) fn memory(&self) -> usize {
        self.numbers.memory() + self.codes.capacity()
    }

    /// The length code of a field at a place of the list.
    pub(crate) fn code(&self, place: usize, field: usize) -> u8 {
        self.codes.get(field * self.numbers.len() + place).copied().unwrap_or(0)
    }
}

/// A page of ids.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ids {
    pub(crate) numbers: Numbers,
    /// All ids, one after another, and where each ends.
    text: Vec<u8>,
    ends: Vec<u32>,
}

impl Ids {
    pub(crate) fn read(page: &[u8], first: u32) -> Result<Self> {
        let mut reader = Reader::new(page);
        let numbers = Numbers::read(&mut reader, first)?;
        let (mut text, mut ends, mut before) = (Vec::new(), Vec::new(), 0..0);
        for _ in 0..numbers.len() {
            let shared = reader.varint()?;
            if shared > before.len() as u64 || text.len() > IDS_BYTES_MAX {
                return Err(damaged());
            }
            let start = text.len();
            text.extend_from_within(before.start..before.start + shared as usize);
            text.extend_from_slice(reader.slice()?);
            before = start..text.len();
            ends.push(text.len() as u32);
        }
        reader.finish("a page of ids")?;
        Ok(Self { numbers, text, ends })
    }

    /// The id of a document.
    pub(crate) fn get(&self, number: u32) -> Option<&[u8]> {
        self.at(self.numbers.place(number)?)
    }

    fn at(&self, place: usize) -> Option<&[u8]> {
        let start = place.checked_sub(1).map_or(Some(0), |before| self.ends.get(before).copied())?;
        self.text.get(start as usize..*self.ends.get(place)? as usize)
    }

    /// The documents with their ids.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, &[u8])> + '_ {
        self.numbers.iter().zip((0..self.ends.len()).filter_map(|place| self.at(place)))
    }

    /// Bytes of memory.
    pub(crate) fn memory(&self) -> usize {
        self.numbers.memory() + self.text.capacity() + self.ends.capacity() * 4
    }
}

/// A document of a segment in the making.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) number: u32,
    pub(crate) id: Box<str>,
    /// One length code for each field.
    pub(crate) codes: Vec<u8>,
}

/// The bytes of a page of lengths.
pub(crate) fn write_lengths(rows: &[Row], fields: usize) -> Vec<u8> {
    let mut out = Vec::new();
    Numbers::write(&rows.iter().map(|row| row.number).collect::<Vec<_>>(), &mut out);
    for field in 0..fields {
        out.extend(rows.iter().map(|row| row.codes.get(field).copied().unwrap_or(0)));
    }
    out
}

/// The bytes of a page of ids.
pub(crate) fn write_ids(rows: &[Row]) -> Vec<u8> {
    let mut out = Vec::new();
    Numbers::write(&rows.iter().map(|row| row.number).collect::<Vec<_>>(), &mut out);
    let mut before: &[u8] = &[];
    for row in rows {
        let id = row.id.as_bytes();
        let shared = common_prefix(before, id);
        write_varint(&mut out, shared as u64);
        write_slice(&mut out, id.get(shared..).unwrap_or_default());
        before = id;
    }
    out
}

#[cold]
pub(crate) fn damaged() -> Error {
    Error::corrupt("the documents of a search index make no sense")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn pages_of_documents_come_back(first in 0u32..1000, gaps in prop::collection::vec((0u32..3, "[ab]{0,4}", any::<u8>()), 1..300)) {
            let mut number = first;
            let rows: Vec<Row> = gaps.iter().map(|(gap, id, code)| {
                let row = Row { number, id: id.as_str().into(), codes: vec![*code, 7] };
                number += gap + 1;
                row
            }).collect();
            let page = Lengths::read(&write_lengths(&rows, 2), first, 2).unwrap();
            let ids = Ids::read(&write_ids(&rows), first).unwrap();
            prop_assert_eq!(ids.iter().count(), rows.len());
            prop_assert_eq!(ids.get(number), None);
            for (row, (number, id)) in rows.iter().zip(ids.iter()) {
                let place = page.numbers.place(row.number).unwrap();
                prop_assert_eq!((page.code(place, 0), page.code(place, 1)), (row.codes[0], 7));
                prop_assert_eq!((number, id), (row.number, row.id.as_bytes()));
                prop_assert_eq!(ids.get(number), Some(id));
            }
            prop_assert_eq!(page.numbers.place(number), None);
        }

        #[test]
        fn hostile_pages_never_panic(bytes: Vec<u8>, first: u32) {
            let _ = Lengths::read(&bytes, first, 3);
            let _ = Ids::read(&bytes, first);
        }
    }
}
