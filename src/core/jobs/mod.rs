//! Floor 4: batch jobs over collections larger than memory: read in slices, grouped through a shuffle space in key order, written
//! to a hidden collection that takes the place of the old result in one commit.
//!
//! It commits nothing and calls no application: every step is a function over a view or a transaction. A slice's output and the
//! cursor behind it are always written by the same transaction, which first checks that the cursor is where the slice began:
//! so a run that is killed, or run twice at once, counts every document exactly once.

pub mod cut;
pub mod definition;
pub mod keys;
pub mod map;
pub mod partition;
pub mod record;
pub mod reduce;
pub mod run;
pub mod slice;
pub mod swap;

pub use definition::Definition;
pub use partition::Partition;
pub use record::{Phase, Record, State};

use crate::base::{write_slice, Error, Reader, Result};

/// The longest name of a job, in bytes.
pub const NAME_MAX: usize = 128;
/// Failed records that a run remembers; one more stops it.
pub const FAILURES_MAX: u64 = 10_000;
/// A key longer than this, encoded, is no document's id.
const KEY_MAX: usize = 2_048;
/// How much of a message or an id is kept.
const TEXT_MAX: usize = 1_000;

/// A record that a function, or an expression, failed on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Whether a document was mapped or a key reduced.
    pub phase: Phase,
    /// The document's id, or the key's text.
    pub id: Box<str>,
    /// What was wrong.
    pub message: Box<str>,
}

impl Failure {
    /// A failure with its texts cut to what is kept.
    pub fn new(phase: Phase, id: &str, message: &str) -> Self {
        Self { phase, id: cut(id).into(), message: cut(message).into() }
    }

    /// The stored bytes (docs/FORMAT.md).
    pub fn encode(&self) -> Vec<u8> {
        let mut out = vec![1, self.phase as u8];
        write_slice(&mut out, self.id.as_bytes());
        write_slice(&mut out, self.message.as_bytes());
        out
    }

    /// Reads what `encode` wrote.
    ///
    /// # Errors
    /// `Corrupt` if the bytes make no sense or are of a later format.
    pub fn decode(bytes: &[u8]) -> Result<Self> {
        let mut reader = Reader::new(bytes);
        if reader.u8()? != 1 {
            return Err(Error::corrupt("a failed record is kept in a format of a later version"));
        }
        let failure =
            Self { phase: Phase::decode(reader.u8()?)?, id: reader.text()?.into(), message: reader.text()?.into() };
        reader.finish("a failed record")?;
        Ok(failure)
    }
}

fn cut(text: &str) -> &str {
    let mut end = text.len().min(TEXT_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}
