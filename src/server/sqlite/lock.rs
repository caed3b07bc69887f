//! Who works with a SQLite file: many at a time, or a restore alone.
//!
//! Not SQLite's own locks, which go with the file when it is renamed. This one is on a file of its own beside it, which stays,
//! and the system gives it back when the process ends, however it ends.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};

use anyhow::{bail, Context, Result};

/// Held as long as it lives.
pub(crate) struct Lock {
    _file: File,
}

impl Lock {
    /// To work with the file as it stands.
    ///
    /// # Errors
    /// If a restore is replacing it.
    pub(crate) fn shared(database: &Path) -> Result<Self> {
        Self::take(database, File::try_lock_shared, "is being restored: wait until that has ended")
    }

    /// To replace the file.
    ///
    /// # Errors
    /// If somebody works with it.
    pub(crate) fn alone(database: &Path) -> Result<Self> {
        Self::take(database, File::try_lock, "is in use: stop its server, then restore again")
    }

    fn take(database: &Path, lock: fn(&File) -> Result<(), TryLockError>, refusal: &str) -> Result<Self> {
        let (path, file) = beside(database)?;
        match lock(&file) {
            Ok(()) => Ok(Self { _file: file }),
            Err(TryLockError::WouldBlock) => bail!("{} {refusal}", database.display()),
            Err(TryLockError::Error(error)) => Err(error).with_context(|| format!("locking {}", path.display())),
        }
    }
}

/// The file that is locked, the same by whatever link the database is named.
fn beside(database: &Path) -> Result<(PathBuf, File)> {
    let database = database.canonicalize().unwrap_or_else(|_| database.to_owned());
    let path = PathBuf::from(format!("{}-lock", database.display()));
    let file = File::options().create(true).truncate(false).read(true).write(true).open(&path);
    file.map(|file| (path.clone(), file)).with_context(|| format!("opening {}", path.display()))
}
