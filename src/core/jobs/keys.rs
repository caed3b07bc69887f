//! The engine keys of jobs: one place that knows their bytes.
//!
//! ```text
//! 07 'n'                                  the next run number
//! 07 'j' name                             a job's record
//! 07 's' run:u32be key slice:u64be        what a slice knows of a key; the key as in an index, slices in the order of documents
//! 07 'p' run:u32be number:u64be           a record that failed
//! 07 'g' run:u32be                        a run whose keys are to be cleared
//! 00 'c' "$job:" run                      the collection that the result is written to
//! ```

use crate::engine::KeyRange;

/// The first byte of every key of this floor.
pub const JOBS: u8 = 0x07;
/// The key of the next run number.
pub const NEXT_RUN: &[u8] = &[JOBS, b'n'];
/// Bytes before the key of a shuffled part.
pub const SHUFFLE_PREFIX_LEN: usize = 6;
/// Bytes behind the key of a shuffled part.
pub const SLICE_LEN: usize = 8;

/// A job's record.
pub fn job(name: &str) -> Vec<u8> {
    let mut key = vec![JOBS, b'j'];
    key.extend_from_slice(name.as_bytes());
    key
}

/// The records of all jobs.
pub fn jobs() -> KeyRange {
    KeyRange::prefix(&[JOBS, b'j'])
}

/// The name in a job's key.
pub fn job_name(key: &[u8]) -> Option<&str> {
    std::str::from_utf8(key.strip_prefix(&[JOBS, b'j'])?).ok()
}

fn of_run(kind: u8, run: u32) -> Vec<u8> {
    let mut key = vec![JOBS, kind];
    key.extend_from_slice(&run.to_be_bytes());
    key
}

/// What a slice knows of a key.
pub fn part(run: u32, group: &[u8], slice: u64) -> Vec<u8> {
    let mut key = of_run(b's', run);
    key.extend_from_slice(group);
    key.extend_from_slice(&slice.to_be_bytes());
    key
}

/// Everything that a run has shuffled.
pub fn parts(run: u32) -> KeyRange {
    KeyRange::prefix(&of_run(b's', run))
}

/// The group in a key of [`part`].
pub fn part_group(key: &[u8]) -> Option<&[u8]> {
    key.get(SHUFFLE_PREFIX_LEN..key.len().checked_sub(SLICE_LEN)?)
}

/// A record that failed.
pub fn failure(run: u32, number: u64) -> Vec<u8> {
    let mut key = of_run(b'p', run);
    key.extend_from_slice(&number.to_be_bytes());
    key
}

/// All records of a run that failed.
pub fn failures(run: u32) -> KeyRange {
    KeyRange::prefix(&of_run(b'p', run))
}

/// The number in a key of [`failure`].
pub fn failure_number(key: &[u8]) -> Option<u64> {
    Some(u64::from_be_bytes(key.get(6..14)?.try_into().ok()?))
}

/// Says that a run's keys are to be cleared.
pub fn garbage(run: u32) -> Vec<u8> {
    of_run(b'g', run)
}

/// All runs whose keys are to be cleared.
pub fn garbage_all() -> KeyRange {
    KeyRange::prefix(&[JOBS, b'g'])
}

/// The run in a key of [`garbage`].
pub fn garbage_run(key: &[u8]) -> Option<u32> {
    Some(u32::from_be_bytes(key.get(2..6)?.try_into().ok()?))
}

/// The name of the collection that a run's result is written to.
pub fn staging(run: u32) -> String {
    format!("$job:{run}")
}
