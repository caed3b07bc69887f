//! What the tests of this floor share: a store with a catalog, and checks that hold after every operation.

use std::collections::BTreeMap;
use std::rc::Rc;

use crate::base::Result;
use crate::engine::{Step, Transaction};

use super::build::{ensure, BuildStep};
use super::catalog::{Catalog, Collection, IndexSpec};
use super::document::Document;
use super::find::{Matcher, Query, Ranking, Selection, Token};
use super::index::Indexes;
use super::keys;
use super::memory_store::MemoryStore;
use super::plan::Hint;
use super::view::View;
use super::write::{Insert, InsertMode, Written};
use super::{json, Value};

/// A database of one collection, `c`.
pub(super) struct Fixture {
    pub(super) store: MemoryStore,
    pub(super) catalog: Catalog,
    pub(super) views: Vec<Rc<dyn View>>,
}

pub(super) fn value(json: &str) -> Value {
    json::parse(json.as_bytes()).unwrap()
}

impl Fixture {
    pub(super) fn new() -> Self {
        Self { store: MemoryStore::default(), catalog: Catalog::default(), views: vec![Rc::new(Indexes)] }
    }

    pub(super) fn with_indexes(specs: &[IndexSpec]) -> Self {
        let mut fixture = Self::new();
        fixture.commit(|tx, catalog, _| ensure(tx, catalog, "c", None, specs)).unwrap();
        fixture
    }

    pub(super) fn commit<T>(
        &mut self,
        mut run: impl FnMut(&mut dyn Transaction, &Catalog, &[Rc<dyn View>]) -> Step<T>,
    ) -> Result<T> {
        let (catalog, views) = (&self.catalog, &self.views);
        self.store.commit(|tx| run(tx, catalog, views))
    }

    pub(super) fn write(&mut self, mode: InsertMode, docs: &str) -> Result<Written> {
        let mut insert = Insert::new("c", docs.as_bytes().to_vec(), mode, None);
        self.commit(|tx, catalog, views| insert.run(tx, catalog, views))
    }

    pub(super) fn insert(&mut self, docs: &str) -> Result<Written> {
        self.write(InsertMode::Insert, docs)
    }

    pub(super) fn create_index(&mut self, spec: IndexSpec) {
        self.commit(|tx, catalog, _| ensure(tx, catalog, "c", None, std::slice::from_ref(&spec))).unwrap();
    }

    /// Runs builds until none is left; answers the last step of each.
    pub(super) fn build_all(&mut self) -> Vec<BuildStep> {
        let catalog = &self.catalog;
        let builds = self.store.read(|view| super::build::builds(view, catalog)).unwrap();
        let mut steps = Vec::new();
        for build in builds {
            loop {
                match self.commit(|tx, catalog, _| build.slice(tx, catalog)).unwrap() {
                    BuildStep::Building { .. } => {}
                    step => break steps.push(step),
                }
            }
        }
        steps
    }

    pub(super) fn collection(&self) -> Option<Rc<Collection>> {
        self.store.read(|view| self.catalog.find(view, "c")).unwrap()
    }

    /// The ids that a query finds, in its order.
    pub(super) fn find(
        &self,
        filter: &str,
        sort: Option<&str>,
        limit: Option<u64>,
        hint: Option<Hint>,
    ) -> Result<Vec<String>> {
        let mut query = Query::new("c", Matcher::parse(value(filter), 0.0)?);
        query.ranking = Ranking::parse(sort.map(value), limit.is_some())?;
        query.limit = limit;
        query.hint = hint;
        self.run(query).map(|(ids, _)| ids)
    }

    /// The ids that a query finds, and the selection it ran.
    pub(super) fn run(&self, query: Query) -> Result<(Vec<String>, Selection)> {
        let mut selection = Selection::new(Rc::new(query));
        let mut ids = Vec::new();
        self.store.read(|view| {
            selection.run(view, &self.catalog, &mut |found| {
                ids.push(found.id.to_owned());
                Ok(())
            })
        })?;
        Ok((ids, selection))
    }

    /// The ids on one page, and where the next one begins if this one was full.
    pub(super) fn page(&self, query: Query) -> Result<(Vec<String>, Option<Token>)> {
        let limit = query.limit.unwrap() as usize;
        let mut selection = Selection::new(Rc::new(query)).with_ranks();
        let (mut ids, mut last) = (Vec::new(), None);
        self.store.read(|view| {
            selection.run(view, &self.catalog, &mut |found| {
                ids.push(found.id.to_owned());
                last = Some(Token { sort_key: found.sort_key.to_vec(), id: found.id.as_bytes().to_vec() });
                Ok(())
            })
        })?;
        let full = ids.len() == limit;
        Ok((ids, last.filter(|_| full)))
    }

    /// Every stored document by id.
    pub(super) fn documents(&self) -> BTreeMap<String, String> {
        let Some(collection) = self.collection() else { return BTreeMap::new() };
        let prefix = keys::document_prefix(collection.id);
        let entries = self.store.entries().iter().filter(|(key, _)| key.starts_with(&prefix));
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        entries
            .map(|(key, stored)| (text(keys::document_id(key)), text(Document::parse(stored).unwrap().json())))
            .collect()
    }

    /// Every ready index holds exactly the entries of the documents, and the count is right.
    pub(super) fn check_agreement(&self) {
        let found = self.store.read(|view| super::agreement::inspect(view, &self.catalog)).unwrap();
        assert!(found.complaints.is_empty(), "{:?}", found.complaints);
    }
}
