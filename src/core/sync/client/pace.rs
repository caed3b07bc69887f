//! How much one request carries: less after it was too much for the way to the server, more again while it gets through.
//!
//! It measures no time. What was too much is said by whoever sends.

use super::super::limits::{MUTATION_MAX, PAGE_MAX};
use crate::base::planted::{planted, Bug};

/// The longest row of successes before more is tried.
const PATIENCE_MAX: u32 = 32;

/// Why there was no answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Failure {
    /// No connection, or an answer that makes no sense: it has nothing to do with how much was sent.
    #[default]
    Other,
    /// It took longer than the deadline.
    Timeout,
    /// The server, or a proxy before it, takes no body so large.
    TooLarge,
}

impl Failure {
    /// The failure of this name.
    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "timeout" => Self::Timeout,
            "too-large" => Self::TooLarge,
            _ => return None,
        })
    }
}

/// How much the next request of a kind may carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pace {
    /// Mutations, or documents.
    pub(super) count: usize,
    /// Bytes of mutations; one goes out however many it has.
    pub(super) bytes: usize,
    /// Successes since the last failure.
    row: u32,
    /// After so many more is tried.
    patience: u32,
}

impl Pace {
    /// All that a message may carry.
    pub(super) const FULL: Self = Self { count: PAGE_MAX, bytes: MUTATION_MAX, row: 0, patience: 1 };

    /// So much was too much: the next carries half of it. Where that follows on success, the limit is near, and it is tried less often.
    pub(super) fn shrink(&mut self, count: usize, bytes: usize) {
        if planted(Bug::SyncNeverShrink) {
            return;
        }
        let patience = if self.row > 0 { (self.patience * 2).min(PATIENCE_MAX) } else { self.patience };
        *self = Self { count: (count / 2).max(1), bytes: (bytes / 2).min(Self::FULL.bytes), row: 0, patience };
    }

    /// It got through.
    pub(super) fn grow(&mut self) {
        self.row = self.row.saturating_add(1);
        if self.row.is_multiple_of(self.patience) {
            self.count = self.count.saturating_mul(2).min(Self::FULL.count);
            self.bytes = self.bytes.saturating_mul(2).min(Self::FULL.bytes);
        }
        if self.count == Self::FULL.count && self.bytes == Self::FULL.bytes {
            self.patience = 1;
        }
    }
}
