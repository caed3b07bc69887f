//! Floor 0: what every other floor is made of: errors, integers on the wire, the ambient traits.
//!
//! It is not a utility drawer: nothing here knows about disks, keys or documents.

pub mod ambient;
pub mod bytes;
pub mod checksum;
pub mod error;
pub mod fast_map;
pub mod lanes;
pub mod planted;
pub mod seeded_rng;
pub mod sort;
pub mod sorted_map;
pub mod varint;

pub use ambient::{Clock, Rng};
pub use bytes::{write_slice, Reader};
pub use checksum::{checksum, seal, unseal};
pub use error::{Error, ErrorKind, Result};
pub use fast_map::{FastMap, FastSet, IdMap};
pub use seeded_rng::SeededRng;
pub use sorted_map::SortedMap;
pub use varint::{read_varint, varint_len, write_varint};
