//! What the core costs natively, over storage in memory: printed, never asserted. Run it with
//! `cargo test --profile sim -p tidewell-sim --test throughput -- --ignored --nocapture`.
#![expect(clippy::disallowed_methods, reason = "it measures real time")]

use std::rc::Rc;
use std::time::Instant;

use tidewell_core::base::Result;
use tidewell_core::collections::write::InsertMode;
use tidewell_core::database::{Database, Response};
use tidewell_core::disk::FaultPlan;
use tidewell_core::engine::{Durability, EngineOptions, Pause};
use tidewell_sim::Sim;

const DOCUMENTS: u32 = 100_000;

/// Changes by an index that visits the documents in no order of theirs.
const BY_INDEX: [(&str, u32, &str); 3] = [
    (
        "update 20,000 by an index",
        20_000,
        r#"{"op":"update","collection":"docs","filter":{"score":{"$gte":40000,"$lt":60000}},"update":{"$set":{"title":"changed"}}}"#,
    ),
    (
        "delete 10,000 by an index",
        10_000,
        r#"{"op":"delete","collection":"docs","filter":{"score":{"$gte":30000,"$lt":40000}}}"#,
    ),
    (
        "delete 20,000 by an index",
        20_000,
        r#"{"op":"delete","collection":"docs","filter":{"score":{"$gte":50000,"$lt":70000}}}"#,
    ),
];

fn document(n: u32) -> String {
    let mut hash = n.wrapping_mul(2_654_435_761);
    let mut next = || {
        hash = hash.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        hash >> 8
    };
    let body: Vec<String> = (0..24).map(|_| format!("w{}", next() % 5000)).collect();
    format!(
        r#"{{"id":"doc-{n:08}","title":"title {n}","body":"{}","tags":["a{}","b{}"],"author":"author-{:03}","created":{},"score":{},"done":{},"place":{{"x":{},"y":2}}}}"#,
        body.join(" "),
        next() % 50,
        next() % 50,
        next() % 100,
        1_700_000_000_000u64 + u64::from(n),
        next() % 100_000,
        next() % 2 == 0,
        next() % 1000,
    )
}

fn timed<T>(name: &str, count: u32, work: impl FnOnce() -> T) -> T {
    let begun = Instant::now();
    let value = work();
    let elapsed = begun.elapsed();
    println!(
        "{name:<28} {:>9.2} ms {:>9.2} µs each",
        elapsed.as_secs_f64() * 1e3,
        elapsed.as_secs_f64() * 1e6 / f64::from(count)
    );
    value
}

async fn inserted(database: &Database, batch: Vec<u8>) -> Result<Response> {
    database.write_batch(InsertMode::Insert, "docs", batch, None, Durability::Relaxed).await
}

#[test]
#[ignore = "it only prints"]
fn what_the_core_costs() {
    let sim = Sim::new(1);
    let storage = sim.storage(FaultPlan::none());
    let platform = sim.tab();
    let disk = Rc::new(storage.open());
    let database =
        sim.run(async move { Database::open(disk, platform, None, EngineOptions::new("t")).await.unwrap() }).unwrap();
    let run = |command: &str| match database.try_execute(command) {
        Ok(response) => response,
        Err(Pause::Failed(error)) => panic!("{error:?}"),
        Err(_) => {
            let (database, command) = (database.clone(), command.to_owned());
            sim.run(async move { database.execute(&command).await.unwrap() }).unwrap()
        }
    };
    run(r#"{"op":"ensure","collection":"docs","indexes":["score","author"]}"#);
    let batches: Vec<Vec<u8>> = (0..DOCUMENTS / 1000)
        .map(|batch| {
            let docs: Vec<String> = (0..1000).map(|n| document(batch * 1000 + n)).collect();
            format!("[{}]", docs.join(",")).into_bytes()
        })
        .collect();
    timed("bulk insert", DOCUMENTS, || {
        for batch in batches {
            let database = database.clone();
            sim.run(async move { inserted(&database, batch).await.unwrap() }).unwrap();
        }
    });
    sim.run_for(5_000.0);
    for _ in 0..2 {
        timed("filter and sort", 1, || {
            run(
                r#"{"op":"find","collection":"docs","filter":{"done":true,"place.x":{"$lt":500}},"sort":{"created":-1},"limit":50}"#,
            )
        });
        timed("group by", 1, || {
            run(
                r#"{"op":"aggregate","collection":"docs","pipeline":[{"$group":{"_id":"$author","total":{"$sum":"$score"}}}]}"#,
            )
        });
    }
    let get = |n: u32| {
        let mut out = Vec::new();
        let id = format!("doc-{:08}", n.wrapping_mul(7919) % DOCUMENTS);
        if database.try_get("docs", &id, &mut out).is_err() {
            run(&format!(r#"{{"op":"get","collection":"docs","id":"{id}"}}"#));
        }
    };
    for name in ["get, cold", "get, warm"] {
        timed(name, 10_000, || (0..10_000).for_each(get));
    }
    timed("range of 20", 1000, || {
        for n in 0..1000u32 {
            let low = n * 7919 % 90_000;
            run(&format!(
                r#"{{"op":"find","collection":"docs","filter":{{"score":{{"$gte":{low}}}}},"sort":{{"score":1}},"limit":20}}"#
            ));
        }
    });
    let ids = |from: u32| (from..from + 10_000).map(|n| format!("\"doc-{n:08}\"")).collect::<Vec<_>>().join(",");
    timed("update 10,000", 10_000, || {
        run(&format!(
            r#"{{"op":"update","collection":"docs","filter":{{"id":{{"$in":[{}]}}}},"update":{{"$set":{{"done":true}}}}}}"#,
            ids(0)
        ))
    });
    timed("delete 10,000", 10_000, || {
        run(&format!(r#"{{"op":"delete","collection":"docs","filter":{{"id":{{"$in":[{}]}}}}}}"#, ids(20_000)))
    });
    BY_INDEX.into_iter().for_each(|(name, count, command)| drop(timed(name, count, || run(command))));
    println!("{}", String::from_utf8_lossy(&run(r#"{"op":"stats"}"#).json));
}
