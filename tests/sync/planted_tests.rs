//! Teeth: every deliberate fault in sync is caught by the simulation.

use tidewell_core::base::planted::Bug;

use super::simulation_tests::schedule;
use crate::planted_tests::check_caught;

fn check(bug: Bug) {
    // Ten schedules to a seed: some faults need two rare things at once.
    check_caught(bug, |seed| (seed * 10..seed * 10 + 10).try_for_each(|seed| schedule(seed).map(drop)));
}

#[test]
fn planted_doing_again_what_comes_again_is_caught() {
    check(Bug::SyncSkipDedupe);
}

#[test]
fn planted_not_comparing_hashes_is_caught() {
    check(Bug::SyncSkipHash);
}

#[test]
fn planted_forgetting_what_was_rejected_is_caught() {
    check(Bug::SyncLoseRejected);
}

#[test]
fn planted_skipping_a_commit_is_caught() {
    check(Bug::SyncSkipCommit);
}

#[test]
fn planted_going_on_from_before_the_purge_is_caught() {
    check(Bug::SyncResurrect);
}

#[test]
fn planted_ignoring_the_epoch_is_caught() {
    check(Bug::SyncSkipEpoch);
}

#[test]
fn planted_believing_answers_under_a_former_name_is_caught() {
    check(Bug::SyncKeepAnswers);
}

#[test]
fn planted_overwriting_what_is_kept_is_caught() {
    check(Bug::SyncDropKept);
}

#[test]
fn planted_leaving_what_was_revoked_is_caught() {
    check(Bug::SyncKeepRevoked);
}

#[test]
fn planted_sending_as_much_again_of_what_was_too_much_is_caught() {
    check(Bug::SyncNeverShrink);
}

#[test]
fn planted_dropping_what_was_sent_with_a_refused_token_is_caught() {
    check(Bug::SyncDropOnAuth);
}
