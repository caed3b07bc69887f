//! Prints nanoseconds per operation of memtable, blocks, lookups and cursors. It asserts nothing about time.
//!
//! `cargo test --release -p tidewell-lower table_bench -- --ignored --nocapture`

use std::hint::black_box;

use super::access::{Direction, KeyRange};
use super::blocks::{Blocks, Pins};
use super::memtable::Memtable;
use super::merge_cursor::{MergeCursor, Show};
use super::sealed_block::{seal_block, BlockKind};
use super::sources::Sources;
use super::test_store::TestStore;

const COUNT: usize = 100_000;
/// How often each measurement runs; the best counts, since the machine has other things to do.
const RUNS: usize = 25;
/// Documents in a full memtable.
const MEMTABLE_COUNT: usize = 18_000;

/// Runs `work` a few times and prints the best time over `count`.
fn time(name: &str, count: usize, mut work: impl FnMut()) {
    let mut best = f64::MAX;
    for _ in 0..RUNS {
        #[expect(clippy::disallowed_methods, reason = "a benchmark measures real time")]
        let start = std::time::Instant::now();
        work();
        best = best.min(start.elapsed().as_secs_f64());
    }
    println!("{name:<46} {:>9.1} ns each {:>9.2} ms", best * 1e9 / count as f64, best * 1e3);
}

fn mix(n: u64) -> u64 {
    let mixed = (n ^ n >> 31).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed ^ mixed >> 29
}

fn document(n: u64) -> (Vec<u8>, Vec<u8>) {
    let mut key = vec![1, 0, 0, 0, 7];
    key.extend_from_slice(format!("0190f5c8-{:04x}-7000-8000-{n:012x}", n >> 16).as_bytes());
    let words = ["tide", "water", "harbour", "moon", "pilot", "chart", "buoy", "storm", "anchor", "signal"];
    let body: Vec<_> = (0..30).map(|m| words[mix(n * 31 + m) as usize % words.len()]).collect();
    let value = format!(
        "{{\"id\":\"{n:012x}\",\"title\":\"note {n}\",\"body\":\"{}\",\"tag\":\"{}\",\"score\":{},\"done\":false,\"author\":{{\"name\":\"user {}\",\"age\":{}}}}}",
        body.join(" "),
        words[n as usize % words.len()],
        mix(n) % 100_000,
        mix(n) % 977,
        mix(n) % 90,
    );
    (key, value.into_bytes())
}

fn index_entry(n: u64) -> Vec<u8> {
    let mut key = vec![2, 0, 0, 0, 7, 0, 0, 0, 1];
    key.extend_from_slice(&mix(n).to_be_bytes());
    key.extend_from_slice(format!("0190f5c8-7000-{n:012x}").as_bytes());
    key
}

fn documents() -> Vec<(Vec<u8>, Vec<u8>)> {
    (0..COUNT as u64).map(document).collect()
}

#[test]
#[ignore = "a benchmark"]
fn memtable_bench() {
    let count = MEMTABLE_COUNT;
    let documents: Vec<_> = documents().into_iter().take(count).collect();
    let entries: Vec<_> = (0..COUNT as u64).map(index_entry).collect();
    let mut memtable = Memtable::new();
    time("memtable insert, 440 bytes shuffled", count, || {
        memtable = Memtable::new();
        for n in 0..count {
            let (key, value) = &documents[n * 77_771 % count];
            memtable.insert(key, 1, Some(value));
        }
    });
    time("memtable insert, 440 bytes ascending", count, || {
        memtable = Memtable::new();
        documents.iter().for_each(|(key, value)| _ = memtable.insert(key, 1, Some(value)));
    });
    time("memtable get of a document, shuffled", count, || {
        (0..count).for_each(|n| _ = black_box(memtable.get(&documents[n * 77_771 % count].0, 9)));
    });
    scan("memtable scan", &TestStore::new(0), &[&memtable], Direction::Forward, count);
    time("memtable insert, 40-byte index entry shuffled", COUNT, || {
        memtable = Memtable::new();
        entries.iter().for_each(|key| _ = memtable.insert(key, 1, Some(b"")));
    });
    time("memtable get of an index entry, shuffled", COUNT, || {
        (0..COUNT).for_each(|n| _ = black_box(memtable.get(&entries[n * 77_771 % COUNT], 9)));
    });
}

fn scan(name: &str, store: &TestStore, memtables: &[&Memtable], direction: Direction, count_min: usize) {
    let pins = Pins::new();
    let blocks = Blocks::new(&store.cache, &pins);
    let everything = KeyRange { start: Vec::new(), end: None };
    time(name, count_min, || {
        let memtables = memtables.iter().copied();
        let sources = Sources { memtables: memtables.collect(), levels: &store.levels, blocks, position: 99 };
        let mut cursor = sources.into_cursor(everything.clone(), direction);
        let (mut count, mut bytes) = (0, 0);
        while cursor.advance().unwrap() {
            count += 1;
            bytes += cursor.value().len() + usize::from(cursor.key()[5]);
        }
        assert!(count >= count_min && black_box(bytes) > 0);
    });
}

