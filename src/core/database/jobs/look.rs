//! What is read of jobs: how they stand, what failed, and the next page for the application.
//!
//! It changes nothing: a page is only taken once its commit comes.

use crate::base::{Error, Result};
use crate::collections::fields::Fields;
use crate::collections::json;
use crate::engine::{Direction, Read, Step};
use crate::jobs::map::{HandedPage, PageEnd};
use crate::jobs::reduce::ReducePage;
use crate::jobs::run::definition;
use crate::jobs::{keys, Definition, Failure, Phase, Record, State};

use super::messages;

use super::super::read::Context;
use super::super::response::{write_list, ObjectWriter, Response};

/// Failures in one answer unless it says otherwise.
const FAILURES_PAGE: u64 = 100;

/// `jobStatus`, `jobs`, `jobFailures` or `jobNext`.
pub(in super::super) enum JobsTask {
    Status(Box<str>),
    All,
    Failures { name: Box<str>, after: Option<u64>, limit: u64 },
    Next(NextTask),
}

/// `jobNext`: the page behind the checkpoint, or behind a page that was handed out before.
pub(in super::super) struct NextTask {
    name: Box<str>,
    partition: usize,
    limit: Option<u64>,
    after: Option<Vec<u8>>,
    page: Option<Box<(Record, NextPage)>>,
}

/// A page under way.
enum NextPage {
    Documents(HandedPage),
    Messages(Definition),
    Groups(Box<ReducePage>),
    /// The engine goes on by itself.
    Nothing,
}

impl JobsTask {
    /// Takes the fields of the command `op`; `None` if it is none of these.
    pub(in super::super) fn take(op: &str, fields: &mut Fields<'_>) -> Result<Option<(&'static str, Self)>> {
        let name = |fields: &mut Fields<'_>| fields.required_text("name").map(Box::<str>::from);
        Ok(Some(match op {
            "jobStatus" => ("jobStatus", Self::Status(name(fields)?)),
            "jobs" => ("jobs", Self::All),
            "jobFailures" => {
                let (name, after) = (name(fields)?, fields.number("after")?);
                let limit = fields.number("limit")?.unwrap_or(FAILURES_PAGE).clamp(1, 10_000);
                ("jobFailures", Self::Failures { name, after, limit })
            }
            "jobNext" => {
                let (name, limit) = (name(fields)?, fields.number("limit")?);
                let partition = super::take_partition(fields)?;
                let after = if fields.has("after") { Some(super::take_token(fields, "after")?) } else { None };
                ("jobNext", Self::Next(NextTask { name, partition, limit, after, page: None }))
            }
            _ => return Ok(None),
        }))
    }

    pub(in super::super) fn step(&mut self, view: &dyn Read, context: Context<'_>) -> Step<Response> {
        match self {
            Self::Status(name) => Ok(super::status(name, Record::load(view, name)?.as_ref())),
            Self::All => all(view),
            Self::Failures { name, after, limit } => failures(view, name, *after, *limit),
            Self::Next(task) => task.step(view, context),
        }
    }
}

fn all(view: &dyn Read) -> Step<Response> {
    let mut json = vec![b'['];
    let mut cursor = view.cursor(keys::jobs(), Direction::Forward);
    while cursor.advance()? {
        let name = keys::job_name(cursor.key()).ok_or_else(|| Error::corrupt("a job's name is not UTF-8"))?;
        if json.len() > 1 {
            json.push(b',');
        }
        super::write_status(name, &Record::decode(cursor.value())?, &mut json);
    }
    json.push(b']');
    Ok(Response::plain(json))
}

