//! How much a client sends at once: less after it was too much, more again while it gets through.

use tidewell_core::base::SeededRng;
use tidewell_core::collections::Value;
use tidewell_core::sync::client::link::{Failure, Link, Next, Request, Status, Timing};
use tidewell_core::sync::client::memory::MemoryClient;
use tidewell_core::sync::client::Config;
use tidewell_core::sync::message::Handled;
use tidewell_core::sync::{Action, Client, Op, Outcome, PullAnswer, PushAnswer};

/// A client with one mutation for each of these numbers of bytes.
fn client(sizes: &[usize]) -> (MemoryClient, Client) {
    let (mut store, rng) = (MemoryClient::default(), SeededRng::new(3));
    let config = Config { subscriptions: Vec::new(), schema: 0, page: 1000, batch: 500, retained: 9 };
    let mut client = Client::open(&mut store, config, &rng).unwrap();
    for (n, size) in sizes.iter().enumerate() {
        let (id, text) = (format!("n{n}"), "x".repeat(*size));
        let document = Value::Object(vec![
            ("id".into(), Value::String(id.as_str().into())),
            ("text".into(), Value::String(text.into())),
        ]);
        let op = Op::new("notes", &id, Action::Put(document));
        client.mutate(&mut store, &rng, vec![op], Vec::new()).unwrap();
    }
    (store, client)
}

/// A link at its time.
struct Way(Link, f64);

impl Way {
    fn new() -> Self {
        Self(Link::new(Timing::default()), 0.0)
    }

    /// The next request, whenever it is due: its number, and of a push how many mutations, of a pull its limit.
    fn next(&mut self, client: &Client) -> (u64, char, usize) {
        loop {
            match self.0.next(self.1, 0.5, client) {
                Next::Send(tag, Request::Push(push)) => return (tag, 'u', push.mutations.len()),
                Next::Send(tag, Request::Pull(pull)) => return (tag, 'd', pull.limit),
                Next::Wait(until) => self.1 = until,
                Next::Paused => panic!("paused"),
            }
        }
    }

    fn fail(&mut self, tag: u64, why: Failure) {
        self.0.failed(tag, self.1, 0.5, None, why);
    }

    /// A push is answered, whatever becomes of its mutations.
    fn succeed(&mut self, tag: u64) {
        let answer = PushAnswer::Results { epoch: "e".into(), head: 1, results: Vec::new() };
        self.0.pushed(tag, self.1, 0.5, &answer);
    }
}

#[test]
fn what_was_too_much_is_halved_down_to_one_and_grows_again() {
    let (_store, client) = client(&[100; 600]);
    let mut way = Way::new();
    let mut counts = Vec::new();
    for _ in 0..11 {
        let (tag, _, count) = way.next(&client);
        counts.push(count);
        way.fail(tag, Failure::Timeout);
    }
    // Half of the bytes is not always half of the mutations: their numbers have more digits, the further the more.
    assert_eq!((counts[0], counts[1], &counts[9..]), (500, 250, &[1, 1][..]), "{counts:?}");
    assert!(counts.windows(2).all(|pair| pair[1] <= (pair[0] / 2).max(1)), "{counts:?}");
    let mut counts = Vec::new();
    for _ in 0..12 {
        let (tag, _, count) = way.next(&client);
        counts.push(count);
        way.succeed(tag);
    }
    assert_eq!((counts[0], counts[11]), (1, 500), "{counts:?}");
}

#[test]
fn what_has_nothing_to_do_with_how_much_was_sent_changes_nothing() {
    let (_store, client) = client(&[100; 8]);
    let mut way = Way::new();
    for _ in 0..3 {
        let (tag, _, count) = way.next(&client);
        assert_eq!(count, 8);
        way.fail(tag, Failure::Other);
    }
    let (tag, ..) = way.next(&client);
    way.0.pushed(tag, way.1, 0.5, &PushAnswer::Retry(5));
    assert_eq!(way.next(&client).2, 8);
    // No answer at all.
    assert_eq!(way.next(&client).2, 4);
}

