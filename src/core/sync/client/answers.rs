//! What answers do to a client. Each is one commit, so a crash between two is a crash between two answers.
//!
//! An answer may come late, twice, or not at all. One that does not fit where the client stands changes nothing.

use std::collections::VecDeque;

use super::super::message::{Outcome, Page, PullAnswer, PullRequest, PushAnswer, PushRequest};
use super::super::mutation::Mutation;
use super::super::op::Op;
use super::letters::DeadLetter;
use super::state::{fresh_name, seq_key, Base, Client, Entry, Meta, Touched, IN_BASE};
use super::store::{key_of, ClientStore, Table, Write};
use crate::base::planted::{planted, Bug};
use crate::base::{Result, Rng};

impl Client {
    /// Takes the answer to a push that [`Client::push_request`] made.
    ///
    /// # Errors
    /// What the store answers; the client is as before then.
    pub fn on_push(
        &mut self,
        store: &mut dyn ClientStore,
        rng: &dyn Rng,
        request: &PushRequest,
        answer: PushAnswer,
    ) -> Result<Touched> {
        if request.replica != self.meta.replica {
            return Ok(Touched::new());
        }
        match answer {
            PushAnswer::Results { epoch, results, .. } => {
                if self.is_foreign(&epoch) {
                    return self.recover(store, rng, epoch);
                }
                let mut next = self.draft();
                next.meta.epoch = Some(epoch);
                for handled in results {
                    next.settle_one(handled.seq, handled.outcome);
                }
                self.install(store, next, Touched::new())
            }
            PushAnswer::Forked | PushAnswer::Gap(_) => self.fork(store, rng),
            PushAnswer::Epoch(epoch) if self.meta.epoch.as_ref() == Some(&epoch) => Ok(Touched::new()),
            PushAnswer::Epoch(epoch) => self.recover(store, rng, epoch),
            PushAnswer::Retry(_) | PushAnswer::Auth | PushAnswer::Upgrade => Ok(Touched::new()),
        }
    }

    /// Takes the answer to a pull that [`Client::pull_request`] made.
    ///
    /// # Errors
    /// What the store answers; the client is as before then.
    pub fn on_pull(
        &mut self,
        store: &mut dyn ClientStore,
        rng: &dyn Rng,
        request: &PullRequest,
        answer: PullAnswer,
    ) -> Result<Touched> {
        let PullAnswer::Page(page) = answer else { return Ok(Touched::new()) };
        if request.replica != self.meta.replica || request.cursor != self.meta.cursor {
            return Ok(Touched::new());
        }
        if self.is_foreign(&page.epoch) {
            return self.recover(store, rng, page.epoch);
        }
        if !self.knows(page.seq, page.hash) {
            return self.fork(store, rng);
        }
        self.take_page(store, page)
    }

    /// Whether the server is in another epoch than the one whose state this client has.
    fn is_foreign(&self, epoch: &str) -> bool {
        self.meta.epoch.as_deref().is_some_and(|known| known != epoch) && !planted(Bug::SyncSkipEpoch)
    }

    /// Whether the server's last mutation of this replica is one that this client made.
    fn knows(&self, seq: u64, hash: u64) -> bool {
        if seq > self.meta.seq || planted(Bug::SyncSkipHash) {
            return seq <= self.meta.seq;
        }
        let pending = self.outbox.iter().find(|entry| entry.mutation.seq == seq);
        let last = seq != self.meta.seq || hash == self.meta.hash;
        // What has left the outbox was answered under this very name.
        last && pending.is_none_or(|entry| entry.mutation.hash() == hash)
    }

    fn take_page(&mut self, store: &mut dyn ClientStore, page: Page) -> Result<Touched> {
        let mut next = self.draft();
        let mut touched = Touched::new();
        next.meta.generation += u64::from(page.reset);
        for change in page.changes {
            let key = key_of(&change.collection, &change.id);
            let (version, generation) = (change.version, next.meta.generation);
            let base = change.document.map(|document| Base { version, generation, document }.to_value());
            next.writes.push((Table::Base, key, base));
            touched.insert((change.collection, change.id));
        }
        next.meta.snapshot |= page.reset;
        if next.meta.snapshot && !page.more {
            next.meta.snapshot = false;
            next.sweep(store, &mut touched)?;
        }
        next.meta.epoch = Some(page.epoch);
        next.meta.cursor = Some(page.cursor);
        if !page.more {
            next.meta.version = page.version;
        }
        next.meta.whole = !page.more;
        next.meta.included = next.meta.included.max(page.seq);
        next.drop_included();
        next.forget_stable(page.stable, self.config.retained);
        self.install(store, next, touched)
    }

