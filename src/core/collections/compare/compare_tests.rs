use proptest::prelude::*;

use super::*;
use crate::collections::arbitrary::{bigint as any_bigint, value};
use crate::collections::{bigint, json};

fn check(ascending: &[&str]) {
    let values: Vec<Value> = ascending.iter().map(|text| json::parse(text.as_bytes()).unwrap()).collect();
    for (i, a) in values.iter().enumerate() {
        for (j, b) in values.iter().enumerate() {
            assert_eq!(compare(a, b), i.cmp(&j), "{} beside {}", ascending[i], ascending[j]);
        }
    }
}

#[test]
fn classes_come_in_mongodbs_order() {
    check(&[
        "null",
        r#"{"$number":"NaN"}"#,
        "1e300",
        "\"\"",
        "{}",
        "[]",
        r#"{"$bytes":""}"#,
        "false",
        "true",
        r#"{"$date":null}"#,
        r#"{"$date":0}"#,
        r#"{"$regexp":["a",""]}"#,
    ]);
}

#[test]
fn numbers_order_by_value_across_kinds() {
    check(&[
        r#"{"$number":"-Infinity"}"#,
        r#"{"$bigint":"-9007199254740993"}"#,
        "-9007199254740992",
        "-1.5",
        r#"{"$bigint":"-1"}"#,
        "0",
        "0.5",
        r#"{"$bigint":"1"}"#,
        "9007199254740992",
        r#"{"$bigint":"9007199254740993"}"#,
        "9007199254740994",
        "1.7976931348623157e308",
        &format!(r#"{{"$bigint":"1{}"}}"#, "0".repeat(400)),
        r#"{"$number":"Infinity"}"#,
    ]);
}

#[test]
fn strings_order_by_code_point_not_by_utf16_unit() {
    check(&["\"Z\"", "\"a\"", "\"aa\"", "\"é\"", "\"\u{ffff}\"", "\"😀\""]);
}

#[test]
fn objects_order_by_class_then_key_then_value() {
    check(&["{}", r#"{"b":1}"#, r#"{"b":2}"#, r#"{"b":2,"c":null}"#, r#"{"c":0}"#, r#"{"a":"x"}"#]);
}

#[test]
fn bytes_order_by_length_first() {
    check(&[r#"{"$bytes":"/w=="}"#, r#"{"$bytes":"AAA="}"#]);
}

#[test]
fn equality_ignores_what_eq_ignores() {
    for (a, b) in [("0", r#"{"$number":"-0"}"#), ("5", r#"{"$bigint":"5"}"#), ("null", r#"{"$undefined":true}"#)] {
        assert!(equals(&json::parse(a.as_bytes()).unwrap(), &json::parse(b.as_bytes()).unwrap()), "{a} {b}");
    }
    let (ab, ba) = (json::parse(br#"{"a":1,"b":1}"#).unwrap(), json::parse(br#"{"b":1,"a":1}"#).unwrap());
    assert!(!equals(&ab, &ba));
}

proptest! {
    #[test]
    fn the_order_is_total(a in value(), b in value(), c in value()) {
        prop_assert_eq!(compare(&a, &a), Ordering::Equal);
        prop_assert_eq!(compare(&a, &b), compare(&b, &a).reverse());
        let mut sorted = [&a, &b, &c];
        sorted.sort_by(|x, y| compare(x, y));
        prop_assert!(compare(sorted[0], sorted[2]).is_le());
    }

    #[test]
    fn bigints_order_as_wide_integers_do(a in any::<i128>(), b in any::<i128>(), shift in 0u32..127) {
        let (a, b) = (a >> shift, b >> shift);
        let order = compare(&Value::BigInt(a.to_string().into()), &Value::BigInt(b.to_string().into()));
        prop_assert_eq!(order, a.cmp(&b));
    }

    #[test]
    fn a_bigint_beside_its_nearest_number_differs_by_the_residual(a in any::<i128>(), shift in 0u32..127) {
        let a = a >> shift;
        let number = a as f64;
        // The nearest number of the largest integers is 2^127, which no i128 holds.
        prop_assume!(number.abs() < 1.7e38);
        prop_assert_eq!(bigint::compare_to_f64(&a.to_string(), number), a.cmp(&(number as i128)));
    }

    #[test]
    fn bigints_beside_each_other_agree_with_their_parts(a in any_bigint(), b in any_bigint()) {
        let (Value::BigInt(x), Value::BigInt(y)) = (&a, &b) else { unreachable!() };
        let ((near_x, rest_x), (near_y, rest_y)) = (bigint::split(x), bigint::split(y));
        let order = compare_f64(near_x, near_y);
        if order.is_ne() {
            prop_assert_eq!(compare(&a, &b), order);
        } else {
            prop_assert_eq!(compare(&a, &b) == Ordering::Equal, rest_x == rest_y);
        }
    }
}

#[test]
fn a_bigint_taken_apart_is_put_together_again() {
    let long = format!("1{}", "0".repeat(400));
    for digits in ["0", "-1", "9007199254740993", "-9007199254740993", &long] {
        let (nearest, residual) = bigint::split(digits);
        assert_eq!(bigint::join(nearest, &residual).as_deref(), Some(digits), "{nearest:e} {residual:?}");
    }
}
