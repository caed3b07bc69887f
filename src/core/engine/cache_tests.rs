use std::rc::Rc;

use super::{BlockCache, Purpose};
use crate::disk::BlobName;
use crate::engine::access::{Direction, KeyRange};
use crate::engine::blocks::{Blocks, Pins};
use crate::engine::merge_cursor::{MergeCursor, Show};
use crate::engine::sealed_block::BlockAddress;
use crate::engine::sources::Sources;
use crate::engine::test_store::TestStore;

const COUNT: u32 = 6000;

fn key(n: u32) -> Vec<u8> {
    format!("key-{n:06}").into_bytes()
}

/// About 2 MB of entries that compress to a third.
fn store(budget: usize) -> TestStore {
    let entries: Vec<_> = (0..COUNT).map(|n| (key(n), format!("{n} tide tables ").repeat(24).into_bytes())).collect();
    let mut store = TestStore::new(budget);
    store.write(1, usize::MAX, entries.iter().map(|(key, value)| (&key[..], 1, Some(&value[..]))));
    store
}

fn get(store: &mut TestStore, n: u32) {
    let found = store.run(|levels, blocks| {
        Sources { memtables: Vec::new(), levels, blocks: *blocks, position: 9 }.contains(&key(n))
    });
    assert!(found);
}

fn scan(store: &mut TestStore) {
    let everything = KeyRange { start: Vec::new(), end: None };
    store.run(|levels, blocks| {
        let mut cursor = MergeCursor::new([], levels.runs(), everything.clone(), Direction::Forward, Show::Newest);
        while cursor.advance(blocks)? {}
        Ok(())
    });
}

fn used(cache: &BlockCache) -> usize {
    let stats = cache.stats();
    stats.cold_bytes + stats.hot_bytes + stats.meta_bytes
}

#[test]
fn the_budget_holds_whatever_is_read() {
    for budget in [0, 50_000, 500_000] {
        let mut store = store(budget);
        scan(&mut store);
        (0..COUNT).step_by(97).for_each(|n| get(&mut store, n));
        assert!(used(&store.cache) <= budget, "{} of {budget}", used(&store.cache));
        store.cache.set_budget(budget / 2);
        assert!(used(&store.cache) <= budget / 2);
    }
}

#[test]
fn with_room_for_everything_a_second_scan_opens_nothing() {
    let mut store = store(8 << 20);
    scan(&mut store);
    let before = store.cache.stats();
    scan(&mut store);
    let after = store.cache.stats();
    assert_eq!((after.cold_hits, after.misses), (before.cold_hits, before.misses));
    assert!(after.hot_hits > before.hot_hits);
}

#[test]
fn a_scan_does_not_drive_out_what_point_reads_use() {
    let mut store = store(400_000);
    let favourites = [100, 3000, 5500];
    for _ in 0..3 {
        favourites.iter().for_each(|n| get(&mut store, *n));
    }
    scan(&mut store);
    let before = store.cache.stats();
    favourites.iter().for_each(|n| get(&mut store, *n));
    let after = store.cache.stats();
    assert_eq!((after.hot_hits - before.hot_hits, after.misses), (3, before.misses));
}

#[test]
fn blobs_of_opened_blocks_go_first() {
    let mut store = store(1 << 20);
    scan(&mut store);
    let before = store.cache.stats();
    scan(&mut store);
    assert_eq!(store.cache.stats().misses, before.misses, "what does not fit opened is held as blobs: {before:?}");
}

#[test]
fn data_that_fit_are_all_opened_and_their_blobs_let_go() {
    let mut store = store(0);
    let data = store.levels.census.content as usize;
    store.cache.set_budget(data + data / 8);
    scan(&mut store);
    scan(&mut store);
    let before = store.cache.stats();
    scan(&mut store);
    let after = store.cache.stats();
    assert_eq!((after.cold_hits, after.misses, after.cold_bytes), (before.cold_hits, before.misses, 0), "{after:?}");
}

#[test]
fn data_that_nearly_fit_are_read_once_and_then_held_opened_or_compressed() {
    let mut store = store(0);
    let data = store.levels.census.content as usize;
    store.cache.set_budget(data - data / 10);
    scan(&mut store);
    let before = store.cache.stats();
    for n in (0..COUNT).rev().chain(0..COUNT) {
        get(&mut store, n);
    }
    let after = store.cache.stats();
    assert_eq!(after.misses, before.misses, "{after:?}");
    assert!(used(&store.cache) <= data - data / 10);
}

#[test]
fn a_deleted_table_is_forgotten() {
    let mut store = store(8 << 20);
    scan(&mut store);
    let tables: Vec<_> = store.levels.tables().map(|(_, table)| table.id).collect();
    tables.into_iter().for_each(|table| store.cache.forget_table(table));
    assert_eq!(used(&store.cache), 0);
}

#[test]
fn pins_outlive_the_cache_until_they_are_no_longer_used() {
    let store = store(0);
    let (pins, address) = (Pins::new(), BlockAddress { table: 1, part: 0, parts: 1 });
    let blocks = Blocks::new(&store.cache, &pins);
    let has = || blocks.block(&address, Purpose::Point).unwrap().is_some();
    assert!(!has());
    let blob: Rc<[u8]> = store.blobs[&BlobName::table(1, 0)].as_slice().into();
    pins.insert(BlobName::table(1, 0), blob);
    for _ in 0..3 {
        assert!(has());
        pins.begin_round();
    }
    pins.begin_round();
    assert!(!has());
}
