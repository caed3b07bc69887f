//! Compressing a long payload piece by piece, so that the thread can be given back in between.
//!
//! What comes out is one ordinary LZ4 block: whoever reads it knows of no pieces.

use lz4_flex::block::{compress_into, get_maximum_output_size};

/// So much is compressed at once.
const PIECE: usize = 512 << 10;
/// A length in a token that goes on behind it.
const LONG: usize = 15;

/// A payload on its way.
#[derive(Debug)]
pub(crate) struct Packing<'a> {
    bytes: &'a [u8],
    /// So much of it is in `out`.
    done: usize,
    out: Vec<u8>,
    complete: bool,
}

impl<'a> Packing<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, done: 0, out: Vec::new(), complete: false }
    }

    /// Compresses the next piece. Answers whether there is more; `None` if compressing is not worth it.
    pub(crate) fn step(&mut self) -> Option<bool> {
        let end = self.bytes.len().min(self.done + PIECE);
        let piece = self.bytes.get(self.done..end)?;
        let start = self.out.len();
        self.out.resize(start + get_maximum_output_size(piece.len()), 0);
        let len = compress_into(piece, self.out.get_mut(start..)?).ok()?;
        self.out.truncate(start + len);
        if end == self.bytes.len() {
            self.complete = true;
            return Some(false);
        }
        // A block ends with literals that no match follows, and only the last piece may: the next one begins with them.
        let (at, literals) = last_literals(self.out.get(start..)?)?;
        if literals > PIECE / 2 {
            return None;
        }
        self.out.truncate(start + at);
        self.done = end - literals;
        Some(true)
    }

    /// The block; `None` if it was given up, or is not shorter than what is in it.
    pub(crate) fn finish(self) -> Option<Vec<u8>> {
        (self.complete && self.out.len() < self.bytes.len()).then_some(self.out)
    }
}

/// Where the last sequence of a block begins, and how many literals it has.
fn last_literals(block: &[u8]) -> Option<(usize, usize)> {
    let mut at = 0;
    loop {
        let token = usize::from(*block.get(at)?);
        let (literals, after) = length(block, token >> 4, at + 1)?;
        let end = after + literals;
        if end >= block.len() {
            return Some((at, literals));
        }
        // The distance takes two bytes.
        at = length(block, token & LONG, end + 2)?.1;
    }
}

/// A length that begins in a token and may go on at `at`: the length, and where what follows begins.
fn length(block: &[u8], short: usize, mut at: usize) -> Option<(usize, usize)> {
    let mut length = short;
    if short == LONG {
        loop {
            let more = *block.get(at)?;
            (length, at) = (length + usize::from(more), at + 1);
            if more < u8::MAX {
                break;
            }
        }
    }
    Some((length, at))
}

#[cfg(test)]
mod tests {
    use lz4_flex::block::decompress_into;

    use super::*;
    use crate::base::SeededRng;

    fn pack(bytes: &[u8]) -> Option<Vec<u8>> {
        let mut packing = Packing::new(bytes);
        while let Some(true) = packing.step() {}
        packing.finish()
    }

    fn is_block_of(packed: &[u8], bytes: &[u8]) -> bool {
        let mut out = vec![0; bytes.len()];
        decompress_into(packed, &mut out).unwrap() == bytes.len() && out == bytes
    }

    /// Words of a small vocabulary, and every so often bytes that do not compress.
    fn text(len: usize, noise: usize, seed: u64) -> Vec<u8> {
        let rng = SeededRng::new(seed);
        let mut bytes = Vec::new();
        while bytes.len() < len {
            match rng.below(50) {
                0 => bytes.extend((0..rng.index(noise + 1)).map(|_| rng.below(256) as u8)),
                _ => bytes.extend_from_slice(format!("word{} ", rng.below(500)).as_bytes()),
            }
        }
        bytes.truncate(len);
        bytes
    }

    #[test]
    fn pieces_make_one_block_that_decompresses_as_a_whole() {
        for (seed, len) in [100, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE + 77, 9 * PIECE].into_iter().enumerate() {
            for noise in [0, 300, 2_000] {
                let bytes = text(len, noise, seed as u64);
                let packed = pack(&bytes).unwrap_or_else(|| panic!("{len} bytes with noise {noise} do not compress"));
                assert!(packed.len() < bytes.len());
                assert!(is_block_of(&packed, &bytes), "{len} bytes, noise {noise}");
            }
        }
    }

    #[test]
    fn one_long_run_is_one_block() {
        let bytes = vec![7; 5 * PIECE];
        assert!(is_block_of(&pack(&bytes).unwrap(), &bytes));
    }

    #[test]
    fn what_does_not_compress_is_given_up() {
        let rng = SeededRng::new(1);
        let bytes: Vec<u8> = (0..3 * PIECE).map(|_| rng.below(256) as u8).collect();
        assert_eq!(pack(&bytes), None);
    }
}
