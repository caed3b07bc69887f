//! Old versions of the wire, over HTTP: what was recorded is asked again, and answered as it was.

use std::collections::BTreeMap;
use std::io::Read;

use tidewell_core::sync::limits::PROTOCOLS;
use tidewell_core::sync::{PullAnswer, PushAnswer};

use crate::fixture::{agent, on_both, post};

#[path = "../../../tests/sync/protocol/mod.rs"]
mod protocol;

/// What stands between these quotes behind `"name":`.
fn member<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.split_once(&format!(r#""{name}":""#))?.1.split('"').next()
}

/// What was recorded, with this server's own words in the place of those of the recording.
fn with(recorded: &str, own: &BTreeMap<String, String>) -> String {
    own.iter()
        .fold(recorded.to_owned(), |text, (from, to)| text.replace(&format!(r#""{from}""#), &format!(r#""{to}""#)))
}

#[test]
fn what_was_asked_in_version_1_is_answered_as_it_was_recorded() {
    assert!(PROTOCOLS.contains(&1), "version 1 is given up: so is this test, and its transcript");
    on_both(|home| {
        let server = home.start();
        let tokens = ["ann", "bob"].map(|user| home.token("t", user));
        // Epochs and cursors are each server's own.
        let mut own = BTreeMap::new();
        let mut checked = 0;
        for exchange in protocol::v1() {
            let token = &tokens[usize::from(exchange.user == "bob")];
            if exchange.route == "live" {
                let request = agent().get(format!("{}/v1/live", server.url));
                let mut stream = request.header("authorization", format!("Bearer {token}")).call().unwrap();
                let wanted = exchange.answer.join("\n");
                let mut text = vec![0; wanted.len()];
                stream.body_mut().as_reader().read_exact(&mut text).unwrap();
                assert_eq!(String::from_utf8(text).unwrap(), wanted);
                checked += 1;
                continue;
            }
            let url = format!("{}/v1/{}", server.url, exchange.route);
            let (status, answer) = post(&url, token, with(exchange.request, &own).as_bytes(), None).unwrap();
            let (answer, recorded) = (String::from_utf8(answer).unwrap(), exchange.answer[0]);
            assert_eq!(status, 200, "{answer}");
            for name in ["epoch", "cursor"] {
                if let (Some(then), Some(now)) = (member(recorded, name), member(&answer, name)) {
                    own.insert(then.to_owned(), now.to_owned());
                }
            }
            assert_eq!(answer, with(recorded, &own), "{exchange:?}");
            checked += usize::from(!exchange.by_hand);
        }
        assert!(checked >= 13, "{checked} exchanges of clients");
    });
}

#[test]
fn what_is_older_or_newer_than_the_window_is_answered_upgrade_over_http() {
    on_both(|home| {
        let server = home.start();
        let token = home.token("t", "ann");
        for version in [PROTOCOLS.start() - 1, PROTOCOLS.end() + 1] {
            for (route, upgrade) in [("push", PushAnswer::Upgrade.to_json()), ("pull", PullAnswer::Upgrade.to_json())] {
                // A message of another version may look as it likes.
                let body = format!(r#"{{"v":{version},"unheard":["of"]}}"#);
                let url = format!("{}/v1/{route}", server.url);
                assert_eq!(post(&url, &token, body.as_bytes(), None).unwrap(), (200, upgrade));
            }
        }
    });
}