    /// This replica lives on elsewhere: a new name, and what was not answered is sent again under it. The mutations keep
    /// their own names, so what did arrive is not done twice.
    fn fork(&mut self, store: &mut dyn ClientStore, rng: &dyn Rng) -> Result<Touched> {
        let unanswered = self.outbox.iter().cloned().collect();
        self.under_new_name(store, rng, unanswered)
    }

    fn under_new_name(
        &mut self,
        store: &mut dyn ClientStore,
        rng: &dyn Rng,
        mut entries: Vec<Entry>,
    ) -> Result<Touched> {
        let mut next = self.draft();
        for entry in &mut entries {
            if entry.mutation.seq <= self.meta.included {
                // The view must not show it twice until the server has said so under the new name.
                entry.recovered = Some(IN_BASE);
            }
        }
        next.rename(rng, entries)?;
        self.install(store, next, Touched::new())
    }

    /// The server was restored: it gets back what this client holds, in order, and then everything is pulled anew.
    fn recover(&mut self, store: &mut dyn ClientStore, rng: &dyn Rng, epoch: Box<str>) -> Result<Touched> {
        let mut next = self.draft();
        let generation = self.meta.generation + 1;
        let mut held: Vec<Entry> = Vec::new();
        for (_, mutation) in &self.retained {
            held.push(Entry { mutation: mutation.clone(), applied: None, recovered: Some(generation) });
        }
        for entry in &self.outbox {
            let in_base = entry.mutation.seq <= self.meta.included || entry.recovered == Some(IN_BASE);
            let recovered = if in_base { Some(generation) } else { entry.recovered };
            held.push(Entry { applied: None, recovered, ..entry.clone() });
        }
        next.rename(rng, held)?;
        next.meta.epoch = Some(epoch);
        next.meta.cursor = None;
        next.meta.whole = false;
        for (version, mutation) in std::mem::take(&mut next.retained) {
            next.writes.push((Table::Retained, retained_key(version, &mutation), None));
        }
        self.install(store, next, Touched::new())
    }

    /// Brings what was not answered, and what is retained, to the schema of this client, under a new name for the replica: `upcast` answers the
    /// ops of a mutation in the new schema, or `None` to leave them. For a server that has answered `upgrade`.
    ///
    /// # Errors
    /// `Invalid` if the new ops are too large; what the store answers.
    pub fn migrate(
        &mut self,
        store: &mut dyn ClientStore,
        rng: &dyn Rng,
        upcast: &mut dyn FnMut(&Mutation) -> Option<Vec<Op>>,
    ) -> Result<Touched> {
        let schema = self.config.schema;
        let is_old = |mutation: &Mutation| mutation.schema < schema;
        let mut raised = |old: &Mutation| {
            let ops = upcast(old).unwrap_or_else(|| old.ops.clone());
            Mutation::new(old.seq, old.prev, &old.id, schema, old.base, ops)
        };
        // What is only retained is in no chain any more: it is rewritten where it stands.
        let (mut retained, mut writes) = (self.retained.clone(), Vec::new());
        for (version, mutation) in retained.iter_mut().filter(|(_, mutation)| is_old(mutation)) {
            *mutation = raised(mutation)?;
            let entry = Entry { mutation: mutation.clone(), applied: Some(*version), recovered: None };
            writes.push((Table::Retained, retained_key(*version, mutation), Some(entry.to_value())));
        }
        if !writes.is_empty() {
            store.commit(writes)?;
            self.retained = retained;
        }
        if !self.outbox.iter().any(|entry| is_old(&entry.mutation)) {
            return Ok(Touched::new());
        }
        let mut entries: Vec<Entry> = self.outbox.iter().cloned().collect();
        for entry in entries.iter_mut().filter(|entry| is_old(&entry.mutation)) {
            entry.mutation = raised(&entry.mutation)?;
        }
        self.under_new_name(store, rng, entries)
    }

