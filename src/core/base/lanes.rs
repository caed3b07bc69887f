//! Sixteen bytes looked at in one go: which of them are a certain byte, or below one.
//!
//! No general vectors. In WebAssembly each question is one instruction, written out because the level that ships turns no loop into
//! them; elsewhere arithmetic over eight bytes answers the same.

/// How many bytes are looked at.
pub const LANES: usize = 16;

/// Sixteen bytes.
#[derive(Clone, Copy, Debug)]
pub struct Lanes(imp::Bytes);

/// Some of sixteen places.
#[derive(Clone, Copy, Debug)]
pub struct Marks(imp::Bytes);

impl Lanes {
    /// These bytes.
    #[inline]
    pub fn of(bytes: &[u8; LANES]) -> Self {
        Self(imp::load(bytes))
    }

    /// The places of `byte`.
    #[inline]
    pub fn equal(self, byte: u8) -> Marks {
        Marks(imp::equal(self.0, byte))
    }

    /// The places of bytes below `bound`, which is at most 128.
    #[inline]
    pub fn below(self, bound: u8) -> Marks {
        Marks(imp::below(self.0, bound))
    }
}

impl Marks {
    /// A bit for each place, the first one lowest.
    #[inline]
    pub fn bits(self) -> u32 {
        imp::bits(self.0)
    }
}

impl std::ops::BitOr for Marks {
    type Output = Self;

    #[inline]
    fn bitor(self, other: Self) -> Self {
        Self(imp::or(self.0, other.0))
    }
}

#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
mod imp {
    use core::arch::wasm32::{u64x2, u8x16_bitmask, u8x16_eq, u8x16_lt, u8x16_splat, v128, v128_or};

    pub(super) type Bytes = v128;

    #[inline]
    pub(super) fn load(bytes: &[u8; 16]) -> v128 {
        let word = u128::from_le_bytes(*bytes);
        u64x2(word as u64, (word >> 64) as u64)
    }

    #[inline]
    pub(super) fn equal(bytes: v128, byte: u8) -> v128 {
        u8x16_eq(bytes, u8x16_splat(byte))
    }

    #[inline]
    pub(super) fn below(bytes: v128, bound: u8) -> v128 {
        u8x16_lt(bytes, u8x16_splat(bound))
    }

    #[inline]
    pub(super) fn or(one: v128, other: v128) -> v128 {
        v128_or(one, other)
    }

    #[inline]
    pub(super) fn bits(marks: v128) -> u32 {
        u8x16_bitmask(marks).into()
    }
}

#[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
mod imp {
    /// The first eight bytes and the others; of marks, the highest bit of each.
    pub(super) type Bytes = [u64; 2];

    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGHS: u64 = 0x8080_8080_8080_8080;

    #[inline]
    pub(super) fn load(bytes: &[u8; 16]) -> Bytes {
        let word = u128::from_le_bytes(*bytes);
        [word as u64, (word >> 64) as u64]
    }

    #[inline]
    pub(super) fn equal([low, high]: Bytes, byte: u8) -> Bytes {
        [zero(low ^ (ONES * u64::from(byte))), zero(high ^ (ONES * u64::from(byte)))]
    }

    #[inline]
    fn zero(word: u64) -> u64 {
        !(((word & !HIGHS) + !HIGHS) | word) & HIGHS
    }

    #[inline]
    pub(super) fn below([low, high]: Bytes, bound: u8) -> Bytes {
        let bounds = ONES * u64::from(bound.min(128));
        [less(low, bounds), less(high, bounds)]
    }

    #[inline]
    fn less(word: u64, bounds: u64) -> u64 {
        // No byte borrows from the next one: each is at least 128, and gives at most that.
        !(((word | HIGHS) - bounds) | word) & HIGHS
    }

    #[inline]
    pub(super) fn or([a, b]: Bytes, [c, d]: Bytes) -> Bytes {
        [a | c, b | d]
    }

    #[inline]
    pub(super) fn bits([low, high]: Bytes) -> u32 {
        together(low) | together(high) << 8
    }

    /// The eight high bits, the lowest byte's lowest.
    #[inline]
    fn together(marks: u64) -> u32 {
        ((marks >> 7).wrapping_mul(0x0102_0408_1020_4080) >> 56) as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Looks at bytes in one go and one by one.
    fn check(bytes: [u8; LANES], byte: u8, bound: u8) {
        let lanes = Lanes::of(&bytes);
        let found = |test: &dyn Fn(u8) -> bool| {
            bytes.iter().enumerate().fold(0u32, |bits, (at, byte)| bits | u32::from(test(*byte)) << at)
        };
        assert_eq!(lanes.equal(byte).bits(), found(&|one| one == byte), "{bytes:?} equal to {byte}");
        assert_eq!(lanes.below(bound).bits(), found(&|one| one < bound), "{bytes:?} below {bound}");
        let either = (lanes.equal(byte) | lanes.below(bound)).bits();
        assert_eq!(either, found(&|one| one == byte || one < bound), "{bytes:?} either of {byte} and {bound}");
    }

    #[test]
    fn every_byte_is_told_from_every_other_one_at_every_place() {
        for byte in 0..=255u8 {
            for other in 0..=255u8 {
                let mut bytes = [other; LANES];
                bytes[usize::from(byte) % LANES] = byte;
                check(bytes, byte, byte.min(128));
                check(bytes, other, 0x20);
            }
        }
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_marked_as_one_by_one(bytes: [u8; LANES], byte: u8, bound in 0..=128u8) {
            check(bytes, byte, bound);
        }
    }
}
