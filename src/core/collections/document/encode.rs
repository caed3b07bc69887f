//! Builds stored documents from JSON text, one or a whole batch in one pass.
//!
//! Not an index extractor and not a validator of schemas: it knows only JSON and the field `id`.

use std::ops::Range;

use super::scan::{FieldEntry, Irregular, Scanned, Scanner};
use super::{key_hash, EXTENDED, VERSION, WIDE};
use crate::base::varint::write_varint;
use crate::base::{Error, Result};
use crate::collections::json::{self, text};
use crate::collections::Value;

/// Longest JSON text of a document, in bytes.
pub const JSON_MAX: usize = 1 << 20;
/// Longest id, in bytes of UTF-8.
pub const ID_MAX: usize = 512;

/// Makes an id for a document that has none.
pub type NewId<'a> = &'a mut dyn FnMut() -> String;

/// A document that was encoded into a buffer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Encoded {
    /// Its id, supplied or generated.
    pub id: Box<str>,
    /// Where its stored bytes are in the buffer.
    pub range: Range<usize>,
    /// Whether some value is tagged.
    pub extended: bool,
}

/// Appends the stored form of one document, given as JSON text.
///
/// # Errors
/// `Invalid` if the text is not an object in tagged JSON, exceeds [`JSON_MAX`], or its id is missing, not a string or
/// longer than [`ID_MAX`]. Then `out` is as before.
pub fn encode(json: &[u8], schema_version: u64, out: &mut Vec<u8>) -> Result<Encoded> {
    check_utf8(json)?;
    let length = out.len();
    let mut encoder = Encoder { scanner: Scanner::default(), schema_version, new_id: None, out };
    let space = json.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
    let result = encoder.document(json, space).and_then(|(encoded, end)| {
        let rest = json.get(end..).unwrap_or_default();
        if rest.iter().any(|byte| !byte.is_ascii_whitespace()) {
            return Err(Error::invalid("malformed JSON: nothing may follow the document"));
        }
        Ok(encoded)
    });
    if result.is_err() {
        out.truncate(length);
    }
    result
}

/// Appends the stored form of one document, given as a tree.
///
/// # Errors
/// As [`encode`].
pub fn encode_value(document: &Value, schema_version: u64, out: &mut Vec<u8>) -> Result<Encoded> {
    encode(&json::to_json(document), schema_version, out)
}

/// Appends the stored forms of a JSON array of documents. A document without an id gets one from `new_id`, as its first
/// field; without `new_id` that is an error.
///
/// # Errors
/// As [`encode`], with the document's place in the array. Then `out` is as before.
pub fn encode_batch(
    json: &[u8],
    schema_version: u64,
    new_id: Option<NewId<'_>>,
    out: &mut Vec<u8>,
) -> Result<Vec<Encoded>> {
    check_utf8(json)?;
    let length = out.len();
    let mut encoder = Encoder { scanner: Scanner::default(), schema_version, new_id, out };
    let result = encoder.batch(json);
    if result.is_err() {
        out.truncate(length);
    }
    result
}

fn check_utf8(json: &[u8]) -> Result<()> {
    match std::str::from_utf8(json) {
        Ok(_) => Ok(()),
        Err(error) => Err(Error::invalid(format!("not UTF-8 at byte {}: pass valid text", error.valid_up_to()))),
    }
}

struct Encoder<'a, 'n> {
    scanner: Scanner,
    schema_version: u64,
    new_id: Option<NewId<'n>>,
    out: &'a mut Vec<u8>,
}

impl Encoder<'_, '_> {
    fn batch(&mut self, json: &[u8]) -> Result<Vec<Encoded>> {
        let skip = |at: usize| at + json[at.min(json.len())..].iter().take_while(|b| b.is_ascii_whitespace()).count();
        let mut at = skip(0);
        if json.get(at) != Some(&b'[') {
            return Err(Error::invalid("expected a JSON array of documents"));
        }
        at = skip(at + 1);
        let mut documents = Vec::new();
        self.out.reserve(json.len() + json.len() / 4);
        while json.get(at) != Some(&b']') || !documents.is_empty() {
            let (encoded, end) = self.document(json, at).map_err(|error| in_batch(&error, documents.len()))?;
            documents.push(encoded);
            at = skip(end);
            match json.get(at) {
                Some(b',') => at = skip(at + 1),
                Some(b']') => break,
                _ => return Err(in_batch(&Error::invalid("expected ',' or ']' behind it"), documents.len() - 1)),
            }
        }
        if skip(at + 1) < json.len() {
            return Err(Error::invalid("malformed JSON: nothing may follow the array of documents"));
        }
        Ok(documents)
    }

    /// Encodes the document at `at` of UTF-8 text; answers it and the position behind it.
    fn document(&mut self, json: &[u8], at: usize) -> Result<(Encoded, usize)> {
        self.scanner.trusted = false;
        match self.scanner.document(json, at) {
            Ok(scanned) => Ok((self.store(json, at, scanned)?, scanned.end)),
            Err(_) => self.normalised(json, at),
        }
    }

