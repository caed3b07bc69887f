//! Whatever way the planner takes, the result is that of a scan.

use proptest::prelude::*;

use super::catalog::IndexSpec;
use super::find::{Matcher, Query, Ranking};
use super::fixture::{value, Fixture};
use super::plan::Hint;

fn scalar() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => (-2i32..3).prop_map(|n| n.to_string()),
        3 => prop::sample::select(vec!["\"\"", "\"a\"", "\"ab\"", "\"a\\u0000\"", "\"b\""]).prop_map(str::to_owned),
        1 => prop::sample::select(vec!["null", "true", "false", "1.5", "{\"$date\":0}", "{\"$date\":5}", "{\"$bigint\":\"1\"}",
            "{\"$number\":\"NaN\"}", "{\"$undefined\":true}", "{\"$bytes\":\"AQ==\"}", "{\"x\":1}"]).prop_map(str::to_owned),
    ]
}

/// Without arrays an index may serve a sort; with them it may not.
fn field_value(arrays: bool) -> impl Strategy<Value = String> {
    prop_oneof![
        5 => scalar(),
        u32::from(arrays) => prop::collection::vec(scalar(), 0..4).prop_map(|items| format!("[{}]", items.join(","))),
        1 => scalar().prop_map(|inner| format!("{{\"d\":{inner}}}")),
        u32::from(arrays) => prop::collection::vec(scalar(), 0..3).prop_map(|items| {
            let items: Vec<_> = items.into_iter().map(|item| format!("{{\"d\":{item}}}")).collect();
            format!("[{}]", items.join(","))
        }),
    ]
}

fn document(arrays: bool) -> impl Strategy<Value = String> {
    let field = move |name: &'static str| {
        prop::option::weighted(0.8, field_value(arrays))
            .prop_map(move |value| value.map(|value| format!("\"{name}\":{value}")))
    };
    (field("a"), field("b"), field("c"))
        .prop_map(|(a, b, c)| [a, b, c].into_iter().flatten().collect::<Vec<_>>().join(","))
}

fn documents() -> impl Strategy<Value = String> {
    let all = any::<bool>().prop_flat_map(|arrays| prop::collection::btree_map("[a-d]{1,2}", document(arrays), 0..25));
    all.prop_map(|documents| {
        let documents: Vec<_> = documents
            .into_iter()
            .map(|(id, fields)| match fields.as_str() {
                "" => format!("{{\"id\":\"{id}\"}}"),
                fields => format!("{{\"id\":\"{id}\",{fields}}}"),
            })
            .collect();
        format!("[{}]", documents.join(","))
    })
}

fn condition() -> impl Strategy<Value = String> {
    let operator = |names: &'static [&'static str]| prop::sample::select(names.to_vec());
    let compare = || {
        (operator(&["$eq", "$gt", "$gte", "$lt", "$lte", "$ne"]), scalar())
            .prop_map(|(operator, operand)| format!("\"{operator}\":{operand}"))
    };
    prop_oneof![
        3 => scalar(),
        3 => compare().prop_map(|one| format!("{{{one}}}")),
        2 => (compare(), compare()).prop_map(|(one, other)| format!("{{{one},{other}}}")),
        2 => prop::collection::vec(scalar(), 0..4).prop_map(|items| format!("{{\"$in\":[{}]}}", items.join(","))),
        1 => any::<bool>().prop_map(|exists| format!("{{\"$exists\":{exists}}}")),
        1 => prop::sample::select(vec!["^a", "^", "a", "^a*b", "^ab?"]).prop_map(|pattern| format!("{{\"$regex\":\"{pattern}\"}}")),
        1 => prop::collection::vec(scalar(), 1..3).prop_map(|items| format!("{{\"$all\":[{}]}}", items.join(","))),
    ]
}

fn filter() -> impl Strategy<Value = String> {
    let path = prop::sample::select(vec!["a", "b", "c", "a.d", "b.d"]);
    let ids = prop_oneof![
        "[a-d]{1,2}".prop_map(|id| format!("\"{id}\"")),
        ("[a-d]{1,2}", prop::sample::select(vec!["$gt", "$gte", "$lt", "$lte"]))
            .prop_map(|(id, operator)| format!("{{\"{operator}\":\"{id}\"}}")),
        prop::collection::vec("[a-d]{1,2}", 0..4).prop_map(|ids| format!("{{\"$in\":{ids:?}}}")),
    ]
    .prop_map(|condition| format!("{{\"id\":{condition}}}"));
    let one = (path, condition()).prop_map(|(path, condition)| format!("{{\"{path}\":{condition}}}"));
    let one = prop_oneof![8 => one, 1 => ids];
    prop_oneof![
        1 => Just("{}".to_owned()),
        3 => one.clone(),
        4 => prop::collection::vec(one.clone(), 1..4).prop_map(|parts| format!("{{\"$and\":[{}]}}", parts.join(","))),
        1 => prop::collection::vec(one, 1..3).prop_map(|parts| format!("{{\"$or\":[{}]}}", parts.join(","))),
    ]
}

