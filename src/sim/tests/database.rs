//! Commands in simulated tabs: what docs/COMMANDS.md promises, one claim each.

#![cfg(test)]

use std::cell::RefCell;
use std::rc::Rc;

use tidewell_core::base::Error;
use tidewell_core::database::Database;
use tidewell_core::disk::{FaultPlan, FaultyStorage};
use tidewell_core::engine::{EngineOptions, Pause};
use tidewell_sim::Sim;

struct World {
    sim: Sim,
    storage: Rc<FaultyStorage>,
}

impl World {
    async fn open(&self) -> Database {
        let platform = self.sim.tab();
        let options = EngineOptions { memory_budget: 2 << 20, ..EngineOptions::new("test") };
        let database = Database::open(Rc::new(self.storage.open()), platform.clone(), None, options).await.unwrap();
        let receiver = database.clone();
        platform.on_announce(Rc::new(move |message| receiver.receive(message)));
        database
    }
}

fn check<F: std::future::Future<Output = ()> + 'static>(claim: impl Fn(Rc<World>) -> F) {
    for seed in 0..5 {
        let sim = Sim::new(seed);
        let storage = sim.storage(FaultPlan::none());
        let world = Rc::new(World { sim, storage });
        world.sim.run(claim(Rc::clone(&world))).unwrap_or_else(|stalled| panic!("seed {seed}: {stalled:?}"));
    }
}

async fn run(database: &Database, command: &str) -> Result<String, Error> {
    let result = match database.try_execute(command) {
        Ok(response) => Ok(response),
        Err(Pause::Failed(error)) => Err(error),
        Err(_) => database.execute(command).await,
    };
    result.map(|response| String::from_utf8(response.json).unwrap())
}

async fn ok(database: &Database, command: &str) -> String {
    run(database, command).await.unwrap_or_else(|error| panic!("{command}: {error:?}"))
}

async fn reason(database: &Database, command: &str) -> String {
    let error = run(database, command).await.unwrap_err();
    format!("{} {}", error.kind().code(), error.reason().unwrap_or("-"))
}

const NOTES: &str = r#"[{"id":"a","tag":"sea","n":1},{"id":"b","tag":"sea","n":3},{"id":"c","tag":"hill","n":2}]"#;

