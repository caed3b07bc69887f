//! Random operations against a plain map: the same documents, and indexes that agree with them, after every step.

use std::collections::BTreeMap;
use std::rc::Rc;

use proptest::prelude::*;

use super::build::{clear_slice, drop_index, BuildStep};
use super::catalog::IndexSpec;
use super::find::{Matcher, Query};
use super::fixture::{value, Fixture};
use super::update::Update;
use super::write::{Delete, InsertMode, Returning, Sweep, Target, UpdateDocuments};
use super::{json, Value};

#[derive(Clone, Debug)]
enum Operation {
    Write(InsertMode, Vec<(String, String)>),
    Update(Vec<String>, i32),
    /// Adds to `u` of every document.
    Shift(i32),
    Delete(Vec<String>),
    CreateIndex(usize),
    BuildSlice,
    DropIndex(usize),
    Clear,
}

fn specs() -> Vec<IndexSpec> {
    vec![
        IndexSpec::on(&["n"]).unwrap(),
        IndexSpec::new(None, &[("t", true), ("n", false)], false).unwrap(),
        IndexSpec::new(Some("u"), &[("u", false)], true).unwrap(),
    ]
}

fn operation() -> impl Strategy<Value = Operation> {
    let id = || "[a-h]";
    let field = prop::sample::select(vec!["1", "2", "\"x\"", "null", "[1,2]", "[]"]);
    let unique = prop::option::weighted(0.4, 0u8..12);
    let document = (field.clone(), field, unique).prop_map(|(n, t, u)| {
        let unique = u.map_or(String::new(), |u| format!(",\"u\":{u}"));
        format!("\"n\":{n},\"t\":{t}{unique}")
    });
    let mode = prop::sample::select(vec![InsertMode::Insert, InsertMode::Put, InsertMode::Replace]);
    prop_oneof![
        6 => (mode, prop::collection::vec((id(), document), 1..5)).prop_map(|(mode, docs)| Operation::Write(mode, docs)),
        2 => (prop::collection::vec(id(), 1..3), 0..12i32).prop_map(|(ids, n)| Operation::Update(ids, n)),
        2 => (-2..3i32).prop_map(Operation::Shift),
        2 => prop::collection::vec(id(), 1..3).prop_map(Operation::Delete),
        2 => (0usize..3).prop_map(Operation::CreateIndex),
        2 => Just(Operation::BuildSlice),
        1 => (0usize..3).prop_map(Operation::DropIndex),
        1 => Just(Operation::Clear),
    ]
}

type Model = BTreeMap<String, Value>;

/// What an operation makes of the model, or `None` if it must be refused for its ids.
fn apply_write(model: &Model, mode: InsertMode, documents: &[(String, String)]) -> Option<Model> {
    let mut after = model.clone();
    for (id, fields) in documents {
        let exists = after.contains_key(id);
        match mode {
            InsertMode::Insert if exists => return None,
            InsertMode::Replace if !model.contains_key(id) => continue,
            _ => {}
        }
        after.insert(id.clone(), value(&format!("{{\"id\":\"{id}\",{fields}}}")));
    }
    Some(after)
}

/// Whether two documents have the same `u`.
fn violates(model: &Model) -> bool {
    let mut keys: Vec<_> = model.values().filter_map(|document| document.field("u")).map(json::to_json).collect();
    let all = keys.len();
    keys.sort();
    keys.dedup();
    keys.len() < all
}

struct Run {
    fixture: Fixture,
    model: Model,
    /// The weight of a slice of an update or a delete.
    slice: usize,
}

impl Run {
    /// Whether the unique index refuses writes. While it is being built it may miss old documents.
    fn has_unique(&self) -> bool {
        self.fixture.collection().is_some_and(|found| found.index("u").is_some_and(|index| index.ready))
    }

    fn is_building_unique(&self) -> bool {
        self.fixture.collection().is_some_and(|found| found.index("u").is_some_and(|index| !index.ready))
    }