    /// Text that the scan refused: explains why, or stores what it says in canonical form.
    #[cold]
    fn normalised(&mut self, json: &[u8], at: usize) -> Result<(Encoded, usize)> {
        let end = text::container_end(json, at).filter(|_| json.get(at) == Some(&b'{'));
        let Some(end) = end else {
            // The parser finds the reason, if there is one within the text.
            let explained = json::parse(json.get(at..).unwrap_or_default());
            return Err(explained.err().unwrap_or_else(not_an_object));
        };
        if end - at > 8 * JSON_MAX {
            return Err(too_long(end - at));
        }
        let value = json::parse(&json[at..end])?;
        check_storable(&value, &mut String::new())?;
        let Value::Object(mut fields) = value else { return Err(not_an_object()) };
        if fields.iter().all(|(key, _)| &**key != "id") {
            let id = self.generate_id()?;
            fields.insert(0, ("id".into(), Value::String(id)));
        }
        let canonical = json::to_json(&Value::Object(fields));
        self.scanner.trusted = true;
        match self.scanner.document(&canonical, 0) {
            Ok(scanned) => Ok((self.store(&canonical, 0, scanned)?, end)),
            // The only object the scan still refuses: one key, and that is `id` or a tag's name.
            Err(Irregular::Space | Irregular::Keys | Irregular::Malformed) => {
                Err(Error::internal("a document was refused in its canonical form"))
            }
        }
    }

    fn store(&mut self, json: &[u8], at: usize, scanned: Scanned) -> Result<Encoded> {
        let text = json.get(at..scanned.end).unwrap_or_default();
        let (id, generated) = match scanned.id {
            Some((start, end)) => (supplied_id(&json[start..end])?, Vec::new()),
            None => {
                let id = self.generate_id()?;
                let mut field = Vec::with_capacity(id.len() + 8);
                json::write_key("id", &mut field);
                json::write_string(&id, &mut field);
                field.push(b',');
                (id, field)
            }
        };
        let length = text.len() + generated.len();
        if length > JSON_MAX {
            return Err(too_long(length));
        }
        let wide = length > usize::from(u16::MAX);
        let start = self.out.len();
        let extended = if scanned.extended { EXTENDED } else { 0 };
        self.out.push(VERSION | extended | if wide { WIDE } else { 0 });
        write_varint(self.out, self.schema_version);
        let own = usize::from(!generated.is_empty());
        write_varint(self.out, (self.scanner.fields.len() + own) as u64);
        self.out.reserve(length + 4 * (self.scanner.fields.len() + 1));
        if own == 1 {
            write_entry((key_hash(b"id") as u16, 1), 0, wide, self.out);
        }
        for &entry in &self.scanner.fields {
            write_entry(entry, generated.len() as u32, wide, self.out);
        }
        if own == 1 {
            self.out.push(b'{');
            // An object that was empty has no field for the comma to part.
            let only = usize::from(text.len() == 2);
            self.out.extend_from_slice(&generated[..generated.len() - only]);
            self.out.extend_from_slice(&text[1..]);
        } else {
            self.out.extend_from_slice(text);
        }
        Ok(Encoded { id, range: start..self.out.len(), extended: scanned.extended })
    }

    fn generate_id(&mut self) -> Result<Box<str>> {
        match &mut self.new_id {
            Some(new_id) => Ok(new_id().into()),
            None => Err(Error::invalid("at 'id': the document has no id: set a string of 1 to 512 bytes")),
        }
    }
}

#[inline]
fn write_entry((hash, offset): FieldEntry, shift: u32, wide: bool, out: &mut Vec<u8>) {
    let offset = offset + shift;
    if wide {
        out.extend_from_slice(&hash.to_le_bytes());
        out.extend_from_slice(&offset.to_le_bytes());
    } else {
        out.extend_from_slice(&(u32::from(hash) | offset << 16).to_le_bytes());
    }
}

/// The id that the JSON text of a value gives.
fn supplied_id(value: &[u8]) -> Result<Box<str>> {
    let wrong = |what: &str| Error::invalid(format!("at 'id': {what}: ids are strings of 1 to 512 bytes"));
    let [b'"', inside @ .., b'"'] = value else {
        return Err(wrong("the id is not a string"));
    };
    let id = text::unescape(inside).ok_or_else(|| wrong("the id is malformed"))?;
    if id.is_empty() {
        return Err(wrong("the id is empty"));
    }
    if id.len() > ID_MAX {
        return Err(wrong(&format!("the id has {} bytes", id.len())));
    }
    if text::has_lone_surrogate(inside) {
        return Err(wrong("the id holds half a surrogate pair"));
    }
    Ok(id.into())
}

fn not_an_object() -> Error {
    Error::invalid("a document must be an object")
}

fn too_long(length: usize) -> Error {
    let message = format!("the document has {length} bytes of JSON; the limit is {JSON_MAX}: split it, or store less");
    Error::invalid(message)
}

/// Refuses what only queries may hold.
fn check_storable(value: &Value, path: &mut String) -> Result<()> {
    let length = path.len();
    let mut descend = |name: &str, value: &Value| {
        if length > 0 {
            path.push('.');
        }
        path.push_str(name);
        let result = check_storable(value, path);
        path.truncate(length);
        result
    };
    match value {
        Value::Regex(..) => {
            Err(Error::invalid(format!("at '{path}': a regular expression cannot be stored: store its text")))
        }
        Value::Array(items) => items.iter().enumerate().try_for_each(|(i, item)| descend(&i.to_string(), item)),
        Value::Object(fields) => fields.iter().try_for_each(|(key, value)| descend(key, value)),
        _ => Ok(()),
    }
}

fn in_batch(error: &Error, index: usize) -> Error {
    let mut placed = Error::new(error.kind(), format!("document {index}: {}", error.message()));
    if let Some(reason) = error.reason() {
        placed = placed.with_reason(reason);
    }
    placed
}
