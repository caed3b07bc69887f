use proptest::prelude::*;

use super::*;
use crate::collections::arbitrary::{object, value};
use crate::collections::{document, json};

fn parse(projection: &str) -> Result<Projection> {
    Projection::parse(&json::parse(projection.as_bytes()).unwrap())
}

fn project(projection: &Projection, document: &[u8]) -> (String, bool) {
    let mut stored = Vec::new();
    document::encode(document, 1, &mut stored).unwrap();
    let mut out = Vec::new();
    let extended = projection.write(&Document::parse(&stored).unwrap(), &mut out);
    (String::from_utf8(out).unwrap(), extended)
}

fn check(projection: &str, document: &str, expected: &str) {
    assert_eq!(project(&parse(projection).unwrap(), document.as_bytes()).0, expected, "{projection}");
}

const DOCUMENT: &str = r#"{"id":"1","a":1,"b":{"c":2,"d":3},"e":[{"c":4,"d":5},6,[{"c":7}]]}"#;

#[test]
fn inclusion_keeps_what_is_listed_and_the_id() {
    check(r#"{"a":1}"#, DOCUMENT, r#"{"id":"1","a":1}"#);
    check(r#"{"a":true,"id":0}"#, DOCUMENT, r#"{"a":1}"#);
    check(r#"{"id":1}"#, DOCUMENT, r#"{"id":"1"}"#);
    check(r#"{"b.c":1}"#, DOCUMENT, r#"{"id":"1","b":{"c":2}}"#);
    check(r#"{"b":{"d":1},"x":1}"#, DOCUMENT, r#"{"id":"1","b":{"d":3}}"#);
    check(r#"{"e.c":1}"#, DOCUMENT, r#"{"id":"1","e":[{"c":4},[{"c":7}]]}"#);
    check(r#"{"a.x":1,"b.x":1}"#, DOCUMENT, r#"{"id":"1","b":{}}"#);
}

#[test]
fn exclusion_keeps_the_rest() {
    check("{}", DOCUMENT, DOCUMENT);
    check(r#"{"b":0,"e":0}"#, DOCUMENT, r#"{"id":"1","a":1}"#);
    check(r#"{"id":0,"e":0}"#, DOCUMENT, r#"{"a":1,"b":{"c":2,"d":3}}"#);
    check(r#"{"b.c":0,"e.c":0,"a.x":0}"#, DOCUMENT, r#"{"id":"1","a":1,"b":{"d":3},"e":[{"d":5},6,[{}]]}"#);
}

#[test]
fn slices_and_first_matches_cut_arrays() {
    let document = r#"{"id":"1","a":[1,2,3,4],"b":[{"c":1,"d":1},{"c":2,"d":2},{"c":2,"d":3}],"x":0}"#;
    check(r#"{"a":{"$slice":2},"b":0}"#, document, r#"{"id":"1","a":[1,2],"x":0}"#);
    check(r#"{"a":{"$slice":-1},"b":0}"#, document, r#"{"id":"1","a":[4],"x":0}"#);
    check(r#"{"a":{"$slice":[-3,2]},"x":1}"#, document, r#"{"id":"1","a":[2,3],"x":0}"#);
    check(r#"{"a":{"$slice":[-9,1]},"id":0,"x":{"$slice":1},"b":0}"#, document, r#"{"a":[1],"x":0}"#);
    check(r#"{"b":{"$elemMatch":{"c":2}}}"#, document, r#"{"id":"1","b":[{"c":2,"d":2}]}"#);
    check(r#"{"b":{"$elemMatch":{"c":9}},"a":{"$elemMatch":{"$gt":2}}}"#, document, r#"{"id":"1","a":[3]}"#);
}

#[test]
fn what_is_left_never_turns_into_a_tagged_value() {
    let document = br#"{"id":"1","o":{"$date":5,"x":1},"p":{"$escape":{"$date":6}}}"#;
    check(r#"{"id":0,"x":0}"#, r#"{"id":"1","$escape":{"a":1},"x":1}"#, r#"{"$escape":{"$escape":{"a":1}}}"#);
    let (text, extended) = project(&parse(r#"{"o.$date":1,"p.$date":1}"#).unwrap(), document);
    assert_eq!(
        (text.as_str(), extended),
        (r#"{"id":"1","o":{"$escape":{"$date":5}},"p":{"$escape":{"$date":6}}}"#, true)
    );
    check(
        r#"{"$date":1,"id":0}"#.replace("$date", "a").as_str(),
        r#"{"id":"1","a":{"$date":5}}"#,
        r#"{"a":{"$date":5}}"#,
    );
}

#[test]
fn malformed_projections_are_refused() {
    for (projection, part) in [
        ("[]", "a projection is an object"),
        (r#"{"a":1,"b":0}"#, "at 'b': a projection lists either"),
        (r#"{"a":1,"a.b":1}"#, "at 'a.b': the projection names"),
        (r#"{"a.b":1,"a":1}"#, "at 'a': the projection names"),
        (r#"{"a":"x"}"#, "at 'a': a projection takes"),
        (r#"{"a":{}}"#, "at 'a': an empty object"),
        (r#"{"a":{"$slise":1}}"#, "did you mean '$slice'?"),
        (r#"{"a":{"$slice":1.5}}"#, "at 'a': $slice takes"),
        (r#"{"a":{"$slice":[1,0]}}"#, "at 'a': $slice takes"),
        (r#"{"a":{"$elemMatch":5}}"#, "at 'a': $elemMatch takes"),
        (r#"{"a..b":1}"#, "empty segment"),
    ] {
        let error = parse(projection).unwrap_err();
        assert!(error.message().contains(part), "{projection}: {error}");
    }
}

fn without(value: &Value, keep: &dyn Fn(&str) -> bool) -> Value {
    let Value::Object(fields) = value else { panic!("{value:?}") };
    Value::Object(fields.iter().filter(|(key, _)| keep(key)).cloned().collect())
}

proptest! {
    #[test]
    fn top_level_inclusion_and_exclusion_are_what_a_tree_would_give(document in object()) {
        let document = without(&document, &|key| key != "id");
        let Value::Object(mut fields) = document else { unreachable!() };
        fields.push(("id".into(), Value::String("x".into())));
        let document = Value::Object(fields);
        for (projection, keep) in [
            (r#"{"a":1,"b":1}"#, (&|key: &str| matches!(key, "id" | "a" | "b")) as &dyn Fn(&str) -> bool),
            (r#"{"a":0,"$date":0}"#, &|key: &str| !matches!(key, "a" | "$date")),
            (r#"{"id":0}"#, &|key: &str| key != "id"),
        ] {
            let projection = if projection.contains('$') {
                Projection { rules: Rules { fields: vec![("a".into(), Rule::Drop), ("$date".into(), Rule::Drop)], keeps_others: true } }
            } else {
                parse(projection).unwrap()
            };
            let (text, _) = project(&projection, &json::to_json(&document));
            let expected = json::to_json(&without(&document, keep));
            prop_assert_eq!(text.as_bytes(), &expected[..]);
        }
    }

    #[test]
    fn no_projection_panics_and_every_output_is_tagged_json(projection in value(), document in object()) {
        let Value::Object(mut fields) = without(&document, &|key| key != "id") else { unreachable!() };
        fields.push(("id".into(), Value::String("x".into())));
        if let Ok(projection) = Projection::parse(&projection) {
            let (text, _) = project(&projection, &json::to_json(&Value::Object(fields)));
            prop_assert!(json::parse(text.as_bytes()).is_ok(), "{}", text);
        }
    }
}
