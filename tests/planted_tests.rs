//! Teeth: every deliberate fault in the engine makes one of these tests fail within a few seeds.
//!
//! That the same tests pass without it is what the other modules claim.

use std::panic::{catch_unwind, AssertUnwindSafe};

use tidewell_core::base::planted::{plant, Bug};
use tidewell_core::disk::Fault;

use crate::cache_tests::cached;
use crate::collection_tests::collected;
use crate::crash_tests::{crash_at, fault_at, Tally};
use crate::gone_tests::{dropped, restored};
use crate::job_partitions_tests::runners;
use crate::jobs_tests::{crash as crash_job, tabs as job_tabs};
use crate::model_tests::run;
use crate::topics_tests::shared;

/// Seeds tried before a fault counts as unnoticed.
const SEEDS: u64 = 60;

/// Runs `hunt` with `bug` planted, seed after seed, until it complains.
pub(crate) fn check_caught(bug: Bug, hunt: impl Fn(u64) -> Result<(), String>) {
    plant(Some(bug));
    let complaint = (0..SEEDS).find_map(|seed| {
        // A planted fault may also trip an assertion of the engine: that is a way to notice it.
        let result = catch_unwind(AssertUnwindSafe(|| hunt(seed))).unwrap_or_else(|_| Err("a panic".to_owned()));
        result.err().map(|text| (seed, text))
    });
    plant(None);
    match complaint {
        Some((seed, text)) => println!("{bug:?} is caught by seed {seed}: {}", text.lines().last().unwrap_or_default()),
        None => panic!("{bug:?} went unnoticed over {SEEDS} seeds"),
    }
}

fn tabs(seed: u64) -> Result<(), String> {
    run(seed, 4, 60, 0, &[]).map(drop)
}

/// Tabs that are frozen while the others go on, and thawed.
fn frozen_tabs(seed: u64) -> Result<(), String> {
    run(seed, 4, 60, 20, &[]).map(drop)
}

fn alone(seed: u64) -> Result<(), String> {
    run(seed, 1, 200, 0, &[]).map(drop)
}

/// Meets `fault` at every operation of the seed's workload.
fn at_every_operation(
    seed: u64,
    fault: Fault,
    at: impl Fn(u64, u64, Fault, &Tally) -> Result<bool, String>,
) -> Result<(), String> {
    let tally = Tally::default();
    at_every(|n| at(seed, n, fault, &tally))
}

/// Runs `at` for one operation after another, as long as it answers that there was one.
pub(crate) fn at_every(mut at: impl FnMut(u64) -> Result<bool, String>) -> Result<(), String> {
    for n in 1.. {
        if !at(n)? {
            break;
        }
    }
    Ok(())
}

#[test]
fn acknowledging_before_the_disk_confirmed_is_caught() {
    check_caught(Bug::AcknowledgeEarly, |seed| at_every_operation(seed, Fault::CrashKill, crash_at));
}

#[test]
fn overwriting_a_taken_position_is_caught() {
    check_caught(Bug::SkipPositionCheck, tabs);
}

#[test]
fn an_orphan_below_the_floor_that_counts_is_caught() {
    check_caught(Bug::SkipFloorCheck, frozen_tabs);
}

#[test]
fn writing_again_without_looking_is_caught() {
    check_caught(Bug::SkipOutcomeLookup, |seed| at_every_operation(seed, Fault::Interrupted, fault_at));
}

#[test]
fn keeping_what_was_staged_for_a_lost_position_is_caught() {
    check_caught(Bug::KeepStagedWrites, tabs);
}

#[test]
fn truncating_what_is_not_in_tables_is_caught() {
    check_caught(Bug::TruncateUnflushed, tabs);
}

#[test]
fn dropping_what_came_after_a_flush_began_is_caught() {
    check_caught(Bug::DropUnflushed, tabs);
}

#[test]
fn deleting_tables_with_a_record_that_is_lost_is_caught() {
    check_caught(Bug::DeleteUnproven, collected);
}

#[test]
fn resurrecting_what_was_deleted_is_caught() {
    check_caught(Bug::ResurrectDeleted, alone);
}

#[test]
fn ignoring_what_a_transaction_read_is_caught() {
    check_caught(Bug::IgnoreReadSet, tabs);
}

#[test]
fn not_comparing_checksums_is_caught() {
    check_caught(Bug::DropChecksum, |seed| at_every_operation(seed, Fault::BitFlip, fault_at));
}

