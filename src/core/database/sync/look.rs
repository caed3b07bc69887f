//! What is looked at: the status, the visible outbox, the dead letters.
//!
//! It changes nothing.

use crate::base::Result;
use crate::collections::catalog::Catalog;
use crate::collections::fields::Fields;
use crate::collections::write::load;
use crate::engine::{Read, Step};
use crate::sync::client::{letters, pending_after, standing, DeadLetter, Standing};
use crate::sync::Op;

use super::super::handle::{Database, Shared};
use super::super::response::{write_list, ObjectWriter, Response};
use super::keys::Counts;
use super::settings::Settings;
use super::store::EngineStore;
use super::SyncCall;

/// Mutations or letters in one answer unless it says otherwise.
const LIMIT: u64 = 100;

/// `syncStatus`, `syncPending` or `syncLetters`.
pub(in super::super) enum Look {
    Status,
    Pending { after: u64, limit: usize },
    Letters(usize),
}

impl Look {
    /// Takes its fields.
    pub(in super::super) fn take(call: SyncCall, fields: &mut Fields<'_>) -> Result<Self> {
        let limit = |fields: &mut Fields<'_>| -> Result<usize> {
            let limit = fields.number("limit")?.unwrap_or(LIMIT).clamp(1, 10_000);
            Ok(usize::try_from(limit).unwrap_or(1))
        };
        Ok(match call {
            SyncCall::Pending => Self::Pending { after: fields.number("after")?.unwrap_or(0), limit: limit(fields)? },
            SyncCall::Letters => Self::Letters(limit(fields)?),
            _ => Self::Status,
        })
    }

    /// Looks.
    pub(in super::super) fn run(&self, view: &dyn Read, shared: &Shared) -> Step<Response> {
        match self {
            Self::Status => status(view, shared).map(Response::plain),
            Self::Pending { after, limit } => mutations(view, &shared.catalog, *after, *limit),
            Self::Letters(limit) => dead_letters(view, &shared.catalog, *limit),
        }
    }
}

impl Database {
    pub(super) async fn sync_status_json(&self) -> Result<Vec<u8>> {
        self.0.look(|view| status(view, &self.0)).await
    }

    /// `{"status":{…}}`
    pub(super) async fn sync_status(&self) -> Result<Response> {
        let status = self.sync_status_json().await?;
        Ok(ObjectWriter::default().raw("status", &status).finish())
    }
}

fn status(view: &dyn Read, shared: &Shared) -> Step<Vec<u8>> {
    let settings = Settings::load(view)?;
    let none = Settings::default();
    let mut store = EngineStore::look(view, &shared.catalog, settings.as_ref().unwrap_or(&none));
    let (standing, counts) = store.complete(|store| {
        let counts = store.counts()?;
        Ok((standing(store, counts.pending)?, counts))
    })?;
    let standing = standing.unwrap_or(Standing { replica: "".into(), epoch: None, version: None, settled: true });
    let Counts { pending, letters, .. } = counts;
    let running = shared.sync.running.borrow();
    let state = match (&settings, running.as_ref()) {
        (Some(_), Some(running)) => running.link.status().name(),
        _ => "off",
    };
    let mut answer = ObjectWriter::default();
    answer.text("state", state).number("pending", pending).flag("settled", standing.settled);
    answer.number("letters", letters);
    match standing.version {
        Some(version) => drop(answer.number("version", version)),
        None => drop(answer.raw("version", b"null")),
    }
    answer.flag("whole", standing.version.is_some());
    match &standing.epoch {
        Some(epoch) => drop(answer.text("epoch", epoch)),
        None => drop(answer.raw("epoch", b"null")),
    }
    answer.text("replica", &standing.replica);
    let collections = settings.iter().flat_map(|settings| &settings.collections).map(|one| &*one.name);
    answer.texts("collections", collections).number("received", shared.sync.received.get());
    if let Some(bytes) = running.as_ref().and_then(|running| running.link.too_large()) {
        answer.number("tooLarge", bytes as u64);
    }
    Ok(answer.finish().json)
}

fn write_ops(answer: &mut ObjectWriter, ops: &[Op]) {
    write_list(answer.field("ops"), ops, Op::write);
}

fn mutations(view: &dyn Read, catalog: &Catalog, after: u64, limit: usize) -> Step<Response> {
    let none = Settings::default();
    let found = EngineStore::look(view, catalog, &none).complete(|store| pending_after(store, after, limit))?;
    let mut answer = ObjectWriter::default();
    write_list(answer.field("mutations"), &found, |(mutation, answered), out| {
        let mut one = ObjectWriter::default();
        one.number("seq", mutation.seq).text("id", &mutation.id).number("schema", mutation.schema);
        write_ops(&mut one, &mutation.ops);
        out.extend_from_slice(&one.flag("answered", *answered).finish().json);
    });
    Ok(tagged(&mut answer))
}

fn dead_letters(view: &dyn Read, catalog: &Catalog, limit: usize) -> Step<Response> {
    let none = Settings::default();
    let found = EngineStore::look(view, catalog, &none).complete(|store| letters(store, limit))?;
    let mut shown = Vec::new();
    for letter in found {
        let mut one = ObjectWriter::default();
        one.text("id", &letter.mutation.id).text("code", &letter.refusal.code).text("reason", &letter.refusal.reason);
        write_ops(&mut one, &letter.mutation.ops);
        write_list(one.field("documents"), documents(view, catalog, &letter)?, |document, out| {
            out.extend_from_slice(document.as_deref().unwrap_or(b"null"));
        });
        shown.push(one.finish().json);
    }
    let mut answer = ObjectWriter::default();
    write_list(answer.field("letters"), &shown, |one, out| out.extend_from_slice(one));
    Ok(tagged(&mut answer))
}

/// The documents of a letter's ops as they are.
fn documents(view: &dyn Read, catalog: &Catalog, letter: &DeadLetter) -> Step<Vec<Option<Vec<u8>>>> {
    let mut documents = Vec::new();
    for op in &letter.mutation.ops {
        let stored = match catalog.find(view, &op.collection)? {
            Some(collection) => load(view, collection.id, &[&op.id])?.pop().flatten(),
            None => None,
        };
        let json = match &stored {
            Some(stored) => Some(crate::collections::Document::parse(stored)?.json().to_vec()),
            None => None,
        };
        documents.push(json);
    }
    Ok(documents)
}

/// The answer; what looks like a tagged value may be one.
fn tagged(answer: &mut ObjectWriter) -> Response {
    let Response { json, .. } = answer.finish();
    let extended = json.windows(3).any(|part| part == b"{\"$");
    Response { json, extended }
}
