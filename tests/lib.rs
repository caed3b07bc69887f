//! Cross-cutting tests of the engine, and of the database above it (`documents`). Every failure prints a seed; `TIDEWELL_SEED=n` replays just that one,
//! `TIDEWELL_SCALE=k` runs k times as many.
//!
//! Nothing here ships, and nothing here looks inside the engine: instances are driven from outside, on simulated
//! storage, and judged by the log as the disk has it.

#[cfg(test)]
mod cache_tests;
#[cfg(test)]
mod collection_tests;
#[cfg(test)]
mod crash_tests;
#[cfg(test)]
mod documents;
#[cfg(test)]
mod gone_tests;
#[cfg(test)]
mod history;
#[cfg(test)]
mod job_partitions_tests;
#[cfg(test)]
mod jobs_crowd;
#[cfg(test)]
mod jobs_tests;
#[cfg(test)]
mod jobs_world;
#[cfg(test)]
mod model_tests;
#[cfg(all(test, feature = "planted-bugs"))]
mod planted_tests;
#[cfg(test)]
mod program;
#[cfg(test)]
mod replay;
#[cfg(test)]
mod sync;
#[cfg(test)]
mod synced;
#[cfg(test)]
mod tab;
#[cfg(test)]
mod topics_journal;
#[cfg(test)]
mod topics_tests;
#[cfg(test)]
mod topics_world;
#[cfg(test)]
mod verdict;
#[cfg(test)]
mod world;
