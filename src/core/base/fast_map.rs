//! Hash maps with a fixed hash function: the same program, the same order, the same bytes.
//!
//! Not for keys an attacker can choose without bound; use a `BTreeMap` there.

use std::hash::{BuildHasherDefault, Hasher};

use super::checksum::hash;

/// The hasher of [`FastMap`]: xxh3 of each run of bytes, seeded with what came before.
pub type FixedState = BuildHasherDefault<RunHasher>;

/// Hashes runs of bytes one after another, and numbers between them with a multiplication each. (The streaming xxh3 buffers what it is
/// given, which is code that hashing at once does not need.)
#[derive(Clone, Copy, Debug, Default)]
pub struct RunHasher(u64);

impl Hasher for RunHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0 = hash(bytes, self.0);
    }

    fn write_u8(&mut self, number: u8) {
        self.write_u64(number.into());
    }

    fn write_u32(&mut self, number: u32) {
        self.write_u64(number.into());
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = mixed(self.0 ^ number);
    }

    fn write_usize(&mut self, number: usize) {
        self.write_u64(number as u64);
    }
}

/// Fibonacci hashing; the fold brings the well-mixed high bits down to where a table takes its index.
#[inline]
fn mixed(number: u64) -> u64 {
    let mixed = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed ^ (mixed >> 32)
}

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
        self.0 = mixed(self.0 ^ id);
    }
}

/// A map from ids to things, for hot paths: hashing costs a nanosecond.
#[expect(clippy::disallowed_types, reason = "the hasher is fixed, as in FastMap")]
pub type IdMap<V> = std::collections::HashMap<u64, V, BuildHasherDefault<IdHasher>>;
