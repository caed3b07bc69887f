//! What a client writes of its mutations: each of them once. And what it makes of profiles from before that was so.

use tidewell_core::base::SeededRng;
use tidewell_core::collections::json;
use tidewell_core::sync::client::memory::MemoryClient;
use tidewell_core::sync::client::{pending_after, standing, Config, Table};
use tidewell_core::sync::server::memory::MemoryTenant;
use tidewell_core::sync::{pull, push, Action, Caller, Client, Op, Policy, PullAnswer, PushAnswer, Subscription};

use super::before::{as_before, number, rows};
use super::value;

/// A client and its server.
struct Pair {
    rng: SeededRng,
    store: MemoryClient,
    client: Client,
    tenant: MemoryTenant,
}

fn config() -> Config {
    let subscription = Subscription { collection: "notes".into(), filter: value("{}") };
    Config { subscriptions: vec![subscription], schema: 1, page: 2, batch: 2, retained: 3 }
}

fn caller() -> Caller {
    Caller { user: "u".into(), claims: value("{}") }
}

impl Pair {
    fn new() -> Self {
        let (rng, mut store) = (SeededRng::new(5), MemoryClient::default());
        let client = Client::open(&mut store, config(), &rng).unwrap();
        Self { rng, store, client, tenant: MemoryTenant::new("e") }
    }

    fn make(&mut self, ids: &[&str]) {
        for id in ids {
            let op = Op::new("notes", id, Action::Put(value(&format!(r#"{{"id":"{id}"}}"#))));
            self.client.mutate(&mut self.store, &self.rng, vec![op], Vec::new()).unwrap();
        }
    }

    fn push(&mut self) -> PushAnswer {
        let request = self.client.push_request().unwrap();
        let answer = push(&mut self.tenant, &Policy::open(), &caller(), &request).unwrap();
        self.client.on_push(&mut self.store, &self.rng, &request, answer.clone()).unwrap();
        answer
    }

    fn pull(&mut self) -> PullAnswer {
        let request = self.client.pull_request();
        let answer = pull(&self.tenant, &Policy::open(), &caller(), &request).unwrap();
        self.client.on_pull(&mut self.store, &self.rng, &request, answer.clone()).unwrap();
        answer
    }

    fn pull_all(&mut self) {
        while matches!(self.pull(), PullAnswer::Page(page) if page.more) {}
    }

    /// The documents that a restored server gets back, in order.
    fn given_back(&mut self) -> Vec<String> {
        self.tenant = MemoryTenant::new("another");
        self.push_or_pull();
        let mut given = Vec::new();
        while let Some(request) = self.client.push_request() {
            given.extend(request.mutations.iter().map(|mutation| mutation.ops[0].id.to_string()));
            self.push();
        }
        given
    }

    fn push_or_pull(&mut self) {
        match self.client.push_request() {
            Some(_) => drop(self.push()),
            None => drop(self.pull()),
        }
    }

    fn reopened(&self, mut store: MemoryClient) -> Self {
        let rng = SeededRng::new(6);
        let client = Client::open(&mut store, config(), &rng).unwrap();
        Self { rng, store, client, tenant: self.tenant.clone() }
    }
}

fn texts(store: &MemoryClient, table: Table) -> Vec<String> {
    let text = |value| String::from_utf8(json::to_json(&value)).unwrap();
    rows(store, table).into_iter().map(|(key, value)| format!("{key} {}", text(value))).collect()
}

#[test]
fn a_mutation_is_written_once_and_an_answer_beside_it() {
    let mut pair = Pair::new();
    pair.make(&["a", "b", "c", "d", "e"]);
    let written = texts(&pair.store, Table::Outbox);
    pair.push();
    pair.push();
    assert_eq!(texts(&pair.store, Table::Outbox), written);
    assert_eq!(rows(&pair.store, Table::Answered).len(), 2, "one for each push");
    pair.push();
    pair.pull_all();
    assert!(pair.client.is_settled());
    // The newest three are kept, where they were.
    assert_eq!(texts(&pair.store, Table::Outbox), written[2..]);
    assert_eq!(texts(&pair.store, Table::Retained), [""; 0]);
    assert_eq!(rows(&pair.store, Table::Answered).len(), 2);
    assert_eq!(standing(&pair.store, 0).unwrap().map(|standing| standing.settled), Some(true));
    assert!(pending_after(&pair.store, 0, 10).unwrap().is_empty());
    pair.make(&["f"]);
    let found = pending_after(&pair.store, 0, 10).unwrap();
    assert_eq!(found.iter().map(|(mutation, answered)| (mutation.seq, *answered)).collect::<Vec<_>>(), [(6, false)]);
    assert_eq!(pair.given_back(), ["c", "d", "e", "f"]);
}

#[test]
fn scans_begin_where_the_outbox_begins_and_not_at_what_was_deleted() {
    let mut pair = Pair::new();
    let first = |pair: &Pair| number(&rows(&pair.store, Table::Meta)[0].1, "first");
    pair.make(&["a", "b", "c", "d", "e"]);
    for _ in 0..3 {
        pair.push();
    }
    assert_eq!(first(&pair), 1);
    pair.pull_all();
    assert_eq!(first(&pair), 3, "three are kept");
    // A backup holds everything: nothing has to be kept.
    pair.tenant.set_stable(3);
    pair.pull_all();
    assert_eq!((first(&pair), rows(&pair.store, Table::Outbox).len()), (6, 0));
    assert_eq!(rows(&pair.store, Table::Answered).len(), 0);
    pair.make(&["f"]);
    assert_eq!(pair.reopened(pair.store.clone()).client.pending(), 1);
}

#[test]
fn what_is_kept_makes_room_for_a_new_name_and_is_not_lost_by_it() {
    let mut pair = Pair::new();
    pair.make(&["a", "b", "c"]);
    pair.push();
    pair.push();
    pair.pull_all();
    // A clone of the profile uses the next number: the replica must take another name.
    let mut clone = pair.reopened(pair.store.clone());
    pair.make(&["d"]);
    clone.make(&["x"]);
    clone.push();
    pair.tenant = clone.tenant.clone();
    assert_eq!(pair.push(), PushAnswer::Forked);
    assert_eq!(rows(&pair.store, Table::Retained).len(), 3);
    assert_eq!(rows(&pair.store, Table::Answered).len(), 0);
    let mut again = pair.reopened(pair.store.clone());
    assert_eq!(again.given_back(), ["a", "b", "c", "d"]);
    assert_eq!(pair.given_back(), ["a", "b", "c", "d"]);
}

#[test]
fn a_profile_from_before_goes_on_where_it_was() {
    // Some of it kept, some answered, some not.
    let mut pair = Pair::new();
    pair.make(&["a", "b", "c"]);
    pair.push();
    pair.push();
    pair.pull_all();
    pair.make(&["d", "e", "f", "g"]);
    pair.push();
    let before = as_before(&pair.store);
    assert_eq!((rows(&before, Table::Retained).len(), rows(&before, Table::Answered).len()), (3, 0));
    let mut old = pair.reopened(before);
    assert_eq!((old.client.pending(), pair.client.pending()), (2, 2));
    let requests = |pair: &Pair| pair.client.push_request().map(|request| request.to_json());
    assert_eq!(requests(&old), requests(&pair));
    old.push();
    old.pull_all();
    assert!(old.client.is_settled());
    assert_eq!(old.given_back(), ["e", "f", "g"]);
    assert_eq!(pair.given_back(), ["a", "b", "c", "d", "e", "f", "g"]);
}
