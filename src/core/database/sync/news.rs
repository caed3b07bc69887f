//! What a commit means to those who show or carry what waits: how much that is.
//!
//! It is read off the log record, so every instance tells the same. Nothing depends on it but how soon somebody looks.

use crate::engine::{Item, Record};

use super::super::handle::{DatabaseEvent, Shared};
use super::super::response::ObjectWriter;
use super::keys::{Counts, META, SYNC};

impl Shared {
    /// Tells how much waits, if a commit changed that.
    pub(in super::super) fn sync_commit(&self, record: &Record, own: bool) {
        let mut counts = None;
        for item in record.items() {
            match item {
                Item::Put(key, value) if key.first() == Some(&SYNC) && key[..] == *META => {
                    counts = Counts::decode(value).ok().map(|(counts, _)| counts);
                }
                Item::Delete(key) if key.first() == Some(&SYNC) && key[..] == *META => {
                    counts = Some(Counts::default());
                }
                _ => {}
            }
        }
        let Some(Counts { pending, letters, .. }) = counts else { return };
        let mut notice = ObjectWriter::default();
        notice.text("kind", "sync").number("pending", pending).number("letters", letters);
        notice.number("position", record.header.position).flag("own", own);
        self.emit(&DatabaseEvent::Notice(notice.finish().json));
    }

    /// Anything may have changed.
    pub(in super::super) fn sync_reset(&self) {
        self.sync.forget();
        let mut notice = ObjectWriter::default();
        notice.text("kind", "sync").flag("reset", true);
        self.emit(&DatabaseEvent::Notice(notice.finish().json));
    }
}
