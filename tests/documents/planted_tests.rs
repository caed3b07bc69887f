//! Teeth: deliberate faults in the collections are caught by the tests of this folder within a few seeds.

use std::cell::RefCell;

use tidewell_core::base::planted::Bug;
use tidewell_core::disk::Fault;

use super::crash_tests::{crash_at, Tally};
use super::model_tests::run;
use crate::planted_tests::check_caught;

fn tabs(seed: u64) -> Result<(), String> {
    run(seed, 2, 50, 0, &[]).map(drop)
}

/// Kills the seed's workload at every eighth of its first operations.
fn kills(seed: u64) -> Result<(), String> {
    let tally = RefCell::new(Tally::default());
    for n in (1..80).step_by(8) {
        if !crash_at(seed, n, Fault::CrashKill, &tally)? {
            break;
        }
    }
    Ok(())
}

#[test]
fn an_index_entry_that_was_not_deleted_is_caught() {
    check_caught(Bug::ForgetIndexDelete, kills);
}

#[test]
fn a_count_that_was_not_taken_down_is_caught() {
    check_caught(Bug::ForgetCount, kills);
}

#[test]
fn a_unique_index_that_does_not_look_is_caught() {
    check_caught(Bug::SkipUniqueCheck, tabs);
}

#[test]
fn a_build_that_starts_over_behind_its_place_is_caught() {
    check_caught(Bug::SkipBuildRows, kills);
}

#[test]
fn a_scan_that_goes_on_where_its_cursor_stands_is_caught() {
    check_caught(Bug::TrustPausedCursor, tabs);
}

#[test]
fn a_live_query_that_does_not_hear_of_others_is_caught() {
    check_caught(Bug::IgnoreForeignCommits, tabs);
}

#[test]
fn a_write_in_slices_that_goes_on_after_a_lost_race_is_caught() {
    check_caught(Bug::TrustLostSlices, tabs);
}

#[test]
fn a_write_in_slices_that_fails_and_leaves_some_is_caught() {
    // It takes a unique value that is taken, late in a change of several documents.
    check_caught(Bug::LeaveHalfJob, |seed| run(seed, 2, 150, 0, &[]).map(drop));
}

#[test]
fn a_transaction_that_ignores_what_it_read_is_caught() {
    check_caught(Bug::IgnoreReadSet, tabs);
}