    fn settle(&mut self, result: crate::base::Result<()>, after: Option<Model>) {
        match (result, after) {
            (Ok(()), Some(after)) => {
                assert!(!(self.has_unique() && violates(&after)), "a violation was let through");
                self.model = after;
            }
            (Err(error), Some(after)) => {
                let excused = self.is_building_unique() || self.has_unique() && violates(&after);
                assert!(excused && error.reason() == Some("unique"), "{error}");
            }
            (Err(error), None) => assert_eq!(error.reason(), Some("duplicate-id")),
            (Ok(()), None) => panic!("a taken id was let through"),
        }
    }

    fn step(&mut self, operation: Operation) {
        match operation {
            Operation::Write(mode, documents) => {
                let text: Vec<_> =
                    documents.iter().map(|(id, fields)| format!("{{\"id\":\"{id}\",{fields}}}")).collect();
                let after = apply_write(&self.model, mode, &documents);
                let result = self.fixture.write(mode, &format!("[{}]", text.join(","))).map(drop);
                self.settle(result, after);
            }
            Operation::Update(ids, n) => {
                let target = Target::Ids(ids.iter().map(|id| id.as_str().into()).collect());
                self.update(target, &|id| ids.iter().any(|one| one == id), &format!("{{\"$set\":{{\"u\":{n}}}}}"));
            }
            Operation::Shift(n) => {
                let all = Query::new("c", Matcher::parse(value("{}"), 0.0).unwrap());
                self.update(Target::Query(Rc::new(all)), &|_| true, &format!("{{\"$inc\":{{\"u\":{n}}}}}"));
            }
            Operation::Delete(ids) => {
                let target = Target::Ids(ids.iter().map(|id| id.as_str().into()).collect());
                let delete = Delete { collection: "c".into(), target, returning: false };
                let mut sweep = Sweep::in_slices(self.slice);
                self.fixture.commit(|tx, catalog, views| delete.run(&mut sweep, tx, catalog, views)).unwrap();
                self.model.retain(|id, _| !ids.contains(id));
            }
            Operation::CreateIndex(number) => self.fixture.create_index(specs()[number].clone()),
            Operation::BuildSlice => {
                for step in self.fixture.build_all() {
                    if let BuildStep::Failed(error) = step {
                        assert!(violates(&self.model) && error.reason() == Some("unique"), "{error}");
                    }
                }
            }
            Operation::DropIndex(number) => {
                let name = specs()[number].name.clone();
                self.fixture.commit(|tx, catalog, _| drop_index(tx, catalog, "c", &name)).unwrap();
            }
            Operation::Clear => while self.fixture.commit(|tx, _, _| clear_slice(tx)).unwrap() {},
        }
    }

    fn update(&mut self, target: Target, is_meant: &dyn Fn(&str) -> bool, change: &str) {
        let change = Update::parse(&value(change)).unwrap();
        let mut after = self.model.clone();
        for (_, document) in after.iter_mut().filter(|(id, _)| is_meant(id)) {
            change.apply(document, 0.0).unwrap();
        }
        let update = UpdateDocuments {
            collection: "c".into(),
            target,
            update: change,
            upsert: None,
            returning: Returning::Nothing,
            version: None,
            now_ms: 0.0,
        };
        let mut sweep = Sweep::in_slices(self.slice);
        let result = self.fixture.commit(|tx, catalog, views| update.run(&mut sweep, tx, catalog, views)).map(drop);
        self.settle(result, Some(after));
    }

