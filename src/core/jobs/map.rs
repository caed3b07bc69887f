//! The first half of a run: a page of documents becomes parts of groups.
//!
//! It writes nothing. Pages are read at the newest position, so each document counts once, as it was when its page was read.

use std::collections::BTreeSet;

use crate::base::{Clock, Error, ErrorKind, Result};
use crate::collections::pipeline::{Grouping, Partial, Partials};
use crate::collections::projection::Projection;
use crate::collections::{key_codec, keys, Document, Value};
use crate::engine::{Direction, KeyRange, Pause, Read, Step};

use super::record::Phase;
use super::{Definition, Failure, Record, KEY_MAX};

/// Most documents of one slice that the engine maps itself.
const ROWS_MAX: u64 = 100_000;
/// Most bytes of documents of one slice.
const BYTES_MAX: usize = 64 << 20;
/// Groups after which a slice ends.
const GROUPS_MAX: usize = 2_000;
/// Milliseconds after which a slice ends: a commit costs several, and what is not committed is lost with the tab.
const WANTED_MS: f64 = 100.0;
/// Most documents, bytes of text and bytes read of one page that the application maps.
const HANDED_ROWS_MAX: u64 = 4_000;
const HANDED_BYTES_MAX: usize = 512 << 10;
const HANDED_READ_MAX: u64 = 4 << 20;
/// After so long the thread is given back.
const SLICE_MS: f64 = 4.0;
/// Bytes of documents between two looks at the clock.
const LOOK_EVERY: usize = 2 << 10;

/// What reading a page led to, whoever maps it.
#[derive(Clone, Debug, Default)]
pub struct PageEnd {
    /// The id of the last document read; the cursor before if there was none.
    pub last: Vec<u8>,
    /// Documents read.
    pub rows: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Whether those were the last documents.
    pub end: bool,
}

/// A part of a group as it is stored: the encoded key and the bytes.
pub type Part = (Vec<u8>, Vec<u8>);

/// What a slice comes to.
#[derive(Debug, Default)]
pub struct Slice {
    /// How far it read.
    pub page: PageEnd,
    /// Parts of groups, by ascending keys.
    pub parts: Vec<Part>,
    /// What failed.
    pub failures: Vec<Failure>,
}

/// A page that the engine maps itself. It may be stepped again after a pause.
pub struct MapPage {
    grouping: Grouping,
    now: f64,
    source: u32,
    rows_max: u64,
    start: Vec<u8>,
    end: Vec<u8>,
    page: PageEnd,
    partials: Partials,
    failed: BTreeSet<Vec<u8>>,
    failures: Vec<Failure>,
    /// Some document failed: the others are tried apart first.
    careful: bool,
    /// When it was begun.
    since: Option<f64>,
}

impl MapPage {
    /// The page behind the cursor of that partition of the record.
    ///
    /// # Errors
    /// As [`Definition::grouping`].
    pub fn new(record: &Record, definition: &Definition, partition: usize) -> Result<Self> {
        let (grouping, rows_max) = (definition.grouping()?, definition.slice_or(ROWS_MAX));
        let now = record.started as f64;
        let (start, end) = record.range_of(partition);
        let (start, end) = (start.to_vec(), end.to_vec());
        let page = PageEnd { last: start.clone(), ..PageEnd::default() };
        let partials = grouping.part(now);
        let (failed, failures) = (BTreeSet::new(), Vec::new());
        let source = record.source;
        let (careful, since) = (false, None);
        Ok(Self { grouping, now, source, rows_max, start, end, page, partials, failed, failures, careful, since })
    }

