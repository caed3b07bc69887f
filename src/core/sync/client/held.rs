//! The mutations that a client holds: what waits, what was answered, what is kept for a server that loses its past.
//!
//! A mutation is written once, when it is made. An answer is written beside it as part of a run; what is kept then stays where it is.

use std::collections::VecDeque;
use std::sync::Arc;

use super::super::mutation::Mutation;
use super::records::{seq_key, Entry, Meta, Run};
use super::state::corrupt;
use super::store::{ClientStore, Table};
use crate::base::planted::{planted, Bug};
use crate::base::Result;

/// What a client holds.
#[derive(Clone, Debug, Default)]
pub(super) struct Held {
    /// What is not settled, by `seq`.
    pub(super) outbox: VecDeque<Entry>,
    /// In the order in which they took effect.
    pub(super) retained: Vec<Kept>,
    /// What was answered of this replica's mutations, by `seq`.
    pub(super) answered: Vec<Run>,
}

/// A mutation that the server has, kept until it says that it survives its loss.
#[derive(Clone, Debug)]
pub(super) struct Kept {
    pub(super) version: u64,
    pub(super) mutation: Arc<Mutation>,
    /// Whether it still stands in the outbox's table.
    pub(super) in_place: bool,
}

impl Kept {
    /// Where it stands. Those of former names of the replica are in the order in which they took effect.
    pub(super) fn row(&self) -> (Table, Box<str>) {
        let Mutation { seq, id, .. } = &*self.mutation;
        match self.in_place {
            true => (Table::Outbox, seq_key(*seq)),
            false => (Table::Retained, format!("{:016x}{seq:016x}{id}", self.version).into()),
        }
    }

    /// What stands there.
    pub(super) fn entry(&self) -> Entry {
        Entry { mutation: self.mutation.clone(), applied: Some(self.version), recovered: None }
    }
}

impl Held {
    /// Reads what the store holds.
    pub(super) fn load(store: &dyn ClientStore, meta: &Meta) -> Result<Self> {
        let mut held = Self { answered: answered(store, meta)?, ..Self::default() };
        store.scan(Table::Retained, "", &mut |_, value| {
            let entry = Entry::parse(value).map_err(corrupt)?;
            held.retained.push(Kept { version: entry.applied.unwrap_or(0), mutation: entry.mutation, in_place: false });
            Ok(true)
        })?;
        store.scan(Table::Outbox, &seq_key(meta.first), &mut |_, value| {
            let mut entry = Entry::parse(value).map_err(corrupt)?;
            entry.applied = entry.applied.or_else(|| version_in(&held.answered, entry.mutation.seq));
            match entry.applied {
                Some(version) if entry.mutation.seq <= meta.included => {
                    let at = held.retained.partition_point(|kept| kept.version <= version);
                    held.retained.insert(at, Kept { version, mutation: entry.mutation, in_place: true });
                }
                _ => held.outbox.push_back(entry),
            }
            Ok(true)
        })?;
        Ok(held)
    }

    /// The lowest number in the outbox's table, if there is any.
    pub(super) fn first(&self) -> Option<u64> {
        let waiting = self.outbox.front().map(|entry| entry.mutation.seq);
        let kept = self.retained.iter().filter(|kept| kept.in_place).map(|kept| kept.mutation.seq).min();
        waiting.into_iter().chain(kept).min()
    }
}

/// What was answered of the mutations that are still there.
pub(super) fn answered(store: &dyn ClientStore, meta: &Meta) -> Result<Vec<Run>> {
    let mut runs = Vec::new();
    store.scan(Table::Answered, &seq_key(meta.first), &mut |_, value| {
        let run = Run::parse(value).map_err(corrupt)?;
        // A run of another name may have been left by a version of this program that does not know of runs.
        if run.replica == meta.replica || planted(Bug::SyncKeepAnswers) {
            runs.push(run);
        }
        Ok(true)
    })?;
    Ok(runs)
}

/// The version at which a mutation took effect, as far as runs say so.
pub(super) fn version_in(runs: &[Run], seq: u64) -> Option<u64> {
    let run = runs.get(runs.partition_point(|run| run.to < seq))?;
    (run.from <= seq).then_some(run.version)
}
