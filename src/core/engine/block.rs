//! A data block in memory: sorted entries, searched without building their keys.
//!
//! Not a cache and not a cursor; see `block_cursor.rs`. Its bytes passed their checksum, and are still not trusted:
//! every length is checked where it is used. Bytes are described in docs/FORMAT.md.

use std::cmp::Ordering;

use super::key::{common_prefix, compare};

const TRAILER_LEN: usize = 12;

/// The bytes contradict themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Damaged;

/// The content of a data block.
#[derive(Debug)]
pub struct Block {
    content: Vec<u8>,
    /// Where the entries end and the restart offsets begin.
    entries_end: usize,
    restarts: usize,
    first_position: u64,
}

/// An entry's fields, found at an offset. Ranges lie inside the entries.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry {
    /// How many bytes of the key before begin this key.
    pub(crate) shared: usize,
    pub(crate) suffix: usize,
    pub(crate) value: usize,
    /// Where the next entry begins, and the value ends.
    pub(crate) next: usize,
    pub(crate) position: u64,
    /// Whether the entry before has the same key.
    pub(crate) older: bool,
    pub(crate) delete: bool,
}

impl Block {
    /// Takes a data block's content.
    pub(crate) fn new(content: Vec<u8>) -> Result<Self, Damaged> {
        let (rest, count) = content.split_last_chunk::<4>().ok_or(Damaged)?;
        let (rest, first_position) = rest.split_last_chunk::<8>().ok_or(Damaged)?;
        let restarts = u32::from_le_bytes(*count) as usize;
        let entries_end = rest.len().checked_sub(restarts.checked_mul(4).ok_or(Damaged)?).ok_or(Damaged)?;
        let first_position = u64::from_le_bytes(*first_position);
        if restarts == 0 {
            return Err(Damaged);
        }
        Ok(Self { entries_end, restarts, first_position, content })
    }

    /// The memory, for reuse.
    pub(crate) fn into_content(self) -> Vec<u8> {
        self.content
    }

    /// Bytes of memory held.
    pub(crate) fn bytes(&self) -> usize {
        self.content.capacity() + size_of::<Self>()
    }

    pub(crate) fn restarts(&self) -> usize {
        self.restarts
    }

    /// Where the entries end.
    pub(crate) fn end(&self) -> usize {
        self.entries_end
    }

    /// Bytes of the content, empty if they do not lie inside.
    #[inline]
    pub(crate) fn slice(&self, start: usize, end: usize) -> &[u8] {
        self.content.get(start..end).unwrap_or_default()
    }

    /// Where the entry of restart `index` begins.
    pub(crate) fn restart(&self, index: usize) -> Result<usize, Damaged> {
        let at = self.entries_end + index * 4;
        let offset = self.content.get(at..at + 4).and_then(|bytes| bytes.first_chunk::<4>()).ok_or(Damaged)?;
        Ok(u32::from_le_bytes(*offset) as usize)
    }

    /// Decodes the entry at `at`, which must be below [`Block::end`].
    #[inline]
    pub(crate) fn entry(&self, at: usize) -> Result<Entry, Damaged> {
        let bytes = self.content.get(..self.entries_end).ok_or(Damaged)?;
        let mut at = at;
        let shared = varint(bytes, &mut at)?;
        let suffix_len = varint(bytes, &mut at)?;
        let zigzag = varint(bytes, &mut at)?;
        let tag = varint(bytes, &mut at)?;
        let room = (bytes.len() - at) as u64;
        let size = tag >> 1;
        let value_len = size.saturating_sub(1);
        if suffix_len > room || value_len > room - suffix_len {
            return Err(Damaged);
        }
        let value = at + suffix_len as usize;
        let delta = (zigzag >> 1) ^ (zigzag & 1).wrapping_neg();
        Ok(Entry {
            shared: usize::try_from(shared).unwrap_or(usize::MAX),
            suffix: at,
            value,
            next: value + value_len as usize,
            position: self.first_position.wrapping_add(delta),
            older: tag & 1 != 0,
            delete: size == 0,
        })
    }

    /// The newest version of `key` at or before `position`, if it is in this block.
    pub(crate) fn get(&self, key: &[u8], position: u64) -> Result<Option<Entry>, Damaged> {
        let mut at = self.restart(self.restart_before(key, position)?)?;
        // How many bytes of `key` the entry before shares with it; that entry comes before what is sought.
        let mut matched = 0;
        while at < self.entries_end {
            let entry = self.entry(at)?;
            at = entry.next;
            if entry.shared > matched {
                continue; // It differs from `key` where the one before did, in the same way.
            }
            if entry.shared == 0 {
                matched = 0;
            } else if entry.shared < matched {
                return Ok(None); // It is larger than the one before at a byte that the one before had right.
            }
            let suffix = self.slice(entry.suffix, entry.value);
            let rest = key.get(matched..).unwrap_or_default();
            let same = common_prefix(suffix, rest);
            matched += same;
            match (suffix.get(same), rest.get(same)) {
                (None, None) if entry.position <= position => return Ok(Some(entry)),
                (None, _) => {}
                (Some(_), None) => return Ok(None),
                (Some(ours), Some(sought)) if ours > sought => return Ok(None),
                (Some(_), Some(_)) => {}
            }
        }
        Ok(None)
    }

    /// The last restart whose entry comes before (`key`, `position`), or the first one.
    pub(crate) fn restart_before(&self, key: &[u8], position: u64) -> Result<usize, Damaged> {
        let (mut low, mut high) = (0, self.restarts);
        while high - low > 1 {
            let middle = low.midpoint(high);
            let entry = self.entry(self.restart(middle)?)?;
            let order = compare(self.slice(entry.suffix, entry.value), key).then(position.cmp(&entry.position));
            if order == Ordering::Less {
                low = middle;
            } else {
                high = middle;
            }
        }
        Ok(low)
    }
}

#[inline]
fn varint(bytes: &[u8], at: &mut usize) -> Result<u64, Damaged> {
    let byte = *bytes.get(*at).ok_or(Damaged)?;
    *at += 1;
    if byte < 0x80 {
        return Ok(u64::from(byte));
    }
    let next = *bytes.get(*at).ok_or(Damaged)?;
    if next < 0x80 {
        *at += 1;
        return Ok(u64::from(byte & 0x7f) | u64::from(next) << 7);
    }
    long_varint(bytes, at, byte)
}

/// A number of three bytes or more, whose first byte was taken already.
fn long_varint(bytes: &[u8], at: &mut usize, first: u8) -> Result<u64, Damaged> {
    let mut value = u64::from(first & 0x7f);
    for shift in (7..64).step_by(7) {
        let byte = *bytes.get(*at).ok_or(Damaged)?;
        *at += 1;
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Ok(value);
        }
    }
    Err(Damaged)
}

#[cfg(test)]
#[path = "block_tests.rs"]
mod block_tests;
