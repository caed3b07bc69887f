//! A data block in memory: sorted entries, searched without building their keys.
//!
//! Not a cache and not a cursor; see `block_cursor.rs`. Its bytes passed their checksum, and are still not trusted:
//! every length is checked where it is used. Bytes are described in docs/FORMAT.md.

use std::cmp::Ordering;

use super::key::{common_prefix, compare_inline};

/// A restart is two offsets: of its entry's head and of its value.
const RESTART_LEN: usize = 8;

/// The bytes contradict themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Damaged;

/// The content of a data block.
#[derive(Debug)]
pub struct Block {
    content: Vec<u8>,
    /// Where the heads end and the values begin.
    heads_end: usize,
    /// Where the values end and the restarts begin.
    values_end: usize,
    restarts: usize,
    first_position: u64,
}

/// Where an entry lies: its head, and its value from the beginning of the content.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Offsets {
    pub(crate) head: usize,
    pub(crate) value: usize,
}

/// An entry's fields. Ranges lie inside the content.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Entry {
    /// How many bytes of the key before begin this key.
    pub(crate) shared: usize,
    pub(crate) suffix: usize,
    pub(crate) suffix_len: usize,
    pub(crate) value: usize,
    pub(crate) value_len: usize,
    pub(crate) position: u64,
    /// Whether the entry before has the same key.
    pub(crate) older: bool,
    pub(crate) delete: bool,
}

impl Entry {
    /// Where the next entry lies.
    #[inline]
    pub(crate) fn next(&self) -> Offsets {
        Offsets { head: self.suffix + self.suffix_len, value: self.value + self.value_len }
    }
}

impl Block {
    /// Takes a data block's content.
    pub(crate) fn new(content: Vec<u8>) -> Result<Self, Damaged> {
        let (rest, count) = content.split_last_chunk::<4>().ok_or(Damaged)?;
        let (rest, heads) = rest.split_last_chunk::<4>().ok_or(Damaged)?;
        let (rest, first_position) = rest.split_last_chunk::<8>().ok_or(Damaged)?;
        let restarts = u32::from_le_bytes(*count) as usize;
        let heads_end = u32::from_le_bytes(*heads) as usize;
        let restarts_len = restarts.checked_mul(RESTART_LEN).ok_or(Damaged)?;
        let values_end = rest.len().checked_sub(restarts_len).ok_or(Damaged)?;
        let first_position = u64::from_le_bytes(*first_position);
        if restarts == 0 || heads_end > values_end {
            return Err(Damaged);
        }
        Ok(Self { heads_end, values_end, restarts, first_position, content })
    }

    /// The bytes it was made of.
    pub(crate) fn content(&self) -> &[u8] {
        &self.content
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

    /// Where the heads end.
    #[inline]
    pub(crate) fn heads_end(&self) -> usize {
        self.heads_end
    }

    /// Where the first entry lies.
    pub(crate) fn first(&self) -> Offsets {
        Offsets { head: 0, value: self.heads_end }
    }

    /// What an entry adds to the key before it.
    #[inline(always)]
    pub(crate) fn suffix(&self, entry: &Entry) -> &[u8] {
        self.content.get(entry.suffix..entry.suffix + entry.suffix_len).unwrap_or_default()
    }

    /// An entry's value; `None` for a delete.
    #[inline(always)]
    pub(crate) fn value(&self, entry: &Entry) -> Option<&[u8]> {
        let value = self.content.get(entry.value..entry.value + entry.value_len);
        (!entry.delete).then(|| value.unwrap_or_default())
    }

    /// Where the entry of restart `index` lies.
    pub(crate) fn restart(&self, index: usize) -> Result<Offsets, Damaged> {
        let at = self.values_end + index * RESTART_LEN;
        let bytes = self.content.get(at..).and_then(|bytes| bytes.first_chunk::<RESTART_LEN>()).ok_or(Damaged)?;
        let [a, b, c, d, e, f, g, h] = *bytes;
        let (head, value) = (u32::from_le_bytes([a, b, c, d]), u32::from_le_bytes([e, f, g, h]));
        Ok(Offsets { head: head as usize, value: self.heads_end + value as usize })
    }

    /// Decodes the entry at `at`, whose head must be below [`Block::heads_end`].
    pub(crate) fn entry(&self, at: Offsets) -> Result<Entry, Damaged> {
        self.entry_inline(at)
    }

    /// The same, for loops over entries.
    #[inline(always)]
    pub(crate) fn entry_inline(&self, at: Offsets) -> Result<Entry, Damaged> {
        let heads = self.content.get(..self.heads_end).ok_or(Damaged)?;
        let mut head = at.head;
        let shared = varint(heads, &mut head)?;
        let suffix_len = varint(heads, &mut head)?;
        let tag = varint(heads, &mut head)?;
        let zigzag = varint(heads, &mut head)?;
        let size = tag >> 1;
        let value_len = size.saturating_sub(1);
        let fits = suffix_len <= (heads.len() - head) as u64
            && value_len <= self.values_end as u64
            && at.value + value_len as usize <= self.values_end;
        if !fits {
            return Err(Damaged);
        }
        let delta = (zigzag >> 1) ^ (zigzag & 1).wrapping_neg();
        Ok(Entry {
            shared: usize::try_from(shared).unwrap_or(usize::MAX),
            suffix: head,
            suffix_len: suffix_len as usize,
            value: at.value,
            value_len: value_len as usize,
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
        while at.head < self.heads_end {
            let entry = self.entry(at)?;
            at = entry.next();
            if entry.shared > matched {
                continue; // It differs from `key` where the one before did, in the same way.
            }
            if entry.shared == 0 {
                matched = 0;
            } else if entry.shared < matched {
                return Ok(None); // It is larger than the one before at a byte that the one before had right.
            }
            let suffix = self.suffix(&entry);
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
            let order = compare_inline(self.suffix(&entry), key).then(position.cmp(&entry.position));
            if order == Ordering::Less {
                low = middle;
            } else {
                high = middle;
            }
        }
        Ok(low)
    }
}

#[inline(always)]
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
