//! Variable-length unsigned integers (LEB128): seven bits a byte, least significant first, high bit for "more follows".
//!
//! Not order-preserving; keys use another encoding. Only the shortest form is accepted, so equal numbers have equal bytes.

use super::{Error, Result};

/// The longest encoding of a u64, in bytes.
pub const VARINT_MAX: usize = 10;

/// Appends `value`, 1 to 10 bytes.
pub fn write_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// How many bytes `write_varint` appends for `value`.
pub fn varint_len(value: u64) -> usize {
    (70 - (value | 1).leading_zeros() as usize) / 7
}

/// Takes a number off the front of `input`.
///
/// # Errors
/// `Corrupt` if the input ends inside the number, or it exceeds 64 bits, or is not in its shortest form. Then `input`
/// is left as it was.
pub fn read_varint(input: &mut &[u8]) -> Result<u64> {
    // Most numbers are lengths of short things.
    if let [byte @ 0..=0x7f, rest @ ..] = *input {
        *input = rest;
        return Ok(u64::from(*byte));
    }
    let bytes = *input;
    let mut value = 0u64;
    for (index, &byte) in bytes.iter().take(VARINT_MAX).enumerate() {
        let bits = u64::from(byte & 0x7f);
        if index == VARINT_MAX - 1 && byte > 1 {
            return Err(Error::corrupt("varint exceeds 64 bits"));
        }
        value |= bits << (7 * index);
        if byte & 0x80 == 0 {
            if byte == 0 && index > 0 {
                return Err(Error::corrupt("varint is not in its shortest form"));
            }
            *input = bytes.get(index + 1..).unwrap_or_default();
            return Ok(value);
        }
    }
    Err(Error::corrupt("varint is cut short"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::base::ErrorKind;

    fn check_refused(mut input: &[u8]) {
        let before = input;
        assert_eq!(read_varint(&mut input).unwrap_err().kind(), ErrorKind::Corrupt);
        assert_eq!(input, before);
    }

    #[test]
    fn numbers_have_their_documented_bytes() {
        for (value, bytes) in [(0, &[0][..]), (127, &[127]), (128, &[0x80, 1]), (300, &[0xac, 2])] {
            let mut out = Vec::new();
            write_varint(&mut out, value);
            assert_eq!(out, bytes);
        }
    }

    #[test]
    fn bad_encodings_are_refused_and_nothing_is_consumed() {
        check_refused(&[]);
        check_refused(&[0x80]);
        check_refused(&[0x80, 0]);
        check_refused(&[0xff; 9]);
        check_refused(&[0xff; 11]);
        check_refused(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2]);
    }

    proptest! {
        #[test]
        fn every_number_comes_back(value: u64, shift in 0u32..64, tail: Vec<u8>) {
            let value = value >> shift;
            let mut out = Vec::new();
            write_varint(&mut out, value);
            prop_assert_eq!(out.len(), varint_len(value));
            out.extend_from_slice(&tail);
            let mut input = out.as_slice();
            prop_assert_eq!(read_varint(&mut input).unwrap(), value);
            prop_assert_eq!(input, tail.as_slice());
        }

        #[test]
        fn whatever_is_accepted_was_written_by_us(bytes: Vec<u8>) {
            let mut input = bytes.as_slice();
            if let Ok(value) = read_varint(&mut input) {
                let mut out = Vec::new();
                write_varint(&mut out, value);
                out.extend_from_slice(input);
                prop_assert_eq!(out, bytes);
            }
        }
    }
}
