//! Floor 0: what every other floor is made of: errors, integers on the wire, the ambient traits.
//!
//! It is not a utility drawer: nothing here knows about disks, keys or documents.

pub mod ambient;
pub mod error;
pub mod fast_map;

pub use ambient::{Clock, Rng};
pub use error::{Error, ErrorKind, Result};
pub use fast_map::{FastMap, FastSet};
