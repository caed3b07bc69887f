use std::cmp::Reverse;
use std::collections::BTreeMap;

use proptest::prelude::*;

use crate::engine::access::{Direction, KeyRange};
use crate::engine::memtable::{Memtable, Version};
use crate::engine::memtable_cursor::MemtableCursor;

type Model = BTreeMap<(Vec<u8>, Reverse<u64>), Option<Vec<u8>>>;
type Row = (Vec<u8>, u64, Option<Vec<u8>>, bool);

fn rows(table: &Memtable, range: &KeyRange, direction: Direction) -> Vec<Row> {
    let mut cursor = MemtableCursor::new(table, range, direction);
    let mut rows = Vec::new();
    while cursor.step() {
        let Version { position, value } = cursor.version();
        rows.push((cursor.key().to_vec(), position, value.map(<[u8]>::to_vec), cursor.is_older()));
    }
    rows
}

fn model_rows(model: &Model, range: &KeyRange) -> Vec<Row> {
    let mut rows = Vec::<Row>::new();
    for ((key, Reverse(position)), value) in model {
        if range.contains(key) {
            let older = rows.last().is_some_and(|row| row.0 == *key);
            rows.push((key.clone(), *position, value.clone(), older));
        }
    }
    rows
}

/// Compares row by row: a failure prints one row, not the whole table.
fn check_rows(found: &[Row], expected: &[Row]) {
    for (found, expected) in found.iter().zip(expected) {
        assert_eq!(found, expected);
    }
    assert_eq!(found.len(), expected.len());
}

fn check(table: &Memtable, model: &Model, range: &KeyRange) {
    let mut expected = model_rows(model, range);
    check_rows(&rows(table, range, Direction::Forward), &expected);
    expected.reverse();
    check_rows(&rows(table, range, Direction::Backward), &expected);
    assert_eq!(table.len(), model.len());
}

fn check_get(table: &Memtable, model: &Model, key: &[u8], position: u64) {
    let from = (key.to_vec(), Reverse(position));
    let expected = model.range(from..).next().filter(|((found, _), _)| found == key);
    let found = table.get(key, position).map(|version| (version.position, version.value.map(<[u8]>::to_vec)));
    assert_eq!(found, expected.map(|((_, position), value)| (position.0, value.clone())));
}

fn key(n: u32) -> Vec<u8> {
    format!("note-{:03}", n % 900).into_bytes()
}

fn everything() -> KeyRange {
    KeyRange { start: Vec::new(), end: None }
}

#[test]
fn an_insert_that_is_undone_leaves_what_was_there() {
    let mut table = Memtable::new();
    table.insert(b"a", 1, Some(b"old"));
    let undo = table.insert(b"a", 1, Some(b"new"));
    let fresh = table.insert(b"b", 1, None);
    assert_eq!(table.get(b"a", 9), Some(Version { position: 1, value: Some(b"new") }));
    table.undo(b"b", 1, fresh);
    table.undo(b"a", 1, undo);
    assert_eq!(table.get(b"a", 9), Some(Version { position: 1, value: Some(b"old") }));
    assert_eq!(table.get(b"b", 9), None);
    assert_eq!(table.len(), 1);
}

#[test]
fn what_is_undone_gives_its_memory_back() {
    let mut table = Memtable::new();
    table.insert(b"kept", 1, Some(&[1; 50]));
    let before = table.bytes();
    let key = |n: usize| format!("key-{:03}", n * 7 % 500);
    let undos: Vec<_> = (0..500).map(|n| (n, table.insert(key(n).as_bytes(), 2, Some(&[2; 20_000])))).collect();
    let again: Vec<_> = (0..500).map(|n| (n, table.insert(key(n).as_bytes(), 2, Some(&[3; 500])))).collect();
    assert!(table.bytes() > 10_000_000, "{}", table.bytes());
    undos.into_iter().chain(again).rev().for_each(|(n, undo)| table.undo(key(n).as_bytes(), 2, undo));
    // A chunk keeps the room for its descriptors.
    assert!(table.len() == 1 && table.bytes() < before + 5_000, "{} after {before}", table.bytes());
    assert_eq!(table.get(b"kept", 1), Some(Version { position: 1, value: Some(&[1; 50]) }));
}

#[test]
fn a_reader_sees_the_newest_version_at_or_before_its_position() {
    let mut table = Memtable::new();
    table.insert(b"k", 5, None);
    table.insert(b"k", 3, Some(b"three"));
    assert_eq!(table.get(b"k", 2), None);
    assert_eq!(table.get(b"k", 4), Some(Version { position: 3, value: Some(b"three") }));
    assert_eq!(table.get(b"k", 5), Some(Version { position: 5, value: None }));
    assert_eq!(table.newest_position(b"k"), Some(5));
    assert_eq!(table.newest_position(b"j"), None);
}

#[test]
fn hundreds_of_versions_of_one_key_stay_in_order() {
    let mut table = Memtable::new();
    let mut model = Model::new();
    for n in 0..1000u64 {
        let position = n * 7919 % 1000;
        table.insert(b"hot", position, Some(&position.to_le_bytes()));
        model.insert((b"hot".to_vec(), Reverse(position)), Some(position.to_le_bytes().to_vec()));
    }
    check(&table, &model, &everything());
    for position in 0..1000 {
        check_get(&table, &model, b"hot", position);
    }
}

#[test]
fn ascending_inserts_fill_chunks_and_memory_stays_near_the_data() {
    let mut table = Memtable::new();
    for n in 0..20_000u32 {
        table.insert(format!("id-{n:08}").as_bytes(), 1, Some(&[7; 89]));
    }
    let data = 20_000 * (100 + 32);
    assert!(table.bytes() < data * 5 / 4, "{} bytes for {data}", table.bytes());
}

fn operations() -> impl Strategy<Value = Vec<(u8, u32, u64, Vec<u8>)>> {
    prop::collection::vec((0u8..8, 0u32..2000, 1u64..6, prop::collection::vec(any::<u8>(), 0..9)), 0..900)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn it_behaves_as_a_map_of_versions(operations in operations(), probe: u32, stop: u32, floor in 0u64..6) {
        let mut table = Memtable::new();
        let mut model = Model::new();
        for (operation, n, position, value) in operations {
            let (key, at) = (key(n), (key(n), Reverse(position)));
            match operation {
                0 => prop_assert_eq!(table.remove(&key, position), model.remove(&at).is_some()),
                1 => { table.insert(&key, position, None); model.insert(at, None); }
                2 => { let undo = table.insert(&key, position, Some(b"undone")); table.undo(&key, position, undo); }
                _ => { table.insert(&key, position, Some(&value)); model.insert(at, Some(value)); }
            }
        }
        check(&table, &model, &everything());
        check(&table, &model, &KeyRange { start: key(probe), end: Some(key(stop)) });
        check(&table, &model, &KeyRange { start: b"note-5".to_vec(), end: Some(b"zebra".to_vec()) });
        for position in 0..7 {
            check_get(&table, &model, &key(probe), position);
        }
        table.drop_upto(floor);
        model.retain(|(_, position), _| position.0 > floor);
        check(&table, &model, &everything());
    }
}
