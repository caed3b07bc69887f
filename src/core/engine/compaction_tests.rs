use std::cmp::Reverse;
use std::collections::BTreeMap;

use proptest::prelude::*;

use super::Compaction;
use crate::engine::access::{Direction, KeyRange, Step};
use crate::engine::blocks::{Blocks, Pins};
use crate::engine::compaction_pick::{is_compaction_due, pick_compaction, CompactionOptions, CompactionTask};
use crate::engine::levels::Levels;
use crate::engine::merge_cursor::{MergeCursor, Show};
use crate::engine::table_builder::{TableBuilder, TableSizes};
use crate::engine::test_store::TestStore;

type Model = BTreeMap<(Vec<u8>, Reverse<u64>), Option<Vec<u8>>>;
type Row = (Vec<u8>, u64, Option<Vec<u8>>);

const OPTIONS: CompactionOptions = CompactionOptions { level0_tables: 2, level1_bytes: 4000, ratio: 3 };

/// Runs one compaction, `step` entries at a time, into tables of about `cut` entries, and applies its edit.
fn compact(store: &mut TestStore, task: &CompactionTask, oldest: u64, step: usize, cut: usize) {
    let mut added = task.moved();
    if !task.is_move {
        let mut compaction = Compaction::new(task, &store.levels, oldest);
        let mut survivors = Vec::<Row>::new();
        loop {
            let done = store.run(|_, blocks| {
                compaction.step(blocks, step, |key, position, value| {
                    survivors.push((key.to_vec(), position, value.map(<[u8]>::to_vec)));
                    Ok(())
                })
            });
            if done {
                break;
            }
        }
        added = build(store, task.output_level, cut, &survivors);
    }
    store.levels = store.levels.replaced(&task.removed(), &added).unwrap();
}

fn build(
    store: &mut TestStore,
    level: u32,
    cut: usize,
    rows: &[Row],
) -> Vec<(u32, crate::engine::table_info::TableInfo)> {
    let mut tables = Vec::new();
    let mut start = 0;
    while start < rows.len() {
        let mut builder = TableBuilder::new(store.next_table, TableSizes::default());
        store.next_table += 1;
        let mut end = start;
        while end < rows.len() && (end - start < cut || rows[end].0 == rows[end - 1].0) {
            builder.add(&rows[end].0, rows[end].1, rows[end].2.as_deref()).unwrap();
            end += 1;
        }
        let (info, parts) = builder.finish().unwrap();
        store.blobs.extend(parts);
        tables.push((level, info));
        start = end;
    }
    tables
}

fn walk(store: &mut TestStore, show: Show) -> Vec<Row> {
    let everything = KeyRange { start: Vec::new(), end: None };
    store.run(|levels: &Levels, blocks: &Blocks<'_>| -> Step<Vec<Row>> {
        let mut cursor = MergeCursor::new([], levels.runs(), everything.clone(), Direction::Forward, show);
        let mut rows = Vec::new();
        while cursor.advance(blocks)? {
            rows.push((cursor.key().to_vec(), cursor.position(), cursor.value().map(<[u8]>::to_vec)));
        }
        Ok(rows)
    })
}

fn check_rows(found: &[Row], expected: &[Row]) {
    for (found, expected) in found.iter().zip(expected) {
        assert_eq!(found, expected);
    }
    assert_eq!(found.len(), expected.len());
}

fn visible(model: &Model, position: u64) -> Vec<Row> {
    let mut rows = Vec::<Row>::new();
    let mut last: Option<&[u8]> = None;
    for ((key, at), value) in model.iter().filter(|((_, at), _)| at.0 <= position) {
        if last != Some(key) && value.is_some() {
            rows.push((key.clone(), at.0, value.clone()));
        }
        last = Some(key);
    }
    rows
}

fn flush(store: &mut TestStore, model: &Model, low: u64, high: u64, cut: usize) {
    let new = model.iter().filter(|((_, at), _)| low < at.0 && at.0 <= high);
    store.write(0, cut, new.map(|((key, at), value)| (&key[..], at.0, value.as_deref())));
}

fn key(n: u16) -> Vec<u8> {
    format!("key-{:03}", n).into_bytes()
}

#[test]
fn tables_that_overlap_nothing_move_without_being_rewritten() {
    let mut store = TestStore::new(1 << 20);
    for n in 0..4u16 {
        store.write(
            0,
            99,
            (0..10).map(|m| key(n * 10 + m)).collect::<Vec<_>>().iter().map(|key| (&key[..], 1, Some(&b"v"[..]))),
        );
    }
    let task = pick_compaction(&store.levels, &OPTIONS).unwrap();
    assert!(task.is_move && task.inputs.len() == 4 && task.output_level == 1);
    compact(&mut store, &task, u64::MAX, 10, 20);
    assert_eq!(store.levels.level(1).len(), 4);
    assert!(pick_compaction(&store.levels, &OPTIONS).is_none());
}

#[test]
fn a_pile_takes_the_older_tables_it_overlaps_and_leaves_newer_ones() {
    let mut store = TestStore::new(1 << 20);
    for (position, keys) in [(1, [0, 50]), (2, [50, 90]), (3, [60, 90]), (4, [10, 20]), (5, [95, 99])] {
        store.write(0, 99, keys.map(key).iter().map(|key| (&key[..], position, Some(&b"v"[..]))));
    }
    let task = pick_compaction(&store.levels, &CompactionOptions { level0_tables: 3, ..OPTIONS });
    assert!(task.is_none(), "no three tables overlap at one key");
    let task = pick_compaction(&store.levels, &OPTIONS).unwrap();
    let mut inputs: Vec<_> = task.inputs.iter().map(|(_, table)| table.max_position).collect();
    inputs.sort_unstable();
    let expected = if inputs.contains(&4) { vec![1, 4] } else { vec![1, 2, 3] };
    assert_eq!(inputs, expected);
}

