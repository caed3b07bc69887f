//! Writes values as minified tagged JSON.
//!
//! Not pretty printing; the bytes are what `JSON.stringify` would give for the tagged object, up to the form of exponents.

use super::{base64, number, Tag};
use crate::collections::Value;

/// The minified tagged JSON of `value`.
pub fn to_json(value: &Value) -> Vec<u8> {
    let mut out = Vec::new();
    write(value, &mut out);
    out
}

/// Appends the minified tagged JSON of `value`.
pub fn write(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Undefined => out.extend_from_slice(b"{\"$undefined\":true}"),
        Value::Null => out.extend_from_slice(b"null"),
        Value::Bool(true) => out.extend_from_slice(b"true"),
        Value::Bool(false) => out.extend_from_slice(b"false"),
        Value::Number(number) => write_number(*number, out),
        Value::BigInt(digits) => write_tagged(b"{\"$bigint\":\"", digits.as_bytes(), b"\"}", out),
        Value::String(text) => write_string(text, out),
        Value::Bytes(bytes) => {
            out.extend_from_slice(b"{\"$bytes\":\"");
            base64::encode(bytes, out);
            out.extend_from_slice(b"\"}");
        }
        Value::Date(ms) => {
            out.extend_from_slice(b"{\"$date\":");
            if ms.is_finite() {
                number::write(*ms, out);
            } else {
                out.extend_from_slice(b"null");
            }
            out.push(b'}');
        }
        Value::Regex(regex) => {
            let (pattern, flags) = &**regex;
            out.extend_from_slice(b"{\"$regexp\":[");
            write_string(pattern, out);
            out.push(b',');
            write_string(flags, out);
            out.extend_from_slice(b"]}");
        }
        Value::Array(items) => {
            out.push(b'[');
            for (i, item) in items.iter().enumerate() {
                if i > 0 {
                    out.push(b',');
                }
                write(item, out);
            }
            out.push(b']');
        }
        Value::Object(fields) => write_object(fields, out),
    }
}

fn write_object(fields: &[(Box<str>, Value)], out: &mut Vec<u8>) {
    let escape = matches!(fields, [(key, _)] if Tag::named(key.as_bytes()).is_some());
    if escape {
        out.extend_from_slice(b"{\"$escape\":");
    }
    out.push(b'{');
    for (i, (key, value)) in fields.iter().enumerate() {
        if i > 0 {
            out.push(b',');
        }
        write_key(key, out);
        write(value, out);
    }
    out.push(b'}');
    if escape {
        out.push(b'}');
    }
}

fn write_tagged(before: &[u8], inside: &[u8], after: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(before);
    out.extend_from_slice(inside);
    out.extend_from_slice(after);
}

/// Appends a number; -0, NaN and the infinities as `{"$number":…}`.
pub fn write_number(value: f64, out: &mut Vec<u8>) {
    let name: &[u8] = if value.is_nan() {
        b"NaN"
    } else if value.is_infinite() {
        if value > 0.0 {
            b"Infinity"
        } else {
            b"-Infinity"
        }
    } else if value == 0.0 && value.is_sign_negative() {
        b"-0"
    } else {
        number::write(value, out);
        return;
    };
    write_tagged(b"{\"$number\":\"", name, b"\"}", out);
}

/// Appends `key` as a JSON string and a colon.
pub fn write_key(key: &str, out: &mut Vec<u8>) {
    write_string(key, out);
    out.push(b':');
}

/// Appends `text` as a JSON string.
pub fn write_string(text: &str, out: &mut Vec<u8>) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let bytes = text.as_bytes();
    out.push(b'"');
    let mut from = 0;
    loop {
        let at = super::text::find_special(bytes, from);
        out.extend_from_slice(&bytes[from..at]);
        let Some(&byte) = bytes.get(at) else { break };
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
            0x08 => out.extend_from_slice(b"\\b"),
            0x09 => out.extend_from_slice(b"\\t"),
            0x0a => out.extend_from_slice(b"\\n"),
            0x0c => out.extend_from_slice(b"\\f"),
            0x0d => out.extend_from_slice(b"\\r"),
            _ => out.extend_from_slice(&[
                b'\\',
                b'u',
                b'0',
                b'0',
                HEX[usize::from(byte >> 4)],
                HEX[usize::from(byte & 15)],
            ]),
        }
        from = at + 1;
    }
    out.push(b'"');
}
