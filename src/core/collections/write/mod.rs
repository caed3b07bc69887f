//! Writing documents inside a transaction: insert, put, replace, update, delete.
//!
//! Every operation first reads all it needs (naming what is missing, all together) and writes only then, so it may be run
//! again from the start after a pause; changes of many documents that are there go in slices of that kind ([`Sweep`]). It
//! commits nothing: that is the caller's.

mod delete;
mod edit;
mod insert;
mod sweep;
mod target;
mod update;

pub use delete::Delete;
pub use edit::{apply, load, Edit};
pub use insert::{Insert, InsertMode};
pub use sweep::Sweep;
pub use target::Target;
pub use update::{upsert_base, Returning, UpdateDocuments, Upsert};

/// What a write did.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Written {
    /// Documents that were new.
    pub inserted: u64,
    /// Documents that were found.
    pub matched: u64,
    /// Documents that are different now.
    pub modified: u64,
    /// Documents that are gone.
    pub deleted: u64,
    /// The ids of the documents, in the order of the request.
    pub ids: Vec<Box<str>>,
    /// The documents asked for with `returning`, as JSON text, in the order of `ids`; `None` where there is none.
    pub documents: Vec<Option<Vec<u8>>>,
    /// Whether some of `documents` has tagged values.
    pub extended: bool,
}

#[cfg(test)]
mod write_tests;
