//! The one pass over a document's text: checks that it is minified tagged JSON and notes where its fields are.
//!
//! It builds no tree and gives no messages: text it does not like goes to the parser, which explains or normalises it.

use super::key_hash;
use crate::collections::json::{self, number, text, Tag, MAX_DEPTH};
use crate::collections::Value;

/// Why a text cannot be stored as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Irregular {
    /// There is whitespace between tokens.
    Space,
    /// A key may stand twice, or is written so that only decoding tells what it is.
    Keys,
    /// It is not tagged JSON, or holds what no document may hold.
    Malformed,
}

/// A top-level field: the low 16 bits of its key's hash, and the offset of the key's opening quote.
pub(super) type FieldEntry = (u16, u32);

/// What a scan found out.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Scanned {
    /// The position behind the document.
    pub(super) end: usize,
    /// Some value is tagged.
    pub(super) extended: bool,
    /// Where the value of the field `id` starts and ends.
    pub(super) id: Option<(usize, usize)>,
}

/// Buffers that one batch shares, and the state of the scan under way.
#[derive(Default)]
pub(super) struct Scanner {
    /// The fields of the document scanned last.
    pub(super) fields: Vec<FieldEntry>,
    /// Hashes of the keys of the objects that are open, innermost last.
    hashes: Vec<u32>,
    /// Keys are known to be unique: the text was written from a tree.
    pub(super) trusted: bool,
}

struct Scan<'a, 's> {
    text: &'a [u8],
    at: usize,
    depth: usize,
    extended: bool,
    hashes: &'s mut Vec<u32>,
    trusted: bool,
}

type Outcome<T = ()> = Result<T, Irregular>;

impl Scanner {
    /// Scans the document that starts at `at`. The caller has checked that `text` is UTF-8.
    pub(super) fn document(&mut self, text: &[u8], at: usize) -> Outcome<Scanned> {
        self.fields.clear();
        self.hashes.clear();
        let trusted = self.trusted;
        let mut scan = Scan { text, at, depth: 0, extended: false, hashes: &mut self.hashes, trusted };
        let mut id = None;
        scan.enter(b'{')?;
        if scan.peek() != Some(b'}') {
            loop {
                let offset = scan.at - at;
                let (key, hash) = scan.key(0)?;
                self.fields.push((hash as u16, offset as u32));
                let value = scan.at;
                scan.value()?;
                if key == b"id" {
                    id = Some((value, scan.at));
                }
                if !scan.more(b'}')? {
                    break;
                }
            }
            scan.check_many(0)?;
        } else {
            scan.at += 1;
        }
        // A document of one key with a tag's name is a tagged value to every reader: let the parser decide.
        if self.fields.len() == 1 && text.get(at + 2) == Some(&b'$') {
            return Err(Irregular::Keys);
        }
        Ok(Scanned { end: scan.at, extended: scan.extended, id })
    }
}

