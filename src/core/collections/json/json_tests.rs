use proptest::prelude::*;

use super::*;
use crate::collections::arbitrary::{number, value};
use crate::collections::compare::equals;
use crate::collections::Value;

fn check_error(text: &str, part: &str) {
    let error = parse(text.as_bytes()).unwrap_err();
    assert!(error.message().contains(part), "{text}: {error}");
}

fn check_text(text: &str, written: &str) {
    assert_eq!(String::from_utf8(to_json(&parse(text.as_bytes()).unwrap())).unwrap(), written);
}

proptest! {
    #[test]
    fn a_special_byte_is_found_as_by_looking_at_each(
        text in prop::collection::vec(prop_oneof![9 => 0x20..=255u8, 1 => Just(b'"'), 1 => Just(b'\\'), 1 => 0..0x20u8], 0..80),
        plain in 0..60_usize,
        at in 0..160_usize,
    ) {
        let text = [vec![b'x'; plain], text].concat();
        let special = |byte: &u8| matches!(byte, b'"' | b'\\' | 0..0x20);
        let found = text.iter().skip(at).position(special).map_or(text.len().max(at), |place| at + place);
        prop_assert_eq!(text::find_special(&text, at).max(at), found);
    }
}

#[test]
fn text_is_written_minified() {
    check_text(" { \"a\" : [ 1 , 2.50 , -3e2 ] , \"b\" : null } ", r#"{"a":[1,2.5,-300],"b":null}"#);
    check_text(r#""\u0041\/\u000a\ud83d\ude00\u001f""#, "\"A/\\n😀\\u001f\"");
}

#[test]
fn of_equal_keys_the_last_wins_at_the_first_ones_place() {
    check_text(r#"{"a":1,"b":2,"a":3}"#, r#"{"a":3,"b":2}"#);
    let many: Vec<String> = (0..40).map(|i| format!("\"k{}\":{i}", i % 20)).collect();
    let expected: Vec<String> = (0..20).map(|i| format!("\"k{i}\":{}", i + 20)).collect();
    check_text(&format!("{{{}}}", many.join(",")), &format!("{{{}}}", expected.join(",")));
}

#[test]
fn proto_is_an_ordinary_key() {
    check_text(r#"{"__proto__":{"polluted":true}}"#, r#"{"__proto__":{"polluted":true}}"#);
}

#[test]
fn tags_become_the_values_they_name() {
    let parsed = |text: &str| parse(text.as_bytes()).unwrap();
    assert_eq!(parsed(r#"{"$date":12}"#), Value::Date(12.0));
    assert_eq!(parsed(r#"{"$bytes":"AQI="}"#), Value::Bytes([1, 2].into()));
    assert_eq!(parsed(r#"{"$bigint":"-12"}"#), Value::BigInt("-12".into()));
    assert_eq!(parsed(r#"{"$undefined":true}"#), Value::Undefined);
    assert_eq!(parsed(r#"{"$number":"Infinity"}"#), Value::Number(f64::INFINITY));
    assert_eq!(parsed(r#"{"$regexp":["a+","i"]}"#), Value::Regex(Box::new(("a+".into(), "i".into()))));
}

#[test]
fn escaped_objects_keep_tag_names_as_keys() {
    check_text(r#"{"$escape":{"$date":{"$date":5}}}"#, r#"{"$escape":{"$date":{"$date":5}}}"#);
    check_text(r#"{"$escape":{"$date":5},"b":1}"#, r#"{"$escape":{"$date":5},"b":1}"#);
    let parsed = parse(br#"{"$escape":{"$date":5},"b":1}"#).unwrap();
    assert_eq!(parsed.field("$escape"), Some(&Value::Date(5.0)));
    check_text(r#"{"$escape":{"$escape":{"$escape":{"a":1}}}}"#, r#"{"$escape":{"$escape":{"a":1}}}"#);
}

#[test]
fn malformed_text_names_its_path() {
    check_error(r#"{"a":{"b":[1,tru]}}"#, "at 'a.b.1'");
    check_error(r#"{"a":{"$date":"x"}}"#, "at 'a' (byte 5): $date takes");
    check_error(r#"{"a":{"$bytes":"AQI"}}"#, "$bytes takes");
    check_error(r#"{"$bigint":"007"}"#, "$bigint takes");
    check_error("[1,]", "at '1'");
    check_error("01", "malformed");
    check_error("\"\n\"", "control character");
    check_error(r#""\x""#, "malformed escape");
    check_error("1 2", "nothing more");
    check_error("", "ends");
    assert!(parse(b"\"\xff\"").unwrap_err().message().contains("UTF-8"));
}

#[test]
fn depth_is_limited() {
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    assert!(parse(nested(MAX_DEPTH).as_bytes()).is_ok());
    check_error(&nested(MAX_DEPTH + 1), "64 levels");
    check_error(&"[".repeat(1_000_000), "64 levels");
    check_error(&"{\"$escape\":".repeat(1_000_000), "64 levels");
    let twins = format!("{}1{}", "{\"$escape\":".repeat(60), ",\"b\":1}".repeat(60));
    assert!(parse(twins.as_bytes()).is_ok());
}

proptest! {
    #[test]
    fn what_is_written_reads_back(value in value()) {
        let text = to_json(&value);
        let back = parse(&text).unwrap();
        prop_assert!(equals(&back, &value), "{:?}", String::from_utf8_lossy(&text));
        prop_assert_eq!(to_json(&back), text);
    }

    #[test]
    fn numbers_read_back_bit_for_bit(value in number()) {
        let back = parse(&to_json(&Value::Number(value))).unwrap();
        let Value::Number(number) = back else { panic!("{back:?}") };
        prop_assert!(number.to_bits() == value.to_bits() || (number.is_nan() && value.is_nan()));
    }

    #[test]
    fn number_text_reads_as_the_standard_library_reads_it(text in "-?(0|[1-9][0-9]{0,25})(\\.[0-9]{1,25})?([eE][+-]?[0-9]{1,3})?") {
        let (value, length) = super::number::parse(text.as_bytes()).unwrap();
        prop_assert_eq!(length, text.len());
        prop_assert_eq!(value.to_bits(), text.parse::<f64>().unwrap().to_bits());
    }

    #[test]
    fn base64_reads_back(bytes in prop::collection::vec(any::<u8>(), 0..20)) {
        let mut text = Vec::new();
        super::base64::encode(&bytes, &mut text);
        prop_assert_eq!(super::base64::decode(&text), Some(bytes));
    }

    #[test]
    fn mutated_text_never_panics(value in value(), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut text = to_json(&value);
        let at = at.index(text.len());
        text[at] = byte;
        let _ = parse(&text);
        let _ = parse(&text[..at]);
    }
}
