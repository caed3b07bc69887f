//! How blocks and table metas look as blobs: a header, the content raw or compressed, a checksum, cut into parts.
//!
//! It does not know what is inside. Bytes are described in docs/FORMAT.md.

use std::rc::Rc;

use crate::base::checksum::hash;
use crate::base::planted::{planted, Bug};
use crate::base::{Error, Result};
use crate::disk::BlobName;

/// The largest part, in bytes. At 64 KiB Chrome spills a value into a file of its own; an encrypting disk adds a little.
pub const PART_MAX: usize = 60_000;
/// The largest content, in bytes: one entry of the largest key and value with its framing.
pub const CONTENT_MAX: usize = 17 * 1024 * 1024;
/// LZ4 cannot expand by more than this factor; a larger claim is a lie and is not allocated for.
const EXPANSION_MAX: usize = 256;
const HEADER_LEN: usize = 6;
const CHECKSUM_LEN: usize = 8;
const RAW: u8 = 0;
const LZ4: u8 = 1;

/// What a sealed block holds. The byte on disk: format version in the low nibble, kind in the high one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum BlockKind {
    /// Sorted entries; see `block.rs`.
    Data = 0x11,
    /// A table's index, bloom filter and facts; see `table_meta.rs`.
    Meta = 0x21,
}

/// Where a sealed block lies: consecutive parts of one table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockAddress {
    /// The table's id.
    pub table: u64,
    /// Its first part.
    pub part: u32,
    /// How many parts, at least 1.
    pub parts: u32,
}

impl BlockAddress {
    /// The block's id in caches: unique as long as table ids stay below 2^44.
    pub(crate) fn id(&self) -> u64 {
        self.table << 20 | u64::from(self.part)
    }

    /// The error of a block that is not what was written there.
    #[cold]
    pub(crate) fn damaged(&self) -> Error {
        Error::corrupt(format!("block {} of table {} is damaged", self.part, self.table))
    }

    /// The blobs' names in order.
    pub fn names(&self) -> impl Iterator<Item = BlobName> + '_ {
        (0..self.parts).map(|n| BlobName::table(self.table, self.part.wrapping_add(n)))
    }
}

/// Seals `content` as the block that begins at part `part` of `table`, and cuts it into parts.
pub(crate) fn seal_block(kind: BlockKind, table: u64, part: u32, content: &[u8]) -> Vec<Vec<u8>> {
    let room = lz4_flex::block::get_maximum_output_size(content.len()).max(content.len());
    let mut sealed = vec![0; HEADER_LEN + room + CHECKSUM_LEN];
    let packed = lz4_flex::block::compress_into(content, &mut sealed[HEADER_LEN..]).unwrap_or(usize::MAX);
    // Saving less than an eighth is not worth decompressing for.
    let (codec, len) = if packed <= content.len() - content.len() / 8 {
        (LZ4, packed)
    } else {
        sealed[HEADER_LEN..HEADER_LEN + content.len()].copy_from_slice(content);
        (RAW, content.len())
    };
    sealed[0] = kind as u8;
    sealed[1] = codec;
    sealed[2..HEADER_LEN].copy_from_slice(&(content.len() as u32).to_le_bytes());
    sealed.truncate(HEADER_LEN + len);
    let sum = checksum(table, part, &sealed);
    sealed.extend_from_slice(&sum.to_le_bytes());
    if sealed.len() <= PART_MAX {
        sealed.shrink_to_fit();
        return vec![sealed];
    }
    sealed.chunks(PART_MAX).map(<[u8]>::to_vec).collect()
}

/// Opens the block at `address` from its parts into `content`, whose memory is reused.
///
/// # Errors
/// `Corrupt` if anything is not as `seal_block` left it; then `content` is unspecified.
pub(crate) fn open_block(
    kind: BlockKind,
    address: &BlockAddress,
    parts: &[Rc<[u8]>],
    content: &mut Vec<u8>,
) -> Result<()> {
    match parts {
        [whole] => open_whole(kind, address, whole, content),
        _ => {
            open_whole(kind, address, &parts.iter().flat_map(|part| part.iter().copied()).collect::<Vec<_>>(), content)
        }
    }
    .ok_or_else(|| address.damaged())
}

