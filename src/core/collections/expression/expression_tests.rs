use proptest::prelude::*;

use super::super::arbitrary::{object, value as any_value};
use super::super::json;
use super::*;

fn value(text: &str) -> Value {
    json::parse(text.as_bytes()).unwrap()
}

/// Evaluates `expression` over `document` and expects the JSON text.
fn check_on(document: &str, expression: &str, expected: &str) {
    let compiled = Expression::parse(&value(expression)).unwrap_or_else(|error| panic!("{expression}: {error}"));
    let document = value(document);
    let result = compiled.evaluate(&document, 7.0).unwrap_or_else(|error| panic!("{expression}: {error}"));
    assert_eq!(String::from_utf8(json::to_json(&result)).unwrap(), expected, "{expression}");
}

fn check(expression: &str, expected: &str) {
    check_on(
        r#"{"n":5,"s":"hello","a":[3,1,2],"o":{"x":1},"list":[{"v":1},{"v":2},{}],"d":{"$date":0}}"#,
        expression,
        expected,
    );
}

fn check_error(expression: &str, part: &str) {
    let document = value(r#"{"n":5,"s":"x","a":[1]}"#);
    let error = Expression::parse(&value(expression)).and_then(|e| e.evaluate(&document, 0.0).map(drop)).unwrap_err();
    assert!(error.message().contains(part), "{expression}: '{}' lacks '{part}'", error.message());
    assert_eq!(error.kind(), crate::base::ErrorKind::Invalid);
}

const MISSING: &str = r#"{"$undefined":true}"#;

#[test]
fn field_paths_read_through_objects_and_arrays() {
    check(r#""$n""#, "5");
    check(r#""$o.x""#, "1");
    check(r#""$list.v""#, "[1,2]");
    check(r#""$list.v.w""#, "[]");
    check(r#""$nothing.at.all""#, MISSING);
    check(r#""$$ROOT.o""#, r#"{"x":1}"#);
    check(r#""$$CURRENT.n""#, "5");
    check(r#""$$NOW""#, r#"{"$date":7}"#);
    check(r#"{"a":"$$REMOVE","b":"$n"}"#, r#"{"b":5}"#);
    check(r#"["$n","$nothing"]"#, "[5,null]");
}

#[test]
fn arithmetic_is_null_on_null_and_exact_on_bigints() {
    check(r#"{"$add":["$n",1,2]}"#, "8");
    check(r#"{"$add":["$n",null]}"#, "null");
    check(r#"{"$add":["$d",5]}"#, r#"{"$date":5}"#);
    check(r#"{"$add":[{"$bigint":"9007199254740993"},1]}"#, r#"{"$bigint":"9007199254740994"}"#);
    check(r#"{"$subtract":["$n",7]}"#, "-2");
    check(r#"{"$subtract":["$d",{"$date":-5}]}"#, "5");
    check(r#"{"$multiply":["$n",2,0.5]}"#, "5");
    check(r#"{"$divide":["$n",2]}"#, "2.5");
    check(r#"{"$mod":[-7,3]}"#, "-1");
    check(r#"{"$pow":[2,10]}"#, "1024");
    check(r#"{"$abs":-3}"#, "3");
    check(r#"{"$sqrt":[16]}"#, "4");
    check(r#"{"$log10":1000}"#, "3");
    check_error(r#"{"$divide":[1,0]}"#, "$divide");
    check_error(r#"{"$add":[1,"x"]}"#, "$add");
    check_error(r#"{"$sqrt":-1}"#, "$sqrt");
}

#[test]
fn round_goes_half_to_even_and_trunc_cuts() {
    check(r#"{"$round":2.5}"#, "2");
    check(r#"{"$round":[3.5]}"#, "4");
    check(r#"{"$round":[19.25,1]}"#, "19.2");
    check(r#"{"$round":[1550,-2]}"#, "1600");
    check(r#"{"$trunc":[-19.25,1]}"#, "-19.2");
    check(r#"{"$round":[{"$bigint":"1250"},-2]}"#, r#"{"$bigint":"1200"}"#);
}

#[test]
fn comparisons_use_the_order_of_all_values() {
    check(r#"{"$gt":["$n",4]}"#, "true");
    check(r#"{"$lt":["$n","a"]}"#, "true");
    check(r#"{"$eq":["$nothing",null]}"#, "true");
    check(r#"{"$cmp":[1,2]}"#, "-1");
    check(r#"{"$ne":[[1],[1]]}"#, "false");
}

#[test]
fn logic_stops_early() {
    check(r#"{"$and":[true,"$n"]}"#, "true");
    check(r#"{"$and":[false,{"$divide":[1,0]}]}"#, "false");
    check(r#"{"$or":[1,{"$divide":[1,0]}]}"#, "true");
    check(r#"{"$not":["$nothing"]}"#, "true");
    check(r#"{"$and":[]}"#, "true");
    check(r#"{"$cond":[{"$gt":["$n",1]},"big",{"$divide":[1,0]}]}"#, r#""big""#);
    check(r#"{"$cond":{"if":0,"then":1,"else":2}}"#, "2");
    check(r#"{"$ifNull":["$nothing",null,"$n"]}"#, "5");
    check(r#"{"$switch":{"branches":[{"case":false,"then":1},{"case":true,"then":2}],"default":3}}"#, "2");
    check_error(r#"{"$switch":{"branches":[{"case":false,"then":1}]}}"#, "default");
}

#[test]
fn variables_shadow_and_nest() {
    check(r#"{"$let":{"vars":{"x":1,"y":"$n"},"in":{"$add":["$$x","$$y"]}}}"#, "6");
    check(r#"{"$let":{"vars":{"x":1},"in":{"$let":{"vars":{"x":2,"y":"$$x"},"in":["$$x","$$y"]}}}}"#, "[2,1]");
    check(r#"{"$map":{"input":"$list","as":"item","in":"$$item.v"}}"#, "[1,2,null]");
    check(
        r#"{"$map":{"input":"$a","in":{"$map":{"input":[1],"as":"x","in":{"$add":["$$this","$$x"]}}}}}"#,
        "[[4],[2],[3]]",
    );
    check(r#"{"$filter":{"input":"$a","as":"x","cond":{"$gt":["$$x",1]}}}"#, "[3,2]");
    check(r#"{"$filter":{"input":"$a","cond":true,"limit":2}}"#, "[3,1]");
    check(
        r#"{"$reduce":{"input":"$a","initialValue":"","in":{"$concat":["$$value",{"$toString":"$$this"}]}}}"#,
        r#""312""#,
    );
    check_error(r#""$$unknown""#, "$$unknown");
    check_error(r#"{"$let":{"vars":{"ROOT":1},"in":1}}"#, "ROOT");
}

#[test]
fn arrays_are_indexed_cut_and_joined() {
    check(r#"{"$size":"$a"}"#, "3");
    check(r#"{"$arrayElemAt":["$a",-1]}"#, "2");
    check(r#"{"$arrayElemAt":["$a",9]}"#, MISSING);
    check(r#"{"$first":"$a"}"#, "3");
    check(r#"{"$last":"$a"}"#, "2");
    check(r#"{"$slice":["$a",2]}"#, "[3,1]");
    check(r#"{"$slice":["$a",-2]}"#, "[1,2]");
    check(r#"{"$slice":["$a",1,5]}"#, "[1,2]");
    check(r#"{"$slice":["$a",-2,1]}"#, "[1]");
    check(r#"{"$concatArrays":["$a",[9]]}"#, "[3,1,2,9]");
    check(r#"{"$concatArrays":["$a","$nothing"]}"#, "null");
    check(r#"{"$in":[2,"$a"]}"#, "true");
    check(r#"{"$range":[0,10,4]}"#, "[0,4,8]");
    check(r#"{"$range":[3,0,-1]}"#, "[3,2,1]");
    check(r#"{"$reverseArray":"$a"}"#, "[2,1,3]");
    check(r#"{"$indexOfArray":["$a",2]}"#, "2");
    check(r#"{"$indexOfArray":["$a",3,1]}"#, "-1");
    check(r#"{"$isArray":["$a"]}"#, "true");
    check(r#"{"$sortArray":{"input":"$a","sortBy":-1}}"#, "[3,2,1]");
    check(r#"{"$sortArray":{"input":"$list","sortBy":{"v":-1}}}"#, r#"[{"v":2},{"v":1},{}]"#);
    check(r#"{"$zip":{"inputs":[[1,2],["a"]],"useLongestLength":true,"defaults":[0,"z"]}}"#, r#"[[1,"a"],[2,"z"]]"#);
    check(r#"{"$sum":"$a"}"#, "6");
    check(r#"{"$avg":["$n",1]}"#, "3");
    check(r#"{"$max":"$a"}"#, "3");
    check_error(r#"{"$size":"$n"}"#, "$size");
}

#[test]
fn strings_are_counted_in_code_points() {
    check(r#"{"$concat":["$s"," ","you"]}"#, r#""hello you""#);
    check(r#"{"$concat":["$s",null]}"#, "null");
    check(r#"{"$toUpper":"$s"}"#, r#""HELLO""#);
    check(r#"{"$substrCP":["a😀b",1,1]}"#, r#""😀""#);
    check(r#"{"$substr":["$s",1,-1]}"#, r#""ello""#);
    check(r#"{"$strLenCP":"a😀b"}"#, "3");
    check(r#"{"$split":["a,b,,c",","]}"#, r#"["a","b","","c"]"#);
    check(r#"{"$trim":{"input":"  x "}}"#, r#""x""#);
    check(r#"{"$ltrim":{"input":"xxyx","chars":"x"}}"#, r#""yx""#);
    check(r#"{"$indexOfCP":["😀ab","b"]}"#, "2");
    check(r#"{"$indexOfCP":["abab","a",1]}"#, "2");
    check(r#"{"$replaceOne":{"input":"aa","find":"a","replacement":"b"}}"#, r#""ba""#);
    check(r#"{"$replaceAll":{"input":"aa","find":"a","replacement":"b"}}"#, r#""bb""#);
    check(r#"{"$regexMatch":{"input":"$s","regex":"^H","options":"i"}}"#, "true");
    check(r#"{"$regexMatch":{"input":"$s","regex":{"$regexp":["l{3}",""]}}}"#, "false");
    check(r#"{"$strcasecmp":["a","B"]}"#, "-1");
    check_error(r#"{"$strLenCP":"$n"}"#, "$strLenCP");
    check_error(r#"{"$split":["a",""]}"#, "$split");
}

#[test]
fn objects_are_merged_listed_and_changed() {
    check(r#"{"$mergeObjects":["$o",{"y":2},null]}"#, r#"{"x":1,"y":2}"#);
    check(r#"{"$objectToArray":"$o"}"#, r#"[{"k":"x","v":1}]"#);
    check(r#"{"$arrayToObject":[[["a",1],["b",2]]]}"#, r#"{"a":1,"b":2}"#);
    check(r#"{"$arrayToObject":{"$literal":[{"k":"a","v":1}]}}"#, r#"{"a":1}"#);
    check(r#"{"$getField":"n"}"#, "5");
    check(r#"{"$getField":{"field":"x","input":"$o"}}"#, "1");
    check(r#"{"$setField":{"field":"y.z","input":"$o","value":3}}"#, r#"{"x":1,"y.z":3}"#);
    check(r#"{"$setField":{"field":"__proto__","input":"$o","value":3}}"#, r#"{"x":1,"__proto__":3}"#);
    check(r#"{"$unsetField":{"field":"x","input":"$o"}}"#, "{}");
    check(r#"{"$literal":{"$add":[1,2]}}"#, r#"{"$add":[1,2]}"#);
}

#[test]
fn sets_ignore_order_and_duplicates() {
    check(r#"{"$setUnion":["$a",[3,4]]}"#, "[1,2,3,4]");
    check(r#"{"$setIntersection":["$a",[3,4,1]]}"#, "[1,3]");
    check(r#"{"$setDifference":["$a",[3]]}"#, "[1,2]");
    check(r#"{"$setIsSubset":[[1,1],"$a"]}"#, "true");
    check(r#"{"$setEquals":[[1,2,3,3],"$a"]}"#, "true");
    check(r#"{"$anyElementTrue":[[0,null]]}"#, "false");
}

#[test]
fn dates_are_utc() {
    let date = r#"{"$date":1709210096789}"#; // 2024-02-29T12:34:56.789Z, a Thursday
    for (operator, expected) in [
        ("$year", "2024"),
        ("$month", "2"),
        ("$dayOfMonth", "29"),
        ("$hour", "12"),
        ("$minute", "34"),
        ("$second", "56"),
        ("$millisecond", "789"),
        ("$dayOfWeek", "5"),
        ("$dayOfYear", "60"),
        ("$isoWeek", "9"),
    ] {
        check(&format!(r#"{{"{operator}":{date}}}"#), expected);
    }
    check(&format!(r#"{{"$dateToString":{{"date":{date}}}}}"#), r#""2024-02-29T12:34:56.789Z""#);
    check(&format!(r#"{{"$dateToString":{{"date":{date},"format":"%d.%m.%Y %j"}}}}"#), r#""29.02.2024 060""#);
    check(
        &format!(r#"{{"$toString":{{"$dateAdd":{{"startDate":{date},"unit":"year","amount":1}}}}}}"#),
        r#""2025-02-28T12:34:56.789Z""#,
    );
    check(
        &format!(r#"{{"$toString":{{"$dateTrunc":{{"date":{date},"unit":"week","startOfWeek":"mon"}}}}}}"#),
        r#""2024-02-26T00:00:00.000Z""#,
    );
    check(&format!(r#"{{"$dateDiff":{{"startDate":{{"$date":0}},"endDate":{date},"unit":"month"}}}}"#), "649");
    check(r#"{"$toDate":"2024-02-29T12:34:56.789+01:00"}"#, r#"{"$date":1709206496789}"#);
    check(r#"{"$year":{"$date":-62198755200000}}"#, "-1");
    check_error(r#"{"$hour":{"date":{"$date":0},"timezone":"Europe/Paris"}}"#, "UTC");
}

#[test]
fn types_convert_or_say_why_not() {
    check(r#"{"$type":"$nothing"}"#, r#""missing""#);
    check(r#"{"$type":"$n"}"#, r#""int""#);
    check(r#"{"$toString":1e21}"#, r#""1e+21""#);
    check(r#"{"$toInt":"12"}"#, "12");
    check(r#"{"$toInt":-1.9}"#, "-1");
    check(r#"{"$toDouble":"1.5"}"#, "1.5");
    check(r#"{"$toBool":""}"#, "true");
    check(r#"{"$convert":{"input":"x","to":"int","onError":-1}}"#, "-1");
    check(r#"{"$convert":{"input":null,"to":"int","onNull":0}}"#, "0");
    check_error(r#"{"$toInt":"1.5"}"#, "$toInt");
    check_error(r#"{"$toDate":"yesterday"}"#, "$toDate");
}

#[test]
fn wrong_expressions_are_refused_when_compiled() {
    for (expression, part) in [
        (r#"{"$nope":1}"#, "$nope"),
        (r#"{"$add":1,"$sum":2}"#, "alone"),
        (r#"{"a":1,"$sum":2}"#, "alone"),
        (r#"{"$subtract":[1]}"#, "2 arguments"),
        (r#"{"$map":{"input":1}}"#, "'in'"),
        (r#"{"$trim":{"input":"x","what":1}}"#, "'what'"),
        (r#""$a..b""#, "$a..b"),
        (r#""$""#, "'$'"),
        (r#"{"$regexMatch":{"input":"x","regex":"("}}"#, "$regexMatch"),
    ] {
        let error = Expression::parse(&value(expression)).unwrap_err();
        assert!(error.message().contains(part), "{expression}: {error}");
    }
}

#[test]
fn deep_and_greedy_expressions_end_in_an_error() {
    let mut deep = Value::Null;
    for _ in 0..200 {
        deep = Value::Object(vec![("$not".into(), Value::Array(vec![deep]))]);
    }
    assert!(Expression::parse(&deep).unwrap_err().message().contains("100 levels"));
    check_error(r#"{"$range":[0,1000000000]}"#, "64 MiB");
    check_error(r#"{"$reduce":{"input":{"$range":[0,60]},"initialValue":["x"],"in":["$$value","$$value"]}}"#, "64 MiB");
    let doubling =
        r#"{"$reduce":{"input":{"$range":[0,60]},"initialValue":"x","in":{"$concat":["$$value","$$value"]}}}"#;
    check_error(doubling, "64 MiB");
}

#[test]
fn the_fields_an_expression_reads_are_known() {
    let fields = |text: &str| {
        let mut fields = Fields::none();
        Expression::parse(&value(text)).unwrap().collect_fields(&mut fields);
        fields
    };
    let named = |names: &[&str]| Fields::Named(names.iter().map(|name| Box::from(*name)).collect());
    assert_eq!(fields(r#"{"$add":["$a.b","$c",{"$let":{"vars":{"x":"$d"},"in":"$$x"}}]}"#), named(&["a", "c", "d"]));
    assert_eq!(fields(r#"{"$getField":"a"}"#), Fields::All);
    assert_eq!(fields("1"), named(&[]));
}

proptest! {
    #[test]
    fn no_argument_makes_an_operator_panic(
        operator in prop::sample::select(vec!["$add", "$subtract", "$divide", "$mod", "$round", "$pow", "$slice", "$range", "$zip",
            "$arrayElemAt", "$indexOfArray", "$indexOfCP", "$substr", "$substrCP", "$split", "$trim", "$replaceAll", "$regexMatch",
            "$arrayToObject", "$setField", "$mergeObjects", "$dateToString", "$dateTrunc", "$dateAdd", "$dateDiff", "$toDate",
            "$convert", "$toString", "$setUnion", "$sortArray", "$map", "$reduce", "$switch", "$let", "$year", "$toInt"]),
        arguments in prop::collection::vec(any_value(), 0..4),
        names in prop::collection::vec(prop::sample::select(vec!["input", "date", "startDate", "endDate", "unit", "amount", "in",
            "initialValue", "field", "value", "find", "replacement", "regex", "chars", "to", "binSize", "vars", "sortBy"]), 0..6),
        document in object(),
    ) {
        let literal = |value: &Value| Value::Object(vec![("$literal".into(), value.clone())]);
        let listed = Value::Array(arguments.iter().map(literal).collect());
        let pairs = names.iter().zip(arguments.iter().cycle()).map(|(name, value)| (Box::from(*name), literal(value)));
        for operand in [listed, Value::Object(pairs.collect())] {
            if let Ok(expression) = Expression::parse(&Value::Object(vec![(operator.into(), operand)])) {
                let _ = expression.evaluate(&document, 0.0);
            }
        }
    }
}
