//! What a commit did to cache entries, told to whoever keeps copies of them: which were stored, which went, and why.
//!
//! It is read off the log record, so every instance tells the same; nothing here decides what goes.

use std::collections::BTreeMap;
use std::rc::Rc;

use crate::base::sort;
use crate::cache::keys::{self as cache_keys, Address, Source};
use crate::collections::json::write_string;
use crate::collections::keys;
use crate::engine::{Item, Record};

use super::handle::{DatabaseEvent, Shared};
use super::response::{write_list, ObjectWriter};

/// Documents named as the cause of an invalidation.
const CAUSES_MAX: usize = 4;

/// What a record did to an entry.
#[derive(Default)]
struct Touched {
    puts: u32,
    /// Whether it is there in the end.
    is_there: bool,
}

/// Why an entry went: what it was computed from, and what of that the commit changed.
enum Cause<'a> {
    /// A document it read by its id.
    Document(&'a str, &'a str),
    /// Documents of a collection it asked a query of.
    Query(&'a str, Vec<&'a str>),
    /// An entry that went.
    Entry(&'a Address),
}

impl Cause<'_> {
    /// As `[cache, key, kind, …]`.
    fn write(&self, address: &Address, out: &mut Vec<u8>) {
        let head = format!("[{},", address.cache);
        out.extend_from_slice(head.as_bytes());
        write_string(&address.key, out);
        match self {
            Cause::Document(collection, id) => write_texts(&["document", collection, id], out),
            Cause::Query(collection, ids) => {
                write_texts(&["query", collection], out);
                write_texts(ids, out);
            }
            Cause::Entry(of) => {
                write_texts(&["entry"], out);
                out.extend_from_slice(format!(",{}", of.cache).as_bytes());
                write_texts(&[&of.key], out);
            }
        }
        out.push(b']');
    }
}

fn write_texts(texts: &[&str], out: &mut Vec<u8>) {
    for text in texts {
        out.push(b',');
        write_string(text, out);
    }
}

/// Of each entry the nearest cause among what it was computed from: a document by its id, else a query, else another entry.
fn causes<'a>(
    sources: &'a [(Address, Source<'a>)],
    changed: &'a [(Rc<str>, String)],
    is_gone: impl Fn(&Address) -> bool,
) -> BTreeMap<&'a Address, Cause<'a>> {
    let mut causes = BTreeMap::new();
    for (address, source) in sources {
        let cause = match source {
            Source::Document(collection, id) => {
                let found = changed.binary_search_by(|(of, one)| (&**of, one.as_str()).cmp(&(*collection, *id)));
                found.is_ok().then_some((0, Cause::Document(collection, id)))
            }
            Source::Query(collection) => {
                let first = changed.partition_point(|(of, _)| **of < **collection);
                let rest = changed.get(first..).unwrap_or_default();
                let ids = rest.iter().take_while(|(of, _)| **of == **collection).map(|(_, id)| id.as_str());
                let ids: Vec<&str> = ids.take(CAUSES_MAX).collect();
                (!ids.is_empty()).then_some((1, Cause::Query(collection, ids)))
            }
            Source::Entry(of) => is_gone(of).then_some((2, Cause::Entry(of))),
        };
        if let Some(cause) = cause {
            if causes.get(address).is_none_or(|(rank, _)| *rank > cause.0) {
                causes.insert(address, cause);
            }
        }
    }
    causes.into_iter().map(|(address, (_, cause))| (address, cause)).collect()
}

impl Shared {
    /// Tells which entries a commit has stored, each once, and which it has removed or stored several times: whoever stored one of
    /// those cannot know whether it is his that is there.
    pub(super) fn cache_commit(&self, record: &Record, own: bool) {
        let (mut touched, mut sources) = (BTreeMap::<Address, Touched>::new(), Vec::new());
        for item in record.items() {
            match item {
                Item::Put(key, _) if key.first() == Some(&cache_keys::CACHE) => {
                    if let Some(address) = cache_keys::entry_address(key) {
                        let one = touched.entry(address).or_default();
                        one.puts += 1;
                        one.is_there = true;
                    }
                }
                Item::Delete(key) if key.first() == Some(&cache_keys::CACHE) => {
                    if let Some(address) = cache_keys::entry_address(key) {
                        touched.entry(address).or_default().is_there = false;
                    } else if let Some((of, address)) = cache_keys::read_source(key) {
                        sources.push((address, of));
                    }
                }
                Item::Put(..) | Item::Delete(_) | Item::Edit(_) => {}
            }
        }
        if touched.is_empty() {
            return;
        }
        let (put, gone): (Vec<_>, Vec<_>) = touched.iter().partition(|(_, one)| one.is_there && one.puts == 1);
        let mut notice = ObjectWriter::default();
        notice.text("kind", "cache").number("position", record.header.position).flag("own", own);
        for (name, list) in [("put", &put), ("gone", &gone)] {
            write_list(notice.field(name), list, |(address, _), out| {
                out.extend_from_slice(format!("[{},", address.cache).as_bytes());
                write_string(&address.key, out);
                out.push(b']');
            });
        }
        let changed = self.changed_documents(record);
        write_list(notice.field("because"), changed.iter().take(CAUSES_MAX), |(collection, id), out| {
            write_string(&format!("{collection}/{id}"), out);
        });
        let is_gone = |address: &Address| touched.get(address).is_some_and(|one| !one.is_there);
        let why = causes(&sources, &changed, is_gone);
        write_list(notice.field("why"), why.iter().filter(|(address, _)| is_gone(address)), |(address, cause), out| {
            cause.write(address, out);
        });
        self.emit(&DatabaseEvent::Notice(notice.finish().json));
    }

    /// The documents that a record changes, with the names of their collections, in order, each once.
    fn changed_documents(&self, record: &Record) -> Vec<(Rc<str>, String)> {
        let mut documents: Vec<(Rc<str>, String)> = Vec::new();
        let mut last: Option<(u32, Rc<str>)> = None;
        for item in record.items() {
            let (Item::Put(key, _) | Item::Delete(key)) = item else { continue };
            let Some(number) = keys::document_collection(key) else { continue };
            let name = match &last {
                Some((known, name)) if *known == number => Rc::clone(name),
                _ => self.catalog.cached_name(number).map_or_else(|| "?".into(), Rc::from),
            };
            documents.push((Rc::clone(&name), String::from_utf8_lossy(keys::document_id(key)).into_owned()));
            last = Some((number, name));
        }
        sort::sort(&mut documents);
        documents.dedup();
        documents
    }

    /// Anything may have changed.
    pub(super) fn cache_reset(&self) {
        let mut notice = ObjectWriter::default();
        notice.text("kind", "cache").flag("reset", true);
        self.emit(&DatabaseEvent::Notice(notice.finish().json));
    }
}
