//! Live queries: a result kept up to date from the commits themselves, told as differences.
//!
//! Not a cache of query results: each subscription owns what it shows.

pub mod diff;
pub mod window;

#[cfg(test)]
mod window_tests;

pub use diff::Diff;
pub use window::{Applied, Output, Rank, Span, Standing, Window};
