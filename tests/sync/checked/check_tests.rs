//! The small worlds, gone through.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use stateright::{Checker, HasDiscoveries, Model};

use super::scenario::Intent::{self, Count, CountAndCreate, CountIfUnchanged, Create, Remove, Title};
use super::scenario::Scenario;
use super::state::Tally;
use crate::replay::scale;

/// A world in which nothing but the network and the devices are to be feared.
fn world(name: &'static str, scripts: [&'static [Intent]; 2], faults: u8) -> Scenario {
    Scenario { name, scripts, faults, ..Scenario::default() }
}

pub(super) fn two_each() -> Scenario {
    world("two mutations each", [&[CountIfUnchanged, Create], &[CountAndCreate, Count]], 0)
}

pub(super) fn a_delete() -> Scenario {
    Scenario { syncs_late: true, ..world("a delete against a change", [&[Remove], &[Count]], 2) }
}

fn from_nothing() -> Scenario {
    Scenario { fresh: true, ..world("from nothing", [&[CountAndCreate], &[Title]], 1) }
}

pub(super) fn a_restore() -> Scenario {
    Scenario { restores: true, ..world("a restored server", [&[Count], &[Remove]], 1) }
}

pub(super) fn a_clone() -> Scenario {
    Scenario { clones: true, ..world("a cloned disk", [&[Count], &[Remove]], 1) }
}

/// Goes through all states; answers how many there are, or what does not hold and how it comes about.
pub(super) fn go_through(scenario: Scenario) -> Result<usize, String> {
    let name = scenario.name;
    // One thread: the tests beside this one have the others.
    let checker = scenario.checker().threads(1).finish_when(HasDiscoveries::AnyFailures).spawn_bfs().join();
    let (states, all, depth) = (checker.unique_state_count(), checker.state_count(), checker.max_depth());
    println!("{name}: {states} states, {all} moves, at most {depth} deep; {:?}", checker.model().tally);
    let found: BTreeMap<_, _> = checker.discoveries().into_iter().collect();
    for property in checker.model().properties() {
        let path = found.get(property.name);
        if property.expectation.discovery_is_failure() != path.is_some() {
            continue;
        }
        let moves = path.map(|path| path.clone().into_actions()).unwrap_or_default();
        let moves: Vec<String> = moves.iter().map(|next| format!("{next:?}")).collect();
        return Err(format!("{name}: not so: {}\n{}", property.name, moves.join("\n")));
    }
    Ok(states)
}

/// Goes through a world, and makes sure that it has not become a smaller one, and that what it is about happens in it.
/// With a `TIDEWELL_SCALE` one thing more goes wrong, however large it is: the smallest world grows from 15,000 states to 270,000.
fn check(mut scenario: Scenario, at_least: usize, happens: impl Fn(&Tally) -> [&AtomicUsize; 2]) {
    scenario.faults += u8::from(scale() > 1);
    let tally = scenario.tally.clone();
    let states = go_through(scenario).unwrap_or_else(|text| panic!("{text}"));
    assert!(states >= at_least, "{states} states: the world has become smaller than it was");
    assert!(tally.rests.load(Ordering::Relaxed) > at_least / 10, "{tally:?}");
    assert!(happens(&tally).iter().all(|count| count.load(Ordering::Relaxed) > 0), "{tally:?}");
}

#[test]
fn two_mutations_each_end_the_same_everywhere_in_every_order() {
    check(two_each(), 50_000, |tally| [&tally.rejected, &tally.cut]);
}

#[test]
fn a_delete_against_a_change_ends_well_whatever_gets_lost_or_crashes() {
    check(a_delete(), 190_000, |tally| [&tally.rejected, &tally.duplicates]);
}

#[test]
fn a_device_that_begins_with_nothing_comes_to_have_all_in_every_order() {
    check(from_nothing(), 80_000, |tally| [&tally.cut, &tally.duplicates]);
}

#[test]
fn a_restored_server_gets_back_what_it_lost_in_every_order() {
    check(a_restore(), 60_000, |tally| [&tally.recovered, &tally.rejected]);
}

#[test]
fn a_cloned_disk_forks_in_every_order() {
    check(a_clone(), 14_000, |tally| [&tally.forked, &tally.rejected]);
}
