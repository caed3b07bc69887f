//! Who is of another tenant: it may know every name there is, and sees, changes and hears nothing.
//!
//! Tokens are `attack_tests`' matter; here all hold.

use tidewell_core::sync::message::Page;
use tidewell_core::sync::{Action, Mutation, Op, Outcome};

use crate::fixture::{agent, create, heard, on_both, outcomes, page, update, value, Device, Home};

/// The first mutation of a replica.
fn first(name: &str, op: Op) -> Mutation {
    Mutation::new(1, 0, name, 1, 0, vec![op]).unwrap()
}

fn ids(page: &Page) -> Vec<&str> {
    page.changes.iter().map(|change| &*change.id).collect()
}

#[test]
fn another_tenants_replica_cursor_and_mutation_are_strangers_names() {
    on_both(|home| {
        let server = home.start();
        // The same user, so that only the tenant stands between them.
        let (victim, other) = (home.token("a", "ann"), home.token("b", "ann"));
        let mut ann = Device::new(1, &victim);
        ann.mutate(vec![create("x")]);
        let pushed = ann.client.push_request().unwrap();
        ann.sync(&server.url);
        let (replica, asked) = (pushed.replica, ann.client.pull_request());
        let before = page(&server, &victim, &replica, None);
        assert_eq!((ids(&before), before.seq), (vec!["x"], 1));
        // The tenant that asks is behind the cursor, at it, and beyond it.
        for n in 0..3 {
            let probe = page(&server, &other, &replica, asked.cursor.as_deref());
            assert!(!ids(&probe).contains(&"x") && probe.seq == 0 && probe.hash == 0, "{probe:?}");
            let own = first(&format!("own{n}"), create(&format!("b{n}")));
            assert!(matches!(outcomes(&server, &other, &format!("r{n}"), vec![own])[..], [Outcome::Applied(_)]));
        }
        // A mutation's name and a replica that others have used are as good as new.
        let name = pushed.mutations[0].id.clone();
        let same = first(&name, create("again"));
        assert!(matches!(outcomes(&server, &other, &replica, vec![same])[..], [Outcome::Applied(4)]));
        let after = page(&server, &victim, &replica, None);
        assert_eq!(after, before);
        // And whom they belong to goes on with them.
        ann.mutate(vec![update("x", r#"{"$inc":{"n":1}}"#)]);
        ann.sync(&server.url);
        assert_eq!((ann.number("x"), ann.client.push_request().map(drop)), (1.0, None));
        assert!(ann.client.dead_letters(&ann.store).unwrap().is_empty());
    });
}

#[test]
fn no_op_of_another_tenant_tells_or_changes_what_is_there() {
    on_both(|home| {
        let server = home.start();
        let (victim, other) = (home.token("a", "ann"), home.token("b", "ann"));
        let mut ann = Device::new(1, &victim);
        ann.mutate((0..8).map(|n| create(&format!("x{n}"))).collect());
        ann.sync(&server.url);
        let before = page(&server, &victim, "reader", None);
        assert_eq!(before.changes.len(), 8);
        // The same ops on documents of tenant `a`, and on such as nobody has.
        let op = |n: usize, id: &str| {
            let document = || value(&format!(r#"{{"id":"{id}","of":"b"}}"#));
            let action = match n / 2 {
                0 => Op::new("notes", id, Action::Create(document())),
                1 => Op::new("notes", id, Action::Put(document())),
                2 => update(id, r#"{"$set":{"of":"b"}}"#),
                _ => Op::new("notes", id, Action::Remove),
            };
            Op { if_version: (n % 2 == 1).then_some(0), ..action }
        };
        let mut told = Vec::new();
        for there in ["x", "nobody-has-"] {
            for n in 0..8 {
                let id = format!("{there}{n}");
                let probe = first(&format!("{id}-probe"), op(n, &id));
                let outcome = outcomes(&server, &other, &format!("{id}-replica"), vec![probe]).remove(0);
                told.push(match outcome {
                    Outcome::Applied(_) => "applied".to_owned(),
                    Outcome::Rejected(refusal) => format!("{}: {}", refusal.code, refusal.reason.replace(&id, "it")),
                    other => panic!("{other:?}"),
                });
            }
        }
        let (there, nowhere) = told.split_at(8);
        assert_eq!(there, nowhere);
        assert_eq!(there.iter().filter(|told| *told == "applied").count(), 6, "{there:?}");
        assert_eq!(page(&server, &victim, "reader", None), before);
        assert_eq!(ids(&page(&server, &other, "reader", None)).len(), 8);
    });
}

#[test]
fn a_live_stream_hears_nothing_of_another_tenant() {
    on_both(|home| {
        let server = home.start();
        let (victim, other) = (home.token("a", "ann"), home.token("b", "ann"));
        // The versions of one are not those of the other.
        let mut own = Device::new(2, &other);
        for n in 0..7 {
            own.mutate(vec![create(&format!("b{n}"))]);
            own.push(&server.url).unwrap();
        }
        let live = agent().get(format!("{}/v1/live", server.url)).header("authorization", format!("Bearer {other}"));
        let mut stream = live.call().unwrap();
        let mut reader = stream.body_mut().as_reader();
        let mut ann = Device::new(1, &victim);
        for n in 0..5 {
            ann.mutate(vec![create(&format!("x{n}"))]);
            ann.push(&server.url).unwrap();
        }
        own.mutate(vec![create("b")]);
        own.push(&server.url).unwrap();
        let text = heard(&mut reader, "data: 8\n");
        // 0 says that something could have been missed.
        let data: Vec<&str> = text.lines().filter(|line| line.starts_with("data")).collect();
        assert!(data.iter().all(|line| ["data: 0", "data: 7", "data: 8"].contains(line)), "{data:?}");
    });
}

/// How many images a tenant has in its database.
fn images(home: &Home, tenant: &str) -> i64 {
    if home.database.starts_with("postgres") {
        let mut client = postgres::Client::connect(&home.database, postgres::NoTls).unwrap();
        return client.query_one("SELECT count(*) FROM tidewell_images WHERE tenant = $1", &[&tenant]).unwrap().get(0);
    }
    let file = rusqlite::Connection::open(home.folder.path().join(&home.database)).unwrap();
    file.query_row("SELECT count(*) FROM images WHERE tenant = ?", [tenant], |row| row.get(0)).unwrap()
}

#[test]
fn compaction_forgets_the_past_of_the_named_tenant_and_who_was_in_it_starts_over() {
    on_both(|home| {
        let server = home.start();
        let mut behind = Vec::new();
        for (seed, tenant) in [(1, "t"), (2, "u")] {
            let token = home.token(tenant, "ann");
            let (mut writer, mut reader) = (Device::new(seed, &token), Device::new(seed + 10, &token));
            writer.mutate(vec![create("x"), create("y")]);
            writer.sync(&server.url);
            reader.sync(&server.url);
            for _ in 0..5 {
                writer.mutate(vec![update("x", r#"{"$inc":{"n":1}}"#)]);
                writer.push(&server.url).unwrap();
            }
            writer.mutate(vec![Op::new("notes", "y", Action::Remove)]);
            writer.sync(&server.url);
            behind.push(reader);
        }
        assert_eq!((images(home, "t"), images(home, "u")), (8, 8));
        // What was superseded up to version 3 of 7 goes: two images of `x`.
        home.run(&["compact", "--tenant", "t", "--keep", "4"]).unwrap();
        assert_eq!((images(home, "t"), images(home, "u")), (6, 8));
        home.run(&["compact", "--tenant", "t", "--keep", "0"]).unwrap();
        assert_eq!((images(home, "t"), images(home, "u")), (1, 8));
        for (reader, starts_over) in behind.iter_mut().zip([true, false]) {
            let asked = reader.client.pull_request();
            let next = page(&server, &reader.token, &asked.replica, asked.cursor.as_deref());
            assert_eq!(next.reset, starts_over);
            reader.mutate(vec![create("own")]);
            reader.sync(&server.url);
            assert_eq!((reader.number("x"), reader.view("y"), reader.number("own")), (5.0, None, 0.0));
        }
        home.run(&["compact", "--keep", "0"]).unwrap();
        assert_eq!((images(home, "t"), images(home, "u")), (2, 2));
    });
}
