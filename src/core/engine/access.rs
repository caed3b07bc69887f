//! How upper floors read and write: synchronously, over whatever is in memory, pausing where a block is missing.
//!
//! Not asynchronous: a read that lacks a block answers *which*, the asynchronous rim fetches it and runs the
//! read again. So no borrow lives across an await, and the hot path costs microseconds.

use crate::base::Error;
use crate::disk::BlobName;

/// Why a synchronous step could not finish. Two words wide, since every `?` of a step moves it.
#[derive(Clone, Debug, PartialEq)]
pub enum Pause {
    /// These blobs are needed first. Fetch them and run the step again. Boxed: a vector would make every result of a step
    /// wider, and a miss waits for the disk anyway.
    Missing(Box<Vec<BlobName>>),
    /// The step used its time slice: run it again after a breath. Only resumable tasks answer this; one that writes keeps
    /// what it has, see [`Transaction::keep`].
    Yield,
    /// It failed for good.
    Failed(Error),
}

impl Pause {
    /// These blobs are needed first.
    #[cold]
    #[inline(never)]
    pub fn missing(names: Vec<BlobName>) -> Self {
        Self::Missing(Box::new(names))
    }
}

impl From<Error> for Pause {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

/// The result of a synchronous step.
pub type Step<T> = Result<T, Pause>;

/// Which way a cursor walks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Ascending keys.
    Forward,
    /// Descending keys.
    Backward,
}

/// Keys from `start` (inclusive) to `end` (exclusive; `None` is without end).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyRange {
    /// The first key that may be in the range.
    pub start: Vec<u8>,
    /// The first key past the range.
    pub end: Option<Vec<u8>>,
}

impl KeyRange {
    /// Every key that starts with `prefix`.
    pub fn prefix(prefix: &[u8]) -> Self {
        Self { start: prefix.to_vec(), end: successor(prefix) }
    }

    /// Whether `key` lies in the range.
    pub fn contains(&self, key: &[u8]) -> bool {
        key >= self.start.as_slice() && self.end.as_ref().is_none_or(|end| key < end.as_slice())
    }
}

/// The first key after every key that starts with `prefix`; `None` if there is none.
pub fn successor(prefix: &[u8]) -> Option<Vec<u8>> {
    let mut key = prefix.to_vec();
    while let Some(last) = key.pop() {
        if last < 0xff {
            key.push(last + 1);
            return Some(key);
        }
    }
    None
}

/// A consistent view of all keys at one position (plus, in a transaction, its own writes).
pub trait Read {
    /// Appends the value of `key` to `value` and answers `true`, or leaves it alone and answers `false`.
    fn get(&self, key: &[u8], value: &mut Vec<u8>) -> Step<bool>;

    /// Whether `key` exists. May be cheaper than `get`.
    fn contains(&self, key: &[u8]) -> Step<bool> {
        self.get(key, &mut Vec::new())
    }

    /// Whether it is known without reading a block that nothing is in `range`; `false` says nothing.
    fn is_known_empty(&self, range: &KeyRange) -> bool {
        let _ = range;
        false
    }

    /// A cursor before the first entry of `range` in `direction`. Deleted keys do not appear.
    fn cursor(&self, range: KeyRange, direction: Direction) -> Box<dyn Cursor + '_>;

    /// Bytes of blocks that the operation had to open so far: work that a step may want to measure its slices by.
    fn opened(&self) -> usize {
        0
    }

    /// Keys in the range with about as many bytes between any two, in ascending order, told without reading them: they may be
    /// deleted, and come twice. None where that is not known.
    fn landmarks(&self, range: &KeyRange) -> Step<Vec<Vec<u8>>> {
        let _ = range;
        Ok(Vec::new())
    }
}

/// Walks entries in key order. After [`Pause::Missing`] call `advance` again once the blobs are there, or start a new
/// cursor behind the last key that was shown. The caller keeps that key: after a pause `key` may already be another one.
pub trait Cursor {
    /// Moves to the next entry; `false` at the end.
    fn advance(&mut self) -> Step<bool>;
    /// The current entry's key. Empty before the first `advance`.
    fn key(&self) -> &[u8];
    /// The current entry's value. Empty before the first `advance`.
    fn value(&self) -> &[u8];

    /// Advances and hands each entry's key and value to `sink` until it answers `false` (then so does this, and the cursor
    /// stands on that entry) or there are no more (then this answers `true`). Pauses as `advance` does.
    fn walk(&mut self, sink: &mut dyn FnMut(&[u8], &[u8]) -> bool) -> Step<bool> {
        while self.advance()? {
            if !sink(self.key(), self.value()) {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// A read view that can also be written. Reads see the transaction's own writes.
pub trait Transaction: Read {
    /// Sets `key` to `value`.
    fn put(&mut self, key: &[u8], value: &[u8]) -> Step<()>;
    /// Removes `key`; a missing key is fine.
    fn delete(&mut self, key: &[u8]) -> Step<()>;
    /// Adds `delta` to the signed 64-bit counter (8 bytes, little-endian) at `key`, starting from 0. Two transactions
    /// that add to one counter do not conflict.
    fn add(&mut self, key: &[u8], delta: i64) -> Step<()>;

    /// Keeps what the step has written so far: a pause takes back only what comes after this. A step that keeps something
    /// goes on from there when it runs again, if [`Self::kept`] says so. It is still all or nothing.
    fn keep(&mut self);
    /// Whether what earlier runs of this step kept is there. If not, the state may be another one: the step starts over.
    fn kept(&self) -> bool;
}

/// Deletes the first keys of the ranges, one range after another, at most `limit` of them; answers whether it stopped there.
pub fn delete_some(tx: &mut dyn Transaction, ranges: Vec<KeyRange>, limit: usize) -> Step<bool> {
    let mut doomed = Vec::new();
    for range in ranges {
        let mut cursor = tx.cursor(range, Direction::Forward);
        while doomed.len() < limit && cursor.advance()? {
            doomed.push(cursor.key().to_vec());
        }
    }
    for key in &doomed {
        tx.delete(key)?;
    }
    Ok(doomed.len() >= limit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_without_a_value_is_two_words_wide() {
        assert_eq!(size_of::<Step<()>>(), 2 * size_of::<usize>());
    }
}
