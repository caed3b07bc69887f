//! Concurrent instances, killed, frozen, closed and opened again, against a simple model.

use std::rc::Rc;

use tidewell_core::base::{ErrorKind, SeededRng};
use tidewell_core::disk::{Fault, FaultPlan};
use tidewell_core::engine::compaction_pick::CompactionOptions;
use tidewell_core::engine::table_builder::TableSizes;
use tidewell_sim::{Sim, SimOptions, SimPlatform};

use crate::replay::{each_seed, last_look};
use crate::tab::Tab;
use crate::verdict::{compare_all, judge};
use crate::world::{Counts, Setting, World};

/// Runs the seeds `0..count` (or the one asked for) and prints what happened. A failing seed is named.
pub(crate) fn for_seeds(name: &str, count: u64, run: impl Fn(u64) -> Result<Counts, String>) -> Counts {
    let mut total = Counts::default();
    let runs = each_seed(name, count, |seed| run(seed).map(|counts| total.add(&counts)));
    println!("{name}: {runs} runs: {total}");
    total
}

fn setting(rng: &SeededRng, tolerated: &[ErrorKind]) -> Setting {
    Setting {
        auto_maintenance: !rng.one_in(4),
        memory_budget: 512 << 10,
        tables: TableSizes { block_bytes: 256 << rng.below(6), table_bytes: 2048 << rng.below(5) },
        compaction: CompactionOptions {
            level0_tables: 2 + rng.index(3),
            level1_bytes: 4096 << rng.below(4),
            ratio: 2 + rng.below(3),
        },
        keys: 10 + rng.below(150),
        value_max: 100 << rng.below(6),
        tolerated: tolerated.to_vec(),
    }
}

fn world(seed: u64, faults: &[Fault]) -> Rc<World> {
    let rng = SeededRng::new(seed ^ 0x7469_6465);
    let options = SimOptions { locks: !rng.one_in(5), drop_one_in: rng.below(10), ..SimOptions::default() };
    let plan = if faults.is_empty() { FaultPlan::none() } else { FaultPlan::one_in(seed, 20 + rng.below(200), faults) };
    let tolerated: &[ErrorKind] = if faults.is_empty() { &[] } else { &[ErrorKind::Unavailable, ErrorKind::Quota] };
    World::new(Sim::with(seed, options), plan, setting(&rng, tolerated))
}

/// Kills and freezes tabs at random until told to stop; killed ones are replaced.
async fn disturb(world: Rc<World>, mut tabs: Vec<Rc<SimPlatform>>, disturbances: u64) {
    let rng = world.rng();
    for _ in 0..disturbances {
        world.sim.sleep(rng.below(60_000) as f64 / 1000.0).await;
        let index = rng.index(tabs.len());
        let tab = Rc::clone(&tabs[index]);
        if rng.one_in(2) {
            world.count(|counts| counts.kills += 1);
            tab.kill();
            let next = Tab { may_expire: true, ..Tab::new(&world) };
            tabs[index] = Rc::clone(&next.platform);
            next.platform.clone().start(async move { next.live(15).await });
        } else {
            world.count(|counts| counts.freezes += 1);
            tab.freeze();
            let length = if rng.one_in(4) { 10_000.0 } else { 100.0 };
            let sim = world.sim.clone();
            // Others go on meanwhile; this task waits for the thaw with them.
            sim.sleep(length).await;
            tab.thaw();
        }
    }
}

/// A whole run: `tabs` users at once, with `disturbances` kills and freezes among them, then the judgement.
pub(crate) fn run(
    seed: u64,
    tabs: usize,
    actions: usize,
    disturbances: u64,
    faults: &[Fault],
) -> Result<Counts, String> {
    let world = world(seed, faults);
    let shared = Rc::clone(&world);
    let main = async move {
        let mut platforms = Vec::new();
        let mut lives = Vec::new();
        for _ in 0..tabs {
            let tab = Tab { may_expire: disturbances > 0, ..Tab::new(&shared) };
            platforms.push(Rc::clone(&tab.platform));
            lives.push(tab.platform.clone().run(async move { tab.live(actions).await }));
        }
        disturb(Rc::clone(&shared), platforms, disturbances).await;
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
    judge(&world);
    let violations = world.violations.take();
    let counts = *world.counts.borrow();
    if violations.is_empty() {
        Ok(counts)
    } else {
        Err(format!("{:?}\nfaults: {:?}\n{}", world.setting, world.storage.fired(), violations.join("\n")))
    }
}

/// With the faults over: a fresh instance shows exactly what the log says, before and after compaction and reopening.
pub(crate) fn finish(world: &Rc<World>) -> Result<(), String> {
    let shared = Rc::clone(world);
    let last = async move {
        shared.storage.restart(FaultPlan::none()).await;
        let tab = shared.sim.tab();
        for when in ["after opening", "after compaction"] {
            let engine = shared.open(&tab).await?;
            compare_all(&shared, &engine, when).await?;
            engine.compact().await?;
            compare_all(&shared, &engine, "after compaction, in the same instance").await?;
            shared.gather(&engine);
            engine.close().await;
        }
        Ok(())
    };
    last_look(&world.sim, last)
}

#[test]
fn one_instance_behaves_like_the_model() {
    let counts = for_seeds("one instance", 60, |seed| run(seed, 1, 150, 0, &[]));
    assert!(counts.flushes > 0 && counts.compactions > 0 && counts.acknowledged > 1000, "{counts}");
}

#[test]
fn concurrent_instances_behave_like_one_after_another() {
    let counts = for_seeds("concurrent instances", 80, |seed| run(seed, 2 + seed as usize % 4, 60, 0, &[]));
    assert!(counts.lost_races > 0 && counts.conflicts > 0 && counts.flushes > 0, "{counts}");
}

#[test]
fn killed_and_frozen_instances_lose_and_double_nothing() {
    let counts = for_seeds("kills and freezes", 80, |seed| run(seed, 2 + seed as usize % 4, 50, 8, &[]));
    assert!(counts.kills > 50 && counts.freezes > 50 && counts.acknowledged > 1000, "{counts}");
}

#[test]
fn faults_of_storage_lose_and_double_nothing() {
    let faults = [Fault::Interrupted, Fault::Hang, Fault::ConnectionLost, Fault::Unavailable, Fault::Quota];
    let counts = for_seeds("faults of storage", 100, |seed| run(seed, 1 + seed as usize % 4, 50, 3, &faults));
    assert!(counts.failures > 50 && counts.acknowledged > 1000, "{counts}");
}
