//! Schemas: what does not fit its collection's is rejected with its place in the document, and what was written by another
//! version of the application waits.

use tidewell_core::sync::{Action, Mutation, Op, Outcome};

use crate::fixture::{create, on_both, outcomes, page, update, value, Device};

fn put(document: &str) -> Op {
    Op::new("notes", "x", Action::Put(value(document)))
}

#[test]
fn documents_that_violate_the_schema_are_rejected_with_the_path() {
    on_both(|home| {
        let schema = r#"{"type":"object","required":["title"],"properties":{
            "title":{"type":"string","maxLength":5},"tags":{"type":"array","items":{"type":"string"}}}}"#;
        std::fs::write(home.folder.path().join("notes.json"), schema).unwrap();
        home.settings("[schemas]\nnotes = 'notes.json'\nlists = '{\"type\":\"object\"}'\n");
        let server = home.start();
        let mut device = Device::new(1, &home.token("t", "ann"));
        let rejected = [
            (put(r#"{"id":"x"}"#), "''"),
            (put(r#"{"id":"x","title":"much too long"}"#), "'/title'"),
            (put(r#"{"id":"x","title":"a","tags":["b",3]}"#), "'/tags/1'"),
            (update("y", r#"{"$set":{"title":5}}"#), "'/title'"),
        ];
        device.mutate(vec![Op::new("notes", "y", Action::Create(value(r#"{"id":"y","title":"b"}"#)))]);
        for (op, _) in &rejected {
            device.mutate(vec![op.clone()]);
        }
        device.mutate(vec![Op::new("others", "z", Action::Put(value(r#"{"id":"z","title":7}"#)))]);
        device.sync(&server.url);
        let letters = device.client.dead_letters(&device.store).unwrap();
        assert_eq!(letters.len(), rejected.len());
        for (_, path) in &rejected {
            let named = |reason: &str| reason.contains(&format!("at {path}: ")) && !reason.contains("much too long");
            let fits = letters.iter().any(|letter| &*letter.refusal.code == "invalid" && named(&letter.refusal.reason));
            assert!(fits, "{path} is not named");
        }
        assert_eq!(device.view("y"), Some(value(r#"{"id":"y","title":"b"}"#)));
        assert_eq!(device.view("x"), None);
        home.settings("[schemas]\nnotes = '{\"type\":5}'\n");
        let error = home.run(&["--listen", "127.0.0.1:0"]).unwrap_err();
        assert!(error.contains("the schema of 'notes'"), "{error}");
    });
}

#[test]
fn writes_of_a_newer_schema_are_told_to_come_again_and_of_an_older_one_to_upgrade() {
    on_both(|home| {
        home.settings("schema_min = 2\nschema_max = 3\n");
        let server = home.start();
        let token = home.token("t", "ann");
        // Mutations of these schemas, one after another.
        let push = |replica: &str, schemas: &[u64]| {
            let mut prev = 0;
            let mutations = schemas.iter().zip(1..).map(|(schema, seq)| {
                let name = format!("{replica}-{seq}");
                let mutation = Mutation::new(seq, prev, &name, *schema, 0, vec![create(&name)]).unwrap();
                prev = mutation.hash();
                mutation
            });
            outcomes(&server, &token, replica, mutations.collect())
        };
        // Nothing behind one that must wait is looked at.
        assert!(matches!(push("new", &[3, 4, 3])[..], [Outcome::Applied(1), Outcome::Retry(5000)]));
        assert!(matches!(push("old", &[2, 1, 2])[..], [Outcome::Applied(2), Outcome::Upgrade]));
        let there = page(&server, &token, "r", None);
        assert_eq!(there.changes.iter().map(|change| &*change.id).collect::<Vec<_>>(), ["new-1", "old-1"]);
        // Once the server is as new, the same is taken.
        drop(server);
        home.settings("schema_min = 2\nschema_max = 4\n");
        let newer = home.start();
        let mutation = |seq, prev, schema| {
            let name = format!("new-{seq}");
            Mutation::new(seq, prev, &name, schema, 0, vec![create(&name)]).unwrap()
        };
        let first = mutation(1, 0, 3);
        let second = mutation(2, first.hash(), 4);
        let taken = outcomes(&newer, &token, "new", vec![first, second]);
        assert!(matches!(taken[..], [Outcome::Duplicate(1), Outcome::Applied(3)]), "{taken:?}");
    });
}
