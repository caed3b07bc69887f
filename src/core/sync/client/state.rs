//! What a client remembers, and how it changes its own documents.
//!
//! Everything durable is in the store before anybody hears of it; what is here in memory follows from it alone.

use std::collections::BTreeSet;
use std::rc::Rc;
use std::sync::Arc;

use super::super::limits::MUTATIONS_MAX;
use super::super::message::{PullRequest, PushRequest, Subscription};
use super::super::mutation::Mutation;
use super::super::op::Op;
use super::held::Held;
use super::pace::Pace;
use super::rebase::Overlay;
use super::records::{fresh_name, Base, Entry, Meta, IN_BASE};
use super::store::{key_of, ClientStore, Table, Write};
use crate::base::{Error, Result, Rng};
use crate::collections::Value;

/// Documents whose view may have changed: collection and id.
pub type Touched = BTreeSet<(Box<str>, Box<str>)>;

/// What the application decides.
#[derive(Clone, Debug)]
pub struct Config {
    /// What to pull.
    pub subscriptions: Vec<Subscription>,
    /// The version of the application's schema.
    pub schema: u64,
    /// The most documents of a page.
    pub page: usize,
    /// The most mutations of a push.
    pub batch: usize,
    /// The most mutations kept for a server that loses its past.
    pub retained: usize,
}

/// A client: what its store holds, in memory as far as it is small.
#[derive(Clone, Debug)]
pub struct Client {
    pub(super) config: Config,
    pub(super) meta: Meta,
    pub(super) held: Rc<Held>,
    /// Documents that pending mutations change, as the view shows them.
    pub(super) overlay: Rc<Overlay>,
}

impl Client {
    /// Opens what the store holds; an empty one becomes a new replica.
    ///
    /// # Errors
    /// What the store answers; `Corrupt` if it holds something else.
    pub fn open(store: &mut dyn ClientStore, config: Config, rng: &dyn Rng) -> Result<Self> {
        let meta = match store.get(Table::Meta, "")? {
            Some(value) => Meta::parse(value).map_err(corrupt)?,
            None => {
                let meta = Meta::new(rng);
                store.commit(vec![(Table::Meta, "".into(), Some(meta.to_value()))])?;
                meta
            }
        };
        let held = Rc::new(Held::load(store, &meta)?);
        let mut client = Self { config, meta, held, overlay: Rc::default() };
        client.overlay = Rc::new(client.rebased(store)?);
        Ok(client)
    }

    /// The replica's name.
    pub fn replica(&self) -> &str {
        &self.meta.replica
    }

    /// How many mutations the server has not answered.
    pub fn pending(&self) -> usize {
        self.held.outbox.iter().filter(|entry| entry.applied.is_none()).count()
    }

    /// Whether everything was answered and has come back.
    pub fn is_settled(&self) -> bool {
        self.held.outbox.is_empty()
    }

    /// The server's version that the base is, if it is exactly one.
    pub fn version(&self) -> Option<u64> {
        self.meta.whole.then_some(self.meta.version)
    }

    /// The server's epoch, once it has answered.
    pub fn epoch(&self) -> Option<&str> {
        self.meta.epoch.as_deref()
    }

    /// The mutations that the view shows on top of the base, in order.
    pub fn shown(&self) -> impl Iterator<Item = &Mutation> {
        let included = self.meta.included;
        let shows = move |entry: &&Entry| entry.mutation.seq > included && entry.recovered != Some(IN_BASE);
        self.held.outbox.iter().filter(shows).map(|entry| &*entry.mutation)
    }

    /// The document as the application sees it.
    ///
    /// # Errors
    /// What the store answers.
    pub fn view(&self, store: &dyn ClientStore, collection: &str, id: &str) -> Result<Option<Value>> {
        match self.overlay.get(&(collection.into(), id.into())) {
            Some(document) => Ok(document.as_deref().cloned()),
            None => Ok(base(store, collection, id)?.map(|base| base.document)),
        }
    }

