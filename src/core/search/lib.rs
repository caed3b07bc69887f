//! The search floor of the core, [`search`], on the floors below it.
//!
//! It is *not* a library of its own: `tidewell_core` shows it as its own, and everybody names it there. It is a crate because its
//! loops run for every word and posting, and are compiled for that (docs/decisions/0011-optimise-for-size.md).

pub use tidewell_lower::{base, collections, disk, engine};

#[path = "mod.rs"]
pub mod search;