    /// Reads and maps until the page is full.
    ///
    /// # Errors
    /// [`Pause::Yield`] after a few milliseconds: step again.
    pub fn step(&mut self, view: &dyn Read, clock: &dyn Clock) -> Step<()> {
        let (begun, mut unlooked) = (clock.monotonic_ms(), 0);
        let since = *self.since.get_or_insert(begun);
        'again: loop {
            let mut cursor = view.cursor(behind(self.source, &self.page.last, &self.end), Direction::Forward);
            while !self.is_full() {
                if !cursor.advance()? {
                    self.page.end = true;
                    return Ok(());
                }
                let id = keys::document_id(cursor.key());
                if !self.take(id, cursor.value())? {
                    // Some of its rows may be in: the page starts over without it.
                    self.careful = true;
                    self.partials = self.grouping.part(self.now);
                    self.page = PageEnd { last: self.start.clone(), ..PageEnd::default() };
                    continue 'again;
                }
                self.page.rows += 1;
                self.page.bytes += cursor.value().len() as u64;
                self.page.last.clear();
                self.page.last.extend_from_slice(keys::document_id(cursor.key()));
                unlooked += cursor.value().len();
                if unlooked >= LOOK_EVERY {
                    unlooked = 0;
                    let now = clock.monotonic_ms();
                    // A page with failures ends no sooner than they were found.
                    let is_behind = self.failed.last().is_none_or(|failed| self.page.last >= *failed);
                    if now - since > WANTED_MS && is_behind {
                        return Ok(());
                    }
                    if now - begun > SLICE_MS {
                        return Err(Pause::Yield);
                    }
                }
            }
            return Ok(());
        }
    }

    fn is_full(&self) -> bool {
        self.page.rows >= self.rows_max || self.page.bytes >= BYTES_MAX as u64 || self.partials.len() >= GROUPS_MAX
    }

    /// Maps a document; `false` if it failed half-way.
    fn take(&mut self, id: &[u8], stored: &[u8]) -> Result<bool> {
        if self.failed.contains(id) {
            return Ok(true);
        }
        if self.careful {
            if let Some(error) = refused(self.grouping.part(self.now).push(stored))? {
                self.note(id, &error);
                return Ok(true);
            }
        }
        match refused(self.partials.push(stored))? {
            None => Ok(true),
            Some(error) => {
                self.note(id, &error);
                Ok(false)
            }
        }
    }

    fn note(&mut self, id: &[u8], error: &Error) {
        self.failed.insert(id.to_vec());
        self.failures.push(Failure::new(Phase::Map, &String::from_utf8_lossy(id), error.message()));
    }

    /// What the page comes to.
    pub fn finish(self) -> Slice {
        let mut slice = Slice { page: self.page, parts: Vec::new(), failures: self.failures };
        store(self.partials, &mut slice);
        slice
    }
}

/// Documents for the application to map. It may be stepped again after a pause.
#[derive(Default)]
pub struct HandedPage {
    source: u32,
    until: Vec<u8>,
    rows_max: u64,
    wanted: Option<Projection>,
    /// How far it read.
    pub page: PageEnd,
    /// The documents' JSON texts, separated by commas.
    pub json: Vec<u8>,
    /// Whether some value is tagged.
    pub extended: bool,
}

impl HandedPage {
    /// The page behind the cursor of that partition of the record, or behind a page that was handed out before.
    /// The application may ask for few documents, to keep slices short.
    ///
    /// # Errors
    /// As [`Definition::projection`].
    pub fn new(
        record: &Record,
        definition: &Definition,
        partition: usize,
        limit: Option<u64>,
        after: Option<Vec<u8>>,
    ) -> Result<Self> {
        let (start, until) = record.range_of(partition);
        let (last, until) = (after.unwrap_or_else(|| start.to_vec()), until.to_vec());
        let page = PageEnd { last, ..PageEnd::default() };
        let (rows_max, wanted) = (handed_rows(definition, limit), definition.projection()?);
        Ok(Self { source: record.source, until, rows_max, wanted, page, ..Self::default() })
    }

    /// Reads until the page is full.
    ///
    /// # Errors
    /// [`Pause::Yield`] after a few milliseconds: step again.
    pub fn step(&mut self, view: &dyn Read, clock: &dyn Clock) -> Step<()> {
        let (begun, mut unlooked) = (clock.monotonic_ms(), 0);
        let mut cursor = view.cursor(behind(self.source, &self.page.last, &self.until), Direction::Forward);
        while !self.is_full() {
            if !cursor.advance()? {
                self.page.end = true;
                return Ok(());
            }
            let document = Document::parse(cursor.value())?;
            if !self.json.is_empty() {
                self.json.push(b',');
            }
            match &self.wanted {
                Some(wanted) => self.extended |= wanted.write(&document, &mut self.json),
                None => {
                    self.json.extend_from_slice(document.json());
                    self.extended |= document.is_extended();
                }
            }
            self.page.rows += 1;
            self.page.bytes += cursor.value().len() as u64;
            self.page.last.clear();
            self.page.last.extend_from_slice(keys::document_id(cursor.key()));
            unlooked += cursor.value().len();
            if unlooked >= LOOK_EVERY && !self.is_full() {
                unlooked = 0;
                if clock.monotonic_ms() - begun > SLICE_MS {
                    return Err(Pause::Yield);
                }
            }
        }
        Ok(())
    }