    /// Documents that pending mutations change, as the view shows them.
    pub fn overlay(&self) -> impl Iterator<Item = (&(Box<str>, Box<str>), Option<&Value>)> {
        self.overlay.iter().map(|(key, document)| (&**key, document.as_deref()))
    }

    /// What the view shows of a document that pending mutations change.
    pub fn pending_view(&self, key: &(Box<str>, Box<str>)) -> Option<Option<&Value>> {
        self.overlay.get(key).map(Option::as_deref)
    }

    /// Does `ops` atomically: in the view at once, at the server when it can be. `also` is written in the same commit.
    ///
    /// # Errors
    /// `Conflict` if the ops cannot be done on the view, with the refusal's code as the message's beginning; what the
    /// store answers. Nothing has changed then.
    pub fn mutate(
        &mut self,
        store: &mut dyn ClientStore,
        rng: &dyn Rng,
        ops: Vec<Op>,
        also: Vec<Write>,
    ) -> Result<Touched> {
        let mutation = self.next(&fresh_name(rng), ops)?;
        let entry = Entry { mutation: Arc::new(mutation), applied: None, recovered: None };
        let done = self.show(store, &self.overlay, &entry)?;
        let changed = done.map_err(|refusal| Error::conflict(format!("{}: {}", refusal.code, refusal.reason)))?;
        let mut touched = Touched::new();
        touched.extend(entry.mutation.ops.iter().map(|op| (op.collection.clone(), op.id.clone())));
        let mut meta = self.meta.clone();
        (meta.seq, meta.hash) = (entry.mutation.seq, entry.mutation.hash());
        let mut writes = also;
        writes.push((Table::Meta, "".into(), Some(meta.to_value())));
        writes.push((Table::Outbox, entry.key(), Some(entry.to_value())));
        store.commit(writes)?;
        self.meta = meta;
        Rc::make_mut(&mut self.overlay).extend(changed);
        Rc::make_mut(&mut self.held).outbox.push_back(entry);
        Ok(touched)
    }

    /// The mutation that comes next in this replica.
    pub(super) fn next(&self, id: &str, ops: Vec<Op>) -> Result<Mutation> {
        Mutation::new(self.meta.seq + 1, self.meta.hash, id, self.config.schema, self.meta.version, ops)
    }

    /// What to push, if anything.
    pub fn push_request(&self) -> Option<PushRequest> {
        self.push_within(&Pace::FULL)
    }

    /// What to push, in a request of at most so much, but of one mutation.
    pub(super) fn push_within(&self, pace: &Pace) -> Option<PushRequest> {
        let mut bytes = 0;
        let waiting = self.held.outbox.iter().skip_while(|entry| entry.applied.is_some()).map(|entry| &entry.mutation);
        let fitting = waiting.take(self.config.batch.clamp(1, MUTATIONS_MAX).min(pace.count)).take_while(|mutation| {
            let first = bytes == 0;
            bytes += mutation.bytes();
            first || bytes <= pace.bytes
        });
        let mutations: Vec<Arc<Mutation>> = fitting.cloned().collect();
        let (replica, epoch) = (self.meta.replica.clone(), self.meta.epoch.clone());
        (!mutations.is_empty()).then_some(PushRequest { replica, epoch, mutations })
    }

    /// What to pull.
    pub fn pull_request(&self) -> PullRequest {
        self.pull_within(&Pace::FULL)
    }

    /// What to pull, in pages of at most so much.
    pub(super) fn pull_within(&self, pace: &Pace) -> PullRequest {
        PullRequest {
            replica: self.meta.replica.clone(),
            cursor: self.meta.cursor.clone(),
            subscriptions: self.config.subscriptions.clone(),
            limit: self.config.page.min(pace.count),
        }
    }
}

/// The document as last pulled.
pub(super) fn base(store: &dyn ClientStore, collection: &str, id: &str) -> Result<Option<Base>> {
    let value = store.get(Table::Base, &key_of(collection, id))?;
    value.map(|value| Base::parse(value).map_err(corrupt)).transpose()
}

/// An error about what the store holds.
pub(super) fn corrupt(error: Error) -> Error {
    Error::corrupt(format!("the sync store holds something else: {}", error.message()))
}
