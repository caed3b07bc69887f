//! Floor 4: cached values as a view of the log. An entry lives under engine keys, names what it was computed from, and is
//! removed in the very commit that changes any of it.
//!
//! It is not the memory in front: that is the package's, which hears of every removal before its next read. It reads no
//! clock; times come in with the commands and only decide what is evicted first.

pub mod dependency;
pub mod entry;
pub mod evict;
pub mod keys;
pub mod store;
pub mod view;
pub mod window;

#[cfg(test)]
mod cache_tests;

pub use dependency::{Dependency, Interest};
pub use entry::Entry;
pub use evict::UseBits;
pub use store::{clear_slice, invalidate_tags, open, put, remove_all, tally, NewEntry, Tally};
pub use view::{drop_dependents, CacheView};
pub use window::Window;

/// The longest key of an entry, in bytes.
pub const KEY_MAX: usize = 512;
/// The longest name of a cache, in bytes.
pub const NAME_MAX: usize = 128;
/// The most tags of one entry.
pub const TAGS_MAX: usize = 32;
/// The longest tag, in bytes.
pub const TAG_MAX: usize = 128;
/// The largest value, in bytes of JSON.
pub const VALUE_MAX: usize = 4 << 20;
