//! Random numbers that replay from a seed (SplitMix64).
//!
//! Not for secrets: whoever sees one number knows the rest. It is for fault plans, simulations and skip heights.

use std::cell::Cell;

use super::Rng;

/// A generator whose numbers follow from its seed alone.
#[derive(Clone, Debug)]
pub struct SeededRng {
    state: Cell<u64>,
}

impl SeededRng {
    /// A generator that starts from `seed`.
    pub fn new(seed: u64) -> Self {
        Self { state: Cell::new(seed) }
    }

    /// A number below `end`; 0 if `end` is 0.
    pub fn below(&self, end: u64) -> u64 {
        // The high half of a 128-bit product: no modulo, and a bias below 2^-32 for every `end` used here.
        ((u128::from(self.next_u64()) * u128::from(end)) >> 64) as u64
    }

    /// An index into something of length `len`; 0 if it is empty.
    pub fn index(&self, len: usize) -> usize {
        self.below(len as u64) as usize
    }

    /// `true` once in `n` times, on average.
    pub fn one_in(&self, n: u64) -> bool {
        self.below(n) == 0
    }

    /// An independent generator for a part of the whole.
    pub fn fork(&self) -> Self {
        Self::new(self.next_u64())
    }
}

impl Rng for SeededRng {
    fn fill(&self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            let number = self.next_u64().to_le_bytes();
            chunk.iter_mut().zip(number).for_each(|(to, from)| *to = from);
        }
    }

    fn next_u64(&self) -> u64 {
        let state = self.state.get().wrapping_add(0x9e37_79b9_7f4a_7c15);
        self.state.set(state);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_numbers_and_another_seed_others() {
        let draw = |seed| (0..8).map(|_| SeededRng::new(seed).next_u64()).collect::<Vec<_>>();
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1), draw(2));
    }

    #[test]
    fn numbers_below_an_end_reach_all_of_them_and_never_the_end() {
        let rng = SeededRng::new(7);
        let mut seen = [0u32; 5];
        (0..1000).for_each(|_| seen[rng.index(5)] += 1);
        assert!(seen.iter().all(|&count| count > 120), "{seen:?}");
        assert_eq!(rng.below(0), 0);
    }
}
