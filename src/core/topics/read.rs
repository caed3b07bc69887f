//! Reading a topic without a group: all lanes and partitions together, in the order of their offsets.
//!
//! It changes nothing, and nobody else notices.

use crate::engine::{Cursor, Direction, Read, Step};

use super::head::Head;
use super::keys::{self, Place};

/// Bytes after which a page is full.
const PAGE_BYTES: usize = 1 << 20;

/// Some messages of a topic.
#[derive(Debug, Default)]
pub struct Page {
    /// Places and stored messages, by offset.
    pub messages: Vec<(Place, Vec<u8>)>,
    /// From which offset to go on.
    pub next: u64,
    /// Whether nothing was left.
    pub is_end: bool,
}

/// Up to `max` messages from `offset` on that `keep` wants.
pub fn read(
    view: &dyn Read,
    topic: u32,
    offset: u64,
    max: usize,
    mut keep: impl FnMut(&[u8]) -> Step<bool>,
) -> Step<Page> {
    let head = Head::load(view, topic)?;
    let mut streams: Vec<(Place, Box<dyn Cursor + '_>)> = Vec::new();
    for first in &head.streams {
        let from = Place { offset: first.offset.max(offset), ..*first };
        let mut cursor = view.cursor(keys::messages_from(topic, from), Direction::Forward);
        if cursor.advance()? {
            streams.extend(Place::at_end(cursor.key()).map(|place| (place, cursor)));
        }
    }
    let (mut page, mut bytes) = (Page { next: offset, ..Page::default() }, 0);
    let mut looked = 0;
    while page.messages.len() < max && bytes < PAGE_BYTES && looked < 64 * max.max(64) {
        let least = streams.iter().enumerate().min_by_key(|(_, (place, _))| place.offset).map(|(at, _)| at);
        let Some((place, cursor)) = least.and_then(|at| streams.get_mut(at)) else {
            page.next = head.next.max(offset);
            page.is_end = true;
            return Ok(page);
        };
        looked += 1;
        if keep(cursor.value())? {
            bytes += cursor.value().len();
            page.messages.push((*place, cursor.value().to_vec()));
        }
        page.next = place.next().offset;
        match cursor.advance()?.then(|| Place::at_end(cursor.key())).flatten() {
            Some(next) => *place = next,
            None => drop(least.map(|at| streams.swap_remove(at))),
        }
    }
    Ok(page)
}
