//! A bloom filter over a table's keys: "surely not here" for the price of one cache line.
//!
//! Not exact: about one absent key in a hundred is reported as perhaps present.

use crate::base::checksum::hash;
use crate::base::{Error, Result};

/// All bits of a key lie in one line of so many bytes.
const LINE: usize = 64;
const BITS_PER_KEY: usize = 10;
const PROBES: u32 = 7;

/// The hash of a key, computed once for all tables that are asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyHash(u64);

impl KeyHash {
    /// The hash of `key`.
    pub fn new(key: &[u8]) -> Self {
        Self(hash(key, 0))
    }

    fn line(self, lines: usize) -> usize {
        (((self.0 >> 32) * lines as u64) >> 32) as usize
    }

    /// The bit numbers in the line.
    fn bits(self) -> impl Iterator<Item = usize> {
        let mixed = self.0.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (0..PROBES).map(move |n| (mixed >> (9 * n) & 511) as usize)
    }
}

/// A set of keys that errs on the side of yes.
#[derive(Debug, Default)]
pub(crate) struct Bloom {
    bits: Vec<u8>,
}

impl Bloom {
    pub(crate) fn build(hashes: &[KeyHash]) -> Self {
        let lines = (hashes.len() * BITS_PER_KEY).div_ceil(LINE * 8);
        let mut bits = vec![0; lines * LINE];
        for hash in hashes {
            let line = hash.line(lines) * LINE;
            for bit in hash.bits() {
                bits[line + bit / 8] |= 1 << (bit % 8);
            }
        }
        Self { bits }
    }

    /// Whether the key may be in the set. An empty filter holds nothing.
    #[inline]
    pub(crate) fn may_contain(&self, hash: KeyHash) -> bool {
        let start = hash.line(self.bits.len() / LINE) * LINE;
        let Some(line) = self.bits.get(start..start + LINE) else { return false };
        hash.bits().all(|bit| line[bit / 8] & 1 << (bit % 8) != 0)
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.bits
    }

    pub(crate) fn from_bytes(bytes: &[u8]) -> Result<Self> {
        if !bytes.len().is_multiple_of(LINE) {
            return Err(Error::corrupt("a bloom filter is not a whole number of lines"));
        }
        Ok(Self { bits: bytes.to_vec() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filter(keys: u32) -> Bloom {
        Bloom::build(&(0..keys).map(|n| KeyHash::new(&n.to_be_bytes())).collect::<Vec<_>>())
    }

    #[test]
    fn every_key_of_the_set_is_found() {
        for keys in [1, 2, 100, 5000] {
            let filter = Bloom::from_bytes(filter(keys).as_bytes()).unwrap();
            assert!((0..keys).all(|n| filter.may_contain(KeyHash::new(&n.to_be_bytes()))));
        }
    }

    #[test]
    fn at_most_two_absent_keys_in_a_hundred_are_reported() {
        let filter = filter(20_000);
        let wrong = (20_000..120_000u32).filter(|n| filter.may_contain(KeyHash::new(&n.to_be_bytes()))).count();
        assert!(wrong < 2000, "{wrong} of 100000");
    }

    #[test]
    fn an_empty_filter_holds_nothing() {
        assert!(!filter(0).may_contain(KeyHash::new(b"a")));
        assert!(Bloom::from_bytes(&[0; 63]).is_err());
    }
}
