//! Comparing keys eight bytes at a time.
//!
//! Not an encoding: keys are plain bytes in `memcmp` order. The generic `Ord` of slices calls `memcmp`, which is
//! a byte loop in WebAssembly; keys are short and mostly differ late, so words win natively as well.

use std::cmp::Ordering;

/// The longest key the engine stores, in bytes. An index and a block hold whole keys, so they must stay small.
pub const KEY_MAX: usize = 16 * 1024;

/// The longest value the engine stores, in bytes.
pub const VALUE_MAX: usize = 16 * 1024 * 1024;

/// How many leading bytes `a` and `b` have in common.
#[inline]
pub fn common_prefix(mut a: &[u8], mut b: &[u8]) -> usize {
    let mut same = 0;
    while let (Some((x, a_rest)), Some((y, b_rest))) = (a.split_first_chunk::<8>(), b.split_first_chunk::<8>()) {
        let difference = u64::from_le_bytes(*x) ^ u64::from_le_bytes(*y);
        if difference != 0 {
            return same + difference.trailing_zeros() as usize / 8;
        }
        same += 8;
        (a, b) = (a_rest, b_rest);
    }
    same + a.iter().zip(b).take_while(|(x, y)| x == y).count()
}

/// Orders `a` and `b` as `memcmp` does, the shorter first where one is the beginning of the other.
#[inline(never)]
pub fn compare(a: &[u8], b: &[u8]) -> Ordering {
    compare_inline(a, b)
}

/// The same, for the loops over entries: half a kilobyte of code wherever it stands.
#[inline]
pub fn compare_inline(mut a: &[u8], mut b: &[u8]) -> Ordering {
    while let (Some((x, a_rest)), Some((y, b_rest))) = (a.split_first_chunk::<8>(), b.split_first_chunk::<8>()) {
        if x != y {
            return u64::from_be_bytes(*x).cmp(&u64::from_be_bytes(*y));
        }
        (a, b) = (a_rest, b_rest);
    }
    // One of them has ended. Zeros stand for the missing bytes; if that ties, the shorter is the other's beginning.
    word_at(a, 0).cmp(&word_at(b, 0)).then(a.len().cmp(&b.len()))
}

/// Whether `a` and `b` are the same bytes.
#[inline]
pub fn equal(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && compare_inline(a, b) == Ordering::Equal
}

/// The eight bytes of `key` from `skip` on as a number that orders like them; zeros where the key has ended.
#[inline]
pub fn word_at(key: &[u8], skip: usize) -> u64 {
    let rest = key.get(skip..).unwrap_or_default();
    match rest.first_chunk::<8>() {
        Some(word) => u64::from_be_bytes(*word),
        None => rest.iter().zip(1..).fold(0, |word, (&byte, n)| word | u64::from(byte) << (64 - 8 * n)),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn bytes() -> impl Strategy<Value = Vec<u8>> {
        prop::collection::vec(prop::sample::select(vec![0u8, 1, 0x7f, 0x80, 0xff]), 0..20)
    }

    proptest! {
        #[test]
        fn keys_order_as_slices_do(a in bytes(), b in bytes(), head in bytes()) {
            prop_assert_eq!(compare(&a, &b), a.cmp(&b));
            prop_assert_eq!(equal(&a, &b), a == b);
            let (a, b) = ([head.clone(), a].concat(), [head, b].concat());
            prop_assert_eq!(compare(&a, &b), a.cmp(&b));
        }

        #[test]
        fn the_common_prefix_is_where_they_first_differ(a in bytes(), b in bytes(), head in bytes()) {
            let (a, b) = ([head.clone(), a].concat(), [head, b].concat());
            prop_assert_eq!(common_prefix(&a, &b), a.iter().zip(&b).take_while(|(x, y)| x == y).count());
        }

        #[test]
        fn words_never_contradict_the_order(a in bytes(), b in bytes(), skip in 0usize..20) {
            if word_at(&a, 0) != word_at(&b, 0) {
                prop_assert_eq!(word_at(&a, 0).cmp(&word_at(&b, 0)), a.cmp(&b));
            }
            prop_assert_eq!(word_at(&a, skip), word_at(a.get(skip..).unwrap_or_default(), 0));
        }
    }
}
