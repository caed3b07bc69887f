//! Random values for property tests.

use proptest::prelude::*;

use super::Value;

/// Numbers of every kind, close together often enough to meet.
pub(crate) fn number() -> impl Strategy<Value = f64> {
    prop_oneof![
        4 => (-20i32..20).prop_map(f64::from),
        1 => (-20i32..20).prop_map(|n| f64::from(n) / 4.0),
        1 => any::<f64>(),
        1 => prop::sample::select(vec![
            0.0, -0.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY, f64::MAX, f64::MIN_POSITIVE, 1e15, 1e16, 1e21, 1e-7,
            9007199254740992.0, 9007199254740994.0, 1e100, 0.1, 1.5e300,
        ]),
    ]
}

/// BigInts, many of them near powers of two where f64 rounds.
pub(crate) fn bigint() -> impl Strategy<Value = Value> {
    let near = (0u32..126, -2i128..3, any::<bool>()).prop_map(|(shift, delta, negative)| {
        let magnitude = (1i128 << shift) + delta;
        (if negative { -magnitude } else { magnitude }).to_string()
    });
    let long = "-?[1-9][0-9]{30,400}".prop_map(String::from);
    prop_oneof![4 => near, 1 => long].prop_map(|digits| Value::BigInt(digits.into()))
}

/// Short strings over an alphabet with escapes, zeros and several UTF-8 lengths.
pub(crate) fn string() -> impl Strategy<Value = Box<str>> {
    prop::collection::vec(
        prop::sample::select(vec!['a', 'b', 'A', '"', '\\', '\n', '\0', '\u{1}', 'é', '漢', '😀', '\u{7f}']),
        0..6,
    )
    .prop_map(|characters| characters.into_iter().collect::<String>().into())
}

/// Keys, tag names and numeric names among them.
pub(crate) fn key() -> impl Strategy<Value = Box<str>> {
    prop_oneof![
        6 => prop::sample::select(vec!["a", "b", "c", "d"]).prop_map(Into::into),
        1 => prop::sample::select(vec!["$date", "$escape", "$number", "__proto__", "0", "1", ""]).prop_map(Into::into),
        1 => string(),
    ]
}

/// Values that may be stored in a document.
pub(crate) fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        1 => Just(Value::Undefined),
        1 => Just(Value::Null),
        1 => any::<bool>().prop_map(Value::Bool),
        4 => number().prop_map(Value::Number),
        1 => bigint(),
        3 => string().prop_map(Value::String),
        1 => prop::collection::vec(any::<u8>(), 0..5).prop_map(|bytes| Value::Bytes(bytes.into())),
        1 => prop_oneof![(-5i32..5).prop_map(f64::from), Just(f64::NAN)].prop_map(Value::Date),
    ];
    leaf.prop_recursive(4, 32, 4, |inner| {
        prop_oneof![prop::collection::vec(inner.clone(), 0..4).prop_map(Value::Array), object_of(inner),]
    })
}

/// Objects of such values.
pub(crate) fn object() -> impl Strategy<Value = Value> {
    object_of(value())
}

fn object_of(inner: impl Strategy<Value = Value>) -> impl Strategy<Value = Value> {
    prop::collection::vec((key(), inner), 0..5).prop_map(|fields| {
        let mut unique: Vec<(Box<str>, Value)> = Vec::new();
        for (key, value) in fields {
            if unique.iter().all(|(other, _)| *other != key) {
                unique.push((key, value));
            }
        }
        Value::Object(unique)
    })
}
