use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::collections::arbitrary::object;
use crate::collections::compare::equals;

fn stored(json: &str) -> Vec<u8> {
    let mut out = Vec::new();
    encode(json.as_bytes(), 1, &mut out).unwrap();
    out
}

fn check_refused(json: &str, part: &str) {
    let mut out = vec![7];
    let error = encode(json.as_bytes(), 1, &mut out).unwrap_err();
    assert!(error.message().contains(part), "{json}: {error}");
    assert_eq!(out, [7]);
}

fn with_id(value: &Value, id: &str) -> Value {
    let Value::Object(fields) = value else { panic!("{value:?}") };
    let mut fields: Vec<_> = fields.iter().filter(|(key, _)| &**key != "id").cloned().collect();
    fields.insert(fields.len() / 2, ("id".into(), Value::String(id.into())));
    Value::Object(fields)
}

#[test]
fn the_layout_is_as_documented() {
    let json = r#"{"id":"n1","due":{"$date":0}}"#;
    let bytes = stored(json);
    let [low, high] = (key_hash(b"id") as u16).to_le_bytes();
    assert_eq!(&bytes[..7], &[0x11, 1, 2, low, high, 1, 0]);
    assert_eq!(&bytes[9..11], &[11, 0]);
    assert_eq!(&bytes[11..], json.as_bytes());
    assert_eq!([key_hash(b""), key_hash(b"id"), key_hash(b"a longer key")], [0, 3_406_271_774, 3_129_324_806]);
}

