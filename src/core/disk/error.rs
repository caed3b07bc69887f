//! How a disk operation can fail, in terms of what may have happened.

use std::fmt;

use crate::base::{Error, ErrorKind};

use super::BlobName;

/// A failed disk operation. Unless it says otherwise, nothing of a failed commit happened.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DiskError {
    /// A conditional insert found its blob there already.
    Exists(BlobName),
    /// No space for the batch; nothing was written.
    Quota(String),
    /// The connection died or the deadline passed: the outcome of a commit is unknown. A read may simply be retried.
    Interrupted(String),
    /// The storage that this instance had open is gone or was replaced by an empty one.
    Lost(String),
    /// The storage cannot be used at all (blocked, refused, unsupported, repeated I/O errors).
    Unavailable(String),
    /// The disk was closed by this instance.
    Closed,
}

impl fmt::Display for DiskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exists(name) => write!(f, "blob {name:?} exists already"),
            Self::Quota(detail) => write!(f, "storage is full: {detail}"),
            Self::Interrupted(detail) => write!(f, "storage did not answer: {detail}"),
            Self::Lost(detail) => write!(f, "stored data was lost: {detail}"),
            Self::Unavailable(detail) => write!(f, "storage is unavailable: {detail}"),
            Self::Closed => f.write_str("the database is closed"),
        }
    }
}

impl std::error::Error for DiskError {}

impl From<DiskError> for Error {
    fn from(error: DiskError) -> Self {
        let kind = match &error {
            DiskError::Exists(_) => ErrorKind::Conflict,
            DiskError::Quota(_) => ErrorKind::Quota,
            DiskError::Interrupted(_) | DiskError::Unavailable(_) => ErrorKind::Unavailable,
            DiskError::Lost(_) => ErrorKind::StorageLost,
            DiskError::Closed => ErrorKind::Closed,
        };
        Error::new(kind, error.to_string())
    }
}
