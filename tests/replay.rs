//! Which seeds a test runs, and how a failure says what replays it.
//!
//! It judges nothing.

use std::cell::Cell;
use std::ops::Range;

use tidewell_core::base::Result as Outcome;
use tidewell_core::disk::Fault;
use tidewell_sim::Sim;

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().and_then(|text| text.parse().ok())
}

/// Whether one seed was asked for, so that totals say nothing.
pub(crate) fn is_replay() -> bool {
    number("TIDEWELL_SEED").is_some()
}

/// How much more is asked for than usual.
pub(crate) fn scale() -> u64 {
    number("TIDEWELL_SCALE").unwrap_or(1)
}

/// The seeds `0..count`, scaled, or the one that was asked for.
fn seeds(count: u64) -> Range<u64> {
    match number("TIDEWELL_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..count * scale(),
    }
}

/// Runs the seeds and answers how many. A failing one is named.
pub(crate) fn each_seed(name: &str, count: u64, mut run: impl FnMut(u64) -> Result<(), String>) -> u64 {
    let seeds = seeds(count);
    let runs = seeds.end - seeds.start;
    for seed in seeds {
        if let Err(text) = run(seed) {
            panic!("{name}: seed {seed} fails; TIDEWELL_SEED={seed} replays it\n{text}");
        }
    }
    runs
}

/// Runs `at` with the operations `first`, `first + stride`, … of the workload of each seed, until it answers that the
/// workload ended before the fault.
pub(crate) fn each_operation(
    fault: Fault,
    count: u64,
    first: impl Fn(u64) -> u64,
    stride: u64,
    at: impl Fn(u64, u64) -> Result<bool, String>,
) {
    for seed in seeds(count) {
        let mut n = number("TIDEWELL_OPERATION").unwrap_or_else(|| first(seed));
        loop {
            match at(seed, n) {
                Ok(true) => n += stride,
                Ok(false) => break,
                Err(text) => panic!(
                    "{}: seed {seed} fails at operation {n}; TIDEWELL_SEED={seed} TIDEWELL_OPERATION={n} replays it\n{text}",
                    fault.name()
                ),
            }
        }
    }
}

/// Runs `at` with every operation of the workloads of `count` seeds, and every kind of crash; answers how many recovered.
pub(crate) fn each_crash(count: u64, at: impl Fn(u64, u64, Fault) -> Result<bool, String>) -> u64 {
    let recoveries = Cell::new(0);
    for fault in [Fault::CrashKill, Fault::CrashPowerCut, Fault::CrashReordered] {
        each_operation(
            fault,
            count,
            |_| 1,
            1,
            |seed, n| {
                let crashed = at(seed, n, fault)?;
                recoveries.set(recoveries.get() + u64::from(crashed));
                Ok(crashed)
            },
        );
    }
    recoveries.get()
}

/// Runs what looks at everything once the faults are over.
pub(crate) fn last_look(
    sim: &Sim,
    look: impl std::future::Future<Output = Outcome<()>> + 'static,
) -> Result<(), String> {
    match sim.run(look) {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => Err(format!("the last look failed: {error:?}")),
        Err(stalled) => Err(format!("the last look stalled: {stalled}")),
    }
}
