//! Writes the content of one data block: sorted entries with shared key beginnings.
//!
//! It does not decide when a block is full, and does not seal it; the table builder does both.
//!
//! Heads (key, position, length) and values lie apart, so that a search touches a few cache lines and no value.

use crate::base::write_varint;

use super::key::common_prefix;

/// Every so many entries a key is written whole, for binary search.
pub(crate) const RESTART_EVERY: usize = 16;

/// Collects entries in order.
#[derive(Debug, Default)]
pub(crate) struct BlockBuilder {
    heads: Vec<u8>,
    values: Vec<u8>,
    /// Where heads and values were at each restart.
    restarts: Vec<(u32, u32)>,
    entries: usize,
    first_position: u64,
    content: Vec<u8>,
}

impl BlockBuilder {
    /// Appends an entry; `last_key` is the key of the entry before it, in this block or the one before.
    pub(crate) fn add(&mut self, last_key: &[u8], key: &[u8], older: bool, position: u64, value: Option<&[u8]>) {
        let mut shared = 0;
        if self.entries.is_multiple_of(RESTART_EVERY) {
            if self.entries == 0 {
                self.first_position = position;
            }
            self.restarts.push((self.heads.len() as u32, self.values.len() as u32));
        } else {
            shared = common_prefix(last_key, key);
        }
        self.entries += 1;
        let delta = position.wrapping_sub(self.first_position) as i64;
        let zigzag = (delta << 1 ^ delta >> 63) as u64;
        let size = value.map_or(0, |value| value.len() as u64 + 1);
        let suffix = key.get(shared..).unwrap_or_default();
        write_varint(&mut self.heads, shared as u64);
        write_varint(&mut self.heads, suffix.len() as u64);
        write_varint(&mut self.heads, size << 1 | u64::from(older));
        write_varint(&mut self.heads, zigzag);
        self.heads.extend_from_slice(suffix);
        self.values.extend_from_slice(value.unwrap_or_default());
    }

    /// Bytes so far.
    pub(crate) fn len(&self) -> usize {
        self.heads.len() + self.values.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.entries == 0
    }

    /// Completes the block's content. The next `add` begins another block after `clear`.
    pub(crate) fn finish(&mut self) -> &[u8] {
        self.content.clear();
        self.content.extend_from_slice(&self.heads);
        self.content.extend_from_slice(&self.values);
        for (head, value) in &self.restarts {
            self.content.extend_from_slice(&head.to_le_bytes());
            self.content.extend_from_slice(&value.to_le_bytes());
        }
        self.content.extend_from_slice(&self.first_position.to_le_bytes());
        self.content.extend_from_slice(&(self.heads.len() as u32).to_le_bytes());
        self.content.extend_from_slice(&(self.restarts.len() as u32).to_le_bytes());
        &self.content
    }

    pub(crate) fn clear(&mut self) {
        self.heads.clear();
        self.values.clear();
        self.restarts.clear();
        self.entries = 0;
    }
}
