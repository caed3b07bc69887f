//! Batch jobs in simulated tabs: whatever is killed or crashes, and however many run the same job at once, the result is what a
//! direct computation gives, and readers see the old result or the new one.

use std::rc::Rc;

use tidewell_core::base::{ErrorKind, SeededRng};
use tidewell_core::collections::Value;
use tidewell_core::disk::{Fault, FaultPlan};

use crate::jobs_crowd::Crowd;
use crate::jobs_world::{text, word, Plan, World};
use crate::replay::{each_crash, each_seed, is_replay};

/// Three tabs run the same job, one of them is killed on the way; others read and write. Answers slices and late ones.
pub(crate) fn tabs(seed: u64) -> Result<(u64, u64), String> {
    let world = World::new(seed, Plan::of(seed), FaultPlan::none());
    let shared = Rc::clone(&world);
    let outcome = world.sim.run(async move {
        let mut crowd = Crowd::begin(&shared, seed).await.map_err(text)?;
        shared.sim.sleep(SeededRng::new(seed).below(40) as f64).await;
        crowd.kill(0);
        crowd.end().await
    });
    outcome.map_err(|stalled| format!("{stalled:?}"))??;
    Ok((world.slices.get(), world.late.get()))
}

/// One tab runs the job until the disk crashes at operation `n`; another goes on after the restart. `false` if it never crashed.
pub(crate) fn crash(seed: u64, n: u64, fault: Fault) -> Result<bool, String> {
    crash_of(Plan::of(seed), seed, n, fault)
}

/// As [`crash`], with a given job.
pub(crate) fn crash_of(plan: Plan, seed: u64, n: u64, fault: Fault) -> Result<bool, String> {
    let world = World::new(seed, plan, FaultPlan::nth(seed, n, fault));
    let shared = Rc::clone(&world);
    let storage = Rc::clone(&world.storage);
    let work = async move {
        let Ok(tab) = shared.open().await else { return Ok(()) };
        let filled = shared.fill(&tab).await;
        let result = if filled.is_ok() { shared.run_job(&tab).await } else { filled };
        match result {
            Err(error) if error.kind() == ErrorKind::Internal => Err(text(error)),
            _ => Ok(()),
        }
    };
    match world.sim.run_until(work, || storage.crashed()) {
        Ok(Some(result)) => result?,
        Ok(None) => {}
        Err(stalled) => return Err(format!("{stalled:?}")),
    }
    if !world.storage.crashed() {
        return Ok(false);
    }
    world.sim.end();
    let shared = Rc::clone(&world);
    let recovered = world.sim.run(async move {
        shared.storage.restart(FaultPlan::none()).await;
        let tab = shared.open().await.map_err(text)?;
        let status = tab.run(r#"{"op":"jobStatus","name":"j"}"#).await.map_err(text)?;
        if status == Value::Null {
            // Nothing of the job was committed: the documents may not be there either.
            shared.fill(&tab).await.map_err(text)?;
        }
        if word(&status, "state") != "done" {
            shared.run_job(&tab).await.map_err(text)?;
        }
        shared.verify(&tab).await
    });
    recovered.map_err(|stalled| format!("{stalled:?}"))?.map(|()| true)
}

#[test]
fn a_job_that_three_tabs_run_at_once_counts_every_document_once_though_one_is_killed() {
    let (mut slices, mut late) = (0, 0);
    let runs =
        each_seed("jobs", 1000, |seed| tabs(seed).map(|(done, lost)| (slices, late) = (slices + done, late + lost)));
    println!("counted: jobs: {runs} schedules of three runners, {slices} slices, {late} of them late and thrown away");
    assert!(is_replay() || late > 100, "only {late} slices were late: the test proves little");
}

#[test]
fn after_any_crash_a_job_goes_on_where_its_last_slice_was_committed() {
    let recoveries = each_crash(24, crash);
    println!("jobs: {recoveries} recoveries, 0 wrong results");
    assert!(is_replay() || recoveries > 500, "only {recoveries} recoveries: the test proves little");
}
