//! Floor 4: full-text search: what a text's terms are, what a query asks for, and how a match is scored.
//!
//! The index itself is a view of the log: its postings lie in the engine and change in the commit of their document.
//! Nothing is held whole in memory, and nothing here knows how postings are stored: queries run over the [`Postings`] trait.

pub mod analyze;
#[cfg(any(test, feature = "testing"))]
pub mod brute_force;
pub mod edit;
pub mod evaluate;
pub mod facet;
pub mod highlight;
pub mod plan;
pub mod postings;
pub mod query;
#[cfg(any(test, feature = "testing"))]
pub mod reference;
pub mod score;
#[cfg(test)]
mod shared_data;
pub mod spec;
pub mod store;
pub mod suggest;
pub mod terms;

pub use analyze::{Analyzer, Analyzers, Purpose, Token};
pub use evaluate::{Evaluation, Hit, Sink, Top};
pub use facet::FacetCounts;
pub use highlight::Highlights;
pub use plan::Plan;
pub use postings::{Block, DocNumber, Postings, TermDocs, TermStats, Terms, Totals};
pub use query::{Options, Query};
pub use score::Model;
pub use spec::{FieldSpec, SearchSpec};
pub use terms::DocumentTerms;
