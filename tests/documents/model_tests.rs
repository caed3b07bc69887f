//! Random commands of several instances, killed and opened again, against the model.

use std::rc::Rc;

use tidewell_core::base::{ErrorKind, SeededRng};
use tidewell_core::disk::{Fault, FaultPlan};
use tidewell_sim::{SimOptions, SimPlatform};

use crate::replay::{each_seed, last_look};

use super::tab::{finish_upkeep, Tab};
use super::verdict::judge;
use super::world::{Counts, World};

/// Runs the seeds `0..count` (or the one asked for) and prints what happened. A failing seed is named.
fn for_seeds(name: &str, count: u64, run: impl Fn(u64) -> Result<Counts, String>) -> Counts {
    let mut total = Counts::default();
    each_seed(name, count, |seed| run(seed).map(|counts| total.add(&counts)));
    println!("{name}: {total:?}");
    total
}

/// Kills tabs at random; each is replaced.
async fn disturb(world: Rc<World>, mut tabs: Vec<Rc<SimPlatform>>, kills: u64) {
    let rng = world.rng();
    for _ in 0..kills {
        world.sim.sleep(rng.below(60_000) as f64 / 1000.0).await;
        let index = rng.index(tabs.len());
        world.count(|counts| counts.kills += 1);
        tabs[index].kill();
        let next = Tab { watches: true, ..Tab::new(&world) };
        tabs[index] = Rc::clone(&next.platform);
        next.platform.clone().start(async move { next.live(15).await });
    }
}

/// A whole run: `tabs` users at once, of whom `kills` are killed, then the judgement.
pub(crate) fn run(seed: u64, tabs: usize, actions: usize, kills: u64, faults: &[Fault]) -> Result<Counts, String> {
    let rng = SeededRng::new(seed ^ 0x646f_6373);
    let options = SimOptions { locks: !rng.one_in(5), drop_one_in: rng.below(10), ..SimOptions::default() };
    let plan = if faults.is_empty() { FaultPlan::none() } else { FaultPlan::one_in(seed, 20 + rng.below(200), faults) };
    let tolerated: &[ErrorKind] = if faults.is_empty() { &[] } else { &[ErrorKind::Unavailable, ErrorKind::Quota] };
    let world = World::new(seed, options, plan, tolerated);
    let shared = Rc::clone(&world);
    let main = async move {
        let (mut platforms, mut lives) = (Vec::new(), Vec::new());
        for _ in 0..tabs {
            let tab = Tab { watches: true, ..Tab::new(&shared) };
            platforms.push(Rc::clone(&tab.platform));
            lives.push(tab.platform.clone().run(async move { tab.live(actions).await }));
        }
        disturb(Rc::clone(&shared), platforms, kills).await;
        for life in lives {
            life.await;
        }
    };
    let stalled = world.sim.run(main).err();
    let last = match stalled {
        Some(stalled) => Err(format!("stalled: {stalled}")),
        None => finish(&world),
    };
    world.sim.end();
    last?;
    verdict(&world)
}

/// Judges, and answers the counts or what is wrong.
pub(crate) fn verdict(world: &World) -> Result<Counts, String> {
    judge(world);
    let violations = world.violations.take();
    match violations.is_empty() {
        true => Ok(*world.counts.borrow()),
        false => Err(violations.join("\n")),
    }
}

/// With the faults over: unfinished indexes are finished by whoever opens next, and everything agrees.
pub(crate) fn finish(world: &Rc<World>) -> Result<(), String> {
    // Those who replaced the killed may still be at work: they would build anew what is looked at.
    world.sim.end();
    let shared = Rc::clone(world);
    let last = async move {
        shared.storage.restart(FaultPlan::none()).await;
        let tab = shared.sim.tab();
        for when in ["at the end", "after compaction"] {
            let database = shared.open(&tab).await?;
            finish_upkeep(&database, &*tab).await?;
            shared.inspect(&database, when, true).await?;
            database.engine().compact().await?;
            shared.gather(&database);
            database.close().await;
        }
        Ok(())
    };
    last_look(&world.sim, last)
}

#[test]
fn one_instance_answers_like_the_model() {
    let counts = for_seeds("documents, one instance", 60, |seed| run(seed, 1, 120, 0, &[]));
    assert!(counts.flushes > 0 && counts.indexes > 50 && counts.acknowledged > 1000, "{counts:?}");
}

#[test]
fn concurrent_instances_answer_like_one_after_another() {
    let counts = for_seeds("documents, concurrent instances", 60, |seed| run(seed, 2 + seed as usize % 2, 50, 0, &[]));
    assert!(counts.lost_races > 0 && counts.live > 500 && counts.sights > 500, "{counts:?}");
}

#[test]
fn killed_instances_lose_no_document_and_leave_no_half_index() {
    let counts = for_seeds("documents, kills", 60, |seed| run(seed, 2 + seed as usize % 2, 50, 6, &[]));
    assert!(counts.kills > 100 && counts.acknowledged > 1000, "{counts:?}");
}

#[test]
fn faults_of_storage_lose_no_document_and_leave_no_half_index() {
    let faults = [Fault::Interrupted, Fault::Hang, Fault::ConnectionLost, Fault::Unavailable, Fault::Quota];
    let counts = for_seeds("documents, faults", 60, |seed| run(seed, 1 + seed as usize % 3, 50, 2, &faults));
    assert!(counts.acknowledged > 1000, "{counts:?}");
}
