use super::super::catalog::IndexSpec;
use super::super::fixture::{value, Fixture};
use super::super::update::Update;
use super::super::Value;
use super::{upsert_base, Delete, InsertMode, Returning, Sweep, Target, UpdateDocuments, Upsert, Written};

fn update(ids: &[&str], update: &str, upsert: bool) -> UpdateDocuments {
    let base = Value::Object(vec![("id".into(), Value::String(ids[0].into()))]);
    UpdateDocuments {
        collection: "c".into(),
        target: Target::Ids(ids.iter().map(|id| (*id).into()).collect()),
        update: Update::parse(&value(update)).unwrap(),
        upsert: upsert.then_some(Upsert { base, new_id: None }),
        returning: Returning::After,
        version: None,
        now_ms: 0.0,
    }
}

fn run(fixture: &mut Fixture, change: &UpdateDocuments) -> Written {
    let mut sweep = Sweep::in_slices(1000);
    fixture.commit(|tx, catalog, views| change.run(&mut sweep, tx, catalog, views)).unwrap()
}

fn unique() -> Fixture {
    Fixture::with_indexes(&[IndexSpec::new(Some("u"), &[("k", false)], true).unwrap()])
}

#[test]
fn a_taken_id_refuses_the_whole_batch() {
    let mut fixture = Fixture::new();
    fixture.insert(r#"[{"id":"a"}]"#).unwrap();
    for batch in [r#"[{"id":"b"},{"id":"a"}]"#, r#"[{"id":"b"},{"id":"b"}]"#] {
        assert_eq!(fixture.insert(batch).unwrap_err().reason(), Some("duplicate-id"));
        assert_eq!(fixture.documents().len(), 1);
    }
    fixture.check_agreement();
}

#[test]
fn put_keeps_the_last_of_equal_ids_and_replace_leaves_new_ones_out() {
    let mut fixture = Fixture::new();
    let written = fixture.write(InsertMode::Put, r#"[{"id":"a","n":1},{"id":"a","n":2}]"#).unwrap();
    assert_eq!((written.inserted, written.matched), (1, 0));
    let written = fixture.write(InsertMode::Replace, r#"[{"id":"a","n":3},{"id":"b"}]"#).unwrap();
    assert_eq!((written.matched, written.modified), (1, 1));
    assert_eq!(fixture.documents()["a"], r#"{"id":"a","n":3}"#);
    assert_eq!(fixture.documents().len(), 1);
}

#[test]
fn a_unique_index_refuses_equal_values_in_the_batch_and_in_the_collection() {
    let mut fixture = unique();
    fixture.insert(r#"[{"id":"a","k":1},{"id":"b"},{"id":"c"}]"#).unwrap();
    for batch in [r#"[{"id":"x","k":1}]"#, r#"[{"id":"x","k":2},{"id":"y","k":2}]"#, r#"[{"id":"x","k":[5,1]}]"#] {
        assert_eq!(fixture.insert(batch).unwrap_err().reason(), Some("unique"), "{batch}");
    }
    fixture.check_agreement();
}

#[test]
fn documents_may_swap_unique_values_in_one_batch() {
    let mut fixture = unique();
    fixture.insert(r#"[{"id":"a","k":1},{"id":"b","k":2}]"#).unwrap();
    fixture.write(InsertMode::Put, r#"[{"id":"a","k":2},{"id":"b","k":1}]"#).unwrap();
    fixture.check_agreement();
    assert_eq!(fixture.insert(r#"[{"id":"x","k":1}]"#).unwrap_err().reason(), Some("unique"));
}

#[test]
fn an_update_changes_what_exists_and_an_upsert_inserts_the_rest() {
    let mut fixture = Fixture::with_indexes(&[IndexSpec::on(&["n"]).unwrap()]);
    fixture.insert(r#"[{"id":"a","n":1}]"#).unwrap();
    let change = update(&["a", "zz", "a"], r#"{"$inc":{"n":1}}"#, false);
    let written = run(&mut fixture, &change);
    assert_eq!((written.matched, written.modified, written.inserted), (1, 1, 0));
    let change = update(&["b"], r#"{"$set":{"n":9}}"#, true);
    let written = run(&mut fixture, &change);
    assert_eq!((written.matched, written.inserted), (0, 1));
    assert_eq!(written.documents, [Some(br#"{"id":"b","n":9}"#.to_vec())]);
    fixture.check_agreement();
}

#[test]
fn a_delete_takes_documents_entries_and_count_along() {
    let mut fixture = Fixture::with_indexes(&[IndexSpec::on(&["tags"]).unwrap()]);
    fixture.insert(r#"[{"id":"a","tags":["x","y"]},{"id":"b","tags":[]}]"#).unwrap();
    let delete = Delete { collection: "c".into(), target: Target::Ids(vec!["a".into(), "q".into()]), returning: true };
    let mut sweep = Sweep::in_slices(1000);
    let written = fixture.commit(|tx, catalog, views| delete.run(&mut sweep, tx, catalog, views)).unwrap();
    assert_eq!((written.deleted, written.documents.len()), (1, 1));
    assert_eq!(fixture.documents().len(), 1);
    fixture.check_agreement();
}

#[test]
fn an_upsert_starts_from_what_the_filter_demands_by_equality() {
    let base =
        upsert_base(&value(r#"{"a":1,"b.c":{"$eq":2},"d":{"$gt":3},"$and":[{"e":"x"}],"$or":[{"f":1}]}"#)).unwrap();
    assert_eq!(base, value(r#"{"a":1,"b":{"c":2},"e":"x"}"#));
}
