//! Memory for many short byte strings, freed all at once.
//!
//! Not an allocator: nothing is ever freed alone but what was stored last. Replaced values stay until the arena goes.

/// The first slab is small, since most transactions are; later ones double up to the largest.
const SLAB_MIN: usize = 4 * 1024;
const SLAB_MAX: usize = 256 * 1024;

/// Where a string lies in its arena.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    slab: u32,
    at: u32,
}

/// Byte strings in slabs that never move.
#[derive(Clone, Debug, Default)]
pub(crate) struct Arena {
    slabs: Vec<Vec<u8>>,
    bytes: usize,
}

impl Arena {
    /// Stores `head` and `tail` one after the other. Their joint length must fit 32 bits.
    #[inline]
    pub(crate) fn push(&mut self, head: &[u8], tail: &[u8]) -> Place {
        let len = head.len() + tail.len();
        match self.slabs.last_mut() {
            Some(slab) if slab.capacity() - slab.len() >= len => {
                let at = slab.len() as u32;
                slab.extend_from_slice(head);
                slab.extend_from_slice(tail);
                Place { slab: self.slabs.len() as u32 - 1, at }
            }
            _ => self.push_slab(head, tail),
        }
    }

    #[cold]
    fn push_slab(&mut self, head: &[u8], tail: &[u8]) -> Place {
        let doubled = (self.slabs.last().map_or(0, Vec::capacity) * 2).clamp(SLAB_MIN, SLAB_MAX);
        let mut slab = Vec::with_capacity(doubled.max(head.len() + tail.len()));
        self.bytes += slab.capacity();
        slab.extend_from_slice(head);
        slab.extend_from_slice(tail);
        self.slabs.push(slab);
        Place { slab: self.slabs.len() as u32 - 1, at: 0 }
    }

    /// Gives back a string of `len` bytes, if it is the last one.
    pub(crate) fn take_back(&mut self, place: Place, len: usize) {
        let last = place.slab as usize + 1 == self.slabs.len();
        let Some(slab) = self.slabs.last_mut().filter(|slab| last && place.at as usize + len == slab.len()) else {
            return;
        };
        slab.truncate(place.at as usize);
        if slab.is_empty() {
            self.bytes -= slab.capacity();
            self.slabs.pop();
        }
    }

    /// `len` bytes that begin `skip` bytes after `place`.
    #[inline]
    pub(crate) fn get(&self, place: Place, skip: u32, len: u32) -> &[u8] {
        let start = place.at as usize + skip as usize;
        self.slabs.get(place.slab as usize).and_then(|slab| slab.get(start..start + len as usize)).unwrap_or_default()
    }

    /// Bytes of memory held.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }
}
