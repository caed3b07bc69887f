//! The transitions of a run: begun, paused, failed, cancelled, and cleared away. A slice further is `slice.rs`.
//!
//! Each is a function over a transaction that looks at the record first: who has not seen the last commit changes nothing.

use crate::base::planted::{planted, Bug};
use crate::base::{Error, Reader, Result};
use crate::collections::catalog::{self, document_count, Catalog};
use crate::engine::{delete_some, Direction, Read, Step, Transaction};

use super::record::{Counters, Phase, Record, State};
use super::{keys, swap, Definition, Partition, NAME_MAX};

/// Keys cleared by one slice.
const CLEAR_KEYS: usize = 500;

/// What a run is asked for.
#[derive(Clone, Debug)]
pub struct Start {
    /// The job's name.
    pub name: Box<str>,
    /// What it does.
    pub definition: Definition,
    /// A checksum of the definition and the application's functions.
    pub hash: u64,
    /// Throw away what an open run has.
    pub restart: bool,
    /// A run that ended less than so many milliseconds ago is enough.
    pub every: Option<u64>,
    /// The time, in milliseconds since the Unix epoch.
    pub now: u64,
    /// Of a job over a topic: the topic as it is.
    pub topic: Option<TopicNow>,
    /// Where the source is cut into partitions: ids in ascending order.
    pub cuts: Vec<Vec<u8>>,
}

/// A topic when a run over it begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TopicNow {
    /// Its number.
    pub number: u32,
    /// Messages it has.
    pub count: u64,
    /// The offset of its next message.
    pub next: u64,
}

/// Whose turn a slice is: it was made from this run at this step, of a run that is split from this partition at its step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ticket {
    /// The run.
    pub run: u32,
    /// The partition; 0 where nothing is split.
    pub partition: usize,
    /// The step.
    pub step: u64,
    /// The time, in milliseconds since the Unix epoch.
    pub now: u64,
}

/// Begins a run, or goes on with an open one of the same definition.
///
/// # Errors
/// `Conflict` with reason `job-differs` if the open run is of another definition; `Invalid` for a bad name.
pub fn start(tx: &mut dyn Transaction, catalog: &Catalog, start: &Start) -> Step<Record> {
    let known = Record::load(tx, &start.name)?;
    let Some(mut record) = known else { return begin(tx, catalog, start, None) };
    match record.state {
        State::Cancelled => begin(tx, catalog, start, Some(&record)),
        State::Done => {
            let since = start.now.checked_sub(record.finished);
            match (start.every, since) {
                // A clock that was set back does not stop a job for ever.
                (Some(every), Some(since)) if since < every => Ok(record),
                _ => begin(tx, catalog, start, Some(&record)),
            }
        }
        _ if start.restart => {
            discard(tx, catalog, &record)?;
            begin(tx, catalog, start, Some(&record))
        }
        _ if record.hash != start.hash => Err(differs(&start.name).into()),
        State::Running => Ok(record),
        State::Paused | State::Failed => {
            if !Definition::parse(&record.definition)?.skip {
                // They are tried again.
                forget_failures(tx, &mut record)?;
            }
            record.state = State::Running;
            record.message = "".into();
            write(tx, &start.name, &mut record, start.now)?;
            Ok(record)
        }
    }
}

/// The job's record, for who only goes on with a run that somebody else began.
///
/// # Errors
/// `Conflict` with reason `job-differs` if it runs by another definition.
pub fn join(view: &dyn Read, name: &str, hash: u64) -> Step<Option<Record>> {
    let record = Record::load(view, name)?;
    match record {
        Some(Record { state: State::Running, hash: other, .. }) if other != hash => Err(differs(name).into()),
        record => Ok(record),
    }
}

fn differs(name: &str) -> Error {
    Error::conflict(format!(
        "job '{name}' has an unfinished run of another definition: finish it with that one, cancel it, or run with restart"
    ))
    .with_reason("job-differs")
}

fn begin(tx: &mut dyn Transaction, catalog: &Catalog, start: &Start, before: Option<&Record>) -> Step<Record> {
    if start.name.is_empty() || start.name.len() > NAME_MAX {
        let message = format!("job: a name has {} bytes: use 1 to {NAME_MAX} bytes", start.name.len());
        return Err(Error::invalid(message).into());
    }
    let mut bytes = Vec::new();
    let run = if tx.get(keys::NEXT_RUN, &mut bytes)? { Reader::new(&bytes).u32()? } else { 1 };
    let next = run.checked_add(1).ok_or_else(|| Error::invalid("too many jobs were run"))?;
    let mut definition = start.definition.clone();
    let (source, rows_total) = if let Some(topic) = start.topic {
        definition.until = topic.next;
        (topic.number, topic.count)
    } else {
        let source = catalog.find(tx, &definition.from)?.map_or(0, |source| source.id);
        (source, if source == 0 { 0 } else { document_count(tx, source)? })
    };
    swap::create_staging(tx, catalog, &keys::staging(run), &start.definition.into)?;
    tx.put(keys::NEXT_RUN, &next.to_le_bytes())?;
    if let Some(before) = before {
        // Its failures were kept for who asks.
        tx.put(&keys::garbage(before.run), &[1])?;
    }
    let mut record = Record {
        run,
        step: 0,
        state: State::Running,
        phase: Phase::Map,
        hash: start.hash,
        definition: definition.to_json().into(),
        source,
        cursor: Vec::new(),
        counters: Counters { rows_total, ..Counters::default() },
        started: start.now,
        updated: start.now,
        finished: 0,
        message: "".into(),
        partitions: Partition::between(&start.cuts),
    };
    write(tx, &start.name, &mut record, start.now)?;
    Ok(record)
}

