//! Search indexes in simulated tabs: with several writers, merges, crashes and reopening, the index is always the one rebuilt
//! from the documents.

#![cfg(test)]

use std::rc::Rc;

use tidewell_core::base::{Error, SeededRng};
use tidewell_core::collections::catalog::Catalog;
use tidewell_core::database::Database;
use tidewell_core::disk::{Fault, FaultPlan, FaultyStorage};
use tidewell_core::engine::EngineOptions;
use tidewell_core::search::store::agreement::difference;
use tidewell_core::search::store::SearchIndexes;
use tidewell_sim::{Sim, SimOptions};

const ENSURE: &str = r#"{"op":"ensure","collection":"c","search":{"t":2,"b":1}}"#;

struct World {
    sim: Sim,
    storage: Rc<FaultyStorage>,
}

impl World {
    fn new(seed: u64, plan: FaultPlan) -> Rc<Self> {
        let options = SimOptions { disk_us: 300, announce_ms: 3, slow_one_in: 0, ..SimOptions::default() };
        let sim = Sim::with(seed, options);
        let storage = sim.storage(plan);
        Rc::new(Self { sim, storage })
    }

    async fn open(&self) -> Result<Database, Error> {
        let platform = self.sim.tab();
        let options = EngineOptions { memory_budget: 1 << 20, idle_flush_ms: 50.0, ..EngineOptions::new("test") };
        let database = Database::open(Rc::new(self.storage.open()), platform.clone(), None, options).await?;
        let receiver = database.clone();
        platform.on_announce(Rc::new(move |message| receiver.receive(message)));
        Ok(database)
    }
}

