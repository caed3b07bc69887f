use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::collections::arbitrary::{object, value};
use crate::collections::compare::{compare, TypeClass};
use crate::collections::document::encode_value;
use crate::collections::{json, RawValue};

fn parse(filter: &str) -> Result<Filter> {
    Filter::parse(&json::parse(filter.as_bytes()).unwrap())
}

/// Whether the filter matches, wherever the document stands.
fn matches(filter: &Filter, document: &Value) -> bool {
    let Value::Object(mut fields) = document.clone() else { panic!("{document:?}") };
    if !fields.iter().any(|(key, _)| &**key == "id") {
        fields.push(("id".into(), Value::String("1".into())));
    }
    let mut bytes = Vec::new();
    encode_value(&Value::Object(fields), 1, &mut bytes).unwrap();
    let stored = Document::parse(&bytes).unwrap();
    let answers = [
        filter.matches(&stored).unwrap(),
        filter.matches_value(document).unwrap(),
        filter.matches_ref(ValueRef::Raw(RawValue::new(stored.json()))).unwrap(),
    ];
    assert_eq!(answers, [answers[0]; 3], "{filter:?} {document:?}");
    answers[0]
}

fn check(filter: &str, matching: &[&str], other: &[&str]) {
    let compiled = parse(filter).unwrap();
    for (documents, expected) in [(matching, true), (other, false)] {
        for document in documents {
            let value = json::parse(document.as_bytes()).unwrap();
            assert_eq!(matches(&compiled, &value), expected, "{filter} on {document}");
        }
    }
}

fn check_refused(filter: &str, part: &str) {
    let error = parse(filter).unwrap_err();
    assert_eq!(error.kind(), crate::base::ErrorKind::Invalid);
    assert!(error.message().contains(part), "{filter}: {error}");
}

