//! What the database says about itself: its collections, its figures.

use crate::base::Result;
use crate::collections::build;
use crate::collections::catalog::{document_count, Catalog, Collection, Index};
use crate::collections::json::write_string;
use crate::engine::{Read, Step};

use super::handle::Shared;
use super::response::{write_list, ObjectWriter, Response};
use super::search::write_search;

/// `collections`.
pub(super) fn collections(view: &dyn Read, catalog: &Catalog) -> Step<Response> {
    let mut json = vec![b'['];
    for collection in catalog.all(view)?.iter().filter(|collection| !collection.is_hidden()) {
        if json.len() > 1 {
            json.push(b',');
        }
        write_collection(view, collection, &mut json)?;
    }
    json.push(b']');
    Ok(Response::plain(json))
}

/// Appends a collection's description.
pub(super) fn write_collection(view: &dyn Read, collection: &Collection, out: &mut Vec<u8>) -> Step<()> {
    let mut answer = ObjectWriter::default();
    answer.text("name", &collection.name).number("count", document_count(view, collection.id)?);
    answer.number("version", collection.version.into());
    let indexes = answer.field("indexes");
    indexes.push(b'[');
    for (at, index) in collection.indexes.iter().enumerate() {
        if at > 0 {
            indexes.push(b',');
        }
        write_index(view, collection, index, indexes)?;
    }
    indexes.push(b']');
    if let Some(search) = &collection.search {
        write_search(view, collection, search, answer.field("search"))?;
    }
    out.extend_from_slice(&answer.finish().json);
    Ok(())
}

/// Appends an index's description.
pub(super) fn write_index(view: &dyn Read, collection: &Collection, index: &Index, out: &mut Vec<u8>) -> Step<()> {
    let total = document_count(view, collection.id)?;
    let done = if index.ready { total } else { build::built(view, collection.id, index.id)? };
    let mut answer = ObjectWriter::default();
    answer.text("name", &index.spec.name);
    write_list(answer.field("fields"), &index.spec.fields, |field, out| {
        out.push(b'[');
        write_string(field.path.text(), out);
        out.extend_from_slice(if field.descending { b",-1]" } else { b",1]" });
    });
    answer.flag("unique", index.spec.unique).flag("multiEntry", index.multi_entry);
    answer.text("state", if index.ready { "ready" } else { "building" });
    answer.number("done", done).number("total", total);
    out.extend_from_slice(&answer.finish().json);
    Ok(())
}

impl Shared {
    /// `stats`.
    pub(super) fn stats(&self) -> Result<Response> {
        let mut answer = ObjectWriter::default();
        self.latencies.borrow().write(answer.field("operations"));
        answer.raw("engine", &self.engine_report());
        answer.number("subscriptions", self.subscriptions.len() as u64);
        answer.number("transactions", self.transactions.len() as u64);
        answer.number("searchBytes", self.warm.bytes() as u64);
        Ok(answer.finish())
    }

    fn engine_report(&self) -> Vec<u8> {
        let report = self.engine.report();
        let (counters, cache) = (report.counters, self.engine.cache_stats());
        let mut engine = ObjectWriter::default();
        for (name, value) in [
            ("position", report.position),
            ("floor", report.floor),
            ("flushed", report.flushed),
            ("logBytes", report.log_bytes),
            ("memtableBytes", report.memtable_bytes),
            ("obsoleteTables", report.obsolete_tables),
            ("lostRaces", counters.lost_races),
            ("reloads", counters.reloads),
            ("blobsRead", counters.blobs_read),
            ("flushes", counters.flushes),
            ("compactions", counters.compactions),
            ("tableBytesWritten", counters.table_bytes_written),
            ("memoryBudget", self.engine.memory_budget() as u64),
        ] {
            engine.number(name, value);
        }
        write_list(engine.field("levels"), &report.levels, |level, out| {
            let mut one = ObjectWriter::default();
            one.number("tables", level.tables).number("storedBytes", level.stored_bytes);
            one.number("rawBytes", level.raw_bytes).number("entries", level.entries);
            out.extend_from_slice(&one.finish().json);
        });
        let mut one = ObjectWriter::default();
        one.number("hotHits", cache.hot_hits).number("coldHits", cache.cold_hits).number("misses", cache.misses);
        one.number("evictions", cache.evictions).number("hotBytes", cache.hot_bytes as u64);
        one.number("coldBytes", cache.cold_bytes as u64).number("metaBytes", cache.meta_bytes as u64);
        engine.raw("cache", &one.finish().json);
        engine.finish().json
    }
}
