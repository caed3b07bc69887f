//! Clients against the program: what they did is there once, whatever dies meanwhile.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tidewell_core::sync::{Action, Op};

use crate::fixture::{agent, create, heard, on_both, pause, update, value, Device, Home};

#[test]
fn two_clients_that_were_offline_end_with_the_same() {
    on_both(|home| {
        let server = home.start();
        let token = home.token("t", "ann");
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
    });
}

#[test]
fn a_server_killed_in_the_middle_of_pushes_loses_and_doubles_nothing() {
    on_both(|home| {
        home.run(&["token", "--tenant", "t", "--user", "ann"]).unwrap();
        let mut device = Device::new(3, &home.token("t", "ann"));
        device.mutate((0..5).map(|n| create(&format!("d{n}"))).collect());
        let (mut made, mut cut, rounds) = (0, 0, 12u32);
        for round in 0..rounds {
            let mut server = home.start();
            let url = server.url.clone();
            let life = Duration::from_millis(20 + device.rng.below(200));
            // Every other server answers something before it dies, however slow the machine is.
            let answered = AtomicBool::new(round % 2 == 0);
            std::thread::scope(|scope| {
                let answered = &answered;
                scope.spawn(move || {
                    while !answered.load(Ordering::Relaxed) {
                        pause(Duration::from_millis(5));
                    }
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
                    answered.store(true, Ordering::Relaxed);
                }
            });
            assert_eq!(cut, round + 1);
        }
        let server = home.start();
        device.sync(&server.url);
        let mut fresh = Device::new(4, &device.token);
        fresh.sync(&server.url);
        let sum: f64 = (0..5).map(|n| fresh.number(&format!("d{n}"))).sum();
        println!("{made} mutations, {} answered pushes, {cut} kills", device.answers);
        assert_eq!(sum, f64::from(made));
        assert!(
            device.answers >= u64::from(rounds / 2) && device.client.dead_letters(&device.store).unwrap().is_empty()
        );
    });
}

#[test]
fn a_server_restored_from_a_backup_gets_back_what_clients_hold() {
    on_both(|home| {
        let token = home.token("t", "ann");
        let mut device = Device::new(5, &token);
        {
            let server = home.start();
            device.mutate(vec![create("x")]);
            device.sync(&server.url);
            home.run(&["backup", "copy.db"]).unwrap();
            device.mutate(vec![update("x", r#"{"$inc":{"n":7}}"#)]);
            device.mutate(vec![create("y")]);
            device.sync(&server.url);
        }
        home.run(&["restore", "copy.db"]).unwrap();
        let server = home.start();
        device.sync(&server.url);
        let mut fresh = Device::new(6, &token);
        fresh.sync(&server.url);
        assert_eq!((fresh.number("x"), fresh.number("y")), (7.0, 0.0));
        assert_eq!((device.number("x"), device.number("y")), (7.0, 0.0));
        home.run(&["compact", "--keep", "0"]).unwrap();
        device.mutate(vec![update("x", r#"{"$inc":{"n":1}}"#)]);
        device.sync(&server.url);
        assert_eq!(device.number("x"), 8.0);
    });
}

#[test]
fn a_live_stream_tells_that_the_tenant_has_moved() {
    on_both(|home| {
        let server = home.start();
        let token = home.token("t", "ann");
        let request = agent().get(format!("{}/v1/live", server.url)).header("authorization", format!("Bearer {token}"));
        let mut stream = request.call().unwrap();
        let mut reader = stream.body_mut().as_reader();
        let mut device = Device::new(7, &token);
        device.mutate(vec![create("x")]);
        device.push(&server.url).unwrap();
        let text = heard(&mut reader, "data: 1\n");
        assert!(text.contains("data: 0\n"), "{text:?}");
    });
}

#[test]
fn rules_from_the_file_of_settings_hold_over_http() {
    on_both(|home| {
        let rules = r#"
            [rules.notes]
            read = '{"owner":"$claims.sub"}'
            write = '{"owner":"$claims.sub"}'
        "#;
        home.settings(rules);
        let server = home.start();
        let (mut ann, mut bob) = (Device::new(8, &home.token("t", "ann")), Device::new(9, &home.token("t", "bob")));
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
    });
}

#[test]
fn what_another_token_of_the_user_may_no_longer_read_is_evicted_and_comes_back_with_the_right() {
    on_both(|home| {
        home.settings("[rules.notes]\nread = '{\"team\":{\"$in\":\"$claims.teams\"}}'\nwrite = '{}'\n");
        let server = home.start();
        let token = |teams: &str| {
            let claims = format!(r#"{{"teams":{teams}}}"#);
            home.run(&["token", "--tenant", "t", "--user", "ann", "--claims", &claims]).unwrap()
        };
        let (both, one) = (token(r#"["red","blue"]"#), token(r#"["red"]"#));
        let of = |id: &str, team: &str| {
            Op::new("notes", id, Action::Create(value(&format!(r#"{{"id":"{id}","team":"{team}"}}"#))))
        };
        let mut ann = Device::new(1, &both);
        ann.mutate(vec![of("r", "red"), of("b", "blue")]);
        ann.sync(&server.url);
        assert!(ann.view("r").is_some() && ann.view("b").is_some());
        // What waits is not lost with the right, and what it no longer covers is told.
        ann.mutate(vec![of("r2", "red")]);
        ann.mutate(vec![update("b", r#"{"$set":{"seen":true}}"#)]);
        ann.token = one;
        ann.sync(&server.url);
        let there = |ann: &Device| ["r", "r2", "b"].map(|id| ann.view(id).is_some());
        assert_eq!(there(&ann), [true, true, false]);
        let letters = ann.client.dead_letters(&ann.store).unwrap();
        assert_eq!(letters.iter().map(|letter| &*letter.refusal.code).collect::<Vec<_>>(), ["gone"]);
        ann.token = both;
        ann.sync(&server.url);
        assert_eq!((there(&ann), ann.view("b")), ([true; 3], Some(value(r#"{"id":"b","team":"blue"}"#))));
    });
}

#[test]
fn a_cloned_client_and_its_twin_go_on_and_nothing_is_lost_or_done_twice() {
    on_both(|home| {
        let server = home.start();
        let mut one = Device::new(1, &home.token("t", "ann"));
        one.mutate(vec![create("x")]);
        one.sync(&server.url);
        // What waits is in both.
        one.mutate(vec![update("x", r#"{"$inc":{"n":1}}"#)]);
        let mut twin = one.twin(2);
        assert_eq!(one.client.pull_request().replica, twin.client.pull_request().replica);
        for round in 0..3 {
            one.mutate(vec![update("x", r#"{"$inc":{"n":10}}"#), create(&format!("one{round}"))]);
            twin.mutate(vec![update("x", r#"{"$inc":{"n":100}}"#), create(&format!("twin{round}"))]);
            one.sync(&server.url);
            twin.sync(&server.url);
        }
        one.sync(&server.url);
        let mut fresh = Device::new(3, &one.token);
        fresh.sync(&server.url);
        for device in [&one, &twin, &fresh] {
            assert_eq!(device.number("x"), 331.0);
            assert!((0..3).all(|n| ["one", "twin"].iter().all(|name| device.view(&format!("{name}{n}")).is_some())));
            assert!(device.client.dead_letters(&device.store).unwrap().is_empty());
        }
        assert_ne!(one.client.pull_request().replica, twin.client.pull_request().replica);
    });
}

#[test]
fn a_database_of_another_kind_is_named() {
    let error = Home::on("mysql://localhost/app").run(&["migrate"]).unwrap_err();
    assert!(error.contains("mysql://") && error.contains("postgres://"), "{error}");
}
