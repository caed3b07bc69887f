//! Reads tagged JSON into a tree, with errors that name the path.
//!
//! Safe on hostile text: depth is limited, and nothing is allocated that the text's length does not justify.

use super::{base64, number, text, Tag, MAX_DEPTH};
use crate::base::{sort, Error, Result};
use crate::collections::{bigint, Value};

/// Reads one tagged JSON value; whitespace around and inside is fine. Of equal keys in an object the last wins.
///
/// # Errors
/// `Invalid` for anything that is not tagged JSON, or nests deeper than [`MAX_DEPTH`].
pub fn parse(json: &[u8]) -> Result<Value> {
    if let Err(error) = std::str::from_utf8(json) {
        return Err(Error::invalid(format!("not UTF-8 at byte {}: pass valid text", error.valid_up_to())));
    }
    let mut parser = Parser { json, at: 0, depth: 0 };
    let value = parser.value().and_then(|value| {
        parser.space();
        if parser.at < json.len() {
            return Err(parser.fault("nothing more may follow the value"));
        }
        Ok(value)
    });
    value.map_err(|fault| fault.into_error())
}

/// What went wrong, and where: path segments are added from the inside out while the parser unwinds.
struct Fault {
    message: &'static str,
    at: usize,
    path: Vec<String>,
}

impl Fault {
    fn into_error(mut self) -> Error {
        self.path.reverse();
        let path = self.path.join(".");
        let place = if path.is_empty() { "at the top level".to_owned() } else { format!("at '{path}'") };
        Error::invalid(format!("malformed JSON {place} (byte {}): {}", self.at, self.message))
    }
}

type Parsed<T> = Result<T, Box<Fault>>;

struct Parser<'a> {
    json: &'a [u8],
    at: usize,
    depth: usize,
}

impl Parser<'_> {
    fn fault(&self, message: &'static str) -> Box<Fault> {
        Box::new(Fault { message, at: self.at, path: Vec::new() })
    }

    fn peek(&self) -> Option<u8> {
        self.json.get(self.at).copied()
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn value(&mut self) -> Parsed<Value> {
        self.space();
        match self.peek() {
            Some(b'{') => self.object(false),
            Some(b'[') => self.array(),
            Some(b'"') => Ok(Value::String(self.string()?)),
            Some(b't') => self.word(b"true", Value::Bool(true)),
            Some(b'f') => self.word(b"false", Value::Bool(false)),
            Some(b'n') => self.word(b"null", Value::Null),
            Some(b'-' | b'0'..=b'9') => match number::parse(&self.json[self.at..]) {
                Some((value, length)) => {
                    self.at += length;
                    Ok(Value::Number(value))
                }
                None => Err(self.fault("a number is malformed")),
            },
            Some(_) => Err(self.fault("expected a value")),
            None => Err(self.fault("the text ends where a value is expected")),
        }
    }

    fn word(&mut self, word: &[u8], value: Value) -> Parsed<Value> {
        if !self.json[self.at..].starts_with(word) {
            return Err(self.fault("expected a value"));
        }
        self.at += word.len();
        Ok(value)
    }

    fn string(&mut self) -> Parsed<Box<str>> {
        if self.peek() != Some(b'"') {
            return Err(self.fault("expected a string in double quotes"));
        }
        let start = self.at + 1;
        let Some((end, _)) = text::string_end(self.json, start) else {
            return Err(self.fault("a string does not end, or holds a control character that must be escaped"));
        };
        let Some(value) = text::unescape(&self.json[start..end]) else {
            return Err(self.fault("a string holds a malformed escape"));
        };
        self.at = end + 1;
        Ok(value.into())
    }

    fn enter(&mut self) -> Parsed<()> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(self.fault("values nest at most 64 levels deep: flatten the value"));
        }
        self.at += 1;
        self.space();
        Ok(())
    }

    /// After an element: `true` to go on behind a comma, `false` behind the closing `end`.
    fn more(&mut self, end: u8, message: &'static str) -> Parsed<bool> {
        self.space();
        let more = match self.peek() {
            Some(b',') => true,
            Some(byte) if byte == end => {
                self.depth -= 1;
                false
            }
            _ => return Err(self.fault(message)),
        };
        self.at += 1;
        self.space();
        Ok(more)
    }

    fn array(&mut self) -> Parsed<Value> {
        self.enter()?;
        let mut items = Vec::new();
        if self.peek() == Some(b']') {
            self.at += 1;
            self.depth -= 1;
            return Ok(Value::Array(items));
        }
        loop {
            let item = self.value().map_err(|mut fault| {
                fault.path.push(items.len().to_string());
                fault
            })?;
            items.push(item);
            if !self.more(b']', "expected ',' or ']' in an array")? {
                return Ok(Value::Array(items));
            }
        }
    }

    /// An object; with `plain`, one whose only key is a tag name is still an object (it stands inside `$escape`).
    fn object(&mut self, plain: bool) -> Parsed<Value> {
        let start = self.at;
        self.enter()?;
        let mut fields: Vec<(Box<str>, Value)> = Vec::new();
        if self.peek() == Some(b'}') {
            self.at += 1;
            self.depth -= 1;
            return Ok(Value::Object(fields));
        }
        loop {
            let key = self.string()?;
            self.space();
            if self.peek() != Some(b':') {
                return Err(self.fault("expected ':' after a key"));
            }
            self.at += 1;
            self.space();
            let inside = !plain && fields.is_empty() && &*key == "$escape" && self.only_key();
            let value = if inside { self.object(true) } else { self.value() };
            match value {
                Ok(value) => fields.push((key, value)),
                Err(mut fault) => {
                    fault.path.push(key.into());
                    return Err(fault);
                }
            }
            if !self.more(b'}', "expected ',' or '}' in an object")? {
                break;
            }
        }
        dedupe(&mut fields);
        if plain || fields.len() > 1 {
            return Ok(Value::Object(fields));
        }
        let fault_at = Self { json: self.json, at: start, depth: 0 };
        tagged(fields).map_err(|message| fault_at.fault(message))
    }

    /// Whether the value that starts here is an object behind the only key of the object around it.
    fn only_key(&self) -> bool {
        let end = text::container_end(self.json, self.at);
        let mut after = Self { json: self.json, at: end.unwrap_or(self.json.len()), depth: 0 };
        after.space();
        self.peek() == Some(b'{') && after.peek() == Some(b'}')
    }
}

