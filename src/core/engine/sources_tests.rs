//! Reads over memtables and tables together, against a map of versions.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use proptest::prelude::*;

use crate::base::ErrorKind;
use crate::engine::access::{Direction, KeyRange};
use crate::engine::blocks::{Blocks, Pins};
use crate::engine::memtable::Memtable;
use crate::engine::merge_cursor::{MergeCursor, Show};
use crate::engine::sources::{Found, Sources};
use crate::engine::test_store::TestStore;

type Model = BTreeMap<(Vec<u8>, Reverse<u64>), Option<Vec<u8>>>;
type Row = (Vec<u8>, u64, Option<Vec<u8>>);

fn visible(model: &Model, range: &KeyRange, show: Show) -> Vec<Row> {
    let position = match show {
        Show::Visible(position) => position,
        Show::Newest | Show::Versions => u64::MAX,
    };
    let mut rows = Vec::<Row>::new();
    let mut last: Option<&[u8]> = None;
    for ((key, at), value) in model {
        let repeated = show != Show::Versions && last == Some(key);
        if at.0 <= position && range.contains(key) && !repeated {
            last = Some(key);
            if value.is_some() || !matches!(show, Show::Visible(_)) {
                rows.push((key.clone(), at.0, value.clone()));
            }
        }
    }
    rows
}

/// The memtables, newest first, and a store with the rest of the model's versions.
struct Fixture {
    memtables: Vec<Memtable>,
    store: TestStore,
    model: Model,
}

fn key(n: u16) -> Vec<u8> {
    format!("k{:0w$}", n % 300, w = 1 + (n % 3) as usize).into_bytes()
}

/// Versions at positions 1 to 60: above 50 in the newer memtable, above 40 in the older one, above 30 and 20 in tables
/// of level 0, above 10 in level 1, the rest in level 2.
fn fixture(writes: Vec<(u16, u64, Option<Vec<u8>>)>, budget: usize, cut: usize) -> Fixture {
    let mut model = Model::new();
    for (n, position, value) in writes {
        model.insert((key(n), Reverse(position)), value);
    }
    let layer = |low: u64, high: u64| {
        let inside = move |position: u64| low < position && position <= high;
        model
            .iter()
            .filter(move |((_, at), _)| inside(at.0))
            .map(|((key, at), value)| (&key[..], at.0, value.as_deref()))
    };
    let mut store = TestStore::new(budget);
    for (level, low, high) in [(2, 0, 10), (1, 10, 20), (0, 20, 30), (0, 30, 40)] {
        store.write(level, cut, layer(low, high));
    }
    let memtables = [(50, 60), (40, 50)].map(|(low, high)| {
        let mut memtable = Memtable::new();
        layer(low, high).for_each(|(key, position, value)| _ = memtable.insert(key, position, value));
        memtable
    });
    Fixture { memtables: memtables.into(), store, model }
}

impl Fixture {
    fn walk(&mut self, range: &KeyRange, direction: Direction, show: Show) -> Vec<Row> {
        let memtables = &self.memtables;
        self.store.run(|levels, blocks| {
            let mut rows = Vec::new();
            let mut cursor = MergeCursor::new(memtables, levels.runs(), range.clone(), direction, show);
            while cursor.advance(blocks)? {
                rows.push((cursor.key().to_vec(), cursor.position(), cursor.value().map(<[u8]>::to_vec)));
            }
            Ok(rows)
        })
    }

    fn check_walks(&mut self, range: &KeyRange, position: u64) {
        for show in [Show::Visible(position), Show::Newest] {
            let mut expected = visible(&self.model, range, show);
            check_rows(&self.walk(range, Direction::Forward, show), &expected);
            expected.reverse();
            check_rows(&self.walk(range, Direction::Backward, show), &expected);
        }
        let expected = visible(&self.model, range, Show::Versions);
        check_rows(&self.walk(range, Direction::Forward, Show::Versions), &expected);
    }

    fn check_get(&mut self, key: &[u8], position: u64) {
        let from = (key.to_vec(), Reverse(position));
        let expected = self.model.range(from..).next().filter(|((found, _), _)| found == key);
        let expected = expected.map(|((_, at), value)| (at.0, value.clone()));
        let memtables = &self.memtables;
        let found = self.store.run(|levels, blocks| {
            let sources = Sources { memtables: memtables.iter().collect(), levels, blocks: *blocks, position };
            let found = sources.find(key)?;
            Ok(found.map(|found| (found.position, found.value().map(<[u8]>::to_vec))))
        });
        assert_eq!(found, expected);
    }
}

fn check_rows(found: &[Row], expected: &[Row]) {
    for (found, expected) in found.iter().zip(expected) {
        assert_eq!(found, expected);
    }
    assert_eq!(found.len(), expected.len());
}

fn writes() -> impl Strategy<Value = Vec<(u16, u64, Option<Vec<u8>>)>> {
    let value = prop::option::weighted(0.7, prop::collection::vec(any::<u8>(), 0..400));
    prop::collection::vec((0u16..400, 1u64..=60, value), 0..700)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn walks_and_lookups_see_what_a_map_of_versions_holds(
        writes in writes(),
        budget in prop::sample::select(vec![0usize, 30_000, 10_000_000]),
        cut in 5usize..200,
        ends in (0u16..400, 0u16..400),
        position in 0u64..62,
    ) {
        let mut fixture = fixture(writes, budget, cut);
        fixture.check_walks(&KeyRange { start: Vec::new(), end: None }, position);
        fixture.check_walks(&KeyRange { start: key(ends.0), end: Some(key(ends.1)) }, position);
        fixture.check_walks(&KeyRange { start: key(ends.0), end: None }, position);
        for n in (ends.0..400).step_by(7) {
            fixture.check_get(&key(n), position);
        }
    }
}