    fn is_full(&self) -> bool {
        self.page.rows >= self.rows_max || self.json.len() >= HANDED_BYTES_MAX || self.page.bytes >= HANDED_READ_MAX
    }
}

/// The most records of one page for the application.
pub fn handed_rows(definition: &Definition, limit: Option<u64>) -> u64 {
    limit.unwrap_or(u64::MAX).clamp(1, definition.slice_or(HANDED_ROWS_MAX).min(HANDED_ROWS_MAX))
}

/// A slice of rows that the engine maps itself, each with the id it is known by.
///
/// # Errors
/// What is wrong with the database; what is wrong with a row is a failure of the slice.
pub fn rows(record: &Record, grouping: &Grouping, rows: Vec<(Box<str>, Value)>, page: PageEnd) -> Result<Slice> {
    let now = record.started as f64;
    let (mut partials, mut slice) = (grouping.part(now), Slice { page, ..Slice::default() });
    for (id, row) in rows {
        // Apart first, so that nothing is half in.
        match refused(grouping.part(now).push_tree(row.clone()))? {
            Some(error) => slice.failures.push(Failure::new(Phase::Map, &id, error.message())),
            None => partials.push_tree(row)?,
        }
    }
    store(partials, &mut slice);
    Ok(slice)
}

/// A slice of what the application emitted: arrays of a key and its values.
///
/// # Errors
/// `Invalid` if it is something else, or if values cannot be reduced.
pub fn emitted(record: &Record, grouping: &Grouping, emits: Value, page: PageEnd) -> Result<Slice> {
    let wrong = || Error::invalid("job: 'emits' must be an array of [key, value, …]");
    let Value::Array(emits) = emits else { return Err(wrong()) };
    let mut partials = grouping.part(record.started as f64);
    for emit in emits {
        let Value::Array(emit) = emit else { return Err(wrong()) };
        let mut values = emit.into_iter();
        let key = values.next().ok_or_else(wrong)?;
        for value in values {
            partials.push_tree(Value::Object(vec![("k".into(), key.clone()), ("v".into(), value)]))?;
        }
    }
    let mut slice = Slice { page, ..Slice::default() };
    store(partials, &mut slice);
    Ok(slice)
}

/// The parts as they are stored, by ascending keys. A key that no document can have is a failure.
fn store(partials: Partials, slice: &mut Slice) {
    let encode = |(key, partial): (Value, Partial)| {
        let mut group = Vec::new();
        key_codec::encode_value(&key, &mut group);
        let mut bytes = Vec::new();
        super::reduce::write_key(&key, &mut bytes);
        partial.encode(&mut bytes);
        (group, bytes)
    };
    let mut parts: Vec<Part> = partials.finish().into_iter().map(encode).collect();
    parts.retain(|(group, _)| {
        let fits = group.len() <= KEY_MAX;
        if !fits {
            let text = String::from_utf8_lossy(group.get(1..).unwrap_or_default());
            let message = "the key is too long for a document's id: emit a shorter one";
            slice.failures.push(Failure::new(Phase::Reduce, &text, message));
        }
        fits
    });
    crate::base::sort::sort(&mut parts);
    slice.parts = parts;
}

/// The error of a record that is wrong for the job; what is wrong with the database itself stays an error.
pub(super) fn refused<T>(result: Result<T>) -> Result<Option<Error>> {
    match result {
        Ok(_) => Ok(None),
        Err(error) if error.kind() == ErrorKind::Invalid => Ok(Some(error)),
        Err(error) => Err(error),
    }
}

/// The documents behind an id, up to another one (empty: up to the last); of no collection none.
pub(super) fn behind(source: u32, last: &[u8], until: &[u8]) -> KeyRange {
    let prefix = keys::document_prefix(source);
    if source == 0 {
        return KeyRange { start: prefix.to_vec(), end: Some(prefix.to_vec()) };
    }
    let mut range = KeyRange::prefix(&prefix);
    if !last.is_empty() {
        range.start = [&prefix, last, &[0]].concat();
    }
    if !until.is_empty() {
        let end = [&prefix, until, &[0]].concat();
        // A token that lies behind it is none of this page's: then there is nothing.
        range.end = Some(end.max(range.start.clone()));
    }
    range
}
