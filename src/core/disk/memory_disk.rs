//! A disk in memory: every promise of [`Disk`] except that nothing outlives the process.
//!
//! Not a cache in front of another disk. Storage where there is nothing better, and the reference in tests.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::future::ready;
use std::rc::Rc;

use super::{Batch, BlobName, BlobRange, Disk, DiskError, Durability, LocalFuture, NamedBlobs, RangeReads};

type Blobs = BTreeMap<BlobName, Vec<u8>>;
type Answers = Vec<Option<Vec<u8>>>;

/// A handle to storage in memory. [`MemoryDisk::handle`] opens the same storage once more, as another tab would.
#[derive(Debug, Default)]
pub struct MemoryDisk {
    blobs: Rc<RefCell<Blobs>>,
    closed: Cell<bool>,
}

impl MemoryDisk {
    /// A handle to new, empty storage.
    pub fn new() -> Self {
        Self::default()
    }

    /// Another handle to the same storage, open even if this one is closed.
    #[must_use]
    pub fn handle(&self) -> Self {
        Self { blobs: Rc::clone(&self.blobs), closed: Cell::new(false) }
    }

    /// The sum of the lengths of all blobs, in bytes.
    pub fn bytes(&self) -> u64 {
        self.blobs.borrow().values().map(|blob| blob.len() as u64).sum()
    }

    /// Runs `work` at once if the handle is open: nothing here ever waits.
    fn now<T: 'static>(
        &self,
        work: impl FnOnce(&mut Blobs) -> Result<T, DiskError>,
    ) -> LocalFuture<'static, Result<T, DiskError>> {
        let result = if self.closed.get() { Err(DiskError::Closed) } else { work(&mut self.blobs.borrow_mut()) };
        Box::pin(ready(result))
    }
}

impl Disk for MemoryDisk {
    fn read<'a>(&'a self, names: &'a [BlobName]) -> LocalFuture<'a, Result<Answers, DiskError>> {
        self.now(|blobs| Ok(names.iter().map(|name| blobs.get(name).cloned()).collect()))
    }

    fn scan(&self, range: BlobRange, limit: usize) -> LocalFuture<'_, Result<NamedBlobs, DiskError>> {
        self.now(|blobs| {
            let found = blobs.range(range.names()).take(limit);
            Ok(found.map(|(name, blob)| (*name, blob.clone())).collect())
        })
    }

    fn commit(&self, batch: Batch, _: Durability) -> LocalFuture<'_, Result<RangeReads, DiskError>> {
        self.now(|blobs| apply(blobs, batch))
    }

    fn settle(&self) -> LocalFuture<'_, Result<(), DiskError>> {
        self.now(|_| Ok(()))
    }

    fn close(&self) {
        self.closed.set(true);
    }
}

/// Looks before it leaps: once the first blob changes, nothing can fail.
fn apply(blobs: &mut Blobs, batch: Batch) -> Result<RangeReads, DiskError> {
    for (name, _) in &batch.inserts {
        if blobs.contains_key(name) && !batch.deletes.iter().any(|range| range.contains(name)) {
            return Err(DiskError::Exists(*name));
        }
    }
    for range in batch.deletes {
        let doomed: Vec<BlobName> = blobs.range(range.names()).map(|(name, _)| *name).collect();
        for name in doomed {
            blobs.remove(&name);
        }
    }
    blobs.extend(batch.puts);
    blobs.extend(batch.inserts);
    let contents = |range: &BlobRange| blobs.range(range.names()).map(|(_, blob)| blob.clone()).collect();
    Ok(batch.reads.iter().map(contents).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::conformance::{check_all, run, Opener};

    struct Memory(RefCell<BTreeMap<String, MemoryDisk>>);

    impl Opener for Memory {
        fn open<'a>(&'a self, storage: &'a str) -> LocalFuture<'a, Result<Rc<dyn Disk>, DiskError>> {
            let handle = self.0.borrow_mut().entry(storage.to_owned()).or_default().handle();
            Box::pin(ready(Ok(Rc::new(handle) as Rc<dyn Disk>)))
        }
    }

    #[test]
    fn it_keeps_every_promise_of_a_disk() {
        let claims = run(check_all(&Memory(RefCell::default()))).unwrap();
        assert!(claims >= 20, "only {claims} claims were checked");
    }
}
