//! Short lists of small numbers, packed to the bits they need: what postings are made of.
//!
//! Not self-describing: who reads a list knows how many numbers it has. Numbers that need more bits than most are exceptions
//! and lie beside the others, so that one large number does not widen all ("patched frame of reference": Zukowski, Heman,
//! Nes, Boncz, "Super-Scalar RAM-CPU Cache Compression", ICDE 2006).
//!
//! ```text
//! u8      width w, 0 … 32; plus 0x40 if there are exceptions
//! varint  number of exceptions; for each: varint distance from the one before (from 0), varint number >> w
//! …       n × w bits, the first number in the lowest bits of the first byte
//! ```

use crate::base::{read_varint, write_varint, Error, Result};

const EXCEPTIONS: u8 = 0x40;
const WIDTH_MAX: u32 = 32;

fn bits(value: u32) -> u32 {
    u32::BITS - value.leading_zeros()
}

/// The width that makes the list shortest.
fn best_width(values: &[u32]) -> u32 {
    let mut counts = [0usize; 33];
    for value in values {
        if let Some(count) = counts.get_mut(bits(*value) as usize) {
            *count += 1;
        }
    }
    let widest = counts.iter().rposition(|count| *count > 0).unwrap_or(0) as u32;
    let (mut best, mut best_cost) = (widest, usize::MAX);
    for width in 0..=widest {
        let wider = counts.iter().zip(0u32..).take(widest as usize + 1).skip(width as usize + 1);
        let exceptions: usize = wider.map(|(count, bits)| count * (8 + (bits - width).div_ceil(7) as usize * 8)).sum();
        let cost = values.len() * width as usize + exceptions + if exceptions > 0 { 8 } else { 0 };
        if cost < best_cost {
            (best, best_cost) = (width, cost);
        }
    }
    best
}

/// Appends `values`.
pub(crate) fn pack(values: &[u32], out: &mut Vec<u8>) {
    let width = best_width(values);
    let is_wide = |value: &u32| bits(*value) > width;
    let exceptions = values.iter().filter(|value| is_wide(value)).count();
    out.push(width as u8 | if exceptions > 0 { EXCEPTIONS } else { 0 });
    if exceptions > 0 {
        write_varint(out, exceptions as u64);
        let mut before = 0;
        for (at, value) in values.iter().enumerate().filter(|(_, value)| is_wide(value)) {
            write_varint(out, (at - before) as u64);
            write_varint(out, u64::from(*value >> width));
            before = at;
        }
    }
    let mask = mask(width);
    let (mut word, mut filled) = (0u64, 0);
    for value in values {
        word |= (u64::from(*value) & mask) << filled;
        filled += width;
        while filled >= 8 {
            out.push(word as u8);
            word >>= 8;
            filled -= 8;
        }
    }
    if filled > 0 {
        out.push(word as u8);
    }
}

fn mask(width: u32) -> u64 {
    (1u64 << width) - 1
}

/// Takes a list of `count` numbers off the front of `input` and appends it to `out`.
///
/// # Errors
/// `Corrupt` if nobody packs such bytes. The caller bounds `count`: a list of zeros takes one byte.
pub(crate) fn unpack(input: &mut &[u8], count: usize, out: &mut Vec<u32>) -> Result<()> {
    let (&head, mut rest) = input.split_first().ok_or_else(damaged)?;
    let width = u32::from(head & !EXCEPTIONS);
    if width > WIDTH_MAX {
        return Err(damaged());
    }
    let exceptions = rest;
    if head & EXCEPTIONS != 0 {
        for _ in 0..read_varint(&mut rest)?.saturating_mul(2) {
            read_varint(&mut rest)?;
        }
    }
    let bytes = (count.saturating_mul(width as usize)).div_ceil(8);
    let (packed, rest) = rest.split_at_checked(bytes).ok_or_else(damaged)?;
    *input = rest;
    let start = out.len();
    spread(packed, count, width, out);
    if head & EXCEPTIONS != 0 {
        patch(exceptions, width, out.get_mut(start..).unwrap_or_default())?;
    }
    Ok(())
}

/// Writes `count` numbers of `width` bits behind each other.
fn spread(packed: &[u8], count: usize, width: u32, out: &mut Vec<u32>) {
    if width == 0 {
        out.resize(out.len() + count, 0);
        return;
    }
    let mask = mask(width);
    // Whole words as long as eight bytes follow, then the rest from a padded copy.
    let whole = (packed.len().saturating_sub(7) * 8).div_ceil(width as usize).min(count);
    out.reserve(count);
    let mut at = 0usize;
    for _ in 0..whole {
        let Some(word) = packed.get(at >> 3..).and_then(<[u8]>::first_chunk::<8>) else { break };
        out.push((u64::from_le_bytes(*word) >> (at & 7) & mask) as u32);
        at += width as usize;
    }
    let done = at / width as usize;
    let first = at >> 3;
    let mut tail = [0u8; 24];
    let left = packed.get(first..).unwrap_or_default();
    for (to, from) in tail.iter_mut().zip(left) {
        *to = *from;
    }
    at &= 7;
    for _ in done..count {
        let word = tail.get(at >> 3..).and_then(<[u8]>::first_chunk::<8>).copied().unwrap_or_default();
        out.push((u64::from_le_bytes(word) >> (at & 7) & mask) as u32);
        at += width as usize;
    }
}

/// Puts the high bits of the exceptions where they belong.
fn patch(mut exceptions: &[u8], width: u32, values: &mut [u32]) -> Result<()> {
    let mut at = 0usize;
    for _ in 0..read_varint(&mut exceptions)? {
        let distance = usize::try_from(read_varint(&mut exceptions)?).unwrap_or(usize::MAX);
        at = at.saturating_add(distance);
        let high = read_varint(&mut exceptions)?;
        let value = values.get_mut(at).ok_or_else(damaged)?;
        if width >= 32 || high > u64::from(u32::MAX >> width) {
            return Err(damaged());
        }
        *value |= (high << width) as u32;
    }
    Ok(())
}

#[cold]
fn damaged() -> Error {
    Error::corrupt("a packed list of a search index makes no sense")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(values: &[u32]) {
        let mut bytes = vec![7];
        pack(values, &mut bytes);
        bytes.push(9);
        let (mut input, mut out) = (&bytes[1..], vec![1]);
        unpack(&mut input, values.len(), &mut out).unwrap();
        assert_eq!(&out[1..], values);
        assert_eq!(input, [9]);
    }

    proptest! {
        #[test]
        fn a_list_comes_back(small in prop::collection::vec(0u32..200, 0..300), large in prop::collection::vec(any::<u32>(), 0..9), seed: u64) {
            check(&small);
            let mut mixed = small;
            for (n, value) in large.into_iter().enumerate() {
                let at = (seed >> n) as usize % (mixed.len() + 1);
                mixed.insert(at, value);
            }
            check(&mixed);
        }

        #[test]
        fn hostile_bytes_never_panic_and_never_give_more_than_asked_for(bytes: Vec<u8>, count in 0usize..500) {
            let mut out = Vec::new();
            let _ = unpack(&mut bytes.as_slice(), count, &mut out);
            prop_assert!(out.len() <= count);
        }
    }

    #[test]
    fn one_large_number_does_not_widen_the_others() {
        let mut values = vec![3u32; 128];
        values[77] = 1_000_000;
        let mut bytes = Vec::new();
        pack(&values, &mut bytes);
        assert!(bytes.len() < 40, "{}", bytes.len());
        check(&values);
        check(&[u32::MAX; 5]);
    }
}
