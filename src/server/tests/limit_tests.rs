//! Clients that ask too much, send too slowly or take nothing: each meets its limit, and the others go on.

use std::io::{Read, Write};
use std::time::Duration;

use flate2::{write::GzEncoder, Compression};
use tidewell_core::base::checksum;
use tidewell_core::sync::{Action, Op};

use crate::fixture::{agent, connect, pause, post, rest, value, Device, Home};

const PULL: &[u8] = br#"{"v":1,"replica":"r","cursor":null,"subscriptions":[{"c":"notes"}]}"#;

#[test]
fn a_user_who_asks_too_often_is_told_when_to_come_again_and_others_are_not() {
    let home = Home::on_sqlite();
    home.settings("[limits]\nuser_requests = 3\n");
    let server = home.start();
    let (ann, bob) = (home.token("t", "ann"), home.token("t", "bob"));
    let url = format!("{}/v1/pull", server.url);
    let answers: Vec<(u16, Vec<u8>)> = (0..20).map(|_| post(&url, &ann, PULL, None).unwrap()).collect();
    let refused: Vec<&(u16, Vec<u8>)> = answers.iter().filter(|(status, _)| *status == 429).collect();
    assert!(refused.len() > 5 && refused.len() < 20, "{} of 20", refused.len());
    let body = String::from_utf8_lossy(&refused[0].1).into_owned();
    assert!(body.starts_with(r#"{"v":1,"kind":"retry","after":"#), "{body}");
    assert_eq!(post(&url, &bob, PULL, None).unwrap().0, 200);
    // A client of the core waits and gets through.
    let mut device = Device::new(1, &ann);
    device.mutate(vec![Op::new("notes", "x", Action::Put(value(r#"{"id":"x"}"#)))]);
    for _ in 0..100 {
        device.push(&server.url).unwrap();
        pause(Duration::from_millis(100));
        if device.push(&server.url).and_then(|()| device.pull(&server.url)).is_ok() && device.client.is_settled() {
            return;
        }
    }
    panic!("the device does not get through");
}

#[test]
fn a_tenant_has_so_many_live_streams_and_one_that_ends_makes_room() {
    let home = Home::on_sqlite();
    home.settings("[limits]\nlive_streams = 2\n");
    let server = home.start();
    let open = |tenant: &str| {
        let token = home.token(tenant, "ann");
        agent()
            .get(format!("{}/v1/live", server.url))
            .header("authorization", format!("Bearer {token}"))
            .call()
            .unwrap()
    };
    let (first, _second) = (open("t"), open("t"));
    let third = open("t");
    assert_eq!((third.status().as_u16(), third.headers().contains_key("retry-after")), (429, true));
    assert_eq!(open("other").status().as_u16(), 200);
    drop(first);
    let again = (0..50).any(|_| {
        pause(Duration::from_millis(50));
        open("t").status().as_u16() == 200
    });
    assert!(again);
}

#[test]
fn clients_that_send_too_slowly_are_cut_off() {
    let home = Home::on_sqlite();
    home.settings("[limits]\nhead_seconds = 1\nrequest_seconds = 1\n");
    let server = home.start();
    let mut head = connect(&server);
    head.write_all(b"GET /health HTTP/1.1\r\nhost: x\r\nx-slow: ").unwrap();
    let mut body = connect(&server);
    let token = home.token("t", "ann");
    let start =
        format!("POST /v1/pull HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\ncontent-length: 100\r\n\r\n{{");
    body.write_all(start.as_bytes()).unwrap();
    let said = rest(body);
    assert!(said.starts_with("HTTP/1.1 408"), "{said}");
    let said = rest(head);
    assert!(!said.contains("200 OK"), "{said}");
}

#[test]
fn connections_are_counted_and_one_that_takes_nothing_gives_its_place_back() {
    let home = Home::on_sqlite();
    home.settings("[limits]\nconnections = 1\nstalled_seconds = 1\nuser_requests = 0\n");
    let server = home.start();
    let token = home.token("t", "ann");
    let mut device = Device::new(1, &token);
    for n in 0..4 {
        let document = format!(r#"{{"id":"{n}","text":"{}"}}"#, "x".repeat(900_000));
        device.mutate(vec![Op::new("notes", &n.to_string(), Action::Put(value(&document)))]);
        device.push(&server.url).unwrap();
    }
    let mut stalled = connect(&server);
    let pull = String::from_utf8_lossy(PULL).into_owned();
    let request = format!(
        "POST /v1/pull HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\ncontent-length: {}\r\n\r\n{pull}",
        pull.len()
    );
    for _ in 0..20 {
        // The server takes no more once it cannot answer.
        stalled.set_write_timeout(Some(Duration::from_millis(100))).unwrap();
        if stalled.write_all(request.as_bytes()).is_err() {
            break;
        }
    }
    let mut next = connect(&server);
    next.write_all(b"GET /health HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").unwrap();
    next.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
    assert!(next.read(&mut [0; 64]).is_err(), "the second connection was served beside the first");
    next.set_read_timeout(Some(Duration::from_secs(15))).unwrap();
    let said = rest(next);
    assert!(said.starts_with("HTTP/1.1 200"), "{said}");
    drop(stalled);
}

#[test]
fn bombs_are_refused_before_they_unfold_and_plain_compression_is_taken() {
    let home = Home::on_sqlite();
    let server = home.start();
    let (token, url) = (home.token("t", "ann"), format!("{}/v1/pull", server.url));
    let gzip = |bytes: &[u8]| {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    };
    let zstd = |bytes: &[u8], window: u32| {
        let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 3).unwrap();
        encoder.window_log(window).unwrap();
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    };
    let large = vec![b' '; 256 << 20];
    let check = |what: &str, body: &[u8], encoding: &str, status: u16| {
        let (got, answer) = post(&url, &token, body, Some(encoding)).unwrap();
        assert_eq!(got, status, "{what}: {}", String::from_utf8_lossy(&answer));
    };
    check("a gzip bomb", &gzip(&large), "gzip", 413);
    check("a zstd bomb", &zstd(&large, 20), "zstd", 413);
    check("a zstd frame that asks for 128 MiB", &zstd(&large[..1000], 27), "zstd", 400);
    check("a gzip bomb in a gzip", &gzip(&gzip(&large)), "gzip", 400);
    check("an unknown encoding", PULL, "br", 415);
    check("no zstd", PULL, "zstd", 400);
    check("plain gzip", &gzip(PULL), "gzip", 200);
    check("plain zstd", &zstd(PULL, 20), "zstd", 200);
    let memory = std::fs::read_to_string(format!("/proc/{}/status", server.child.id())).unwrap();
    let peak: u64 =
        memory.lines().find_map(|line| line.strip_prefix("VmHWM:")?.split_whitespace().next()?.parse().ok()).unwrap();
    println!("the server's memory at its highest: {} MiB", peak >> 10);
    assert!(peak < 120 << 10, "{peak} KiB");
}

#[test]
fn a_large_page_is_compressed_as_the_client_accepts_it() {
    let home = Home::on_sqlite();
    let server = home.start();
    let (token, url) = (home.token("t", "ann"), format!("{}/v1/pull", server.url));
    let mut device = Device::new(1, &token);
    for n in 0..50 {
        let document = format!(r#"{{"id":"{n}","text":"{}"}}"#, "the tide comes in ".repeat(50));
        device.mutate(vec![Op::new("notes", &n.to_string(), Action::Put(value(&document)))]);
    }
    device.sync(&server.url);
    let answered = |accepted: &str| {
        let request = agent().post(&url).header("authorization", format!("Bearer {token}"));
        let mut answer = request.header("accept-encoding", accepted).send(PULL).unwrap();
        let encoding = answer.headers().get("content-encoding").map(|value| value.to_str().unwrap().to_owned());
        (encoding, answer.body_mut().read_to_vec().unwrap())
    };
    let (none, plain) = answered("identity");
    assert!(none.is_none() && plain.len() > 40_000, "{none:?}, {} bytes", plain.len());
    let (encoding, body) = answered("gzip");
    let mut unpacked = Vec::new();
    flate2::read::GzDecoder::new(&*body).read_to_end(&mut unpacked).unwrap();
    assert!(encoding.as_deref() == Some("gzip") && unpacked == plain && body.len() * 4 < plain.len());
    let (encoding, body) = answered("zstd");
    let unpacked = zstd::stream::decode_all(&*body).unwrap();
    assert!(encoding.as_deref() == Some("zstd") && unpacked == plain && body.len() * 4 < plain.len());
}

#[test]
fn all_users_of_a_tenant_together_ask_only_so_often_and_another_tenant_does_not_wait() {
    let home = Home::on_sqlite();
    home.settings("[limits]\nuser_requests = 0\ntenant_requests = 3\n");
    let server = home.start();
    let url = format!("{}/v1/pull", server.url);
    let users = ["ann", "bob", "eve"].map(|user| home.token("t", user));
    let asked = (0..30).map(|n| post(&url, &users[n % 3], PULL, None).unwrap().0);
    let limited = asked.filter(|status| *status == 429).count();
    assert!(limited > 5 && limited < 30, "{limited} of 30");
    assert_eq!(post(&url, &home.token("other", "ann"), PULL, None).unwrap().0, 200);
}

#[test]
fn what_is_one_more_than_a_message_may_have_is_refused_and_what_is_not_is_taken() {
    let home = Home::on_sqlite();
    let server = home.start();
    let token = home.token("t", "ann");
    let check = |what: &str, route: &str, body: &[u8], refused: Option<&str>| {
        let (status, answer) = post(&format!("{}/v1/{route}", server.url), &token, body, None).unwrap();
        let answer = String::from_utf8_lossy(&answer).into_owned();
        let expected = refused.map_or(200, |_| 400);
        assert!(status == expected && answer.contains(refused.unwrap_or("")), "{what}: {status} {answer}");
        assert!(refused.is_some() || !answer.contains(r#""outcome":"rejected""#), "{what}: {answer}");
        assert!(refused.is_none() || answer.starts_with(r#"{"error":{"code":"invalid""#), "{what}: {answer}");
    };
    // What is wrong with one mutation alone, that one is refused for.
    let rejected = |what: &str, body: &[u8], reason: &str| {
        let (status, answer) = post(&format!("{}/v1/push", server.url), &token, body, None).unwrap();
        let answer = String::from_utf8_lossy(&answer).into_owned();
        let expected = r#""results":[{"seq":1,"outcome":"rejected","code":"invalid","reason":"#;
        assert!(status == 200 && answer.contains(expected) && answer.contains(reason), "{what}: {status} {answer}");
    };
    // A push of so many mutations, each of so many ops, in JSON by hand: the core's client makes none that are too large.
    let push = |replica: &str, mutations: usize, ops: usize, document: usize| {
        let text = "x".repeat(document);
        let (mut written, mut prev) = (Vec::new(), 0);
        for seq in 1..=mutations {
            let ops: Vec<String> = (0..ops)
                .map(|n| format!(r#"{{"c":"notes","id":"{n}","put":{{"id":"{n}","text":"{text}"}}}}"#))
                .collect();
            let ops = ops.join(",");
            let body = format!(
                r#"{{"seq":{seq},"prev":"{prev:016x}","id":"{replica}-{seq}","schema":1,"base":0,"ops":[{ops}]}}"#
            );
            prev = checksum(body.as_bytes());
            written.push(format!(r#"{},"hash":"{prev:016x}"}}"#, &body[..body.len() - 1]));
        }
        format!(r#"{{"v":1,"replica":"{replica}","epoch":null,"mutations":[{}]}}"#, written.join(",")).into_bytes()
    };
    check("500 mutations", "push", &push("a", 500, 1, 10), None);
    check("501 mutations", "push", &push("b", 501, 1, 10), Some("at most 500"));
    check("1,000 ops", "push", &push("c", 1, 1000, 10), None);
    rejected("1,001 ops", &push("d", 1, 1001, 10), "at most 1000");
    check("a mutation of nearly 2 MiB", "push", &push("e", 1, 2, 1_000_000), None);
    rejected("a mutation of more", &push("f", 1, 3, 800_000), "at most 2097152 bytes");
    check("a name of 64 letters", "push", &push(&"g".repeat(62), 1, 1, 10), None);
    check("a name of more", "push", &push(&"g".repeat(65), 1, 1, 10), Some("replica"));
    let pull = |subscriptions: usize, limit: &str| {
        let all: Vec<String> = (0..subscriptions).map(|n| format!(r#"{{"c":"notes{n}"}}"#)).collect();
        let all = all.join(",");
        format!(r#"{{"v":1,"replica":"r","cursor":null,"limit":{limit},"subscriptions":[{all}]}}"#).into_bytes()
    };
    check("100 subscriptions", "pull", &pull(100, "1"), None);
    check("101 subscriptions", "pull", &pull(101, "1"), Some("at most 100"));
    check("a limit beyond the largest page", "pull", &pull(1, "1000000"), None);
    let twice = br#"{"v":1,"replica":"r","cursor":null,"subscriptions":[{"c":"notes"},{"c":"notes"}]}"#;
    check("a collection named twice", "pull", twice, Some("twice"));
}

#[test]
fn a_live_stream_ends_with_its_token() {
    let home = Home::on_sqlite();
    let server = home.start();
    home.token("t", "ann");
    let secret = std::fs::read(home.folder.path().join("tidewell.secret")).unwrap();
    let exp = jsonwebtoken::get_current_timestamp() + 2;
    let claims = serde_json::json!({ "tenant": "t", "sub": "ann", "exp": exp });
    let key = jsonwebtoken::EncodingKey::from_secret(&secret);
    let token = jsonwebtoken::encode(&jsonwebtoken::Header::default(), &claims, &key).unwrap();
    let live = agent().get(format!("{}/v1/live", server.url)).header("authorization", format!("Bearer {token}"));
    let mut stream = live.call().unwrap();
    let mut text = String::new();
    // The agent would give up later, and that would be an error.
    stream.body_mut().as_reader().read_to_string(&mut text).unwrap();
    assert!(text.contains("data: 0\n"), "{text:?}");
    assert!(jsonwebtoken::get_current_timestamp() >= exp - 1);
}
