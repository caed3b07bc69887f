//! Commands about search indexes: what a collection declares, and how far its building got.

use std::rc::Rc;

use crate::base::Result;
use crate::collections::build;
use crate::collections::catalog::{document_count, Catalog, Collection, SearchIndex};
use crate::engine::{Read, Step};
use crate::search::analyze::CustomAnalyzer;
use crate::search::store::build::{drop_search, holds};
use crate::search::store::view::{declared, not_declared};
use crate::search::store::{merge, Prepared};

use super::super::handle::Database;
use super::super::response::{ObjectWriter, Response};
use super::upkeep::NAME;

/// Whether a collection has the search index that a declaration asks for.
pub(in super::super) fn is_declared(collection: &Collection, prepared: &Prepared) -> bool {
    collection.search.as_ref().is_some_and(|search| holds(&search.spec, prepared) && *search.spec == *prepared.encode())
}

/// Appends the description of a search index.
pub(in super::super) fn write_search(
    view: &dyn Read,
    collection: &Collection,
    search: &SearchIndex,
    out: &mut Vec<u8>,
) -> Step<()> {
    let total = document_count(view, collection.id)?;
    let done = if search.ready { total } else { build::built(view, collection.id, search.id)? };
    let figures = merge::figures(view, collection.id, search)?;
    let mut answer = ObjectWriter::default();
    declared(search)?.write_json(answer.field("fields"));
    answer.text("state", if search.ready { "ready" } else { "building" });
    answer.number("done", done).number("total", total);
    answer.number("segments", figures.segments).number("bytes", figures.bytes);
    out.extend_from_slice(&answer.finish().json);
    Ok(())
}

impl Database {
    /// Waits until the collection's search index is ready; answers its description.
    pub(in super::super) async fn wait_search(&self, name: &str) -> Result<Response> {
        let ready = self.wait_ready(name, |view, collection, json| {
            let Some(search) = &collection.search else { return Ok(None) };
            write_search(view, collection, search, json)?;
            if !search.ready {
                // It may be another instance that knows the analyzer, but nobody is to wait for that.
                self.0.search.prepared(search)?;
                if let Some(error) = self.0.upkeep.given_up(name, NAME) {
                    return Err(error.into());
                }
            }
            Ok(Some(search.ready))
        });
        ready.await?.ok_or_else(|| not_declared(name))
    }

    /// Drops a search index, and what caches hold of its searches.
    pub(in super::super) fn search_dropper(
        name: Box<str>,
    ) -> impl FnMut(&mut dyn crate::engine::Transaction, &Catalog) -> Step<bool> + 'static {
        move |tx, catalog| {
            let dropped = drop_search(tx, catalog, &name)?;
            if dropped {
                crate::cache::drop_dependents(tx, &name)?;
            }
            Ok(dropped)
        }
    }

    /// Makes an analyzer of the application known, in place of an earlier one of its name. Indexes that waited for it are filled.
    ///
    /// # Errors
    /// `Invalid` for the name of a built-in analyzer, and for one that cannot be kept.
    pub fn register_analyzer(&self, name: &str, analyzer: Rc<dyn CustomAnalyzer>) -> Result<()> {
        self.0.search.with_analyzers(|analyzers| analyzers.register(name, analyzer))?;
        self.0.upkeep.try_again(NAME);
        self.resume_upkeep();
        Ok(())
    }

    /// A declaration with its analyzers.
    pub(in super::super) fn prepare_search(&self, spec: &crate::collections::Value) -> Result<Rc<Prepared>> {
        Ok(Rc::new(self.0.search.prepare(crate::search::SearchSpec::parse(spec)?)?))
    }
}
