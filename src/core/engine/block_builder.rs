//! Writes the content of one data block: sorted entries with shared key beginnings.
//!
//! It does not decide when a block is full, and does not seal it; the table builder does both.

use crate::base::write_varint;

use super::key::common_prefix;

/// Every so many entries a key is written whole, for binary search.
pub(crate) const RESTART_EVERY: usize = 16;

/// Collects entries in order.
#[derive(Debug, Default)]
pub(crate) struct BlockBuilder {
    content: Vec<u8>,
    restarts: Vec<u32>,
    entries: usize,
    first_position: u64,
}

impl BlockBuilder {
    /// Appends an entry; `last_key` is the key of the entry before it, in this block or the one before.
    pub(crate) fn add(&mut self, last_key: &[u8], key: &[u8], older: bool, position: u64, value: Option<&[u8]>) {
        let mut shared = 0;
        if self.entries % RESTART_EVERY == 0 {
            if self.entries == 0 {
                self.first_position = position;
            }
            self.restarts.push(self.content.len() as u32);
        } else {
            shared = common_prefix(last_key, key);
        }
        self.entries += 1;
        let delta = position.wrapping_sub(self.first_position) as i64;
        let zigzag = (delta << 1 ^ delta >> 63) as u64;
        let size = value.map_or(0, |value| value.len() as u64 + 1);
        let suffix = key.get(shared..).unwrap_or_default();
        write_varint(&mut self.content, shared as u64);
        write_varint(&mut self.content, suffix.len() as u64);
        write_varint(&mut self.content, zigzag);
        write_varint(&mut self.content, size << 1 | u64::from(older));
        self.content.extend_from_slice(suffix);
        self.content.extend_from_slice(value.unwrap_or_default());
    }

    /// Bytes so far.
    pub(crate) fn len(&self) -> usize {
        self.content.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.entries == 0
    }

    /// Completes the block's content. The next `add` begins another block after `clear`.
    pub(crate) fn finish(&mut self) -> &[u8] {
        for restart in &self.restarts {
            self.content.extend_from_slice(&restart.to_le_bytes());
        }
        self.content.extend_from_slice(&self.first_position.to_le_bytes());
        self.content.extend_from_slice(&(self.restarts.len() as u32).to_le_bytes());
        &self.content
    }

    pub(crate) fn clear(&mut self) {
        self.content.clear();
        self.restarts.clear();
        self.entries = 0;
    }
}
