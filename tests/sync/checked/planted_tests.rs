//! Teeth: what the simulation catches by chance, going through everything must catch, too.
//!
//! Purges and revocations are not in the small worlds; their faults are the simulation's to find.

use tidewell_core::base::planted::Bug;

use super::check_tests::{a_clone, a_delete, a_restore, go_through, two_each};
use super::scenario::Scenario;
use crate::planted_tests::check_caught;

fn check(bug: Bug, scenario: Scenario) {
    let scenario = Scenario { bug: Some(bug), ..scenario };
    // There are no seeds here: once is enough.
    check_caught(bug, |seed| if seed == 0 { go_through(scenario.clone()).map(drop) } else { Ok(()) });
}

#[test]
fn planted_doing_again_what_comes_again_is_found_in_a_small_world() {
    check(Bug::SyncSkipDedupe, a_delete());
}

#[test]
fn planted_not_comparing_hashes_is_found_in_a_small_world() {
    check(Bug::SyncSkipHash, a_clone());
}

#[test]
fn planted_forgetting_what_was_rejected_is_found_in_a_small_world() {
    check(Bug::SyncLoseRejected, two_each());
}

#[test]
fn planted_skipping_a_commit_is_found_in_a_small_world() {
    check(Bug::SyncSkipCommit, two_each());
}

#[test]
fn planted_ignoring_the_epoch_is_found_in_a_small_world() {
    check(Bug::SyncSkipEpoch, a_restore());
}