#[test]
fn a_delete_goes_once_nothing_lies_below_and_stays_while_something_does() {
    for below in [false, true] {
        let mut store = TestStore::new(1 << 20);
        if below {
            store.write(3, 9, [(&b"k"[..], 1, Some(&b"old"[..]))]);
        }
        store.write(0, 9, [(&b"k"[..], 3, None)]);
        store.write(0, 9, [(&b"k"[..], 2, Some(&b"new"[..]))]);
        let task = pick_compaction(&store.levels, &OPTIONS).unwrap();
        compact(&mut store, &task, u64::MAX, 1, 20);
        assert_eq!(store.levels.level(1).len(), usize::from(below));
        assert_eq!(walk(&mut store, Show::Visible(9)), []);
    }
}

#[test]
fn versions_that_a_snapshot_may_read_survive() {
    let mut store = TestStore::new(1 << 20);
    let versions =
        [(&b"k"[..], 9, None), (&b"k"[..], 7, Some(&b"7"[..])), (b"k", 5, Some(b"5")), (b"k", 3, Some(b"3"))];
    store.write(0, 9, versions);
    store.write(0, 9, [(&b"k"[..], 1, Some(&b"1"[..]))]);
    let task = pick_compaction(&store.levels, &OPTIONS).unwrap();
    compact(&mut store, &task, 6, 1, 20);
    let positions: Vec<_> = walk(&mut store, Show::Versions).iter().map(|row| row.1).collect();
    assert_eq!(positions, [9, 7, 5]);
}

#[test]
fn many_deletes_are_worth_a_compaction_of_their_own() {
    let mut store = TestStore::new(1 << 20);
    let keys: Vec<_> = (0..2000).map(|n| format!("{n:05}").into_bytes()).collect();
    store.write(2, 9999, keys.iter().map(|key| (&key[..], 1, Some(&b"v"[..]))));
    store.write(0, 9999, keys.iter().map(|key| (&key[..], 2, None)));
    let options = CompactionOptions::default();
    while let Some(task) = pick_compaction(&store.levels, &options) {
        compact(&mut store, &task, u64::MAX, 100, 2000);
    }
    assert!(store.levels.is_empty());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn compaction_changes_nothing_that_anybody_may_see(
        flushes in prop::collection::vec(
            prop::collection::vec((0u16..250, prop::option::weighted(0.6, prop::collection::vec(any::<u8>(), 0..120))), 1..120),
            1..9,
        ),
        cut in 5usize..80,
        step in 1usize..300,
        lag in 0u64..200,
    ) {
        let mut store = TestStore::new(50_000);
        let mut model = Model::new();
        let mut head = 0;
        for writes in flushes {
            let flushed = head;
            for (n, value) in writes {
                head += 1;
                model.insert((key(n), Reverse(head)), value);
            }
            flush(&mut store, &model, flushed, head, cut);
            let oldest = head.saturating_sub(lag);
            prop_assert_eq!(is_compaction_due(&store.levels, &OPTIONS), pick_compaction(&store.levels, &OPTIONS).is_some());
            while let Some(task) = pick_compaction(&store.levels, &OPTIONS) {
                prop_assert!(is_compaction_due(&store.levels, &OPTIONS));
                compact(&mut store, &task, oldest, step, cut);
            }
            prop_assert!(!is_compaction_due(&store.levels, &OPTIONS));
            for position in [oldest, (oldest + head) / 2, head] {
                check_rows(&walk(&mut store, Show::Visible(position)), &visible(&model, position));
            }
        }
    }

    #[test]
    fn without_snapshots_nothing_superfluous_reaches_the_bottom(
        writes in prop::collection::vec((0u16..60, prop::bool::weighted(0.5)), 1..300),
    ) {
        let mut store = TestStore::new(0);
        let mut model = Model::new();
        for (head, (n, put)) in (1u64..).zip(writes) {
            model.insert((key(n), Reverse(head)), put.then(|| b"v".to_vec()));
        }
        let head = 300;
        for low in (0..head).step_by(30) {
            flush(&mut store, &model, low, low + 30, 9999);
        }
        let options = CompactionOptions { level0_tables: 1, ..OPTIONS };
        while let Some(task) = pick_compaction(&store.levels, &options) {
            compact(&mut store, &task, u64::MAX, 50, 20);
        }
        if store.levels.depth() <= 1 {
            check_rows(&walk(&mut store, Show::Versions), &visible(&model, head));
        }
    }
}

#[test]
fn an_abandoned_step_goes_on_where_it_paused() {
    let mut store = TestStore::new(0);
    let keys: Vec<_> = (100..200u16).map(key).collect();
    store.write(0, 9999, keys.iter().map(|key| (&key[..], 2, Some(&[7; 1500][..]))));
    store.write(0, 9999, keys.iter().map(|key| (&key[..], 1, Some(&[8; 1500][..]))));
    let task = pick_compaction(&store.levels, &OPTIONS).unwrap();
    let mut compaction = Compaction::new(&task, &store.levels, u64::MAX);
    let pins = Pins::new();
    assert!(compaction.step(&Blocks::new(&store.cache, &pins), 9, |_, _, _| Ok(())).is_err());
    let mut seen = Vec::new();
    store.run(|_, blocks| {
        compaction.step(blocks, usize::MAX, |key, position, _| {
            seen.push((key.to_vec(), position));
            Ok(())
        })
    });
    assert_eq!(seen, keys.iter().map(|key| (key.clone(), 2)).collect::<Vec<_>>());
}
