//! Crashes while commands of the database are under way, in every mode and again during recovery; and every other fault.
//! Of each workload every few operations are met, beginning at a random one. Recoveries are counted and printed.

use std::cell::RefCell;
use std::rc::Rc;

use tidewell_core::base::{ErrorKind, SeededRng};
use tidewell_core::disk::{Fault, FaultPlan};
use tidewell_sim::SimOptions;

use crate::replay::{each_operation, is_replay};

use super::model_tests::{finish, verdict};
use super::tab::Tab;
use super::world::{Counts, World};

/// Workloads for each mode of crash; other faults get a part of it.
const SEEDS: u64 = 90;
/// Of the operations of a workload, one in so many meets the fault.
const STRIDE: u64 = 2;
/// Each of the four modes of crash must come to at least this many recoveries.
const RECOVERIES_MIN: u64 = 2_000;
/// Crashes in a row: the first one, and those during recovery from the one before.
const CRASHES_IN_A_ROW: u64 = 3;

/// What a run of many faults came to.
#[derive(Default)]
pub(crate) struct Tally {
    runs: u64,
    crashes: u64,
    crashes_in_recovery: u64,
    recoveries: u64,
    damage_reported: u64,
    counts: Counts,
}

impl Tally {
    fn print(&self, name: &str) {
        println!(
            "documents, {name}: {} runs, {} crashes, {} of them during recovery, {} recoveries, {} acknowledged commands \
             checked, {} index entries compared with their documents, {} unfinished index builds met and finished, {} \
             times damage was reported",
            self.runs,
            self.crashes,
            self.crashes_in_recovery,
            self.recoveries,
            self.counts.acknowledged,
            self.counts.entries,
            self.counts.resumed,
            self.damage_reported
        );
    }
}

fn world(seed: u64, plan: FaultPlan, tolerated: &[ErrorKind]) -> Rc<World> {
    let options = SimOptions { disk_us: 300, announce_ms: 3, slow_one_in: 0, ..SimOptions::default() };
    World::new(seed, options, plan, tolerated)
}

/// Lets one or two tabs do `actions` things each, or until the crash.
fn work(world: &Rc<World>, tabs: u64, actions: usize) -> Result<(), String> {
    let lives: Vec<_> = (0..tabs)
        .map(|_| {
            let tab = Tab::new(world);
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

/// One workload that crashes at operation `n`, recovers, crashes again, recovers. `Ok(false)` if it ended before `n`.
pub(crate) fn crash_at(seed: u64, n: u64, crash: Fault, tally: &RefCell<Tally>) -> Result<bool, String> {
    let tolerated: &[ErrorKind] = if crash == Fault::CrashTorn { &[ErrorKind::Corrupt] } else { &[] };
    let world = world(seed, FaultPlan::nth(seed ^ n, n, crash), tolerated);
    let rng = SeededRng::new(seed ^ (n << 32));
    let mut tally = tally.borrow_mut();
    work(&world, 1 + seed % 2, 8 + seed as usize % 16)?;
    let reached = world.storage.crashed();
    tally.runs += 1;
    for depth in 1.. {
        if !world.storage.crashed() {
            break;
        }
        tally.crashes += 1;
        tally.crashes_in_recovery += u64::from(depth > 1);
        let last = depth >= CRASHES_IN_A_ROW;
        let plan = FaultPlan::nth(rng.below(u64::MAX), 1 + rng.below(20), crash);
        world.restart(crash, if last { FaultPlan::none() } else { plan })?;
        work(&world, 1, 2)?;
        if world.refused.borrow().is_some() {
            // Storage that broke its promise was noticed, and nothing wrong was handed out.
            tally.damage_reported += 1;
            world.sim.end();
            return Ok(reached);
        }
        tally.recoveries += u64::from(!world.storage.crashed());
    }
    finish(&world)?;
    world.sim.end();
    tally.counts.add(&verdict(&world)?);
    Ok(reached)
}

/// One workload in which operation `n` meets a fault that is no crash. `Ok(false)` if it ended before `n`.
pub(crate) fn fault_at(seed: u64, n: u64, fault: Fault, tally: &RefCell<Tally>) -> Result<bool, String> {
    let tolerated: &[ErrorKind] = match fault {
        Fault::BitFlip => &[ErrorKind::Corrupt],
        _ => &[ErrorKind::Unavailable, ErrorKind::Quota],
    };
    let world = world(seed, FaultPlan::nth(seed ^ n, n, fault), tolerated);
    work(&world, 1 + seed % 2, 12)?;
    let reached = world.storage.operations() >= n;
    let mut tally = tally.borrow_mut();
    tally.runs += 1;
    tally.damage_reported += u64::from(world.refused.borrow().is_some());
    finish(&world)?;
    world.sim.end();
    tally.recoveries += 1;
    tally.counts.add(&verdict(&world)?);
    Ok(reached)
}

/// Runs `at` with every few operations of the workloads of many seeds, until each ends without the fault.
fn everywhere(
    fault: Fault,
    seeds: u64,
    at: impl Fn(u64, u64, Fault, &RefCell<Tally>) -> Result<bool, String>,
) -> Tally {
    let tally = RefCell::default();
    let first = |seed| 1 + SeededRng::new(seed).below(STRIDE);
    each_operation(fault, seeds, first, STRIDE, |seed, n| at(seed, n, fault, &tally));
    let tally = tally.into_inner();
    tally.print(fault.name());
    tally
}

fn crash_everywhere(crash: Fault) {
    let tally = everywhere(crash, SEEDS, crash_at);
    let survived = tally.recoveries + tally.damage_reported;
    assert!(is_replay() || survived >= RECOVERIES_MIN, "only {survived} recoveries");
}

#[test]
fn a_kill_loses_no_document_and_leaves_no_index_behind() {
    crash_everywhere(Fault::CrashKill);
}

#[test]
fn a_power_cut_loses_no_strict_document_and_leaves_no_index_behind() {
    crash_everywhere(Fault::CrashPowerCut);
}

#[test]
fn a_power_cut_that_reorders_loses_no_strict_document_and_leaves_no_index_behind() {
    crash_everywhere(Fault::CrashReordered);
}

#[test]
fn a_torn_write_loses_no_document_unnoticed() {
    crash_everywhere(Fault::CrashTorn);
}

#[test]
fn a_command_that_storage_fails_happened_or_did_not_with_its_index_entries() {
    for fault in [Fault::Unavailable, Fault::Quota, Fault::Interrupted, Fault::Hang, Fault::ConnectionLost] {
        everywhere(fault, SEEDS / 6, fault_at);
    }
}

#[test]
fn a_flipped_bit_leads_to_no_wrong_document() {
    everywhere(Fault::BitFlip, SEEDS / 4, fault_at);
}
