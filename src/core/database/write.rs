//! Commands that change documents: how each runs in a transaction, and what it answers.
//!
//! It commits nothing.

use std::rc::Rc;

use crate::collections::catalog::Catalog;
use crate::collections::view::View;
use crate::collections::write::{Delete, Insert, Returning, Sweep, UpdateDocuments, Written};
use crate::engine::{Pause, Step, Transaction};

use super::handle::Shared;
use super::response::{write_list, ObjectWriter, Response};
use super::sync::{Captured, Intent};

/// A write that can be run again.
pub(super) enum Write {
    Insert(WriteKind, Insert, Intent),
    Update(UpdateDocuments, Intent),
    Delete(Delete),
}

/// Which of the whole-document writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WriteKind {
    Insert,
    Put,
    Replace,
}

/// A write on its way.
pub(super) struct Writing {
    write: Write,
    sweep: Sweep,
    /// What the part that is kept did to synced collections.
    captured: Captured,
    done: Option<Written>,
}

impl Writing {
    pub(super) fn new(write: Write, shared: &Shared) -> Self {
        let sweep = Sweep::in_slices(shared.engine.slice_bytes());
        Self { write, sweep, captured: Captured::default(), done: None }
    }

    /// Runs it in a transaction, or goes on with it.
    pub(super) fn run_in(&mut self, tx: &mut dyn Transaction, shared: &Shared) -> Step<()> {
        if !tx.kept() {
            self.captured = Captured::default();
            self.done = None;
        }
        if self.done.is_some() {
            return Ok(());
        }
        let (write, sweep) = (&mut self.write, &mut self.sweep);
        let (result, captured) =
            shared.capture.capture(write.intent(), || write.run(sweep, tx, &shared.catalog, &shared.views));
        match result {
            Ok(written) => {
                tx.keep();
                self.done = Some(written);
            }
            Err(Pause::Yield) => {
                self.captured.extend(captured);
                return Err(Pause::Yield);
            }
            Err(pause) => return Err(pause),
        }
        self.captured.extend(captured);
        Ok(())
    }

    /// What it did, and what it did to synced collections besides, which belongs into the same commit.
    pub(super) fn finish(&mut self) -> (Written, Captured) {
        (self.done.take().unwrap_or_default(), std::mem::take(&mut self.captured))
    }

    /// What it did to synced collections so far.
    pub(super) fn captured(&self) -> &Captured {
        &self.captured
    }
}

impl Write {
    fn intent(&self) -> Intent {
        match self {
            Self::Insert(_, _, intent) | Self::Update(_, intent) => intent.clone(),
            Self::Delete(_) => Intent::default(),
        }
    }

    fn run(
        &mut self,
        sweep: &mut Sweep,
        tx: &mut dyn Transaction,
        catalog: &Catalog,
        views: &[Rc<dyn View>],
    ) -> Step<Written> {
        match self {
            Self::Insert(_, insert, _) => insert.run(tx, catalog, views),
            Self::Update(update, _) => update.run(sweep, tx, catalog, views),
            Self::Delete(delete) => delete.run(sweep, tx, catalog, views),
        }
    }

    /// What its answer consists of.
    pub(super) fn shape(&self) -> Shape {
        match self {
            Self::Insert(kind, ..) => Shape::Whole(*kind),
            Self::Update(update, _) => Shape::Update { docs: update.returning != Returning::Nothing },
            Self::Delete(delete) => Shape::Delete { docs: delete.returning },
        }
    }
}

/// The fields of a write's answer.
#[derive(Clone, Copy, Debug)]
pub(super) enum Shape {
    Whole(WriteKind),
    Update { docs: bool },
    Delete { docs: bool },
}

impl Shape {
    /// The answer; without a position inside a transaction.
    pub(super) fn respond(self, written: &Written, position: Option<u64>) -> Response {
        let mut answer = ObjectWriter::default();
        let ids = || written.ids.iter().map(|id| &**id);
        let docs = match self {
            Self::Whole(WriteKind::Insert) => {
                answer.number("inserted", written.inserted).texts("ids", ids());
                false
            }
            Self::Whole(WriteKind::Put) => {
                answer.number("inserted", written.inserted).number("replaced", written.matched).texts("ids", ids());
                false
            }
            Self::Whole(WriteKind::Replace) => {
                answer.number("matched", written.matched).number("modified", written.modified);
                false
            }
            Self::Update { docs } => {
                answer.number("matched", written.matched).number("modified", written.modified);
                answer.number("inserted", written.inserted).texts("ids", ids());
                docs
            }
            Self::Delete { docs } => {
                answer.number("deleted", written.deleted).texts("ids", ids());
                docs
            }
        };
        if docs {
            write_list(answer.field("docs"), &written.documents, |document, out| {
                out.extend_from_slice(document.as_deref().unwrap_or(b"null"));
            });
            answer.extended(written.extended);
        }
        if let Some(position) = position {
            answer.number("position", position);
        }
        answer.finish()
    }
}
