//! From the bytes of a group's key to its number, by open addressing.
//!
//! Not a general map: keys are only added. Short ones, most of them, are two words of their entry; long ones live one after another in one buffer.

use std::ops::Range;

use crate::base::checksum::hash;

/// Marks a free place.
const FREE: u32 = u32::MAX;

/// A table of keys.
#[derive(Clone, Debug, Default)]
pub(super) struct KeyTable {
    /// Places of entries, a power of two, at most a third full: they are small beside the entries, and a key that has another one in its place costs as much as two.
    places: Vec<u32>,
    entries: Vec<Entry>,
    keys: Vec<u8>,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    digest: Digest,
    /// Where a long key lies.
    start: usize,
    length: usize,
    group: u32,
}

/// The first eight bytes of a key of up to sixteen, and those behind them, so that it is compared without looking at it; of a longer one a hash.
type Digest = [u64; 2];

/// The longest key that its digest holds.
pub(super) const SHORT_MAX: usize = 16;

impl KeyTable {
    /// The group of `key`, if it is known.
    #[inline]
    pub(super) fn find(&self, key: &[u8]) -> Option<u32> {
        self.group_of(self.find_entry(key)?)
    }

    /// The place of `key` in the order in which keys were added, if it is known.
    #[inline]
    fn find_entry(&self, key: &[u8]) -> Option<usize> {
        self.find_digested(key, digest_of(key))
    }

    /// The same for a key inside a text, which is quicker where sixteen bytes may be read from its start.
    #[inline]
    pub(super) fn find_entry_within(&self, text: &[u8], key: Range<usize>) -> Option<usize> {
        let digest = digest_within(text, &key);
        let key = text.get(key)?;
        self.find_digested(key, digest.unwrap_or_else(|| digest_of(key)))
    }

    #[inline(always)]
    fn find_digested(&self, key: &[u8], digest: Digest) -> Option<usize> {
        let mut place = self.first_place(hash_of(digest, key.len()))?;
        loop {
            let at = *self.places.get(place)? as usize;
            let entry = self.entries.get(at)?;
            let alike = entry.digest == digest && entry.length == key.len();
            if alike && (key.len() <= SHORT_MAX || self.keys.get(entry.start..entry.start + entry.length)? == key) {
                return Some(at);
            }
            place = (place + 1) & (self.places.len() - 1);
        }
    }

    /// The group of the key that was added as number `entry`.
    #[inline]
    pub(super) fn group_of(&self, entry: usize) -> Option<u32> {
        self.entries.get(entry).map(|entry| entry.group)
    }

    /// How many keys there are.
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Adds a key that is not known yet.
    pub(super) fn insert(&mut self, key: &[u8], group: u32) {
        if (self.entries.len() + 1) * 3 > self.places.len() {
            self.grow();
        }
        let digest = digest_of(key);
        self.place(hash_of(digest, key.len()), u32::try_from(self.entries.len()).unwrap_or(FREE));
        self.entries.push(Entry { digest, start: self.keys.len(), length: key.len(), group });
        if key.len() > SHORT_MAX {
            self.keys.extend_from_slice(key);
        }
    }

    #[expect(clippy::cast_possible_truncation, reason = "masked to the number of places")]
    fn first_place(&self, hash: u64) -> Option<usize> {
        self.places.len().checked_sub(1).map(|mask| hash as usize & mask)
    }

    fn place(&mut self, hash: u64, index: u32) {
        let Some(mut place) = self.first_place(hash) else { return };
        while let Some(taken) = self.places.get_mut(place) {
            if *taken == FREE {
                *taken = index;
                return;
            }
            place = (place + 1) & (self.places.len() - 1);
        }
    }

    fn grow(&mut self) {
        let size = (self.places.len() * 2).max(16);
        self.places = vec![FREE; size];
        for index in 0..self.entries.len() {
            let Some(hash) = self.entries.get(index).map(|entry| hash_of(entry.digest, entry.length)) else { return };
            self.place(hash, u32::try_from(index).unwrap_or(FREE));
        }
    }
}

fn digest_of(key: &[u8]) -> Digest {
    let length = key.len();
    // Two reads overlap, and say the same where they do.
    let word = match (key.first_chunk::<8>(), key.last_chunk::<8>(), key.first_chunk::<4>(), key.last_chunk::<4>()) {
        _ if length > SHORT_MAX => return [hash(key, 0), 0],
        (Some(first), Some(last), ..) => {
            let behind = u64::from_le_bytes(*last).checked_shr(8 * (16 - length as u32)).unwrap_or(0);
            return [u64::from_le_bytes(*first), behind];
        }
        (_, _, Some(first), Some(last)) => {
            u64::from(u32::from_le_bytes(*first)) | u64::from(u32::from_le_bytes(*last)) << (8 * (length - 4))
        }
        _ => key.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte)),
    };
    [word, 0]
}

/// The same from sixteen bytes at the start of a short key, whatever follows it.
#[inline]
fn digest_within(text: &[u8], key: &Range<usize>) -> Option<Digest> {
    let word = u128::from_le_bytes(*text.get(key.start..)?.first_chunk::<SHORT_MAX>()?);
    let (low, high) = (word as u64, (word >> 64) as u64);
    match key.len() {
        0 => Some([0, 0]),
        length @ 1..=8 => Some([low & u64::MAX >> (64 - 8 * length), 0]),
        length @ 9..=SHORT_MAX => Some([low, high & u64::MAX >> (128 - 8 * length)]),
        _ => None,
    }
}

#[inline]
fn hash_of([low, high]: Digest, length: usize) -> u64 {
    let word = low ^ high.rotate_left(29) ^ (length as u64) << 59;
    // A multiplication carries upwards only: the upper half comes down first, and places are made of what it carried to.
    (word ^ word >> 32).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_that_differ_in_any_one_or_two_letters_have_places_of_their_own() {
        for length in 2..=SHORT_MAX {
            for at in 0..length - 1 {
                let mut seen = std::collections::HashSet::new();
                for n in 0..100u8 {
                    let mut key = vec![b'k'; length];
                    key[at] = b'0' + n / 10;
                    key[at + 1] = b'0' + n % 10;
                    seen.insert(hash_of(digest_of(&key), length) & 1023);
                }
                // By chance it would be 95 of 100.
                assert!(seen.len() > 80, "{length} bytes, at {at}: {} places", seen.len());
            }
        }
    }

    proptest::proptest! {
        #[test]
        fn a_key_is_the_same_alone_and_inside_a_text(
            before in "[a-c]{0,20}", key in "[a-c]{0,20}", behind in "[a-c]{0,20}", other in "[a-c]{0,3}",
        ) {
            let mut table = KeyTable::default();
            let text = format!("{before}{key}{behind}").into_bytes();
            let place = before.len()..before.len() + key.len();
            table.insert(other.as_bytes(), 1);
            proptest::prop_assert_eq!(table.find_entry_within(&text, place.clone()).is_some(), key == other);
            if key != other {
                table.insert(key.as_bytes(), 2);
                proptest::prop_assert_eq!(table.find(key.as_bytes()), Some(2));
                proptest::prop_assert_eq!(table.find_entry_within(&text, place), Some(1));
            }
            proptest::prop_assert_eq!(table.find(other.as_bytes()), Some(1));
        }
    }
}
