//! Floor 1: a disk stores small named blobs and changes them in atomic batches.
//!
//! It is not a file system: there are no partial writes, no appends and no directories.

pub mod blob;
#[cfg(any(test, feature = "testing"))]
pub mod conformance;
pub mod error;
pub mod fault_plan;
pub mod faulty_disk;
#[cfg(test)]
mod faulty_disk_tests;
pub mod faulty_storage;
pub mod memory_disk;

use std::future::Future;
use std::pin::Pin;

pub use blob::{Area, Batch, BlobName, BlobRange, Durability};
pub use error::DiskError;
pub use fault_plan::{Fault, FaultPlan};
pub use faulty_disk::{FaultyDisk, Latency, NoLatency};
pub use faulty_storage::{FaultEvent, FaultListener, FaultyStorage};
pub use memory_disk::MemoryDisk;

/// A boxed future of the single-threaded world: disks are used from one thread only.
pub type LocalFuture<'a, T> = Pin<Box<dyn Future<Output = T> + 'a>>;

/// Blobs with their names.
pub type NamedBlobs = Vec<(BlobName, Vec<u8>)>;

/// The contents of the blobs in each range that a commit read.
pub type RangeReads = Vec<Vec<Vec<u8>>>;

/// Storage of small named blobs, shared by every instance (tab, worker, process) that opens the same name.
///
/// Every implementation passes the conformance suite. The promises:
///
/// * **Atomic**: a commit happens whole or not at all, for this and every other instance, whenever a crash comes.
/// * **Ordered**: of two commits by anyone, one is wholly before the other. A commit issued after another one's
///   future resolved comes after it.
/// * **Isolated**: one `read` or one `scan` sees a single state, never half of a commit.
/// * **Acknowledged means kept**: when `commit` resolves `Ok`, the batch survives at its [`Durability`].
///   When it resolves [`DiskError::Interrupted`], the outcome is unknown: the batch may have happened, and may even
///   happen shortly afterwards until `settle` resolves. Every other error means that nothing of the batch happened.
/// * **Bounded**: every operation resolves within the disk's deadline, with [`DiskError::Interrupted`] if need be.
/// * **Dropping the future** of a commit does not cancel it; its outcome is then unknown.
pub trait Disk {
    /// Reads blobs in one atomic look; the answers are in the order of `names`, `None` for a missing one.
    fn read<'a>(&'a self, names: &'a [BlobName]) -> LocalFuture<'a, Result<Vec<Option<Vec<u8>>>, DiskError>>;

    /// Reads up to `limit` blobs of `range` in ascending order of name, in one atomic look.
    fn scan(&self, range: BlobRange, limit: usize) -> LocalFuture<'_, Result<NamedBlobs, DiskError>>;

    /// Applies `batch` atomically. The answers are the contents of the blobs in each range of `batch.reads`, in ascending
    /// order of name, read in the same atomic step *after* the batch's writes.
    ///
    /// # Errors
    /// [`DiskError::Exists`] if a blob of `batch.inserts` was already there; then nothing is written.
    fn commit(&self, batch: Batch, durability: Durability) -> LocalFuture<'_, Result<RangeReads, DiskError>>;

    /// Waits until no earlier interrupted commit of this instance can still take effect.
    fn settle(&self) -> LocalFuture<'_, Result<(), DiskError>>;

    /// Lets go of the storage. Later operations answer [`DiskError::Closed`]. Closing twice is fine.
    fn close(&self);
}

/// A second, independent place that remembers a few bytes, to notice that the browser lost the first one.
pub trait Witness {
    /// What was last written, if anything.
    fn read(&self) -> LocalFuture<'_, Result<Option<Vec<u8>>, DiskError>>;
    /// Remembers `bytes`. Best effort: a lost write only makes the witness older, never wrong.
    fn write<'a>(&'a self, bytes: &'a [u8]) -> LocalFuture<'a, Result<(), DiskError>>;
}
