//! A mutation that the server does not understand, as a newer client may write one: it is refused alone, and what stands behind it goes on.

use tidewell_core::base::checksum::checksum;
use tidewell_core::sync::server::memory::MemoryTenant;
use tidewell_core::sync::{push, Caller, Outcome, Policy, PushAnswer, PushRequest};

use super::value;

/// A mutation as it goes over the wire, and its hash.
fn mutation(seq: u64, prev: u64, ops: &str) -> (String, u64) {
    let body = format!(r#"{{"seq":{seq},"prev":"{prev:016x}","id":"m{seq}","schema":1,"base":0,"ops":[{ops}]}}"#);
    let hash = checksum(body.as_bytes());
    (format!(r#"{},"hash":"{hash:016x}"}}"#, &body[..body.len() - 1]), hash)
}

/// A push of one mutation for each of these ops, chained.
fn request(ops: &[&str]) -> String {
    let (mut prev, mut texts) = (0, Vec::new());
    for (seq, ops) in (1..).zip(ops) {
        let (text, hash) = mutation(seq, prev, ops);
        texts.push(text);
        prev = hash;
    }
    format!(r#"{{"v":1,"replica":"r","epoch":null,"mutations":[{}]}}"#, texts.join(","))
}

const PUT: &str = r#"{"c":"notes","id":"a","put":{"id":"a","n":1}}"#;
const INC: &str = r#"{"c":"notes","id":"a","update":{"$inc":{"n":1}}}"#;

fn answer(tenant: &mut MemoryTenant, text: &str) -> Vec<Outcome> {
    let caller = Caller { user: "u".into(), claims: value("{}") };
    let request = PushRequest::parse(text.as_bytes()).unwrap();
    match push(tenant, &Policy::open(), &caller, &request).unwrap() {
        PushAnswer::Results { results, .. } => results.into_iter().map(|handled| handled.outcome).collect(),
        other => panic!("{other:?}"),
    }
}

fn is_invalid(outcome: &Outcome, named: &str) -> bool {
    matches!(outcome, Outcome::Rejected(refusal) if &*refusal.code == "invalid" && refusal.reason.contains(named))
}

#[test]
fn a_mutation_that_nobody_here_understands_is_refused_alone_and_the_chain_goes_on() {
    let many = vec![PUT; 1001].join(",");
    for (ops, named) in [
        (r#"{"c":"notes","id":"a","update":{"$frobnicate":{"n":1}}}"#, "$frobnicate"),
        (r#"{"c":"notes","id":"a","merge":{"n":1}}"#, "needs one of"),
        (r#"{"c":"notes","id":"a","put":{"id":"b"}}"#, "whose id is"),
        (r#"{"c":"notes","id":"a","remove":true,"ttl":5}"#, "'ttl'"),
        ("", "1 to 1000 ops"),
        (&*many, "at most 1000"),
    ] {
        let mut tenant = MemoryTenant::new("e");
        let text = request(&[PUT, ops, INC]);
        let first = answer(&mut tenant, &text);
        assert!(first[0] == Outcome::Applied(1) && first[2] == Outcome::Applied(1), "{first:?}");
        assert!(is_invalid(&first[1], named), "{named}: {first:?}");
        // What comes again is answered the same, and does nothing.
        let again = answer(&mut tenant, &text);
        assert_eq!(again, [Outcome::Duplicate(1), first[1].clone(), Outcome::Duplicate(1)]);
        let documents: Vec<_> = tenant.documents().filter_map(|(_, image)| image.document.clone()).collect();
        assert_eq!(documents, [value(r#"{"id":"a","n":2}"#)]);
    }
}

#[test]
fn one_of_a_newer_schema_waits_for_the_server_to_follow() {
    let mut tenant = MemoryTenant::new("e");
    let caller = Caller { user: "u".into(), claims: value("{}") };
    let text = request(&[r#"{"c":"notes","id":"a","merge":1}"#]);
    let policy = Policy { schema_max: 0, ..Policy::open() };
    let answer = push(&mut tenant, &policy, &caller, &PushRequest::parse(text.as_bytes()).unwrap()).unwrap();
    assert!(matches!(answer, PushAnswer::Results { results, .. } if matches!(results[0].outcome, Outcome::Retry(_))));
}

#[test]
fn what_is_damaged_is_no_mutation_of_anybody_and_refuses_the_push() {
    let text = request(&[PUT, r#"{"c":"notes","id":"a","merge":{"n":1}}"#, INC]);
    for (from, to) in [
        ("merge", "marge"),
        (r#""seq":2"#, r#""seq":-2"#),
        (r#""id":"m2""#, r#""id":"m/2""#),
        (r#""schema":1"#, r#""schema":"1""#),
        (r#"{"n":1}}]"#, r#"{"n":2}}]"#),
    ] {
        assert!(text.contains(from), "{from}");
        let damaged = match text.rfind(from) {
            Some(at) => format!("{}{}", &text[..at], text[at..].replacen(from, to, 1)),
            None => String::new(),
        };
        assert!(PushRequest::parse(damaged.as_bytes()).is_err(), "{from}");
    }
    // Nor does it stand in for what the chain has at its place.
    let (first, hash) = mutation(1, 0, PUT);
    let (second, _) = mutation(2, hash + 1, r#"{"c":"notes","id":"a","merge":1}"#);
    let text = format!(r#"{{"v":1,"replica":"r","epoch":null,"mutations":[{first},{second}]}}"#);
    assert!(PushRequest::parse(text.as_bytes()).is_err());
}
