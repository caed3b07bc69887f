//! Floor 3: JSON documents with indexes, queries, updates, pipelines and live queries, as views of the log.
//!
//! It is not SQL, and it holds no state that the log does not: every index entry is written in the commit of its document.

pub mod bigint;
pub mod compare;
pub mod json;
pub mod value;

pub use compare::TypeClass;
pub use value::Value;

#[cfg(test)]
mod arbitrary;
