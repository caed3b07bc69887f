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
pub mod key;
pub mod levels;
pub mod memtable;
pub mod memtable_cursor;
pub(crate) mod merge_cursor;
pub mod platform;
mod run_cursor;
pub mod sealed_block;
pub(crate) mod sources;
pub mod table_builder;
pub mod table_info;
pub mod table_meta;

pub use access::{Cursor, Direction, KeyRange, Pause, Read, Step, Transaction};
pub use platform::{Guard, LockMode, Platform};
