//! The commands of sync, one after another, without faults.

use tidewell_core::collections::Value;

use super::device::{number, open, storage, word, Server};
use super::support::{check, check_refused, device, letter, pending};

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
        assert_eq!(number(&tab.run(notes).await?, "pending"), 1300);
        tab.run(&put(documents(1300, 3500))).await?;
        assert_eq!(number(&tab.status().await?, "pending"), 1303);
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
fn a_write_costs_the_same_however_much_waits() {
    check(|sim| async move {
        let disk = storage(&sim);
        let tab = open(&sim, &disk).await?;
        tab.sync(r#"{"name":"notes"}"#).await?;
        tab.run(r#"{"op":"put","collection":"notes","docs":[{"id":"a","n":0}]}"#).await?;
        let mut sizes = Vec::new();
        for _ in 0..500 {
            let before = disk.bytes();
            tab.run(r#"{"op":"update","collection":"notes","id":"a","update":{"$inc":{"n":1}}}"#).await?;
            sizes.push(disk.bytes().saturating_sub(before));
        }
        let median = |sizes: &[u64]| {
            let mut sizes = sizes.to_vec();
            sizes.sort_unstable();
            sizes[sizes.len() / 2]
        };
        let (first, last) = (median(&sizes[..100]), median(&sizes[400..]));
        assert!(number(&tab.status().await?, "pending") == 501 && last <= first + 32, "{first} then {last} bytes");
        Ok(())
    });
}

#[test]
fn a_job_whose_target_became_synced_fails_and_leaves_it_alone() {
    check(|sim| async move {
        let tab = open(&sim, &storage(&sim)).await?;
        tab.run(r#"{"op":"put","collection":"notes","docs":[{"id":"a","k":"x"}]}"#).await?;
        let pipeline = r#"[{"$group":{"_id":"$k","value":{"$sum":1}}}]"#;
        let start = format!(
            r#"{{"op":"jobStart","name":"j","definition":{{"from":"notes","into":"counts","pipeline":{pipeline}}}}}"#
        );
        let mut status = tab.run(&start).await?;
        tab.sync(r#"{"name":"counts"}"#).await?;
        for _ in 0..20 {
            let (run, step) = (number(&status, "run"), number(&status, "step"));
            status = tab.run(&format!(r#"{{"op":"jobStep","name":"j","run":{run},"step":{step}}}"#)).await?;
        }
        assert_eq!(word(&status, "state"), "failed");
        assert!(word(&status, "message").contains("is synced") && tab.documents("counts").await?.is_empty());
        Ok(())
    });
}

#[test]
fn after_a_failure_that_says_so_less_is_sent_and_a_write_that_is_too_large_alone_is_told_of() {
    check(|sim| async move {
        let (server, tab) = (Server::new(), open(&sim, &storage(&sim)).await?);
        tab.sync(r#"{"name":"notes"}"#).await?;
        for id in ["a", "b", "c", "d"] {
            tab.run(&format!(r#"{{"op":"put","collection":"notes","docs":[{{"id":"{id}"}}]}}"#)).await?;
        }
        let mut now = 0;
        for (why, sent) in
            [("", 4), (r#","why":"timeout""#, 4), (r#","why":"too-large""#, 2), (r#","why":"too-large""#, 1)]
        {
            now += 100_000;
            let next = tab.run(&format!(r#"{{"op":"syncNext","now":{now},"jitter":0.5}}"#)).await?;
            let (tag, body) = (number(&next, "send"), word(&next, "body"));
            assert_eq!(body.matches(r#""seq":"#).count(), sent, "{body}");
            assert!(tab.status().await?.field("tooLarge").is_none());
            tab.run(&format!(r#"{{"op":"syncFailed","tag":{tag},"now":{now},"jitter":0.5{why}}}"#)).await?;
        }
        let status = tab.status().await?;
        assert!(number(&status, "tooLarge") > 100 && number(&status, "pending") == 4, "{status:?}");
        tab.exchange(&server).await?;
        let status = tab.status().await?;
        assert!(status.field("tooLarge").is_none() && number(&status, "pending") == 0, "{status:?}");
        assert_eq!(server.documents("notes").len(), 4);
        Ok(())
    });
}