fn open_whole(kind: BlockKind, address: &BlockAddress, sealed: &[u8], content: &mut Vec<u8>) -> Option<()> {
    let (body, sum) = sealed.split_last_chunk::<CHECKSUM_LEN>()?;
    let matches = checksum(address.table, address.part, body) == u64::from_le_bytes(*sum);
    if !matches && !planted(Bug::DropChecksum) {
        return None;
    }
    let (&[found_kind, codec, a, b, c, d], payload) = body.split_first_chunk::<HEADER_LEN>()?;
    let len = u32::from_le_bytes([a, b, c, d]) as usize;
    if found_kind != kind as u8 || len > CONTENT_MAX || len > payload.len().saturating_mul(EXPANSION_MAX) {
        return None;
    }
    match codec {
        RAW if payload.len() == len => {
            content.clear();
            content.extend_from_slice(payload);
            Some(())
        }
        LZ4 => {
            content.resize(len, 0);
            let written = lz4_flex::block::decompress_into(payload, content).ok()?;
            (written == len).then_some(())
        }
        _ => None,
    }
}

/// The seed ties the bytes to their name: a whole block in the wrong place is noticed too.
fn checksum(table: u64, part: u32, body: &[u8]) -> u64 {
    hash(body, table << 20 | u64::from(part))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::base::ErrorKind;

    fn address(parts: usize) -> BlockAddress {
        BlockAddress { table: 7, part: 3, parts: parts as u32 }
    }

    fn open(parts: Vec<Vec<u8>>) -> Result<Vec<u8>> {
        let mut content = vec![9; 5];
        let address = address(parts.len());
        let parts: Vec<_> = parts.into_iter().map(Rc::from).collect();
        open_block(BlockKind::Data, &address, &parts, &mut content).map(|()| content)
    }

    fn noise(len: usize) -> Vec<u8> {
        let mut state = 1u64;
        let mut step = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 56) as u8
        };
        (0..len).map(|_| step()).collect()
    }

    #[test]
    fn a_large_block_is_cut_into_parts_below_the_limit() {
        let content = noise(1_000_000);
        let parts = seal_block(BlockKind::Data, 7, 3, &content);
        assert!(parts.len() > 10 && parts.iter().all(|part| part.len() <= PART_MAX));
        assert_eq!(open(parts).unwrap(), content);
    }

    #[test]
    fn a_block_of_another_place_or_kind_is_refused() {
        for parts in [
            seal_block(BlockKind::Data, 8, 3, b"x"),
            seal_block(BlockKind::Data, 7, 4, b"x"),
            seal_block(BlockKind::Meta, 7, 3, b"x"),
        ] {
            assert_eq!(open(parts).unwrap_err().kind(), ErrorKind::Corrupt);
        }
    }

    #[test]
    fn a_claim_of_more_content_than_the_bytes_can_hold_is_refused() {
        let mut parts = seal_block(BlockKind::Data, 7, 3, &[0; 4000]);
        let body = parts[0].len() - CHECKSUM_LEN;
        parts[0][2..6].copy_from_slice(&(CONTENT_MAX as u32).to_le_bytes());
        let sum = checksum(7, 3, &parts[0][..body]).to_le_bytes();
        parts[0][body..].copy_from_slice(&sum);
        assert_eq!(open(parts).unwrap_err().kind(), ErrorKind::Corrupt);
    }

    proptest! {
        #[test]
        fn content_comes_back_and_any_flipped_bit_is_noticed(seed: Vec<u8>, times in 1usize..50, at: prop::sample::Index) {
            let content = seed.repeat(times);
            let mut parts = seal_block(BlockKind::Data, 7, 3, &content);
            prop_assert_eq!(&open(parts.clone()).unwrap(), &content);
            let bit = at.index(parts[0].len() * 8);
            parts[0][bit / 8] ^= 1 << (bit % 8);
            prop_assert!(open(parts).is_err());
        }
    }
}
