use super::*;
use crate::collections::json;

fn check(json: &str, path: &str, reached: &str) {
    let value = json::parse(json.as_bytes()).unwrap();
    let raw = json::to_json(&value);
    let path = Path::parse(path).unwrap();
    for root in [ValueRef::Tree(&value), ValueRef::Raw(RawValue::new(&raw))] {
        let mut seen = Vec::new();
        path.visit(root, &mut |found| {
            seen.push(
                found.map_or("missing".into(), |value| String::from_utf8(json::to_json(&value.to_value())).unwrap()),
            );
            false
        });
        assert_eq!(seen.join(" "), reached, "{json} at {}", path.text());
    }
}

#[test]
fn paths_enter_objects() {
    check(r#"{"a":{"b":5}}"#, "a.b", "5");
    check(r#"{"a":{"b":5}}"#, "a.c", "missing");
    check(r#"{"a":5}"#, "a.b", "missing");
    check(r#"{"a":{"$date":5}}"#, "a.$date", "missing");
    check(r#"{"a":{"$escape":{"$date":5}}}"#, "a.$date", "5");
}

#[test]
fn paths_fan_out_over_the_objects_of_an_array() {
    check(r#"{"a":[{"b":1},7,{"b":[2,3]},{"c":4}]}"#, "a.b", "1 [2,3] missing");
    check(r#"{"a":[1,2]}"#, "a.b", "");
    check(r#"{"a":[[{"b":1}]]}"#, "a.b", "");
}

#[test]
fn numeric_segments_pick_elements_and_still_name_keys() {
    check(r#"{"a":[{"b":1},{"b":2}]}"#, "a.1.b", "2");
    check(r#"{"a":[[5,6]]}"#, "a.0.1", "6");
    check(r#"{"a":[{"0":"key"},"second"]}"#, "a.0", r#"{"0":"key"} "key""#);
    check(r#"{"a":{"0":1}}"#, "a.0", "1");
    check(r#"{"a":[1]}"#, "a.00", "");
}

fn check_leaves(json: &str, path: &str, reached: &str, arrays: bool) {
    let value = json::parse(json.as_bytes()).unwrap();
    let mut seen = Vec::new();
    let several = Path::parse(path).unwrap().leaves(ValueRef::Tree(&value), &mut |leaf| {
        seen.push(leaf.map_or("nothing".into(), |value| String::from_utf8(json::to_json(&value.to_value())).unwrap()));
    });
    assert_eq!((seen.join(" ").as_str(), several), (reached, arrays), "{json} at {path}");
}

#[test]
fn leaves_are_the_elements_of_arrays() {
    check_leaves(r#"{"a":5}"#, "a", "5", false);
    check_leaves(r#"{}"#, "a", "nothing", false);
    check_leaves(r#"{"a":[1,[2],3]}"#, "a", "1 [2] 3", true);
    check_leaves(r#"{"a":[]}"#, "a", "nothing", true);
    check_leaves(r#"{"a":[1]}"#, "a.b", "nothing", true);
    check_leaves(r#"{"a":[{"b":[1,2]},{"b":3}]}"#, "a.b", "1 2 3", true);
}

#[test]
fn malformed_paths_are_refused() {
    for path in ["", ".", "a.", ".a", "a..b"] {
        assert!(Path::parse(path).unwrap_err().message().contains("empty segment"), "{path}");
    }
    assert!(Path::parse(&"a.".repeat(64)).is_err());
}