/// Keeps the first place and the last value of equal keys, as `JSON.parse` does.
fn dedupe(fields: &mut Vec<(Box<str>, Value)>) {
    let few = fields.len() <= 16;
    if few && fields.iter().enumerate().all(|(i, (key, _))| fields[..i].iter().all(|(other, _)| other != key)) {
        return;
    }
    let order = sort::order(fields.len(), &mut |a, b| fields[a].0 < fields[b].0);
    let mut keep = vec![true; fields.len()];
    let mut run = 0;
    for i in 1..=order.len() {
        if i < order.len() && fields[order[i]].0 == fields[order[run]].0 {
            keep[order[i]] = false;
            continue;
        }
        if i - run > 1 {
            fields[order[run]].1 = std::mem::replace(&mut fields[order[i - 1]].1, Value::Null);
        }
        run = i;
    }
    let mut kept = keep.iter();
    fields.retain(|_| kept.next().copied().unwrap_or(true));
}

/// What an object of one key is: a tagged value, or itself.
fn tagged(mut fields: Vec<(Box<str>, Value)>) -> Result<Value, &'static str> {
    let tag = match fields.first() {
        Some((key, _)) if fields.len() == 1 => Tag::named(key.as_bytes()),
        _ => None,
    };
    let Some(tag) = tag else { return Ok(Value::Object(fields)) };
    let Some((_, value)) = fields.pop() else { return Ok(Value::Object(fields)) };
    from_tag(tag, value).ok_or(tag.expected())
}

fn from_tag(tag: Tag, value: Value) -> Option<Value> {
    Some(match (tag, value) {
        (Tag::Date, Value::Number(ms)) if ms.is_finite() => Value::Date(ms),
        (Tag::Date, Value::Null) => Value::Date(f64::NAN),
        (Tag::Bytes, Value::String(text)) => Value::Bytes(base64::decode(text.as_bytes())?.into()),
        (Tag::BigInt, Value::String(digits)) if bigint::is_valid(&digits) => Value::BigInt(digits),
        (Tag::Undefined, Value::Bool(true)) => Value::Undefined,
        (Tag::Number, Value::String(name)) => Value::Number(special_number(name.as_bytes())?),
        (Tag::Regex, Value::Array(parts)) => {
            let [Value::String(pattern), Value::String(flags)] = <[Value; 2]>::try_from(parts).ok()? else {
                return None;
            };
            Value::Regex(Box::new((pattern, flags)))
        }
        (Tag::Escape, inside @ Value::Object(_)) => inside,
        _ => return None,
    })
}

/// The number a `$number` tag names.
pub(crate) fn special_number(name: &[u8]) -> Option<f64> {
    Some(match name {
        b"NaN" => f64::NAN,
        b"Infinity" => f64::INFINITY,
        b"-Infinity" => f64::NEG_INFINITY,
        b"-0" => -0.0,
        _ => return None,
    })
}
