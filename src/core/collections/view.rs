//! The one way in which derived data follows a commit: a view sees every change of a document inside the transaction that
//! makes it, and writes what follows from it into the same commit.
//!
//! Not an event after the fact: a view that fails refuses the write.

use crate::engine::{Read, Step, Transaction};

use super::catalog::Collection;
use super::document::Document;

/// One document before and after; each id appears at most once in a batch. Both `None` never happens.
#[derive(Clone, Copy, Debug)]
pub struct Change<'a> {
    /// The document's id.
    pub id: &'a str,
    /// The document as it was.
    pub old: Option<Document<'a>>,
    /// The document as it will be.
    pub new: Option<Document<'a>>,
}

/// Data derived from documents.
pub trait View {
    /// Looks before anything of the batch is written: reads all that `apply` is going to read (so that missing blocks
    /// are named here, all together) and refuses changes that must not happen. Writes nothing.
    fn check(&self, view: &dyn Read, collection: &Collection, changes: &[Change<'_>]) -> Step<()>;

    /// Gives up what nobody but one document may hold and the batch takes from its documents. Where a write goes in several
    /// batches it runs for all of them before the first is checked, so that each may take what another one gives up.
    fn release(&self, tx: &mut dyn Transaction, collection: &Collection, changes: &[Change<'_>]) -> Step<()> {
        let _ = (tx, collection, changes);
        Ok(())
    }

    /// Writes what follows from the batch. Runs right after `check` succeeded on the same state, so it never misses a
    /// block that `check` read.
    fn apply(&self, tx: &mut dyn Transaction, collection: &Collection, changes: &[Change<'_>]) -> Step<()>;
}

/// Collects the pauses of many reads, so that their missing blobs are asked for at once.
#[derive(Debug, Default)]
pub struct Gather {
    missing: Vec<crate::disk::BlobName>,
}

impl Gather {
    /// The result of a read, or `None` if it missed (remembered here).
    pub fn step<T>(&mut self, step: Step<T>) -> Step<Option<T>> {
        match step {
            Ok(value) => Ok(Some(value)),
            Err(crate::engine::Pause::Missing(names)) => {
                self.missing.extend(*names);
                Ok(None)
            }
            Err(pause) => Err(pause),
        }
    }

    /// Pauses if anything was missed.
    pub fn finish(self) -> Step<()> {
        match self.into_missing() {
            missing if missing.is_empty() => Ok(()),
            missing => Err(crate::engine::Pause::missing(missing)),
        }
    }

    /// What was missed, each once.
    pub fn into_missing(mut self) -> Vec<crate::disk::BlobName> {
        // Nothing, mostly; and a search asks for every window.
        if !self.missing.is_empty() {
            crate::base::sort::sort(&mut self.missing);
            self.missing.dedup();
        }
        self.missing
    }
}
