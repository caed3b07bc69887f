//! What inspectors are told of commits: everything each of them changed, in every tab, and only while somebody inspects.

#![cfg(test)]

use std::cell::RefCell;
use std::rc::Rc;

use tidewell_core::database::{Database, DatabaseEvent};
use tidewell_core::disk::{FaultPlan, FaultyStorage};
use tidewell_core::engine::EngineOptions;
use tidewell_sim::Sim;

struct World {
    sim: Sim,
    storage: Rc<FaultyStorage>,
}

/// A tab with the commits it was told.
struct Tab {
    database: Database,
    told: Rc<RefCell<Vec<String>>>,
}

impl World {
    async fn open(&self) -> Tab {
        let platform = self.sim.tab();
        let options = EngineOptions::new("test");
        let database = Database::open(Rc::new(self.storage.open()), platform.clone(), None, options).await.unwrap();
        let receiver = database.clone();
        platform.on_announce(Rc::new(move |message| receiver.receive(message)));
        let told = Rc::<RefCell<Vec<String>>>::default();
        let into = Rc::clone(&told);
        database.on_event(Rc::new(move |event| match event {
            DatabaseEvent::Notice(json) if json.starts_with(br#"{"kind":"commit""#) => {
                into.borrow_mut().push(String::from_utf8(json.clone()).unwrap());
            }
            _ => {}
        }));
        Tab { database, told }
    }
}

impl Tab {
    async fn run(&self, command: &str) -> String {
        let answer = self.database.execute(command).await.unwrap_or_else(|error| panic!("{command}: {error:?}"));
        String::from_utf8(answer.json).unwrap()
    }

    /// The only commit that it was told since the last time.
    fn last(&self) -> String {
        let told = std::mem::take(&mut *self.told.borrow_mut());
        assert_eq!(told.len(), 1, "{told:?}");
        told.into_iter().next().unwrap()
    }
}

fn check<F: std::future::Future<Output = ()> + 'static>(claim: impl Fn(Rc<World>) -> F) {
    for seed in 0..3 {
        let sim = Sim::new(seed);
        let storage = sim.storage(FaultPlan::none());
        let world = Rc::new(World { sim, storage });
        world.sim.run(claim(Rc::clone(&world))).unwrap_or_else(|stalled| panic!("seed {seed}: {stalled:?}"));
    }
}

fn has(text: &str, part: &str) {
    assert!(text.contains(part), "{part} is not in {text}");
}

#[test]
fn a_commit_tells_its_documents_index_entries_postings_cache_entries_and_messages() {
    check(|world| async move {
        let tab = world.open().await;
        tab.run(r#"{"op":"ensure","collection":"notes","indexes":["tag"],"search":"title"}"#).await;
        tab.run(r#"{"op":"cacheOpen","name":"answers"}"#).await;
        tab.run(r#"{"op":"topicOpen","name":"news","create":true}"#).await;
        assert!(tab.told.borrow().is_empty(), "nobody inspects yet");
        tab.run(r#"{"op":"inspect"}"#).await;

        tab.run(r#"{"op":"insert","collection":"notes","docs":[{"id":"a","tag":"sea","title":"tide"},{"id":"b"}]}"#)
            .await;
        let insert = tab.last();
        has(&insert, r#""own":true,"strict":false"#);
        has(&insert, r#""documents":[[1,2,0,["a","b"],[]]]"#);
        has(&insert, r#""indexes":[[1,1,"#);
        has(&insert, r#""postings":[[1,"#);

        tab.run(
            r#"{"op":"update","collection":"notes","id":"a","update":{"$set":{"tag":"hill"}},"durability":"strict"}"#,
        )
        .await;
        let update = tab.last();
        has(&update, r#""strict":true"#);
        has(&update, r#""documents":[[1,1,0,["a"],[]]]"#);
        has(&update, r#""indexes":[[1,1,1,1]]"#);

        tab.run(r#"{"op":"delete","collection":"notes","id":"b"}"#).await;
        has(&tab.last(), r#""documents":[[1,0,1,[],["b"]]]"#);

        tab.run(r#"{"op":"cachePut","cache":1,"key":"k","value":1,"created":1}"#).await;
        has(&tab.last(), r#""documents":[],"indexes":[],"postings":[],"caches":[[1,1,0]]"#);

        tab.run(r#"{"op":"topicPublish","topic":1,"messages":[{"value":1},{"value":2}]}"#).await;
        has(&tab.last(), r#""topics":[[1,2,"#);
        assert_eq!(
            tab.run(r#"{"op":"names"}"#).await,
            r#"{"collections":[[1,"notes",[[1,"tag"]]]],"topics":[[1,"news"]],"caches":[[1,"answers"]]}"#
        );
    });
}

#[test]
fn other_tabs_hear_the_same_until_they_stop() {
    check(|world| async move {
        let (here, there) = (world.open().await, world.open().await);
        here.run(r#"{"op":"inspect"}"#).await;
        there.run(r#"{"op":"inspect","on":true}"#).await;
        here.run(r#"{"op":"insert","collection":"notes","docs":[{"id":"a"}]}"#).await;
        there.database.engine().catch_up().await.unwrap();
        let (own, foreign) = (here.last(), there.last());
        has(&own, r#""own":true"#);
        assert_eq!(foreign, own.replace(r#""own":true"#, r#""own":false"#));
        there.run(r#"{"op":"inspect","on":false}"#).await;
        here.run(r#"{"op":"insert","collection":"notes","docs":[{"id":"b"}]}"#).await;
        there.database.engine().catch_up().await.unwrap();
        here.last();
        assert!(there.told.borrow().is_empty());
    });
}

#[test]
fn a_commit_to_a_synced_collection_tells_what_waits_for_the_server() {
    check(|world| async move {
        let tab = world.open().await;
        tab.run(r#"{"op":"syncOpen","collections":[{"name":"notes"}]}"#).await;
        tab.run(r#"{"op":"inspect"}"#).await;
        tab.run(r#"{"op":"insert","collection":"notes","docs":[{"id":"a"}]}"#).await;
        let insert = tab.last();
        has(&insert, r#""documents":[[1,1,0,["a"],[]]]"#);
        has(&insert, r#""outbox":[1,0]"#);
        tab.run(r#"{"op":"insert","collection":"others","docs":[{"id":"a"}]}"#).await;
        has(&tab.last(), r#""outbox":[0,0]"#);
    });
}

#[test]
fn a_thousand_documents_are_counted_and_twenty_named() {
    check(|world| async move {
        let tab = world.open().await;
        tab.run(r#"{"op":"inspect"}"#).await;
        let docs: Vec<String> = (0..1000).map(|n| format!(r#"{{"id":"{n:04}"}}"#)).collect();
        tab.run(&format!(r#"{{"op":"insert","collection":"notes","docs":[{}]}}"#, docs.join(","))).await;
        let told = tab.last();
        has(&told, r#""documents":[[1,1000,0,["0000","#);
        assert_eq!(told.matches(r#""00"#).count(), 20, "{told}");
    });
}
