//! A state of the small world: what the disks hold, and what is on its way. Nothing else is remembered.
//!
//! Two states are the same if their texts are. A client in memory is no part of it: it follows from its store, which is one
//! of the things that are checked.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Debug};
use std::hash::{Hash, Hasher};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use tidewell_core::base::Rng;
use tidewell_core::sync::client::memory::MemoryClient;
use tidewell_core::sync::server::memory::MemoryTenant;
use tidewell_core::sync::{Mutation, PushAnswer};

use super::super::model;
use super::scenario::Intent;

/// Something with the text that says all of it.
pub(super) struct Kept<T> {
    value: Arc<T>,
    text: Arc<str>,
}

impl<T: Debug> Kept<T> {
    pub(super) fn new(value: T) -> Self {
        Self { text: format!("{value:?}").into(), value: Arc::new(value) }
    }
}

impl<T> Kept<T> {
    pub(super) fn text(&self) -> Arc<str> {
        self.text.clone()
    }
}

impl<T> std::ops::Deref for Kept<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T> Clone for Kept<T> {
    fn clone(&self) -> Self {
        Self { value: self.value.clone(), text: self.text.clone() }
    }
}

impl<T> PartialEq for Kept<T> {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl<T> Hash for Kept<T> {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        self.text.hash(hasher);
    }
}

impl<T> Debug for Kept<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

/// The server, and the model that does what the server says it did.
#[derive(Clone, Debug)]
pub(super) struct Server {
    pub(super) tenant: MemoryTenant,
    pub(super) model: model::Model,
    /// The documents at every version that anybody may have been told of.
    pub(super) history: BTreeMap<(String, u64), model::State>,
}

/// What a device has on its disk, and what follows from it.
#[derive(Clone)]
pub(super) struct Disk {
    pub(super) store: MemoryClient,
    /// The epoch and the version whose documents it has, if they are exactly those of one.
    pub(super) epoch: Option<Box<str>>,
    pub(super) version: Option<u64>,
    /// What its application sees, and the mutations that this shows on top.
    pub(super) view: model::State,
    pub(super) shown: Vec<Mutation>,
    pub(super) settled: bool,
    /// The mutations that are refused, that wait for their first answer, and all that could be sent again.
    pub(super) dead: BTreeSet<String>,
    pub(super) waiting: BTreeSet<String>,
    pub(super) kept: BTreeSet<String>,
    /// What its client would ask.
    pub(super) push: Option<Arc<[u8]>>,
    pub(super) pull: Arc<[u8]>,
}

impl Debug for Disk {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The rest follows from it.
        self.store.fmt(formatter)
    }
}

/// A device: its disk, how far its user has come, and how many random numbers it has used up.
#[derive(Clone, Debug, PartialEq, Hash)]
pub(super) struct Replica {
    pub(super) disk: Kept<Disk>,
    pub(super) step: usize,
    pub(super) drawn: u64,
    /// The mutations that its user made.
    pub(super) made: Vec<String>,
}

/// Something on its way, as bytes.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Message {
    pub(super) replica: usize,
    pub(super) kind: Kind,
    pub(super) request: Arc<[u8]>,
    pub(super) way: Way,
    /// Whether its client waits for nothing else.
    pub(super) awaited: bool,
}

impl Debug for Message {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let Self { replica, kind, request, way, awaited } = self;
        write!(formatter, "{kind:?} of {replica}, awaited {awaited}: {} ", text(request))?;
        match way {
            Way::There => formatter.write_str("on its way"),
            Way::Orphaned => formatter.write_str("of a client that has died"),
            Way::Held(answer) => write!(formatter, "held: {}", text(answer)),
            Way::Back(answer) => write!(formatter, "answered: {}", text(answer)),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Kind {
    Push,
    Pull,
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Way {
    /// To the server.
    There,
    /// To the server, from a client that has died since.
    Orphaned,
    /// At the server, until what it says is durable.
    Held(Arc<[u8]>),
    /// Back to the client.
    Back(Arc<[u8]>),
}

#[derive(Clone, Debug, PartialEq, Hash)]
pub(super) struct State {
    /// The server in memory.
    pub(super) server: Kept<Server>,
    /// What of it would survive a crash.
    pub(super) durable: Kept<Server>,
    pub(super) replicas: [Replica; 2],
    /// Sorted: the network keeps no order.
    pub(super) network: Vec<Message>,
    /// How much may still go wrong.
    pub(super) faults: u8,
    /// The device that has done something which nobody else can have noticed. It goes on until it asks the server: what
    /// others did meanwhile might as well have come before.
    pub(super) turn: Option<usize>,
    /// What a transition found to be wrong.
    pub(super) wrong: Option<String>,
}

/// What a client does in memory, between being started from its disk and dying.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Turn {
    Make(Intent),
    Take(Kind, Arc<[u8]>, Arc<[u8]>),
}

/// What was found out before: what both ends do follows from what is asked here and nothing else.
#[derive(Default)]
pub(super) struct Memo {
    pub(super) turns: Mutex<BTreeMap<TurnOf, Result<(Kept<Disk>, u64), String>>>,
    pub(super) pushes: Mutex<BTreeMap<PushTo, Result<(Kept<Server>, PushAnswer), String>>>,
}

/// Which device, how many random numbers it has used up, its disk, and what its client does.
pub(super) type TurnOf = (usize, u64, Arc<str>, Turn);
/// The server and the request.
pub(super) type PushTo = (Arc<str>, Arc<[u8]>);

/// How often rare things happened. It is no part of a state, so that a longer way to one is not kept apart from a shorter.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) duplicates: AtomicUsize,
    pub(super) rejected: AtomicUsize,
    pub(super) forked: AtomicUsize,
    pub(super) cut: AtomicUsize,
    pub(super) recovered: AtomicUsize,
    pub(super) rests: AtomicUsize,
}

/// Counts one more, if it is so.
pub(super) fn count(counter: &AtomicUsize, happened: bool) {
    counter.fetch_add(usize::from(happened), Ordering::Relaxed);
}

/// Random numbers that are the same on every way to the same state.
pub(super) struct Numbered {
    replica: u64,
    drawn: Cell<u64>,
}

impl Numbered {
    pub(super) fn new(index: usize, drawn: u64) -> Self {
        Self { replica: index as u64 + 1, drawn: Cell::new(drawn) }
    }

    pub(super) fn drawn(&self) -> u64 {
        self.drawn.get()
    }
}

impl Rng for Numbered {
    fn fill(&self, bytes: &mut [u8]) {
        self.drawn.set(self.drawn.get() + 1);
        let number = (self.replica << 32 | self.drawn.get()).to_le_bytes();
        for (at, byte) in bytes.iter_mut().enumerate() {
            *byte = number[at % 8];
        }
    }
}
