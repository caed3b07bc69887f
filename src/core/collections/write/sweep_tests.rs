//! Updates and deletes in slices of one document each.

use std::rc::Rc;

use super::super::super::catalog::IndexSpec;
use super::super::super::find::{Matcher, Query};
use super::super::super::fixture::{value, Fixture};
use super::super::super::update::Update;
use super::super::{Delete, Returning, Sweep, Target, UpdateDocuments, Written};
use crate::base::Result;
use crate::engine::Pause;

fn fixture(count: usize) -> Fixture {
    let unique = IndexSpec::new(Some("u"), &[("u", false)], true).unwrap();
    let mut fixture = Fixture::with_indexes(&[IndexSpec::on(&["n"]).unwrap(), unique]);
    let documents: Vec<_> = (0..count).map(|n| format!(r#"{{"id":"{n:02}","n":{n},"u":{n}}}"#)).collect();
    fixture.insert(&format!("[{}]", documents.join(","))).unwrap();
    fixture
}

fn matches(filter: &str) -> Target {
    Target::Query(Rc::new(Query::new("c", Matcher::parse(value(filter), 0.0).unwrap())))
}

fn update(target: Target, change: &str) -> UpdateDocuments {
    UpdateDocuments {
        collection: "c".into(),
        target,
        update: Update::parse(&value(change)).unwrap(),
        upsert: None,
        returning: Returning::Nothing,
        version: None,
        now_ms: 0.0,
    }
}

/// Runs it in slices of one document; answers how often it gave the thread back, too.
fn run(fixture: &mut Fixture, update: &UpdateDocuments) -> (Result<Written>, usize) {
    let (mut sweep, mut yields) = (Sweep::in_slices(1), 0);
    let (catalog, views) = (&fixture.catalog, &fixture.views);
    let written = fixture.store.commit_afresh(|tx| {
        let step = update.run(&mut sweep, tx, catalog, views);
        yields += usize::from(step == Err(Pause::Yield));
        step
    });
    (written, yields)
}

#[test]
fn an_update_gives_the_thread_back_after_each_slice_and_answers_as_one() {
    let mut fixture = fixture(10);
    let (written, yields) = run(&mut fixture, &update(matches(r#"{"n":{"$gte":4}}"#), r#"{"$set":{"n":-1}}"#));
    let written = written.unwrap();
    assert_eq!((written.matched, written.modified, written.ids.len()), (6, 6, 6));
    assert!(yields >= 6, "{yields}");
    assert_eq!(fixture.find(r#"{"n":-1}"#, None, None, None).unwrap().len(), 6);
    fixture.check_agreement();
}

#[test]
fn a_document_may_take_the_unique_value_that_one_of_a_later_slice_gives_up() {
    let mut fixture = fixture(10);
    let (written, _) = run(&mut fixture, &update(matches("{}"), r#"{"$inc":{"u":1}}"#));
    assert_eq!(written.unwrap().modified, 10);
    fixture.check_agreement();
    assert_eq!(fixture.find(r#"{"u":10}"#, None, None, None).unwrap(), ["09"]);
}

#[test]
fn a_unique_value_that_is_taken_refuses_all_slices() {
    let mut fixture = fixture(10);
    let before = fixture.store.entries().clone();
    let (refused, yields) = run(&mut fixture, &update(matches(r#"{"n":{"$lt":9}}"#), r#"{"$inc":{"u":1}}"#));
    assert_eq!(refused.unwrap_err().reason(), Some("unique"));
    assert!(yields > 9, "it was found out in the last slice: {yields}");
    assert!(before == *fixture.store.entries());
}

#[test]
fn documents_that_are_wanted_back_come_from_all_slices() {
    let mut fixture = fixture(4);
    let change = UpdateDocuments { returning: Returning::Before, ..update(matches("{}"), r#"{"$set":{"n":7}}"#) };
    let documents = run(&mut fixture, &change).0.unwrap().documents;
    assert_eq!(documents.len(), 4);
    assert_eq!(documents[3].as_deref(), Some(&br#"{"id":"03","n":3,"u":3}"#[..]));
}

#[test]
fn a_delete_by_ids_goes_in_slices_too() {
    let mut fixture = fixture(5);
    let ids = ["03", "xx", "01", "03"].map(Box::from).to_vec();
    let delete = Delete { collection: "c".into(), target: Target::Ids(ids), returning: false };
    let mut sweep = Sweep::in_slices(1);
    let written = fixture.commit(|tx, catalog, views| delete.run(&mut sweep, tx, catalog, views)).unwrap();
    assert_eq!((written.deleted, &*written.ids[0], &*written.ids[1]), (2, "03", "01"));
    fixture.check_agreement();
    assert_eq!(fixture.documents().len(), 3);
}
