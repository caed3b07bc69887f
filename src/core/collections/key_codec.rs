//! Values as bytes whose order under `memcmp` is the order of values: for index keys and sort keys.
//!
//! ```text
//! undefined, null, missing   10
//! number                     20  f64, sortable (8)  residual
//! string                     30  UTF-8 with 00 as 01 01 and 01 as 01 02,  00
//! object                     40  { class  key as a string, without 30  payload }  00
//! array                      50  { value }  00
//! bytes                      60  u32 BE length  bytes
//! boolean                    70  00 | 01
//! date                       80  f64 milliseconds, sortable (8)
//! regular expression         90  pattern, flags, as strings without 30
//! ```
//! A sortable f64 has its sign bit flipped if positive and all bits flipped if negative, big-endian; NaN is 0, and -0 is 0.
//! The residual is what a BigInt differs from its nearest f64: `80` for nothing; `81`, u16 BE length, big-endian magnitude
//! above; `7f` and the same inverted below. No encoding is a prefix of another one, so fields follow each other without
//! separators; a descending field has all its bytes inverted. Equal values have equal bytes, so a decoded value is *an* equal
//! one: 5n comes back as 5. Not the stored form of documents.

use std::cmp::Ordering;

use super::bigint;
use super::compare::TypeClass;
use super::json::MAX_DEPTH;
use super::value_ref::{Shape, ValueRef};
use super::Value;
use crate::base::{Error, Reader, Result};

/// Appends the ascending key of `value`.
#[inline]
pub fn encode(value: ValueRef<'_>, out: &mut Vec<u8>) {
    encode_shape(value.shape(), out, 0);
}

/// Appends the ascending key of a tree.
pub fn encode_value(value: &Value, out: &mut Vec<u8>) {
    encode(ValueRef::Tree(value), out);
}

/// Appends the ascending key of what [`Path::leaves`](super::Path::leaves) found: of nothing, that of null.
#[inline]
pub fn encode_leaf(leaf: Option<ValueRef<'_>>, out: &mut Vec<u8>) {
    match leaf {
        None => out.push(TypeClass::Null as u8),
        Some(value) => encode(value, out),
    }
}

/// Turns ascending bytes into descending ones, and back.
pub fn invert(bytes: &mut [u8]) {
    for byte in bytes {
        *byte = !*byte;
    }
}

fn encode_shape(shape: Shape<'_>, out: &mut Vec<u8>, depth: usize) {
    out.push(shape.class() as u8);
    encode_payload(shape, out, depth);
}

fn encode_payload(shape: Shape<'_>, out: &mut Vec<u8>, depth: usize) {
    match shape {
        // Nothing that was stored properly nests so deep: damaged text must not exhaust the stack.
        Shape::Array(_) | Shape::Object(_) if depth > MAX_DEPTH => out.push(0),
        Shape::Undefined | Shape::Null => {}
        Shape::Number(number) => {
            // One copy of nine bytes.
            let mut bytes = [0x80; 9];
            bytes[..8].copy_from_slice(&sortable(number));
            out.extend_from_slice(&bytes);
        }
        Shape::BigInt(digits) => encode_bigint(digits, out),
        Shape::String(text) => encode_text(&text, out),
        Shape::Bool(value) => out.push(u8::from(value)),
        Shape::Date(ms) => out.extend_from_slice(&sortable(ms)),
        Shape::Bytes(bytes) => {
            out.extend_from_slice(&(bytes.len() as u32).to_be_bytes());
            out.extend_from_slice(&bytes);
        }
        Shape::Regex(pattern, flags) => {
            encode_text(pattern.as_bytes(), out);
            encode_text(flags.as_bytes(), out);
        }
        Shape::Array(items) => {
            for item in items {
                encode_shape(item.shape(), out, depth + 1);
            }
            out.push(0);
        }
        Shape::Object(fields) => {
            for (key, value) in fields {
                let shape = value.shape();
                out.push(shape.class() as u8);
                encode_text(&key, out);
                encode_payload(shape, out, depth + 1);
            }
            out.push(0);
        }
    }
}

/// A number's eight sortable bytes.
fn sortable(number: f64) -> [u8; 8] {
    if number.is_nan() {
        return [0; 8];
    }
    // Adding 0 makes -0 and 0 the same bits.
    let bits = (number + 0.0).to_bits();
    (if bits >> 63 == 1 { !bits } else { bits | 1 << 63 }).to_be_bytes()
}

fn unsortable(bytes: [u8; 8]) -> f64 {
    let bits = u64::from_be_bytes(bytes);
    match bits {
        0 => f64::NAN,
        _ if bits >> 63 == 1 => f64::from_bits(bits & !(1 << 63)),
        _ => f64::from_bits(!bits),
    }
}

