//! The stored search index: segments of postings in pages of the engine, written in the commit of their documents.
//!
//! Not the query language and not scoring. A commit appends one segment and touches no other; merging in the background
//! keeps the segments few. Bytes: docs/FORMAT.md; reasons: docs/decisions/0030-search-segments.md.

#[cfg(any(test, feature = "testing"))]
pub mod agreement;
pub mod build;
mod commit;
#[cfg(test)]
mod damage_tests;
mod docs;
mod documents;
mod head;
mod impact;
mod index;
mod invert;
mod keys;
mod list;
pub mod merge;
#[cfg(test)]
mod model_tests;
mod pack;
mod plan;
mod scan;
mod term_page;
mod terms;
pub mod view;
mod warm;
mod write;

pub use index::StoredPostings;
pub use plan::Pace;
pub use view::{Prepared, SearchIndexes};
pub use warm::Warm;