fn sort() -> impl Strategy<Value = Option<String>> {
    let field = (prop::sample::select(vec!["c", "b", "a", "a.d", "id"]), prop::sample::select(vec![1, -1]));
    prop::option::of(prop::collection::btree_map(field.0, field.1, 0..3).prop_map(|fields| {
        let pairs: Vec<_> = fields.iter().map(|(path, direction)| format!("[\"{path}\",{direction}]")).collect();
        format!("[{}]", pairs.join(","))
    }))
}

fn index() -> impl Strategy<Value = Vec<(&'static str, bool)>> {
    let field = (prop::sample::select(vec!["a", "b", "c", "a.d"]), any::<bool>());
    prop::collection::vec(field, 1..4).prop_map(|mut fields| {
        let mut seen = Vec::new();
        fields.retain(|(path, _)| {
            !seen.contains(path) && {
                seen.push(*path);
                true
            }
        });
        fields
    })
}

fn fixture(documents: &str, indexes: &[Vec<(&'static str, bool)>]) -> Fixture {
    let mut fixture = Fixture::new();
    fixture.insert(documents).unwrap();
    for (number, fields) in indexes.iter().enumerate() {
        fixture.create_index(IndexSpec::new(Some(&format!("i{number}")), fields, false).unwrap());
    }
    fixture.build_all();
    fixture
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn every_plan_gives_what_a_scan_gives(
        documents in documents(), indexes in prop::collection::vec(index(), 1..4),
        filter in filter(), sort in sort(), limit in prop::option::of(0u64..6), misses in 0u64..4,
    ) {
        let mut fixture = fixture(&documents, &indexes);
        fixture.check_agreement();
        fixture.store.inject_misses(misses, 7);
        let sort = sort.as_deref();
        let expected = fixture.find(&filter, sort, None, Some(Hint::Scan)).unwrap();
        let hints = (0..indexes.len()).map(|number| Some(Hint::Index(format!("i{number}").into()))).chain([None, Some(Hint::Id)]);
        for hint in hints {
            let mut found = fixture.find(&filter, sort, None, hint.clone()).unwrap();
            let limited = fixture.find(&filter, sort, limit, hint.clone()).unwrap();
            if let Some(limit) = limit {
                prop_assert_eq!(&limited, &expected.iter().take(limit as usize).cloned().collect::<Vec<_>>(), "{:?}", hint);
            }
            if sort.is_none_or(|sort| sort == "[]") {
                found.sort();
            }
            prop_assert_eq!(&found, &expected, "{:?}", hint);
        }
    }

    #[test]
    fn pages_put_together_are_the_whole_result(
        documents in documents(), indexes in prop::collection::vec(index(), 0..3),
        filter in filter(), sort in sort(), limit in 1u64..5, index in 0usize..4,
    ) {
        let fixture = fixture(&documents, &indexes);
        let hint = (index < indexes.len()).then(|| Hint::Index(format!("i{index}").into()));
        let ranking = || Ranking::parse(sort.as_deref().map(value), true).unwrap();
        let matcher = || Matcher::parse(value(&filter), 0.0).unwrap();
        let whole = fixture.run(Query { ranking: ranking(), hint: Some(Hint::Scan), ..Query::new("c", matcher()) }).unwrap().0;
        let mut pages = Vec::new();
        let mut after = None;
        loop {
            let query = Query { ranking: ranking(), hint: hint.clone(), limit: Some(limit), after, ..Query::new("c", matcher()) };
            let (page, token) = fixture.page(query).unwrap();
            prop_assert!(page.len() <= limit as usize);
            after = token;
            pages.extend(page);
            if after.is_none() { break; }
        }
        prop_assert_eq!(pages, whole);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn branches_by_their_indexes_find_what_a_scan_finds(
        documents in prop::collection::vec(document(true), 50..60), branches in prop::collection::vec(branch(), 1..4),
        besides in prop::option::of(condition()), sort in sort(), misses in 0u64..4,
    ) {
        let documents = documents.iter().enumerate().map(|(n, fields)| format!("{{\"id\":\"d{n:02}\"{}{fields}}}", if fields.is_empty() { "" } else { "," }));
        let documents = format!("[{}]", documents.collect::<Vec<_>>().join(","));
        let mut fixture = fixture(&documents, &[vec![("a", false)], vec![("b", true), ("c", false)]]);
        fixture.store.inject_misses(misses, 7);
        let or = format!("{{\"$or\":[{}]}}", branches.join(","));
        let filter = besides.map_or(or.clone(), |besides| format!("{{\"$and\":[{or},{{\"b\":{besides}}}]}}"));
        let mut found = fixture.find(&filter, sort.as_deref(), None, None).unwrap();
        let mut expected = fixture.find(&filter, sort.as_deref(), None, Some(Hint::Scan)).unwrap();
        if sort.is_none_or(|sort| sort == "[]") {
            found.sort();
            expected.sort();
        }
        prop_assert_eq!(found, expected);
    }
}

/// What `$or` asks for: seldom much of a collection.
fn branch() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => ("[ab]", scalar()).prop_map(|(path, value)| format!("{{\"{path}\":{value}}}")),
        1 => (scalar(), scalar()).prop_map(|(b, c)| format!("{{\"b\":{b},\"c\":{c}}}")),
        1 => prop::collection::vec("d[0-5][0-9]", 0..3).prop_map(|ids| format!("{{\"id\":{{\"$in\":{ids:?}}}}}")),
        1 => (scalar(), scalar()).prop_map(|(a, b)| format!("{{\"$or\":[{{\"a\":{a}}},{{\"b\":{b}}}]}}")),
        1 => scalar().prop_map(|c| format!("{{\"c\":{c}}}")),
    ]
}

#[test]
fn every_branch_of_or_is_read_by_its_own_index_and_no_document_comes_twice() {
    let documents = (0..200).map(|n| format!(r#"{{"id":"d{n:03}","a":{n},"b":{n},"c":{n}}}"#)).collect::<Vec<_>>();
    let fixture = fixture(&format!("[{}]", documents.join(",")), &[vec![("a", false)], vec![("b", false)]]);
    let check = |filter: &str, ids: &[&str], documents_examined: u64| {
        let query = Query::new("c", Matcher::parse(value(filter), 0.0).unwrap());
        let (mut found, selection) = fixture.run(query).unwrap();
        found.sort();
        assert_eq!(found, ids, "{filter}");
        assert_eq!(selection.scan().unwrap().documents_examined, documents_examined, "{filter}");
    };
    check(r#"{"$or":[{"a":7},{"b":{"$gte":198}}]}"#, &["d007", "d198", "d199"], 3);
    check(r#"{"$or":[{"a":7},{"b":7},{"id":"d007"}]}"#, &["d007"], 1);
    check(
        r#"{"$or":[{"id":{"$in":["d003","d001"]}},{"$and":[{"$or":[{"a":3},{"a":4}]}]}]}"#,
        &["d001", "d003", "d004"],
        3,
    );
    check(r#"{"b":5,"$or":[{"a":{"$gt":1}},{"a":{"$lt":1}}]}"#, &["d005"], 1);
    check(r#"{"$or":[{"a":7},{"c":8}]}"#, &["d007", "d008"], 200);
}

#[test]
fn conditions_on_elements_in_all_are_no_values_to_look_up() {
    let fixture = fixture(r#"[{"id":"x","a":[{"d":1},{"d":2},3]}]"#, &[vec![("a", false)]]);
    for hint in [Hint::Scan, Hint::Index("i0".into())] {
        for all in [r#"{"$elemMatch":{"d":1}},{"$elemMatch":{"d":2}}"#, r#"{"$elemMatch":{"d":2}}"#, "3"] {
            let filter = format!(r#"{{"a":{{"$all":[{all}]}}}}"#);
            assert_eq!(fixture.find(&filter, None, None, Some(hint.clone())).unwrap(), ["x"], "{filter}");
        }
    }
}

#[test]
fn a_pattern_fixes_no_value_and_so_no_order_of_what_follows() {
    let fixture = fixture(r#"[{"id":"a","a":"ab"},{"id":"b","a":"a"}]"#, &[vec![("a", false), ("b", false)]]);
    let hint = Some(Hint::Index("i0".into()));
    assert_eq!(fixture.find(r#"{"a":{"$regex":"^a"}}"#, Some(r#"{"b":1}"#), Some(1), hint).unwrap(), ["a"]);
}

#[test]
fn an_index_is_walked_either_way_to_serve_a_sort() {
    let fixture = fixture(r#"[{"id":"x","a":1},{"id":"y","a":2},{"id":"z","a":2}]"#, &[vec![("a", false)]]);
    for (sort, ids) in [(r#"{"a":1}"#, ["x", "y", "z"]), (r#"{"a":-1}"#, ["z", "y", "x"])] {
        let ranking = Ranking::parse(Some(value(sort)), false).unwrap();
        let hint = Some(Hint::Index("i0".into()));
        let (found, selection) = fixture.run(Query { ranking, hint, ..Query::new("c", Matcher::all()) }).unwrap();
        assert_eq!(found, ids);
        assert!(selection.scan().unwrap().plan().ordered);
    }
}