fn failures(view: &dyn Read, name: &str, after: Option<u64>, limit: u64) -> Step<Response> {
    let (mut list, mut next) = (Vec::new(), None);
    if let Some(record) = Record::load(view, name)? {
        let mut range = keys::failures(record.run);
        if let Some(after) = after {
            range.start = keys::failure(record.run, after.saturating_add(1));
        }
        let mut cursor = view.cursor(range, Direction::Forward);
        while cursor.advance()? {
            if list.len() as u64 >= limit {
                break;
            }
            next = keys::failure_number(cursor.key());
            list.push(Failure::decode(cursor.value())?);
        }
        if (list.len() as u64) < limit {
            next = None;
        }
    }
    let mut answer = ObjectWriter::default();
    write_failures(&list, &mut answer);
    match next {
        Some(next) => answer.number("next", next),
        None => answer.raw("next", b"null"),
    };
    Ok(answer.finish())
}

fn write_failures(list: &[Failure], answer: &mut ObjectWriter) {
    write_list(answer.field("failures"), list, |failure, out| {
        let mut one = ObjectWriter::default();
        one.text("phase", failure.phase.name()).text("id", &failure.id).text("message", &failure.message);
        out.extend_from_slice(&one.finish().json);
    });
}

impl NextTask {
    fn step(&mut self, view: &dyn Read, context: Context<'_>) -> Step<Response> {
        let Self { name, partition, limit, after, page } = self;
        let (record, page) = &mut **match page {
            Some(page) => page,
            None => {
                let record = Record::load(view, name)?.ok_or_else(|| unknown(name))?;
                let next = begin(&record, *partition, *limit, after.clone())?;
                page.insert(Box::new((record, next)))
            }
        };
        let mut answer = ObjectWriter::default();
        let step = record.step_of(*partition).unwrap_or(record.step);
        answer.number("run", record.run.into()).number("step", step).text("phase", record.phase.name());
        match page {
            NextPage::Nothing => {}
            NextPage::Documents(page) => {
                page.step(view, context.platform)?;
                let docs = answer.field("docs");
                docs.push(b'[');
                docs.append(&mut page.json);
                docs.push(b']');
                answer.extended(page.extended);
                write_end(&page.page, &mut answer);
            }
            NextPage::Messages(definition) => {
                let found = messages::page(view, record, definition, *limit, after.as_deref())?;
                found.write(answer.field("docs"))?;
                answer.extended(true);
                write_end(&found.page, &mut answer);
            }
            NextPage::Groups(page) => {
                page.step(view, context.platform)?;
                write_groups(page, &mut answer);
            }
        }
        Ok(answer.finish())
    }
}

fn write_end(page: &PageEnd, answer: &mut ObjectWriter) {
    answer.number("rows", page.rows).number("bytes", page.bytes);
    super::write_token(&page.last, answer);
    answer.flag("end", page.end);
}

fn write_groups(page: &ReducePage, answer: &mut ObjectWriter) {
    write_list(answer.field("groups"), &page.rows, |(key, row), out| {
        out.push(b'[');
        json::write(key, out);
        out.push(b',');
        json::write(row.field("value").unwrap_or(&crate::collections::Value::Null), out);
        out.push(b']');
    });
    answer.extended(true).number("parts", page.parts);
    write_failures(&page.failures, answer);
    super::write_token(&page.cursor, answer);
    answer.flag("end", page.end);
}

fn begin(record: &Record, partition: usize, limit: Option<u64>, after: Option<Vec<u8>>) -> Result<NextPage> {
    if record.state != State::Running || record.step_of(partition).is_none() {
        return Ok(NextPage::Nothing);
    }
    let definition = definition(record)?;
    Ok(match record.phase {
        Phase::Map if definition.mapped && definition.topic => NextPage::Messages(definition),
        Phase::Map if definition.mapped => {
            NextPage::Documents(HandedPage::new(record, &definition, partition, limit, after)?)
        }
        Phase::Reduce if definition.reduced => NextPage::Groups(Box::new(ReducePage::new(record, &definition)?)),
        _ => NextPage::Nothing,
    })
}

/// The error for a job that never ran.
pub(super) fn unknown(name: &str) -> Error {
    Error::invalid(format!("there is no job '{name}'")).with_reason("not-found")
}
