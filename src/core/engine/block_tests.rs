use std::cmp::Reverse;
use std::collections::BTreeMap;

use proptest::prelude::*;

use super::{Block, Damaged};
use crate::engine::block_builder::BlockBuilder;
use crate::engine::block_cursor::BlockCursor;

type Model = BTreeMap<(Vec<u8>, Reverse<u64>), Option<Vec<u8>>>;
type Row = (Vec<u8>, u64, Option<Vec<u8>>, bool);

fn content(model: &Model) -> Vec<u8> {
    let mut builder = BlockBuilder::default();
    let mut last = Vec::new();
    for (n, ((key, position), value)) in model.iter().enumerate() {
        builder.add(&last, key, n > 0 && last == *key, position.0, value.as_deref());
        last.clone_from(key);
    }
    builder.finish().to_vec()
}

fn row(cursor: &BlockCursor, block: &Block) -> Row {
    let entry = cursor.entry();
    (cursor.key().to_vec(), entry.position, block.value(entry).map(<[u8]>::to_vec), entry.older)
}

fn forward(block: &Block, seek: Option<&[u8]>) -> Result<Vec<Row>, Damaged> {
    let mut cursor = BlockCursor::default();
    let mut rows = Vec::new();
    match seek {
        Some(key) => cursor.seek(block, key)?,
        None => cursor.rewind(block),
    }
    while cursor.step(block)? {
        rows.push(row(&cursor, block));
    }
    Ok(rows)
}

fn backward(block: &Block, end: Option<&[u8]>) -> Result<Vec<Row>, Damaged> {
    let mut cursor = BlockCursor::default();
    let mut rows = Vec::new();
    cursor.rewind_back(block, end)?;
    while cursor.step_back(block)? {
        rows.push(row(&cursor, block));
    }
    Ok(rows)
}

fn model_rows(model: &Model, keep: impl Fn(&[u8]) -> bool) -> Vec<Row> {
    let mut rows = Vec::<Row>::new();
    for ((key, position), value) in model {
        let older = rows.last().is_some_and(|row| row.0 == *key);
        rows.push((key.clone(), position.0, value.clone(), older));
    }
    rows.retain(|row| keep(&row.0));
    rows
}

fn key() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(prop::sample::select(vec![0u8, 1, 97, 98, 255]), 0..12)
}

fn model() -> impl Strategy<Value = Model> {
    let value = prop::option::weighted(0.8, prop::collection::vec(any::<u8>(), 0..200));
    prop::collection::btree_map((key(), (0u64..9).prop_map(Reverse)), value, 1..120)
}

#[test]
fn positions_far_apart_come_back() {
    let model: Model = [(0, "a"), (u64::MAX, "b"), (1 << 52, "c"), (3, "d")]
        .map(|(position, key)| ((key.as_bytes().to_vec(), Reverse(position)), Some(Vec::new())))
        .into();
    let block = Block::new(content(&model)).unwrap();
    assert_eq!(forward(&block, None).unwrap(), model_rows(&model, |_| true));
}

proptest! {
    #[test]
    fn a_block_walks_as_its_entries_do(model in model(), probe in key()) {
        let block = Block::new(content(&model)).unwrap();
        prop_assert_eq!(forward(&block, None).unwrap(), model_rows(&model, |_| true));
        prop_assert_eq!(forward(&block, Some(&probe)).unwrap(), model_rows(&model, |key| key >= probe.as_slice()));
        let mut all = model_rows(&model, |_| true);
        all.reverse();
        prop_assert_eq!(backward(&block, None).unwrap(), all);
        let mut before = model_rows(&model, |key| key < probe.as_slice());
        before.reverse();
        prop_assert_eq!(backward(&block, Some(&probe)).unwrap(), before);
    }

    #[test]
    fn a_lookup_finds_the_newest_version_at_a_position(model in model(), probe in key(), position in 0u64..10) {
        let block = Block::new(content(&model)).unwrap();
        let probes = model.keys().map(|(key, _)| key).chain([&probe]);
        for key in probes {
            let expected = model.range((key.clone(), Reverse(position))..).next().filter(|((found, _), _)| found == key);
            let found = block.get(key, position).unwrap();
            let found = found.map(|entry| (entry.position, block.value(&entry).map(<[u8]>::to_vec)));
            prop_assert_eq!(found, expected.map(|((_, position), value)| (position.0, value.clone())));
        }
    }

    #[test]
    fn damaged_content_is_an_error_or_a_value_and_never_a_panic(
        model in model(),
        probe in key(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in any::<prop::sample::Index>(),
        truncate: bool,
    ) {
        let mut content = content(&model);
        for (at, byte) in damage {
            let at = at.index(content.len());
            content[at] = byte;
        }
        if truncate {
            content.truncate(cut.index(content.len()));
        }
        if let Ok(block) = Block::new(content) {
            let _ = forward(&block, None);
            let _ = forward(&block, Some(&probe));
            let _ = backward(&block, None);
            let _ = backward(&block, Some(&probe));
            let _ = block.get(&probe, 5);
        }
    }
}
