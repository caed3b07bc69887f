//! The floor: where the log begins, as a tiny blob that every commit reads along.
//!
//! Each truncation writes a floor of its own, named by its position, and removes the older ones; the newest name
//! counts. So an instance that slept through truncations can never move the floor back. Format: docs/FORMAT.md.

use crate::base::bytes::Reader;
use crate::base::checksum::{seal, unseal};
use crate::base::{Error, Result};

const VERSION: u8 = 1;

/// Where the log of a database begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Floor {
    /// The identity of the database.
    pub(crate) store: u64,
    /// Records at or below this position are gone; the manifest snapshot covers them.
    pub(crate) position: u64,
}

impl Floor {
    /// The blob.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = vec![VERSION];
        out.extend_from_slice(&self.store.to_le_bytes());
        out.extend_from_slice(&self.position.to_le_bytes());
        seal(&mut out);
        out
    }

    /// Reads a blob.
    ///
    /// # Errors
    /// `Corrupt` if checksum, version or shape is wrong.
    pub(crate) fn decode(blob: &[u8]) -> Result<Self> {
        let mut reader = Reader::new(unseal(blob, "floor")?);
        let version = reader.u8()?;
        if version != VERSION {
            return Err(Error::corrupt(format!("the database has format {version}, this build reads {VERSION}")));
        }
        let floor = Self { store: reader.u64()?, position: reader.u64()? };
        reader.finish("floor")?;
        Ok(floor)
    }

    /// The one that counts among the blobs in the floor area, which come in the order of their names.
    ///
    /// # Errors
    /// As `decode`.
    pub(crate) fn newest(blobs: &[Vec<u8>]) -> Result<Option<Self>> {
        blobs.last().map(|blob| Self::decode(blob)).transpose()
    }
}
