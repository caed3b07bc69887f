//! Commands of batch jobs: one begins a run, each of the others brings it a slice further, pauses it or gives it up.
//!
//! It runs no loop: whoever runs a job calls slice after slice, and may be killed between any two. What a slice is, and what it
//! must check, is the jobs floor's.

mod look;
mod messages;
mod slices;

use std::rc::Rc;

use crate::base::{Error, Result};
use crate::collections::fields::Fields;
use crate::collections::json;
use crate::collections::Value;
use crate::engine::Durability;
use crate::jobs::cut::Cuts;
use crate::jobs::run::{self, Start, Ticket};
use crate::jobs::{Definition, Failure, Phase, Record};

use super::handle::Database;
use super::response::{write_list, ObjectWriter, Response};
use super::sync::refuse_synced;

pub(super) use look::JobsTask;

/// Commands of jobs that change something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum JobCall {
    /// Begins a run, or goes on with an open one.
    Start,
    /// Does a slice that needs nobody else.
    Step,
    /// Commits a slice that the application did.
    Commit,
    Pause,
    Cancel,
}

impl JobCall {
    pub(super) fn named(op: &str) -> Option<Self> {
        Some(match op {
            "jobStart" => Self::Start,
            "jobStep" => Self::Step,
            "jobCommit" => Self::Commit,
            "jobPause" => Self::Pause,
            "jobCancel" => Self::Cancel,
            _ => return None,
        })
    }
}

/// What a call of a runner is about.
#[derive(Clone, Debug)]
struct Turn {
    name: Box<str>,
    ticket: Ticket,
}

impl Database {
    pub(super) async fn job_call(
        &self,
        call: JobCall,
        mut fields: Fields<'_>,
        durability: Durability,
    ) -> Result<Response> {
        let name: Box<str> = fields.required_text("name")?.into();
        match call {
            JobCall::Start => {
                let (start, join) = (self.take_start(name, &mut fields)?, fields.flag("join", false)?);
                fields.finish()?;
                if join {
                    let record = self.0.look(|view| run::join(view, &start.name, start.hash)).await?;
                    return Ok(status(&start.name, record.as_ref()));
                }
                self.job_start(start, durability).await
            }
            JobCall::Pause | JobCall::Cancel => {
                fields.finish()?;
                self.job_end(call, name, durability).await
            }
            JobCall::Step => {
                let turn = self.take_turn(name, &mut fields)?;
                fields.finish()?;
                self.job_step(turn, durability).await
            }
            JobCall::Commit => {
                let turn = self.take_turn(name, &mut fields)?;
                self.job_commit(turn, fields, durability).await
            }
        }
    }

    fn wall(&self) -> u64 {
        self.0.platform.wall_ms().max(0.0) as u64
    }

    fn take_start(&self, name: Box<str>, fields: &mut Fields<'_>) -> Result<Start> {
        let text = fields.raw("definition").ok_or_else(|| fields.missing("definition"))?;
        let (restart, every) = (fields.flag("restart", false)?, fields.number("every")?);
        let (definition, hash) = (Definition::parse(text)?, xxhash_rust::xxh3::xxh3_64(text));
        Ok(Start { name, definition, hash, restart, every, now: self.wall(), topic: None, cuts: Vec::new() })
    }

    fn take_turn(&self, name: Box<str>, fields: &mut Fields<'_>) -> Result<Turn> {
        let run = fields.number_u32("run")?.ok_or_else(|| fields.missing("run"))?;
        let step = fields.number("step")?.ok_or_else(|| fields.missing("step"))?;
        let partition = take_partition(fields)?;
        Ok(Turn { name, ticket: Ticket { run, partition, step, now: self.wall() } })
    }

    async fn job_start(&self, mut start: Start, durability: Durability) -> Result<Response> {
        let (name, shared) = (start.name.clone(), Rc::clone(&self.0));
        start.cuts = self.job_cuts(&start.definition).await?;
        let begin = move |tx: &mut dyn crate::engine::Transaction| {
            refuse_synced(tx, &start.definition.into, "job")?;
            let mut start = start.clone();
            messages::look(tx, &mut start)?;
            run::start(tx, &shared.catalog, &start)
        };
        let committed = self.0.engine.commit(durability, begin).await?;
        self.resume_upkeep();
        Ok(status(&name, Some(&committed.value)))
    }