fn numbered(n: u32) -> (Vec<u8>, Vec<u8>) {
    (format!("key-{n:06}").into_bytes(), format!("value {n} ").repeat(30).into_bytes())
}

/// `count` numbered entries in tables of level 1.
fn numbered_store(count: u32, budget: usize) -> TestStore {
    let entries: Vec<_> = (0..count).map(numbered).collect();
    let mut store = TestStore::new(budget);
    store.write(1, usize::MAX, entries.iter().map(|(key, value)| (&key[..], 7, Some(&value[..]))));
    store
}

fn count_entries(store: &mut TestStore, range: &KeyRange) -> usize {
    store.run(|levels, blocks| {
        let mut cursor = MergeCursor::new([], levels.runs(), range.clone(), Direction::Forward, Show::Newest);
        let mut count = 0;
        while cursor.advance(blocks)? {
            count += 1;
        }
        Ok(count)
    })
}

#[test]
fn a_scan_reads_ahead_and_a_short_range_does_not() {
    let mut store = numbered_store(20_000, 0);
    assert_eq!(count_entries(&mut store, &KeyRange { start: Vec::new(), end: None }), 20_000);
    assert!(store.rounds * 16 < store.blobs.len(), "{} rounds for {} blobs", store.rounds, store.blobs.len());

    let mut store = numbered_store(20_000, 1 << 20);
    let range = KeyRange { start: numbered(5000).0, end: Some(numbered(5020).0) };
    assert_eq!(count_entries(&mut store, &range), 20);
    assert!(store.cache.stats().misses <= 2, "{:?}", store.cache.stats());
}

#[test]
fn a_value_of_a_megabyte_comes_back() {
    let mut noise = 1u64;
    let value: Vec<u8> = std::iter::repeat_with(|| {
        noise = noise.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (noise >> 56) as u8
    })
    .take(1 << 20)
    .collect();
    let mut store = TestStore::new(1 << 16);
    let entries = [(&b"a"[..], 1, Some(&b"x"[..])), (b"b", 2, Some(&value)), (b"c", 3, None)];
    let tables = store.write(1, usize::MAX, entries);
    assert!(store.blobs.values().all(|blob| blob.len() <= 60_000));
    assert!(tables[0].data_parts > 17);
    let found = store.run(|levels, blocks| {
        let sources = Sources { memtables: Vec::new(), levels, blocks: *blocks, position: 9 };
        Ok(sources.find(b"b")?.as_ref().and_then(Found::value).map(<[u8]>::to_vec))
    });
    assert_eq!(found, Some(value));
    assert_eq!(count_entries(&mut store, &KeyRange { start: Vec::new(), end: None }), 3);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn a_flipped_bit_in_any_blob_is_an_error_wherever_it_is_read(at: prop::sample::Index, bit: prop::sample::Index) {
        let mut store = numbered_store(2000, 1 << 20);
        let mut names: Vec<_> = store.blobs.keys().copied().collect();
        names.sort_unstable();
        let blob = store.blobs.get_mut(&names[at.index(names.len())]).unwrap();
        let bit = bit.index(blob.len() * 8);
        blob[bit / 8] ^= 1 << (bit % 8);
        let everything = KeyRange { start: Vec::new(), end: None };
        let error = store.try_run(|levels, blocks| {
            let mut cursor = MergeCursor::new([], levels.runs(), everything.clone(), Direction::Forward, Show::Newest);
            while cursor.advance(blocks)? {}
            Ok(())
        });
        prop_assert_eq!(error.unwrap_err().kind(), ErrorKind::Corrupt);
    }
}

#[test]
fn an_absent_key_rarely_touches_a_block() {
    let mut store = numbered_store(5000, 1 << 24);
    for n in 0..1000 {
        let key = format!("key-{n:06}x");
        let exists = store.run(|levels, blocks| {
            Sources { memtables: Vec::new(), levels, blocks: *blocks, position: 9 }.contains(key.as_bytes())
        });
        assert!(!exists);
    }
    let stats = store.cache.stats();
    assert!(stats.misses + stats.hot_hits < 60, "{stats:?}");
}

#[test]
fn a_change_in_a_range_is_noticed_and_one_outside_is_not() {
    let mut fixture = fixture(vec![(5, 55, None), (200, 15, None)], 0, 9);
    let around = |n: u16| KeyRange::prefix(&key(n));
    let memtables: Vec<_> = fixture.memtables.iter().collect();
    fixture.store.rounds = 0;
    let pins = Pins::new();
    let blocks = Blocks::new(&fixture.store.cache, &pins);
    let sources = Sources { memtables, levels: &fixture.store.levels, blocks, position: 60 };
    assert!(sources.changed_since(&around(5), 54) && !sources.changed_since(&around(5), 55));
    assert!(sources.changed_since(&around(200), 14) && !sources.changed_since(&around(200), 15));
    assert!(!sources.changed_since(&around(7), 0));
}
