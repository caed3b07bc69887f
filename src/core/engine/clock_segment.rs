//! A bounded set of cached things, evicted by CLOCK: what was used since the hand last passed gets a second chance.
//!
//! It has no budget of its own; the block cache says when something must go.

use std::rc::Rc;

use crate::base::IdMap;

use super::block::Block;
use super::table_meta::TableMeta;

/// Something cached.
#[derive(Clone, Debug)]
pub(crate) enum Item {
    /// A blob as it was fetched.
    Blob(Rc<[u8]>),
    /// A block, opened.
    Block(Rc<Block>),
    /// A table's index and bloom filter, opened.
    Meta(Rc<TableMeta>),
}

#[derive(Debug)]
struct Entry {
    id: u64,
    item: Item,
    bytes: usize,
    used: bool,
}

/// Items by id, with their bytes.
#[derive(Debug, Default)]
pub(crate) struct ClockSegment {
    slots: IdMap<u32>,
    /// A new item takes a slot the hand has passed, so that the hand reaches it last.
    entries: Vec<Option<Entry>>,
    free: Vec<u32>,
    hand: usize,
    bytes: usize,
}

impl ClockSegment {
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(crate) fn contains(&self, id: u64) -> bool {
        self.slots.contains_key(&id)
    }

    /// The item with that id. `used` gives it a second chance.
    #[inline]
    pub(crate) fn get(&mut self, id: u64, used: bool) -> Option<&Item> {
        let slot = *self.slots.get(&id)?;
        let entry = self.entries.get_mut(slot as usize)?.as_mut()?;
        entry.used |= used;
        Some(&entry.item)
    }

    /// Adds or replaces an item of `bytes` bytes.
    pub(crate) fn insert(&mut self, id: u64, item: Item, bytes: usize) {
        self.remove(id);
        let entry = Some(Entry { id, item, bytes, used: false });
        let slot = self.free.pop().unwrap_or(self.entries.len() as u32);
        match self.entries.get_mut(slot as usize) {
            Some(empty) => *empty = entry,
            None => self.entries.push(entry),
        }
        self.slots.insert(id, slot);
        self.bytes += bytes;
    }

    /// Removes the item with that id.
    pub(crate) fn remove(&mut self, id: u64) -> Option<Item> {
        let slot = self.slots.remove(&id)?;
        let entry = self.entries.get_mut(slot as usize)?.take()?;
        self.free.push(slot);
        self.bytes -= entry.bytes;
        Some(entry.item)
    }

    /// Removes the first item the hand finds that was not used since it last came by. `dispensable` ones get no
    /// second chance.
    pub(crate) fn evict(&mut self, dispensable: impl Fn(u64) -> bool) -> Option<(u64, Item)> {
        // Two rounds: the first may only take second chances away.
        for _ in 0..2 * self.entries.len() {
            self.hand = if self.hand < self.entries.len() { self.hand } else { 0 };
            let entry = self.entries.get_mut(self.hand)?.as_mut();
            self.hand += 1;
            if let Some(entry) = entry {
                if !entry.used || dispensable(entry.id) {
                    let id = entry.id;
                    return self.remove(id).map(|item| (id, item));
                }
                entry.used = false;
            }
        }
        None
    }

    /// The ids of all items.
    pub(crate) fn ids(&self) -> Vec<u64> {
        self.slots.keys().copied().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn segment(ids: impl IntoIterator<Item = u64>) -> ClockSegment {
        let mut segment = ClockSegment::default();
        for id in ids {
            segment.insert(id, super::Item::Blob(Rc::new([])), 10);
        }
        segment
    }

    fn evict(segment: &mut ClockSegment) -> u64 {
        let before = segment.ids();
        segment.evict(|_| false).unwrap();
        before.into_iter().find(|id| !segment.contains(*id)).unwrap()
    }

    #[test]
    fn what_was_used_outlives_what_was_not() {
        let mut segment = segment(0..4);
        segment.get(0, true);
        segment.get(2, true);
        assert_eq!([evict(&mut segment), evict(&mut segment)], [1, 3]);
        assert_eq!([evict(&mut segment), evict(&mut segment)], [0, 2]);
        assert!(segment.evict(|_| false).is_none());
        assert_eq!(segment.bytes(), 0);
    }

    #[test]
    fn the_newest_item_is_not_the_next_to_go() {
        let mut segment = segment(0..4);
        assert_eq!(evict(&mut segment), 0);
        segment.insert(9, super::Item::Blob(Rc::new([])), 10);
        assert_eq!([1, 2, 3, 9].map(|_| evict(&mut segment)), [1, 2, 3, 9]);
    }

    #[test]
    fn a_replaced_item_counts_once() {
        let mut segment = segment([1, 1, 1]);
        assert_eq!(segment.bytes(), 10);
        assert!(segment.remove(1).is_some() && segment.remove(1).is_none());
        assert_eq!(segment.bytes(), 0);
    }
}
