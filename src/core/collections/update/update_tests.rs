use proptest::prelude::*;

use super::super::arbitrary::{object, value as value_strategy};
use super::super::json;
use super::*;

fn value(text: &str) -> Value {
    json::parse(text.as_bytes()).unwrap()
}

fn text(value: &Value) -> String {
    String::from_utf8(json::to_json(value)).unwrap()
}

/// Applies `update` to `before` and expects `after`; an unchanged document must be reported as such.
fn check(before: &str, update: &str, after: &str) {
    let mut document = value(before);
    let changed = Update::parse(&value(update)).unwrap().apply(&mut document, 7.0).unwrap();
    assert_eq!(text(&document), after, "{update} on {before}");
    assert_eq!(changed, before != after, "{update} on {before} said changed: {changed}");
}

/// Expects parsing or applying to fail with a message that contains each of `parts`.
fn check_error(before: &str, update: &str, parts: &[&str]) {
    let error = Update::parse(&value(update)).and_then(|update| update.apply(&mut value(before), 0.0)).unwrap_err();
    assert_eq!(error.kind(), crate::base::ErrorKind::Invalid);
    for part in parts {
        assert!(error.message().contains(part), "{update}: '{}' lacks '{part}'", error.message());
    }
}

#[test]
fn set_writes_fields_and_creates_the_objects_on_the_way() {
    check(r#"{"a":1}"#, r#"{"$set":{"a":2,"b.c.d":3}}"#, r#"{"a":2,"b":{"c":{"d":3}}}"#);
    check(r#"{"a":[1,{"b":2}]}"#, r#"{"$set":{"a.1.b":3,"a.0":0}}"#, r#"{"a":[0,{"b":3}]}"#);
    check(r#"{"a":[1]}"#, r#"{"$set":{"a.3":4}}"#, r#"{"a":[1,null,null,4]}"#);
    check(r#"{"a":1}"#, r#"{"$set":{"a":1}}"#, r#"{"a":1}"#);
    check(r#"{"a":{"0":1}}"#, r#"{"$set":{"a.0":2}}"#, r#"{"a":{"0":2}}"#);
}

#[test]
fn set_tells_minus_zero_from_zero_and_a_number_from_a_bigint() {
    check(r#"{"a":0}"#, r#"{"$set":{"a":{"$number":"-0"}}}"#, r#"{"a":{"$number":"-0"}}"#);
    check(r#"{"a":1}"#, r#"{"$set":{"a":{"$bigint":"1"}}}"#, r#"{"a":{"$bigint":"1"}}"#);
}

#[test]
fn proto_is_an_ordinary_field() {
    check(r#"{"a":1}"#, r#"{"$set":{"__proto__.x":1}}"#, r#"{"a":1,"__proto__":{"x":1}}"#);
}

#[test]
fn a_path_through_a_scalar_or_a_field_of_an_array_fails_with_the_place() {
    check_error(r#"{"a":1}"#, r#"{"$set":{"a.b":1}}"#, &["'a.b'", "'a' is not an object"]);
    check_error(r#"{"a":null}"#, r#"{"$set":{"a.b":1}}"#, &["'a.b'"]);
    check_error(r#"{"a":[{"b":1}]}"#, r#"{"$set":{"a.b":1}}"#, &["'a.b'", "index"]);
    check_error(r#"{"a":[]}"#, r#"{"$set":{"a.999999999":1}}"#, &["far past"]);
}

#[test]
fn unset_removes_fields_and_nulls_elements() {
    check(r#"{"a":1,"b":{"c":1,"d":2}}"#, r#"{"$unset":{"a":"","b.c":"","x.y":""}}"#, r#"{"b":{"d":2}}"#);
    check(r#"{"a":[1,2]}"#, r#"{"$unset":{"a.0":""}}"#, r#"{"a":[null,2]}"#);
    check(r#"{"a":1}"#, r#"{"$unset":{"a.b":""}}"#, r#"{"a":1}"#);
}

#[test]
fn inc_and_mul_compute_numbers() {
    check(r#"{"a":1}"#, r#"{"$inc":{"a":2.5,"b":1}}"#, r#"{"a":3.5,"b":1}"#);
    check(r#"{"a":3}"#, r#"{"$mul":{"a":2,"b":5}}"#, r#"{"a":6,"b":0}"#);
    check(r#"{"a":3}"#, r#"{"$inc":{"a":0}}"#, r#"{"a":3}"#);
}

#[test]
fn bigints_stay_exact_and_overflow_is_an_error() {
    check(r#"{"a":{"$bigint":"9007199254740993"}}"#, r#"{"$inc":{"a":1}}"#, r#"{"a":{"$bigint":"9007199254740994"}}"#);
    check(r#"{"a":{"$bigint":"3"}}"#, r#"{"$mul":{"a":0.5}}"#, r#"{"a":1.5}"#);
    let largest = i128::MAX;
    check_error(&format!(r#"{{"a":{{"$bigint":"{largest}"}}}}"#), r#"{"$inc":{"a":1}}"#, &["'a'", "128 bits"]);
}

#[test]
fn arithmetic_on_anything_but_numbers_fails() {
    for operand in [r#""x""#, "null", r#"{"$date":0}"#, "[]"] {
        check_error(&format!(r#"{{"a":{operand}}}"#), r#"{"$inc":{"a":1}}"#, &["'a'", "a number"]);
    }
    check_error("{}", r#"{"$inc":{"a":"x"}}"#, &["$inc", "'a'", "number"]);
}

#[test]
fn min_and_max_follow_the_order_of_values() {
    check(r#"{"a":5,"b":5}"#, r#"{"$min":{"a":3,"b":7,"c":1}}"#, r#"{"a":3,"b":5,"c":1}"#);
    check(r#"{"a":5,"b":5}"#, r#"{"$max":{"a":3,"b":"x"}}"#, r#"{"a":5,"b":"x"}"#);
}

#[test]
fn rename_moves_a_field() {
    check(r#"{"a":1,"b":2}"#, r#"{"$rename":{"a":"c.d","x":"y"}}"#, r#"{"b":2,"c":{"d":1}}"#);
    check_error(r#"{"a":[{"b":1}]}"#, r#"{"$rename":{"a.0.b":"c"}}"#, &["array"]);
    check_error("{}", r#"{"$rename":{"a":"a"}}"#, &["conflicts"]);
}

#[test]
fn push_appends_places_sorts_and_slices() {
    check(r#"{"a":[1]}"#, r#"{"$push":{"a":2,"b":3}}"#, r#"{"a":[1,2],"b":[3]}"#);
    check(r#"{"a":[1]}"#, r#"{"$push":{"a":[2,3]}}"#, r#"{"a":[1,[2,3]]}"#);
    check(r#"{"a":[1,2]}"#, r#"{"$push":{"a":{"$each":[3,4],"$position":1}}}"#, r#"{"a":[1,3,4,2]}"#);
    check(r#"{"a":[1,2]}"#, r#"{"$push":{"a":{"$each":[3],"$position":-1}}}"#, r#"{"a":[1,3,2]}"#);
    check(r#"{"a":[3,1]}"#, r#"{"$push":{"a":{"$each":[2],"$sort":-1,"$slice":2}}}"#, r#"{"a":[3,2]}"#);
    check(r#"{"a":[3,1]}"#, r#"{"$push":{"a":{"$each":[2],"$slice":-2}}}"#, r#"{"a":[1,2]}"#);
    let before = r#"{"a":[{"n":2},{"n":1}]}"#;
    check(before, r#"{"$push":{"a":{"$each":[{"n":0}],"$sort":{"n":1}}}}"#, r#"{"a":[{"n":0},{"n":1},{"n":2}]}"#);
    check(r#"{"a":[1]}"#, r#"{"$push":{"a":{"$each":[]}}}"#, r#"{"a":[1]}"#);
    check_error(r#"{"a":1}"#, r#"{"$push":{"a":1}}"#, &["an array"]);
    check_error("{}", r#"{"$push":{"a":{"$each":1}}}"#, &["$each"]);
    check_error("{}", r#"{"$push":{"a":{"$each":[],"$what":1}}}"#, &["$what"]);
}

#[test]
fn add_to_set_adds_what_is_not_there() {
    check(r#"{"a":[1,{"x":1}]}"#, r#"{"$addToSet":{"a":{"$each":[1,2,2,{"x":1}]}}}"#, r#"{"a":[1,{"x":1},2]}"#);
    check(r#"{"a":[1]}"#, r#"{"$addToSet":{"a":1}}"#, r#"{"a":[1]}"#);
}

#[test]
fn pull_takes_values_conditions_and_patterns_of_documents() {
    check(r#"{"a":[1,5,3,5]}"#, r#"{"$pull":{"a":5}}"#, r#"{"a":[1,3]}"#);
    check(r#"{"a":[1,5,8]}"#, r#"{"$pull":{"a":{"$gte":5}}}"#, r#"{"a":[1]}"#);
    check(r#"{"a":["x","y"]}"#, r#"{"$pull":{"a":{"$in":["x",2]}}}"#, r#"{"a":["y"]}"#);
    check(r#"{"a":[{"b":1,"c":2},{"b":2},3]}"#, r#"{"$pull":{"a":{"b":1}}}"#, r#"{"a":[{"b":2},3]}"#);
    check(r#"{"a":["ab","ba"]}"#, r#"{"$pull":{"a":{"$regexp":["^a",""]}}}"#, r#"{"a":["ba"]}"#);
    check(r#"{"a":[1,2,1]}"#, r#"{"$pullAll":{"a":[1]}}"#, r#"{"a":[2]}"#);
    check(r#"{"b":1}"#, r#"{"$pull":{"a":1}}"#, r#"{"b":1}"#);
    let items = r#"{"a":[{"b":1},{"b":2,"c":1},{"b":2}]}"#;
    check(items, r#"{"$pull":{"a":{"$or":[{"b":1},{"c":1}]}}}"#, r#"{"a":[{"b":2}]}"#);
    check(items, r#"{"$pull":{"a":{"b":2,"$nor":[{"c":1}]}}}"#, r#"{"a":[{"b":1},{"b":2,"c":1}]}"#);
}

#[test]
fn pop_takes_an_end_off() {
    check(r#"{"a":[1,2,3]}"#, r#"{"$pop":{"a":1}}"#, r#"{"a":[1,2]}"#);
    check(r#"{"a":[1,2,3]}"#, r#"{"$pop":{"a":-1}}"#, r#"{"a":[2,3]}"#);
    check(r#"{"a":[]}"#, r#"{"$pop":{"a":-1}}"#, r#"{"a":[]}"#);
    check_error("{}", r#"{"$pop":{"a":2}}"#, &["$pop", "1"]);
}

#[test]
fn current_date_writes_the_time_given() {
    check("{}", r#"{"$currentDate":{"a":true,"b":{"$type":"date"}}}"#, r#"{"a":{"$date":7},"b":{"$date":7}}"#);
    check_error("{}", r#"{"$currentDate":{"a":{"$type":"timestamp"}}}"#, &["timestamp"]);
}

#[test]
fn bit_combines_integers() {
    check(r#"{"a":13}"#, r#"{"$bit":{"a":{"and":10}}}"#, r#"{"a":8}"#);
    check(r#"{"a":3}"#, r#"{"$bit":{"a":{"or":4,"xor":1},"b":{"or":1}}}"#, r#"{"a":6,"b":1}"#);
    check_error(r#"{"a":1.5}"#, r#"{"$bit":{"a":{"and":1}}}"#, &["integer"]);
}

#[test]
fn set_on_insert_counts_only_when_inserting() {
    let update = Update::parse(&value(r#"{"$setOnInsert":{"a":1},"$set":{"b":2}}"#)).unwrap();
    let (mut existing, mut fresh) = (value("{}"), value("{}"));
    update.apply(&mut existing, 0.0).unwrap();
    update.apply_on_insert(&mut fresh, 0.0).unwrap();
    assert_eq!(text(&existing), r#"{"b":2}"#);
    assert_eq!(text(&fresh), r#"{"a":1,"b":2}"#);
}

#[test]
fn dollar_brackets_reach_every_element() {
    check(r#"{"a":[1,2]}"#, r#"{"$inc":{"a.$[]":1}}"#, r#"{"a":[2,3]}"#);
    check(r#"{"a":[{"b":[1]},{"b":[2]}]}"#, r#"{"$push":{"a.$[].b":9}}"#, r#"{"a":[{"b":[1,9]},{"b":[2,9]}]}"#);
    check_error("{}", r#"{"$set":{"a.$[]":1}}"#, &["$[]"]);
}

/// `filters` are the `arrayFilters`, `by` is the filter that found the document.
fn parsed(update: &str, filters: &str, by: &str) -> crate::base::Result<Update> {
    let by = value(by);
    Update::parse_with(&value(update), &Elements::parse(Some(&value(filters)), Some(&by))?)
}

#[track_caller]
fn check_elements(before: &str, update: &str, filters: &str, by: &str, after: &str) {
    let mut document = value(before);
    let update = parsed(update, filters, by).unwrap();
    let changed = update.apply(&mut document, 0.0).unwrap();
    assert_eq!(text(&document), after);
    assert_eq!(changed, before != after);
}

#[track_caller]
fn check_elements_error(before: &str, update: &str, filters: &str, by: &str, parts: &[&str]) {
    let update = parsed(update, filters, by);
    let error = update.and_then(|update| update.apply(&mut value(before), 0.0)).unwrap_err();
    assert!(parts.iter().all(|part| error.message().contains(part)), "{}", error.message());
}

#[test]
fn named_brackets_reach_the_elements_that_meet_their_condition() {
    let grades = r#"{"g":[{"n":5,"m":1},{"n":9,"m":1},{"n":7}]}"#;
    let high = r#"[{"x.n":{"$gt":6}}]"#;
    check_elements(r#"{"a":[1,5,9]}"#, r#"{"$set":{"a.$[x]":0}}"#, r#"[{"x":{"$gte":5}}]"#, "{}", r#"{"a":[1,0,0]}"#);
    check_elements(
        grades,
        r#"{"$set":{"g.$[x].m":2}}"#,
        high,
        "{}",
        r#"{"g":[{"n":5,"m":1},{"n":9,"m":2},{"n":7,"m":2}]}"#,
    );
    check_elements(
        grades,
        r#"{"$set":{"g.$[x].m":2}}"#,
        r#"[{"$or":[{"x.n":1},{"x.m":{"$exists":false}}]}]"#,
        "{}",
        r#"{"g":[{"n":5,"m":1},{"n":9,"m":1},{"n":7,"m":2}]}"#,
    );
    check_elements(
        r#"{"a":[[1,2],[3]]}"#,
        r#"{"$inc":{"a.$[].$[x]":10}}"#,
        r#"[{"x":{"$gt":1}}]"#,
        "{}",
        r#"{"a":[[1,12],[13]]}"#,
    );
    check_elements(grades, r#"{"$set":{"g.$[x].m":2}}"#, r#"[{"x.n":100}]"#, "{}", grades);
}

#[test]
fn the_elements_are_chosen_before_anything_changes() {
    let document = r#"{"g":[{"n":5},{"n":9}]}"#;
    let update = r#"{"$set":{"g.$[x].n":0},"$inc":{"g.$[x].k":1}}"#;
    check_elements(document, update, r#"[{"x.n":5}]"#, "{}", r#"{"g":[{"n":0,"k":1},{"n":9}]}"#);
    let update = r#"{"$set":{"g.$.n":0},"$inc":{"g.$.k":1}}"#;
    check_elements(document, update, "[]", r#"{"g.n":9}"#, r#"{"g":[{"n":5},{"n":0,"k":1}]}"#);
    let update = r#"{"$set":{"g.$[a].n":1,"g.$[b].n":2}}"#;
    check_elements(document, update, r#"[{"a.n":5},{"b.n":9}]"#, "{}", r#"{"g":[{"n":1},{"n":2}]}"#);
    check_elements_error(document, update, r#"[{"a.n":5},{"b.n":{"$gt":1}}]"#, "{}", &["g.$[b].n", "once"]);
}

#[test]
fn a_dollar_is_the_first_element_that_the_filter_found() {
    check_elements(r#"{"a":[1,5,9,5]}"#, r#"{"$set":{"a.$":0}}"#, "[]", r#"{"a":5}"#, r#"{"a":[1,0,9,5]}"#);
    check_elements(r#"{"a":[1,5,9]}"#, r#"{"$set":{"a.$":0}}"#, "[]", r#"{"a":{"$gt":1,"$lt":7}}"#, r#"{"a":[1,0,9]}"#);
    let lines = r#"{"o":{"l":[{"s":"a","q":1},{"s":"b","q":1},{"s":"b","q":4}]}}"#;
    let by = r#"{"o.l":{"$elemMatch":{"s":"b","q":{"$gt":2}}},"z":{"$exists":false}}"#;
    let after = r#"{"o":{"l":[{"s":"a","q":1},{"s":"b","q":1},{"s":"b","q":5}]}}"#;
    check_elements(lines, r#"{"$inc":{"o.l.$.q":1}}"#, "[]", by, after);
    check_elements(lines, r#"{"$inc":{"o.l.$.q":1}}"#, "[]", r#"{"$and":[{"o.l.s":"b"},{"o.l.q":4}]}"#, after);
    check_elements(
        r#"{"a":[1,5]}"#,
        r#"{"$set":{"a.$":0}}"#,
        "[]",
        r#"{"a":{"$size":2},"$and":[{"a":5}]}"#,
        r#"{"a":[1,0]}"#,
    );
}

#[test]
fn conditions_on_elements_that_mean_nothing_are_refused_by_name() {
    let check = |update: &str, filters: &str, by: &str, parts: &[&str]| {
        check_elements_error(r#"{"a":[1]}"#, update, filters, by, parts);
    };
    let set = r#"{"$set":{"a.$[x]":1}}"#;
    check(set, "[]", "{}", &["'$[x]'", "arrayFilters"]);
    check(set, r#"[{"x":1},{"y":1}]"#, "{}", &["'y'", "no path"]);
    check(set, r#"[{"x":1},{"x":2}]"#, "{}", &["'x'", "twice"]);
    check(set, r#"[{"x":1,"y":2}]"#, "{}", &["two names"]);
    check(set, r#"[{"X":1}]"#, "{}", &["'X'", "small letter"]);
    check(set, r#"[{}]"#, "{}", &["without a name"]);
    check(set, r#"[5]"#, "{}", &["not an object"]);
    check(set, r#"{"x":1}"#, "{}", &["array of filters"]);
    check(set, r#"[{"x":{"$foo":1}}]"#, "{}", &["arrayFilters", "$foo"]);
    check(r#"{"$set":{"a.$":1}}"#, "[]", r#"{"b":1}"#, &["'$'", "filter"]);
    check(r#"{"$set":{"a.$.b.$":1}}"#, "[]", r#"{"a":1}"#, &["'$'"]);
    check(r#"{"$set":{"a.$x":1}}"#, "[]", "{}", &["'$x'"]);
    check(r#"{"$set":{"b.$[x]":1}}"#, r#"[{"x":1}]"#, "{}", &["'b.$[x]'", "no array"]);
    check(r#"{"$set":{"a.$":1}}"#, "[]", r#"{"a":7}"#, &["'$'", "no single element"]);
    check(r#"{"$rename":{"a.$[x]":"b"}}"#, r#"[{"x":1}]"#, "{}", &["$rename"]);
}

#[test]
fn two_operators_on_one_path_conflict() {
    for update in [
        r#"{"$set":{"a":1},"$inc":{"a":1}}"#,
        r#"{"$set":{"a.b":1},"$unset":{"a":1}}"#,
        r#"{"$set":{"a":1},"$rename":{"b":"a.c"}}"#,
        r#"{"$set":{"a.$[].b":1},"$inc":{"a.0.b":1}}"#,
    ] {
        check_error(r#"{"a":1}"#, update, &["conflicts"]);
    }
    check(r#"{"id":"x"}"#, r#"{"$set":{"a.b":1},"$inc":{"a.bc":1}}"#, r#"{"id":"x","a":{"b":1,"bc":1}}"#);
}

#[test]
fn the_id_cannot_change() {
    check_error(r#"{"id":"x"}"#, r#"{"$set":{"id":"y"}}"#, &["'id'"]);
    check_error(r#"{"id":"x"}"#, r#"{"$unset":{"id":""}}"#, &["'id'"]);
    check_error(r#"{"id":"x","b":"y"}"#, r#"{"$rename":{"b":"id"}}"#, &["'id'"]);
    check(r#"{"id":"x"}"#, r#"{"$set":{"id":"x","a":1}}"#, r#"{"id":"x","a":1}"#);
}

#[test]
fn a_document_without_operators_is_refused_with_the_way_out() {
    check_error("{}", r#"{"title":"x"}"#, &["$set", "put()"]);
    check_error("{}", "{}", &["operator"]);
    check_error("{}", r#"{"$sett":{"a":1}}"#, &["'$sett'"]);
    check_error("{}", r#"{"$set":5}"#, &["$set"]);
    check_error("{}", r#"{"$set":{"a..b":1}}"#, &["'a..b'"]);
    check_error("{}", r#"{"$set":{"":1}}"#, &["empty"]);
}

#[test]
fn an_update_cannot_nest_deeper_than_a_document_may() {
    let path = vec!["a"; 65].join(".");
    check_error("{}", &format!(r#"{{"$set":{{"{path}":1}}}}"#), &["64"]);
    let path = vec!["a"; 60].join(".");
    check_error("{}", &format!(r#"{{"$set":{{"{path}":[[[[[]]]]]}}}}"#), &["64"]);
}

proptest! {
    #[test]
    fn no_operand_and_no_document_makes_an_update_panic(
        operator in prop::sample::select(vec!["$set", "$unset", "$inc", "$mul", "$min", "$max", "$rename", "$push", "$addToSet",
            "$pull", "$pullAll", "$pop", "$currentDate", "$bit"]),
        path in prop::sample::select(vec!["a", "b.c", "a.0", "a.$[]", "a.$[].b", "a.$[x]", "b.$.c", "", "__proto__", "id", "a.9999"]),
        operand in value_strategy(),
        mut document in object(),
    ) {
        let update = Value::Object(vec![(operator.into(), Value::Object(vec![(path.into(), operand)]))]);
        let (filters, by) = (value(r#"[{"x":1}]"#), value(r#"{"b.c":1}"#));
        if let Ok(update) = Update::parse_with(&update, &Elements::parse(Some(&filters), Some(&by)).unwrap()) {
            let before = document.clone();
            if let Ok(false) = update.apply(&mut document, 0.0) {
                prop_assert_eq!(text(&document), text(&before));
            }
        }
    }
}
