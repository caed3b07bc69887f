//! The second half of a run: the parts of each key, in the order of keys, become a document of the result.
//!
//! It writes nothing. One page of results and one group are in memory at a time.

use crate::base::{write_slice, Clock, Error, Reader, Result};
use crate::collections::document::ID_MAX;
use crate::collections::pipeline::{Grouping, Partial};
use crate::collections::{json, key_codec, Value};
use crate::engine::{Direction, Pause, Read, Step};

use super::map::refused;
use super::record::Phase;
use super::{keys, Definition, Failure, Record};

/// Most groups of one slice.
const GROUPS_MAX: u64 = 1_000;
/// Most bytes of a slice's results.
const BYTES_MAX: usize = 256 << 10;
/// After so long the thread is given back.
const SLICE_MS: f64 = 4.0;
/// Parts between two looks at the clock.
const LOOK_EVERY: u64 = 64;

/// A page of groups. It may be stepped again after a pause.
pub struct ReducePage {
    grouping: Grouping,
    now: f64,
    run: u32,
    groups_max: u64,
    /// The group that is being merged.
    open: Option<Open>,
    /// The key of the last part that was merged; before it, of the last whole group.
    last: Vec<u8>,
    /// How far whole groups go.
    pub cursor: Vec<u8>,
    /// Parts in whole groups, and in all.
    pub parts: u64,
    seen: u64,
    /// Rows of the result with their keys.
    pub rows: Vec<(Value, Value)>,
    bytes: usize,
    /// What failed.
    pub failures: Vec<Failure>,
    /// Whether those were the last groups.
    pub end: bool,
}

struct Open {
    group: Vec<u8>,
    key: Value,
    /// `None` once the group failed.
    partial: Option<Partial>,
}

impl ReducePage {
    /// The page behind the record's cursor.
    ///
    /// # Errors
    /// As [`Definition::grouping`].
    pub fn new(record: &Record, definition: &Definition) -> Result<Self> {
        Ok(Self {
            grouping: definition.grouping()?,
            groups_max: definition.slice_or(GROUPS_MAX),
            now: record.started as f64,
            run: record.run,
            open: None,
            last: record.cursor.clone(),
            cursor: record.cursor.clone(),
            parts: 0,
            seen: 0,
            rows: Vec::new(),
            bytes: 0,
            failures: Vec::new(),
            end: false,
        })
    }

    /// Merges until the page is full.
    ///
    /// # Errors
    /// [`Pause::Yield`] after a few milliseconds: step again.
    pub fn step(&mut self, view: &dyn Read, clock: &dyn Clock) -> Step<()> {
        let begun = clock.monotonic_ms();
        let mut range = keys::parts(self.run);
        if !self.last.is_empty() {
            range.start.clone_from(&self.last);
            range.start.push(0);
        }
        let mut cursor = view.cursor(range, Direction::Forward);
        loop {
            if !cursor.advance()? {
                self.close()?;
                self.end = true;
                return Ok(());
            }
            let group = keys::part_group(cursor.key()).ok_or_else(|| Error::corrupt("a job's key makes no sense"))?;
            if self.open.as_ref().is_some_and(|open| open.group != group) {
                self.close()?;
                if self.rows.len() as u64 >= self.groups_max || self.bytes >= BYTES_MAX {
                    return Ok(());
                }
            }
            self.merge(group, cursor.value())?;
            self.seen += 1;
            self.last.clear();
            self.last.extend_from_slice(cursor.key());
            if self.seen.is_multiple_of(LOOK_EVERY) && clock.monotonic_ms() - begun > SLICE_MS {
                return Err(Pause::Yield);
            }
        }
    }