fn encode_bigint(digits: &str, out: &mut Vec<u8>) {
    let (nearest, residual) = bigint::split(digits);
    out.extend_from_slice(&sortable(nearest));
    let start = out.len();
    if residual.sign.is_eq() {
        out.push(0x80);
        return;
    }
    out.push(0x81);
    out.extend_from_slice(&(residual.magnitude.len() as u16).to_be_bytes());
    out.extend_from_slice(&residual.magnitude);
    if residual.sign.is_lt() {
        invert(&mut out[start..]);
        // Inverted 81 is 7e; the documented 7f leaves the space between free.
        out[start] = 0x7f;
    }
}

/// Appends text so that no text's bytes are a prefix of another's.
fn encode_text(text: &[u8], out: &mut Vec<u8>) {
    encode_text_start(text, out);
    out.push(0);
}

fn encode_text_start(text: &[u8], out: &mut Vec<u8>) {
    let mut rest = text;
    while let Some(low) = rest.iter().position(|&byte| byte <= 1) {
        out.extend_from_slice(&rest[..low]);
        out.extend_from_slice(&[1, rest[low] + 1]);
        rest = &rest[low + 1..];
    }
    out.extend_from_slice(rest);
}

/// What the keys of all strings that begin with `start` begin with.
pub fn encode_string_start(start: &str) -> Vec<u8> {
    let mut out = vec![TypeClass::String as u8];
    encode_text_start(start.as_bytes(), &mut out);
    out
}

/// Takes one ascending value off the front of `key`: a value equal to the one encoded (a BigInt that an f64 holds exactly
/// comes back as a number, -0 as 0, undefined and missing as null).
///
/// # Errors
/// `Corrupt` if the bytes are no encoded value.
pub fn decode(key: &mut &[u8]) -> Result<Value> {
    let mut reader = Reader::new(key);
    let value = decode_value(&mut reader, 0)?;
    *key = reader.rest();
    Ok(value)
}

fn decode_value(reader: &mut Reader<'_>, depth: usize) -> Result<Value> {
    let class = reader.u8()?;
    decode_payload(class, reader, depth)
}

fn decode_payload(class: u8, reader: &mut Reader<'_>, depth: usize) -> Result<Value> {
    if depth > MAX_DEPTH {
        return Err(damaged());
    }
    Ok(match class {
        0x10 => Value::Null,
        0x20 => decode_number(reader)?,
        0x30 => Value::String(decode_text(reader)?),
        0x40 => {
            let mut fields = Vec::new();
            loop {
                match reader.u8()? {
                    0 => break Value::Object(fields),
                    class => {
                        let key = decode_text(reader)?;
                        fields.push((key, decode_payload(class, reader, depth + 1)?));
                    }
                }
            }
        }
        0x50 => {
            let mut items = Vec::new();
            loop {
                match reader.u8()? {
                    0 => break Value::Array(items),
                    class => items.push(decode_payload(class, reader, depth + 1)?),
                }
            }
        }
        0x60 => {
            let length = u32::from_be_bytes(reader.array()?) as usize;
            Value::Bytes(reader.take(length)?.into())
        }
        0x70 => Value::Bool(reader.u8()? != 0),
        0x80 => Value::Date(unsortable(reader.array()?)),
        0x90 => Value::Regex(Box::new((decode_text(reader)?, decode_text(reader)?))),
        _ => return Err(damaged()),
    })
}

fn decode_number(reader: &mut Reader<'_>) -> Result<Value> {
    let nearest = unsortable(reader.array()?);
    let sign = match reader.u8()? {
        0x80 => return Ok(Value::Number(nearest)),
        0x81 => Ordering::Greater,
        0x7f => Ordering::Less,
        _ => return Err(damaged()),
    };
    let mut length: [u8; 2] = reader.array()?;
    if sign.is_lt() {
        invert(&mut length);
    }
    let mut magnitude = reader.take(usize::from(u16::from_be_bytes(length)))?.to_vec();
    if sign.is_lt() {
        invert(&mut magnitude);
    }
    let digits = bigint::join(nearest, &bigint::Residual { sign, magnitude }).ok_or_else(damaged)?;
    Ok(Value::BigInt(digits.into()))
}

fn decode_text(reader: &mut Reader<'_>) -> Result<Box<str>> {
    let mut text = Vec::new();
    loop {
        let rest = reader.rest();
        let low = rest.iter().position(|&byte| byte <= 1).ok_or_else(damaged)?;
        text.extend_from_slice(&rest[..low]);
        reader.take(low)?;
        if reader.u8()? == 0 {
            break;
        }
        match reader.u8()? {
            byte @ 1..=2 => text.push(byte - 1),
            _ => return Err(damaged()),
        }
    }
    String::from_utf8(text).map(Into::into).map_err(|_| damaged())
}

/// The length of the encoded value at the front of `key`, for taking compound keys apart.
///
/// # Errors
/// `Corrupt` if the bytes are no encoded value.
pub fn encoded_len(key: &[u8]) -> Result<usize> {
    let mut rest = key;
    decode(&mut rest)?;
    Ok(key.len() - rest.len())
}

fn damaged() -> Error {
    Error::corrupt("an index key is damaged")
}

#[cfg(test)]
mod key_codec_tests;