/// Writes the record, one step further.
pub(crate) fn write(tx: &mut dyn Transaction, name: &str, record: &mut Record, now: u64) -> Step<()> {
    record.step += 1;
    record.updated = now;
    record.save(tx, name)
}

/// The record, if it is as the slice was made from.
///
/// # Errors
/// `Conflict` with reason `job-moved` if it is not.
pub fn expect(view: &dyn Read, name: &str, ticket: Ticket, phase: Phase) -> Step<Record> {
    let record = Record::load(view, name)?.ok_or_else(|| moved(name))?;
    check(name, &record, ticket, phase)?;
    Ok(record)
}

/// Whether the record is as the slice was made from.
///
/// # Errors
/// As [`expect`].
pub fn check(name: &str, record: &Record, ticket: Ticket, phase: Phase) -> Result<()> {
    let unguarded = record.is_split() && planted(Bug::IgnorePartitionCursor) || planted(Bug::IgnoreJobCursor);
    let same = record.step_of(ticket.partition) == Some(ticket.step) || unguarded;
    if record.run != ticket.run || !same || record.state != State::Running || record.phase != phase {
        return Err(moved(name));
    }
    Ok(())
}

fn moved(name: &str) -> Error {
    Error::conflict(format!("job '{name}' went on elsewhere: look where it is")).with_reason("job-moved")
}

fn forget_failures(tx: &mut dyn Transaction, record: &mut Record) -> Step<()> {
    delete_some(tx, vec![keys::failures(record.run)], usize::MAX)?;
    record.counters.failures = 0;
    Ok(())
}

/// Fails the run for something that is no record's fault.
///
/// # Errors
/// As [`expect`].
pub fn fail(tx: &mut dyn Transaction, name: &str, ticket: Ticket, phase: Phase, message: &str) -> Step<Record> {
    let mut record = expect(tx, name, ticket, phase)?;
    record.state = State::Failed;
    record.message = message.into();
    write(tx, name, &mut record, ticket.now)?;
    Ok(record)
}

/// Pauses an open run; answers its record, if the job ever ran.
pub fn pause(tx: &mut dyn Transaction, name: &str, now: u64) -> Step<Option<Record>> {
    let Some(mut record) = Record::load(tx, name)? else { return Ok(None) };
    if record.state == State::Running {
        record.state = State::Paused;
        write(tx, name, &mut record, now)?;
    }
    Ok(Some(record))
}

/// Gives an open run up; answers the job's record, if it ever ran.
pub fn cancel(tx: &mut dyn Transaction, catalog: &Catalog, name: &str, now: u64) -> Step<Option<Record>> {
    let Some(mut record) = Record::load(tx, name)? else { return Ok(None) };
    if record.state.is_open() {
        discard(tx, catalog, &record)?;
        record.state = State::Cancelled;
        record.finished = now;
        write(tx, name, &mut record, now)?;
    }
    Ok(Some(record))
}

/// What an open run has becomes garbage.
fn discard(tx: &mut dyn Transaction, catalog: &Catalog, record: &Record) -> Step<()> {
    if let Some(staging) = catalog.find(tx, &keys::staging(record.run))? {
        catalog::drop_collection(tx, &staging)?;
    }
    tx.put(&keys::garbage(record.run), &[0])
}

/// Whether ended runs still occupy space.
pub fn has_garbage(view: &dyn Read) -> Step<bool> {
    view.cursor(keys::garbage_all(), Direction::Forward).advance()
}

/// Clears a slice of what ended runs left behind; answers whether there is more.
pub fn clear_slice(tx: &mut dyn Transaction) -> Step<bool> {
    let (record, run, all) = {
        let mut cursor = tx.cursor(keys::garbage_all(), Direction::Forward);
        if !cursor.advance()? {
            return Ok(false);
        }
        let run = keys::garbage_run(cursor.key()).ok_or_else(|| Error::corrupt("a job's garbage makes no sense"))?;
        (cursor.key().to_vec(), run, cursor.value() == [1])
    };
    let ranges = [Some(keys::parts(run)), all.then(|| keys::failures(run))].into_iter().flatten().collect();
    if delete_some(tx, ranges, CLEAR_KEYS)? {
        return Ok(true);
    }
    tx.delete(&record)?;
    has_garbage(tx)
}

/// The definition of a record, compiled by its owner.
///
/// # Errors
/// `Corrupt` if it makes no sense any more.
pub fn definition(record: &Record) -> Result<Definition> {
    Definition::parse(&record.definition).map_err(|error| Error::corrupt(error.message().to_owned()))
}
