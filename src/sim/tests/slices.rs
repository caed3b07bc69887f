//! Writes that take many slices: one commit all the same, one claim each.

#![cfg(test)]

use std::cell::Cell;
use std::rc::Rc;

use tidewell_core::base::Error;
use tidewell_core::database::Database;
use tidewell_core::disk::{FaultPlan, FaultyStorage};
use tidewell_core::engine::{Durability, EngineOptions, Pause, Transaction};
use tidewell_sim::{Sim, SimPlatform};

const DOCUMENTS: usize = 40;

struct World {
    sim: Sim,
    storage: Rc<FaultyStorage>,
}

impl World {
    async fn open_in(&self, platform: &Rc<SimPlatform>) -> Database {
        let options = EngineOptions { memory_budget: 2 << 20, slice_bytes: 600, ..EngineOptions::new("test") };
        let disk = Rc::new(self.storage.open());
        let database = Database::open(disk, Rc::clone(platform) as _, None, options).await.unwrap();
        let receiver = database.clone();
        platform.on_announce(Rc::new(move |message| receiver.receive(message)));
        database
    }

    async fn open(&self) -> Database {
        self.open_in(&self.sim.tab()).await
    }

    /// Documents whose `n` is 0 and whose `u` is their number, unique.
    async fn filled(&self) -> Database {
        let database = self.open().await;
        run(&database, r#"{"op":"ensure","collection":"c","indexes":["n",{"fields":["u"],"unique":true}]}"#)
            .await
            .unwrap();
        let docs: Vec<_> = (0..DOCUMENTS).map(|n| format!(r#"{{"id":"d{n:02}","n":0,"u":{n}}}"#)).collect();
        let insert = format!(r#"{{"op":"insert","collection":"c","docs":[{}]}}"#, docs.join(","));
        run(&database, &insert).await.unwrap();
        database
    }
}

fn check<F: std::future::Future<Output = ()> + 'static>(seeds: u64, claim: impl Fn(Rc<World>, u64) -> F) {
    for seed in 0..seeds {
        let sim = Sim::new(seed);
        let storage = sim.storage(FaultPlan::none());
        let world = Rc::new(World { sim, storage });
        world.sim.run(claim(Rc::clone(&world), seed)).unwrap_or_else(|stalled| panic!("seed {seed}: {stalled:?}"));
    }
}

async fn run(database: &Database, command: &str) -> Result<String, Error> {
    database.execute(command).await.map(|response| String::from_utf8(response.json).unwrap())
}

async fn count(database: &Database, filter: &str) -> usize {
    let answer = run(database, &format!(r#"{{"op":"count","collection":"c","filter":{filter}}}"#)).await.unwrap();
    answer.parse().unwrap()
}

fn number(answer: &str, field: &str) -> u64 {
    let rest = answer.split_once(&format!("\"{field}\":")).unwrap().1;
    rest.split([',', '}']).next().unwrap().parse().unwrap()
}

const UPDATE: &str = r#"{"op":"update","collection":"c","filter":{"n":0},"update":{"$set":{"n":1}}}"#;
const SHIFT: &str = r#"{"op":"update","collection":"c","filter":{"n":0},"update":{"$inc":{"u":1}}}"#;

#[test]
fn nobody_sees_half_of_a_long_update() {
    check(10, |world, _| async move {
        let database = world.filled().await;
        let before = database.engine().report().position;
        let (writer, done, looks) = (database.clone(), Rc::new(Cell::new(false)), Rc::new(Cell::new(0)));
        let over = Rc::clone(&done);
        let update = world.sim.tab().run(async move {
            let answer = run(&writer, UPDATE).await.unwrap();
            over.set(true);
            answer
        });
        while !done.get() {
            let seen = count(&database, r#"{"n":1}"#).await;
            assert!(seen == 0 || seen == DOCUMENTS, "{seen}");
            looks.set(looks.get() + usize::from(seen == 0));
            world.sim.sleep(0.5).await;
        }
        let answer = update.await.unwrap();
        assert_eq!((number(&answer, "matched"), number(&answer, "modified")), (DOCUMENTS as u64, DOCUMENTS as u64));
        assert_eq!(number(&answer, "position"), before + 1, "one commit");
        assert!(looks.get() > 10, "it gave the thread back only {} times", looks.get());
    });
}

#[test]
fn a_tab_that_dies_in_the_middle_of_a_long_delete_leaves_all_or_nothing() {
    let (whole, nothing) = (Cell::new(0), Cell::new(0));
    for seed in 0..30 {
        let sim = Sim::new(seed);
        let storage = sim.storage(FaultPlan::none());
        let world = Rc::new(World { sim, storage });
        let shared = Rc::clone(&world);
        let left = world.sim.run(async move {
            shared.filled().await.close().await;
            let tab = shared.sim.tab();
            let database = shared.open_in(&tab).await;
            tab.start(
                async move { drop(run(&database, r#"{"op":"delete","collection":"c","filter":{"n":0}}"#).await) },
            );
            shared.sim.sleep(seed as f64 * 5.0).await;
            tab.kill();
            let next = shared.open().await;
            (count(&next, "{}").await, count(&next, r#"{"n":0}"#).await)
        });
        let (all, indexed) = left.unwrap_or_else(|stalled| panic!("seed {seed}: {stalled:?}"));
        assert_eq!(all, indexed);
        match all {
            0 => whole.set(whole.get() + 1),
            DOCUMENTS => nothing.set(nothing.get() + 1),
            some => panic!("seed {seed}: {some} documents are left"),
        }
    }
    assert!(whole.get() > 2 && nothing.get() > 2, "{whole:?} {nothing:?}");
}

#[test]
fn what_another_tab_commits_between_two_slices_makes_the_update_start_over() {
    check(20, |world, seed| async move {
        let (long, other) = (world.filled().await, world.open().await);
        let writer = long.clone();
        let update = world.sim.tab().run(async move { run(&writer, UPDATE).await.unwrap() });
        world.sim.sleep(3.0 + seed as f64).await;
        let away = r#"{"op":"update","collection":"c","id":"d39","update":{"$set":{"n":7}}}"#;
        let away = number(&run(&other, away).await.unwrap(), "position");
        let answer = update.await.unwrap();
        let came_first = away < number(&answer, "position");
        assert_eq!(number(&answer, "modified"), DOCUMENTS as u64 - u64::from(came_first));
        long.engine().catch_up().await.unwrap();
        assert_eq!((count(&long, r#"{"n":7}"#).await, count(&long, r#"{"n":1}"#).await), (1, DOCUMENTS - 1));
        assert_eq!(long.engine().report().counters.lost_races > 0, came_first);
    });
}

#[test]
fn a_unique_value_that_is_taken_in_a_late_slice_leaves_nothing_and_stops_no_other_write() {
    check(10, |world, _| async move {
        let database = world.filled().await;
        run(&database, r#"{"op":"update","collection":"c","id":"d39","update":{"$set":{"n":7}}}"#).await.unwrap();
        let (first, second, third) = (database.clone(), database.clone(), database.clone());
        let tab = world.sim.tab();
        let before =
            tab.clone().run(async move { run(&first, r#"{"op":"put","collection":"c","docs":[{"id":"x"}]}"#).await });
        let refused = tab.clone().run(async move { run(&second, SHIFT).await });
        let after = tab.run(async move { run(&third, r#"{"op":"put","collection":"c","docs":[{"id":"y"}]}"#).await });
        before.await.unwrap().unwrap();
        assert_eq!(refused.await.unwrap().unwrap_err().reason(), Some("unique"));
        after.await.unwrap().unwrap();
        assert_eq!(count(&database, "{}").await, DOCUMENTS + 2);
        for n in 0..DOCUMENTS {
            assert_eq!(count(&database, &format!(r#"{{"id":"d{n:02}","u":{n}}}"#)).await, 1);
        }
        run(&database, r#"{"op":"delete","collection":"c","id":"d39"}"#).await.unwrap();
        assert_eq!(number(&run(&database, SHIFT).await.unwrap(), "modified"), DOCUMENTS as u64 - 1);
    });
}

#[test]
fn a_transaction_takes_slices_too_and_a_refused_one_leaves_the_others_writes() {
    check(5, |world, _| async move {
        let database = world.filled().await;
        let tx = number(&run(&database, r#"{"op":"begin"}"#).await.unwrap(), "tx");
        let within = |command: &str| command.replacen('{', &format!("{{\"tx\":{tx},"), 1);
        run(&database, &within(r#"{"op":"update","collection":"c","id":"d39","update":{"$set":{"n":7}}}"#))
            .await
            .unwrap();
        assert_eq!(run(&database, &within(SHIFT)).await.unwrap_err().reason(), Some("unique"));
        assert_eq!(number(&run(&database, &within(UPDATE)).await.unwrap(), "modified"), DOCUMENTS as u64 - 1);
        run(&database, &within(r#"{"op":"commit"}"#)).await.unwrap();
        assert_eq!((count(&database, r#"{"n":1}"#).await, count(&database, r#"{"u":38}"#).await), (DOCUMENTS - 1, 1));
    });
}

#[test]
fn a_job_that_is_half_way_is_not_committed_however_much_it_has_written() {
    check(3, |world, _| async move {
        let database = world.open().await;
        let engine = database.engine();
        let before = engine.report().position;
        let mut runs = 0;
        let work = move |tx: &mut dyn Transaction| {
            runs = if tx.kept() { runs + 1 } else { 0 };
            tx.put(&[b'z', runs], &vec![runs; 1 << 20])?;
            tx.keep();
            if runs < 9 {
                return Err(Pause::Yield);
            }
            Ok(())
        };
        assert_eq!(engine.commit(Durability::Relaxed, work).await.unwrap().position, before + 1);
        assert!(engine.read(|view| view.contains(&[b'z', 9])).await.unwrap());
    });
}
