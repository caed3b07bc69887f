//! The server's end: what a push and a pull do to a tenant, over a small store.
//!
//! Not a server: no HTTP, token or file. A store does what [`ServerStore`] says, in one transaction a call of [`push()`].

pub mod memory;
mod pull;
mod push;
mod store;

pub use pull::pull;
pub use push::push;
pub use store::{Commit, Head, Image, Record, Replica, ServerStore, Span};

use std::sync::Arc;

use super::access::Access;
use crate::collections::Value;

/// What documents must look like, beyond who may write them.
pub trait Shape: std::fmt::Debug + Send + Sync {
    /// Judges what a mutation would leave.
    ///
    /// # Errors
    /// What is wrong, and where in the document.
    fn check(&self, collection: &str, document: &Value) -> Result<(), String>;
}

/// What the operator of a server decides.
#[derive(Clone, Debug)]
pub struct Policy {
    /// Who may do what.
    pub access: Access,
    /// What documents must look like; without, anything goes.
    pub shape: Option<Arc<dyn Shape>>,
    /// The oldest schema whose mutations are taken.
    pub schema_min: u64,
    /// The newest; what is newer waits until the server is.
    pub schema_max: u64,
    /// How long a client waits that was told to try again, in milliseconds.
    pub retry_ms: u64,
}

impl Policy {
    /// Everything is allowed, whatever its schema.
    pub fn open() -> Self {
        Self { access: Access::open(), shape: None, schema_min: 0, schema_max: u64::MAX, retry_ms: 1000 }
    }
}

/// Forgets superseded images and the tombstones up to version `before`. A client that has not come that far gets
/// everything anew.
///
/// # Errors
/// What the store answers; `Invalid` for a version that is not reached yet.
pub fn compact(store: &mut dyn ServerStore, before: u64) -> crate::base::Result<()> {
    let head = store.head()?;
    if before > head.version {
        return Err(crate::base::Error::invalid(format!("version {before} is not reached: it is {}", head.version)));
    }
    if before <= head.purged {
        return Ok(());
    }
    store.purge(before)
}
