//! Writers of one document that all read it first: with the package's defaults each of them gets through.

#![cfg(test)]

use std::cell::Cell;
use std::rc::Rc;

use tidewell_core::base::{Rng, SeededRng};
use tidewell_core::database::Database;
use tidewell_core::disk::{FaultPlan, FaultyStorage};
use tidewell_core::engine::{EngineOptions, Platform};
use tidewell_sim::{Sim, SimPlatform};

/// The package's defaults (pkg-config/src/transaction.ts).
const RETRIES: u64 = 10;
const LONGEST_PAUSE_MS: u64 = 64;

async fn open(storage: &Rc<FaultyStorage>, platform: &Rc<SimPlatform>) -> Database {
    let options = EngineOptions::new("test");
    let database = Database::open(Rc::new(storage.open()), Rc::clone(platform) as _, None, options).await.unwrap();
    let receiver = database.clone();
    platform.on_announce(Rc::new(move |message| receiver.receive(message)));
    database
}

async fn run(database: &Database, command: &str) -> Result<String, tidewell_core::base::Error> {
    database.execute(command).await.map(|response| String::from_utf8(response.json).unwrap())
}

/// One increment as the package makes it: read, think, write, commit; again after a pause. Answers how often it ran.
async fn increment(database: &Database, platform: &SimPlatform, rng: &SeededRng) -> u64 {
    for attempt in 0..=RETRIES {
        let begun = run(database, r#"{"op":"begin"}"#).await.unwrap();
        let tx = begun.trim_matches(|c: char| !c.is_ascii_digit()).to_owned();
        let get = format!(r#"{{"op":"get","collection":"c","id":"n","tx":{tx}}}"#);
        let doc = run(database, &get).await.unwrap();
        let old: u64 = doc.rsplit(':').next().unwrap().trim_end_matches('}').parse().unwrap();
        platform.sleep(rng.below(2000) as f64 / 1000.0).await;
        let put = format!(r#"{{"op":"put","collection":"c","docs":[{{"id":"n","v":{}}}],"tx":{tx}}}"#, old + 1);
        run(database, &put).await.unwrap();
        match run(database, &format!(r#"{{"op":"commit","tx":{tx}}}"#)).await {
            Ok(_) => return attempt + 1,
            Err(error) => assert_eq!(error.reason(), Some("retry"), "{error:?}"),
        }
        let longest = (1 << attempt).min(LONGEST_PAUSE_MS) * 1000;
        platform.sleep((rng.next_u64() % longest) as f64 / 1000.0).await;
    }
    panic!("an increment lost {} times", RETRIES + 1);
}

/// `instances` with `writers` each, every one of which increments `times` times.
fn check(seed: u64, instances: u64, writers: u64, times: u64) {
    let sim = Sim::new(seed);
    let storage = sim.storage(FaultPlan::none());
    let (attempts, worst) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(0)));
    let (world, all, most) = (sim.clone(), Rc::clone(&attempts), Rc::clone(&worst));
    let main = async move {
        let first = open(&storage, &world.tab()).await;
        run(&first, r#"{"op":"put","collection":"c","docs":[{"id":"n","v":0}]}"#).await.unwrap();
        let mut tasks = Vec::new();
        for _ in 0..instances {
            let platform = world.tab();
            let database = open(&storage, &platform).await;
            for _ in 0..writers {
                let (database, tab, rng) = (database.clone(), Rc::clone(&platform), world.fork_rng());
                let (all, most) = (Rc::clone(&all), Rc::clone(&most));
                tasks.push(platform.run(async move {
                    for _ in 0..times {
                        let ran = increment(&database, &tab, &rng).await;
                        all.set(all.get() + ran);
                        most.set(most.get().max(ran));
                    }
                }));
            }
        }
        for task in tasks {
            task.await.unwrap();
        }
        first.engine().catch_up().await.unwrap();
        run(&first, r#"{"op":"get","collection":"c","id":"n"}"#).await.unwrap()
    };
    let doc = sim.run(main).unwrap_or_else(|stalled| panic!("seed {seed}: {stalled:?}"));
    let sum = instances * writers * times;
    println!("seed {seed}: {sum} increments took {} runs, the worst {}", attempts.get(), worst.get());
    assert_eq!(doc, format!(r#"{{"id":"n","v":{sum}}}"#), "seed {seed}");
}

#[test]
fn eight_instances_increment_one_document_and_nobody_starves() {
    (0..8).for_each(|seed| check(seed, 8, 1, 50));
}

#[test]
fn four_writers_of_one_instance_increment_one_document_and_nobody_starves() {
    (0..8).for_each(|seed| check(seed, 1, 4, 50));
}