    fn merge(&mut self, group: &[u8], stored: &[u8]) -> Result<()> {
        let mut reader = Reader::new(stored);
        let key = read_key(group, &mut reader)?;
        let later = self.grouping.decode(&mut reader)?;
        reader.finish("part of a group")?;
        let Some(open) = &mut self.open else {
            self.open = Some(Open { group: group.to_vec(), key, partial: Some(later) });
            return Ok(());
        };
        let Some(partial) = &mut open.partial else { return Ok(()) };
        if let Some(error) = refused(self.grouping.merge(partial, later))? {
            self.failures.push(Failure::new(Phase::Reduce, &key_text(&open.key), error.message()));
            open.partial = None;
        }
        Ok(())
    }

    /// Makes rows of the group that was merged.
    fn close(&mut self) -> Result<()> {
        let Some(Open { key, partial, .. }) = self.open.take() else { return Ok(()) };
        self.cursor.clone_from(&self.last);
        self.parts = self.seen;
        let Some(partial) = partial else { return Ok(()) };
        match self.grouping.finish(key.clone(), partial, self.now) {
            Ok(rows) => {
                for row in rows {
                    self.bytes += crate::collections::expression::weight(&row);
                    self.rows.push((key.clone(), row));
                }
            }
            result => {
                if let Some(error) = refused(result)? {
                    self.failures.push(Failure::new(Phase::Reduce, &key_text(&key), error.message()));
                }
            }
        }
        Ok(())
    }
}

/// The rows as a JSON array of documents: the key becomes the id, and stays in `_id` unless it is a string. Rows that cannot be
/// documents are failures.
pub fn documents(rows: &[(Value, Value)], failures: &mut Vec<Failure>) -> (Vec<u8>, u64) {
    let mut out = vec![b'['];
    let mut count = 0;
    for (key, row) in rows {
        let id = key_text(key);
        let start = out.len();
        if count > 0 {
            out.push(b',');
        }
        let json_at = out.len();
        let result = write_document(&id, key, row, &mut out).and_then(|()| {
            let mut scratch = Vec::new();
            let json = out.get(json_at..).unwrap_or_default();
            crate::collections::document::encode(json, 0, &mut scratch).map(drop)
        });
        match result {
            Ok(()) => count += 1,
            Err(error) => {
                out.truncate(start);
                failures.push(Failure::new(Phase::Reduce, &id, error.message()));
            }
        }
    }
    out.push(b']');
    (out, count)
}

fn write_document(id: &str, key: &Value, row: &Value, out: &mut Vec<u8>) -> Result<()> {
    if id.is_empty() || id.len() > ID_MAX {
        let message = format!("the key has {} bytes and becomes an id: use 1 to {ID_MAX} bytes", id.len());
        return Err(Error::invalid(message));
    }
    let Value::Object(fields) = row else { return Err(Error::invalid("the result must be an object")) };
    let mut document = vec![("id".into(), Value::String(id.into()))];
    for (name, value) in fields {
        match &**name {
            "id" => return Err(Error::invalid("the result has a field 'id': the key becomes the id")),
            "_id" if value == key && matches!(key, Value::String(_)) => {}
            _ => document.push((name.clone(), value.clone())),
        }
    }
    json::write(&Value::Object(document), out);
    Ok(())
}

/// A key as an id: a string as it is, anything else as its JSON text.
pub fn key_text(key: &Value) -> String {
    match key {
        Value::String(text) => text.to_string(),
        other => String::from_utf8_lossy(&json::to_json(other)).into_owned(),
    }
}

/// Writes a key in front of its part. A string is told by the engine's key already; of other values that is only an equal one.
pub(super) fn write_key(key: &Value, out: &mut Vec<u8>) {
    match key {
        Value::String(_) => out.push(0),
        other => write_slice(out, &json::to_json(other)),
    }
}

fn read_key(mut group: &[u8], reader: &mut Reader<'_>) -> Result<Value> {
    match reader.slice()? {
        [] => key_codec::decode(&mut group),
        text => json::parse(text).map_err(|_| Error::corrupt("a job's key makes no sense")),
    }
}
