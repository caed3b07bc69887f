//! The disk in IndexedDB: one database, version 1 forever, two object stores.
//!
//! Not a cache and not an engine: it keeps the promises of [`tidewell_core::disk::Disk`] over connections that die,
//! transactions that abort late and pages that freeze.

mod commit;
mod connection;
mod deadline;
mod delete;
mod disk;
mod event;
mod failure;
mod flight;
mod floors;
mod issue;
mod issued;
mod raw;
mod schema;
mod turns;

pub use delete::delete_database;
pub use disk::{IndexedDbDisk, IndexedDbOptions};
pub use event::{DiskEvent, DiskListener};
