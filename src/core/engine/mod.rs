//! Floor 2: an ordered key-value engine on a disk that several instances share: one log, no leader.
//!
//! It is not a document store: keys and values are bytes, and it knows no index but key order.

pub mod access;
mod arena;
pub mod block;
mod block_builder;
mod block_cursor;
pub mod blocks;
pub mod bloom;
pub mod cache;
mod clock_segment;
mod commit;
mod compact;
pub(crate) mod compaction;
pub mod compaction_pick;
#[expect(clippy::module_inception, reason = "the file is named after the thing in it, as everywhere")]
mod engine;
mod floor;
mod flush;
mod interactive;
pub mod key;
mod landmarks;
pub mod levels;
mod log_tail;
mod maintenance;
mod manifest;
pub mod memtable;
mod memtable_chunk;
pub mod memtable_cursor;
pub(crate) mod merge_cursor;
mod merge_source;
mod open;
mod options;
mod outcome;
mod packing;
pub mod platform;
mod read;
pub mod record;
mod run_cursor;
pub mod sealed_block;
pub mod signal;
mod snapshot;
pub(crate) mod sources;
mod staged;
mod state;
mod stats;
#[cfg(test)]
mod table_bench;
pub mod table_builder;
pub mod table_info;
pub mod table_meta;
mod table_writer;
#[cfg(test)]
mod test_store;
mod truncate;
mod turn;
mod view;

pub use access::{delete_some, Cursor, Direction, KeyRange, Pause, Read, Step, Transaction};
pub use commit::{Committed, BREATH_BYTES};
pub use engine::{CommitEvent, CommitListener, Engine};
pub use interactive::{Interactive, RETRY};
pub use options::{Durability, EngineOptions};
pub use platform::{Guard, LockMode, Platform};
pub use read::SNAPSHOT_EXPIRED;
pub use record::{Item, Record};
pub use snapshot::Snapshot;
pub use stats::{EngineReport, EngineStats, LevelStats};
