//! What a server does to a database: refusals, conflicts, clones, revocations.

use std::cell::RefCell;
use std::rc::Rc;

use tidewell_core::collections::Value;
use tidewell_core::database::LiveEvent;

use super::device::{cloned, number, open, storage, word, Server};
use super::judge::Sight;
use super::support::{check, device, letter, pending};

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
fn a_collection_that_is_left_out_and_comes_back_is_all_there() {
    check(|sim| async move {
        let server = Server::new();
        let (one, other) = (device(&sim, "merge").await?, device(&sim, "merge").await?);
        one.run(r#"{"op":"put","collection":"notes","docs":[{"id":"a"},{"id":"b"}]}"#).await?;
        one.exchange(&server).await?;
        other.exchange(&server).await?;
        other.sync("").await?;
        other.run(r#"{"op":"put","collection":"notes","docs":[{"id":"a","own":1},{"id":"c"}]}"#).await?;
        other.sync(r#"{"name":"notes"}"#).await?;
        other.exchange(&server).await?;
        // What the server has already stays as it is there, each for itself.
        assert_eq!(letter(&other).await?.map(|(_, code, count)| (code, count)), Some(("exists".to_owned(), 2)));
        assert_eq!(other.documents("notes").await?, [r#"{"id":"a"}"#, r#"{"id":"b"}"#, r#"{"id":"c"}"#]);
        assert_eq!(server.documents("notes"), other.documents("notes").await?);
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
fn a_document_that_leaves_the_filter_goes_and_its_index_entries_with_it() {
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

#[test]
fn what_comes_from_the_server_reaches_search_and_live_queries() {
    check(|sim| async move {
        let server = Server::new();
        let (one, other) = (device(&sim, "merge").await?, open(&sim, &storage(&sim)).await?);
        other.run(r#"{"op":"ensure","collection":"notes","search":{"title":1}}"#).await?;
        other.sync(r#"{"name":"notes"}"#).await?;
        let heard = Rc::new(RefCell::new(Vec::new()));
        let live = Rc::clone(&heard);
        let hear = Rc::new(move |event: LiveEvent| live.borrow_mut().push(String::from_utf8(event.json).unwrap()));
        other.database.subscribe(r#"{"op":"find","collection":"notes","filter":{}}"#, hear).await?;
        one.run(r#"{"op":"put","collection":"notes","docs":[{"id":"a","title":"low tide"},{"id":"b","title":"high tide"}]}"#)
            .await?;
        one.exchange(&server).await?;
        other.exchange(&server).await?;
        let search = r#"{"op":"search","collection":"notes","query":"tide"}"#;
        let count = |found: Value| match found.field("hits") {
            Some(Value::Array(hits)) => hits.len(),
            _ => panic!("{found:?}"),
        };
        assert_eq!(count(other.run(search).await?), 2);
        one.run(r#"{"op":"delete","collection":"notes","id":"a"}"#).await?;
        one.exchange(&server).await?;
        other.exchange(&server).await?;
        assert_eq!(count(other.run(search).await?), 1);
        sim.sleep(100.0).await;
        let heard = heard.borrow();
        assert!(heard.len() >= 3 && heard.last().is_some_and(|last| last.contains("\"a\"")), "{heard:?}");
        Ok(())
    });
}
