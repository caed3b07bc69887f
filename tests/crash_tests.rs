//! Crashes at every disk operation of a workload, in every mode, again during recovery; and every other fault at every
//! operation. Recoveries are counted and printed.

use std::cell::Cell;
use std::rc::Rc;

use tidewell_core::base::{ErrorKind, SeededRng};
use tidewell_core::disk::{Fault, FaultPlan};
use tidewell_core::engine::compaction_pick::CompactionOptions;
use tidewell_core::engine::table_builder::TableSizes;
use tidewell_core::engine::Durability;
use tidewell_sim::{Sim, SimOptions};

use crate::model_tests::finish;
use crate::replay::{each_operation, is_replay};
use crate::tab::Tab;
use crate::verdict::judge;
use crate::world::{Outcome, Setting, World};

/// Workloads for each mode of crash; other faults get a part of it.
const SEEDS: u64 = 200;
/// Each of the four modes of crash must come to at least this many recoveries.
const RECOVERIES_MIN: u64 = 12_500;
/// Crashes in a row: the first one, and those during recovery from the one before.
const CRASHES_IN_A_ROW: u64 = 4;

/// What a run of many crashes came to.
#[derive(Default)]
pub(crate) struct Tally {
    runs: Cell<u64>,
    crashes: Cell<u64>,
    crashes_in_recovery: Cell<u64>,
    recoveries: Cell<u64>,
    acknowledged: Cell<u64>,
    damage_reported: Cell<u64>,
}

impl Tally {
    fn print(&self, name: &str) {
        println!(
            "{name}: {} runs, {} crashes, {} of them during recovery, {} recoveries, {} acknowledged writes checked, \
             {} times damage was reported",
            self.runs.get(),
            self.crashes.get(),
            self.crashes_in_recovery.get(),
            self.recoveries.get(),
            self.acknowledged.get(),
            self.damage_reported.get()
        );
    }
}

fn add(cell: &Cell<u64>, more: u64) {
    cell.set(cell.get() + more);
}

fn world(seed: u64, plan: FaultPlan, tolerated: &[ErrorKind]) -> Rc<World> {
    let rng = SeededRng::new(seed);
    let options = SimOptions { disk_us: 300, announce_ms: 3, slow_one_in: 0, ..SimOptions::default() };
    let setting = Setting {
        auto_maintenance: rng.one_in(2),
        memory_budget: 512 << 10,
        tables: TableSizes { block_bytes: 256, table_bytes: 1500 },
        compaction: CompactionOptions { level0_tables: 2, level1_bytes: 3000, ratio: 2 },
        keys: 20,
        value_max: 300,
        tolerated: tolerated.to_vec(),
    };
    World::new(Sim::with(seed, options), plan, setting)
}

/// Lets one or two busy tabs do `actions` things each, or until the crash.
fn work(world: &Rc<World>, tabs: u64, actions: usize) -> Result<(), String> {
    let lives: Vec<_> = (0..tabs)
        .map(|_| {
            let tab = Tab { busy: true, ..Tab::new(world) };
            tab.platform.clone().run(async move { tab.live(actions).await })
        })
        .collect();
    let all = async move {
        for life in lives {
            life.await;
        }
    };
    let storage = Rc::clone(&world.storage);
    world.sim.run_until(all, || storage.crashed()).map(drop).map_err(|stalled| format!("stalled: {stalled}"))
}

/// After a crash: what the disk lost may only be what it was allowed to lose.
fn restart(world: &Rc<World>, crash: Fault, plan: FaultPlan) -> Result<(), String> {
    world.sim.end();
    let shared = Rc::clone(world);
    let restarted = async move {
        shared.storage.restart(plan).await;
        shared.recorder.forget_lost().await
    };
    let head = world.sim.run(restarted).map_err(|stalled| stalled.to_string())?;
    let mut operations = world.operations.borrow_mut();
    let may_lose = matches!(crash, Fault::CrashPowerCut | Fault::CrashReordered);
    for (number, operation) in operations.iter_mut() {
        let Outcome::Acknowledged(position) = operation.outcome else { continue };
        if position > head {
            if !may_lose || operation.durability == Durability::Strict {
                let text = (crash.name(), operation.durability);
                return Err(format!("operation {number}, acknowledged at {position}, is lost after {head}: {text:?}"));
            }
            // It must not come back either.
            operation.outcome = Outcome::Failed;
        }
    }
    Ok(())
}