/// Fetches everything into the cache.
fn warm(store: &mut TestStore) {
    let everything = KeyRange { start: Vec::new(), end: None };
    store.run(|levels, blocks| {
        let mut cursor = MergeCursor::new([], levels.runs(), everything.clone(), Direction::Forward, Show::Newest);
        while cursor.advance(blocks)? {}
        Ok(())
    });
}

#[test]
#[ignore = "a benchmark"]
fn table_bench() {
    let documents = documents();
    let all = || documents.iter().map(|(key, value)| (&key[..], 1, Some(&value[..])));
    time("table build (block, lz4, checksum, bloom)", COUNT, || {
        TestStore::new(0).write(1, usize::MAX, all());
    });
    let mut store = TestStore::new(1 << 28);
    let tables = store.write(2, usize::MAX, all());
    let (raw, stored) = tables.iter().fold((0, 0), |(raw, stored), t| (raw + t.raw_bytes, stored + t.stored_bytes));
    println!("{} tables, {raw} bytes raw, {stored} stored, {} parts", tables.len(), store.blobs.len());
    warm(&mut store);
    println!("{:?}", store.cache.stats());
    scan("scan forward, opened blocks, one level", &store, &[], Direction::Forward, COUNT);
    scan("scan backward, opened blocks, one level", &store, &[], Direction::Backward, COUNT);
    store.write(1, usize::MAX, all().step_by(10));
    store.write(0, usize::MAX, all().step_by(100));
    store.write(0, usize::MAX, all().step_by(99));
    let mut memtable = Memtable::new();
    documents.iter().step_by(50).for_each(|(key, value)| _ = memtable.insert(key, 5, Some(value)));
    warm(&mut store);
    scan("scan forward, five sources", &store, &[&memtable], Direction::Forward, COUNT);
    scan("scan backward, five sources", &store, &[&memtable], Direction::Backward, COUNT);
    let mut cold = TestStore::new(24 << 20);
    cold.write(2, usize::MAX, all());
    warm(&mut cold);
    println!("{:?}", cold.cache.stats());
    scan("scan forward, blobs only for a part", &cold, &[], Direction::Forward, COUNT);
    println!("{:?}", cold.cache.stats());
}

#[test]
#[ignore = "a benchmark"]
fn get_bench() {
    let documents = documents();
    let all = || documents.iter().map(|(key, value)| (&key[..], 1, Some(&value[..])));
    let mut store = TestStore::new(1 << 28);
    store.write(2, usize::MAX, all());
    warm(&mut store);
    gets(&store, "get, opened block, one level", |n| documents[n].0.clone());
    gets(&store, "get of an absent key", |n| [&documents[n].0[..], b"x"].concat());
    store.write(1, usize::MAX, all().step_by(10));
    store.write(0, usize::MAX, all().step_by(100));
    store.write(0, usize::MAX, all().step_by(99));
    warm(&mut store);
    gets(&store, "get, four runs", |n| documents[n].0.clone());
}

fn gets(store: &TestStore, name: &str, key: impl Fn(usize) -> Vec<u8>) {
    let pins = Pins::new();
    let keys: Vec<_> = (0..COUNT).map(|n| key(n * 77_771 % COUNT)).collect();
    let mut value = Vec::new();
    time(name, COUNT, || {
        for key in &keys {
            let blocks = Blocks::new(&store.cache, &pins);
            let sources = Sources { memtables: Vec::new(), levels: &store.levels, blocks, position: 99 };
            value.clear();
            black_box(sources.get(key, &mut value).unwrap());
        }
    });
}

#[test]
#[ignore = "a benchmark"]
fn block_bench() {
    let content: Vec<u8> = (0..75u64).flat_map(|n| document(n).1).collect();
    let mut sealed = Vec::new();
    time("seal a block, per byte", content.len(), || sealed = seal_block(BlockKind::Data, 1, 0, &content));
    println!("{} bytes to {}", content.len(), sealed[0].len());
    let parts: Vec<std::rc::Rc<[u8]>> = sealed.into_iter().map(Into::into).collect();
    let address = super::sealed_block::BlockAddress { table: 1, part: 0, parts: 1 };
    let mut out = Vec::new();
    time("open a block, per byte", content.len(), || {
        super::sealed_block::open_block(BlockKind::Data, &address, &parts, &mut out).unwrap();
    });
    assert_eq!(out, content);
}