async fn with_notes(world: &World) -> Database {
    let database = world.open().await;
    ok(&database, r#"{"op":"ensure","collection":"notes","indexes":["tag",["tag","n"]]}"#).await;
    let insert = format!(r#"{{"op":"insert","collection":"notes","docs":{NOTES}}}"#);
    assert!(ok(&database, &insert).await.starts_with(r#"{"inserted":3,"ids":["a","b","c"],"position":"#));
    database
}

#[test]
fn a_database_that_is_closed_before_the_rest_of_its_program_comes_is_let_go_of() {
    check(|world| async move {
        let platform = world.sim.tab();
        platform.lose_the_rest();
        let held = Rc::strong_count(&platform);
        let options = EngineOptions::new("test");
        let database = Database::open(Rc::new(world.storage.open()), platform.clone(), None, options).await.unwrap();
        ok(&database, r#"{"op":"ensure","collection":"notes"}"#).await;
        ok(&database, &format!(r#"{{"op":"insert","collection":"notes","docs":{NOTES}}}"#)).await;
        // An index over what is there already is work for the background, which has to wait.
        ok(&database, r#"{"op":"ensure","collection":"notes","indexes":["tag"]}"#).await;
        for _ in 0..40 {
            world.sim.sleep(50.0).await;
        }
        let indexes = ok(&database, r#"{"op":"collections"}"#).await;
        assert!(indexes.contains(r#""state":"building""#), "{indexes}");
        database.close().await;
        drop(database);
        for _ in 0..40 {
            world.sim.sleep(50.0).await;
        }
        assert_eq!(Rc::strong_count(&platform), held, "no task holds it any more");
    });
}

#[test]
fn a_page_that_comes_back_declares_its_collection_without_another_look_at_storage() {
    check(|world| async move {
        let database = with_notes(&world).await;
        database.engine().flush().await.unwrap();
        database.close().await;
        let database = world.open().await;
        let looked = |database: &Database| database.engine().report().counters.blobs_read;
        let before = looked(&database);
        let ensure = r#"{"op":"ensure","collection":"notes","indexes":["tag",["tag","n"]]}"#;
        assert_eq!(ok(&database, ensure).await, r#"{"version":0}"#);
        assert_eq!(looked(&database), before);
        // Code that is newer learns how much there is to migrate.
        let newer = ensure.replace("\"indexes\"", "\"code\":2,\"indexes\"");
        assert_eq!(ok(&database, &newer).await, r#"{"version":0,"count":3}"#);
    });
}

#[test]
fn documents_are_found_by_id_filter_and_index() {
    check(|world| async move {
        let database = with_notes(&world).await;
        let mut out = Vec::new();
        assert_eq!(database.try_get("notes", "b", &mut out).unwrap(), Some(false));
        assert_eq!(out, br#"{"id":"b","tag":"sea","n":3}"#);
        assert_eq!(ok(&database, r#"{"op":"get","collection":"notes","id":"z"}"#).await, "null");
        let find = r#"{"op":"find","collection":"notes","filter":{"tag":"sea"},"sort":{"n":-1},"limit":1,"page":true}"#;
        let page = ok(&database, find).await;
        assert!(page.starts_with(r#"{"docs":[{"id":"b","tag":"sea","n":3}],"next":""#), "{page}");
        let hinted = find.replace("\"page\":true", "\"hint\":\"tag,n\"");
        let explain = ok(&database, &format!(r#"{{"op":"explain","command":{hinted}}}"#)).await;
        assert!(explain.contains(r#""index":"tag,n""#), "{explain}");
        assert_eq!(ok(&database, r#"{"op":"count","collection":"notes","filter":{"n":{"$gt":1}}}"#).await, "2");
        let distinct = r#"{"op":"distinct","collection":"notes","path":"tag"}"#;
        assert_eq!(ok(&database, distinct).await, r#"["hill","sea"]"#);
        let group = r#"{"op":"aggregate","collection":"notes","pipeline":[{"$match":{"n":{"$gt":0}}},{"$group":{"_id":"$tag","n":{"$sum":"$n"}}},{"$sort":{"n":-1}}]}"#;
        assert_eq!(ok(&database, group).await, r#"[{"_id":"sea","n":4},{"_id":"hill","n":2}]"#);
    });
}

#[test]
fn updates_and_deletes_change_documents_indexes_and_counts_together() {
    check(|world| async move {
        let database = with_notes(&world).await;
        let update = r#"{"op":"update","collection":"notes","filter":{"tag":"sea"},"update":{"$inc":{"n":10}}}"#;
        assert!(ok(&database, update).await.starts_with(r#"{"matched":2,"modified":2"#));
        ok(&database, r#"{"op":"delete","collection":"notes","id":"a"}"#).await;
        let find = r#"{"op":"find","collection":"notes","filter":{"tag":"sea"},"hint":"tag,n"}"#;
        assert_eq!(ok(&database, find).await, r#"[{"id":"b","tag":"sea","n":13}]"#);
        assert_eq!(ok(&database, r#"{"op":"count","collection":"notes"}"#).await, "2");
        database.engine().compact().await.unwrap();
        database.close().await;
        let again = world.open().await;
        assert_eq!(ok(&again, find).await, r#"[{"id":"b","tag":"sea","n":13}]"#);
    });
}

#[test]
fn bad_input_is_refused_with_its_reason_and_changes_nothing() {
    check(|world| async move {
        let database = with_notes(&world).await;
        for (command, expected) in [
            (r#"{"op":"insert","collection":"notes","docs":[{"id":"x"},{"id":"a"}]}"#, "conflict duplicate-id"),
            (r#"{"op":"insert","collection":"notes","docs":[{"tag":"no id"}]}"#, "invalid -"),
            (r#"{"op":"find","collection":"notes","filter":{"n":{"$foo":1}}}"#, "invalid -"),
            (r#"{"op":"nonsense"}"#, "invalid unknown-command"),
            (r#"{"op":"find"}"#, "invalid -"),
            (r#"not json"#, "invalid -"),
            (r#"{"op":"commit","tx":9}"#, "invalid -"),
        ] {
            assert_eq!(reason(&database, command).await, expected, "{command}");
        }
        assert_eq!(ok(&database, r#"{"op":"count","collection":"notes"}"#).await, "3");
    });
}

#[test]
fn a_transaction_spans_collections_and_is_refused_when_what_it_read_changed() {
    check(|world| async move {
        let database = with_notes(&world).await;
        let tx = ok(&database, r#"{"op":"begin"}"#).await;
        assert_eq!(tx, r#"{"tx":1}"#);
        ok(&database, r#"{"op":"get","collection":"notes","id":"a","tx":1}"#).await;
        ok(&database, r#"{"op":"insert","collection":"log","docs":[{"id":"1"}],"tx":1}"#).await;
        ok(&database, r#"{"op":"update","collection":"notes","id":"a","update":{"$set":{"n":9}}}"#).await;
        assert_eq!(reason(&database, r#"{"op":"commit","tx":1}"#).await, "conflict retry");
        assert_eq!(ok(&database, r#"{"op":"count","collection":"log"}"#).await, "0");
    });
}

#[test]
fn a_live_query_follows_commits_of_this_tab_and_another() {
    check(|world| async move {
        let (one, two) = (with_notes(&world).await, world.open().await);
        let events: Rc<RefCell<Vec<String>>> = Rc::default();
        let heard = Rc::clone(&events);
        let listener = Rc::new(move |event: tidewell_core::database::LiveEvent| {
            heard.borrow_mut().push(String::from_utf8(event.json).unwrap());
        });
        let command = r#"{"op":"find","collection":"notes","filter":{"tag":"sea"},"sort":{"n":1},"limit":2}"#;
        two.engine().catch_up().await.unwrap();
        two.subscribe(command, listener).await.unwrap();
        ok(&one, r#"{"op":"put","collection":"notes","docs":[{"id":"d","tag":"sea","n":0}]}"#).await;
        two.engine().catch_up().await.unwrap();
        ok(&two, r#"{"op":"update","collection":"notes","id":"d","update":{"$set":{"n":2}}}"#).await;
        let events = events.borrow();
        assert_eq!(events.len(), 3, "{events:?}");
        assert!(events[0].ends_with(r#""docs":[{"id":"a","tag":"sea","n":1},{"id":"b","tag":"sea","n":3}]}"#));
        assert!(events[1].contains(r#""removed":[{"index":1,"id":"b"}]"#), "{events:?}");
        assert!(events[1].contains(r#""added":[{"index":0,"doc":{"id":"d","tag":"sea","n":0}}]"#), "{events:?}");
    });
}

#[test]
fn an_index_built_on_a_populated_collection_gives_the_same_answers() {
    check(|world| async move {
        let database = with_notes(&world).await;
        let create = r#"{"op":"createIndex","collection":"notes","index":{"fields":["n"],"unique":true}}"#;
        let index = ok(&database, create).await;
        assert!(index.contains(r#""state":"ready""#), "{index}");
        let double = r#"{"op":"insert","collection":"notes","docs":[{"id":"e","n":2}]}"#;
        assert_eq!(reason(&database, double).await, "conflict unique");
        let find = r#"{"op":"find","collection":"notes","filter":{"n":{"$gte":2}},"sort":{"n":1},"hint":"n"}"#;
        assert!(ok(&database, find).await.starts_with(r#"[{"id":"c""#));
        ok(&database, r#"{"op":"put","collection":"dup","docs":[{"id":"1","k":1},{"id":"2","k":1}]}"#).await;
        let impossible = r#"{"op":"createIndex","collection":"dup","index":{"fields":["k"],"unique":true}}"#;
        assert_eq!(reason(&database, impossible).await, "conflict unique");
    });
}

#[test]
fn an_export_restores_everything_elsewhere() {
    check(|world| async move {
        let database = with_notes(&world).await;
        let mut export = database.export().unwrap();
        let mut text = Vec::new();
        while let Some(chunk) = export.next().await.unwrap() {
            text.extend(chunk);
        }
        let elsewhere = World { sim: world.sim.clone(), storage: world.sim.storage(FaultPlan::none()) };
        let restored = elsewhere.open().await;
        let mut import = restored.import();
        for piece in text.chunks(7) {
            import.push(piece).await.unwrap();
        }
        let done = import.finish().await.unwrap();
        assert_eq!(String::from_utf8(done.json).unwrap(), r#"{"collections":1,"documents":3}"#);
        let find = r#"{"op":"find","collection":"notes","filter":{"tag":"sea"},"sort":{"n":1},"hint":"tag,n"}"#;
        assert_eq!(ok(&restored, find).await, ok(&database, find).await);
        let mut damaged = text.clone();
        let at = damaged.len() / 2;
        damaged[at] ^= 1;
        let mut import = restored.import();
        let refused = match import.push(&damaged).await {
            Ok(()) => import.finish().await.is_err(),
            Err(_) => true,
        };
        assert!(refused);
    });
}

#[test]
fn expressions_filter_and_lookups_answer_the_same_with_and_without_an_index() {
    check(|world| async move {
        let database = with_notes(&world).await;
        let find = r#"{"op":"find","collection":"notes","filter":{"tag":"sea","$expr":{"$gt":["$n",1]}}}"#;
        assert_eq!(ok(&database, find).await, r#"[{"id":"b","tag":"sea","n":3}]"#);
        let count = r#"{"op":"count","collection":"notes","filter":{"$expr":{"$lt":["$n",3]}}}"#;
        assert_eq!(ok(&database, count).await, "2");
        ok(&database, r#"{"op":"insert","collection":"tags","docs":[{"id":"1","t":"sea"},{"id":"2","t":"hill"}]}"#)
            .await;
        let lookup = r#"{"op":"aggregate","collection":"tags","pipeline":[{"$lookup":{"from":"notes","localField":"t","foreignField":"tag","as":"x"}},{"$project":{"n":{"$size":"$x"}}},{"$sort":{"id":1}}]}"#;
        let indexed = ok(&database, lookup).await;
        for name in ["tag", "tag,n"] {
            ok(&database, &format!(r#"{{"op":"dropIndex","collection":"notes","name":"{name}"}}"#)).await;
        }
        assert_eq!(ok(&database, lookup).await, indexed);
        assert!(indexed.contains("\"n\":2") && indexed.contains("\"n\":1"), "{indexed}");
    });
}

#[test]
fn overlapping_commands_of_one_transaction_run_one_after_another() {
    check(|world| async move {
        let database = with_notes(&world).await;
        ok(&database, r#"{"op":"begin"}"#).await;
        let tasks: Vec<_> = (0..10)
            .map(|n| {
                let database = database.clone();
                world.sim.tab().run(async move {
                    let doc = format!(r#"{{"op":"insert","collection":"t","docs":[{{"id":"{n}"}}],"tx":1}}"#);
                    ok(&database, &doc).await
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        ok(&database, r#"{"op":"commit","tx":1}"#).await;
        assert_eq!(ok(&database, r#"{"op":"count","collection":"t"}"#).await, "10");
    });
}
