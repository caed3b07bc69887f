//! Hash maps with a fixed hash function: the same program, the same order, the same bytes.
//!
//! Not for keys an attacker can choose without bound; use a `BTreeMap` there.

use std::hash::BuildHasherDefault;

use xxhash_rust::xxh3::Xxh3Default;

/// The hasher of [`FastMap`]: xxh3 with a fixed seed.
pub type FixedState = BuildHasherDefault<Xxh3Default>;

/// A `HashMap` that hashes deterministically.
#[expect(clippy::disallowed_types, reason = "this alias is the deterministic replacement the lint names")]
pub type FastMap<K, V> = std::collections::HashMap<K, V, FixedState>;

/// A `HashSet` that hashes deterministically.
pub type FastSet<K> = std::collections::HashSet<K, FixedState>;
