//! A device: a profile on disk, and while it runs, a client with its link.
//!
//! It keeps no secret from the judge: what it shows is compared after every step.

use std::collections::BTreeSet;

use tidewell_core::base::SeededRng;
use tidewell_core::collections::{json, Value};
use tidewell_core::sync::client::link::{Link, Timing};
use tidewell_core::sync::client::memory::MemoryClient;
use tidewell_core::sync::client::{Config, Table};
use tidewell_core::sync::{Client, ClientStore, Mutation, Subscription};

use super::before::as_before;
use super::model::{apply, fields, Scope, State};

pub(crate) const TIMING: Timing = Timing { deadline: 60.0, backoff: 5.0, backoff_max: 40.0, poll: 50.0 };

/// How a device is cut off.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Cut {
    /// Nothing gets through.
    Both,
    /// Requests arrive, answers do not.
    HalfOpen,
}

/// How much gets through.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Width {
    /// What has more bytes does not arrive in time.
    bytes: usize,
    /// A proxy says so of requests at once.
    pub(crate) refuses: bool,
}

impl Width {
    pub(crate) fn holds(self, bytes: usize) -> bool {
        bytes <= self.bytes
    }
}

/// A device.
pub(crate) struct Device {
    pub(crate) store: MemoryClient,
    pub(crate) client: Option<Client>,
    pub(crate) link: Link,
    pub(crate) rng: SeededRng,
    /// Counts the lives of the program, so that answers do not reach the next one.
    pub(crate) life: u64,
    /// How far its clock is off.
    pub(crate) skew: f64,
    pub(crate) cut: Option<Cut>,
    /// Its network, if that is a narrow one.
    pub(crate) width: Option<Width>,
    pub(crate) token_is_good: bool,
    pub(crate) user: usize,
    pub(crate) schema: u64,
    pub(crate) at_least: Option<f64>,
    /// What the server let it see when it last became whole.
    pub(crate) seen: Scope,
    /// An earlier copy of the profile, and the mutations that existed then.
    pub(crate) saved: Option<(MemoryClient, Scope)>,
}

impl Device {
    pub(crate) fn new(rng: SeededRng, user: usize, at_least: Option<f64>) -> Self {
        // One mutation, or one document, always fits.
        let width = rng.one_in(3).then(|| Width { bytes: 800 + rng.index(400), refuses: rng.one_in(2) });
        let mut device = Self {
            store: MemoryClient::default(),
            client: None,
            link: Link::new(TIMING),
            rng,
            life: 0,
            skew: 0.0,
            cut: None,
            width,
            token_is_good: true,
            user,
            schema: 1,
            at_least,
            seen: Scope { teams: Vec::new(), at_least },
            saved: None,
        };
        device.start();
        device
    }

    /// Starts the program on the profile as it is.
    pub(crate) fn start(&mut self) {
        if self.rng.below(8) == 0 {
            // The program before was of a version that wrote it otherwise.
            self.store = as_before(&self.store);
        }
        let filter = self.at_least.map_or("{}".to_owned(), |least| format!("{{\"n\":{{\"$gte\":{least}}}}}"));
        let filter = json::parse(filter.as_bytes()).unwrap();
        let subscriptions = vec![
            Subscription { collection: "open".into(), filter },
            Subscription { collection: "team".into(), filter: Value::Object(Vec::new()) },
        ];
        // More than a narrow network takes.
        let (page, batch) = if self.width.is_some() { (20, 20) } else { (6, 4) };
        let (page, batch) = (1 + self.rng.index(page), 1 + self.rng.index(batch));
        let config = Config { subscriptions, schema: self.schema, page, batch, retained: 10_000 };
        let mut client = Client::open(&mut self.store, config, &self.rng).unwrap();
        client.migrate(&mut self.store, &self.rng, &mut |_| None).unwrap();
        self.client = Some(client);
        self.link = Link::new(TIMING);
        self.life += 1;
    }

    /// The names of the mutations in these tables of the profile.
    pub(crate) fn mutations(&self, tables: &[Table]) -> BTreeSet<String> {
        mutations(&self.store, tables)
    }

    /// Everything the application sees.
    pub(crate) fn view(&self, client: &Client) -> State {
        view(&self.store, client)
    }

    /// Whether the view is the server's state with the pending mutations on top. `state` answers the server's state at
    /// an epoch and a version.
    pub(crate) fn judge<'a>(&self, state: impl Fn(&str, u64) -> Option<&'a State>) -> Result<(), String> {
        let Some(client) = &self.client else { return Ok(()) };
        let Some(version) = client.version() else { return Ok(()) };
        let at = client.epoch().map(|epoch| (epoch, version));
        judge(&self.view(client), at, client.shown(), &self.seen, state)
    }
}

/// The names of the mutations in these tables of a profile.
pub(crate) fn mutations(store: &MemoryClient, tables: &[Table]) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for table in tables {
        let mut show = |_: &str, value: Value| {
            if let Some(Value::String(id)) = value.field("mutation").and_then(|mutation| mutation.field("id")) {
                names.insert(id.to_string());
            }
            Ok(true)
        };
        store.scan(*table, "", &mut show).unwrap();
    }
    names
}

/// Everything the application sees of a profile.
pub(crate) fn view(store: &MemoryClient, client: &Client) -> State {
    let mut view = State::new();
    let mut show = |key: &str, value: Value| {
        let (collection, id) = key.split_once('\0').unwrap();
        view.insert((collection.into(), id.into()), fields(value.field("doc").unwrap()));
        Ok(true)
    };
    store.scan(Table::Base, "", &mut show).unwrap();
    for ((collection, id), document) in client.overlay() {
        let key = (collection.to_string(), id.to_string());
        match document {
            Some(document) => drop(view.insert(key, fields(document))),
            None => drop(view.remove(&key)),
        }
    }
    view
}

/// Whether a view is the server's state at an epoch and version, as far as it was `seen`, with the pending mutations on top.
pub(crate) fn judge<'a, 'b>(
    view: &State,
    at: Option<(&str, u64)>,
    shown: impl Iterator<Item = &'b Mutation>,
    seen: &Scope,
    state: impl Fn(&str, u64) -> Option<&'a State>,
) -> Result<(), String> {
    let mut expected = match at {
        Some((epoch, version)) if version > 0 => match state(epoch, version) {
            Some(state) => seen.of(state),
            None => return Err(format!("the client is at version {version} of {epoch}, which never was")),
        },
        _ => State::new(),
    };
    for mutation in shown {
        // What can no longer be done is not shown.
        let _ = apply(&mut expected, mutation);
    }
    if *view == expected {
        return Ok(());
    }
    Err(format!("at {at:?} the view is\n  {view:?}\nand not\n  {expected:?}"))
}
