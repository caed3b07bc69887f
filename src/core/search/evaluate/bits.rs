//! A set of places in a window.
//!
//! Mostly it has few, close together: a word of it says which of the others have any, and only these are looked at.

use super::frame::WINDOW;

const WORDS: usize = WINDOW as usize / 64;

/// The set.
#[derive(Clone, Debug)]
pub(super) struct Bits {
    words: [u64; WORDS],
    /// Which words are not zero.
    used: u32,
}

impl Default for Bits {
    fn default() -> Self {
        Self { words: [0; WORDS], used: 0 }
    }
}

/// The places of the ones, ascending.
#[inline]
fn ones(mut bits: u64, mut each: impl FnMut(usize)) {
    while bits != 0 {
        each(bits.trailing_zeros() as usize);
        bits &= bits - 1;
    }
}

impl Bits {
    pub(super) fn clear(&mut self) {
        ones(self.used.into(), |word| self.words[word] = 0);
        self.used = 0;
    }

    /// Whether the place is new.
    #[inline]
    pub(super) fn insert(&mut self, at: usize) -> bool {
        let (word, bit) = (&mut self.words[at / 64], 1 << (at % 64));
        let new = *word & bit == 0;
        *word |= bit;
        self.used |= 1 << (at / 64);
        new
    }

    #[inline]
    pub(super) fn has(&self, at: usize) -> bool {
        self.words[at / 64] & (1 << (at % 64)) != 0
    }

    pub(super) fn is_empty(&self) -> bool {
        self.used == 0
    }

    /// How many places it has.
    pub(super) fn count(&self) -> usize {
        let mut count = 0;
        ones(self.used.into(), |word| count += self.words[word].count_ones() as usize);
        count
    }

    /// Keeps what `kept` says of each word.
    #[inline]
    fn change(&mut self, kept: impl Fn(usize, u64) -> u64) {
        let used = self.used;
        ones(used.into(), |word| {
            self.words[word] = kept(word, self.words[word]);
            if self.words[word] == 0 {
                self.used &= !(1 << word);
            }
        });
    }

    pub(super) fn keep(&mut self, other: &Self) {
        self.change(|word, bits| bits & other.words[word]);
    }

    pub(super) fn remove_all(&mut self, other: &Self) {
        self.change(|word, bits| bits & !other.words[word]);
    }

    /// Keeps the places that `kept` answers `true` for.
    #[inline]
    pub(super) fn retain(&mut self, kept: impl Fn(usize) -> bool) {
        self.change(|word, mut bits| {
            ones(bits, |bit| {
                if !kept(word * 64 + bit) {
                    bits &= !(1 << bit);
                }
            });
            bits
        });
    }

    /// The first place at or after `at`.
    #[inline]
    pub(super) fn next(&self, at: usize) -> Option<usize> {
        let word = at / 64;
        let bits = self.words.get(word)? & (u64::MAX << (at % 64));
        if bits != 0 {
            return Some(word * 64 + bits.trailing_zeros() as usize);
        }
        let behind = u64::from(self.used) & (u64::MAX << (word + 1));
        let word = behind.trailing_zeros() as usize;
        Some(word * 64 + self.words.get(word)?.trailing_zeros() as usize)
    }

    /// Calls `each` with the places, ascending.
    #[inline]
    pub(super) fn each(&self, mut each: impl FnMut(usize)) {
        ones(self.used.into(), |word| ones(self.words[word], |bit| each(word * 64 + bit)));
    }

    /// The places, ascending.
    pub(super) fn iter(&self) -> impl Iterator<Item = usize> + '_ {
        std::iter::successors(self.next(0), |at| self.next(at + 1))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn bits(places: &BTreeSet<usize>) -> Bits {
        let mut bits = Bits::default();
        places.iter().for_each(|at| assert!(bits.insert(*at)));
        bits
    }

    fn check(bits: &Bits, places: &BTreeSet<usize>) {
        let mut each = Vec::new();
        bits.each(|at| each.push(at));
        assert!(each.iter().eq(places) && bits.iter().eq(places.iter().copied()));
        assert_eq!((bits.count(), bits.is_empty()), (places.len(), places.is_empty()));
        for at in 0..WINDOW as usize {
            assert_eq!((bits.has(at), bits.next(at)), (places.contains(&at), places.range(at..).next().copied()));
        }
        assert_eq!(bits.next(WINDOW as usize), None);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn a_set_of_places_is_one(
            own in prop::collection::btree_set(0..WINDOW as usize, 0..80),
            other in prop::collection::btree_set(0..WINDOW as usize, 0..1500),
        ) {
            check(&bits(&own), &own);
            let changed = |change: &dyn Fn(&mut Bits)| {
                let mut own = bits(&own);
                change(&mut own);
                own
            };
            check(&changed(&|own| own.keep(&bits(&other))), &(&own & &other));
            check(&changed(&|own| own.remove_all(&bits(&other))), &(&own - &other));
            check(&changed(&|own| own.retain(|at| other.contains(&at))), &(&own & &other));
            check(&changed(&Bits::clear), &BTreeSet::new());
        }
    }
}
