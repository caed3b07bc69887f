//! A slice further: what came of documents or of groups, written with the cursor behind it.
//!
//! It computes nothing: what is written was made from a page that was read before.

use std::rc::Rc;

use crate::base::Error;
use crate::collections::catalog::Catalog;
use crate::collections::view::View;
use crate::collections::write::{Insert, InsertMode};
use crate::engine::{Pause, Step, Transaction};

use super::map::Slice;
use super::record::{Phase, Record, State};
use super::run::{definition, expect, fail, write, Ticket};
use super::{keys, Definition, Failure, FAILURES_MAX};

/// What a reduced slice comes to.
pub struct Reduced {
    /// The documents as a JSON array, and how many there are.
    pub insert: Option<Insert>,
    /// How many documents there are.
    pub count: u64,
    /// The key of the last part that is in.
    pub cursor: Vec<u8>,
    /// Parts that are in.
    pub parts: u64,
    /// What failed.
    pub failures: Vec<Failure>,
    /// Whether those were the last groups.
    pub end: bool,
}

impl Reduced {
    /// Documents on their way into the run's collection.
    pub fn new(run: u32, json: Vec<u8>, count: u64) -> Self {
        let insert = (count > 0).then(|| Insert::new(&keys::staging(run), json, InsertMode::Insert, None));
        Self { insert, count, cursor: Vec::new(), parts: 0, failures: Vec::new(), end: false }
    }
}

/// Writes what a slice of documents came to, and the cursor behind it.
///
/// # Errors
/// As [`expect`].
pub fn commit_slice(
    tx: &mut dyn Transaction,
    catalog: &Catalog,
    name: &str,
    ticket: Ticket,
    slice: &Slice,
) -> Step<Record> {
    let mut record = expect(tx, name, ticket, Phase::Map)?;
    let Definition { from, topic, .. } = definition(&record)?;
    let is_there = topic || catalog.find(tx, &from)?.is_some_and(|source| source.id == record.source);
    if record.source != 0 && !is_there {
        // What is left of it is being cleared: a page of that would look like the end.
        let text = format!("the collection '{from}' was dropped while it was read: run with restart");
        return fail(tx, name, ticket, Phase::Map, &text);
    }
    if stops(tx, &mut record, &slice.failures)? {
        write(tx, name, &mut record, ticket.now)?;
        return Ok(record);
    }
    put_parts(tx, &record, ticket.partition, slice)?;
    advance(tx, name, &mut record, ticket, slice)?;
    Ok(record)
}

/// Writes what a slice came to, without the cursor: half of [`commit_slice`].
pub(crate) fn put_parts(tx: &mut dyn Transaction, record: &Record, partition: usize, slice: &Slice) -> Step<()> {
    let number = record.slice_number(partition);
    for (group, part) in &slice.parts {
        tx.put(&keys::part(record.run, group, number), part)?;
    }
    Ok(())
}

/// Moves the cursor behind a slice: the other half of [`commit_slice`].
pub(crate) fn advance(
    tx: &mut dyn Transaction,
    name: &str,
    record: &mut Record,
    ticket: Ticket,
    slice: &Slice,
) -> Step<()> {
    let page = &slice.page;
    record.counters.rows += page.rows;
    record.counters.bytes += page.bytes;
    record.counters.parts += slice.parts.len() as u64;
    record.move_cursor(ticket.partition, &page.last, page.end);
    write(tx, name, record, ticket.now)
}

/// Writes what a slice of groups came to, and the cursor behind it. Documents that are refused fail the run.
///
/// # Errors
/// As [`expect`].
pub fn commit_reduced(
    tx: &mut dyn Transaction,
    catalog: &Catalog,
    views: &[Rc<dyn View>],
    name: &str,
    ticket: Ticket,
    reduced: &mut Reduced,
) -> Step<Record> {
    let mut record = expect(tx, name, ticket, Phase::Reduce)?;
    if stops(tx, &mut record, &reduced.failures)? {
        write(tx, name, &mut record, ticket.now)?;
        return Ok(record);
    }
    if let Some(insert) = &mut reduced.insert {
        match insert.run(tx, catalog, views) {
            Ok(_) => {}
            Err(Pause::Failed(error)) if is_refusal(&error) => {
                record.state = State::Failed;
                record.message = error.message().into();
                write(tx, name, &mut record, ticket.now)?;
                return Ok(record);
            }
            Err(pause) => return Err(pause),
        }
    }
    record.counters.results += reduced.count;
    record.counters.parts_done += reduced.parts;
    record.cursor.clone_from(&reduced.cursor);
    if reduced.end {
        record.phase = Phase::Finish;
        record.cursor.clear();
    }
    write(tx, name, &mut record, ticket.now)?;
    Ok(record)
}

fn is_refusal(error: &Error) -> bool {
    use crate::base::ErrorKind::{Conflict, Invalid};
    matches!(error.kind(), Conflict | Invalid)
}

/// Notes failures; answers whether they stop the run. Then nothing else of the slice may be written.
fn stops(tx: &mut dyn Transaction, record: &mut Record, failures: &[Failure]) -> Step<bool> {
    let Some(first) = failures.first() else { return Ok(false) };
    let what = match first.phase {
        Phase::Map => "document",
        _ => "key",
    };
    let (count, which) = (failures.len() as u64, format!("the {what} '{}': {}", first.id, first.message));
    let skip = Definition::parse(&record.definition)?.skip;
    if !skip {
        record.state = State::Failed;
        record.message = format!("{count} records of a slice failed, first {which}").into();
    }
    if record.counters.failures.saturating_add(count) > FAILURES_MAX {
        record.state = State::Failed;
        record.message = format!("more than {FAILURES_MAX} records failed, at last {which}").into();
        return Ok(true);
    }
    for failure in failures {
        tx.put(&keys::failure(record.run, record.counters.failures), &failure.encode())?;
        record.counters.failures += 1;
    }
    Ok(!skip)
}
