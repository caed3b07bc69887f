//! The next state of a client while an answer is taken, and what must be written for it.

use std::collections::VecDeque;
use std::rc::Rc;

use super::super::limits::MUTATION_MAX;
use super::super::message::Outcome;
use super::super::mutation::Mutation;
use super::letters::DeadLetter;
use super::records::{fresh_name, seq_key, Base, Entry, Meta};
use super::state::{corrupt, Touched};
use super::store::{ClientStore, Table, Write};
use crate::base::planted::{planted, Bug};
use crate::base::{Result, Rng};

/// The most bytes of mutations kept for a server that loses its past: they are in memory, too, and read anew whenever another tab has written.
/// Attachments would fill any number. The newest always fits.
const RETAINED_BYTES: usize = MUTATION_MAX;

/// Retained mutations are kept in the order in which they took effect; numbers start over with every name of the replica.
pub(super) fn retained_key(version: u64, mutation: &Mutation) -> Box<str> {
    format!("{version:016x}{:016x}{}", mutation.seq, mutation.id).into()
}

/// The client's next state, and what must be written for it.
pub(super) struct Draft {
    pub(super) meta: Meta,
    pub(super) outbox: VecDeque<Entry>,
    pub(super) retained: VecDeque<(u64, Rc<Mutation>)>,
    pub(super) writes: Vec<Write>,
}

impl Draft {
    /// Takes the outcome of one mutation.
    pub(super) fn settle_one(&mut self, seq: u64, outcome: Outcome) {
        let Ok(at) = self.outbox.binary_search_by(|entry| entry.mutation.seq.cmp(&seq)) else { return };
        match outcome {
            Outcome::Applied(version) | Outcome::Duplicate(version) => {
                let entry = &mut self.outbox[at];
                entry.applied = Some(version);
                self.writes.push((Table::Outbox, entry.key(), Some(entry.to_value())));
            }
            Outcome::Rejected(refusal) => {
                let Some(entry) = self.outbox.remove(at) else { return };
                self.writes.push((Table::Outbox, entry.key(), None));
                if !planted(Bug::SyncLoseRejected) {
                    let letter = DeadLetter { mutation: Mutation::clone(&entry.mutation), refusal };
                    self.writes.push((Table::Dead, letter.mutation.id.clone(), Some(letter.to_value())));
                }
            }
            Outcome::Retry(_) | Outcome::Upgrade => {}
        }
    }

    /// What was answered and is in the base leaves the outbox, and is retained.
    pub(super) fn drop_included(&mut self) {
        let included = self.meta.included;
        let (done, rest): (VecDeque<Entry>, VecDeque<Entry>) = std::mem::take(&mut self.outbox)
            .into_iter()
            .partition(|entry| entry.applied.is_some() && entry.mutation.seq <= included);
        self.outbox = rest;
        for entry in done {
            self.writes.push((Table::Outbox, entry.key(), None));
            let version = entry.applied.unwrap_or(0);
            self.writes.push((Table::Retained, retained_key(version, &entry.mutation), Some(entry.to_value())));
            self.retained.push_back((version, entry.mutation));
        }
    }

    /// What survives the server's loss, and what is too much (the newest stay), need not be kept.
    pub(super) fn forget_stable(&mut self, stable: u64, most: usize) {
        let excess = self.retained.len() - self.fitting(most);
        let mut index = 0;
        let (go, keep): (VecDeque<_>, VecDeque<_>) =
            std::mem::take(&mut self.retained).into_iter().partition(|(version, _)| {
                index += 1;
                index <= excess || *version <= stable
            });
        self.retained = keep;
        for (version, mutation) in go {
            self.writes.push((Table::Retained, retained_key(version, &mutation), None));
        }
    }

    /// How many of the newest retained mutations fit.
    fn fitting(&self, most: usize) -> usize {
        let mut bytes = 0;
        let newest = self.retained.iter().rev().take(most).take_while(|(_, mutation)| {
            bytes += mutation.bytes();
            bytes <= RETAINED_BYTES
        });
        newest.count()
    }

    /// A new name for the replica, under which these mutations are chained anew.
    pub(super) fn rename(&mut self, rng: &dyn Rng, entries: Vec<Entry>) -> Result<()> {
        for entry in &self.outbox {
            self.writes.push((Table::Outbox, entry.key(), None));
        }
        self.outbox.clear();
        self.meta.replica = fresh_name(rng);
        (self.meta.seq, self.meta.hash, self.meta.included) = (0, 0, 0);
        for entry in entries {
            let old = entry.mutation;
            let (seq, prev) = (self.meta.seq + 1, self.meta.hash);
            let mutation = Mutation::new(seq, prev, &old.id, old.schema, old.base, old.ops.clone())?;
            (self.meta.seq, self.meta.hash) = (seq, mutation.hash());
            let entry = Entry { mutation: Rc::new(mutation), applied: None, recovered: entry.recovered };
            // The removal of an old entry under the same key comes before: later writes of a commit win.
            self.writes.push((Table::Outbox, seq_key(seq), Some(entry.to_value())));
            self.outbox.push_back(entry);
        }
        Ok(())
    }

    /// After a snapshot: what did not come again is gone.
    pub(super) fn sweep(&mut self, store: &dyn ClientStore, touched: &mut Touched) -> Result<()> {
        let generation = self.meta.generation;
        let fresh: std::collections::BTreeSet<Box<str>> =
            self.writes.iter().filter(|(table, ..)| *table == Table::Base).map(|(_, key, _)| key.clone()).collect();
        let writes = &mut self.writes;
        store.scan(Table::Base, &mut |key, value| {
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
            (seq, Rc::new(Mutation::new(seq, 0, "m", 0, 0, vec![op]).unwrap()))
        };
        let kept = |sizes: &[usize], stable: u64, most: usize| -> Vec<u64> {
            let retained = (1..).zip(sizes).map(|(seq, bytes)| mutation(seq, *bytes)).collect();
            let meta = Meta::new(&SeededRng::new(1));
            let mut draft = Draft { meta, outbox: VecDeque::new(), retained, writes: Vec::new() };
            draft.forget_stable(stable, most);
            assert_eq!(draft.writes.len(), sizes.len() - draft.retained.len());
            draft.retained.iter().map(|(version, _)| *version).collect()
        };
        assert_eq!(kept(&[10; 5], 0, 10), [1, 2, 3, 4, 5]);
        assert_eq!(kept(&[10; 5], 2, 10), [3, 4, 5]);
        assert_eq!(kept(&[10; 5], 0, 2), [4, 5]);
        assert_eq!(kept(&[300_000; 10], 0, 100), [5, 6, 7, 8, 9, 10]);
        assert_eq!(kept(&[10, 1_000_000, 10, 1_000_000, 10, 100_000], 0, 100), [3, 4, 5, 6]);
        assert_eq!(kept(&[10, 2_097_000], 0, 100), [2]);
    }
}
