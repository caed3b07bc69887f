use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::collections::arbitrary::object;
use crate::collections::compare::compare;
use crate::collections::json;

fn parse(sort: &str) -> Result<Sort> {
    Sort::parse(&json::parse(sort.as_bytes()).unwrap())
}

fn check(sort: &str, documents: &[&str]) {
    let sort = parse(sort).unwrap();
    let mut values: Vec<Value> = documents.iter().rev().map(|text| json::parse(text.as_bytes()).unwrap()).collect();
    sort.sort_values(&mut values);
    let sorted: Vec<String> = values.iter().map(|value| String::from_utf8(json::to_json(value)).unwrap()).collect();
    assert_eq!(sorted, documents, "{sort:?}");
}

#[test]
fn mixed_types_come_in_the_order_of_values() {
    check(r#"{"a":1}"#, &["{}", r#"{"a":-1}"#, r#"{"a":2}"#, r#"{"a":"1"}"#, r#"{"a":{}}"#, r#"{"a":true}"#]);
    check(r#"{"a":-1}"#, &[r#"{"a":true}"#, r#"{"a":{}}"#, r#"{"a":"1"}"#, r#"{"a":2}"#, r#"{"a":-1}"#, "{}"]);
}

#[test]
fn later_fields_part_what_is_equal() {
    let documents = [r#"{"a":1,"b":{"c":9}}"#, r#"{"a":1,"b":{"c":3}}"#, r#"{"a":2,"b":{"c":5}}"#];
    check(r#"{"a":1,"b.c":-1}"#, &documents);
    check(r#"[["a","asc"],["b.c","desc"]]"#, &documents);
}

#[test]
fn arrays_sort_by_least_or_greatest_element() {
    check(r#"{"a":1}"#, &[r#"{"a":[]}"#, r#"{"a":[9,1]}"#, r#"{"a":2}"#, r#"{"a":[3]}"#]);
    check(r#"{"a":-1}"#, &[r#"{"a":[1,9]}"#, r#"{"a":[3,2]}"#, r#"{"a":2}"#, r#"{"a":[]}"#]);
    check(r#"{"a.b":1}"#, &[r#"{"a":[{"b":5},{"b":1}]}"#, r#"{"a":{"b":3}}"#]);
}

#[test]
fn malformed_sorts_are_refused() {
    for (sort, part) in [
        ("{}", "1 to 32 fields"),
        ("5", "a sort is an object"),
        ("[[1,1]]", "a sort is an object"),
        (r#"{"a":2}"#, "at 'a': a sort direction"),
        (r#"{"a":"dessc"}"#, "did you mean 'desc'?"),
        (r#"[["a",1],["a",-1]]"#, "twice"),
        (r#"{"a.":1}"#, "empty segment"),
    ] {
        let error = parse(sort).unwrap_err();
        assert!(error.message().contains(part), "{sort}: {error}");
    }
}

proptest! {
    #[test]
    fn keys_order_as_the_least_and_greatest_leaves_do(a in object(), b in object(), descending: bool) {
        let leaf = |root: &Value| {
            let mut leaves = Vec::new();
            Path::parse("a").unwrap().leaves(ValueRef::Tree(root), &mut |leaf| leaves.push(leaf.map_or(Value::Null, ValueRef::to_value)));
            leaves.sort_by(compare);
            if descending { leaves.pop().unwrap() } else { leaves.swap_remove(0) }
        };
        let sort = Sort { fields: [SortField { path: Path::parse("a").unwrap(), descending }].into() };
        let key = |root: &Value| {
            let mut stored = Vec::new();
            crate::collections::document::encode_value(&with_id(root), 1, &mut stored).unwrap();
            let (mut key, mut stored_key) = (Vec::new(), Vec::new());
            sort.key_ref(ValueRef::Tree(root), &mut key);
            sort.key(&Document::parse(&stored).unwrap(), &mut stored_key);
            assert_eq!(key, stored_key);
            key
        };
        let order = compare(&leaf(&a), &leaf(&b));
        prop_assert_eq!(key(&a).cmp(&key(&b)), if descending { order.reverse() } else { order });
    }
}

fn with_id(value: &Value) -> Value {
    let Value::Object(fields) = value else { panic!("{value:?}") };
    let mut fields: Vec<_> = fields.iter().filter(|(key, _)| &**key != "id").cloned().collect();
    fields.push(("id".into(), Value::String("x".into())));
    Value::Object(fields)
}

#[test]
#[ignore = "prints timings"]
#[expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]
fn timings() {
    let mut bytes = Vec::new();
    let batch: Vec<String> = (0..1000).map(crate::collections::document::sample).collect();
    let json = format!("[{}]", batch.join(","));
    let documents = crate::collections::document::encode_batch(json.as_bytes(), 1, None, &mut bytes).unwrap();
    for text in [r#"{"score":-1}"#, r#"{"title":1}"#, r#"{"nested.a":1}"#, r#"{"done":1,"score":1}"#] {
        let sort = parse(text).unwrap();
        let mut best = Duration::MAX;
        for _ in 0..100 {
            let start = std::time::Instant::now();
            let mut key = Vec::new();
            for entry in &documents {
                key.clear();
                sort.key(&Document::parse(&bytes[entry.range.clone()]).unwrap(), &mut key);
                std::hint::black_box(&key);
            }
            best = best.min(start.elapsed());
        }
        println!("key of {text}: {:?} a document", best / 1000);
    }
}
