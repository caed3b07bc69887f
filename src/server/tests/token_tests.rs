//! Tokens signed by keys of a key set: those hold, and nothing that looks like them does.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::Command;
use std::sync::{Mutex, OnceLock};

use jsonwebtoken::{encode, Algorithm, EncodingKey, Header};
use serde_json::{json, Value};
use tidewell_core::collections::json::base64;

use crate::fixture::{post, Home, Server};

const PULL: &[u8] = br#"{"v":1,"replica":"r","cursor":null,"subscriptions":[{"c":"notes"}]}"#;

const MAKE: &str = "
const { generateKeyPairSync: make } = require('crypto');
const pair = (kind, options, form) => {
  const { privateKey, publicKey } = make(kind, options);
  const secret = privateKey.export({ type: form, format: 'der' }).toString('base64');
  const pem = publicKey.export({ type: 'spki', format: 'pem' });
  return { secret, pem, jwk: publicKey.export({ format: 'jwk' }) };
};
const rsa = () => pair('rsa', { modulusLength: 2048 }, 'pkcs1');
console.log(JSON.stringify({ rsa: rsa(), other: rsa(), ed: pair('ed25519', {}, 'pkcs8') }));
";

/// Fresh keys, made by Node.
fn keys() -> &'static Value {
    static KEYS: OnceLock<Value> = OnceLock::new();
    KEYS.get_or_init(|| {
        let made = Command::new("node").args(["-e", MAKE]).output().expect("Node makes the keys");
        serde_json::from_slice(&made.stdout).unwrap()
    })
}

fn secret(of: &str) -> Vec<u8> {
    base64::decode(keys()[of]["secret"].as_str().unwrap().as_bytes()).unwrap()
}

/// The public key as it stands in a set.
fn public(of: &str) -> Value {
    let mut key = keys()[of]["jwk"].clone();
    key["kid"] = json!(of);
    key
}

fn set(keys: &[Value]) -> String {
    json!({ "keys": keys }).to_string()
}

fn claims() -> Value {
    let exp = jsonwebtoken::get_current_timestamp() + 60;
    json!({ "tenant": "t", "sub": "ann", "exp": exp, "aud": "tidewell", "iss": "https://id.example" })
}

fn with(name: &str, value: Value) -> Value {
    let mut claims = claims();
    claims[name] = value;
    claims
}

fn sign(algorithm: Algorithm, key: &EncodingKey, name: Option<&str>, claims: &Value) -> String {
    let header = Header { kid: name.map(str::to_owned), ..Header::new(algorithm) };
    encode(&header, claims, key).unwrap()
}

fn rsa(of: &str) -> EncodingKey {
    EncodingKey::from_rsa_der(&secret(of))
}

fn ed() -> EncodingKey {
    EncodingKey::from_ed_der(&secret("ed"))
}

fn check(server: &Server, what: &str, token: &str, status: u16) {
    let (got, body) = post(&format!("{}/v1/pull", server.url), token, PULL, None).unwrap();
    assert_eq!(got, status, "{what}: {}", String::from_utf8_lossy(&body));
}

