//! Strings inside JSON text: where they end, and what they say.
//!
//! Not a parser of values; `parse.rs`, `raw.rs` and the document encoder share these loops.

use std::borrow::Cow;

use crate::base::lanes::{Lanes, LANES};

/// The position of the first quote, backslash or control character at or after `at`; the text's length if there is none.
#[inline]
pub fn find_special(text: &[u8], mut at: usize) -> usize {
    while let Some(chunk) = text.get(at..).and_then(|rest| rest.first_chunk::<LANES>()) {
        let lanes = Lanes::of(chunk);
        let marks = (lanes.equal(b'"') | lanes.equal(b'\\') | lanes.below(0x20)).bits();
        if marks != 0 {
            return at + marks.trailing_zeros() as usize;
        }
        at += LANES;
    }
    while let Some(&byte) = text.get(at) {
        if byte == b'"' || byte == b'\\' || byte < 0x20 {
            return at;
        }
        at += 1;
    }
    text.len()
}

/// From the first byte *inside* a string: the position of its closing quote and whether it holds escapes. `None` if it
/// does not end or holds a control character. Escapes are skipped, not validated.
#[inline]
pub fn string_end(text: &[u8], mut at: usize) -> Option<(usize, bool)> {
    let mut escaped = false;
    loop {
        at = find_special(text, at);
        match text.get(at)? {
            b'"' => return Some((at, escaped)),
            b'\\' => {
                escaped = true;
                at += 2;
            }
            _ => return None,
        }
    }
}

/// From an opening bracket: the position behind its closing one. Only strings and brackets are looked at. `None` if the
/// text ends before.
pub fn container_end(text: &[u8], mut at: usize) -> Option<usize> {
    let mut depth = 0usize;
    loop {
        match text.get(at)? {
            b'"' => at = string_end(text, at + 1)?.0,
            b'{' | b'[' => depth += 1,
            b'}' | b']' => {
                depth = depth.checked_sub(1)?;
                if depth == 0 {
                    return Some(at + 1);
                }
            }
            _ => {}
        }
        at += 1;
    }
}

/// From the first byte of a minified value: the position behind it. `None` if the text ends before.
#[inline]
pub fn value_end(text: &[u8], at: usize) -> Option<usize> {
    match text.get(at)? {
        b'"' => Some(string_end(text, at + 1)?.0 + 1),
        b'{' | b'[' => container_end(text, at),
        _ => {
            let rest = text.get(at..)?;
            let length = rest.iter().position(|byte| matches!(byte, b',' | b']' | b'}')).unwrap_or(rest.len());
            Some(at + length)
        }
    }
}

/// Whether every escape inside a JSON string is one that JSON knows.
pub fn has_valid_escapes(inside: &[u8]) -> bool {
    let mut rest = inside;
    while let Some(at) = rest.iter().position(|&byte| byte == b'\\') {
        let escape = &rest[at..];
        let length = match escape.get(1) {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => 2,
            Some(b'u') if hex_unit(escape).is_some() => 6,
            _ => return false,
        };
        rest = &escape[length..];
    }
    true
}

/// What the inside of a JSON string says. A lone surrogate reads as U+FFFD. `None` if an escape or the UTF-8 is malformed.
pub fn unescape(inside: &[u8]) -> Option<Cow<'_, str>> {
    let text = std::str::from_utf8(inside).ok()?;
    if !inside.contains(&b'\\') {
        return Some(Cow::Borrowed(text));
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        let kind = *rest.as_bytes().get(at + 1)?;
        let mut used = 2;
        out.push(match kind {
            b'"' | b'\\' | b'/' => char::from(kind),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                let (character, length) = unicode_escape(&rest.as_bytes()[at..])?;
                used = length;
                character
            }
            _ => return None,
        });
        rest = &rest[at + used..];
    }
    out.push_str(rest);
    Some(Cow::Owned(out))
}

/// The character of a `\uXXXX` escape (or a pair of them) at the start of `text`, and its length.
fn unicode_escape(text: &[u8]) -> Option<(char, usize)> {
    let high = hex_unit(text)?;
    if (0xd800..0xdc00).contains(&high) {
        if let Some(low @ 0xdc00..=0xdfff) = text.get(6..).and_then(hex_unit) {
            let code = 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
            return Some((char::from_u32(code)?, 12));
        }
    }
    Some((char::from_u32(high).unwrap_or(char::REPLACEMENT_CHARACTER), 6))
}

fn hex_unit(text: &[u8]) -> Option<u32> {
    let digits = text.strip_prefix(b"\\u")?.get(..4)?;
    digits.iter().try_fold(0u32, |unit, &digit| Some(unit << 4 | char::from(digit).to_digit(16)?))
}

/// Whether the inside of a JSON string holds an escaped surrogate without its partner, which no UTF-8 can say.
pub fn has_lone_surrogate(inside: &[u8]) -> bool {
    let mut at = 0;
    while let Some(&byte) = inside.get(at) {
        if byte != b'\\' {
            at += 1;
            continue;
        }
        match unicode_escape(&inside[at..]) {
            Some((char::REPLACEMENT_CHARACTER, length)) => {
                if hex_unit(&inside[at..]) != Some(0xfffd) {
                    return true;
                }
                at += length;
            }
            Some((_, length)) => at += length,
            None => at += 2,
        }
    }
    false
}
