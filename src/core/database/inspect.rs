//! What each commit changed, told while somebody inspects: documents, index entries, postings, cache entries, messages, the outbox, the rest.
//!
//! It is read off the log record and names collections, topics and caches by their numbers; `names` says how they are called.

use std::cell::Cell;

use crate::base::SortedMap;
use crate::cache::keys as cache_keys;
use crate::collections::catalog::Catalog;
use crate::collections::json::write_string;
use crate::collections::keys;
use crate::engine::{Direction, Item, KeyRange, Read, Record, Step};
use crate::jobs::keys as job_keys;
use crate::topics::{keys as topic_keys, spec};

use super::handle::{DatabaseEvent, Shared};
use super::response::{write_list, ObjectWriter, Response};
use super::sync::is_waiting;

/// Ids of one collection in one event, of those written and of those removed.
const IDS_MAX: usize = 20;

/// How many want to know.
#[derive(Default)]
pub(super) struct Inspectors(Cell<u32>);

impl Inspectors {
    /// One more, or one less.
    pub(super) fn change(&self, more: bool) {
        self.0.set(if more { self.0.get().saturating_add(1) } else { self.0.get().saturating_sub(1) });
    }
}

/// Keys written and removed.
#[derive(Default)]
struct Count {
    put: u64,
    gone: u64,
}

impl Count {
    fn add(&mut self, is_put: bool) {
        *(if is_put { &mut self.put } else { &mut self.gone }) += 1;
    }
}

/// The documents of a collection.
#[derive(Default)]
struct Documents<'a> {
    count: Count,
    put: Vec<&'a [u8]>,
    gone: Vec<&'a [u8]>,
}

/// What a record changed. Numbers are of collections, of indexes in them, of topics, of caches.
#[derive(Default)]
struct Changes<'a> {
    documents: SortedMap<u32, Documents<'a>>,
    indexes: SortedMap<(u32, u32), Count>,
    postings: SortedMap<u32, Count>,
    caches: SortedMap<u32, Count>,
    /// `put` are messages, `gone` all other keys of the topic.
    topics: SortedMap<u32, Count>,
    catalog: u64,
    jobs: u64,
    /// Writes that wait for the server.
    outbox: Count,
    /// Edits of the manifest: tables came or went.
    edits: u64,
    other: u64,
}

/// The number at a place in a key; 0 where there is none.
fn number(key: &[u8], at: usize) -> u32 {
    let bytes = key.get(at..at + 4).and_then(|bytes| bytes.try_into().ok());
    bytes.map_or(0, u32::from_be_bytes)
}

impl<'a> Changes<'a> {
    fn add(&mut self, key: &'a [u8], is_put: bool) {
        match key {
            [keys::DOCUMENT, ..] => {
                let documents = self.documents.or_default(number(key, 1));
                documents.count.add(is_put);
                let ids = if is_put { &mut documents.put } else { &mut documents.gone };
                if ids.len() < IDS_MAX {
                    ids.push(keys::document_id(key));
                }
            }
            [keys::INDEX, ..] => self.indexes.or_default((number(key, 1), number(key, 5))).add(is_put),
            [keys::SEARCH, ..] => self.postings.or_default(number(key, 1)).add(is_put),
            [cache_keys::CACHE, b'e', ..] => self.caches.or_default(number(key, 2)).add(is_put),
            // The queues, counters and dependencies of entries, and how many documents there are, go along with what they are of.
            [cache_keys::CACHE | keys::COUNTER, ..] => {}
            [topic_keys::TOPIC, kind, rest @ ..] if rest.len() >= 4 && kind.is_ascii_lowercase() => {
                let is_message = is_put && matches!(kind, b'm' | b's');
                self.topics.or_default(number(key, 2)).add(is_message);
            }
            [topic_keys::TOPIC, ..] => {}
            [job_keys::JOBS, ..] => self.jobs += 1,
            _ if is_waiting(key) => self.outbox.add(is_put),
            [keys::CATALOG, ..] => self.catalog += 1,
            _ => self.other += 1,
        }
    }

    fn of(record: &'a Record) -> Self {
        let mut changes = Self::default();
        for item in record.items() {
            match item {
                Item::Put(key, _) => changes.add(key, true),
                Item::Delete(key) => changes.add(key, false),
                Item::Edit(_) => changes.edits += 1,
            }
        }
        changes
    }

    fn write(&self, out: &mut ObjectWriter) {
        write_list(out.field("documents"), self.documents.iter(), |(collection, documents), out| {
            let Documents { count, put, gone } = documents;
            out.extend_from_slice(format!("[{collection},{},{}", count.put, count.gone).as_bytes());
            for ids in [put, gone] {
                out.push(b',');
                write_list(out, ids, |id, out| write_string(&String::from_utf8_lossy(id), out));
            }
            out.push(b']');
        });
        write_list(out.field("indexes"), self.indexes.iter(), |((collection, index), Count { put, gone }), out| {
            out.extend_from_slice(format!("[{collection},{index},{put},{gone}]").as_bytes());
        });
        for (name, counts) in [("postings", &self.postings), ("caches", &self.caches), ("topics", &self.topics)] {
            write_list(out.field(name), counts.iter(), |(number, Count { put, gone }), out| {
                out.extend_from_slice(format!("[{number},{put},{gone}]").as_bytes());
            });
        }
        out.number("catalog", self.catalog).number("jobs", self.jobs);
        let Count { put, gone } = self.outbox;
        out.field("outbox").extend_from_slice(format!("[{put},{gone}]").as_bytes());
        out.number("edits", self.edits).number("other", self.other);
    }
}

impl Shared {
    /// Tells what a commit changed, if somebody inspects.
    pub(super) fn inspect_commit(&self, record: &Record, own: bool) {
        if self.inspectors.0.get() == 0 {
            return;
        }
        let mut notice = ObjectWriter::default();
        notice.text("kind", "commit").number("position", record.header.position).flag("own", own);
        notice.flag("strict", record.header.strict).number("bytes", record.payload_len() as u64);
        Changes::of(record).write(&mut notice);
        self.emit(&DatabaseEvent::Notice(notice.finish().json));
    }
}

/// `names`: how the numbers in those events are called.
pub(super) fn names(view: &dyn Read, catalog: &Catalog) -> Step<Response> {
    let mut answer = ObjectWriter::default();
    write_list(answer.field("collections"), &catalog.all(view)?, |collection, out| {
        write_numbered(collection.id, &collection.name, out);
        out.push(b',');
        write_list(out, &collection.indexes, |index, out| {
            write_numbered(index.id, &index.spec.name, out);
            out.push(b']');
        });
        out.push(b']');
    });
    write_list(answer.field("topics"), &spec::all(view)?, |topic, out| {
        write_numbered(topic.number, &topic.name, out);
        out.push(b']');
    });
    let described = answer.field("caches");
    described.push(b'[');
    let mut cursor = view.cursor(KeyRange::prefix(&cache_keys::description("")), Direction::Forward);
    let mut is_first = true;
    while cursor.advance()? {
        if !std::mem::take(&mut is_first) {
            described.push(b',');
        }
        let number = cursor.value().try_into().map_or(0, u32::from_le_bytes);
        write_numbered(number, &String::from_utf8_lossy(cursor.key().get(2..).unwrap_or_default()), described);
        described.push(b']');
    }
    described.push(b']');
    Ok(answer.finish())
}

/// Begins an array with a number and its name.
fn write_numbered(number: u32, name: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(format!("[{number},").as_bytes());
    write_string(name, out);
}
