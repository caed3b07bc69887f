//! What answers do to a client. Each is one commit, so a crash between two is a crash between two answers.
//!
//! An answer may come late, twice, or not at all. One that does not fit where the client stands changes nothing.

use std::rc::Rc;

use super::super::message::{Outcome, Page, PullAnswer, PullRequest, PushAnswer, PushRequest};
use super::draft::Draft;
use super::held::Held;
use super::records::{Base, Entry, IN_BASE};
use super::state::{Client, Touched};
use super::store::{key_of, ClientStore, Table};
use crate::base::planted::{planted, Bug};
use crate::base::{FastSet, Result, Rng};

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
                let refused = results.iter().filter(|handled| matches!(handled.outcome, Outcome::Rejected(_)));
                let refused: FastSet<u64> = refused.map(|handled| handled.seq).collect();
                next.settle(results);
                next.drop_included();
                // What the server says of the others changes nothing that is shown.
                let touched = match refused.is_empty() {
                    true => Touched::new(),
                    false => self.documents_of(|entry| refused.contains(&entry.mutation.seq)),
                };
                self.install(store, next, touched)
            }
            PushAnswer::Forked | PushAnswer::Gap(_) => self.fork(store, rng),
            PushAnswer::Epoch(epoch) if self.meta.epoch.as_ref() == Some(&epoch) => Ok(Touched::new()),
            PushAnswer::Epoch(epoch) => self.recover(store, rng, epoch),
            PushAnswer::Auth if planted(Bug::SyncDropOnAuth) => self.drop_sent(store, request),
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
        let outbox = &self.held.outbox;
        let at = outbox.binary_search_by(|entry| entry.mutation.seq.cmp(&seq));
        let pending = at.ok().and_then(|at| outbox.get(at));
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
        let span = self.meta.included + 1..=next.meta.included;
        touched.extend(self.documents_of(|entry| span.contains(&entry.mutation.seq)));
        next.drop_included();
        next.forget_stable(page.stable, self.config.retained);
        self.install(store, next, touched)
    }

    /// Pulls everything anew, as if the cursor had been refused: what was pulled is not all there any more. The outbox stays.
    ///
    /// # Errors
    /// What the store answers; the client is as before then.
    pub fn restart(&mut self, store: &mut dyn ClientStore) -> Result<()> {
        let mut next = self.draft();
        next.meta.cursor = None;
        next.meta.whole = false;
        self.store(store, next)
    }

    /// This replica lives on elsewhere: a new name, and what was not answered is sent again under it. The mutations keep
    /// their own names, so what did arrive is not done twice.
    fn fork(&mut self, store: &mut dyn ClientStore, rng: &dyn Rng) -> Result<Touched> {
        let unanswered = self.held.outbox.iter().cloned().collect();
        self.under_new_name(store, rng, unanswered)
    }

    pub(super) fn under_new_name(
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
        self.store(store, next)?;
        self.refresh_all(store)
    }

    /// The server was restored: it gets back what this client holds, in order, and then everything is pulled anew.
    fn recover(&mut self, store: &mut dyn ClientStore, rng: &dyn Rng, epoch: Box<str>) -> Result<Touched> {
        let mut next = self.draft();
        let generation = self.meta.generation + 1;
        let mut held: Vec<Entry> = Vec::new();
        for kept in &self.held.retained {
            held.push(Entry { mutation: kept.mutation.clone(), applied: None, recovered: Some(generation) });
        }
        for entry in &self.held.outbox {
            let in_base = entry.mutation.seq <= self.meta.included || entry.recovered == Some(IN_BASE);
            let recovered = if in_base { Some(generation) } else { entry.recovered };
            held.push(Entry { applied: None, recovered, ..entry.clone() });
        }
        next.rename(rng, held)?;
        next.meta.epoch = Some(epoch);
        next.meta.cursor = None;
        next.meta.whole = false;
        for kept in std::mem::take(&mut next.held.retained) {
            let (table, row) = kept.row();
            next.writes.push((table, row, None));
        }
        self.store(store, next)?;
        self.refresh_all(store)
    }

    /// The planted fault: what was sent is gone.
    fn drop_sent(&mut self, store: &mut dyn ClientStore, request: &PushRequest) -> Result<Touched> {
        let sent = |entry: &Entry| request.mutations.iter().any(|sent| sent.seq == entry.mutation.seq);
        let (mut next, touched) = (self.draft(), self.documents_of(sent));
        next.held.outbox.retain(|entry| !sent(entry));
        next.writes.extend(
            self.held.outbox.iter().filter(|entry| sent(entry)).map(|entry| (Table::Outbox, entry.key(), None)),
        );
        self.install(store, next, touched)
    }

    /// The documents that some entries of the outbox change.
    fn documents_of(&self, which: impl Fn(&Entry) -> bool) -> Touched {
        let ops = self.held.outbox.iter().filter(|entry| which(entry)).flat_map(|entry| &entry.mutation.ops);
        let mut touched = Touched::new();
        touched.extend(ops.map(|op| (op.collection.clone(), op.id.clone())));
        touched
    }

    fn draft(&self) -> Draft {
        Draft { meta: self.meta.clone(), held: Held::clone(&self.held), writes: Vec::new() }
    }

    /// Writes the draft, takes it over, and computes the view of the documents anew.
    fn install(&mut self, store: &mut dyn ClientStore, next: Draft, touched: Touched) -> Result<Touched> {
        self.store(store, next)?;
        self.refresh(store, touched)
    }

    fn store(&mut self, store: &mut dyn ClientStore, mut next: Draft) -> Result<()> {
        next.close();
        if next.meta != self.meta {
            next.writes.push((Table::Meta, "".into(), Some(next.meta.to_value())));
        }
        store.commit(next.writes)?;
        (self.meta, self.held) = (next.meta, Rc::new(next.held));
        Ok(())
    }
}
