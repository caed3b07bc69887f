//! Versions apart: an application older than its server's schema, and ends that speak other versions of the wire.

use tidewell_core::base::Result;
use tidewell_core::collections::Value;
use tidewell_core::sync::limits::PROTOCOL;

use super::device::{number, open, storage, text, word, Server, Tab};
use super::support::{check, pending};

/// Begins to sync `notes` with a schema of this version.
async fn sync_in(tab: &Tab, schema: u64) -> Result<Value> {
    tab.run(&format!(r#"{{"op":"syncOpen","collections":[{{"name":"notes"}}],"schema":{schema}}}"#)).await
}

/// The names of the mutations that wait.
async fn names(tab: &Tab) -> Result<Vec<String>> {
    let found = tab.run(r#"{"op":"syncPending"}"#).await?;
    let Some(Value::Array(mutations)) = found.field("mutations") else { panic!("{found:?}") };
    Ok(mutations.iter().map(|mutation| word(mutation, "id")).collect())
}

#[test]
fn what_waits_in_an_old_schema_is_raised_keeps_its_name_and_takes_effect_once() {
    check(|sim| async move {
        let server = Server::new();
        let tab = open(&sim, &storage(&sim)).await?;
        sync_in(&tab, 1).await?;
        tab.run(r#"{"op":"put","collection":"notes","docs":[{"id":"a","name":"Tide"}]}"#).await?;
        tab.exchange(&server).await?;
        tab.run(r#"{"op":"update","collection":"notes","id":"a","update":{"$inc":{"n":1}}}"#).await?;
        tab.run(r#"{"op":"update","collection":"notes","id":"a","update":{"$set":{"name":"Ebb"}}}"#).await?;
        (server.policy.borrow_mut().schema_min, server.policy.borrow_mut().schema_max) = (2, 2);
        tab.exchange(&server).await?;
        let status = tab.status().await?;
        assert_eq!((word(&status, "state").as_str(), number(&status, "pending")), ("upgrade", 2));
        // Nothing more is asked, and nothing is dropped.
        assert!(!tab.turn(&server).await?);
        let (before, waiting) = (names(&tab).await?, pending(&tab).await?);

        // The application is another one now, in which the name is a title.
        sync_in(&tab, 2).await?;
        assert_eq!(pending(&tab).await?, waiting);
        let raised = format!(
            r#"{{"id":"{}","ops":[{{"c":"notes","id":"a","update":{{"$set":{{"title":"Ebb"}},"$unset":{{"name":""}}}}}}]}}"#,
            before[1]
        );
        tab.run(&format!(r#"{{"op":"syncMigrate","mutations":[{raised}]}}"#)).await?;
        // What the application does not name stays as it is, in the new schema.
        assert_eq!((names(&tab).await?, &pending(&tab).await?[0]), (before, &waiting[0]));
        let expected = r#"{"id":"a","n":1,"title":"Ebb"}"#;
        assert_eq!(tab.documents("notes").await?, [expected]);
        tab.run(&format!(r#"{{"op":"syncResume","now":{}}}"#, sim.now_ms())).await?;
        tab.exchange(&server).await?;
        let status = tab.status().await?;
        let standing = (word(&status, "state"), number(&status, "pending"), number(&status, "letters"));
        assert_eq!(standing, ("live".to_owned(), 0, 0));
        assert_eq!(
            (server.documents("notes"), tab.documents("notes").await?),
            (vec![expected.to_owned()], vec![expected.to_owned()])
        );

        // Again there is nothing to do.
        tab.run(r#"{"op":"syncMigrate","mutations":[]}"#).await?;
        tab.exchange(&server).await?;
        assert_eq!(server.documents("notes"), [expected]);
        Ok(())
    });
}

#[test]
fn what_took_effect_before_it_was_raised_does_not_take_effect_again() {
    check(|sim| async move {
        let server = Server::new();
        let tab = open(&sim, &storage(&sim)).await?;
        sync_in(&tab, 1).await?;
        tab.run(r#"{"op":"put","collection":"notes","docs":[{"id":"a","n":0}]}"#).await?;
        tab.exchange(&server).await?;
        tab.run(r#"{"op":"update","collection":"notes","id":"a","update":{"$inc":{"n":1}}}"#).await?;
        server.loses_answer.set(true);
        assert!(tab.turn(&server).await?);
        server.loses_answer.set(false);
        assert_eq!(server.documents("notes"), [r#"{"id":"a","n":1}"#]);
        sync_in(&tab, 2).await?;
        tab.run(r#"{"op":"syncMigrate","mutations":[]}"#).await?;
        assert_eq!(pending(&tab).await?.len(), 1);
        tab.exchange(&server).await?;
        assert_eq!(server.documents("notes"), [r#"{"id":"a","n":1}"#]);
        assert_eq!(tab.documents("notes").await?, [r#"{"id":"a","n":1}"#]);
        assert_eq!(number(&tab.status().await?, "pending"), 0);
        Ok(())
    });
}

#[test]
fn what_is_said_wrong_to_sync_migrate_is_refused_and_changes_nothing() {
    check(|sim| async move {
        let tab = open(&sim, &storage(&sim)).await?;
        sync_in(&tab, 1).await?;
        tab.run(r#"{"op":"put","collection":"notes","docs":[{"id":"a"}]}"#).await?;
        let (name, waiting) = (names(&tab).await?.remove(0), pending(&tab).await?);
        sync_in(&tab, 2).await?;
        for mutations in [
            "7".to_owned(),
            r#"[{"id":"x"}]"#.to_owned(),
            format!(r#"[{{"id":"{name}","ops":[]}}]"#),
            format!(
                r#"[{{"id":"{name}","ops":[{{"c":"notes","id":"a","update":{{"$currentDate":{{"at":true}}}}}}]}}]"#
            ),
        ] {
            let refused = tab.run(&format!(r#"{{"op":"syncMigrate","mutations":{mutations}}}"#)).await;
            assert!(refused.is_err(), "{mutations}");
            assert_eq!((names(&tab).await?, pending(&tab).await?), (vec![name.clone()], waiting.clone()));
        }
        Ok(())
    });
}

#[test]
fn an_answer_in_a_version_that_is_not_understood_pauses_and_drops_nothing() {
    check(|sim| async move {
        let server = Server::new();
        let tab = open(&sim, &storage(&sim)).await?;
        sync_in(&tab, 1).await?;
        tab.run(r#"{"op":"put","collection":"notes","docs":[{"id":"a"}]}"#).await?;
        let now = sim.now_ms();
        for answer in [r#""kind":"results","unheard":"of""#, r#""kind":"upgrade""#] {
            let next = tab.run(&format!(r#"{{"op":"syncNext","now":{now},"jitter":0.5}}"#)).await?;
            let (tag, version) = (number(&next, "send"), PROTOCOL + 1);
            let quoted = text(&Value::String(format!(r#"{{"v":{version},{answer}}}"#).into()));
            tab.run(&format!(r#"{{"op":"syncAnswer","tag":{tag},"now":{now},"jitter":0.5,"body":{quoted}}}"#)).await?;
            let status = tab.status().await?;
            assert_eq!((word(&status, "state").as_str(), number(&status, "pending")), ("upgrade", 1));
            assert!(!tab.turn(&server).await?);
            tab.run(&format!(r#"{{"op":"syncResume","now":{now}}}"#)).await?;
        }
        tab.exchange(&server).await?;
        assert_eq!(server.documents("notes"), [r#"{"id":"a"}"#]);
        Ok(())
    });
}
