//! Versions of the wire: what was said in an old one is understood, and what is said in a strange one is answered `upgrade`.

use std::collections::BTreeMap;

use tidewell_core::base::SeededRng;
use tidewell_core::collections::{json, Value};
use tidewell_core::sync::client::memory::MemoryClient;
use tidewell_core::sync::client::Config;
use tidewell_core::sync::limits::{PROTOCOL, PROTOCOLS};
use tidewell_core::sync::message::UPGRADE;
use tidewell_core::sync::server::memory::MemoryTenant;
use tidewell_core::sync::{
    pull, push, Caller, Client, Policy, PullAnswer, PullRequest, PushAnswer, PushRequest, Subscription,
};

use super::protocol::{v1, Exchange};
use super::value;

/// The transcripts of all versions that are accepted. A version whose transcript is missing here is not kept.
fn transcripts() -> Vec<Vec<Exchange>> {
    let all = BTreeMap::from([(1, v1())]);
    PROTOCOLS
        .map(|version| all.get(&version).unwrap_or_else(|| panic!("version {version} lacks a transcript")).clone())
        .collect()
}

/// What the server answers in the version that it was asked in.
fn served(tenant: &mut MemoryTenant, exchange: &Exchange) -> Vec<u8> {
    let caller = Caller { user: exchange.user.into(), claims: Value::Object(Vec::new()) };
    let request = exchange.request.as_bytes();
    match exchange.route {
        "push" => push(tenant, &Policy::open(), &caller, &PushRequest::parse(request).unwrap()).unwrap().to_json(),
        _ => pull(tenant, &Policy::open(), &caller, &PullRequest::parse(request).unwrap()).unwrap().to_json(),
    }
}

#[test]
fn the_server_answers_what_was_asked_in_an_old_version_as_it_was_answered_then() {
    for exchanges in transcripts() {
        let mut tenant = MemoryTenant::new("e1");
        let mut checked = 0;
        for exchange in exchanges.iter().filter(|exchange| exchange.route != "live") {
            assert_eq!(String::from_utf8(served(&mut tenant, exchange)).unwrap(), exchange.answer[0], "{exchange:?}");
            checked += 1;
        }
        assert!(checked >= 15, "{checked} exchanges");
    }
}

struct Device {
    store: MemoryClient,
    client: Client,
    rng: SeededRng,
}

impl Device {
    /// A client that makes up the names it made up in the transcript.
    fn new(seed: u64, page: usize) -> Self {
        let (rng, mut store) = (SeededRng::new(seed), MemoryClient::default());
        let subscriptions = vec![
            Subscription { collection: "notes".into(), filter: value("{}") },
            Subscription { collection: "tags".into(), filter: value(r#"{"n":{"$gte":2}}"#) },
        ];
        let config = Config { subscriptions, schema: 1, page, batch: 10, retained: 10 };
        let client = Client::open(&mut store, config, &rng).unwrap();
        Self { store, client, rng }
    }

    /// Asks what was asked then, and takes what was answered.
    fn replay(&mut self, exchange: &Exchange) {
        let (asked, answer) = (exchange.request.as_bytes(), exchange.answer[0].as_bytes());
        if exchange.route == "pull" {
            let request = self.client.pull_request();
            assert_eq!(request, PullRequest::parse(asked).unwrap());
            assert!(PROTOCOL > 1 || request.to_json() == asked);
            self.client.on_pull(&mut self.store, &self.rng, &request, PullAnswer::parse(answer).unwrap()).unwrap();
            return;
        }
        let request = PushRequest::parse(asked).unwrap();
        assert!(self.client.push_request().is_none());
        let again = exchange.answer[0].contains("duplicate");
        for mutation in request.mutations.iter().filter(|_| !again) {
            self.client.mutate(&mut self.store, &self.rng, mutation.ops.clone(), Vec::new()).unwrap();
        }
        let own = self.client.push_request().map(|own| own.to_json());
        assert_eq!(own.is_none(), again);
        assert!(PROTOCOL > 1 || own.is_none_or(|own| own == asked));
        self.client.on_push(&mut self.store, &self.rng, &request, PushAnswer::parse(answer).unwrap()).unwrap();
    }

    fn documents(&self) -> Vec<Option<String>> {
        let document = |(collection, id)| self.client.view(&self.store, collection, id).unwrap();
        let documents = [("notes", "a"), ("notes", "b"), ("tags", "t")].map(document);
        documents.map(|document| document.map(|value| String::from_utf8(json::to_json(&value)).unwrap())).into()
    }
}

#[test]
fn a_client_takes_what_a_server_of_version_1_answered_and_ends_where_it_ended_then() {
    assert!(PROTOCOLS.contains(&1), "version 1 is given up: so is this test, and its transcript");
    let mut devices = BTreeMap::from([("ann", Device::new(1, 10)), ("bob", Device::new(2, 1))]);
    for exchange in v1().iter().filter(|exchange| exchange.route != "live" && !exchange.by_hand) {
        devices.get_mut(exchange.user).unwrap().replay(exchange);
    }
    for (user, device) in &devices {
        assert_eq!(device.documents(), [None, Some(r#"{"id":"b"}"#.to_owned()), None], "{user}");
        assert!(device.client.is_settled() && device.client.version() == Some(3), "{user}");
        let letters = device.client.dead_letters(&device.store).unwrap();
        let mut codes: Vec<&str> = letters.iter().map(|letter| &*letter.refusal.code).collect();
        codes.sort_unstable();
        assert_eq!(codes, if *user == "bob" { vec!["exists", "version"] } else { vec![] });
    }
}

#[test]
fn what_is_older_or_newer_than_the_window_is_answered_upgrade_at_both_ends() {
    for version in [PROTOCOLS.start() - 1, PROTOCOLS.end() + 1, 99] {
        let other = |text: &str| text.replace(r#""v":1"#, &format!(r#""v":{version}"#));
        for exchange in v1().iter().filter(|exchange| exchange.route != "live") {
            let (request, answer) = (other(exchange.request), other(exchange.answer[0]));
            let (error, understood) = match exchange.route {
                "push" => {
                    let answer = PushAnswer::parse(answer.as_bytes()).unwrap();
                    (PushRequest::parse(request.as_bytes()).unwrap_err(), answer == PushAnswer::Upgrade)
                }
                _ => {
                    let answer = PullAnswer::parse(answer.as_bytes()).unwrap();
                    (PullRequest::parse(request.as_bytes()).unwrap_err(), answer == PullAnswer::Upgrade)
                }
            };
            assert_eq!(error.reason(), Some(UPGRADE), "{error:?}");
            assert!(understood, "{answer}");
        }
        // What says its version and nothing else is no answer: the same is asked again.
        assert!(PushAnswer::parse(format!(r#"{{"v":{version}}}"#).as_bytes()).is_err());
    }
}
