//! Slices: read and computed over a view, then committed by a transaction that checks where the job is.
//!
//! Work that turns out to be late is thrown away; nothing is committed in two parts.

use std::rc::Rc;

use crate::base::planted::{planted, Bug};
use crate::base::{Error, ErrorKind, Result};
use crate::cache;
use crate::collections::fields::Fields;
use crate::collections::Value;
use crate::engine::{Durability, Transaction};
use crate::jobs::map::{self, emitted, MapPage, PageEnd, Slice};
use crate::jobs::reduce::{documents, ReducePage};
use crate::jobs::run::{self, definition, expect, Ticket};
use crate::jobs::slice::{advance, commit_reduced, commit_slice, put_parts, Reduced};
use crate::jobs::swap::{swap, Swap};
use crate::jobs::{keys, Definition, Phase, Record, State};

use super::super::handle::Database;
use super::super::response::Response;
use super::super::sync::refuse_synced;
use super::{look, messages, status, take_failures, take_token, Turn};

impl Database {
    /// The record and the definition, whoever may have moved them since.
    async fn job(&self, name: &str) -> Result<(Record, Definition)> {
        let record = self.0.look(|view| Record::load(view, name)).await?.ok_or_else(|| look::unknown(name))?;
        let definition = definition(&record)?;
        Ok((record, definition))
    }

    /// Does the next slice, if it is one that the engine does by itself.
    pub(super) async fn job_step(&self, turn: Turn, durability: Durability) -> Result<Response> {
        let (record, definition) = self.job(&turn.name).await?;
        let Ticket { run, partition, step, .. } = turn.ticket;
        if record.run != run || record.step_of(partition) != Some(step) || record.state != State::Running {
            return Ok(status(&turn.name, Some(&record)));
        }
        let platform = &*self.0.platform;
        match record.phase {
            Phase::Map if !definition.mapped && definition.topic => {
                let read = |view: &dyn crate::engine::Read| messages::page(view, &record, &definition, None, None);
                let found = self.0.look(read).await?;
                let slice = map::rows(&record, &definition.grouping()?, found.rows()?, found.page)?;
                self.job_slice(turn, slice, durability).await
            }
            Phase::Map if !definition.mapped => {
                let mut page = MapPage::new(&record, &definition, partition)?;
                self.0.look(|view| page.step(view, platform)).await?;
                self.job_slice(turn, page.finish(), durability).await
            }
            Phase::Reduce if !definition.reduced => {
                let mut page = ReducePage::new(&record, &definition)?;
                self.0.look(|view| page.step(view, platform)).await?;
                let mut failures = std::mem::take(&mut page.failures);
                let (json, count) = documents(&page.rows, &mut failures);
                let (cursor, parts, end) = (page.cursor, page.parts, page.end);
                let reduced = Reduced { cursor, parts, failures, end, ..Reduced::new(record.run, json, count) };
                self.job_reduced(turn, reduced, durability).await
            }
            Phase::Finish => self.job_swap(turn, &definition, durability).await,
            _ => Ok(status(&turn.name, Some(&record))),
        }
    }

    /// Commits what the application made of a page.
    pub(super) async fn job_commit(
        &self,
        turn: Turn,
        mut fields: Fields<'_>,
        durability: Durability,
    ) -> Result<Response> {
        let (record, definition) = self.job(&turn.name).await?;
        // Only so that what is late is not taken for malformed: the commit looks again.
        run::check(&turn.name, &record, turn.ticket, record.phase)?;
        let (last, end) = (take_token(&mut fields, "token")?, fields.flag("end", false)?);
        let failures = take_failures(&mut fields, record.phase)?;
        match record.phase {
            Phase::Map if definition.mapped => {
                let rows = fields.number("rows")?.unwrap_or(0);
                let bytes = fields.number("bytes")?.unwrap_or(0);
                let emits = fields.value("emits")?.unwrap_or(Value::Array(Vec::new()));
                fields.finish()?;
                match emitted(&record, &definition.grouping()?, emits, PageEnd { last, rows, bytes, end }) {
                    Ok(mut slice) => {
                        slice.failures.extend(failures);
                        self.job_slice(turn, slice, durability).await
                    }
                    Err(error) => self.job_fail(turn, Phase::Map, &error, durability).await,
                }
            }
            Phase::Reduce if definition.reduced => {
                let rows = take_results(&mut fields)?;
                let parts = fields.number("parts")?.unwrap_or(0);
                fields.finish()?;
                let mut failures = failures;
                let (json, count) = documents(&rows, &mut failures);
                let reduced = Reduced { cursor: last, parts, failures, end, ..Reduced::new(record.run, json, count) };
                self.job_reduced(turn, reduced, durability).await
            }
            _ => Err(Error::invalid("jobCommit: this slice is not the application's: use jobStep")),
        }
    }

