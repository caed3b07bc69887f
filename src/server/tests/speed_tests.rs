//! How fast it is, on request: `cargo test -p tidewell-server --profile sim speed -- --ignored --nocapture --test-threads 1`.
//!
//! It judges only that everything arrives.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tidewell_core::sync::{Action, Op};

use crate::cluster::Cluster;
use crate::fixture::{value, Device, Home, Server};

const DOCUMENTS: usize = 100_000;

#[expect(clippy::disallowed_methods, reason = "real time is what is measured")]
fn now() -> Instant {
    Instant::now()
}

fn create(id: &str) -> Op {
    let document = format!(
        r#"{{"id":"{id}","title":"A note of ordinary length","done":false,"tags":["home","later"],"text":"{}"}}"#,
        "lorem ipsum ".repeat(10)
    );
    Op::new("notes", id, Action::Create(value(&document)))
}

fn rss(server: &Server) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.child.id())).unwrap();
    status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.split_whitespace().next()?.parse().ok()).unwrap()
}

/// Eight clients of one tenant for some seconds, `batch` mutations a push.
fn pushes(name: &str, home: &Home, server: &Server, batch: usize) {
    let (pushed, mutations) = (AtomicU64::new(0), AtomicU64::new(0));
    let token = home.token(&format!("push{batch}"), "ann");
    let (start, time) = (now(), Duration::from_secs(5));
    std::thread::scope(|scope| {
        for client in 0..8u64 {
            let (pushed, mutations, token, url) = (&pushed, &mutations, &token, &server.url);
            scope.spawn(move || {
                let mut device = Device::with(client, token, 1000, 500);
                let mut n = 0;
                while start.elapsed() < time {
                    for _ in 0..batch {
                        device.mutate(vec![create(&format!("{client}-{n}"))]);
                        n += 1;
                    }
                    device.push(url).unwrap();
                    pushed.fetch_add(1, Ordering::Relaxed);
                    mutations.fetch_add(batch as u64, Ordering::Relaxed);
                }
            });
        }
    });
    let rate = |count: &AtomicU64| count.load(Ordering::Relaxed) as f64 / start.elapsed().as_secs_f64();
    println!(
        "{name}: 8 clients, {batch} mutations a push: {:.0} pushes/s, {:.0} mutations/s",
        rate(&pushed),
        rate(&mutations)
    );
}

fn measure(name: &str, home: &Home) {
    home.settings("[limits]\nuser_requests = 0\ntenant_requests = 0\n");
    let server = home.start();
    pushes(name, home, &server, 1);
    pushes(name, home, &server, 50);
    let token = home.token("large", "ann");
    let (mut writer, start) = (Device::with(50, &token, 1000, 500), now());
    for n in 0..DOCUMENTS {
        writer.mutate(vec![create(&format!("{n:06}"))]);
        if n % 500 == 499 {
            writer.push(&server.url).unwrap();
        }
    }
    println!("{name}: {DOCUMENTS} documents written by one client in {:.1} s", start.elapsed().as_secs_f64());
    let (mut reader, start) = (Device::with(51, &token, 1000, 500), now());
    while reader.pull(&server.url).unwrap() {}
    let seconds = start.elapsed().as_secs_f64();
    assert!(reader.view("000000").is_some() && reader.view(&format!("{:06}", DOCUMENTS - 1)).is_some());
    println!(
        "{name}: first download of {DOCUMENTS} documents in {seconds:.1} s, {:.0} documents/s; the server has {} MiB",
        DOCUMENTS as f64 / seconds,
        rss(&server) >> 10
    );
}

#[test]
#[ignore = "a measurement of minutes"]
fn speed_on_sqlite() {
    measure("SQLite", &Home::on_sqlite());
}

#[test]
#[ignore = "a measurement of minutes"]
fn speed_on_postgresql() {
    let cluster = Cluster::start_with(&["fsync=on", "shared_buffers=256MB"]);
    measure("PostgreSQL", &Home::on(&cluster.database()));
}

#[test]
#[ignore = "a measurement of minutes"]
fn speed_of_a_thousand_live_clients() {
    let home = Home::on_sqlite();
    home.settings("[limits]\nuser_requests = 0\ntenant_requests = 0\n");
    let server = home.start();
    let token = home.token("t", "ann");
    let before = rss(&server);
    let request = format!("GET /v1/live HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\n\r\n");
    let address = server.url.trim_start_matches("http://");
    let mut streams: Vec<TcpStream> = (0..1000).map(|_| TcpStream::connect(address).unwrap()).collect();
    let until = |stream: &mut TcpStream, word: &str| {
        let (mut text, mut bytes) = (String::new(), [0; 1024]);
        while !text.contains(word) {
            let length = stream.read(&mut bytes).unwrap();
            assert!(length > 0, "{text}");
            text.push_str(&String::from_utf8_lossy(&bytes[..length]));
        }
    };
    streams.iter_mut().for_each(|stream| stream.write_all(request.as_bytes()).unwrap());
    streams.iter_mut().for_each(|stream| until(stream, "data: 0\n"));
    let after = rss(&server);
    let mut device = Device::new(1, &token);
    device.mutate(vec![create("x")]);
    let start = now();
    device.push(&server.url).unwrap();
    streams.iter_mut().for_each(|stream| until(stream, "data: 1\n"));
    let all = start.elapsed();
    println!(
        "1000 live clients: {} MiB instead of {} MiB; all heard of a push after {all:?}",
        after >> 10,
        before >> 10
    );
}