    fn draft(&self) -> Draft {
        Draft {
            meta: self.meta.clone(),
            outbox: self.outbox.clone(),
            retained: self.retained.clone(),
            writes: Vec::new(),
        }
    }

    /// Writes the draft and takes it over.
    fn install(&mut self, store: &mut dyn ClientStore, mut next: Draft, touched: Touched) -> Result<Touched> {
        if next.meta != self.meta {
            next.writes.push((Table::Meta, "".into(), Some(next.meta.to_value())));
        }
        store.commit(next.writes)?;
        (self.meta, self.outbox, self.retained) = (next.meta, next.outbox, next.retained);
        self.refresh(store, touched)
    }
}

/// Retained mutations are kept in the order in which they took effect; numbers start over with every name of the replica.
fn retained_key(version: u64, mutation: &Mutation) -> Box<str> {
    format!("{version:016x}{:016x}{}", mutation.seq, mutation.id).into()
}

/// The client's next state, and what must be written for it.
struct Draft {
    meta: Meta,
    outbox: VecDeque<Entry>,
    retained: VecDeque<(u64, Mutation)>,
    writes: Vec<Write>,
}

impl Draft {
    /// Takes the outcome of one mutation.
    fn settle_one(&mut self, seq: u64, outcome: Outcome) {
        let Some(at) = self.outbox.iter().position(|entry| entry.mutation.seq == seq) else { return };
        match outcome {
            Outcome::Applied(version) | Outcome::Duplicate(version) => {
                let entry = &mut self.outbox[at];
                entry.applied = Some(version);
                self.writes.push((Table::Outbox, entry.key(), Some(entry.to_value())));
                self.drop_included();
            }
            Outcome::Rejected(refusal) => {
                let Some(entry) = self.outbox.remove(at) else { return };
                self.writes.push((Table::Outbox, entry.key(), None));
                if !planted(Bug::SyncLoseRejected) {
                    let letter = DeadLetter { mutation: entry.mutation, refusal };
                    self.writes.push((Table::Dead, letter.mutation.id.clone(), Some(letter.to_value())));
                }
            }
            Outcome::Retry(_) | Outcome::Upgrade => {}
        }
    }

    /// What was answered and is in the base leaves the outbox, and is retained.
    fn drop_included(&mut self) {
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

    /// What survives the server's loss, and what is too much, need not be kept.
    fn forget_stable(&mut self, stable: u64, most: usize) {
        let excess = self.retained.len().saturating_sub(most);
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

    /// A new name for the replica, under which these mutations are chained anew.
    fn rename(&mut self, rng: &dyn Rng, entries: Vec<Entry>) -> Result<()> {
        for entry in &self.outbox {
            self.writes.push((Table::Outbox, entry.key(), None));
        }
        self.outbox.clear();
        self.meta.replica = fresh_name(rng);
        (self.meta.seq, self.meta.hash, self.meta.included) = (0, 0, 0);
        for entry in entries {
            let old = entry.mutation;
            let (seq, prev) = (self.meta.seq + 1, self.meta.hash);
            let mutation = Mutation::new(seq, prev, &old.id, old.schema, old.base, old.ops)?;
            (self.meta.seq, self.meta.hash) = (seq, mutation.hash());
            let entry = Entry { mutation, applied: None, recovered: entry.recovered };
            // The removal of an old entry under the same key comes before: later writes of a commit win.
            self.writes.push((Table::Outbox, seq_key(seq), Some(entry.to_value())));
            self.outbox.push_back(entry);
        }
        Ok(())
    }

    /// After a snapshot: what did not come again is gone.
    fn sweep(&mut self, store: &dyn ClientStore, touched: &mut Touched) -> Result<()> {
        let generation = self.meta.generation;
        let fresh: std::collections::BTreeSet<Box<str>> =
            self.writes.iter().filter(|(table, ..)| *table == Table::Base).map(|(_, key, _)| key.clone()).collect();
        let writes = &mut self.writes;
        store.scan(Table::Base, &mut |key, value| {
            let old = Base::parse(value).map_err(super::state::corrupt)?.generation < generation;
            if old && !fresh.contains(key) {
                writes.push((Table::Base, key.into(), None));
                touched.extend(key.split_once('\0').map(|(collection, id)| (collection.into(), id.into())));
            }
            Ok(true)
        })
    }
}
