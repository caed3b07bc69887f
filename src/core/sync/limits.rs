//! The limits of the wire: what a peer may send, so that nobody allocates for what cannot be right.
//!
//! Not configuration: both ends hold these numbers, and `docs/SYNC.md` names them.

use std::ops::RangeInclusive;

/// The protocol's version that this code speaks.
pub const PROTOCOL: u64 = 1;
/// The versions it understands: its own, and the two before. Whoever raises [`PROTOCOL`] reads *Versions* in `docs/SYNC.md`.
pub const PROTOCOLS: RangeInclusive<u64> = window(PROTOCOL);
/// The most bytes of a message, after decompression.
pub const MESSAGE_MAX: usize = 8 << 20;
/// The most mutations of one push.
pub const MUTATIONS_MAX: usize = 500;
/// The most ops of one mutation.
pub const OPS_MAX: usize = 1000;
/// The most bytes of one mutation as JSON.
pub const MUTATION_MAX: usize = 2 << 20;
/// The most bytes of the name of a replica or a mutation.
pub const NAME_MAX: usize = 64;
/// The most bytes of a cursor.
pub const CURSOR_MAX: usize = 8192;
/// The most collections a client subscribes to.
pub const SUBSCRIPTIONS_MAX: usize = 100;
/// The most documents of one page.
pub const PAGE_MAX: usize = 1000;
/// The most stored images looked at for one page, so that a narrow filter cannot hold the server for long.
pub const SCAN_MAX: usize = 10_000;
/// A page ends when its documents have about this many bytes.
pub const PAGE_BYTES: usize = 2 << 20;
/// The largest number that a JSON number holds exactly.
pub const NUMBER_MAX: u64 = (1 << 53) - 1;

/// The versions that a peer of version `current` accepts.
pub(super) const fn window(current: u64) -> RangeInclusive<u64> {
    let oldest = if current > 2 { current - 2 } else { 1 };
    oldest..=current
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_own_version_and_the_two_before_are_accepted() {
        assert_eq!(PROTOCOLS, window(PROTOCOL));
        assert_eq!([1, 2, 3, 4].map(window), [1..=1, 1..=2, 1..=3, 2..=4]);
    }
}
