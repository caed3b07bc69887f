//! Clients against the program: what they did is there once, whatever dies meanwhile.

use std::io::Read;
use std::time::Duration;

use tempfile::TempDir;
use tidewell_core::sync::{Action, Op};

use crate::fixture::{agent, run, token, update, value, Device, Server};

fn create(id: &str) -> Op {
    Op::new("notes", id, Action::Create(value(&format!(r#"{{"id":"{id}","n":0}}"#))))
}

#[expect(clippy::disallowed_methods, reason = "a real process is killed after real time")]
fn pause(time: Duration) {
    std::thread::sleep(time);
}

#[test]
fn two_clients_that_were_offline_end_with_the_same() {
    let folder = TempDir::new().unwrap();
    let server = Server::start(&folder, &[]);
    let token = token(&folder, "t", "ann");
    let (mut a, mut b) = (Device::new(1, &token), Device::new(2, &token));
    a.mutate(vec![create("x"), create("y")]);
    a.sync(&server.url);
    b.sync(&server.url);
    a.mutate(vec![update("x", r#"{"$inc":{"n":2},"$set":{"a":1}}"#)]);
    b.mutate(vec![update("x", r#"{"$inc":{"n":3},"$set":{"b":1}}"#)]);
    b.mutate(vec![Op::new("notes", "y", Action::Remove)]);
    a.sync(&server.url);
    b.sync(&server.url);
    a.sync(&server.url);
    assert_eq!(a.view("x"), Some(value(r#"{"id":"x","n":5,"a":1,"b":1}"#)));
    assert_eq!((a.view("x"), a.view("y")), (b.view("x"), b.view("y")));
    assert_eq!(a.view("y"), None);
}

#[test]
fn a_server_killed_in_the_middle_of_pushes_loses_and_doubles_nothing() {
    let folder = TempDir::new().unwrap();
    run(folder.path(), &["token", "--tenant", "t", "--user", "ann"]).unwrap();
    let mut device = Device::new(3, &token(&folder, "t", "ann"));
    device.mutate((0..5).map(|n| create(&format!("d{n}"))).collect());
    let (mut made, mut cut, rounds) = (0, 0, 12u32);
    for round in 0..rounds {
        let mut server = Server::start(&folder, &[]);
        let url = server.url.clone();
        let life = Duration::from_millis(20 + device.rng.below(200));
        std::thread::scope(|scope| {
            scope.spawn(move || {
                pause(life);
                server.child.kill().unwrap();
                server.child.wait().unwrap();
            });
            loop {
                for _ in 0..1 + device.rng.below(5) {
                    device.mutate(vec![update(&format!("d{}", device.rng.below(5)), r#"{"$inc":{"n":1}}"#)]);
                    made += 1;
                }
                if device.push(&url).and_then(|()| device.pull(&url)).is_err() {
                    cut += 1;
                    break;
                }
            }
        });
        assert_eq!(cut, round + 1);
    }
    let server = Server::start(&folder, &[]);
    device.sync(&server.url);
    let mut fresh = Device::new(4, &device.token);
    fresh.sync(&server.url);
    let sum: f64 = (0..5).map(|n| fresh.number(&format!("d{n}"))).sum();
    println!("{made} mutations, {} answered pushes, {cut} kills", device.answers);
    assert_eq!(sum, f64::from(made));
    assert!(device.answers > u64::from(rounds) && device.client.dead_letters(&device.store).unwrap().is_empty());
}

#[test]
fn a_server_restored_from_a_backup_gets_back_what_clients_hold() {
    let folder = TempDir::new().unwrap();
    let token = token(&folder, "t", "ann");
    let mut device = Device::new(5, &token);
    {
        let server = Server::start(&folder, &[]);
        device.mutate(vec![create("x")]);
        device.sync(&server.url);
        run(folder.path(), &["backup", "copy.db"]).unwrap();
        device.mutate(vec![update("x", r#"{"$inc":{"n":7}}"#)]);
        device.mutate(vec![create("y")]);
        device.sync(&server.url);
    }
    run(folder.path(), &["restore", "copy.db"]).unwrap();
    let server = Server::start(&folder, &[]);
    device.sync(&server.url);
    let mut fresh = Device::new(6, &token);
    fresh.sync(&server.url);
    assert_eq!((fresh.number("x"), fresh.number("y")), (7.0, 0.0));
    assert_eq!((device.number("x"), device.number("y")), (7.0, 0.0));
    run(folder.path(), &["compact", "--keep", "0"]).unwrap();
    device.mutate(vec![update("x", r#"{"$inc":{"n":1}}"#)]);
    device.sync(&server.url);
    assert_eq!(device.number("x"), 8.0);
}

#[test]
fn a_live_stream_tells_that_the_tenant_has_moved() {
    let folder = TempDir::new().unwrap();
    let server = Server::start(&folder, &[]);
    let token = token(&folder, "t", "ann");
    let request = agent().get(format!("{}/v1/live", server.url)).header("authorization", format!("Bearer {token}"));
    let mut stream = request.call().unwrap();
    let mut reader = stream.body_mut().as_reader();
    let mut device = Device::new(7, &token);
    device.mutate(vec![create("x")]);
    device.push(&server.url).unwrap();
    let (mut text, mut bytes) = (String::new(), [0; 256]);
    while !text.contains("data: 1\n") {
        let length = reader.read(&mut bytes).unwrap();
        assert!(length > 0, "the stream ended with {text:?}");
        text.push_str(&String::from_utf8_lossy(&bytes[..length]));
    }
    assert!(text.contains("data: 0\n"), "{text:?}");
}

#[test]
fn rules_from_the_file_of_settings_hold_over_http() {
    let folder = TempDir::new().unwrap();
    let rules = r#"
        [rules.notes]
        read = '{"owner":"$claims.sub"}'
        write = '{"owner":"$claims.sub"}'
    "#;
    std::fs::write(folder.path().join("server.toml"), rules).unwrap();
    let server = Server::start(&folder, &["--config", "server.toml"]);
    let (mut ann, mut bob) = (Device::new(8, &token(&folder, "t", "ann")), Device::new(9, &token(&folder, "t", "bob")));
    let own = |id: &str, owner: &str| {
        Op::new("notes", id, Action::Create(value(&format!(r#"{{"id":"{id}","owner":"{owner}"}}"#))))
    };
    ann.mutate(vec![own("a", "ann")]);
    ann.sync(&server.url);
    bob.mutate(vec![own("b", "ann")]);
    bob.mutate(vec![own("c", "bob")]);
    bob.sync(&server.url);
    assert_eq!((bob.view("a"), bob.view("b")), (None, None));
    assert!(bob.view("c").is_some());
    let letters = bob.client.dead_letters(&bob.store).unwrap();
    assert_eq!(letters.iter().map(|letter| &*letter.refusal.code).collect::<Vec<_>>(), ["forbidden"]);
}

#[test]
fn a_database_that_is_not_there_yet_is_named() {
    let folder = TempDir::new().unwrap();
    let error = run(folder.path(), &["--database", "postgres://localhost/app"]).unwrap_err();
    assert!(error.contains("postgres://localhost/app") && error.contains("not there yet"), "{error}");
}
