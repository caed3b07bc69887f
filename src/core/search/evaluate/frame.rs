//! A window of document numbers: which match, and their scores.
//!
//! Scores are added in double precision, so that the order of additions does not show in a result. They are not cleared
//! from window to window: the first that is added at a place takes the place of what stood there.

use crate::search::postings::DocNumber;

/// The most documents in a window.
pub(super) const WINDOW: u32 = 2048;
const WORDS: usize = WINDOW as usize / 64;

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

/// A set of places in a window.
#[derive(Clone, Debug)]
pub(super) struct Bits([u64; WORDS]);

impl Default for Bits {
    fn default() -> Self {
        Self([0; WORDS])
    }
}

impl Bits {
    pub(super) fn clear(&mut self) {
        self.0 = [0; WORDS];
    }

    #[inline]
    pub(super) fn insert(&mut self, at: usize) {
        self.0[at / 64] |= 1 << (at % 64);
    }

    #[inline]
    pub(super) fn remove(&mut self, at: usize) {
        self.0[at / 64] &= !(1 << (at % 64));
    }

    #[inline]
    pub(super) fn has(&self, at: usize) -> bool {
        self.0[at / 64] & (1 << (at % 64)) != 0
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.iter().all(|word| *word == 0)
    }

    /// How many places it has.
    pub(super) fn count(&self) -> usize {
        self.0.iter().map(|word| word.count_ones() as usize).sum()
    }

    pub(super) fn keep(&mut self, other: &Self) {
        self.0.iter_mut().zip(&other.0).for_each(|(own, other)| *own &= other);
    }

    pub(super) fn remove_all(&mut self, other: &Self) {
        self.0.iter_mut().zip(&other.0).for_each(|(own, other)| *own &= !other);
    }

    /// The first place at or after `at`.
    pub(super) fn next(&self, at: usize) -> Option<usize> {
        let mut word = at / 64;
        let mut bits = self.0.get(word)? & (u64::MAX << (at % 64));
        while bits == 0 {
            word += 1;
            bits = *self.0.get(word)?;
        }
        Some(word * 64 + bits.trailing_zeros() as usize)
    }

    /// Calls `each` with the places, ascending.
    #[inline]
    pub(super) fn each(&self, mut each: impl FnMut(usize)) {
        for (word, bits) in self.0.iter().enumerate() {
            let mut left = *bits;
            while left != 0 {
                each(word * 64 + left.trailing_zeros() as usize);
                left &= left - 1;
            }
        }
    }

    /// The places, ascending.
    pub(super) fn iter(&self) -> impl Iterator<Item = usize> + '_ {
        self.0.iter().enumerate().flat_map(|(word, bits)| {
            let mut left = *bits;
            std::iter::from_fn(move || {
                let at = (left != 0).then(|| word * 64 + left.trailing_zeros() as usize);
                left &= left.wrapping_sub(1);
                at
            })
        })
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
        let (word, bit, own) = (&mut self.matched.0[at / 64], 1 << (at % 64), &mut self.scores[at]);
        *own = if *word & bit != 0 { *own + score } else { score };
        *word |= bit;
    }

    /// Adds everything that matches in another frame.
    pub(super) fn add_all(&mut self, other: &Self) {
        other.matched.each(|at| self.add(at, other.scores[at]));
    }
}
