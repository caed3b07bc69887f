//! Changing all documents of a target in slices: they are found, what they become is made, and it is written, and the thread
//! is given back after each slice.
//!
//! All slices are one step of one transaction: what is written so far is kept over the pauses, nobody sees it, and it is taken
//! back with the rest.

use std::rc::Rc;

use crate::base::planted::{planted, Bug};
use crate::base::{FastSet, Result};
use crate::engine::{Pause, Step, Transaction};

use super::super::catalog::{Catalog, Collection};
use super::super::find::Selection;
use super::super::view::{Change, View};
use super::edit::{apply, load, Edit};
use super::target::Target;

/// What a document costs besides its bytes, in bytes: its index entries, and what it takes to look them up.
const DOCUMENT_WEIGHT: usize = 256;
/// Documents looked up by id in one slice.
const LOOKUPS: usize = 1024;

/// How far a write to the documents of a target has come.
#[derive(Debug)]
pub struct Sweep {
    selection: Option<Selection>,
    /// Ids that were looked up, where the target names ids.
    looked_up: usize,
    /// Whether all documents are found.
    complete: bool,
    found: Vec<Found>,
    /// So many of them were made what they become, and so many are written. Each moves on with [`Transaction::keep`].
    made: usize,
    written: usize,
    slice: usize,
}

/// A document of the target.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) id: Box<str>,
    /// Its stored bytes as they were; empty once written, unless somebody wants them back.
    pub(super) old: Vec<u8>,
    pub(super) fate: Fate,
}

/// What becomes of a document.
#[derive(Debug)]
pub(super) enum Fate {
    /// It stays as it is.
    Same,
    /// It gets these stored bytes; empty once written, unless somebody wants them back.
    Becomes(Vec<u8>),
    /// It is deleted.
    Gone,
}

/// What a sweep does.
pub(super) struct Work<'a> {
    pub(super) catalog: &'a Catalog,
    pub(super) views: &'a [Rc<dyn View>],
    pub(super) collection: &'a str,
    pub(super) target: &'a Target,
    /// What becomes of a document, given its id and its stored bytes.
    pub(super) make: &'a dyn Fn(&str, &[u8]) -> Result<Fate>,
    /// Whether the documents are wanted back.
    pub(super) returning: bool,
}

impl Sweep {
    /// A sweep that gives the thread back after about so many bytes of documents.
    pub fn in_slices(slice: usize) -> Self {
        let (selection, found) = (None, Vec::new());
        Self { selection, looked_up: 0, complete: false, found, made: 0, written: 0, slice }
    }

    /// Goes on until all is written, and answers the documents in the target's order; none if there is no such collection.
    pub(super) fn run(&mut self, tx: &mut dyn Transaction, work: &Work<'_>) -> Step<Vec<Found>> {
        let goes_on = tx.kept() || planted(Bug::TrustLostSlices) && self.complete;
        if !goes_on {
            *self = Self::in_slices(self.slice);
        }
        tx.keep();
        let Some(collection) = work.catalog.find(tx, work.collection)? else { return Ok(Vec::new()) };
        if !self.complete {
            self.find(tx, work, &collection)?;
        }
        let several = self.part(0) < self.found.len();
        while self.made < self.found.len() {
            let end = self.part(self.made);
            self.make(tx, work, &collection, end, several)?;
            self.made = end;
            pause(tx, several)?;
        }
        while self.written < self.found.len() {
            let end = self.part(self.written);
            self.write(tx, work, &collection, end)?;
            self.written = end;
            pause(tx, end < self.found.len())?;
        }
        Ok(std::mem::take(&mut self.found))
    }

    /// Where the slice ends that begins with the document at `from`.
    fn part(&self, from: usize) -> usize {
        let mut weight = 0;
        let rest = self.found.get(from..).unwrap_or_default();
        let full = rest.iter().position(|one| {
            weight += one.old.len() + DOCUMENT_WEIGHT;
            weight >= self.slice
        });
        full.map_or(self.found.len(), |last| from + last + 1)
    }

    fn find(&mut self, tx: &mut dyn Transaction, work: &Work<'_>, collection: &Collection) -> Step<()> {
        let found = &mut self.found;
        let mut push = |id: &str, old: Vec<u8>| found.push(Found { id: id.into(), old, fate: Fate::Same });
        match work.target {
            Target::Ids(ids) => {
                let mut distinct: Vec<&str> = ids.iter().map(|id| &**id).collect();
                let mut seen = FastSet::default();
                distinct.retain(|id| seen.insert(*id));
                while let Some(rest) = distinct.get(self.looked_up..).filter(|rest| !rest.is_empty()) {
                    let some = rest.get(..LOOKUPS).unwrap_or(rest);
                    for (id, old) in some.iter().zip(load(tx, collection.id, some)?) {
                        old.into_iter().for_each(|old| push(id, old));
                    }
                    self.looked_up += some.len();
                    pause(tx, some.len() < rest.len())?;
                }
            }
            Target::Query(query) => {
                let selection = self.selection.get_or_insert_with(|| Selection::new(Rc::clone(query)).in_any_order());
                selection.run(tx, work.catalog, &mut |one| {
                    push(one.id, one.stored.to_vec());
                    Ok(())
                })?;
            }
        }
        self.complete = true;
        Ok(())
    }

    /// Makes what the documents up to `end` become. Where others come later, what they give up in unique indexes is given up
    /// now: a document of another slice may take it.
    fn make(
        &mut self,
        tx: &mut dyn Transaction,
        work: &Work<'_>,
        collection: &Collection,
        end: usize,
        several: bool,
    ) -> Step<()> {
        let some = self.found.get_mut(self.made..end).unwrap_or_default();
        for one in some.iter_mut() {
            one.fate = (work.make)(&one.id, &one.old)?;
        }
        if !several {
            return Ok(());
        }
        let edits = some.iter().filter_map(Found::edit);
        let changes = edits.map(|edit| Change::of(&edit)).collect::<Result<Vec<_>>>()?;
        work.views.iter().try_for_each(|view| view.release(tx, collection, &changes))
    }

    /// Writes the documents up to `end`.
    fn write(&mut self, tx: &mut dyn Transaction, work: &Work<'_>, collection: &Collection, end: usize) -> Step<()> {
        let some = self.found.get_mut(self.written..end).unwrap_or_default();
        let edits: Vec<_> = some.iter().filter_map(Found::edit).collect();
        apply(tx, collection, work.views, &edits)?;
        if !work.returning {
            some.iter_mut().for_each(Found::forget);
        }
        Ok(())
    }
}

impl Found {
    /// The change, if it is one.
    fn edit(&self) -> Option<Edit<'_>> {
        let new = match &self.fate {
            Fate::Same => return None,
            Fate::Becomes(new) => Some(new.as_slice()),
            Fate::Gone => None,
        };
        Some(Edit { id: &self.id, old: Some(&self.old), new })
    }

    /// Lets go of the bytes.
    fn forget(&mut self) {
        self.old = Vec::new();
        if let Fate::Becomes(new) = &mut self.fate {
            *new = Vec::new();
        }
    }
}

/// The end of a slice: what it did stays. Gives the thread back if there is `more`.
fn pause(tx: &mut dyn Transaction, more: bool) -> Step<()> {
    tx.keep();
    if more {
        return Err(Pause::Yield);
    }
    Ok(())
}

#[cfg(test)]
#[path = "sweep_tests.rs"]
mod sweep_tests;
