//! A server that answers well-formed nonsense, and after it a good one: the client neither panics nor fills up, and what it still holds arrives.
//!
//! What is demanded, and what cannot be. A client believes its server: a mutation that was answered `applied` is not sent again for its own
//! sake, one that was answered `rejected` is a dead letter, and what was said to be stable is not kept. So of each mutation only this
//! holds: it takes effect at the good server at most once; and it did, or it is a dead letter, or some answer had claimed that it took
//! effect. A page claims nothing of what waits: whatever it says, no mutation leaves the queue by it. The nonsense is of other epochs than
//! the good server's; in its own, a lie about its cursor is a state of the server like any other, and nobody can tell.

use std::collections::{BTreeMap, BTreeSet};

use tidewell_core::base::SeededRng;
use tidewell_core::sync::client::link::Request;
use tidewell_core::sync::client::memory::MemoryClient;
use tidewell_core::sync::client::{pending_after, Config, Table};
use tidewell_core::sync::limits::NUMBER_MAX;
use tidewell_core::sync::message::{Handled, Page};
use tidewell_core::sync::server::memory::MemoryTenant;
use tidewell_core::sync::{
    pull, push, Action, Caller, Change, Client, Op, Outcome, Policy, PullAnswer, PushAnswer, Refusal, ServerStore,
    Subscription,
};

use super::before::rows;
use super::device::{mutations, view};
use super::model::{fields, State};
use super::value;
use crate::replay::each_seed;

const STEPS: usize = 150;

struct Scene {
    rng: SeededRng,
    store: MemoryClient,
    client: Client,
    tenant: MemoryTenant,
    /// Requests that were made; answers come to any of them.
    asked: Vec<Request>,
    made: BTreeSet<String>,
    /// What an answer has said of it that it took effect.
    claimed: BTreeSet<String>,
    /// Whether nonsense may say so.
    claims: bool,
    /// How often each took effect at the good server.
    applied: BTreeMap<String, u32>,
    /// Documents that answers brought.
    brought: BTreeSet<(Box<str>, Box<str>)>,
}

fn config() -> Config {
    let subscription = Subscription { collection: "notes".into(), filter: value("{}") };
    Config { subscriptions: vec![subscription], schema: 1, page: 3, batch: 4, retained: 5 }
}

impl Scene {
    fn new(seed: u64) -> Self {
        let (rng, mut store) = (SeededRng::new(seed ^ 0x0bad_5e1f), MemoryClient::default());
        let client = Client::open(&mut store, config(), &rng).unwrap();
        let (asked, made, claimed) = Default::default();
        let claims = seed.is_multiple_of(3);
        let (applied, brought) = Default::default();
        Self { rng, store, client, tenant: MemoryTenant::new("good"), asked, made, claimed, claims, applied, brought }
    }