fn texts(rng: &SeededRng, ids: u64) -> String {
    let words = |count: u64| {
        let words: Vec<String> = (0..rng.below(count)).map(|_| format!("w{}", rng.below(1 << rng.below(8)))).collect();
        words.join(" ")
    };
    format!(r#"{{"id":"d{}","t":"{}","b":"{}"}}"#, rng.below(ids), words(4), words(25))
}

/// One random command.
fn command(rng: &SeededRng, ids: u64) -> String {
    match rng.below(10) {
        0..=5 => {
            let docs: Vec<String> = (0..1 + rng.below(6)).map(|_| texts(rng, ids)).collect();
            format!(r#"{{"op":"put","collection":"c","docs":[{}]}}"#, docs.join(","))
        }
        6 => {
            let docs: Vec<String> = (0..rng.below(150)).map(|_| texts(rng, ids)).collect();
            format!(r#"{{"op":"put","collection":"c","docs":[{}]}}"#, docs.join(","))
        }
        7 | 8 => format!(r#"{{"op":"delete","collection":"c","id":"d{}"}}"#, rng.below(ids)),
        _ => format!(
            r#"{{"op":"update","collection":"c","id":"d{}","update":{{"$set":{{"t":"w1 new"}}}}}}"#,
            rng.below(ids)
        ),
    }
}

/// What differs between the index and the documents, as `database` sees them.
async fn complaint(database: &Database) -> Result<Option<String>, Error> {
    let (catalog, known) = (Catalog::default(), SearchIndexes::default());
    let look = |view: &dyn tidewell_core::engine::Read| {
        let Some(collection) = catalog.find(view, "c")? else { return Ok(None) };
        let Some(search) = collection.search.as_ref().filter(|search| search.ready) else { return Ok(None) };
        difference(view, &collection, search, &*known.prepared(search)?)
    };
    database.engine().read(look).await
}

async fn check_agreement(database: &Database) {
    database.engine().catch_up().await.unwrap();
    assert_eq!(complaint(database).await.unwrap(), None);
}

#[test]
fn tabs_that_write_and_merge_at_once_agree_with_the_documents() {
    for seed in 0..6 {
        let world = World::new(seed, FaultPlan::none());
        let life = {
            let world = Rc::clone(&world);
            async move {
                let mut tabs = Vec::new();
                for _ in 0..3 {
                    tabs.push(world.open().await.unwrap());
                }
                tabs[0].execute(ENSURE).await.unwrap();
                let work: Vec<_> = tabs
                    .iter()
                    .map(|database| {
                        let (database, rng) = (database.clone(), world.sim.fork_rng());
                        world.sim.tab().run(async move {
                            for _ in 0..30 {
                                database.execute(&command(&rng, 200)).await.unwrap();
                            }
                        })
                    })
                    .collect();
                for task in work {
                    task.await.unwrap();
                }
                for database in &tabs {
                    check_agreement(database).await;
                }
                world.sim.sleep(5_000.0).await;
                check_agreement(&tabs[1]).await;
                let seen = tabs[2].execute(r#"{"op":"waitSearch","collection":"c"}"#).await.unwrap();
                let text = String::from_utf8(seen.json).unwrap();
                let segments = text.split("\"segments\":").nth(1).and_then(|rest| rest.split(',').next());
                assert!(segments.and_then(|n| n.parse::<u32>().ok()).is_some_and(|n| n <= 12), "{text}");
            }
        };
        world.sim.run(life).unwrap_or_else(|stalled| panic!("seed {seed}: {stalled:?}"));
    }
}

#[test]
fn an_index_declared_later_is_filled_while_others_write_and_goes_on_after_a_closed_tab() {
    for seed in 0..4 {
        let world = World::new(seed, FaultPlan::none());
        let life = {
            let world = Rc::clone(&world);
            async move {
                let rng = world.sim.fork_rng();
                let one = world.open().await.unwrap();
                for _ in 0..12 {
                    let docs: Vec<String> = (0..100).map(|_| texts(&rng, 1000)).collect();
                    let put = format!(r#"{{"op":"put","collection":"c","docs":[{}]}}"#, docs.join(","));
                    one.execute(&put).await.unwrap();
                }
                one.execute(ENSURE).await.unwrap();
                let described = one.execute(r#"{"op":"collections"}"#).await.unwrap();
                assert!(String::from_utf8(described.json).unwrap().contains(r#""state":"building""#));
                world.sim.sleep(1.0).await;
                one.close().await;
                let two = world.open().await.unwrap();
                for _ in 0..10 {
                    two.execute(&command(&rng, 1000)).await.unwrap();
                }
                two.execute(r#"{"op":"waitSearch","collection":"c"}"#).await.unwrap();
                check_agreement(&two).await;
            }
        };
        world.sim.run(life).unwrap_or_else(|stalled| panic!("seed {seed}: {stalled:?}"));
    }
}

#[test]
fn after_any_crash_the_index_is_the_one_rebuilt_from_the_documents() {
    let mut crashes = 0;
    for seed in 0..8 {
        for fault in [Fault::CrashKill, Fault::CrashPowerCut, Fault::CrashReordered] {
            for n in (3 + seed..90).step_by(11) {
                crashes += u32::from(crash(seed, FaultPlan::nth(seed, n, fault)));
            }
        }
    }
    println!("{crashes} crashes");
    assert!(crashes > 60);
}

/// Writes until the crash; answers whether there was one.
fn crash(seed: u64, plan: FaultPlan) -> bool {
    let world = World::new(seed, plan.clone());
    let before = {
        let world = Rc::clone(&world);
        async move {
            let database = world.open().await?;
            database.execute(ENSURE).await?;
            let rng = world.sim.fork_rng();
            for round in 1..=40 {
                database.execute(&command(&rng, 60)).await?;
                if round % 6 == 0 {
                    // Nobody writes: segments are merged.
                    world.sim.sleep(300.0).await;
                }
            }
            Ok::<_, Error>(())
        }
    };
    // Who has crashed may never answer.
    let storage = Rc::clone(&world.storage);
    let ended = world.sim.run_until(before, move || storage.crashed()).unwrap();
    let crashed = !matches!(ended, Some(Ok(())));
    world.sim.end();
    let after = {
        let world = Rc::clone(&world);
        async move {
            world.storage.restart(FaultPlan::none()).await;
            let database = world.open().await.unwrap();
            assert_eq!(complaint(&database).await.unwrap(), None);
            database.execute(ENSURE).await.unwrap();
            let rng = world.sim.fork_rng();
            for _ in 0..5 {
                database.execute(&command(&rng, 60)).await.unwrap();
            }
            world.sim.sleep(3_000.0).await;
            assert_eq!(complaint(&database).await.unwrap(), None);
        }
    };
    world.sim.run(after).unwrap_or_else(|stalled| panic!("{plan}: {stalled:?}"));
    crashed
}

const NOTES: &str = r#"{"op":"insert","collection":"c","docs":[
{"id":"a","t":"Tide tables","b":"low water at noon","n":1,"tag":["sea","moon"]},
{"id":"b","t":"Hill walks","b":"no water on the way up","n":2,"tag":["hill"]},
{"id":"c","t":"Tides of the moon","b":"the tide follows the moon","n":3,"tag":["sea"]}]}"#;

async fn notes(world: &World) -> Database {
    let database = world.open().await.unwrap();
    database.execute(ENSURE).await.unwrap();
    database.execute(NOTES).await.unwrap();
    database
}

async fn ok(database: &Database, command: &str) -> String {
    let answer = database.execute(command).await.unwrap_or_else(|error| panic!("{command}: {error:?}"));
    String::from_utf8(answer.json).unwrap()
}

/// The ids of the hits of a search with these fields.
async fn ids(database: &Database, fields: &str) -> Vec<String> {
    let answer = ok(database, &format!(r#"{{"op":"search","collection":"c",{fields}}}"#)).await;
    answer.split(r#"{"id":""#).skip(1).step_by(2).map(|rest| rest.split('"').next().unwrap().to_owned()).collect()
}

fn check<F: std::future::Future<Output = ()> + 'static>(claim: impl Fn(Rc<World>) -> F) {
    for seed in 0..3 {
        let world = World::new(seed, FaultPlan::none());
        world.sim.run(claim(Rc::clone(&world))).unwrap_or_else(|stalled| panic!("seed {seed}: {stalled:?}"));
    }
}

#[test]
fn a_search_finds_the_best_first_and_follows_every_commit() {
    check(|world| async move {
        let (one, two) = (notes(&world).await, world.open().await.unwrap());
        assert_eq!(ids(&two, r#""query":"tide""#).await, ["a", "c"]);
        assert_eq!(ids(&one, r#""query":"water moon","match":"all""#).await, Vec::<String>::new());
        assert_eq!(ids(&one, r#""query":"tid","prefix":true,"limit":1"#).await.len(), 1);
        assert_eq!(ids(&one, r#""query":"tabels","fuzzy":1"#).await, ["a"]);
        assert_eq!(ids(&one, r#""query":{"phrase":"low water"}"#).await, ["a"]);
        ok(&one, r#"{"op":"update","collection":"c","id":"b","update":{"$set":{"t":"tide tide tide"}}}"#).await;
        ok(&one, r#"{"op":"delete","collection":"c","id":"c"}"#).await;
        two.engine().catch_up().await.unwrap();
        assert_eq!(ids(&two, r#""query":"tide""#).await, ["b", "a"]);
    });
}

#[test]
fn segments_are_merged_when_documents_stop_coming_or_when_they_are_too_many() {
    check(|world| async move {
        let database = notes(&world).await;
        let segments = || async {
            let text = ok(&database, r#"{"op":"waitSearch","collection":"c"}"#).await;
            let number = text.split("\"segments\":").nth(1).and_then(|rest| rest.split(',').next());
            number.and_then(|number| number.parse::<u32>().ok()).unwrap()
        };
        let write = |n: u32| {
            let docs = format!(r#"{{"id":"n{n}","t":"tide {n}"}},{{"id":"m{n}","t":"moon {n}"}}"#);
            format!(r#"{{"op":"put","collection":"c","docs":[{docs}]}}"#)
        };
        let mut most = 0;
        for n in 0..120 {
            ok(&database, &write(n)).await;
            world.sim.sleep(20.0).await;
            most = most.max(segments().await);
        }
        assert!((15..=26).contains(&most), "{most} segments");
        // Short sleeps: in a simulation time may jump to the next timer.
        for _ in 0..100 {
            world.sim.sleep(20.0).await;
        }
        assert!(segments().await < 4, "{} segments are left", segments().await);
        check_agreement(&database).await;
    });
}

#[test]
fn a_search_filters_counts_facets_sorts_by_fields_and_explains() {
    check(|world| async move {
        let database = notes(&world).await;
        assert_eq!(ids(&database, r#""query":"water","filter":{"n":{"$gt":1}}"#).await, ["b"]);
        assert_eq!(ids(&database, r#""query":"water tide","sort":{"n":-1}"#).await, ["c", "b", "a"]);
        let search =
            r#"{"op":"search","collection":"c","query":"water tide","facets":["tag"],"projection":{"n":1},"limit":0}"#;
        let expected = r#"{"hits":[],"total":3,"facets":{"tag":[{"value":"sea","count":2},{"value":"hill","count":1},{"value":"moon","count":1}]}}"#;
        assert_eq!(ok(&database, search).await, expected);
        let explained = ok(&database, r#"{"op":"search","collection":"c","query":"noon","explain":true}"#).await;
        assert!(explained.contains(r#""explain":{"value":"#), "{explained}");
        let marked = ok(&database, r#"{"op":"search","collection":"c","query":"noon low","highlight":true}"#).await;
        assert!(marked.contains(r#""highlights":{"b":[[[0,3],[13,17]]]}"#), "{marked}");
        let suggested = ok(&database, r#"{"op":"suggest","collection":"c","text":"mon"}"#).await;
        assert!(suggested.contains(r#""didYouMean":"moon""#), "{suggested}");
        let suggested = ok(&database, r#"{"op":"suggest","collection":"c","text":"low ti"}"#).await;
        assert!(suggested.starts_with(r#"{"completions":[{"term":"tide","docs":2,"edits":0}"#), "{suggested}");
    });
}

#[test]
fn a_search_for_ids_reads_no_document() {
    check(|world| async move {
        let database = notes(&world).await;
        // Others before and behind them, so that the documents are in a block of their own.
        for n in 0..40 {
            let id = format!("{}{n}", if n % 2 == 0 { "A" } else { "z" });
            let put =
                format!(r#"{{"op":"put","collection":"c","docs":[{{"id":"{id}","pad":"{}"}}]}}"#, "z".repeat(2000));
            ok(&database, &put).await;
        }
        ok(&database, r#"{"op":"delete","collection":"c","id":"c"}"#).await;
        database.engine().flush().await.unwrap();
        database.close().await;
        let database = world.open().await.unwrap();
        let search = |projection| {
            format!(r#"{{"op":"search","collection":"c","query":"water tide","projection":{projection}}}"#)
        };
        let looked = || database.engine().report().counters.blobs_read;
        let (ids, after) = (ok(&database, &search(r#"{"id":1}"#)).await, looked());
        assert!(ids.contains(r#""doc":{"id":"a"}"#) && !ids.contains(r#""id":"c""#), "{ids}");
        assert_eq!(ok(&database, &search(r#"{"id":1}"#)).await, ids);
        assert_eq!(looked(), after);
        // The same of documents without that field, which have to be read for that.
        assert_eq!(ok(&database, &search(r#"{"id":1,"absent":1}"#)).await, ids);
        assert!(looked() > after);
    });
}

#[test]
fn what_is_suggested_of_a_stemmed_field_are_words_that_documents_write() {
    check(|world| async move {
        let database = world.open().await.unwrap();
        let ensure = r#"{"op":"ensure","collection":"c","search":{"t":{"analyzer":"english"}}}"#;
        database.execute(ensure).await.unwrap();
        let docs = r#"[{"id":"a","t":"Gravity, gravity"},{"id":"b","t":"theories of gravity"},{"id":"c","t":"gravities"},
            {"id":"d","t":"gravitational"},{"id":"e","t":"gravitational"},{"id":"f","t":"gravitational"},{"id":"g","t":"gravitational"}]"#;
        ok(&database, &format!(r#"{{"op":"put","collection":"c","docs":{docs}}}"#)).await;
        let suggested = ok(&database, r#"{"op":"suggest","collection":"c","text":"gravty"}"#).await;
        assert!(suggested.contains(r#""didYouMean":"gravity""#), "{suggested}");
        let suggested = ok(&database, r#"{"op":"suggest","collection":"c","text":"grav"}"#).await;
        assert!(suggested.contains(r#""term":"gravity","docs":3,"edits":0"#), "{suggested}");
    });
}

#[test]
fn pages_of_a_search_join_without_gap_or_double_while_others_write() {
    check(|world| async move {
        let database = world.open().await.unwrap();
        database.execute(ENSURE).await.unwrap();
        let rng = world.sim.fork_rng();
        let docs: Vec<String> =
            (0..60).map(|n| format!(r#"{{"id":"d{n:02}","t":"w{} tide","n":{}}}"#, n % 7, n % 5)).collect();
        ok(&database, &format!(r#"{{"op":"put","collection":"c","docs":[{}]}}"#, docs.join(","))).await;
        for sort in ["", r#","sort":{"n":1}"#] {
            let (mut seen, mut after) = (Vec::new(), String::new());
            loop {
                let search = format!(
                    r#"{{"op":"search","collection":"c","query":"w1 tide","limit":7,"page":true,"projection":{{"n":1}}{sort}{after}}}"#
                );
                let page = ok(&database, &search).await;
                seen.extend(page.split(r#"{"id":"d"#).skip(1).step_by(2).map(|rest| rest[..2].to_owned()));
                let Some(token) = page.split(r#""next":""#).nth(1) else { break };
                after = format!(r#","after":"{}""#, token.split('"').next().unwrap());
                // What is written meanwhile shifts every score.
                let new = format!(
                    r#"{{"op":"put","collection":"c","docs":[{{"id":"x{}","t":"other words w1"}}]}}"#,
                    rng.below(9)
                );
                ok(&database, &new).await;
            }
            let all = seen.len();
            seen.sort();
            seen.dedup();
            assert_eq!((seen.len(), all), (60, all), "sort: {sort}");
        }
    });
}

#[test]
fn an_export_carries_the_declaration_and_the_import_fills_the_index() {
    check(|world| async move {
        let database = notes(&world).await;
        let mut export = database.export().unwrap();
        let mut text = Vec::new();
        while let Some(chunk) = export.next().await.unwrap() {
            text.extend(chunk);
        }
        let elsewhere = World { sim: world.sim.clone(), storage: world.sim.storage(FaultPlan::none()) };
        let restored = elsewhere.open().await.unwrap();
        let mut import = restored.import();
        import.push(&text).await.unwrap();
        import.finish().await.unwrap();
        ok(&restored, r#"{"op":"waitSearch","collection":"c"}"#).await;
        assert_eq!(ids(&restored, r#""query":"tide""#).await, ["a", "c"]);
        check_agreement(&restored).await;
    });
}

#[test]
fn what_was_computed_from_a_search_goes_when_it_is_declared_anew_or_dropped() {
    check(|world| async move {
        let (one, two) = (notes(&world).await, world.open().await.unwrap());
        ok(&one, r#"{"op":"cacheOpen","name":"views"}"#).await;
        let begin_and_search = || async {
            ok(&one, r#"{"op":"waitSearch","collection":"c"}"#).await;
            let begun = ok(&one, r#"{"op":"begin","watch":true}"#).await;
            let tx = begun.trim_start_matches(r#"{"tx":"#).trim_end_matches('}').to_owned();
            ok(&one, &format!(r#"{{"op":"search","collection":"c","query":"tide","tx":{tx}}}"#)).await;
            format!(r#"{{"op":"cacheCommit","tx":{tx},"entries":[{{"cache":1,"key":"k","value":1}}]}}"#)
        };
        let is_cached = || async {
            one.engine().catch_up().await.unwrap();
            ok(&one, r#"{"op":"cacheGet","cache":1,"key":"k"}"#).await.contains(r#""value":1"#)
        };
        for (change, goes) in [
            (ENSURE, false),
            (r#"{"op":"ensure","collection":"c","version":2}"#, false),
            (r#"{"op":"ensure","collection":"c","search":{"t":1,"b":100}}"#, true),
            (r#"{"op":"ensure","collection":"c","search":{"t":1,"b":100}}"#, false),
            (r#"{"op":"ensure","collection":"c","search":{"b":1}}"#, true),
            (r#"{"op":"dropSearch","collection":"c"}"#, true),
        ] {
            let commit = begin_and_search().await;
            ok(&one, &commit).await;
            assert!(is_cached().await, "{change}");
            ok(&two, change).await;
            assert_eq!(is_cached().await, !goes, "{change}");
        }
        // Nor is anything stored that was found before it was declared anew.
        ok(&two, ENSURE).await;
        one.engine().catch_up().await.unwrap();
        let commit = begin_and_search().await;
        ok(&two, r#"{"op":"ensure","collection":"c","search":{"t":1,"b":50}}"#).await;
        assert_eq!(one.execute(&commit).await.unwrap_err().kind().code(), "conflict");
        assert!(!is_cached().await);
    });
}

#[test]
fn searches_that_cannot_be_answered_say_why() {
    check(|world| async move {
        let database = notes(&world).await;
        ok(&database, r#"{"op":"insert","collection":"other","docs":[{"id":"a"}]}"#).await;
        for (command, reason) in [
            (r#"{"op":"search","collection":"other","query":"x"}"#, Some("no-search-index")),
            (r#"{"op":"search","collection":"c","query":"x","fields":["nope"]}"#, None),
            (r#"{"op":"search","collection":"c"}"#, None),
            (r#"{"op":"search","collection":"c","query":"x","after":"nonsense"}"#, None),
            (r#"{"op":"ensure","collection":"c","search":{"t":{"analyzer":"klingon"}}}"#, Some("unknown-analyzer")),
        ] {
            let error = database.execute(command).await.unwrap_err();
            assert_eq!((error.kind().code(), error.reason()), ("invalid", reason), "{command}: {error:?}");
        }
    });
}

#[test]
fn what_a_transaction_found_before_it_was_taken_back_is_not_remembered() {
    let world = World::new(11, FaultPlan::none());
    let life = {
        let world = Rc::clone(&world);
        async move {
            let database = world.open().await.unwrap();
            let run = |command: &'static str| {
                let database = database.clone();
                async move { String::from_utf8(database.execute(command).await.unwrap().json).unwrap() }
            };
            run(ENSURE).await;
            run(r#"{"op":"insert","collection":"c","docs":[{"id":"a","t":"ebb"}]}"#).await;
            run(r#"{"op":"begin"}"#).await;
            run(r#"{"op":"insert","collection":"c","docs":[{"id":"x","t":"tide"}],"tx":1}"#).await;
            let inside = run(r#"{"op":"search","collection":"c","query":"tide","tx":1}"#).await;
            assert!(inside.contains(r#""id":"x""#), "{inside}");
            run(r#"{"op":"rollback","tx":1}"#).await;
            // The next commit's segment has the number that the transaction's had.
            run(r#"{"op":"insert","collection":"c","docs":[{"id":"b","t":"tide tide"}]}"#).await;
            for query in ["tide", "ebb", "tid*"] {
                let command = format!(r#"{{"op":"search","collection":"c","query":"{query}"}}"#);
                let found = String::from_utf8(database.execute(&command).await.unwrap().json).unwrap();
                let id = if query == "ebb" { r#""id":"a""# } else { r#""id":"b""# };
                assert!(found.contains(id) && !found.contains(r#""id":"x""#), "{query}: {found}");
            }
        }
    };
    world.sim.run(life).unwrap();
}
