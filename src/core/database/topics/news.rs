//! What a commit means to consumers, told to whoever waits: messages were published, something of a group may be handed out.
//!
//! It is read off the log record, so every instance tells the same. Nothing depends on it but how soon somebody looks.

use std::collections::BTreeSet;

use crate::engine::{Item, Record};
use crate::topics::clock::Stamp;
use crate::topics::keys::{self, News};

use super::super::handle::{DatabaseEvent, Shared};
use super::super::response::{write_list, ObjectWriter};

impl Shared {
    /// Tells which topics and groups a commit concerns, and takes note of its time.
    pub(in super::super) fn topic_commit(&self, record: &Record, own: bool) {
        let mut news = BTreeSet::new();
        for item in record.items() {
            let Item::Put(key, value) = item else { continue };
            if key.first() != Some(&keys::TOPIC) {
                continue;
            }
            if key[..] == *keys::CLOCK {
                if let Ok(Stamp { time, .. }) = Stamp::decode(value) {
                    self.topic_clock.observe(time, &*self.platform);
                }
            }
            news.extend(keys::news(key));
        }
        if news.is_empty() {
            return;
        }
        let mut notice = ObjectWriter::default();
        notice.text("kind", "topic").number("position", record.header.position).flag("own", own);
        let topics = news.iter().filter_map(|one| if let News::Topic(topic) = one { Some(topic) } else { None });
        write_list(notice.field("topics"), topics, |topic, out| out.extend_from_slice(topic.to_string().as_bytes()));
        let groups =
            news.iter().filter_map(|one| if let News::Group(topic, group) = one { Some((topic, group)) } else { None });
        write_list(notice.field("groups"), groups, |(topic, group), out| {
            out.extend_from_slice(format!("[{topic},{group}]").as_bytes());
        });
        self.emit(&DatabaseEvent::Notice(notice.finish().json));
    }

    /// Anything may have changed.
    pub(in super::super) fn topic_reset(&self) {
        let mut notice = ObjectWriter::default();
        notice.text("kind", "topic").flag("reset", true);
        self.emit(&DatabaseEvent::Notice(notice.finish().json));
    }
}
