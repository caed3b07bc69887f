//! Search indexes in commands: declared, built, merged, described.
//!
//! What an index is and how it is stored is the search floor's.

mod admin;
mod upkeep;

pub(super) use admin::{is_declared, write_search};
pub(super) use upkeep::{pending, work};
