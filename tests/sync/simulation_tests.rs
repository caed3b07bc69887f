//! Thousands of schedules, each from a seed: drops, doubles, reordering, partitions, half-open connections, crashes of
//! either side, jumping clocks, narrow networks, restores, clones, expired tokens, schemas apart, revocations, purges.

use super::world::{Counts, World};
use crate::replay::{each_seed, is_replay};

const STEPS: u64 = 120;

/// One schedule.
pub(crate) fn schedule(seed: u64) -> Result<Counts, String> {
    let mut world = World::new(seed);
    for step in 0..STEPS {
        world.step().map_err(|text| format!("step {step}: {text}"))?;
    }
    world.settle()?;
    Ok(world.counts)
}

fn add(total: &mut Counts, one: Counts) {
    let pairs = [
        (&mut total.mutations, one.mutations),
        (&mut total.applied, one.applied),
        (&mut total.duplicates, one.duplicates),
        (&mut total.rejected, one.rejected),
        (&mut total.dropped, one.dropped),
        (&mut total.doubled, one.doubled),
        (&mut total.cuts, one.cuts),
        (&mut total.crashes, one.crashes),
        (&mut total.restores, one.restores),
        (&mut total.clones, one.clones),
        (&mut total.resets, one.resets),
        (&mut total.forks, one.forks),
        (&mut total.refused_tokens, one.refused_tokens),
        (&mut total.skews, one.skews),
        (&mut total.purges, one.purges),
        (&mut total.judged, one.judged),
        (&mut total.too_much, one.too_much),
    ];
    pairs.into_iter().for_each(|(sum, value)| *sum += value);
}

fn check(name: &str, first: u64, count: u64) {
    let mut total = Counts::default();
    let runs = each_seed(name, count, |seed| {
        schedule(first + seed).map(|counts| add(&mut total, counts)).map_err(|text| format!("(from {first}) {text}"))
    });
    println!("{name}: {runs} schedules: {total:?}");
    if !is_replay() {
        let rare = [total.duplicates, total.rejected, total.restores, total.clones, total.skews, total.too_much];
        assert!(
            rare.iter().all(|count| *count > runs / 10) && total.applied > runs * 5 && total.forks > runs / 50,
            "{total:?}"
        );
    }
}

#[test]
fn every_view_is_the_servers_state_with_the_pending_on_top_and_all_converge() {
    check("sync, first half", 0, 5000);
}

#[test]
fn every_view_is_the_servers_state_with_the_pending_on_top_and_all_converge_again() {
    check("sync, second half", 1 << 32, 5000);
}