#[test]
fn equality_is_implicit() {
    check("{}", &["{}", r#"{"a":1}"#], &[]);
    check(
        r#"{"a":1}"#,
        &[r#"{"a":1}"#, r#"{"a":[2,1]}"#, r#"{"a":{"$bigint":"1"}}"#],
        &[r#"{"a":"1"}"#, "{}", r#"{"a":[[1]]}"#],
    );
    check(r#"{"a":"x\"y"}"#, &[r#"{"a":"x\"y"}"#], &[r#"{"a":"x"}"#]);
    check(
        r#"{"a":"xy"}"#,
        &[r#"{"a":"xy"}"#, r#"{"a":["z","xy"]}"#],
        &[r#"{"a":"xyz"}"#, r#"{"a":"x"}"#, r#"{"a":"x\"y"}"#],
    );
    check(r#"{"a":{"b":1,"c":2}}"#, &[r#"{"a":{"b":1,"c":2}}"#], &[r#"{"a":{"c":2,"b":1}}"#, r#"{"a":{"b":1}}"#]);
    check(r#"{"a":[1,2]}"#, &[r#"{"a":[1,2]}"#, r#"{"a":[[1,2],3]}"#], &[r#"{"a":[1,2,3]}"#]);
    check(
        r#"{"a":null}"#,
        &["{}", r#"{"a":null}"#, r#"{"a":{"$undefined":true}}"#, r#"{"a":[1,null]}"#],
        &[r#"{"a":0}"#, r#"{"a":[]}"#],
    );
    check(r#"{"a.b":1}"#, &[r#"{"a":{"b":1}}"#, r#"{"a":[{"b":1}]}"#], &[r#"{"a":1}"#]);
    check(r#"{"a":{"$date":5}}"#, &[r#"{"a":{"$date":5}}"#], &[r#"{"a":5}"#]);
    check(r#"{"a":{"$number":"-0"}}"#, &[r#"{"a":0}"#], &[r#"{"a":1}"#]);
    check(r#"{"__proto__":1}"#, &[r#"{"__proto__":1}"#], &["{}"]);
}

#[test]
fn text_written_with_other_escapes_is_the_same_text() {
    let filter = parse(r#"{"a":"xAy"}"#).unwrap();
    for (inside, expected) in [("x\\u0041y", true), ("x\\u0042y", false), ("\\u0078Ay", true), ("xAy\\u0041", false)] {
        let mut bytes = Vec::new();
        let json = format!("{{\"id\":\"1\",\"a\":\"{inside}\"}}");
        crate::collections::document::encode(json.as_bytes(), 1, &mut bytes).unwrap();
        assert_eq!(filter.matches(&Document::parse(&bytes).unwrap()).unwrap(), expected, "{inside}");
    }
}

#[test]
fn comparisons_stay_within_a_class() {
    check(
        r#"{"a":{"$lt":5}}"#,
        &[r#"{"a":4}"#, r#"{"a":[9,1]}"#, r#"{"a":{"$bigint":"-9"}}"#],
        &[r#"{"a":"1"}"#, r#"{"a":null}"#, "{}", r#"{"a":5}"#, r#"{"a":{"$number":"NaN"}}"#],
    );
    check(r#"{"a":{"$gte":"b"}}"#, &[r#"{"a":"b"}"#, r#"{"a":"c"}"#], &[r#"{"a":"a"}"#, r#"{"a":9}"#]);
    check(r#"{"a":{"$gte":null}}"#, &["{}", r#"{"a":null}"#], &[r#"{"a":1}"#]);
    check(r#"{"a":{"$gt":null}}"#, &[], &["{}", r#"{"a":null}"#, r#"{"a":1}"#]);
    check(r#"{"a":{"$gt":{"$date":5}}}"#, &[r#"{"a":{"$date":6}}"#], &[r#"{"a":6}"#, r#"{"a":{"$date":null}}"#]);
    check(r#"{"a":{"$lte":{"$number":"NaN"}}}"#, &[r#"{"a":{"$number":"NaN"}}"#], &[r#"{"a":1}"#]);
    check(r#"{"a":{"$gt":1,"$lt":3}}"#, &[r#"{"a":2}"#, r#"{"a":[0,9]}"#], &[r#"{"a":3}"#]);
    check(r#"{"a":{"$gt":[1]}}"#, &[r#"{"a":[1,0]}"#, r#"{"a":[2]}"#], &[r#"{"a":[0,9]}"#, r#"{"a":5}"#]);
    check(
        r#"{"a":{"$gt":{"$bigint":"9007199254740992"}}}"#,
        &[r#"{"a":{"$bigint":"9007199254740993"}}"#],
        &[r#"{"a":9007199254740992}"#],
    );
    check(r#"{"a":{"$lt":true}}"#, &[r#"{"a":false}"#], &[r#"{"a":0}"#]);
}

#[test]
fn negations_are_the_opposite_of_the_whole_field() {
    check(r#"{"a":{"$ne":1}}"#, &["{}", r#"{"a":2}"#, r#"{"a":[]}"#], &[r#"{"a":1}"#, r#"{"a":[1,2]}"#]);
    check(r#"{"a":{"$nin":[1,2]}}"#, &["{}", r#"{"a":3}"#], &[r#"{"a":[3,2]}"#]);
    check(r#"{"a":{"$not":{"$gt":1}}}"#, &["{}", r#"{"a":1}"#, r#"{"a":"x"}"#], &[r#"{"a":2}"#]);
    check(r#"{"a":{"$not":{"$regexp":["^x",""]}}}"#, &["{}", r#"{"a":"yx"}"#], &[r#"{"a":"x"}"#]);
}

#[test]
fn sets_hold_values_and_patterns() {
    check(r#"{"a":{"$in":[1,"x",null]}}"#, &["{}", r#"{"a":1}"#, r#"{"a":["y","x"]}"#], &[r#"{"a":2}"#]);
    check(r#"{"a":{"$in":[]}}"#, &[], &["{}", r#"{"a":1}"#]);
    check(r#"{"a":{"$in":[{"$regexp":["^x","i"]},7]}}"#, &[r#"{"a":"Xy"}"#, r#"{"a":7}"#], &[r#"{"a":"y"}"#]);
    check(
        r#"{"a":{"$in":[9,8,7,6,5,4,3,2,1,"x",[0]]}}"#,
        &[r#"{"a":4}"#, r#"{"a":"x"}"#, r#"{"a":[0]}"#],
        &[r#"{"a":10}"#, "{}"],
    );
}

#[test]
fn existence_type_and_size_look_at_the_value() {
    check(r#"{"a":{"$exists":true}}"#, &[r#"{"a":null}"#, r#"{"a":[]}"#], &["{}", r#"{"a":{"$undefined":true}}"#]);
    check(r#"{"a.b":{"$exists":false}}"#, &["{}", r#"{"a":[1]}"#], &[r#"{"a":[{"b":1}]}"#]);
    check(
        r#"{"a":{"$type":"number"}}"#,
        &[r#"{"a":1}"#, r#"{"a":{"$bigint":"1"}}"#, r#"{"a":["x",1]}"#],
        &[r#"{"a":"1"}"#, "{}"],
    );
    check(r#"{"a":{"$type":["string",8]}}"#, &[r#"{"a":"1"}"#, r#"{"a":true}"#], &[r#"{"a":1}"#]);
    check(r#"{"a":{"$type":"array"}}"#, &[r#"{"a":[]}"#], &[r#"{"a":{}}"#]);
    check(r#"{"a":{"$type":"int"}}"#, &[r#"{"a":1}"#], &[r#"{"a":1.5}"#, r#"{"a":2147483648}"#]);
    check(r#"{"a":{"$size":2}}"#, &[r#"{"a":[1,[]]}"#], &[r#"{"a":[1]}"#, r#"{"a":2}"#]);
}

#[test]
fn arrays_are_asked_for_all_and_for_one() {
    check(r#"{"a":{"$all":[1,2]}}"#, &[r#"{"a":[2,3,1]}"#], &[r#"{"a":[1]}"#, "{}"]);
    check(r#"{"a":{"$all":[1]}}"#, &[r#"{"a":1}"#], &[]);
    check(r#"{"a":{"$all":[]}}"#, &[], &[r#"{"a":[]}"#]);
    check(
        r#"{"a":{"$all":[{"$elemMatch":{"b":1}},{"$elemMatch":{"b":2}}]}}"#,
        &[r#"{"a":[{"b":1},{"b":2}]}"#],
        &[r#"{"a":[{"b":1}]}"#],
    );
    check(
        r#"{"a":{"$elemMatch":{"$gt":1,"$lt":3}}}"#,
        &[r#"{"a":[0,2]}"#],
        &[r#"{"a":[0,9]}"#, r#"{"a":2}"#, r#"{"a":[[2]]}"#],
    );
    check(
        r#"{"a":{"$elemMatch":{"b":1,"c":2}}}"#,
        &[r#"{"a":[{"b":1,"c":2}]}"#],
        &[r#"{"a":[{"b":1},{"c":2}]}"#, r#"{"a":{"b":1,"c":2}}"#],
    );
    check(r#"{"a":{"$elemMatch":{"$or":[{"b":1},{"c":2}]}}}"#, &[r#"{"a":[{"c":2}]}"#], &[r#"{"a":[{"c":1}]}"#]);
    check(r#"{"a":{"$elemMatch":{"$not":{"$gt":1}}}}"#, &[r#"{"a":[2,1]}"#], &[r#"{"a":[2]}"#, r#"{"a":[]}"#]);
}

#[test]
fn numbers_are_divided_without_their_fraction() {
    check(
        r#"{"a":{"$mod":[4,1]}}"#,
        &[r#"{"a":5}"#, r#"{"a":5.9}"#, r#"{"a":[1]}"#, r#"{"a":{"$bigint":"36893488147419103233"}}"#],
        &[r#"{"a":4}"#, r#"{"a":-5}"#, r#"{"a":"5"}"#, r#"{"a":{"$number":"NaN"}}"#],
    );
    check(r#"{"a":{"$mod":[-4,-1]}}"#, &[r#"{"a":-5}"#, r#"{"a":{"$bigint":"-5"}}"#], &[r#"{"a":5}"#]);
}

#[test]
fn patterns_match_strings_only() {
    check(
        r#"{"a":{"$regexp":["^a.c$","i"]}}"#,
        &[r#"{"a":"ABC"}"#, r#"{"a":["x","abc"]}"#],
        &[r#"{"a":"abcd"}"#, r#"{"a":1}"#],
    );
    check(r#"{"a":{"$regex":"^a","$options":"i"}}"#, &[r#"{"a":"Ab"}"#], &[r#"{"a":"b"}"#]);
    check(r#"{"a":{"$options":"i","$regex":{"$regexp":["b",""]}}}"#, &[r#"{"a":"aB"}"#], &[r#"{"a":"c"}"#]);
    check(r#"{"a":{"$regex":"\n"}}"#, &[r#"{"a":"x\ny"}"#], &[r#"{"a":"x\\ny"}"#]);
}

#[test]
fn logic_combines() {
    check(r#"{"$or":[{"a":1},{"b":2}]}"#, &[r#"{"a":1}"#, r#"{"b":2}"#], &["{}"]);
    check(r#"{"$and":[{"a":1},{"b":2}],"$comment":"x"}"#, &[r#"{"a":1,"b":2}"#], &[r#"{"a":1}"#]);
    check(r#"{"$nor":[{"a":1},{"b":2}]}"#, &["{}"], &[r#"{"a":1}"#, r#"{"b":2}"#]);
}

#[test]
fn what_is_wrong_is_named_with_its_path_and_fix() {
    check_refused("[]", "a filter is an object");
    check_refused(r#"{"a":{"$gtr":1}}"#, "at 'a': unknown operator '$gtr': did you mean '$gt'?");
    check_refused(r#"{"a":{"$In":[1]}}"#, "did you mean '$in'?");
    check_refused(r#"{"$orr":[]}"#, "unknown operator '$orr': did you mean '$or'?");
    check_refused(r#"{"$gt":1}"#, "stands where a field is expected");
    check_refused(r#"{"a":{"$or":[]}}"#, "stands in a field's place");
    check_refused(r#"{"a":{"$gt":1,"b":2}}"#, "the key 'b' stands beside operators");
    check_refused(r#"{"a":{"b":2,"$gt":1}}"#, "stands beside plain keys");
    check_refused(r#"{"a":{"$in":1}}"#, "at 'a': $in takes an array");
    check_refused(r#"{"a":{"$size":-1}}"#, "$size takes");
    check_refused(r#"{"a":{"$mod":[0,1]}}"#, "divide by 0");
    check_refused(r#"{"a":{"$mod":[1]}}"#, "$mod takes");
    check_refused(r#"{"a":{"$type":"strin"}}"#, "did you mean 'string'?");
    check_refused(r#"{"a":{"$options":"i"}}"#, "without $regex");
    check_refused(r#"{"a":{"$regex":"(?=x)"}}"#, "at 'a': the regular expression /(?=x)/ uses look-around");
    check_refused(r#"{"a":{"$not":5}}"#, "use $ne");
    check_refused(r#"{"a":{"$elemMatch":{"b":{"$bad":1}}}}"#, "at 'a': at 'b': unknown operator '$bad'");
    check_refused(r#"{"a":{"$elemMatch":{"$bad":1}}}"#, "at 'a': in $elemMatch: unknown operator '$bad'");
    check_refused(r#"{"$or":[{"a":1},{"b":{"$x":1}}]}"#, "in $or[1]: at 'b'");
    check_refused(r#"{"$or":[]}"#, "one or more");
    check_refused(r#"{"a..b":1}"#, "empty segment");
    check_refused(r#"{"$expr":{}}"#, "$expr is not available");
    check_refused(r#"{"a":{"$elemMatch":{"$expr":{}}}}"#, "$expr stands at the top");
}

#[derive(Debug)]
struct Failing;

impl Condition for Failing {
    fn holds(&self, _: ValueRef<'_>) -> Result<bool> {
        Err(Error::invalid("no such month"))
    }
}

#[test]
fn a_condition_that_fails_fails_the_match() {
    let value = json::parse(br#"{"$nor":[{"$expr":1}]}"#).unwrap();
    let filter = Filter::parse_with(&value, &|_| Ok(Rc::new(Failing))).unwrap();
    assert_eq!(filter.matches_value(&Value::Object(Vec::new())).unwrap_err().message(), "no such month");
}

/// Filters over the fields `a` to `d`, from a value.
fn arbitrary_filter() -> impl Strategy<Value = Value> {
    let operator = prop::sample::select(vec!["$eq", "$ne", "$gt", "$gte", "$lt", "$lte"]);
    let path = prop::sample::select(vec!["a", "b", "a.b", "a.0", "a.b.c", "0"]);
    (path, operator, value()).prop_map(|(path, operator, operand)| {
        Value::Object(vec![(path.into(), Value::Object(vec![(operator.into(), operand)]))])
    })
}

proptest! {
    #[test]
    fn stored_text_and_trees_match_alike(filter in arbitrary_filter(), document in object()) {
        prop_assume!(matches!(document.field("id"), None | Some(Value::String(_))));
        matches(&Filter::parse(&filter).unwrap(), &document);
    }

    #[test]
    fn comparisons_follow_the_order_of_values(a in value(), b in value()) {
        let unordered = |v: &Value| matches!(v, Value::Number(n) | Value::Date(n) if n.is_nan());
        if matches!(a, Value::Array(_)) || unordered(&a) || unordered(&b) {
            return Ok(());
        }
        let same = TypeClass::of(&a) == TypeClass::of(&b);
        let document = Value::Object(vec![("a".into(), a.clone())]);
        let order = compare(&a, &b);
        for (operator, expected) in [("$lt", order.is_lt()), ("$eq", order.is_eq()), ("$gte", order.is_ge())] {
            let filter = Value::Object(vec![("a".into(), Value::Object(vec![(operator.into(), b.clone())]))]);
            prop_assert_eq!(matches(&Filter::parse(&filter).unwrap(), &document), same && expected, "{} {:?} {:?}", operator, a, b);
        }
    }

    #[test]
    fn searched_sets_hold_what_compared_ones_hold(values in prop::collection::vec(value(), 0..20), document in value()) {
        let document = Value::Object(vec![("a".into(), document)]);
        let contained = values.iter().any(|value| {
            let filter = Value::Object(vec![("a".into(), Value::Object(vec![("$eq".into(), value.clone())]))]);
            matches(&Filter::parse(&filter).unwrap(), &document)
        });
        let filter = Value::Object(vec![("a".into(), Value::Object(vec![("$in".into(), Value::Array(values))]))]);
        prop_assert_eq!(matches(&Filter::parse(&filter).unwrap(), &document), contained);
    }

    #[test]
    fn no_filter_panics(filter in value(), document in object()) {
        if let Ok(filter) = Filter::parse(&filter) {
            let _ = filter.matches_value(&document);
        }
    }
}

#[test]
#[ignore = "prints timings"]
#[expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]
fn timings() {
    let mut bytes = Vec::new();
    let batch: Vec<String> = (0..1000).map(crate::collections::document::sample).collect();
    let documents =
        crate::collections::document::encode_batch(format!("[{}]", batch.join(",")).as_bytes(), 1, None, &mut bytes)
            .unwrap();
    for filter in [
        r#"{"score":{"$gt":500}}"#,
        r#"{"author":"Author 7"}"#,
        r#"{"score":{"$gte":100,"$lt":700}}"#,
        r#"{"done":true,"score":{"$lt":500}}"#,
        r#"{"tags":"blue"}"#,
        r#"{"nested.a":{"$lt":500}}"#,
        r#"{"title":{"$regex":"document 7"}}"#,
        r#"{"author":{"$in":["Author 1","Author 2","Author 3"]}}"#,
    ] {
        let compiled = parse(filter).unwrap();
        let mut best = Duration::MAX;
        let mut count = 0;
        for _ in 0..100 {
            let start = std::time::Instant::now();
            count = documents
                .iter()
                .filter(|entry| compiled.matches(&Document::parse(&bytes[entry.range.clone()]).unwrap()).unwrap())
                .count();
            best = best.min(start.elapsed());
        }
        println!("{filter}: {:?} a document, {count} match", best / 1000);
    }
}
