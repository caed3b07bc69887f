//! The two ends at work: the product's client and server, each for one step.
//!
//! What they do follows from what they are given, so a step that was done before is looked up. What is judged here cannot be
//! seen in a state any more: what the server said against what it did, and what a client had in memory against its store.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use tidewell_core::sync::client::memory::MemoryClient;
use tidewell_core::sync::client::Config;
use tidewell_core::sync::server::memory::MemoryTenant;
use tidewell_core::sync::{
    push, Action, Caller, Client, Op, Outcome, Policy, PullAnswer, PullRequest, PushAnswer, PushRequest, ServerStore,
    Subscription,
};

use super::super::model::{fields, State as Documents};
use super::super::value;
use super::scenario::{Scenario, COLLECTION};
use super::state::{Disk, Kept, Kind, Numbered, Server, State, Turn};

pub(super) type Found<T> = Result<T, String>;

pub(super) fn caller() -> Caller {
    Caller { user: "u".into(), claims: value("{}") }
}

pub(super) fn open(store: &mut MemoryClient, rng: &Numbered) -> Client {
    let subscription = Subscription { collection: COLLECTION.into(), filter: value("{}") };
    // Pages of one document, so that they are cut wherever two changed.
    let config = Config { subscriptions: vec![subscription], schema: 1, page: 1, batch: 2, retained: 100 };
    Client::open(store, config, rng).unwrap()
}

impl Scenario {
    /// Lets a client do something; answers how many random numbers it has used up.
    pub(super) fn turn(&self, state: &mut State, index: usize, turn: Turn) -> Found<u64> {
        let replica = &mut state.replicas[index];
        let key = (index, replica.drawn, replica.disk.text(), turn);
        let (disk, drawn) = remembered(&self.memo.turns, key, |(.., turn)| {
            live(&replica.disk, &Numbered::new(index, replica.drawn), turn)
        })?;
        replica.disk = disk;
        Ok(drawn)
    }

    pub(super) fn push(&self, server: &Kept<Server>, request: &Arc<[u8]>) -> Found<(Kept<Server>, PushAnswer)> {
        remembered(&self.memo.pushes, (server.text(), request.clone()), |(_, request)| {
            let request = PushRequest::parse(request).map_err(|error| format!("{error:?}"))?;
            let mut after = Server::clone(server);
            let answer = after.push(&request)?;
            Ok((Kept::new(after), answer))
        })
    }
}

/// What was found before under this key, or is found now.
fn remembered<K: Ord, V: Clone>(memo: &Mutex<BTreeMap<K, V>>, key: K, find: impl FnOnce(&K) -> V) -> V {
    let known = memo.lock().unwrap().get(&key).cloned();
    known.unwrap_or_else(|| {
        let found = find(&key);
        memo.lock().unwrap().insert(key, found.clone());
        found
    })
}

impl Server {
    /// With one document, which somebody else made.
    pub(super) fn first() -> Self {
        let mut server =
            Self { tenant: MemoryTenant::new("e"), model: Default::default(), history: Default::default() };
        server.note();
        let rng = Numbered::new(8, 0);
        let mut store = MemoryClient::default();
        let mut client = open(&mut store, &rng);
        let document = value(r#"{"id":"a","n":0}"#);
        let op = Op::new(COLLECTION, "a", Action::Put(document));
        client.mutate(&mut store, &rng, vec![op], Vec::new()).unwrap();
        server.push(&client.push_request().unwrap()).unwrap();
        server
    }

    /// Notes what the documents are at the version that was reached.
    pub(super) fn note(&mut self) {
        let head = self.tenant.head().unwrap();
        self.history.insert((head.epoch.to_string(), head.version), self.model.state.clone());
    }

    /// Handles a push; the model does what the answer says, and both must agree.
    fn push(&mut self, request: &PushRequest) -> Found<PushAnswer> {
        let answer = push(&mut self.tenant, &Policy::open(), &caller(), request).map_err(|e| format!("{e:?}"))?;
        if let PushAnswer::Results { results, .. } = &answer {
            for (mutation, handled) in request.mutations.iter().zip(results) {
                if matches!(handled.outcome, Outcome::Applied(_)) {
                    self.model.apply(mutation)?;
                }
            }
        }
        self.note();
        let documents = self.tenant.documents().filter_map(|(key, image)| Some((key, image.document.as_ref()?)));
        let named =
            documents.map(|((collection, id), document)| ((collection.to_string(), id.to_string()), fields(document)));
        if named.collect::<Documents>() == self.model.state {
            Ok(answer)
        } else {
            Err("the server's documents are not what its mutations amount to".into())
        }
    }
}

/// Starts a client from its disk and lets it do something. Afterwards, what it has in memory must be what it would find if
/// it died here.
fn live(disk: &Disk, rng: &Numbered, turn: &Turn) -> Found<(Kept<Disk>, u64)> {
    let mut store = disk.store.clone();
    let mut client = open(&mut store, rng);
    take_turn(&mut client, &mut store, rng, turn).map_err(|error| format!("{error:?}"))?;
    let again = Disk::new(store.clone(), &open(&mut store, rng));
    let disk = Disk::new(store, &client);
    let standing = |disk: &Disk| (disk.push.clone(), disk.pull.clone(), disk.version, disk.settled, disk.view.clone());
    if standing(&again) == standing(&disk) {
        Ok((Kept::new(disk), rng.drawn()))
    } else {
        Err("a client remembers something else than its store".into())
    }
}

fn take_turn(
    client: &mut Client,
    store: &mut MemoryClient,
    rng: &Numbered,
    turn: &Turn,
) -> tidewell_core::base::Result<()> {
    match turn {
        Turn::Make(intent) => {
            if let Some(ops) = intent.ops(client.version()) {
                // Refused at once, if it cannot be done.
                let _ = client.mutate(store, rng, ops, Vec::new());
            }
        }
        Turn::Take(Kind::Push, request, answer) => {
            client.on_push(store, rng, &PushRequest::parse(request)?, PushAnswer::parse(answer)?)?;
        }
        Turn::Take(Kind::Pull, request, answer) => {
            client.on_pull(store, rng, &PullRequest::parse(request)?, PullAnswer::parse(answer)?)?;
        }
    }
    Ok(())
}