    fn check(&self) {
        self.fixture.check_agreement();
        let stored = self.fixture.documents();
        let expected: BTreeMap<_, _> = self
            .model
            .iter()
            .map(|(id, document)| (id.clone(), String::from_utf8(json::to_json(document)).unwrap()))
            .collect();
        assert_eq!(stored, expected);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn documents_are_the_models_and_indexes_agree_after_every_step(
        operations in prop::collection::vec(operation(), 1..40), misses in 0u64..4, seed: u64,
        slice in prop::sample::select(vec![1usize, 700, 100_000]),
    ) {
        let mut run = Run { fixture: Fixture::new(), model: Model::new(), slice };
        run.fixture.store.inject_misses(misses, seed);
        for operation in operations {
            run.step(operation);
            run.check();
        }
    }
}

#[test]
fn nothing_is_left_of_a_dropped_collection() {
    let mut fixture = Fixture::with_indexes(&specs());
    fixture.insert(r#"[{"id":"a","n":1,"u":1},{"id":"b","n":[1,2]}]"#).unwrap();
    fixture.commit(|tx, catalog, _| super::build::drop_collection(tx, catalog, "c")).unwrap();
    while fixture.commit(|tx, _, _| clear_slice(tx)).unwrap() {}
    let left: Vec<_> = fixture.store.entries().keys().collect();
    assert_eq!(left, [super::keys::NEXT_COLLECTION]);
}

#[test]
fn a_build_goes_on_where_it_stopped_and_writers_meanwhile_are_in_it() {
    let mut fixture = Fixture::new();
    let documents: Vec<_> = (0..1200).map(|n| format!("{{\"id\":\"{n:04}\",\"n\":{}}}", n % 7)).collect();
    fixture.insert(&format!("[{}]", documents.join(","))).unwrap();
    fixture.create_index(IndexSpec::on(&["n"]).unwrap());
    let build = fixture.store.read(|view| super::build::builds(view, &fixture.catalog)).unwrap().remove(0);
    let step = fixture.commit(|tx, catalog, _| build.slice(tx, catalog)).unwrap();
    assert_eq!(step, BuildStep::Building { done: 500, total: 1200 });
    fixture
        .write(InsertMode::Put, r#"[{"id":"0001","n":"early"},{"id":"1100","n":"late"},{"id":"new","n":1}]"#)
        .unwrap();
    assert_eq!(fixture.build_all(), [BuildStep::Ready { done: 1201 }]);
    fixture.check_agreement();
}

/// Each deliberate fault of this floor is noticed by the checks that the model test makes after every step.
#[cfg(feature = "planted-bugs")]
mod planted_tests {
    use super::*;
    use crate::base::planted::{plant, Bug};

    fn notices(bug: Bug, operations: &[Operation]) {
        let run = |bug: Option<Bug>| {
            plant(bug);
            let outcome = std::panic::catch_unwind(|| {
                let mut run = Run { fixture: Fixture::new(), model: Model::new(), slice: 1 };
                for operation in operations {
                    run.step(operation.clone());
                    run.check();
                }
            });
            plant(None);
            outcome.is_ok()
        };
        assert!(run(None), "the operations fail without a fault");
        assert!(!run(Some(bug)), "{bug:?} went unnoticed");
    }

    fn put(documents: &[(&str, &str)]) -> Operation {
        let documents = documents.iter().map(|(id, fields)| ((*id).to_owned(), (*fields).to_owned())).collect();
        Operation::Write(InsertMode::Put, documents)
    }

    #[test]
    fn an_entry_that_an_update_forgot_is_noticed() {
        notices(
            Bug::ForgetIndexDelete,
            &[put(&[("a", "\"n\":1")]), Operation::CreateIndex(0), Operation::BuildSlice, put(&[("a", "\"n\":2")])],
        );
    }

    #[test]
    fn a_unique_index_that_does_not_look_is_noticed() {
        let first = put(&[("a", "\"u\":1")]);
        notices(
            Bug::SkipUniqueCheck,
            &[first, Operation::CreateIndex(2), Operation::BuildSlice, put(&[("b", "\"u\":1")])],
        );
    }

    #[test]
    fn a_count_that_forgets_is_noticed() {
        notices(Bug::ForgetCount, &[put(&[("a", "\"n\":1")]), Operation::Delete(vec!["a".to_owned()])]);
    }
}
