//! Schemas of collections: what does not fit is rejected with its place in the document.

use tidewell_core::sync::{Action, Op};

use crate::fixture::{on_both, update, value, Device};

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
