//! The wire under hostile bytes: messages come back as they were, and anything else is an error that allocates little.

use tidewell_core::base::SeededRng;
use tidewell_core::collections::json;
use tidewell_core::sync::message::Page;
use tidewell_core::sync::{
    Action, Change, Mutation, Op, PullAnswer, PullRequest, PushAnswer, PushRequest, Subscription,
};

use super::value;

fn push_request() -> PushRequest {
    let update = Op::update("notes", "a", value(r#"{"$set":{"b.c":{"$date":1}},"$inc":{"n":1}}"#)).unwrap();
    let put = Op::new("notes", "ä\n", Action::Put(value(r#"{"id":"ä\n"}"#)));
    let first = Mutation::new(1, 0, "m1", 1, 7, vec![Op { if_version: Some(3), ..update }, put]).unwrap();
    let remove = Op::new("notes", "b", Action::Remove);
    let second = Mutation::new(2, first.hash(), "m2", 1, 7, vec![remove]).unwrap();
    PushRequest { replica: "r".into(), epoch: Some("e".into()), mutations: vec![first.into(), second.into()] }
}

fn page() -> PullAnswer {
    let gone = Change { collection: "notes".into(), id: "x".into(), version: 4, document: None };
    let there = Change { id: "y".into(), document: Some(value(r#"{"id":"y","at":{"$date":5}}"#)), ..gone.clone() };
    PullAnswer::Page(Page {
        epoch: "e".into(),
        cursor: "c".into(),
        version: 4,
        more: true,
        reset: false,
        seq: 2,
        hash: 77,
        stable: 1,
        changes: vec![gone, there],
    })
}

#[test]
fn messages_come_back_as_they_were() {
    let push = push_request().to_json();
    assert_eq!(PushRequest::parse(&push).unwrap().to_json(), push);
    assert_eq!(PullAnswer::parse(&page().to_json()).unwrap(), page());
    let filter = value(r#"{"n":{"$gte":2}}"#);
    let subscriptions = vec![Subscription { collection: "notes".into(), filter }];
    let pull = PullRequest { replica: "r".into(), cursor: None, subscriptions, limit: 10 };
    assert_eq!(PullRequest::parse(&pull.to_json()).unwrap(), pull);
    for answer in [PushAnswer::Forked, PushAnswer::Gap(3), PushAnswer::Retry(5), PushAnswer::Auth, PushAnswer::Upgrade]
    {
        assert_eq!(PushAnswer::parse(&answer.to_json()).unwrap(), answer);
    }
}

#[test]
fn a_mutation_is_written_as_the_value_that_it_is() {
    for mutation in push_request().mutations {
        let mut written = Vec::new();
        mutation.write(&mut written);
        assert_eq!(written, json::to_json(&mutation.to_value()));
    }
}

#[test]
fn a_request_that_says_something_else_is_refused_by_name() {
    let check = |from: &str, to: &str, named: &str| {
        let text = String::from_utf8(push_request().to_json()).unwrap();
        assert!(text.contains(from), "{text}");
        let error = PushRequest::parse(text.replacen(from, to, 1).as_bytes()).unwrap_err();
        assert!(error.message().contains(named), "{named}: {error:?}");
    };
    check(r#""v":1"#, r#""v":2"#, "protocol 2");
    check(r#""replica":"r""#, r#""replica":"r/../x""#, "'replica'");
    check(r#""seq":2"#, r#""seq":2.5"#, "'seq'");
    check(r#""seq":2"#, r#""seq":3"#, "'hash' of mutation 3");
    check(r#""$inc":{"n":1}"#, r#""$inc":{"n":2}"#, "'hash' of mutation 1");
    check(r#""$inc":{"n":1}"#, r#""$currentDate":{"n":true}"#, "$currentDate");
    check(r#""remove":true"#, r#""remove":false"#, "needs one of");
    check(r#""remove":true"#, r#""remove":true,"extra":1"#, "'extra'");
    check(r#""put":{"id""#, r#""put":{"ID""#, "whose id is");
}

#[test]
fn damaged_messages_never_panic() {
    let rng = SeededRng::new(11);
    let originals = [push_request().to_json(), page().to_json(), PushAnswer::Gap(1).to_json()];
    let mut refused = 0;
    for round in 0..30_000 {
        let mut bytes = originals[round % originals.len()].clone();
        for _ in 0..=rng.below(3) {
            if bytes.len() < 2 {
                break;
            }
            let at = rng.index(bytes.len());
            match rng.below(4) {
                0 => bytes[at] = rng.below(256) as u8,
                1 => drop(bytes.remove(at)),
                2 => bytes.insert(at, b"{}[]\",:0e-"[rng.index(10)]),
                _ => bytes.truncate(at.max(1)),
            }
        }
        let parsed = [
            PushRequest::parse(&bytes).is_err(),
            PullRequest::parse(&bytes).is_err(),
            PushAnswer::parse(&bytes).is_err(),
            PullAnswer::parse(&bytes).is_err(),
        ];
        refused += usize::from(parsed == [true; 4]);
    }
    println!("of 30000 damaged messages {refused} were refused by all four readers");
    assert!(refused > 20_000);
}
