//! What is read of jobs: how they stand, what failed, and the next page for the application.
//!
//! It changes nothing: a page is only taken once its commit comes.

use crate::base::{Error, Result};
use crate::collections::fields::Fields;
use crate::collections::json;
use crate::engine::{Direction, Read, Step};
use crate::jobs::map::HandedPage;
use crate::jobs::reduce::ReducePage;
use crate::jobs::run::definition;
use crate::jobs::{keys, Failure, Phase, Record, State};

use super::super::read::Context;
use super::super::response::{write_list, ObjectWriter, Response};

/// Failures in one answer unless it says otherwise.
const FAILURES_PAGE: u64 = 100;

/// `jobStatus`, `jobs`, `jobFailures` or `jobNext`.
pub(in super::super) enum JobsTask {
    Status(Box<str>),
    All,
    Failures { name: Box<str>, after: Option<u64>, limit: u64 },
    Next { name: Box<str>, limit: Option<u64>, page: Option<Box<(Record, NextPage)>> },
}

/// A page under way.
pub(in super::super) enum NextPage {
    Documents(HandedPage),
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
            "jobNext" => ("jobNext", Self::Next { name: name(fields)?, limit: fields.number("limit")?, page: None }),
            _ => return Ok(None),
        }))
    }

    pub(in super::super) fn step(&mut self, view: &dyn Read, context: Context<'_>) -> Step<Response> {
        match self {
            Self::Status(name) => Ok(super::status(name, Record::load(view, name)?.as_ref())),
            Self::All => all(view),
            Self::Failures { name, after, limit } => failures(view, name, *after, *limit),
            Self::Next { name, limit, page } => next(view, context, name, *limit, page),
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

fn next(
    view: &dyn Read,
    context: Context<'_>,
    name: &str,
    limit: Option<u64>,
    page: &mut Option<Box<(Record, NextPage)>>,
) -> Step<Response> {
    let (record, page) = &mut **match page {
        Some(page) => page,
        None => {
            let record = Record::load(view, name)?.ok_or_else(|| unknown(name))?;
            let next = begin(&record, limit)?;
            page.insert(Box::new((record, next)))
        }
    };
    let mut answer = ObjectWriter::default();
    answer.number("run", record.run.into()).number("step", record.step).text("phase", record.phase.name());
    match page {
        NextPage::Nothing => {}
        NextPage::Documents(page) => {
            page.step(view)?;
            let docs = answer.field("docs");
            docs.push(b'[');
            docs.append(&mut page.json);
            docs.push(b']');
            answer.extended(page.extended).number("rows", page.page.rows).number("bytes", page.page.bytes);
            super::write_token(&page.page.last, &mut answer);
            answer.flag("end", page.page.end);
        }
        NextPage::Groups(page) => {
            page.step(view, context.platform)?;
            write_list(answer.field("groups"), &page.rows, |(key, row), out| {
                out.push(b'[');
                json::write(key, out);
                out.push(b',');
                json::write(row.field("value").unwrap_or(&crate::collections::Value::Null), out);
                out.push(b']');
            });
            answer.extended(true).number("parts", page.parts);
            write_failures(&page.failures, &mut answer);
            super::write_token(&page.cursor, &mut answer);
            answer.flag("end", page.end);
        }
    }
    Ok(answer.finish())
}

fn begin(record: &Record, limit: Option<u64>) -> Result<NextPage> {
    if record.state != State::Running {
        return Ok(NextPage::Nothing);
    }
    let definition = definition(record)?;
    Ok(match record.phase {
        Phase::Map if definition.mapped => NextPage::Documents(HandedPage::new(record, &definition, limit)),
        Phase::Reduce if definition.reduced => NextPage::Groups(Box::new(ReducePage::new(record, &definition)?)),
        _ => NextPage::Nothing,
    })
}

/// The error for a job that never ran.
pub(super) fn unknown(name: &str) -> Error {
    Error::invalid(format!("there is no job '{name}'")).with_reason("not-found")
}
