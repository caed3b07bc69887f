//! Floor 2: an ordered key-value engine on a disk that several instances share: one log, no leader.
//!
//! It is not a document store: keys and values are bytes, and it knows no index but key order.

pub mod access;
mod arena;
pub mod key;
pub mod memtable;
pub mod memtable_cursor;
pub mod platform;

pub use access::{Cursor, Direction, KeyRange, Pause, Read, Step, Transaction};
pub use platform::{Guard, LockMode, Platform};