impl<'a> Scan<'a, '_> {
    #[inline]
    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    /// What to answer where `self.at` does not hold what it should.
    #[cold]
    fn irregular(&self) -> Irregular {
        match self.peek() {
            Some(b' ' | b'\t' | b'\n' | b'\r') => Irregular::Space,
            _ => Irregular::Malformed,
        }
    }

    fn enter(&mut self, bracket: u8) -> Outcome {
        if self.peek() != Some(bracket) {
            return Err(self.irregular());
        }
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(Irregular::Malformed);
        }
        self.at += 1;
        Ok(())
    }

    #[inline]
    fn more(&mut self, end: u8) -> Outcome<bool> {
        match self.peek() {
            Some(b',') => {
                self.at += 1;
                Ok(true)
            }
            Some(byte) if byte == end => {
                self.at += 1;
                self.depth -= 1;
                Ok(false)
            }
            _ => Err(self.irregular()),
        }
    }

    #[inline]
    fn value(&mut self) -> Outcome {
        match self.peek() {
            Some(b'"') => self.string().map(|_| ()),
            Some(b'-' | b'0'..=b'9') => {
                let (_, length) = number::parse(&self.text[self.at..]).ok_or(Irregular::Malformed)?;
                self.at += length;
                Ok(())
            }
            Some(b'{') => self.object(false),
            Some(b'[') => self.array(),
            Some(b't') => self.word(b"true"),
            Some(b'f') => self.word(b"false"),
            Some(b'n') => self.word(b"null"),
            _ => Err(self.irregular()),
        }
    }

    fn word(&mut self, word: &[u8]) -> Outcome {
        if !self.text[self.at..].starts_with(word) {
            return Err(Irregular::Malformed);
        }
        self.at += word.len();
        Ok(())
    }

    /// A string: its inside, and whether that holds escapes.
    #[inline]
    fn string(&mut self) -> Outcome<(&'a [u8], bool)> {
        if self.peek() != Some(b'"') {
            return Err(self.irregular());
        }
        let start = self.at + 1;
        let (end, escaped) = text::string_end(self.text, start).ok_or(Irregular::Malformed)?;
        let inside = &self.text[start..end];
        if escaped && !text::has_valid_escapes(inside) {
            return Err(Irregular::Malformed);
        }
        self.at = end + 1;
        Ok((inside, escaped))
    }

    /// A key and its colon: the key as written, and the hash of what it says. `base` is where the object's keys start
    /// in `hashes`.
    #[inline]
    fn key(&mut self, base: usize) -> Outcome<(&'a [u8], u32)> {
        let (key, escaped) = self.string()?;
        let hash = if escaped { hash_escaped(key)? } else { key_hash(key) };
        if self.peek() != Some(b':') {
            return Err(self.irregular());
        }
        self.at += 1;
        if !self.trusted {
            let seen = &self.hashes[base..];
            if seen.len() <= 64 && seen.contains(&hash) {
                return Err(Irregular::Keys);
            }
            self.hashes.push(hash);
        }
        Ok((key, hash))
    }

    /// The end of an object: what [`Self::key`] left unchecked because the keys are many.
    #[inline]
    fn check_many(&mut self, base: usize) -> Outcome {
        let seen = &mut self.hashes[base..];
        if seen.len() > 64 {
            crate::base::sort::sort(seen);
            if seen.windows(2).any(|pair| pair[0] == pair[1]) {
                return Err(Irregular::Keys);
            }
        }
        self.hashes.truncate(base);
        Ok(())
    }

    fn array(&mut self) -> Outcome {
        self.enter(b'[')?;
        if self.peek() == Some(b']') {
            self.at += 1;
            self.depth -= 1;
            return Ok(());
        }
        loop {
            self.value()?;
            if !self.more(b']')? {
                return Ok(());
            }
        }
    }

    /// An object; with `plain`, one that stands inside `$escape` and is never a tag.
    fn object(&mut self, plain: bool) -> Outcome {
        let start = self.at;
        self.enter(b'{')?;
        if self.peek() == Some(b'}') {
            self.at += 1;
            self.depth -= 1;
            return Ok(());
        }
        let base = self.hashes.len();
        let (first, _) = self.key(base)?;
        let tag = if plain { None } else { Tag::named(first) };
        if tag == Some(Tag::Escape) && self.only_key() {
            self.extended = true;
            self.object(true)?;
            self.hashes.truncate(base);
            return if self.more(b'}')? { Err(Irregular::Malformed) } else { Ok(()) };
        }
        let value = self.at;
        self.value()?;
        if let (Some(tag), Some(b'}')) = (tag, self.peek()) {
            self.check_tag(tag, start, value)?;
        }
        while self.more(b'}')? {
            self.key(base)?;
            self.value()?;
        }
        self.check_many(base)
    }

    /// Whether the value that starts here is an object behind the only key of the object around it.
    fn only_key(&self) -> bool {
        let after = text::container_end(self.text, self.at).and_then(|end| self.text.get(end));
        self.peek() == Some(b'{') && after == Some(&b'}')
    }

    /// Checks the tagged value that starts at `start`; its inside is `value..self.at`.
    fn check_tag(&mut self, tag: Tag, start: usize, value: usize) -> Outcome {
        self.extended = true;
        let inside = &self.text[value..self.at];
        let fine = match tag {
            Tag::Date => inside == b"null" || number::parse(inside).is_some_and(|(ms, _)| ms.is_finite()),
            Tag::Undefined => inside == b"true",
            _ => {
                let whole = self.text.get(start..=self.at).unwrap_or_default();
                matches!(json::parse(whole), Ok(parsed) if !matches!(parsed, Value::Regex(..)))
            }
        };
        if fine {
            Ok(())
        } else {
            Err(Irregular::Malformed)
        }
    }
}

/// The hash of a key that is written with escapes, unless decoding makes it a name that has a meaning.
#[cold]
fn hash_escaped(key: &[u8]) -> Outcome<u32> {
    let name = text::unescape(key).ok_or(Irregular::Malformed)?;
    if &*name == "id" || Tag::named(name.as_bytes()).is_some() {
        return Err(Irregular::Keys);
    }
    Ok(key_hash(name.as_bytes()))
}
