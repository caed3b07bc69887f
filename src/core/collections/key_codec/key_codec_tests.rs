use proptest::prelude::*;

use super::*;
use crate::collections::arbitrary::value;
use crate::collections::compare::{compare, equals};
use crate::collections::{json, RawValue};

fn key(value: &Value) -> Vec<u8> {
    let mut out = Vec::new();
    encode_value(value, &mut out);
    out
}

fn check(json: &str, bytes: &[u8]) {
    assert_eq!(key(&json::parse(json.as_bytes()).unwrap()), bytes, "{json}");
}

#[test]
fn keys_of_objects_end_before_their_payloads() {
    let [short, long] =
        [r#"{"a":{"$number":"Infinity"}}"#, r#"{"a\u0000":1}"#].map(|text| json::parse(text.as_bytes()).unwrap());
    assert!(key(&short) < key(&long));
    assert!(equals(&decode(&mut key(&short).as_slice()).unwrap(), &short));
}

#[test]
fn a_string_that_goes_on_with_zeros_does_not_go_on_as_a_key() {
    for longer in ["a\0", "a\0\0", "a\u{1}"] {
        let (short, long) = (key(&Value::String("a".into())), key(&Value::String(longer.into())));
        assert!(short < long && !long.starts_with(&short), "{longer:?}");
        assert!(long.starts_with(&encode_string_start("a")));
    }
}

#[test]
fn the_bytes_are_as_documented() {
    check("null", &[0x10]);
    check("1", &[0x20, 0xbf, 0xf0, 0, 0, 0, 0, 0, 0, 0x80]);
    check("-1", &[0x20, 0x40, 0x0f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x80]);
    check(r#"{"$bigint":"1"}"#, &[0x20, 0xbf, 0xf0, 0, 0, 0, 0, 0, 0, 0x80]);
    check(r#"{"$bigint":"9007199254740993"}"#, &[0x20, 0xc3, 0x40, 0, 0, 0, 0, 0, 0, 0x81, 0, 1, 1]);
    check(r#""a\u0000\u0001b""#, &[0x30, b'a', 1, 1, 1, 2, b'b', 0]);
    check(r#"{"k":true}"#, &[0x40, 0x70, b'k', 0, 1, 0]);
    check("[null,[]]", &[0x50, 0x10, 0x50, 0, 0]);
    check(r#"{"$bytes":"AQI="}"#, &[0x60, 0, 0, 0, 2, 1, 2]);
}

proptest! {
    #[test]
    fn the_order_of_keys_is_the_order_of_values(a in value(), b in value()) {
        prop_assert_eq!(key(&a).cmp(&key(&b)), compare(&a, &b), "{:?} {:?}", a, b);
    }

    #[test]
    fn compound_keys_order_field_by_field_in_both_directions(a in (value(), value()), b in (value(), value())) {
        let compound = |(first, second): &(Value, Value)| {
            let mut out = key(first);
            invert(&mut out);
            encode_value(second, &mut out);
            out
        };
        let expected = compare(&b.0, &a.0).then_with(|| compare(&a.1, &b.1));
        prop_assert_eq!(compound(&a).cmp(&compound(&b)), expected);
    }

    #[test]
    fn no_key_is_a_prefix_of_another(a in value(), b in value()) {
        prop_assert!(equals(&a, &b) || !key(&a).starts_with(&key(&b)));
    }

    #[test]
    fn stored_text_and_trees_have_the_same_key(value in value()) {
        let text = json::to_json(&value);
        let mut out = Vec::new();
        encode(ValueRef::Raw(RawValue::new(&text)), &mut out);
        prop_assert_eq!(out, key(&value));
    }

    #[test]
    fn a_decoded_value_equals_the_encoded_one(value in value(), tail: Vec<u8>) {
        let mut bytes = key(&value);
        bytes.push(0x10);
        bytes.extend_from_slice(&tail);
        let mut rest = bytes.as_slice();
        let decoded = decode(&mut rest).unwrap();
        prop_assert!(equals(&decoded, &value), "{:?} {:?}", decoded, value);
        prop_assert_eq!(rest.len(), tail.len() + 1);
    }

    #[test]
    fn damaged_keys_never_panic(value in value(), at in any::<prop::sample::Index>(), byte: u8) {
        let mut bytes = key(&value);
        let at = at.index(bytes.len());
        bytes[at] = byte;
        let _ = decode(&mut bytes.as_slice());
        let _ = decode(&mut &bytes[..at]);
    }
}