#[test]
fn a_few_large_mutations_go_by_their_bytes_and_one_always_goes() {
    let (_store, client) = client(&[900_000, 900_000, 900_000, 10, 10]);
    let mut way = Way::new();
    let (tag, _, count) = way.next(&client);
    assert_eq!(count, 2, "what is more than fits is not begun");
    way.fail(tag, Failure::Timeout);
    let (tag, _, count) = way.next(&client);
    assert_eq!((count, way.0.too_large()), (1, None));
    way.fail(tag, Failure::Timeout);
    assert_eq!((way.next(&client).2, way.0.too_large()), (1, None), "slow is not too large");
}

#[test]
fn a_limit_that_is_near_is_tried_less_and_less_often() {
    let (_store, client) = client(&[100; 64]);
    let (mut way, mut failures) = (Way::new(), 0);
    for round in 0..400 {
        let (tag, _, count) = way.next(&client);
        if count > 8 {
            way.fail(tag, Failure::Timeout);
            failures += u32::from(round >= 200);
        } else {
            way.succeed(tag);
        }
    }
    assert!((1..=8).contains(&failures), "{failures} of the last 200");
}

#[test]
fn pages_become_smaller_where_they_take_too_long() {
    let (_store, client) = client(&[]);
    let mut way = Way::new();
    let limits: Vec<(char, usize)> = (0..12).map(|_| way.next(&client)).map(|(_, kind, limit)| (kind, limit)).collect();
    assert_eq!(limits[..3], [('d', 1000), ('d', 500), ('d', 250)]);
    assert_eq!(limits[11], ('d', 1));
}

#[test]
fn a_mutation_that_is_too_large_alone_is_told_of_and_kept_and_stops_no_pull() {
    let (mut store, mut client) = client(&[5000, 10]);
    let mut way = Way::new();
    let (tag, ..) = way.next(&client);
    way.fail(tag, Failure::TooLarge);
    assert_eq!(way.0.too_large(), None, "it may be another of them");
    let (tag, kind, count) = way.next(&client);
    assert_eq!((kind, count), ('u', 1));
    way.fail(tag, Failure::TooLarge);
    assert!(way.0.too_large().is_some_and(|bytes| bytes > 5000));
    let told = way.1;
    let (tag, kind, _) = way.next(&client);
    assert_eq!((kind, way.1), ('d', told), "what comes does not wait for it");
    let page = r#"{"v":1,"kind":"page","epoch":"e","cursor":"c","version":0,"more":false,"reset":true,"seq":0,
        "hash":"0000000000000000","stable":0,"changes":[]}"#;
    way.0.pulled(tag, way.1, 0.5, &PullAnswer::parse(page.as_bytes()).unwrap());
    assert!(way.0.too_large().is_some());
    assert_eq!(way.0.status(), Status::Live, "the server answers");
    // News meanwhile are fetched at once, too, and no failure of that write makes others wait.
    way.1 += 5.0;
    way.0.poke(way.1);
    let (poked, kind, _) = way.next(&client);
    assert_eq!((kind, way.1), ('d', told + 5.0));
    way.fail(poked, Failure::Other);
    let (again, kind, _) = way.next(&client);
    assert_eq!((kind, way.1 - told < 1000.0), ('d', true));
    way.0.pulled(again, way.1, 0.5, &PullAnswer::parse(page.as_bytes()).unwrap());
    // Within a minute it is tried again; a poll may come first.
    let (tag, count) = loop {
        match way.next(&client) {
            (tag, 'u', count) => break (tag, count),
            (tag, ..) => way.0.pulled(tag, way.1, 0.5, &PullAnswer::parse(page.as_bytes()).unwrap()),
        }
    };
    assert!((30_000.0..=60_000.0).contains(&(way.1 - told)), "{}", way.1 - told);
    assert_eq!((count, client.pending()), (1, 2));
    // The server takes more now.
    let Some(request) = client.push_request() else { panic!("nothing waits") };
    way.succeed(tag);
    assert_eq!(way.0.too_large(), None);
    let results = (1..=2).map(|seq| Handled { seq, outcome: Outcome::Applied(1) }).collect();
    let answer = PushAnswer::Results { epoch: "e".into(), head: 1, results };
    client.on_push(&mut store, &SeededRng::new(4), &request, answer).unwrap();
    assert_eq!(client.pending(), 0);
}
