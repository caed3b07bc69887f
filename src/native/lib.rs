//! Tidewell on a native machine: storage in a directory of the file system.
//!
//! Not an async runtime: operations block until the file system answers, and their futures are ready at once.

mod file_disk;
mod journal;
#[cfg(test)]
mod journal_tests;
mod record;

pub use file_disk::FileDisk;
