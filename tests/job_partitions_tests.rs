//! Jobs whose source is split, in simulated tabs that map side by side: whoever is killed or frozen, wakes up late, has a clock that is a
//! day off, or brings a slice of a partition that another went on with, the result is what one runner gives.

use std::rc::Rc;

use tidewell_core::base::SeededRng;
use tidewell_core::collections::Value;
use tidewell_core::disk::FaultPlan;

use crate::jobs_crowd::Crowd;
use crate::jobs_tests::crash_of;
use crate::jobs_world::{field, number, text, word, Kind, Plan, World};
use crate::replay::{each_crash, each_seed, is_replay};

/// What schedules came to.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tally {
    slices: u64,
    late: u64,
    /// Runs that more than one tab mapped for.
    shared: u64,
    killed: u64,
    frozen: u64,
}

/// Three tabs run a job that is split. One is killed, or frozen and thawed, once or twice; others read and write.
pub(crate) fn runners(seed: u64) -> Result<Tally, String> {
    let world = World::new(seed, Plan::split(seed), FaultPlan::none());
    let shared = Rc::clone(&world);
    let outcome = world.sim.run(async move {
        let mut crowd = Crowd::begin(&shared, seed).await.map_err(text)?;
        let (rng, mut sums) = (SeededRng::new(seed), Tally::default());
        for _ in 0..2 {
            shared.sim.sleep(rng.below(25) as f64).await;
            // The last one lives.
            let victim = rng.below(2) as usize;
            if rng.one_in(3) {
                crowd.kill(victim);
                sums.killed += 1;
            } else {
                let platform = Rc::clone(&crowd.runners[victim].platform);
                platform.freeze();
                shared.sim.sleep(rng.below(60) as f64).await;
                platform.thaw();
                sums.frozen += 1;
            }
        }
        let runners = crowd.runners.clone();
        crowd.end().await?;
        sums.shared = u64::from(runners.iter().filter(|tab| tab.mapped.get() > 0).count() > 1);
        Ok::<_, String>(sums)
    });
    let sums = outcome.map_err(|stalled| format!("{stalled:?}"))??;
    Ok(Tally { slices: world.slices.get(), late: world.late.get(), ..sums })
}

/// All partitions but the first are mapped. Keys must wait for that one, of which the same slice comes twice.
fn late(seed: u64) -> Result<(), String> {
    let plan = Plan { kind: Kind::Pipeline, ..Plan::split(seed) };
    let (world, documents) = (World::new(seed, plan.clone(), FaultPlan::none()), plan.documents);
    let shared = Rc::clone(&world);
    let outcome = world.sim.run(async move {
        let tab = shared.open().await.map_err(text)?;
        shared.fill(&tab).await.map_err(text)?;
        let start = format!(r#"{{"op":"jobStart","name":"j","definition":{}}}"#, plan.definition());
        let begun = tab.run(&start).await.map_err(text)?;
        let Value::Array(open) = field(&begun, "open") else { return Err(format!("it is not split: {begun:?}")) };
        if open.len() as u64 != plan.partitions.min(documents) {
            return Err(format!("{} partitions of {documents} documents", open.len()));
        }
        let step = |partition: usize, step: u64| {
            let run = number(&begun, "run");
            format!(r#"{{"op":"jobStep","name":"j","run":{run},"step":{step},"partition":{partition}}}"#)
        };
        // All but the first are mapped, one after another; only then is the first begun.
        let mut status = begun.clone();
        for at in 1..open.len() {
            let mut steps = 0;
            while matches!(field(&status, "open"), Value::Array(open) if open.iter().any(|one| is_open(one, at))) {
                status = tab.run(&step(at, steps)).await.map_err(text)?;
                steps += 1;
            }
        }
        if word(&status, "phase") != "map" || number(&status, "partitionsDone") + 1 != number(&status, "partitions") {
            return Err(format!("the first partition is not mapped, and it goes on: {status:?}"));
        }
        let rows = number(&tab.run(&step(0, 0)).await.map_err(text)?, "rows");
        let again = tab.run(&step(0, 0)).await.map_err(text)?;
        if number(&again, "rows") != rows {
            return Err(format!("a slice of the first partition counted twice: {rows} rows, then {again:?}"));
        }
        shared.run_job(&tab).await.map_err(text)?;
        shared.verify(&tab).await
    });
    outcome.map_err(|stalled| format!("{stalled:?}"))?
}

fn is_open(one: &Value, partition: usize) -> bool {
    matches!(one, Value::Array(pair) if pair.first() == Some(&Value::Number(partition as f64)))
}

#[test]
fn a_job_that_three_tabs_map_side_by_side_counts_every_document_once_though_some_are_killed_and_frozen() {
    let mut sum = Tally::default();
    let runs = each_seed("job partitions", 1000, |seed| {
        runners(seed).map(|one| {
            sum.slices += one.slices;
            sum.late += one.late;
            sum.shared += one.shared;
            sum.killed += one.killed;
            sum.frozen += one.frozen;
        })
    });
    println!("counted: job partitions: {runs} schedules of three runners: {sum:?}");
    assert!(is_replay() || sum.late > 100 && sum.shared > 500, "the test proves little: {sum:?}");
}

#[test]
fn keys_wait_for_the_last_partition_and_a_slice_that_comes_late_counts_nothing() {
    each_seed("late partitions", 100, late);
}

#[test]
fn after_any_crash_a_split_job_goes_on_where_each_partition_was_committed() {
    let recoveries = each_crash(16, |seed, n, fault| crash_of(Plan::split(seed), seed, n, fault));
    println!("job partitions: {recoveries} recoveries, 0 wrong results");
    assert!(is_replay() || recoveries > 300, "only {recoveries} recoveries: the test proves little");
}
