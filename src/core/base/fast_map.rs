//! Hash maps with a fixed hash function: the same program, the same order, the same bytes.
//!
//! Not for keys an attacker can choose without bound; use a `BTreeMap` there.

use std::hash::{BuildHasherDefault, Hasher};

use xxhash_rust::xxh3::Xxh3Default;

/// The hasher of [`FastMap`]: xxh3 with a fixed seed.
pub type FixedState = BuildHasherDefault<Xxh3Default>;

/// A `HashMap` that hashes deterministically.
#[expect(clippy::disallowed_types, reason = "this alias is the deterministic replacement the lint names")]
pub type FastMap<K, V> = std::collections::HashMap<K, V, FixedState>;

/// A `HashSet` that hashes deterministically.
pub type FastSet<K> = std::collections::HashSet<K, FixedState>;

/// Hashes numbers that are names already (block ids, positions) with one multiplication. Anything else goes byte by byte.
#[derive(Clone, Copy, Debug, Default)]
pub struct IdHasher(u64);

impl Hasher for IdHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.write_u64(u64::from(byte));
        }
    }

    fn write_u64(&mut self, id: u64) {
        // Fibonacci hashing; the fold brings the well-mixed high bits down to where the table takes its index.
        let mixed = (self.0 ^ id).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.0 = mixed ^ (mixed >> 32);
    }
}

/// A map from ids to things, for hot paths: hashing costs a nanosecond.
#[expect(clippy::disallowed_types, reason = "the hasher is fixed, as in FastMap")]
pub type IdMap<V> = std::collections::HashMap<u64, V, BuildHasherDefault<IdHasher>>;
