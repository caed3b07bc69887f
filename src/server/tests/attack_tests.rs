//! Tokens that do not hold and bodies that are none: each is refused by name, and the server goes on.

use std::io::Write;

use flate2::{write::GzEncoder, Compression};
use jsonwebtoken::{encode, Algorithm, EncodingKey, Header};
use tidewell_core::sync::{Action, Op};

use crate::fixture::{agent, post, value, Device, Home, Server};

const PULL: &[u8] = br#"{"v":1,"replica":"r","cursor":null,"subscriptions":[{"c":"notes"}]}"#;

fn check(server: &Server, token: &str, body: &[u8], encoding: Option<&str>, status: u16) {
    for route in ["push", "pull"] {
        let (got, answer) = post(&format!("{}/v1/{route}", server.url), token, body, encoding).unwrap();
        let shown = String::from_utf8_lossy(&body[..body.len().min(60)]).into_owned();
        assert_eq!(got, status, "{route} {shown}: {}", String::from_utf8_lossy(&answer));
    }
}

#[test]
fn tokens_that_do_not_hold_are_refused_and_tenants_see_nothing_of_each_other() {
    let home = Home::on_sqlite();
    let server = home.start();
    let good = home.token("a", "ann");
    let secret = std::fs::read(home.folder.path().join("tidewell.secret")).unwrap();
    let now = jsonwebtoken::get_current_timestamp();
    let make = |algorithm: Algorithm, key: &[u8], claims: &str| {
        let claims: serde_json::Value = serde_json::from_str(claims).unwrap();
        encode(&Header::new(algorithm), &claims, &EncodingKey::from_secret(key)).unwrap()
    };
    let claims = format!(r#"{{"tenant":"a","sub":"ann","exp":{}}}"#, now + 60);
    let expired = format!(r#"{{"tenant":"a","sub":"ann","exp":{}}}"#, now - 60);
    let endless = r#"{"tenant":"a","sub":"ann"}"#;
    let homeless = format!(r#"{{"sub":"ann","exp":{}}}"#, now + 60);
    let body = good.split('.').nth(1).unwrap();
    let unsigned = format!("eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.{body}.");
    let bad = [
        String::new(),
        "x.y.z".to_owned(),
        unsigned,
        make(Algorithm::HS256, b"another secret of thirty-two bytes", &claims),
        make(Algorithm::HS384, &secret, &claims),
        make(Algorithm::HS256, &secret, &expired),
        make(Algorithm::HS256, &secret, endless),
        make(Algorithm::HS256, &secret, &homeless),
        format!("{}x", &good[..good.len() - 3]),
    ];
    for token in &bad {
        check(&server, token, PULL, None, 401);
    }
    assert_eq!(post(&format!("{}/v1/pull", server.url), &good, PULL, None).unwrap().0, 200);
    let mut ann = Device::new(1, &good);
    ann.mutate(vec![Op::new("notes", "x", Action::Put(value(r#"{"id":"x"}"#)))]);
    ann.sync(&server.url);
    let mut other = Device::new(2, &home.token("b", "ann"));
    other.sync(&server.url);
    assert_eq!(other.view("x"), None);
}

#[test]
fn hostile_bodies_are_refused_and_the_server_goes_on() {
    let home = Home::on_sqlite();
    let server = home.start();
    let token = home.token("t", "ann");
    let gzip = |bytes: &[u8]| {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    };
    let deep = [b"{\"v\":".as_slice(), &[b'['; 100_000]].concat();
    let stranger = br#"{"v":1,"replica":"r","cursor":"!!","limit":-1,"subscriptions":[]}"#;
    for body in [b"".as_slice(), b"{", b"\xff\xfe", b"[]", b"{\"v\":1}", &deep, stranger, br#"{"v":"1"}"#] {
        check(&server, &token, body, None, 400);
    }
    check(&server, &token, &vec![b' '; 9 << 20], None, 413);
    check(&server, &token, &gzip(&vec![b' '; 64 << 20]), Some("gzip"), 413);
    check(&server, &token, b"this is not gzip", Some("gzip"), 400);
    let (status, answer) = post(&format!("{}/v1/pull", server.url), &token, br#"{"v":99}"#, None).unwrap();
    assert_eq!(
        (status, String::from_utf8_lossy(&answer).into_owned()),
        (200, r#"{"v":1,"kind":"upgrade"}"#.to_owned())
    );
    assert_eq!(post(&format!("{}/v1/pull", server.url), &token, &gzip(PULL), Some("gzip")).unwrap().0, 200);
    for (route, word) in [("health", "ok"), ("ready", "ready"), ("metrics", "tidewell_bad_requests_total")] {
        let text = agent().get(format!("{}/{route}", server.url)).call().unwrap().body_mut().read_to_string().unwrap();
        assert!(text.contains(word), "{route}: {text}");
    }
}
