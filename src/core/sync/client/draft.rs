//! The next state of a client while an answer is taken, and what must be written for it.

use std::sync::Arc;

use super::super::limits::MUTATION_MAX;
use super::super::message::{Handled, Outcome};
use super::super::mutation::Mutation;
use super::held::{Held, Kept};
use super::letters::DeadLetter;
use super::records::{fresh_name, seq_key, Base, Entry, Meta, Run};
use super::state::{corrupt, Touched};
use super::store::{ClientStore, Table, Write};
use crate::base::planted::{planted, Bug};
use crate::base::{Result, Rng};

/// The most bytes of mutations kept for a server that loses its past: they are in memory, too, and read anew whenever another tab has written.
/// Attachments would fill any number. The newest always fits.
const RETAINED_BYTES: usize = MUTATION_MAX;

/// The client's next state, and what must be written for it.
pub(super) struct Draft {
    pub(super) meta: Meta,
    pub(super) held: Held,
    pub(super) writes: Vec<Write>,
}

impl Draft {
    /// Takes the outcomes of a push.
    pub(super) fn settle(&mut self, results: Vec<Handled>) {
        let mut runs: Vec<Run> = Vec::new();
        for Handled { seq, outcome } in results {
            let Ok(at) = self.held.outbox.binary_search_by(|entry| entry.mutation.seq.cmp(&seq)) else { continue };
            match outcome {
                Outcome::Applied(version) | Outcome::Duplicate(version) => {
                    // What was answered before stays as it was.
                    if self.held.outbox[at].applied.is_none() {
                        self.held.outbox[at].applied = Some(version);
                        self.extend(&mut runs, seq, version);
                    }
                }
                Outcome::Rejected(refusal) => {
                    let Some(entry) = self.held.outbox.remove(at) else { continue };
                    self.writes.push((Table::Outbox, entry.key(), None));
                    if !planted(Bug::SyncLoseRejected) {
                        let letter = DeadLetter { mutation: Mutation::clone(&entry.mutation), refusal };
                        self.writes.push((Table::Dead, letter.mutation.id.clone(), Some(letter.to_value())));
                    }
                }
                Outcome::Retry(_) | Outcome::Upgrade => {}
            }
        }
        self.writes.extend(runs.iter().map(|run| (Table::Answered, run.key(), Some(run.to_value()))));
        // They come in order; one that does not is found all the same.
        for run in runs {
            let at = self.held.answered.partition_point(|known| known.to < run.to);
            self.held.answered.insert(at, run);
        }
    }

    fn extend(&self, runs: &mut Vec<Run>, seq: u64, version: u64) {
        match runs.last_mut() {
            Some(run) if run.to + 1 == seq && run.version == version => run.to = seq,
            _ => runs.push(Run { replica: self.meta.replica.clone(), from: seq, to: seq, version }),
        }
    }

    /// What was answered and is in the base waits no longer. It is retained where it is.
    pub(super) fn drop_included(&mut self) {
        let (included, outbox) = (self.meta.included, &mut self.held.outbox);
        let mut unanswered = Vec::new();
        while outbox.front().is_some_and(|entry| entry.mutation.seq <= included) {
            let Some(entry) = outbox.pop_front() else { break };
            match entry.applied {
                Some(version) => {
                    self.held.retained.push(Kept { version, mutation: entry.mutation, in_place: true });
                }
                None => unanswered.push(entry),
            }
        }
        unanswered.into_iter().rev().for_each(|entry| outbox.push_front(entry));
    }

    /// What survives the server's loss, and what is too much (the newest stay), need not be kept.
    pub(super) fn forget_stable(&mut self, stable: u64, most: usize) {
        let excess = self.held.retained.len() - self.fitting(most);
        let (mut index, writes) = (0, &mut self.writes);
        self.held.retained.retain(|kept| {
            index += 1;
            let goes = index <= excess || kept.version <= stable;
            if goes {
                let (table, row) = kept.row();
                writes.push((table, row, None));
            }
            !goes
        });
    }

    /// How many of the newest retained mutations fit.
    fn fitting(&self, most: usize) -> usize {
        let mut bytes = 0;
        let newest = self.held.retained.iter().rev().take(most).take_while(|kept| {
            bytes += kept.mutation.bytes();
            bytes <= RETAINED_BYTES
        });
        newest.count()
    }

