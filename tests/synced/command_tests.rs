//! The commands of sync, one after another, without faults.

use std::future::Future;

use tidewell_core::base::Result;
use tidewell_core::collections::Value;
use tidewell_sim::Sim;

use super::device::{cloned, number, open, storage, text, word, Server, Tab};
use super::judge::Sight;

/// Runs a test in a world of its own.
fn check<F: Future<Output = Result<()>> + 'static>(test: impl FnOnce(Sim) -> F) {
    let sim = Sim::new(7);
    sim.run(test(sim.clone())).unwrap().unwrap();
    sim.end();
}

#[test]
fn what_one_device_writes_the_other_one_has() {
    check(|sim| async move {
        let server = Server::new();
        let (one, other) = (open(&sim, &storage(&sim)).await?, open(&sim, &storage(&sim)).await?);
        one.sync(r#"{"name":"notes"}"#).await?;
        other.sync(r#"{"name":"notes"}"#).await?;
        one.run(r#"{"op":"insert","collection":"notes","docs":[{"id":"a","n":1},{"id":"b","n":1}]}"#).await?;
        let status = one.status().await?;
        assert_eq!((number(&status, "pending"), word(&status, "state").as_str()), (1, "connecting"));
        one.exchange(&server).await?;
        other.exchange(&server).await?;
        other.run(r#"{"op":"update","collection":"notes","filter":{},"update":{"$inc":{"n":1}}}"#).await?;
        one.run(r#"{"op":"update","collection":"notes","id":"a","update":{"$inc":{"n":10}}}"#).await?;
        assert_eq!(one.documents("notes").await?, [r#"{"id":"a","n":11}"#, r#"{"id":"b","n":1}"#]);
        for tab in [&one, &other, &one] {
            tab.exchange(&server).await?;
        }
        let expected = [r#"{"id":"a","n":12}"#, r#"{"id":"b","n":2}"#];
        assert_eq!(server.documents("notes"), expected);
        for tab in [&one, &other] {
            assert_eq!(tab.documents("notes").await?, expected);
            let status = tab.status().await?;
            assert_eq!((number(&status, "pending"), word(&status, "state").as_str()), (0, "live"));
            assert_eq!(status.field("settled"), Some(&Value::Bool(true)));
        }
        one.run(r#"{"op":"delete","collection":"notes","id":"a"}"#).await?;
        one.exchange(&server).await?;
        other.exchange(&server).await?;
        assert_eq!(other.documents("notes").await?, [r#"{"id":"b","n":2}"#]);
        Ok(())
    });
}

/// The ops that wait, each mutation as text.
async fn pending(tab: &Tab) -> Result<Vec<String>> {
    let found = tab.run(r#"{"op":"syncPending"}"#).await?;
    let Some(Value::Array(mutations)) = found.field("mutations") else { panic!("{found:?}") };
    Ok(mutations.iter().map(|mutation| text(mutation.field("ops").unwrap())).collect())
}

/// The first dead letter's id and code, and how many there are.
async fn letter(tab: &Tab) -> Result<Option<(String, String, usize)>> {
    let found = tab.run(r#"{"op":"syncLetters"}"#).await?;
    let Some(Value::Array(letters)) = found.field("letters") else { panic!("{found:?}") };
    Ok(letters.first().map(|first| (word(first, "id"), word(first, "code"), letters.len())))
}

/// A device's tab that syncs the collection `notes`.
async fn device(sim: &Sim, conflict: &str) -> Result<Tab> {
    let tab = open(sim, &storage(sim)).await?;
    tab.sync(&format!(r#"{{"name":"notes","conflict":"{conflict}"}}"#)).await?;
    Ok(tab)
}

fn check_refused(result: Result<Value>, reason: &str) {
    let error = result.unwrap_err();
    assert_eq!(error.reason(), Some(reason), "{error:?}");
}

#[test]
fn one_commit_is_one_mutation_of_all_it_changed() {
    check(|sim| async move {
        let tab = open(&sim, &storage(&sim)).await?;
        tab.sync(r#"{"name":"notes"},{"name":"tags"}"#).await?;
        let tx = number(&tab.run(r#"{"op":"begin"}"#).await?, "tx");
        for command in [
            r#"{"op":"insert","collection":"notes","docs":[{"id":"a","n":1}]"#,
            r#"{"op":"update","collection":"notes","id":"a","update":{"$inc":{"n":1}}"#,
            r#"{"op":"put","collection":"tags","docs":[{"id":"t"}]"#,
            r#"{"op":"put","collection":"own","docs":[{"id":"x"}]"#,
        ] {
            tab.run(&format!(r#"{command},"tx":{tx}}}"#)).await?;
        }
        assert_eq!(pending(&tab).await?.len(), 0);
        tab.run(&format!(r#"{{"op":"commit","tx":{tx}}}"#)).await?;
        let expected = r#"[{"c":"notes","id":"a","create":{"id":"a","n":1}},{"c":"notes","id":"a","update":{"$inc":{"n":1}}},{"c":"tags","id":"t","put":{"id":"t"}}]"#;
        assert_eq!(pending(&tab).await?, [expected]);
        // What changes nothing sends nothing, and what is rolled back neither.
        tab.run(r#"{"op":"update","collection":"notes","id":"a","update":{"$set":{"n":2}}}"#).await?;
        let tx = number(&tab.run(r#"{"op":"begin"}"#).await?, "tx");
        tab.run(&format!(r#"{{"op":"delete","collection":"notes","id":"a","tx":{tx}}}"#)).await?;
        tab.run(&format!(r#"{{"op":"rollback","tx":{tx}}}"#)).await?;
        assert_eq!(pending(&tab).await?.len(), 1);
        let news =
            tab.events.borrow().iter().filter(|event| event.contains(r#""kind":"sync""#)).cloned().collect::<Vec<_>>();
        assert!(news.last().is_some_and(|last| last.contains(r#""pending":1,"letters":0"#)), "{news:?}");
        Ok(())
    });
}

#[test]
fn two_transactions_that_write_different_documents_do_not_conflict_over_the_outbox() {
    check(|sim| async move {
        let tab = device(&sim, "merge").await?;
        tab.run(r#"{"op":"put","collection":"notes","docs":[{"id":"c"}]}"#).await?;
        let one = number(&tab.run(r#"{"op":"begin"}"#).await?, "tx");
        let other = number(&tab.run(r#"{"op":"begin"}"#).await?, "tx");
        for (tx, id) in [(one, "a"), (other, "b")] {
            tab.run(&format!(r#"{{"op":"put","collection":"notes","docs":[{{"id":"{id}"}}],"tx":{tx}}}"#)).await?;
        }
        for tx in [one, other] {
            tab.run(&format!(r#"{{"op":"commit","tx":{tx}}}"#)).await?;
        }
        assert_eq!(pending(&tab).await?.len(), 3);
        Ok(())
    });
}

#[test]
fn what_was_there_before_is_pushed_and_so_is_what_is_imported_and_what_is_too_much_for_one_mutation() {
    check(|sim| async move {
        let server = Server::new();
        let tab = open(&sim, &storage(&sim)).await?;
        let documents = |from: u64, to: u64| {
            (from..to).map(|n| format!(r#"{{"id":"n{n:05}","n":{n}}}"#)).collect::<Vec<_>>().join(",")
        };
        let put = |list: String| format!(r#"{{"op":"put","collection":"notes","docs":[{list}]}}"#);
        tab.run(&put(documents(0, 1300))).await?;
        let notes = r#"{"op":"syncOpen","collections":[{"name":"notes"}]}"#;
        assert_eq!(number(&tab.run(notes).await?, "pending"), 3);
        tab.run(&put(documents(1300, 3500))).await?;
        assert_eq!(number(&tab.status().await?, "pending"), 6);
        let mut export = tab.database.export()?;
        let mut chunks = Vec::new();
        while let Some(chunk) = export.next().await? {
            chunks.push(chunk);
        }
        let other = open(&sim, &storage(&sim)).await?;
        other.run(notes).await?;
        let mut import = other.database.import();
        for chunk in &chunks {
            import.push(chunk).await?;
        }
        import.finish().await?;
        tab.exchange(&server).await?;
        assert_eq!(server.documents("notes").len(), 3500);
        for tab in [&other, &tab] {
            tab.exchange(&server).await?;
            assert_eq!(tab.documents("notes").await?, server.documents("notes"));
            assert_eq!(letter(tab).await?, None);
        }
        Ok(())
    });
}

#[test]
fn what_the_server_refuses_is_a_letter_that_is_retried_edited_or_dropped() {
    check(|sim| async move {
        let server = Server::new();
        let (one, other) = (device(&sim, "merge").await?, device(&sim, "merge").await?);
        one.run(r#"{"op":"insert","collection":"notes","docs":[{"id":"a","n":1}]}"#).await?;
        one.exchange(&server).await?;
        other.exchange(&server).await?;
        one.run(r#"{"op":"delete","collection":"notes","id":"a"}"#).await?;
        one.exchange(&server).await?;
        for n in 0..3 {
            other
                .run(&format!(r#"{{"op":"update","collection":"notes","id":"a","update":{{"$set":{{"m":{n}}}}}}}"#))
                .await?;
        }
        other.exchange(&server).await?;
        assert_eq!(other.documents("notes").await?, [""; 0]);
        let (id, code, count) = letter(&other).await?.unwrap();
        assert_eq!((code.as_str(), count, number(&other.status().await?, "letters")), ("gone", 3, 3));
        assert!(other.run(&format!(r#"{{"op":"syncRetry","id":"{id}"}}"#)).await.is_err());
        let ops = r#"[{"c":"notes","id":"a","put":{"id":"a","again":true}}]"#;
        other.run(&format!(r#"{{"op":"syncRetry","id":"{id}","ops":{ops}}}"#)).await?;
        let (id, ..) = letter(&other).await?.unwrap();
        other.run(&format!(r#"{{"op":"syncRetry","id":"{id}"}}"#)).await?;
        let (id, ..) = letter(&other).await?.unwrap();
        other.run(&format!(r#"{{"op":"syncDiscard","id":"{id}"}}"#)).await?;
        assert_eq!((letter(&other).await?, pending(&other).await?.len()), (None, 2));
        other.exchange(&server).await?;
        one.exchange(&server).await?;
        for tab in [&one, &other] {
            let documents = tab.documents("notes").await?;
            assert!(
                documents.len() == 1 && documents[0].starts_with(r#"{"id":"a","again":true,"m":"#),
                "{documents:?}"
            );
        }
        Ok(())
    });
}

#[test]
fn with_if_version_who_comes_second_gets_a_letter_and_may_do_it_again() {
    check(|sim| async move {
        let server = Server::new();
        let (one, other) = (device(&sim, "if_version").await?, device(&sim, "if_version").await?);
        one.run(r#"{"op":"insert","collection":"notes","docs":[{"id":"a","n":1}]}"#).await?;
        one.exchange(&server).await?;
        other.exchange(&server).await?;
        for (tab, n) in [(&one, 2), (&one, 3), (&other, 4)] {
            tab.run(&format!(r#"{{"op":"update","collection":"notes","id":"a","update":{{"$set":{{"n":{n}}}}}}}"#))
                .await?;
        }
        one.exchange(&server).await?;
        other.exchange(&server).await?;
        assert_eq!(letter(&one).await?, None);
        assert_eq!(other.documents("notes").await?, [r#"{"id":"a","n":3}"#]);
        let (id, code, _) = letter(&other).await?.unwrap();
        assert_eq!(code, "version");
        other.run(&format!(r#"{{"op":"syncRetry","id":"{id}"}}"#)).await?;
        other.exchange(&server).await?;
        one.exchange(&server).await?;
        for tab in [&one, &other] {
            assert_eq!(tab.documents("notes").await?, [r#"{"id":"a","n":4}"#]);
            assert_eq!(letter(tab).await?, None);
        }
        Ok(())
    });
}

#[test]
fn what_cannot_be_synced_is_refused_by_name() {
    check(|sim| async move {
        let tab = device(&sim, "merge").await?;
        tab.run(r#"{"op":"put","collection":"notes","docs":[{"id":"a"}]}"#).await?;
        check_refused(tab.run(r#"{"op":"dropCollection","collection":"notes"}"#).await, "synced");
        let unique = r#"{"op":"ensure","collection":"notes","indexes":[{"fields":["k"],"unique":true}]}"#;
        check_refused(tab.run(unique).await, "synced");
        let job = r#"{"op":"jobStart","name":"j","definition":{"from":"other","into":"notes","pipeline":[{"$group":{"_id":"$k","value":{"$sum":1}}}]}}"#;
        check_refused(tab.run(job).await, "synced");
        tab.run(&unique.replace("notes", "other")).await?;
        check_refused(tab.sync(r#"{"name":"other"}"#).await, "synced");
        for wrong in [r#"{"name":"$x"}"#, r#"{"name":"x","conflict":"y"}"#, r#"{"name":"x"},{"name":"x"}"#, r#"{}"#] {
            assert!(tab.sync(wrong).await.is_err(), "{wrong}");
        }
        let never = open(&sim, &storage(&sim)).await?;
        check_refused(never.run(r#"{"op":"syncNext","now":1,"jitter":0}"#).await, "not-open");
        assert_eq!(word(&never.status().await?, "state"), "off");
        Ok(())
    });
}

#[test]
fn a_collection_that_is_left_out_is_ordinary_and_forgetting_leaves_only_documents() {
    check(|sim| async move {
        let server = Server::new();
        let tab = open(&sim, &storage(&sim)).await?;
        tab.sync(r#"{"name":"notes"},{"name":"tags"}"#).await?;
        tab.run(r#"{"op":"put","collection":"tags","docs":[{"id":"t","n":1}]}"#).await?;
        tab.sync(r#"{"name":"notes"}"#).await?;
        tab.run(r#"{"op":"put","collection":"tags","docs":[{"id":"t","n":2}]}"#).await?;
        assert_eq!(pending(&tab).await?.len(), 1);
        tab.exchange(&server).await?;
        assert_eq!(server.documents("tags"), [r#"{"id":"t","n":1}"#]);
        assert_eq!(tab.documents("tags").await?, [r#"{"id":"t","n":2}"#]);
        assert_eq!(number(&tab.status().await?, "pending"), 0);
        tab.run(r#"{"op":"put","collection":"notes","docs":[{"id":"a"}]}"#).await?;
        tab.run(r#"{"op":"syncClose","forget":true}"#).await?;
        let status = tab.status().await?;
        assert_eq!((number(&status, "pending"), word(&status, "state").as_str()), (0, "off"));
        tab.run(r#"{"op":"put","collection":"notes","docs":[{"id":"b"}]}"#).await?;
        assert_eq!(pending(&tab).await?, [""; 0]);
        assert_eq!(tab.documents("notes").await?.len(), 2);
        tab.sync(r#"{"name":"notes"}"#).await?;
        tab.exchange(&server).await?;
        assert_eq!(server.documents("notes"), tab.documents("notes").await?);
        assert_eq!(server.documents("notes").len(), 2);
        Ok(())
    });
}

#[test]
fn a_cloned_profile_goes_on_under_another_name_and_both_lose_nothing() {
    check(|sim| async move {
        let server = Server::new();
        let original = storage(&sim);
        let one = open(&sim, &original).await?;
        one.sync(r#"{"name":"notes"}"#).await?;
        one.run(r#"{"op":"put","collection":"notes","docs":[{"id":"a","n":0}]}"#).await?;
        one.exchange(&server).await?;
        one.run(r#"{"op":"update","collection":"notes","id":"a","update":{"$inc":{"n":1}}}"#).await?;
        let twin = open(&sim, &cloned(&sim, &original).await).await?;
        twin.sync(r#"{"name":"notes"}"#).await?;
        for (tab, n) in [(&one, 10), (&twin, 100)] {
            tab.run(&format!(r#"{{"op":"update","collection":"notes","id":"a","update":{{"$inc":{{"n":{n}}}}}}}"#))
                .await?;
        }
        for tab in [&one, &twin, &one] {
            tab.exchange(&server).await?;
        }
        assert_ne!(word(&one.status().await?, "replica"), word(&twin.status().await?, "replica"));
        for tab in [&one, &twin] {
            // What both had was done once.
            assert_eq!(tab.documents("notes").await?, [r#"{"id":"a","n":111}"#]);
        }
        Ok(())
    });
}

#[test]
fn a_revoked_document_goes_and_its_index_entries_with_it() {
    check(|sim| async move {
        let server = Server::new();
        let (one, other) = (device(&sim, "merge").await?, open(&sim, &storage(&sim)).await?);
        let filter = |least: u64| format!(r#"{{"name":"notes","filter":{{"n":{{"$gte":{least}}}}}}}"#);
        other.run(r#"{"op":"ensure","collection":"notes","indexes":["n"]}"#).await?;
        other.sync(&filter(0)).await?;
        one.run(r#"{"op":"put","collection":"notes","docs":[{"id":"a","n":1},{"id":"b","n":2},{"id":"c","n":3}]}"#)
            .await?;
        one.exchange(&server).await?;
        other.exchange(&server).await?;
        assert_eq!(other.documents("notes").await?.len(), 3);
        other.sync(&filter(2)).await?;
        other.exchange(&server).await?;
        assert_eq!(other.documents("notes").await?, [r#"{"id":"b","n":2}"#, r#"{"id":"c","n":3}"#]);
        let counted = other.run(r#"{"op":"count","collection":"notes","filter":{"n":{"$lt":9}},"hint":"n"}"#).await?;
        assert_eq!(counted, Value::Number(2.0));
        one.run(r#"{"op":"update","collection":"notes","id":"b","update":{"$set":{"n":0}}}"#).await?;
        one.exchange(&server).await?;
        other.exchange(&server).await?;
        assert_eq!(other.documents("notes").await?, [r#"{"id":"c","n":3}"#]);
        assert!(Sight::of(&other.database).await?.unwrap().complaints().is_empty());
        Ok(())
    });
}
