//! The checksum of everything that is stored: xxh3, 64 bits.
//!
//! It notices damage by accident. It is not a signature: whoever can write the bytes can write the checksum.

use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::planted::{planted, Bug};
use super::{Error, Result};

/// How many bytes a sealed blob is longer than its content.
pub const CHECKSUM_LEN: usize = 8;

/// The checksum of `bytes`.
pub fn checksum(bytes: &[u8]) -> u64 {
    hash(bytes, 0)
}

/// xxh3 with a seed: one function for all that is hashed, whose way for long input is kilobytes.
#[inline(never)]
pub fn hash(bytes: &[u8], seed: u64) -> u64 {
    xxh3_64_with_seed(bytes, seed)
}

/// Appends the checksum of all of `bytes`, 8 bytes little-endian.
pub fn seal(bytes: &mut Vec<u8>) {
    let sum = checksum(bytes);
    bytes.extend_from_slice(&sum.to_le_bytes());
}

/// The content of a blob that `seal` closed. `what` names it in the error.
///
/// # Errors
/// `Corrupt` if the blob is too short or its content does not match its checksum.
pub fn unseal<'a>(bytes: &'a [u8], what: &str) -> Result<&'a [u8]> {
    match bytes.split_last_chunk::<CHECKSUM_LEN>() {
        Some((content, sum)) if checksum(content) == u64::from_le_bytes(*sum) || planted(Bug::DropChecksum) => {
            Ok(content)
        }
        Some(_) => Err(Error::corrupt(format!("the checksum of {what} does not match its content"))),
        None => Err(Error::corrupt(format!("{what} is cut short"))),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_checksum_is_xxh3_with_seed_zero() {
        assert_eq!(checksum(b""), 0x2d06_8005_38d3_94c2);
    }

    proptest! {
        #[test]
        fn a_sealed_blob_opens_and_any_flipped_bit_is_noticed(content: Vec<u8>, at: prop::sample::Index) {
            let mut blob = content.clone();
            seal(&mut blob);
            prop_assert_eq!(unseal(&blob, "it").unwrap(), content.as_slice());
            let bit = at.index(blob.len() * 8);
            blob[bit / 8] ^= 1 << (bit % 8);
            prop_assert!(unseal(&blob, "it").is_err());
        }
    }
}