    async fn job_slice(&self, turn: Turn, slice: Slice, durability: Durability) -> Result<Response> {
        let name = turn.name.clone();
        if planted(Bug::CommitJobOutputApart) && slice.failures.is_empty() {
            return self.job_slice_apart(turn, slice, durability).await;
        }
        let shared = Rc::clone(&self.0);
        let commit = move |tx: &mut dyn Transaction| {
            let record = expect(tx, &turn.name, turn.ticket, Phase::Map)?;
            let definition = definition(&record)?;
            if !messages::is_there(tx, &record, &definition)? {
                let text = format!("the topic '{}' was dropped while it was read: run with restart", definition.from);
                return run::fail(tx, &turn.name, turn.ticket, Phase::Map, &text);
            }
            commit_slice(tx, &shared.catalog, &turn.name, turn.ticket, &slice)
        };
        let committed = self.0.engine.commit(durability, commit).await?;
        Ok(status(&name, Some(&committed.value)))
    }

    /// The planted fault: output first, cursor later.
    async fn job_slice_apart(&self, turn: Turn, slice: Slice, durability: Durability) -> Result<Response> {
        let slice = Rc::new(slice);
        let (name, ticket, output) = (turn.name.clone(), turn.ticket, Rc::clone(&slice));
        let put = move |tx: &mut dyn Transaction| {
            let mut record = expect(tx, &name, ticket, Phase::Map)?;
            put_parts(tx, &record, ticket.partition, &output)?;
            run::write(tx, &name, &mut record, ticket.now)?;
            Ok(record.step_of(ticket.partition))
        };
        let step = self.0.engine.commit(durability, put).await?.value.unwrap_or(ticket.step);
        let (name, ticket) = (turn.name.clone(), Ticket { step, ..turn.ticket });
        let behind = move |tx: &mut dyn Transaction| {
            let mut record = expect(tx, &name, ticket, Phase::Map)?;
            advance(tx, &name, &mut record, ticket, &slice)?;
            Ok(record)
        };
        let committed = self.0.engine.commit(durability, behind).await?;
        Ok(status(&turn.name, Some(&committed.value)))
    }

    async fn job_reduced(&self, turn: Turn, mut reduced: Reduced, durability: Durability) -> Result<Response> {
        let (shared, name) = (Rc::clone(&self.0), turn.name.clone());
        let commit = move |tx: &mut dyn Transaction| {
            commit_reduced(tx, &shared.catalog, &shared.views, &turn.name, turn.ticket, &mut reduced)
        };
        let committed = self.0.engine.commit(durability, commit).await?;
        Ok(status(&name, Some(&committed.value)))
    }

    async fn job_swap(&self, turn: Turn, definition: &Definition, durability: Durability) -> Result<Response> {
        let staging = keys::staging(turn.ticket.run);
        if let Some(error) = self.0.upkeep.given_up_any(&staging) {
            return self.job_fail(turn, Phase::Finish, &error, durability).await;
        }
        let (shared, name, into) = (Rc::clone(&self.0), turn.name.clone(), definition.into.clone());
        let (job, ticket, seen) = (turn.name, turn.ticket, self.0.upkeep.rounds());
        let commit = move |tx: &mut dyn Transaction| {
            refuse_synced(tx, &into, "job")?;
            let swapped = swap(tx, &shared.catalog, &job, ticket)?;
            if matches!(swapped, Swap::Done(_)) {
                cache::drop_dependents(tx, &into)?;
            }
            Ok(swapped)
        };
        let committed = match self.0.engine.commit(durability, commit).await {
            // It became a synced collection meanwhile.
            Err(error) if error.reason() == Some("synced") => {
                return self.job_fail(Turn { name, ticket }, Phase::Finish, &error, durability).await;
            }
            result => result?,
        };
        self.resume_upkeep();
        match committed.value {
            Swap::Done(record) => Ok(status(&name, Some(&record))),
            Swap::Building(record) => {
                self.0.upkeep.wait_past(seen, &self.0).await?;
                Ok(status(&name, Some(&record)))
            }
        }
    }

    /// The run cannot go on; what it has is kept.
    async fn job_fail(&self, turn: Turn, phase: Phase, error: &Error, durability: Durability) -> Result<Response> {
        if !matches!(error.kind(), ErrorKind::Invalid | ErrorKind::Conflict) {
            return Err(error.clone());
        }
        let (name, message) = (turn.name.clone(), error.message().to_owned());
        let fail = move |tx: &mut dyn Transaction| run::fail(tx, &turn.name, turn.ticket, phase, &message);
        let committed = self.0.engine.commit(durability, fail).await?;
        Ok(status(&name, Some(&committed.value)))
    }
}

/// `[[key, value], …]` as keys and rows of the result.
fn take_results(fields: &mut Fields<'_>) -> Result<Vec<(Value, Value)>> {
    let wrong = || Error::invalid("jobCommit: 'results' must be an array of [key, value]");
    let Some(Value::Array(list)) = fields.value("results")? else { return Err(wrong()) };
    let row = |one: Value| match one {
        Value::Array(pair) => match <[Value; 2]>::try_from(pair) {
            Ok([key, value]) => {
                let row = Value::Object(vec![("_id".into(), key.clone()), ("value".into(), value)]);
                Ok((key, row))
            }
            Err(_) => Err(wrong()),
        },
        _ => Err(wrong()),
    };
    list.into_iter().map(row).collect()
}