#[test]
fn fields_are_found_and_missing_ones_are_not() {
    let bytes = stored(r#"{"id":"n1","a":1,"b\"c":[1,"x"],"o":{"a":2}}"#);
    let document = Document::parse(&bytes).unwrap();
    assert_eq!(document.field("a").unwrap().as_f64(), Some(1.0));
    assert_eq!(document.field("b\"c").unwrap().json(), b"[1,\"x\"]");
    assert_eq!(document.path(&Path::parse("o.a").unwrap()).unwrap().as_f64(), Some(2.0));
    assert!(document.field("c").is_none() && document.field("o.a").is_none());
    assert_eq!(document.id().unwrap(), "n1");
}

#[test]
fn long_documents_have_wide_offsets() {
    let json = format!(r#"{{"id":"n1","body":"{}","tail":true}}"#, "x".repeat(70_000));
    let bytes = stored(&json);
    let document = Document::parse(&bytes).unwrap();
    assert_eq!(document.flags(), WIDE);
    assert_eq!(document.field("tail").unwrap().as_bool(), Some(true));
    assert_eq!(document.json(), json.as_bytes());
}

#[test]
fn irregular_text_is_stored_in_canonical_form() {
    for (given, kept) in [
        (" {\"id\" : \"a\", \"n\": [ 1 , 2 ] }\n", r#"{"id":"a","n":[1,2]}"#),
        (r#"{"id":"a","n":1,"n":2}"#, r#"{"id":"a","n":2}"#),
        (r#"{"id":"a","o":{"n":1,"n":2}}"#, r#"{"id":"a","o":{"n":2}}"#),
        (r#"{"\u0069d":"a"}"#, r#"{"id":"a"}"#),
        (r#"{"id":"a","t":{"\u0024date":5}}"#, r#"{"id":"a","t":{"$date":5}}"#),
    ] {
        assert_eq!(Document::parse(&stored(given)).unwrap().json(), kept.as_bytes());
    }
    assert!(Document::parse(&stored(r#"{"id":"a","t":{"\u0024date":5}}"#)).unwrap().is_extended());
}

#[test]
fn many_keys_may_not_hide_a_duplicate() {
    let keys: Vec<String> = (0..300).map(|i| format!("\"k{}\":{i}", i % 299)).collect();
    let bytes = stored(&format!("{{\"id\":\"a\",{}}}", keys.join(",")));
    assert_eq!(Document::parse(&bytes).unwrap().field("k0").unwrap().as_f64(), Some(299.0));
}

#[test]
fn bad_documents_are_refused_with_path_and_fix() {
    check_refused("[1]", "must be an object");
    check_refused("{}", "at 'id': the document has no id");
    check_refused(r#"{"id":5}"#, "not a string");
    check_refused(r#"{"id":""}"#, "empty");
    check_refused(&format!("{{\"id\":\"{}\"}}", "x".repeat(513)), "513 bytes");
    check_refused(r#"{"id":"\ud800"}"#, "surrogate");
    check_refused(r#"{"id":"a","b":{"c":[1,tru]}}"#, "at 'b.c.1'");
    check_refused(r#"{"id":"a","b":{"$date":"x"}}"#, "at 'b'");
    check_refused(r#"{"id":"a","b":[{"$regexp":["a",""]}]}"#, "at 'b.0': a regular expression");
    check_refused(r#"{"id":"a"} x"#, "nothing may follow");
    check_refused(&format!("{{\"id\":\"a\",\"b\":\"{}\"}}", "x".repeat(JSON_MAX)), "limit is 1048576");
    check_refused(&format!("{{\"id\":\"a\",\"b\":{}1{}}}", "[".repeat(64), "]".repeat(64)), "64 levels");
    check_refused("{\"id\":\"a\",\"b\":\"\u{1}\"}", "control character");
}

#[test]
fn a_batch_is_split_in_one_pass_and_ids_are_made_where_missing() {
    let mut count = 0;
    let mut new_id = || {
        count += 1;
        format!("g{count}")
    };
    let mut out = Vec::new();
    let json = br#" [{"id":"a","n":1},{"n":2}, {},{ "n" : 3 }] "#;
    let documents = encode_batch(json, 3, Some(&mut new_id), &mut out).unwrap();
    let texts: Vec<String> = documents
        .iter()
        .map(|entry| Document::parse(&out[entry.range.clone()]).unwrap())
        .map(|document| String::from_utf8(document.json().to_vec()).unwrap())
        .collect();
    assert_eq!(texts, [r#"{"id":"a","n":1}"#, r#"{"id":"g1","n":2}"#, r#"{"id":"g2"}"#, r#"{"id":"g3","n":3}"#]);
    let second = Document::parse(&out[documents[1].range.clone()]).unwrap();
    assert_eq!((second.field("n").unwrap().as_f64(), second.id().unwrap().as_ref()), (Some(2.0), "g1"));
    assert_eq!(second.schema_version(), 3);
    assert!(encode_batch(b"[]", 1, None, &mut out).unwrap().is_empty());
}

#[test]
fn a_bad_document_in_a_batch_is_named_and_nothing_is_kept() {
    let mut out = Vec::new();
    let error = encode_batch(br#"[{"id":"a"},{"id":7}]"#, 1, None, &mut out).unwrap_err();
    assert!(error.message().starts_with("document 1: at 'id'"), "{error}");
    assert!(out.is_empty());
    for bad in ["", "{}", "[", r#"[{"id":"a"}"#, r#"[{"id":"a"},]"#, r#"[{"id":"a"}] x"#, "[1]"] {
        assert!(encode_batch(bad.as_bytes(), 1, None, &mut out).is_err(), "{bad}");
    }
}

#[test]
fn damaged_bytes_are_refused() {
    for bytes in
        [&[][..], &[0x20, 1, 0, b'{', b'}'], &[0x18, 1, 0, b'{', b'}'], &[0x10, 1, 9, b'{', b'}'], &[0x10, 1, 0]]
    {
        assert!(Document::parse(bytes).is_err(), "{bytes:?}");
    }
}

#[test]
fn damaged_text_that_nests_without_end_exhausts_no_stack() {
    let deep = format!(r#"{{"id":"1","a":{}{}}}"#, "[".repeat(1 << 16), "]".repeat(1 << 16));
    let bytes =
        [&[VERSION | WIDE, 1, 1][..], &(key_hash(b"a") as u16).to_le_bytes(), &[10, 0, 0, 0], deep.as_bytes()].concat();
    let document = Document::parse(&bytes).unwrap();
    let raw = ValueRef::Raw(document.field("a").unwrap());
    let mut out = Vec::new();
    crate::collections::key_codec::encode(raw, &mut out);
    assert!(raw.compare(raw).is_eq());
    let projection = json::parse(br#"{"a.b":0}"#).unwrap();
    crate::collections::Projection::parse(&projection).unwrap().write(&document, &mut out);
}

proptest! {
    #[test]
    fn what_is_encoded_comes_back(value in object(), schema_version: u64) {
        let value = with_id(&value, "the id");
        let mut out = Vec::new();
        let encoded = encode_value(&value, schema_version, &mut out).unwrap();
        prop_assert_eq!(&*encoded.id, "the id");
        let document = Document::parse(&out).unwrap();
        prop_assert_eq!(document.schema_version(), schema_version);
        prop_assert_eq!(document.json(), json::to_json(&value));
        prop_assert!(equals(&document.to_value().unwrap(), &value));
        let Value::Object(fields) = &value else { unreachable!() };
        for (key, value) in fields {
            prop_assert!(equals(&document.field(key).unwrap().to_value(), value), "{}", key);
        }
        prop_assert_eq!(document.is_extended(), out.windows(3).any(|w| w == b"{\"$") && has_tag(&value));
    }

    #[test]
    fn the_scan_accepts_what_the_parser_accepts(value in object(), at in any::<prop::sample::Index>(), byte in prop::sample::select(b"{}[]\":,$ 0-e.\\utnf\x01\xff".to_vec())) {
        let mut text = json::to_json(&with_id(&value, "x"));
        let at = at.index(text.len());
        text[at] = byte;
        let mut out = Vec::new();
        let accepted = encode(&text, 1, &mut out);
        match json::parse(&text) {
            Err(_) => prop_assert!(accepted.is_err(), "{}", String::from_utf8_lossy(&text)),
            Ok(parsed) => {
                if accepted.is_ok() {
                    prop_assert!(equals(&Document::parse(&out).unwrap().to_value().unwrap(), &parsed));
                }
                let Err(error) = accepted else { return Ok(()) };
                prop_assert!(error.kind() == crate::base::ErrorKind::Invalid, "{error}");
            }
        }
    }

    #[test]
    fn damaged_documents_never_panic(value in object(), at in any::<prop::sample::Index>(), byte: u8) {
        let value = with_id(&value, "x");
        let mut bytes = Vec::new();
        encode_value(&value, 1, &mut bytes).unwrap();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        for bytes in [&bytes[..], &bytes[..at]] {
            if let Ok(document) = Document::parse(bytes) {
                let Value::Object(fields) = &value else { unreachable!() };
                for (key, _) in fields {
                    if let Some(raw) = document.field(key) {
                        let _ = (raw.to_value(), raw.as_str(), raw.as_f64(), raw.class());
                        let _ = ValueRef::Raw(raw).compare(ValueRef::Document(&document));
                    }
                }
            }
        }
    }
}

use crate::collections::ValueRef;

fn has_tag(value: &Value) -> bool {
    match value {
        Value::Undefined | Value::BigInt(_) | Value::Bytes(_) | Value::Date(_) => true,
        Value::Number(number) => !number.is_finite() || (*number == 0.0 && number.is_sign_negative()),
        Value::Array(items) => items.iter().any(has_tag),
        Value::Object(fields) => {
            let escaped = fields.len() == 1 && json::Tag::named(fields[0].0.as_bytes()).is_some();
            escaped || fields.iter().any(|(_, value)| has_tag(value))
        }
        _ => false,
    }
}

/// A document like those of the benchmarks: about 420 bytes.
pub(crate) fn sample(i: usize) -> String {
    format!(
        r#"{{"id":"doc-{i:06}","title":"The title of document {i}","body":"{}","tags":["red","green","blue"],"author":"Author {}","created":"2024-05-01T10:00:00Z","score":{},"done":{},"nested":{{"a":{i},"b":"two"}}}}"#,
        "Lorem ipsum dolor sit amet ".repeat(8).trim_end(),
        i % 100,
        i * 7919 % 1000,
        i & 3 == 0,
    )
}

#[test]
#[ignore = "prints timings"]
#[expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]
fn timings() {
    let batch = format!("[{}]", (0..1000).map(sample).collect::<Vec<_>>().join(","));
    let mut best = Duration::MAX;
    let mut out = Vec::new();
    for _ in 0..200 {
        out.clear();
        let start = std::time::Instant::now();
        encode_batch(batch.as_bytes(), 1, None, &mut out).unwrap();
        best = best.min(start.elapsed());
    }
    println!("encode_batch: {:?} a document of {} bytes", best / 1000, sample(0).len());
}
