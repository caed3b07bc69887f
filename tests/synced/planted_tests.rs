//! Teeth: deliberate faults in the store of sync are caught by the simulation.

use tidewell_core::base::planted::Bug;
use tidewell_core::disk::Fault;

use super::storm::{crash, storm};
use crate::planted_tests::{at_every, check_caught};

/// Meets the end of the process at every operation of the seed's workload.
fn crashes(seed: u64) -> Result<(), String> {
    at_every(|n| crash(seed, n, Fault::CrashKill))
}

#[test]
fn planted_outbox_in_a_commit_of_its_own_is_caught() {
    check_caught(Bug::SyncOutboxApart, crashes);
}

#[test]
fn planted_answer_without_its_documents_is_caught() {
    check_caught(Bug::SyncAnswerApart, crashes);
}

#[test]
fn planted_overwriting_the_servers_document_is_caught() {
    check_caught(Bug::SyncForgetShadow, |seed| storm(seed).map(drop));
}

#[test]
fn planted_not_noticing_what_another_tab_took_is_caught() {
    check_caught(Bug::SyncTrustMemory, |seed| storm(seed).map(drop));
}
