//! How one result array becomes the next: what a live query's subscriber is told.
//!
//! Not a patch inside documents: a changed document is given whole.

use std::rc::Rc;

use crate::base::{sort, Result};

use super::super::json::write_string;
use super::window::Output;

/// The difference of two result arrays. Apply it in this order: take out `removed` and the origins of `moved` (indexes of
/// the array before), put in `added` and `moved` in ascending order of their index in the array after, replace `changed`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Diff {
    /// Documents that left the result.
    pub removed: Vec<Removed>,
    /// Documents whose place among the others changed.
    pub moved: Vec<Moved>,
    /// Documents that came into the result.
    pub added: Vec<Indexed>,
    /// Documents that changed where they stand.
    pub changed: Vec<Indexed>,
}

/// A document that left.
#[derive(Clone, Debug, PartialEq)]
pub struct Removed {
    /// Its index in the array before.
    pub index: usize,
    /// Its id.
    pub id: Box<str>,
}

/// A document that moved, and changed in doing so.
#[derive(Clone, Debug, PartialEq)]
pub struct Moved {
    /// Its index in the array before.
    pub from: usize,
    /// Its index in the array after.
    pub to: usize,
    /// The document.
    pub output: Rc<Output>,
}

/// A document at an index of the array after.
#[derive(Clone, Debug, PartialEq)]
pub struct Indexed {
    /// The index.
    pub index: usize,
    /// The document.
    pub output: Rc<Output>,
}

impl Diff {
    /// Whether the arrays are the same.
    pub fn is_empty(&self) -> bool {
        self.removed.is_empty() && self.moved.is_empty() && self.added.is_empty() && self.changed.is_empty()
    }

    pub(super) fn changed_or_moved(&mut self, in_place: bool, from: usize, to: usize, output: Rc<Output>) {
        match in_place {
            true => self.changed.push(Indexed { index: to, output }),
            false => self.moved.push(Moved { from, to, output }),
        }
    }

    pub(super) fn sort(&mut self) {
        sort::sort_by_key(&mut self.removed, |removed| removed.index);
        sort::sort_by_key(&mut self.moved, |moved| moved.from);
        sort::sort_by_key(&mut self.added, |added| added.index);
        sort::sort_by_key(&mut self.changed, |changed| changed.index);
    }

    /// Whether some document in it has tagged values.
    pub fn extended(&self) -> bool {
        let moved = self.moved.iter().map(|moved| &moved.output);
        let indexed = self.added.iter().chain(&self.changed).map(|indexed| &indexed.output);
        moved.chain(indexed).any(|output| output.extended)
    }

    /// Appends the event's JSON (docs/COMMANDS.md).
    pub fn write(&self, position: u64, out: &mut Vec<u8>) -> Result<()> {
        out.extend_from_slice(format!("{{\"kind\":\"diff\",\"position\":{position}").as_bytes());
        list(out, "removed", &self.removed, |removed, out| {
            out.extend_from_slice(format!("{{\"index\":{},\"id\":", removed.index).as_bytes());
            write_string(&removed.id, out);
            out.push(b'}');
        });
        list(out, "moved", &self.moved, |moved, out| {
            out.extend_from_slice(format!("{{\"from\":{},\"to\":{},\"doc\":", moved.from, moved.to).as_bytes());
            out.extend_from_slice(&moved.output.json);
            out.push(b'}');
        });
        for (name, indexed) in [("added", &self.added), ("changed", &self.changed)] {
            list(out, name, indexed, |indexed, out| {
                out.extend_from_slice(format!("{{\"index\":{},\"doc\":", indexed.index).as_bytes());
                out.extend_from_slice(&indexed.output.json);
                out.push(b'}');
            });
        }
        out.push(b'}');
        Ok(())
    }
}

fn list<T>(out: &mut Vec<u8>, name: &str, items: &[T], mut write: impl FnMut(&T, &mut Vec<u8>)) {
    if items.is_empty() {
        return;
    }
    out.extend_from_slice(format!(",\"{name}\":[").as_bytes());
    for (at, item) in items.iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        write(item, out);
    }
    out.push(b']');
}