    fn edit(&mut self) {
        let id = format!("d{}", self.rng.below(6));
        let document = value(&format!(r#"{{"id":"{id}","n":0}}"#));
        let op = match self.rng.below(4) {
            0 => Op::new("notes", &id, Action::Create(document)),
            1 => Op::new("notes", &id, Action::Put(document)),
            2 => Op::new("notes", &id, Action::Remove),
            _ => Op::update("notes", &id, value(r#"{"$inc":{"n":1}}"#)).unwrap(),
        };
        // What cannot be done on the view never becomes a mutation.
        if self.client.mutate(&mut self.store, &self.rng, vec![op], Vec::new()).is_ok() {
            self.made.extend(mutations(&self.store, &[Table::Outbox]));
        }
    }

    fn ask(&mut self) -> Request {
        let push = self.client.push_request().filter(|_| !self.rng.one_in(3));
        let request = push.map_or_else(|| Request::Pull(self.client.pull_request()), Request::Push);
        self.asked.push(request.clone());
        request
    }

    /// A request to the good server, whose answer may be lost.
    fn good(&mut self, request: &Request, arrives: bool) -> Result<(), String> {
        let caller = Caller { user: "u".into(), claims: value("{}") };
        match request {
            Request::Push(request) => {
                let answer = push(&mut self.tenant, &Policy::open(), &caller, request).unwrap();
                if let PushAnswer::Results { results, .. } = &answer {
                    for (mutation, handled) in request.mutations.iter().zip(results) {
                        let times = self.applied.entry(mutation.id.to_string()).or_default();
                        *times += u32::from(matches!(handled.outcome, Outcome::Applied(_)));
                    }
                }
                if arrives {
                    // What a good server says is so.
                    let settled = self.on_push(request, &answer)?;
                    if let Some(id) = settled.iter().find(|id| self.applied.get(*id) != Some(&1)) {
                        return Err(format!("{id} counts as done, and is not"));
                    }
                }
            }
            Request::Pull(request) => {
                let answer = pull(&self.tenant, &Policy::open(), &caller, request).unwrap();
                if arrives {
                    self.on_pull(request, &answer)?;
                }
            }
        }
        Ok(())
    }

    /// Nonsense, to any request that there was.
    fn hostile(&mut self) -> Result<(), String> {
        self.ask();
        match self.asked[self.rng.index(self.asked.len())].clone() {
            Request::Push(request) => {
                let answer = self.push_answer();
                let settled = self.on_push(&request, &answer)?;
                self.claimed.extend(settled);
                Ok(())
            }
            Request::Pull(request) => {
                let answer = self.pull_answer();
                self.on_pull(&request, &answer)
            }
        }
    }

    fn number(&self) -> u64 {
        match self.rng.below(4) {
            0 => NUMBER_MAX - self.rng.below(2),
            1 => self.rng.below(NUMBER_MAX),
            _ => self.rng.below(20),
        }
    }

    fn epoch(&self) -> Box<str> {
        format!("bad{}", self.rng.below(2)).into()
    }

    fn push_answer(&self) -> PushAnswer {
        let outcome = || match self.rng.below(8) {
            0 if self.claims => Outcome::Applied(self.number()),
            1 if self.claims => Outcome::Duplicate(self.number()),
            2 => Outcome::Rejected(Refusal::new("strange", "just so")),
            3 => Outcome::Upgrade,
            _ => Outcome::Retry(self.number()),
        };
        match self.rng.below(12) {
            0 => PushAnswer::Forked,
            1 => PushAnswer::Gap(self.number()),
            2 => PushAnswer::Epoch(self.epoch()),
            3 => PushAnswer::Retry(self.number()),
            4 => PushAnswer::Auth,
            5 => PushAnswer::Upgrade,
            _ => {
                let results = (0..self.rng.below(6)).map(|_| Handled { seq: self.number(), outcome: outcome() });
                PushAnswer::Results { epoch: self.epoch(), head: self.number(), results: results.collect() }
            }
        }
    }

    fn pull_answer(&mut self) -> PullAnswer {
        match self.rng.below(10) {
            0 => return PullAnswer::Retry(self.number()),
            1 => return [PullAnswer::Auth, PullAnswer::Upgrade][self.rng.index(2)].clone(),
            _ => {}
        }
        // Often a place that is the client's own.
        let known = self.client.push_request().and_then(|push| push.mutations.first().cloned());
        let (seq, hash) = match known.filter(|_| self.rng.one_in(2)) {
            Some(mutation) => (mutation.seq, mutation.hash()),
            None => ([0, self.number()][self.rng.index(2)], [0, 7][self.rng.index(2)]),
        };
        let changes = (0..self.rng.below(5)).map(|_| {
            let (collection, id) = (["notes", "unknown"][self.rng.index(2)], format!("d{}", self.rng.below(12)));
            let document = self.rng.one_in(2).then(|| value(&format!(r#"{{"id":"{id}","bad":true}}"#)));
            Change { collection: collection.into(), id: id.into(), version: self.number(), document }
        });
        let changes: Vec<Change> = changes.collect();
        self.brought.extend(changes.iter().map(|change| (change.collection.clone(), change.id.clone())));
        PullAnswer::Page(Page {
            epoch: self.epoch(),
            cursor: ["", "?", "WyJnb29kIl0=", "WyJnb29kIiwiMDAwMDAwMDAwMDAwMDAwMCIsMCw5OTld"][self.rng.index(4)].into(),
            version: self.number(),
            more: self.rng.one_in(2),
            reset: self.rng.one_in(2),
            seq,
            hash,
            stable: self.number(),
            changes,
        })
    }

    /// The mutations that wait for an answer.
    fn waiting(&self) -> BTreeSet<String> {
        let pending = pending_after(&self.store, 0, usize::MAX).unwrap();
        pending.into_iter().filter(|(_, answered)| !answered).map(|(mutation, _)| mutation.id.to_string()).collect()
    }

    /// Answers what waits no longer, and is no dead letter.
    fn on_push(
        &mut self,
        request: &tidewell_core::sync::PushRequest,
        answer: &PushAnswer,
    ) -> Result<Vec<String>, String> {
        let (before, is_results) = (self.waiting(), matches!(answer, PushAnswer::Results { .. }));
        let answer = PushAnswer::parse(&answer.to_json()).map_err(|error| format!("{error:?}"))?;
        let done = self.client.on_push(&mut self.store, &self.rng, request, answer);
        done.map_err(|error| format!("a push: {error:?}"))?;
        let dead = mutations(&self.store, &[Table::Dead]);
        let settled: Vec<String> =
            before.difference(&self.waiting()).filter(|id| !dead.contains(*id)).cloned().collect();
        if !settled.is_empty() && !is_results {
            return Err(format!("{settled:?} wait no longer, and nothing was said of them"));
        }
        self.judge().map(|()| settled)
    }

    fn on_pull(&mut self, request: &tidewell_core::sync::PullRequest, answer: &PullAnswer) -> Result<(), String> {
        let before = self.waiting();
        let answer = PullAnswer::parse(&answer.to_json()).map_err(|error| format!("{error:?}"))?;
        let done = self.client.on_pull(&mut self.store, &self.rng, request, answer);
        done.map_err(|error| format!("a pull: {error:?}"))?;
        if !before.is_subset(&self.waiting()) {
            return Err("a page took something out of the queue".into());
        }
        self.judge()
    }

    /// The store holds no more than there is, and a program that starts on it goes on where this one is.
    fn judge(&self) -> Result<(), String> {
        let count = |table| rows(&self.store, table).len();
        let held = count(Table::Outbox) + count(Table::Retained) + count(Table::Dead);
        let fits = held <= self.made.len() && count(Table::Answered) <= self.made.len() && count(Table::Meta) == 1;
        if !fits || count(Table::Base) > self.brought.len() + 6 {
            return Err(format!("the store holds {held} mutations of {}", self.made.len()));
        }
        let mut copy = self.store.clone();
        let other =
            Client::open(&mut copy, config(), &self.rng).map_err(|error| format!("it does not open: {error:?}"))?;
        let asks = |client: &Client| (client.push_request().map(|push| push.to_json()), client.pull_request());
        if asks(&other) != asks(&self.client) || view(&copy, &other) != view(&self.store, &self.client) {
            return Err("a program that starts anew is elsewhere".into());
        }
        Ok(())
    }

    /// Nothing but the good server from here on.
    fn heal(&mut self) -> Result<(), String> {
        for _ in 0..400 {
            let head = self.tenant.head().unwrap();
            let is_there = self.client.version() == Some(head.version) && self.client.epoch() == Some(&*head.epoch);
            if self.client.is_settled() && is_there {
                return self.healed();
            }
            let push = self.client.push_request().map(Request::Push);
            let request = push.unwrap_or_else(|| Request::Pull(self.client.pull_request()));
            self.good(&request, true)?;
        }
        Err("a good server does not heal it".into())
    }

    fn healed(&self) -> Result<(), String> {
        let documents = self.tenant.documents().filter_map(|(key, image)| Some((key, image.document.as_ref()?)));
        let server: State =
            documents.map(|((c, id), document)| ((c.to_string(), id.to_string()), fields(document))).collect();
        if view(&self.store, &self.client) != server {
            return Err("it does not show what the good server has".into());
        }
        let dead = mutations(&self.store, &[Table::Dead]);
        for id in &self.made {
            let times = self.applied.get(id).copied().unwrap_or(0);
            if times > 1 || (times == 0 && !dead.contains(id) && !self.claimed.contains(id)) {
                return Err(format!("{id} took effect {times} times"));
            }
        }
        Ok(())
    }
}

/// Answers how many mutations there were, and how many of them nonsense said that they took effect.
fn run(seed: u64) -> Result<(usize, usize), String> {
    let mut scene = Scene::new(seed);
    // Now and then there is a good server before.
    for step in 0..STEPS {
        let is_good = step < STEPS / 3 && seed.is_multiple_of(2);
        match scene.rng.below(3) {
            0 => scene.edit(),
            _ if is_good => {
                let (request, arrives) = (scene.ask(), scene.rng.one_in(2));
                scene.good(&request, arrives)?;
            }
            _ => scene.hostile()?,
        }
    }
    scene.heal()?;
    Ok((scene.made.len(), scene.claimed.len()))
}

#[test]
fn well_formed_nonsense_neither_fills_nor_breaks_a_client_and_a_good_server_heals_it() {
    let (mut made, mut claimed) = (0, 0);
    each_seed("hostile answers", 200, |seed| run(seed).map(|(all, some)| (made += all, claimed += some)).map(drop));
    println!("of {made} mutations {claimed} were said to have taken effect");
    assert!(crate::replay::is_replay() || (claimed > 0 && claimed < made / 3), "{claimed} of {made}");
}
