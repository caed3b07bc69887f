//! Random documents, updates, deletes, builds and merges: after every step the index is the one rebuilt from the documents.

use std::rc::Rc;

use crate::base::SeededRng;
use crate::collections::build::clear_slice;
use crate::collections::catalog::Catalog;
use crate::collections::index::Indexes;
use crate::collections::json;
use crate::collections::memory_store::MemoryStore;
use crate::collections::view::View;
use crate::collections::write::{Delete, Insert, InsertMode, Sweep, Target};
use crate::collections::Value;
use crate::engine::Read;
use crate::search::evaluate::{Evaluation, Top};
use crate::search::{Options, Plan, Query, SearchSpec};

use super::agreement::{difference, result_difference};
use super::build::{declare, drop_search, Builder, CommitStep, ReadStep};
use super::plan::Pace;
use super::view::SearchIndexes;
use super::{merge, Prepared, StoredPostings, Warm};

pub(super) struct Model {
    pub(super) store: MemoryStore,
    catalog: Catalog,
    search: Rc<SearchIndexes>,
    views: Vec<Rc<dyn View>>,
    prepared: Rc<Prepared>,
    pub(super) rng: SeededRng,
    /// What queries at earlier states have left; small, so that things go.
    warm: Rc<Warm>,
}

impl Model {
    pub(super) fn new(seed: u64) -> Self {
        let search = Rc::new(SearchIndexes::default());
        let spec = json::parse(br#"{"t":3,"b":{"weight":1,"b":0.5},"x.y":0.3}"#).unwrap();
        let prepared = Rc::new(search.prepare(SearchSpec::parse(&spec).unwrap()).unwrap());
        let views: Vec<Rc<dyn View>> = vec![Rc::new(Indexes), search.clone()];
        let (store, catalog) = (MemoryStore::default(), Catalog::default());
        Self { store, catalog, search, views, prepared, rng: SeededRng::new(seed), warm: Rc::new(Warm::new(30_000)) }
    }

    pub(super) fn declare(&mut self) {
        let (catalog, prepared) = (&self.catalog, &self.prepared);
        self.store.commit(|tx| declare(tx, catalog, "c", prepared)).unwrap();
    }

    fn text(&self, words: u64) -> String {
        let word = |_| {
            // Few words are frequent, many are rare.
            let rank = self.rng.below(1 << self.rng.below(9));
            format!("w{rank}")
        };
        (0..self.rng.below(words)).map(word).collect::<Vec<_>>().join(" ")
    }

    pub(super) fn put(&mut self, count: u64, ids: u64) {
        let document = |_| {
            let id = self.rng.below(ids);
            if self.rng.one_in(8) {
                return format!(r#"{{"id":"d{id}","n":{}}}"#, self.rng.below(2));
            }
            format!(
                r#"{{"id":"d{id}","t":"{}","b":["{}","{}"],"x":[{{"y":"{}"}}],"n":{}}}"#,
                self.text(4),
                self.text(30),
                self.text(5),
                self.text(3),
                self.rng.below(2),
            )
        };
        let docs = format!("[{}]", (0..count).map(document).collect::<Vec<_>>().join(","));
        self.put_json(&docs);
    }

    fn put_json(&mut self, docs: &str) {
        let mut insert = Insert::new("c", docs.as_bytes().to_vec(), InsertMode::Put, None);
        let (catalog, views) = (&self.catalog, &self.views);
        self.store.commit(|tx| insert.run(tx, catalog, views)).unwrap();
    }

    pub(super) fn delete(&mut self, count: u64, ids: u64) {
        let ids = (0..count).map(|_| format!("d{}", self.rng.below(ids)).into()).collect();
        let delete = Delete { collection: "c".into(), target: Target::Ids(ids), returning: false };
        let (catalog, views) = (&self.catalog, &self.views);
        let mut sweep = Sweep::in_slices(1000);
        self.store.commit(|tx| delete.run(&mut sweep, tx, catalog, views)).unwrap();
    }

    /// Runs the builder to its end, with `meanwhile` between reading and committing.
    fn build(&mut self, mut meanwhile: impl FnMut(&mut Self)) {
        let Some(collection) = self.store.read(|view| self.catalog.find(view, "c")).unwrap() else { return };
        let Some(search) = collection.search.clone().filter(|search| !search.ready) else { return };
        let mut builder = Builder::new("c", search.id, self.search.prepared(&search).unwrap());
        loop {
            let step = self.store.read(|view| builder.read(view, &self.catalog)).unwrap();
            match step {
                ReadStep::More if !self.rng.one_in(3) => continue,
                ReadStep::Gone => return,
                _ => {}
            }
            meanwhile(self);
            let catalog = &self.catalog;
            let end = step == ReadStep::End;
            if self.store.commit(|tx| builder.commit(tx, catalog, end)).unwrap() == CommitStep::Gone || end {
                return;
            }
            builder = builder.next();
        }
    }

    /// Does `slices` slices of merging and clearing.
    pub(super) fn merge(&mut self, slices: u64) {
        let collection = self.store.read(|view| self.catalog.find(view, "c")).unwrap();
        let Some((id, search)) = collection.and_then(|found| Some((found.id, found.search.clone()?))) else { return };
        for _ in 0..slices {
            let merged = self.store.commit(|tx| merge::slice(tx, id, &search, Pace::Quiet)).unwrap();
            let cleared = self.store.commit(|tx| merge::clear_slice(tx, id, &search)).unwrap();
            if !merged && !cleared {
                break;
            }
        }
        self.store.commit(|tx| clear_slice(tx)).unwrap();
    }

    /// The numbers of collection and index, and the declaration.
    pub(super) fn index(&self) -> (u32, u32, &Rc<Prepared>) {
        let collection = self.store.read(|view| self.catalog.find(view, "c")).unwrap().unwrap();
        (collection.id, collection.search.as_ref().unwrap().id, &self.prepared)
    }

    /// The same over another store.
    pub(super) fn with_store(&self, store: MemoryStore) -> Self {
        let (search, views, prepared) = (self.search.clone(), self.views.clone(), self.prepared.clone());
        Self { store, catalog: Catalog::default(), search, views, prepared, rng: SeededRng::new(1), warm: Warm::once() }
    }

    /// A slice of merging that may fail.
    pub(super) fn try_merge(&mut self) -> crate::base::Result<bool> {
        let collection = self.store.read(|view| self.catalog.find(view, "c"))?.unwrap();
        let search = collection.search.clone().unwrap();
        self.store.commit(|tx| merge::slice(tx, collection.id, &search, Pace::Quiet))
    }

    /// What is wrong, if something is.
    pub(super) fn complaint(&self) -> Option<String> {
        let collection = self.store.read(|view| self.catalog.find(view, "c")).unwrap()?;
        let search = collection.search.as_ref().filter(|search| search.ready)?;
        let word = || format!("w{}", self.rng.below(1 << self.rng.below(9)));
        let queries = [
            format!(r#""{} {} {}""#, word(), word(), word()),
            format!(r#"{{"text":"{} {}","match":"all"}}"#, word(), word()),
            format!(r#"{{"phrase":"{} {}","slop":2}}"#, word(), word()),
            format!(r#"{{"text":"{}","prefix":true,"fields":["b"]}}"#, word()),
            format!(r#"{{"text":"{} {}","fuzzy":1,"fields":{{"t":2,"x.y":5}}}}"#, word(), word()),
            format!(r#"{{"must":"{}","not":"{}","should":["{}"]}}"#, word(), word(), word()),
        ];
        let queries = queries.map(|query| json::parse(query.as_bytes()).unwrap());
        let look = |view: &dyn crate::engine::Read| match difference(view, &collection, search, &self.prepared)? {
            None => result_difference(view, &collection, search, &self.prepared, &queries, &self.warm),
            found => Ok(found),
        };
        self.store.read(look).unwrap()
    }

    /// Random life.
    pub(super) fn live(&mut self, steps: u64) -> Result<(), String> {
        if self.rng.one_in(2) {
            self.declare();
        }
        let ids = 20 + self.rng.below(600);
        for step in 0..steps {
            match self.rng.below(12) {
                0..=3 => self.put(1 + self.rng.below(4), ids),
                4 | 5 => self.put(self.rng.below(300), ids),
                6 => self.delete(1 + self.rng.below(3), ids),
                7 => self.delete(self.rng.below(ids), ids),
                8 | 9 => self.merge(1 + self.rng.below(3)),
                10 => self.merge(100),
                _ => {
                    self.declare();
                    self.build(|model| {
                        model.put(model.rng.below(9), ids);
                        model.delete(model.rng.below(9), ids);
                    });
                    if self.rng.one_in(6) {
                        let catalog = &self.catalog;
                        self.store.commit(|tx| drop_search(tx, catalog, "c")).unwrap();
                    }
                }
            }
            let looks = self.rng.one_in(3) || step + 1 == steps;
            if let Some(complaint) = looks.then(|| self.complaint()).flatten() {
                return Err(format!("step {step}: {complaint}"));
            }
        }
        Ok(())
    }
}

fn check(seeds: std::ops::Range<u64>, one_in: u64) {
    for seed in seeds {
        let mut model = Model::new(seed);
        model.store.inject_misses(one_in, seed);
        model.live(30).unwrap_or_else(|text| panic!("seed {seed}: {text}"));
    }
}

#[test]
fn the_index_is_always_the_one_rebuilt_from_the_documents() {
    check(0..14, 0);
}

#[test]
fn the_index_is_the_same_when_blocks_are_missing_at_first() {
    check(100..104, 3);
}

#[test]
fn a_document_that_loses_its_text_while_the_index_is_filled_is_not_found_by_it() {
    let mut model = Model::new(9);
    model.put(200, 100);
    model.declare();
    model.build(|model| model.put_json(r#"[{"id":"d3","n":1},{"id":"d4","n":2},{"id":"d5","n":3}]"#));
    assert_eq!(model.complaint(), None);
}

#[test]
fn a_dropped_index_leaves_nothing_behind() {
    let mut model = Model::new(7);
    model.declare();
    model.put(300, 500);
    model.put(300, 500);
    model.merge(1);
    let catalog = &model.catalog;
    assert!(model.store.commit(|tx| drop_search(tx, catalog, "c")).unwrap());
    while model.store.commit(|tx| clear_slice(tx)).unwrap() {}
    assert!(!model.store.entries().keys().any(|key| key.first() == Some(&crate::collections::keys::SEARCH)));
}

#[test]
fn merging_everything_leaves_one_segment_without_the_removed() {
    let mut model = Model::new(8);
    model.declare();
    (0..40).for_each(|_| model.put(20, 100));
    model.delete(300, 90);
    model.merge(1000);
    assert_eq!(model.complaint(), None);
}

#[test]
fn a_first_search_waits_for_the_head_the_terms_and_then_the_documents_with_their_lengths() {
    let mut model = Model::new(10);
    model.declare();
    model.put(300, 5000);
    let (collection, index, prepared) = model.index();
    let prepared = Rc::clone(prepared);
    let Prepared { spec, analyzers } = &*prepared;
    model.store.inject_misses(1, 10);
    let query = Query::parse(&Value::String("w0".into()), &Options::default(), spec).unwrap();
    let (plan, warm) = (Plan::new(&query, spec, analyzers).unwrap(), Rc::new(Warm::new(1 << 20)));
    let (mut runs, mut top, mut evaluation) = (0, Top::new(10), Evaluation::new(plan));
    let search = |view: &dyn Read| {
        runs += 1;
        let stored = StoredPostings::open(view, collection, index, spec, &warm)?;
        evaluation.run(spec, &stored, &mut top, u64::MAX >> 1)
    };
    model.store.read(search).unwrap();
    assert_eq!((runs, top.into_hits().len()), (4, 10));
}

#[cfg(feature = "planted-bugs")]
mod planted_tests {
    use super::*;
    use crate::base::planted::{plant, Bug};

    fn check_caught(bug: Bug) {
        plant(Some(bug));
        let caught = (0..20).any(|seed| {
            let live = || Model::new(seed).live(30);
            std::panic::catch_unwind(live).map_or(true, |result| result.is_err())
        });
        plant(None);
        assert!(caught, "{bug:?} went unnoticed");
    }

    #[test]
    fn forgetting_to_remove_a_document_is_caught() {
        check_caught(Bug::ForgetPostingDelete);
    }

    #[test]
    fn counts_that_are_not_decremented_are_caught() {
        check_caught(Bug::KeepSearchTotals);
    }

    #[test]
    fn a_merge_that_drops_a_block_is_caught() {
        check_caught(Bug::MergeDropsBlock);
    }
}