#[test]
fn taking_an_emptied_disk_for_a_new_one_is_caught() {
    check_caught(Bug::TrustEmptyDisk, |seed| at_every_operation(seed, Fault::Cleared, fault_at));
}

#[test]
fn leaving_cache_entries_that_a_commit_makes_wrong_is_caught() {
    check_caught(Bug::ForgetCacheInvalidation, |seed| cached(seed).map(drop));
}

#[test]
fn leaving_cache_entries_computed_from_one_that_went_is_caught() {
    check_caught(Bug::ForgetCacheChains, |seed| cached(seed).map(drop));
}

#[test]
fn overlooking_the_last_match_that_a_cache_entry_was_computed_from_is_caught() {
    check_caught(Bug::NarrowCacheWindow, |seed| cached(seed).map(drop));
}

#[test]
fn storing_a_cache_entry_without_looking_at_what_it_read_is_caught() {
    check_caught(Bug::IgnoreReadSet, |seed| cached(seed).map(drop));
}

#[test]
fn publishing_a_message_again_whose_id_was_seen_is_caught() {
    check_caught(Bug::ForgetTopicIds, |seed| shared(seed).map(drop));
}

#[test]
fn publishing_a_delayed_message_too_early_is_caught() {
    check_caught(Bug::ForgetDelay, |seed| shared(seed).map(drop));
}

#[test]
fn taking_a_message_from_its_holder_before_the_time_is_caught() {
    check_caught(Bug::TakeBackEarly, |seed| shared(seed).map(drop));
}

#[test]
fn losing_a_message_that_was_held_too_long_is_caught() {
    check_caught(Bug::LoseExpired, |seed| shared(seed).map(drop));
}

#[test]
fn believing_a_member_that_woke_up_too_late_is_caught() {
    check_caught(Bug::BelieveOldTokens, |seed| shared(seed).map(drop));
}

#[test]
fn handing_out_messages_of_a_key_side_by_side_is_caught() {
    check_caught(Bug::ForgetKeyOrder, |seed| shared(seed).map(drop));
}

#[test]
fn delivering_a_message_for_ever_is_caught() {
    check_caught(Bug::DeliverForever, |seed| shared(seed).map(drop));
}

#[test]
fn dropping_a_message_that_failed_too_often_is_caught() {
    check_caught(Bug::ForgetDeadLetter, |seed| shared(seed).map(drop));
}

#[test]
fn committing_an_effect_without_its_acknowledgement_is_caught() {
    check_caught(Bug::ForgetTransactionalAck, |seed| shared(seed).map(drop));
}

#[test]
fn changing_a_followed_document_without_publishing_it_is_caught() {
    check_caught(Bug::ForgetChange, |seed| shared(seed).map(drop));
}

#[test]
fn giving_a_new_group_the_number_of_a_dropped_one_is_caught() {
    check_caught(Bug::ReuseGroupNumber, dropped);
}

#[test]
fn leaving_the_messages_of_a_dropped_topic_is_caught() {
    check_caught(Bug::KeepDroppedTopic, dropped);
}

#[test]
fn beginning_the_groups_of_a_backup_anew_is_caught() {
    check_caught(Bug::ForgetGroupPosition, |seed| restored(seed).map(drop));
}

#[test]
fn committing_what_a_slice_of_a_job_came_to_before_its_cursor_is_caught() {
    check_caught(Bug::CommitJobOutputApart, |seed| at_every(|n| crash_job(seed, n, Fault::CrashKill)));
}

#[test]
fn taking_a_slice_of_a_job_from_whoever_brings_it_is_caught() {
    check_caught(Bug::IgnoreJobCursor, |seed| job_tabs(seed).map(drop));
}

#[test]
fn taking_a_slice_of_a_partition_from_whoever_brings_it_is_caught() {
    check_caught(Bug::IgnorePartitionCursor, |seed| runners(seed).map(drop));
}

#[test]
fn reducing_before_the_last_partition_of_a_job_is_mapped_is_caught() {
    check_caught(Bug::ReduceBeforeLastPartition, |seed| runners(seed).map(drop));
}

#[test]
fn swapping_the_result_of_a_job_in_two_commits_is_caught() {
    check_caught(Bug::SwapJobInTwo, |seed| job_tabs(seed).map(drop));
}