/// One workload that crashes at operation `n`, recovers, crashes again, recovers. `Ok(false)` if it ended before `n`.
pub(crate) fn crash_at(seed: u64, n: u64, crash: Fault, tally: &Tally) -> Result<bool, String> {
    let tolerated: &[ErrorKind] = if crash == Fault::CrashTorn { &[ErrorKind::Corrupt] } else { &[] };
    let world = world(seed, FaultPlan::nth(seed ^ n, n, crash), tolerated);
    let rng = SeededRng::new(seed ^ (n << 32));
    work(&world, 1 + seed % 2, 10 + seed as usize % 30)?;
    let reached = world.storage.crashed();
    add(&tally.runs, 1);
    for depth in 1.. {
        if !world.storage.crashed() {
            break;
        }
        add(&tally.crashes, 1);
        add(&tally.crashes_in_recovery, u64::from(depth > 1));
        let last = depth >= CRASHES_IN_A_ROW;
        let plan = FaultPlan::nth(rng.below(u64::MAX), 1 + rng.below(if last { 1 } else { 14 }), crash);
        restart(&world, crash, if last { FaultPlan::none() } else { plan })?;
        work(&world, 1, 2)?;
        if world.refused.borrow().is_some() {
            // Storage that broke its promise was noticed, and nothing wrong was handed out.
            add(&tally.damage_reported, 1);
            break;
        }
        add(&tally.recoveries, u64::from(!world.storage.crashed()));
    }
    if world.refused.borrow().is_none() {
        finish(&world)?;
        judge(&world);
    }
    world.sim.end();
    add(&tally.acknowledged, world.counts.borrow().acknowledged);
    let violations = world.violations.take();
    if violations.is_empty() {
        Ok(reached)
    } else {
        Err(violations.join("\n"))
    }
}

/// One workload in which operation `n` meets a fault that is no crash. `Ok(false)` if it ended before `n`.
pub(crate) fn fault_at(seed: u64, n: u64, fault: Fault, tally: &Tally) -> Result<bool, String> {
    let tolerated: &[ErrorKind] = match fault {
        Fault::BitFlip => &[ErrorKind::Corrupt],
        Fault::Cleared => &[ErrorKind::StorageLost],
        _ => &[ErrorKind::Unavailable, ErrorKind::Quota],
    };
    let world = world(seed, FaultPlan::nth(seed ^ n, n, fault), tolerated);
    work(&world, 1 + seed % 2, 14)?;
    let reached = world.storage.operations() >= n;
    add(&tally.runs, 1);
    let told = world.refused.borrow().is_some();
    add(&tally.damage_reported, u64::from(told));
    if fault != Fault::Cleared || !reached {
        finish(&world)?;
        judge(&world);
        add(&tally.recoveries, 1);
    } else {
        // Whoever opens it now is told, too: `World::open` sees to that.
        let shared = Rc::clone(&world);
        let opened = async move { shared.open(&shared.sim.tab()).await.map(drop) };
        drop(world.sim.run(opened));
    }
    world.sim.end();
    add(&tally.acknowledged, world.counts.borrow().acknowledged);
    let violations = world.violations.take();
    if violations.is_empty() {
        Ok(reached)
    } else {
        Err(violations.join("\n"))
    }
}

/// Runs `at` with operation 1, 2, … of the workloads of many seeds, until each ends without the fault.
fn everywhere(fault: Fault, seeds: u64, at: impl Fn(u64, u64, Fault, &Tally) -> Result<bool, String>) -> Tally {
    let tally = Tally::default();
    each_operation(fault, seeds, |_| 1, 1, |seed, n| at(seed, n, fault, &tally));
    tally.print(fault.name());
    tally
}

fn crash_everywhere(crash: Fault) {
    let tally = everywhere(crash, SEEDS, crash_at);
    let survived = tally.recoveries.get() + tally.damage_reported.get();
    assert!(is_replay() || survived >= RECOVERIES_MIN, "only {survived} recoveries");
}

#[test]
fn a_kill_at_any_operation_loses_nothing_acknowledged() {
    crash_everywhere(Fault::CrashKill);
}

#[test]
fn a_power_cut_at_any_operation_loses_nothing_strict_and_leaves_no_half() {
    crash_everywhere(Fault::CrashPowerCut);
}

#[test]
fn a_power_cut_that_reorders_loses_nothing_strict_and_leaves_no_half() {
    crash_everywhere(Fault::CrashReordered);
}

#[test]
fn a_torn_write_at_any_operation_is_noticed_or_harmless() {
    crash_everywhere(Fault::CrashTorn);
}

#[test]
fn any_operation_may_fail_without_effect() {
    everywhere(Fault::Unavailable, SEEDS / 10, fault_at);
    everywhere(Fault::Quota, SEEDS / 10, fault_at);
}

#[test]
fn any_operation_may_end_without_an_answer() {
    everywhere(Fault::Interrupted, SEEDS / 10, fault_at);
    everywhere(Fault::Hang, SEEDS / 10, fault_at);
    everywhere(Fault::ConnectionLost, SEEDS / 10, fault_at);
}

#[test]
fn a_flipped_bit_in_any_answer_is_noticed_or_harmless() {
    everywhere(Fault::BitFlip, SEEDS / 5, fault_at);
}

#[test]
fn storage_cleared_at_any_operation_is_reported_as_lost() {
    let tally = everywhere(Fault::Cleared, SEEDS / 10, fault_at);
    assert!(tally.damage_reported.get() > tally.runs.get() / 2);
}
