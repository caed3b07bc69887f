//! `$sort`, and `$sort` with `$limit`: rows by their sort keys, stored documents as they are stored.

use std::collections::BinaryHeap;

use super::super::expression::{weight, Fields};
use super::super::sort::Sort;
use super::super::{Document, Value};
use super::row::Row;
use super::Memory;
use crate::base::Result;

/// What is kept of a row.
#[derive(Clone, Debug)]
enum Payload {
    Stored(Box<[u8]>),
    Tree(Value),
}

/// A row that waits for its place.
#[derive(Clone, Debug)]
struct Entry {
    key: Box<[u8]>,
    /// Order of arrival, which decides between equal keys.
    arrival: u64,
    payload: Payload,
}

/// A `$sort` at work.
#[derive(Clone, Debug)]
pub(super) struct Sorter {
    /// How many rows are wanted.
    limit: usize,
    arrivals: u64,
    /// With a limit: the wanted rows so far, the last one on top.
    top: BinaryHeap<Entry>,
    all: Vec<Entry>,
    scratch: Vec<u8>,
}

impl Sorter {
    /// Keeps the first `limit` rows, or all.
    pub(super) fn new(limit: Option<usize>) -> Self {
        let limit = limit.unwrap_or(usize::MAX);
        Self { limit, arrivals: 0, top: BinaryHeap::new(), all: Vec::new(), scratch: Vec::new() }
    }

    pub(super) fn add(&mut self, sort: &Sort, row: Row<'_>, needed: &Fields, memory: &mut Memory) -> Result<()> {
        self.scratch.clear();
        sort.key_ref(row.as_ref(), &mut self.scratch);
        self.arrivals += 1;
        let full = self.top.len() >= self.limit;
        if full && self.top.peek().is_none_or(|last| *self.scratch >= *last.key) {
            return Ok(());
        }
        let payload = match row {
            Row::Stored(bytes, _) => Payload::Stored(bytes.into()),
            Row::Tree(_) | Row::Lent(_) => Payload::Tree(row.into_tree(needed)?),
        };
        let entry = Entry { key: self.scratch.as_slice().into(), arrival: self.arrivals, payload };
        memory.hold("$sort", entry.bytes())?;
        if self.limit == usize::MAX {
            self.all.push(entry);
            return Ok(());
        }
        self.top.push(entry);
        if full {
            if let Some(dropped) = self.top.pop() {
                memory.release(dropped.bytes());
            }
        }
        Ok(())
    }

    /// Calls `each` with the rows in order, until it answers `false`.
    pub(super) fn finish(self, each: &mut dyn FnMut(Row<'_>) -> Result<bool>) -> Result<()> {
        let mut entries = if self.limit == usize::MAX { self.all } else { self.top.into_vec() };
        crate::base::sort::sort(&mut entries);
        for entry in entries {
            let more = match entry.payload {
                Payload::Stored(bytes) => each(Row::Stored(&bytes, Document::parse(&bytes)?))?,
                Payload::Tree(value) => each(Row::Tree(value))?,
            };
            if !more {
                break;
            }
        }
        Ok(())
    }
}

impl Entry {
    fn bytes(&self) -> usize {
        let payload = match &self.payload {
            Payload::Stored(bytes) => bytes.len(),
            Payload::Tree(value) => weight(value),
        };
        size_of::<Self>() + self.key.len() + payload
    }
}

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.key.cmp(&other.key).then(self.arrival.cmp(&other.arrival))
    }
}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Entry {}
