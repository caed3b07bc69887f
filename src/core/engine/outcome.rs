//! Writing one record, and finding out what became of it when the disk does not say.
//!
//! It runs no jobs and makes nothing visible: `commit.rs` does, by the outcome.

use std::rc::Rc;

use crate::base::planted::{planted, Bug};
use crate::base::{Error, ErrorKind};
use crate::disk::{Area, Batch, BlobRange, DiskError};

use super::engine::Inner;
use super::floor::Floor;
use super::options::Durability;
use super::record::{Record, RecordHeader};

/// The reason of an error after which a write may still turn out to have happened.
const OUTCOME_UNKNOWN: &str = "outcome-unknown";
/// How often an interrupted insert is looked up and tried again before the caller is told.
const ATTEMPTS: usize = 4;

/// How an attempt to write the record ended.
pub(super) enum Outcome {
    /// It is in the log.
    Won,
    /// Somebody else has the position, or the log moved on: run the jobs again.
    Lost,
    /// Nothing happened.
    Failed(Error),
    /// Nobody knows; the log tells later.
    Unknown(Error),
}

/// Inserts the record, and finds out what happened when the disk does not say.
pub(super) async fn write_record(
    inner: &Rc<Inner>,
    header: &RecordHeader,
    batch: &Batch,
    durability: Durability,
) -> Outcome {
    // Whether an earlier attempt may have succeeded unheard.
    let mut doubt = false;
    let mut last = None;
    for _ in 0..ATTEMPTS {
        let error = match inner.disk.commit(batch.clone(), durability.into()).await {
            Ok(reads) => match judge(inner, header, reads.last().map_or(&[][..], Vec::as_slice)) {
                // The earlier attempt may have been cut off with the log since.
                Outcome::Lost if doubt => break,
                outcome => return outcome,
            },
            Err(DiskError::Exists(_)) if !doubt => return Outcome::Lost,
            Err(DiskError::Lost(detail)) => return Outcome::Failed(inner.storage_lost(&detail)),
            Err(DiskError::Interrupted(_)) if planted(Bug::SkipOutcomeLookup) => return Outcome::Lost,
            Err(error) => error,
        };
        let refused = !matches!(error, DiskError::Exists(_) | DiskError::Interrupted(_));
        if refused && !doubt {
            return Outcome::Failed(error.into());
        }
        doubt = true;
        if inner.disk.settle().await.is_ok() {
            match look_up(inner, header).await {
                Ok(Found::Outcome(outcome)) => return outcome,
                Ok(Found::Nobody) if refused => return Outcome::Failed(error.into()),
                Ok(Found::Nobody) => doubt = false,
                Ok(Found::CutOff) => break,
                Err(_) => {}
            }
        }
        last = Some(error);
    }
    match last {
        Some(error) if !doubt => Outcome::Failed(error.into()),
        last => unknown(last),
    }
}

fn unknown(error: Option<DiskError>) -> Outcome {
    let detail = error.map_or_else(String::new, |error| format!(": {error}"));
    let message = format!("storage did not confirm the write{detail}");
    Outcome::Unknown(Error::new(ErrorKind::Unavailable, message).with_reason(OUTCOME_UNKNOWN))
}

/// What the log says about an attempt.
enum Found {
    /// Somebody has the position, and that decides it.
    Outcome(Outcome),
    /// The position is free: nothing happened.
    Nobody,
    /// The log was cut off past the position: whatever happened there is not to be seen any more.
    CutOff,
}

/// Whose record is at the position? Seen together with the floor: a truncation between two looks would hide it.
async fn look_up(inner: &Rc<Inner>, header: &RecordHeader) -> std::result::Result<Found, DiskError> {
    let reads = vec![BlobRange::one(Area::Log, header.position), BlobRange::all(Area::Floor)];
    let seen = inner.disk.commit(Batch { reads, ..Batch::default() }, crate::disk::Durability::Relaxed).await?;
    let [records, floors] = seen.as_slice() else { return Ok(Found::CutOff) };
    match judge(inner, header, floors) {
        Outcome::Won => {}
        Outcome::Lost => return Ok(Found::CutOff),
        outcome => return Ok(Found::Outcome(outcome)),
    }
    let Some(blob) = records.first() else { return Ok(Found::Nobody) };
    Ok(Found::Outcome(match Record::decode(blob) {
        Ok(record) if record.header == *header => Outcome::Won,
        Ok(_) => Outcome::Lost,
        Err(error) => Outcome::Unknown(error.with_reason(OUTCOME_UNKNOWN)),
    }))
}

/// An inserted record counts only above the floor of the same database.
fn judge(inner: &Inner, header: &RecordHeader, floors: &[Vec<u8>]) -> Outcome {
    match Floor::newest(floors) {
        Ok(Some(_)) if planted(Bug::SkipFloorCheck) => Outcome::Won,
        Ok(Some(floor)) if floor.store == header.store && floor.position < header.position => Outcome::Won,
        Ok(Some(floor)) if floor.store == header.store => {
            // An orphan: the log was truncated past it by others. Nobody reads it; the next truncation removes it.
            inner.state.borrow_mut().behind = true;
            Outcome::Lost
        }
        Ok(_) => {
            let error = inner.storage_lost("the database was emptied or replaced underneath");
            Outcome::Failed(error)
        }
        // The record is in the log; whether it counts cannot be read.
        Err(error) => Outcome::Unknown(error.with_reason(OUTCOME_UNKNOWN)),
    }
}
