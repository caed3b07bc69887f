//! A window of document numbers: which match, and their scores.
//!
//! Scores are added in double precision, so that the order of additions does not show in a result. They are not cleared
//! from window to window: the first that is added at a place takes the place of what stood there.

use crate::search::postings::DocNumber;

use super::bits::Bits;

/// The most documents in a window.
pub(super) const WINDOW: u32 = 2048;

/// The document numbers from `start` to before `end`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Window {
    pub(super) start: DocNumber,
    pub(super) end: DocNumber,
    /// Whether it keeps its width where blocks end: many terms would cut it into slivers.
    pub(super) wide: bool,
}

impl Window {
    /// How many numbers it has.
    pub(super) fn len(self) -> usize {
        (self.end - self.start).min(WINDOW) as usize
    }
}

/// What matches in a window, with scores; those of places that do not match mean nothing.
#[derive(Clone, Debug, Default)]
pub(super) struct Frame {
    pub(super) matched: Bits,
    /// Empty before the first [`Frame::clear`]: most searches need few of their frames.
    pub(super) scores: Vec<f64>,
    /// How many matches were left out, for they cannot be among the best.
    pub(super) skipped: usize,
}

impl Frame {
    /// Nothing matches.
    pub(super) fn clear(&mut self) {
        self.matched.clear();
        self.skipped = 0;
        self.scores.resize(WINDOW as usize, 0.0);
    }

    /// How many matches cost time.
    pub(super) fn looked_at(&self) -> usize {
        self.matched.count() + self.skipped
    }

    /// Adds the score at a place, which matches from then on.
    #[inline]
    pub(super) fn add(&mut self, at: usize, score: f64) {
        let own = &mut self.scores[at];
        *own = if self.matched.insert(at) { score } else { *own + score };
    }

    /// Adds everything that matches in another frame.
    pub(super) fn add_all(&mut self, other: &Self) {
        other.matched.each(|at| self.add(at, other.scores[at]));
    }
}
