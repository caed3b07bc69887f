//! Floor 3: JSON documents with indexes, queries, updates, pipelines and live queries, as views of the log.
//!
//! It is not SQL, and it holds no state that the log does not: every index entry is written in the commit of its document.

pub mod bigint;
pub mod compare;
pub mod distinct;
pub mod document;
pub mod expression;
pub mod filter;
pub mod json;
pub mod key_codec;
pub mod number;
pub mod path;
pub mod pattern;
pub mod pipeline;
pub mod projection;
pub mod raw;
pub mod sort;
pub mod update;
pub mod value;
pub mod value_ref;

pub use compare::TypeClass;
pub use distinct::Distinct;
pub use document::Document;
pub use expression::Expression;
pub use filter::Filter;
pub use path::Path;
pub use pipeline::Pipeline;
pub use projection::Projection;
pub use raw::RawValue;
pub use sort::Sort;
pub use update::Update;
pub use value::Value;
pub use value_ref::{Shape, ValueRef};

#[cfg(test)]
mod arbitrary;

#[cfg(any(test, feature = "testing"))]
pub mod agreement;
pub mod build;
pub mod catalog;
pub mod fields;
pub mod find;
pub mod index;
pub mod keys;
pub mod live;
pub mod plan;
pub mod rank;
pub mod scan;
pub mod view;
pub mod write;

#[cfg(test)]
mod fixture;
#[cfg(any(test, feature = "testing"))]
pub mod memory_store;
#[cfg(test)]
mod model_tests;
#[cfg(test)]
mod plan_tests;
#[cfg(test)]
mod timing_tests;