    /// Where the source is cut into partitions. What changes before the run begins makes them no worse than uneven.
    async fn job_cuts(&self, definition: &Definition) -> Result<Vec<Vec<u8>>> {
        let partitions = usize::try_from(definition.partitions).unwrap_or(1);
        if partitions < 2 {
            return Ok(Vec::new());
        }
        let source = self.0.look(|view| self.0.catalog.find(view, &definition.from)).await?;
        let Some(source) = source else { return Ok(Vec::new()) };
        let (mut cuts, clock) = (Cuts::new(source.id, partitions), &*self.0.platform);
        self.0.look(|view| cuts.step(view, clock)).await?;
        Ok(cuts.finish())
    }

    async fn job_end(&self, call: JobCall, name: Box<str>, durability: Durability) -> Result<Response> {
        let (job, shared, now) = (name.clone(), Rc::clone(&self.0), self.wall());
        let end = move |tx: &mut dyn crate::engine::Transaction| match call {
            JobCall::Pause => run::pause(tx, &job, now),
            _ => run::cancel(tx, &shared.catalog, &job, now),
        };
        let committed = self.0.engine.commit(durability, end).await?;
        self.resume_upkeep();
        Ok(status(&name, committed.value.as_ref()))
    }
}

/// What a job is at, as every command of jobs answers it; `null` for one that never ran.
fn status(name: &str, record: Option<&Record>) -> Response {
    let mut json = Vec::new();
    match record {
        Some(record) => write_status(name, record, &mut json),
        None => json.extend_from_slice(b"null"),
    }
    Response::plain(json)
}

fn write_status(name: &str, record: &Record, out: &mut Vec<u8>) {
    let mut answer = ObjectWriter::default();
    answer.text("name", name).number("run", record.run.into()).number("step", record.step);
    answer.text("state", record.state.name()).text("phase", record.phase.name());
    if let Ok(Definition { from, into, .. }) = run::definition(record) {
        answer.text("from", &from).text("into", &into);
    }
    if !record.partitions.is_empty() {
        write_partitions(record, &mut answer);
    }
    let counters = &record.counters;
    answer.number("rows", counters.rows).number("rowsTotal", counters.rows_total).number("bytes", counters.bytes);
    answer.number("parts", counters.parts).number("partsDone", counters.parts_done);
    answer.number("results", counters.results).number("failures", counters.failures);
    answer.number("started", record.started).number("updated", record.updated).number("finished", record.finished);
    if !record.message.is_empty() {
        answer.text("message", &record.message);
    }
    out.extend_from_slice(&answer.finish().json);
}

/// How many partitions there are and how many are mapped; while keys are not reduced yet, those that are not, each with its step.
fn write_partitions(record: &Record, answer: &mut ObjectWriter) {
    let done = record.partitions.iter().filter(|one| one.done).count();
    answer.number("partitions", record.partitions.len() as u64).number("partitionsDone", done as u64);
    if record.is_split() {
        let open: Vec<_> = record.partitions.iter().enumerate().filter(|(_, one)| !one.done).collect();
        write_list(answer.field("open"), &open, |(at, one), out| {
            out.extend_from_slice(format!("[{at},{}]", one.step).as_bytes());
        });
    }
}

/// The partition that a call is about; the first where it does not say, which is all there is of a run that is not split.
fn take_partition(fields: &mut Fields<'_>) -> Result<usize> {
    Ok(fields.number_u32("partition")?.map_or(0, |partition| partition as usize))
}

/// What the application says that failed: `[{"id","message"}, …]`.
fn take_failures(fields: &mut Fields<'_>, phase: Phase) -> Result<Vec<Failure>> {
    let Some(list) = fields.value("failures")? else { return Ok(Vec::new()) };
    let wrong = || Error::invalid("jobCommit: 'failures' must be an array of { id, message }");
    let Value::Array(list) = list else { return Err(wrong()) };
    let failure = |one: &Value| match (one.field("id"), one.field("message")) {
        (Some(Value::String(id)), Some(Value::String(message))) => Ok(Failure::new(phase, id, message)),
        _ => Err(wrong()),
    };
    list.iter().map(failure).collect()
}

/// A cursor as the application carries it from a page to its commit.
fn write_token(cursor: &[u8], answer: &mut ObjectWriter) {
    let mut text = Vec::new();
    json::base64::encode(cursor, &mut text);
    answer.text("token", &String::from_utf8_lossy(&text));
}

fn take_token(fields: &mut Fields<'_>, name: &str) -> Result<Vec<u8>> {
    let text = fields.required_text(name)?;
    json::base64::decode(text.as_bytes()).ok_or_else(|| fields.wrong(name, "what jobNext answered"))
}
