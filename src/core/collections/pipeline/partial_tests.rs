//! Parts that are stored and merged, beside the whole pipeline.

use proptest::prelude::*;

use super::super::document;
use super::super::{json, key_codec, Value};
use super::{Grouping, Partial, Pipeline, RunOptions};
use crate::base::{Reader, Result};

const STAGES: &str = r#"[{"$match":{"n":{"$lt":90}}},{"$unwind":"$tags"},
    {"$group":{"_id":"$tags","sum":{"$sum":"$n"},"avg":{"$avg":"$n"},"min":{"$min":"$n"},"max":{"$max":"$n"},
        "first":{"$first":"$n"},"last":{"$last":"$n"},"all":{"$push":"$n"},"set":{"$addToSet":"$m"},"n":{"$count":{}},
        "two":{"$firstN":{"input":"$n","n":2}},"top":{"$topN":{"n":2,"sortBy":{"n":-1},"output":"$m"}},
        "most":{"$maxN":{"input":"$n","n":2}},"merged":{"$mergeObjects":"$o"},
        "p":{"$percentile":{"input":"$n","p":[0.5,0.9]}},"median":{"$median":{"input":"$n"}},
        "different":{"$approximateDistinct":"$m"}}},
    {"$set":{"twice":{"$multiply":["$sum",2]}}},{"$match":{"sum":{"$gte":5}}}]"#;

fn stored(json: &str) -> Vec<u8> {
    let mut out = Vec::new();
    document::encode_batch(format!("[{json}]").as_bytes(), 1, None, &mut out).unwrap();
    out
}

fn document() -> impl Strategy<Value = String> {
    (0..100_i32, 0..5_i32, prop::collection::vec("[a-c]", 0..4)).prop_map(|(n, m, tags)| {
        let tags: Vec<_> =
            tags.iter().map(|tag| if tag == "c" { "7".to_owned() } else { format!("\"{tag}\"") }).collect();
        format!(r#"{{"id":"x","n":{n},"m":{m},"o":{{"k{m}":{n}}},"tags":[{}]}}"#, tags.join(","))
    })
}

/// What the parts come to, by key, each encoded and decoded in between.
fn in_parts(parts: &[Vec<String>]) -> std::collections::BTreeMap<Vec<u8>, Value> {
    let grouping = Grouping::parse(&json::parse(STAGES.as_bytes()).unwrap()).unwrap();
    let mut merged: std::collections::BTreeMap<Vec<u8>, (Value, Partial)> = std::collections::BTreeMap::new();
    for part in parts {
        let mut partials = grouping.part(0.0);
        for document in part {
            partials.push(&stored(document)).unwrap();
        }
        for (key, partial) in partials.finish() {
            let mut bytes = Vec::new();
            partial.encode(&mut bytes);
            let mut reader = Reader::new(&bytes);
            let partial = grouping.decode(&mut reader).unwrap();
            reader.finish("part").unwrap();
            let mut place = Vec::new();
            key_codec::encode_value(&key, &mut place);
            match merged.get_mut(&place) {
                Some((_, before)) => grouping.merge(before, partial).unwrap(),
                None => drop(merged.insert(place, (key, partial))),
            }
        }
    }
    let rows = merged.into_iter().filter_map(|(place, (key, partial))| {
        let rows = grouping.finish(key, partial, 0.0).unwrap();
        rows.into_iter().next().map(|row| (place, row))
    });
    rows.collect()
}

/// No other collections.
pub(super) struct Nothing;

impl super::Source for Nothing {
    fn scan(
        &mut self,
        _: &str,
        _: Option<&crate::collections::Filter>,
        _: &mut Option<Box<str>>,
        _: &mut dyn FnMut(&[u8]) -> Result<bool>,
    ) -> crate::engine::Step<()> {
        Ok(())
    }
}

/// What the whole pipeline comes to.
fn at_once(parts: &[Vec<String>]) -> std::collections::BTreeMap<Vec<u8>, Value> {
    let pipeline = Pipeline::parse(&json::parse(STAGES.as_bytes()).unwrap()).unwrap();
    let mut run = pipeline.run(&RunOptions::default());
    for document in parts.iter().flatten() {
        run.push(&stored(document)).unwrap();
    }
    run.finish(&mut Nothing).unwrap();
    let Value::Array(rows) = json::parse(&run.into_output().json).unwrap() else { unreachable!() };
    let keyed = rows.into_iter().map(|row| {
        let mut place = Vec::new();
        key_codec::encode_value(row.field("_id").unwrap(), &mut place);
        (place, row)
    });
    keyed.collect()
}

proptest! {
    #[test]
    fn parts_that_are_stored_and_merged_come_to_what_the_whole_comes_to(
        parts in prop::collection::vec(prop::collection::vec(document(), 0..6), 0..6),
    ) {
        prop_assert_eq!(in_parts(&parts), at_once(&parts));
    }

    #[test]
    fn hostile_parts_are_an_error_and_never_a_panic(bytes: Vec<u8>) {
        let stages = r#"[{"$group":{"_id":null,"a":{"$push":"$x"},"b":{"$sum":"$x"},"c":{"$topN":{"n":1,"sortBy":{"x":1},"output":"$x"}}}}]"#;
        let grouping = Grouping::parse(&json::parse(stages.as_bytes()).unwrap()).unwrap();
        let _ = grouping.decode(&mut Reader::new(&bytes));
    }
}

#[test]
fn pipelines_that_need_more_than_one_row_at_a_time_are_refused_with_the_stage() {
    for (stages, word) in [
        (r#"[{"$match":{"a":1}}]"#, "$group"),
        (r#"[{"$sort":{"a":1}},{"$group":{"_id":null}}]"#, "$sort before"),
        (r#"[{"$group":{"_id":null}},{"$limit":3}]"#, "$limit behind"),
        (r#"[{"$group":{"_id":null}},{"$unwind":"$x"}]"#, "$unwind behind"),
        (r#"[{"$group":{"_id":"$a"}},{"$group":{"_id":null}}]"#, "$group behind"),
        (r#"[{"$group":{"_id":"$a","id":{"$sum":1}}}]"#, "'id'"),
    ] {
        let error = Grouping::parse(&json::parse(stages.as_bytes()).unwrap()).unwrap_err();
        assert!(error.message().contains(word), "{stages}: {}", error.message());
    }
}