    /// A new name for the replica, under which these mutations are chained anew. What is retained makes room.
    pub(super) fn rename(&mut self, rng: &dyn Rng, entries: Vec<Entry>) -> Result<()> {
        for entry in std::mem::take(&mut self.held.outbox) {
            self.writes.push((Table::Outbox, entry.key(), None));
        }
        for kept in self.held.retained.iter_mut().filter(|kept| kept.in_place && !planted(Bug::SyncDropKept)) {
            let (table, row) = kept.row();
            self.writes.push((table, row, None));
            kept.in_place = false;
            let (table, row) = kept.row();
            self.writes.push((table, row, Some(kept.entry().to_value())));
        }
        if !planted(Bug::SyncKeepAnswers) {
            for run in std::mem::take(&mut self.held.answered) {
                self.writes.push((Table::Answered, run.key(), None));
            }
        }
        self.meta.replica = fresh_name(rng);
        (self.meta.seq, self.meta.hash, self.meta.included, self.meta.first) = (0, 0, 0, 0);
        for entry in entries {
            let old = entry.mutation;
            let (seq, prev) = (self.meta.seq + 1, self.meta.hash);
            let mutation = Mutation::new(seq, prev, &old.id, old.schema, old.base, old.ops.clone())?;
            (self.meta.seq, self.meta.hash) = (seq, mutation.hash());
            let entry = Entry { mutation: Arc::new(mutation), applied: None, recovered: entry.recovered };
            // The removal of an old entry under the same key comes before: later writes of a commit win.
            self.writes.push((Table::Outbox, seq_key(seq), Some(entry.to_value())));
            self.held.outbox.push_back(entry);
        }
        Ok(())
    }

    /// Ends it: where the outbox's table begins, and what was answered of what is not there any more.
    pub(super) fn close(&mut self) {
        self.meta.first = self.held.first().unwrap_or(self.meta.seq + 1);
        let gone = self.held.answered.partition_point(|run| run.to < self.meta.first);
        self.writes.extend(self.held.answered.drain(..gone).map(|run| (Table::Answered, run.key(), None)));
    }

    /// After a snapshot: what did not come again is gone.
    pub(super) fn sweep(&mut self, store: &dyn ClientStore, touched: &mut Touched) -> Result<()> {
        let generation = self.meta.generation;
        let fresh: std::collections::BTreeSet<Box<str>> =
            self.writes.iter().filter(|(table, ..)| *table == Table::Base).map(|(_, key, _)| key.clone()).collect();
        let writes = &mut self.writes;
        store.scan(Table::Base, "", &mut |key, value| {
            let old = Base::generation(&value).map_err(corrupt)? < generation;
            if old && !fresh.contains(key) {
                writes.push((Table::Base, key.into(), None));
                touched.extend(key.split_once('\0').map(|(collection, id)| (collection.into(), id.into())));
            }
            Ok(true)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::SeededRng;
    use crate::collections::Value;
    use crate::sync::op::{Action, Op};

    #[test]
    fn what_is_retained_is_bounded_in_number_and_in_bytes_and_the_newest_stay() {
        let mutation = |seq: u64, bytes: usize| {
            let document = Value::Object(vec![("text".into(), Value::String("x".repeat(bytes).into()))]);
            let op = Op { collection: "notes".into(), id: "n".into(), if_version: None, action: Action::Put(document) };
            let mutation = Arc::new(Mutation::new(seq, 0, "m", 0, 0, vec![op]).unwrap());
            Kept { version: seq, mutation, in_place: seq.is_multiple_of(2) }
        };
        let kept = |sizes: &[usize], stable: u64, most: usize| -> Vec<u64> {
            let retained = (1..).zip(sizes).map(|(seq, bytes)| mutation(seq, *bytes)).collect();
            let meta = Meta::new(&SeededRng::new(1));
            let mut draft = Draft { meta, held: Held { retained, ..Held::default() }, writes: Vec::new() };
            draft.forget_stable(stable, most);
            assert_eq!(draft.writes.len(), sizes.len() - draft.held.retained.len());
            draft.held.retained.iter().map(|kept| kept.version).collect()
        };
        assert_eq!(kept(&[10; 5], 0, 10), [1, 2, 3, 4, 5]);
        assert_eq!(kept(&[10; 5], 2, 10), [3, 4, 5]);
        assert_eq!(kept(&[10; 5], 0, 2), [4, 5]);
        assert_eq!(kept(&[300_000; 10], 0, 100), [5, 6, 7, 8, 9, 10]);
        assert_eq!(kept(&[10, 1_000_000, 10, 1_000_000, 10, 100_000], 0, 100), [3, 4, 5, 6]);
        assert_eq!(kept(&[10, 2_097_000], 0, 100), [2]);
    }
}
