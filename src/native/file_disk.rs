//! A disk in a directory: commits are records in an append-only journal, synced for `Durability::Strict`.
//!
//! One process at a time uses a directory, and within it one thread; handles opened there share the journal.
//! It has no deadline: a file system that hangs makes the caller hang.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::future::ready;
use std::path::{Path, PathBuf};
use std::rc::{Rc, Weak};

use tidewell_core::disk::{
    Batch, BlobName, BlobRange, Disk, DiskError, Durability, LocalFuture, NamedBlobs, RangeReads,
};

use crate::journal::Journal;

type Shared = Rc<RefCell<Journal>>;

thread_local! {
    static OPEN: RefCell<BTreeMap<PathBuf, Weak<RefCell<Journal>>>> = const { RefCell::new(BTreeMap::new()) };
}

/// A handle to storage in a directory. Relaxed commits survive the death of the process, strict ones also that of the
/// machine.
pub struct FileDisk {
    /// `None` once closed.
    journal: RefCell<Option<Shared>>,
}

impl FileDisk {
    /// Opens the storage in `directory`, which is created if it does not exist. The directory is let go of when its last
    /// handle is closed or dropped.
    ///
    /// # Errors
    /// `Unavailable` if another process or thread uses the directory, or the file system refuses; `Lost` if the journal
    /// is damaged where it had been synced.
    pub fn open(directory: &Path) -> Result<Self, DiskError> {
        let path = std::path::absolute(directory).map_err(|error| DiskError::Unavailable(error.to_string()))?;
        let open = OPEN.with_borrow(|open| open.get(&path).and_then(Weak::upgrade));
        let journal = match open {
            Some(journal) => journal,
            None => {
                let journal = Rc::new(RefCell::new(Journal::open(&path)?));
                OPEN.with_borrow_mut(|open| {
                    open.retain(|_, journal| journal.strong_count() > 0);
                    open.insert(path, Rc::downgrade(&journal));
                });
                journal
            }
        };
        Ok(Self { journal: RefCell::new(Some(journal)) })
    }

    /// Rewrites the journal without what was deleted or replaced. It also happens by itself, when more than half of the
    /// journal is garbage.
    ///
    /// # Errors
    /// `Closed`, or `Unavailable` if the file system refuses; then the old journal stays in use.
    pub fn compact(&self) -> Result<(), DiskError> {
        self.with(Journal::compact)
    }

    fn with<T>(&self, work: impl FnOnce(&mut Journal) -> Result<T, DiskError>) -> Result<T, DiskError> {
        match &*self.journal.borrow() {
            Some(journal) => work(&mut journal.borrow_mut()),
            None => Err(DiskError::Closed),
        }
    }
}

impl Disk for FileDisk {
    fn read<'a>(&'a self, names: &'a [BlobName]) -> LocalFuture<'a, Result<Vec<Option<Vec<u8>>>, DiskError>> {
        Box::pin(ready(self.with(|journal| names.iter().map(|name| journal.read(name)).collect())))
    }

    fn scan(&self, range: BlobRange, limit: usize) -> LocalFuture<'_, Result<NamedBlobs, DiskError>> {
        Box::pin(ready(self.with(|journal| {
            let found = journal.names(range).take(limit);
            found.map(|name| Ok((name, journal.read(&name)?.unwrap_or_default()))).collect()
        })))
    }

    fn commit(&self, batch: Batch, durability: Durability) -> LocalFuture<'_, Result<RangeReads, DiskError>> {
        Box::pin(ready(self.with(|journal| journal.commit(&batch, durability))))
    }

    fn settle(&self) -> LocalFuture<'_, Result<(), DiskError>> {
        Box::pin(ready(self.with(|_| Ok(()))))
    }

    fn close(&self) {
        self.journal.take();
    }
}