#[test]
fn keys_of_a_set_hold_and_forged_expired_and_confused_tokens_do_not() {
    let home = Home::on_sqlite();
    let foreign = json!({ "kty": "EC", "crv": "P-999", "x": "", "y": "", "kid": "rsa" });
    let sealing = json!({ "kty": "RSA", "use": "enc", "kid": "other", "n": public("other")["n"], "e": "AQAB" });
    std::fs::write(home.folder.path().join("keys.json"), set(&[foreign, public("rsa"), public("ed"), sealing]))
        .unwrap();
    // A secret that lies there from before does not count any more.
    home.run(&["token", "--tenant", "t", "--user", "ann"]).unwrap();
    let old = std::fs::read(home.folder.path().join("tidewell.secret")).unwrap();
    let server =
        Server::start(&home, &["--jwks", "keys.json", "--audience", "tidewell", "--issuer", "https://id.example"]);
    let good = sign(Algorithm::RS256, &rsa("rsa"), Some("rsa"), &claims());
    check(&server, "RS256", &good, 200);
    check(&server, "RS256 without a name", &sign(Algorithm::RS256, &rsa("rsa"), None, &claims()), 200);
    check(&server, "EdDSA", &sign(Algorithm::EdDSA, &ed(), Some("ed"), &claims()), 200);
    check(
        &server,
        "an array of audiences",
        &sign(Algorithm::EdDSA, &ed(), None, &with("aud", json!(["a", "tidewell"]))),
        200,
    );
    let body = good.split('.').nth(1).unwrap();
    let hmac = |secret: &[u8], name| sign(Algorithm::HS256, &EncodingKey::from_secret(secret), name, &claims());
    let pem = keys()["rsa"]["pem"].as_str().unwrap();
    let modulus = public("rsa")["n"].as_str().unwrap().to_owned();
    let changed = {
        let other = sign(Algorithm::RS256, &rsa("rsa"), Some("rsa"), &with("sub", json!("bob")));
        let parts: Vec<&str> = other.split('.').collect();
        format!("{}.{}.{}", parts[0], parts[1], good.split('.').nth(2).unwrap())
    };
    let refused = [
        ("none", format!("eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.{body}.")),
        ("HS256 with the public key as PEM", hmac(pem.as_bytes(), Some("rsa"))),
        ("HS256 with the trimmed PEM", hmac(pem.trim().as_bytes(), Some("rsa"))),
        ("HS256 with the modulus", hmac(modulus.as_bytes(), None)),
        ("HS256 with the old secret", hmac(old.trim_ascii(), None)),
        ("RS256 by another key", sign(Algorithm::RS256, &rsa("other"), Some("rsa"), &claims())),
        ("a key that is there to encrypt", sign(Algorithm::RS256, &rsa("other"), Some("other"), &claims())),
        ("RS256 by a name of another kind", sign(Algorithm::RS256, &rsa("rsa"), Some("ed"), &claims())),
        ("EdDSA by a name of another kind", sign(Algorithm::EdDSA, &ed(), Some("rsa"), &claims())),
        ("an algorithm of the same key", sign(Algorithm::RS512, &rsa("rsa"), Some("rsa"), &claims())),
        ("the signature of other claims", changed),
        ("expired", sign(Algorithm::RS256, &rsa("rsa"), Some("rsa"), &with("exp", json!(1_000_000_000)))),
        ("not yet", sign(Algorithm::RS256, &rsa("rsa"), Some("rsa"), &with("nbf", json!(4_000_000_000u64)))),
        ("another audience", sign(Algorithm::RS256, &rsa("rsa"), Some("rsa"), &with("aud", json!("mail")))),
        ("no audience", sign(Algorithm::RS256, &rsa("rsa"), Some("rsa"), &with("aud", Value::Null))),
        (
            "another issuer",
            sign(Algorithm::RS256, &rsa("rsa"), Some("rsa"), &with("iss", json!("https://id.example.evil"))),
        ),
        ("a tenant with a line break", sign(Algorithm::EdDSA, &ed(), None, &with("tenant", json!("t\n")))),
    ];
    for (what, token) in &refused {
        check(&server, what, token, 401);
    }
}

#[test]
fn keys_behind_a_url_are_read_again_and_failures_keep_the_old_ones() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let place = format!("http://{}/keys", listener.local_addr().unwrap());
    let answer = Mutex::new((500, String::new()));
    let home = Home::on_sqlite();
    home.settings(&format!("jwks = '{place}'\njwks_at_most_every_seconds = 0\n"));
    std::thread::scope(|scope| {
        let answer = &answer;
        scope.spawn(move || loop {
            let (mut stream, _) = listener.accept().unwrap();
            let length = stream.read(&mut [0; 4096]).unwrap();
            let (status, body) = answer.lock().unwrap().clone();
            if status == 0 || length == 0 {
                return;
            }
            let head = format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
            // A body that is too long is not read to its end.
            let _cut = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body.as_bytes())).is_err();
        });
        let say = |status: u16, body: String| *answer.lock().unwrap() = (status, body);
        let server = home.start();
        let by = |name: &str| sign(Algorithm::RS256, &rsa(name), Some(name), &claims());
        check(&server, "nobody knows the keys", &by("rsa"), 503);
        say(200, set(&[public("rsa")]));
        check(&server, "the first key", &by("rsa"), 200);
        check(&server, "a key that is not there", &by("other"), 401);
        say(200, set(&[public("other")]));
        check(&server, "the key that came", &by("other"), 200);
        check(&server, "the key that went", &by("rsa"), 401);
        let long = json!({ "keys": [public("rsa")], "more": "x".repeat(1 << 20) }).to_string();
        for (status, body) in
            [(500, String::new()), (200, "{".into()), (200, set(&[])), (302, String::new()), (200, long)]
        {
            say(status, body);
            check(&server, "a key that cannot be read", &by("rsa"), 401);
            check(&server, "the key that is known", &by("other"), 200);
        }
        say(0, String::new());
        // Lets the thread above end.
        drop(std::net::TcpStream::connect(place.trim_start_matches("http://").trim_end_matches("/keys")).unwrap());
    });
    home.settings("jwks = 'http://id.example/keys'\n");
    let error = home.run(&["--listen", "127.0.0.1:0"]).unwrap_err();
    assert!(error.contains("must come over https"), "{error}");
}
