//! A value as it stands in stored JSON text, interpreted only as far as somebody asks.
//!
//! The text was checked when it was stored, so nothing here validates; damaged text reads as missing or as other values,
//! and never panics. Not for text from outside: that goes through `json::parse` or the document encoder.

use std::borrow::Cow;

use super::json::{self, base64, number, text, Tag};
use super::{TypeClass, Value};

/// A value in minified tagged JSON. The slice starts with the value; what follows behind it is ignored.
#[derive(Clone, Copy)]
pub struct RawValue<'a> {
    text: &'a [u8],
}

impl std::fmt::Debug for RawValue<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&String::from_utf8_lossy(self.json()))
    }
}

impl<'a> RawValue<'a> {
    /// The value that `text` starts with.
    #[inline]
    pub fn new(text: &'a [u8]) -> Self {
        Self { text }
    }

    /// The slice from the value's first byte on, with whatever follows it.
    #[inline]
    pub fn text(&self) -> &'a [u8] {
        self.text
    }

    /// Exactly the value's JSON text.
    pub fn json(&self) -> &'a [u8] {
        let end = text::value_end(self.text, 0).unwrap_or(self.text.len());
        self.text.get(..end).unwrap_or(self.text)
    }

    /// The first byte, which tells most kinds apart; 0 if there is none.
    #[inline]
    pub fn first_byte(&self) -> u8 {
        self.text.first().copied().unwrap_or(0)
    }

    /// Whether this is an array.
    #[inline]
    pub fn is_array(&self) -> bool {
        self.first_byte() == b'['
    }

    /// Whether this is an object, and not a tagged value.
    #[inline]
    pub fn is_object(&self) -> bool {
        self.first_byte() == b'{' && !matches!(self.tag(), Some((tag, _)) if tag != Tag::Escape)
    }

    /// The tag of a tagged value, and what it is put on.
    #[inline]
    pub fn tag(&self) -> Option<(Tag, RawValue<'a>)> {
        if !self.text.starts_with(b"{\"$") {
            return None;
        }
        self.tag_behind_dollar()
    }

    fn tag_behind_dollar(&self) -> Option<(Tag, RawValue<'a>)> {
        let (end, _) = text::string_end(self.text, 2)?;
        let tag = Tag::named(&self.text[2..end])?;
        let inside = self.text.get(end + 2..)?;
        let after = text::value_end(inside, 0)?;
        (inside.get(after) == Some(&b'}')).then_some((tag, RawValue::new(inside)))
    }

    /// The class of the value in the order of values.
    pub fn class(&self) -> TypeClass {
        match self.first_byte() {
            b'"' => TypeClass::String,
            b'[' => TypeClass::Array,
            b't' | b'f' => TypeClass::Bool,
            b'{' => match self.tag() {
                None | Some((Tag::Escape, _)) => TypeClass::Object,
                Some((Tag::Date, _)) => TypeClass::Date,
                Some((Tag::Bytes, _)) => TypeClass::Bytes,
                Some((Tag::BigInt | Tag::Number, _)) => TypeClass::Number,
                Some((Tag::Undefined, _)) => TypeClass::Null,
                Some((Tag::Regex, _)) => TypeClass::Regex,
            },
            b'-' | b'0'..=b'9' => TypeClass::Number,
            _ => TypeClass::Null,
        }
    }

    /// The number, unless it is a BigInt.
    #[inline]
    pub fn as_f64(&self) -> Option<f64> {
        match self.first_byte() {
            b'-' | b'0'..=b'9' => number::parse(self.text).map(|(value, _)| value),
            b'{' => match self.tag()? {
                (Tag::Number, inside) => json::parse::special_number(&inside.inside_string()?),
                _ => None,
            },
            _ => None,
        }
    }

    /// The boolean.
    pub fn as_bool(&self) -> Option<bool> {
        match self.first_byte() {
            b't' => Some(true),
            b'f' => Some(false),
            _ => None,
        }
    }

    /// The bytes between a string's quotes as written, and whether they hold escapes.
    #[inline]
    pub fn quoted(&self) -> Option<(&'a [u8], bool)> {
        if self.first_byte() != b'"' {
            return None;
        }
        let (end, escaped) = text::string_end(self.text, 1)?;
        Some((&self.text[1..end], escaped))
    }

    /// What the string says, as UTF-8. Copies only if it is written with escapes.
    #[inline]
    pub fn inside_string(&self) -> Option<Cow<'a, [u8]>> {
        let (inside, escaped) = self.quoted()?;
        if !escaped {
            return Some(Cow::Borrowed(inside));
        }
        let said = text::unescape(inside)?;
        Some(Cow::Owned(said.into_owned().into_bytes()))
    }

    /// What the string says. Copies only if it is written with escapes.
    pub fn as_str(&self) -> Option<Cow<'a, str>> {
        text::unescape(self.quoted()?.0)
    }

    /// The decoded bytes of a Uint8Array.
    pub fn as_bytes(&self) -> Option<Vec<u8>> {
        match self.tag()? {
            (Tag::Bytes, inside) => base64::decode(inside.quoted()?.0),
            _ => None,
        }
    }

    /// The elements of an array; of anything else, none.
    #[inline]
    pub fn items(&self) -> RawItems<'a> {
        RawItems { text: if self.is_array() { self.text } else { &[] }, at: 0 }
    }

    /// The fields of an object with the text of each; of anything else, none.
    pub fn entries(&self) -> impl Iterator<Item = RawField<'a>> {
        let mut fields = self.fields();
        std::iter::from_fn(move || fields.next_field())
    }

    /// The fields of an object; of anything else, none.
    pub fn fields(&self) -> RawFields<'a> {
        let text = match self.tag() {
            None => self.text,
            Some((Tag::Escape, inside)) => inside.text,
            Some(_) => &[],
        };
        RawFields { text: if text.first() == Some(&b'{') { text } else { &[] }, at: 0 }
    }

    /// The field `name` of an object.
    pub fn field(&self, name: &[u8]) -> Option<RawValue<'a>> {
        self.fields().find(|(key, _)| key.is(name)).map(|(_, value)| value)
    }

    /// The value as a tree; damaged text reads as undefined.
    pub fn to_value(&self) -> Value {
        json::parse(self.json()).unwrap_or(Value::Undefined)
    }
}

/// A key as it stands between its quotes.
#[derive(Clone, Copy, Debug)]
pub struct RawKey<'a> {
    inside: &'a [u8],
    escaped: bool,
}

impl<'a> RawKey<'a> {
    /// Whether the key says `name`.
    #[inline]
    pub fn is(&self, name: &[u8]) -> bool {
        if self.escaped {
            return text::unescape(self.inside).is_some_and(|said| said.as_bytes() == name);
        }
        self.inside == name
    }

    /// What the key says.
    pub fn to_str(&self) -> Cow<'a, str> {
        text::unescape(self.inside).unwrap_or_default()
    }

    /// What the key says, as UTF-8.
    pub fn to_bytes(&self) -> Cow<'a, [u8]> {
        if !self.escaped {
            return Cow::Borrowed(self.inside);
        }
        Cow::Owned(self.to_str().into_owned().into_bytes())
    }

    /// The key as written, without quotes.
    pub fn as_written(&self) -> &'a [u8] {
        self.inside
    }
}

/// Walks the elements of an array.
#[derive(Clone, Copy, Debug)]
pub struct RawItems<'a> {
    text: &'a [u8],
    /// The bracket or comma before the next element.
    at: usize,
}

impl<'a> Iterator for RawItems<'a> {
    type Item = RawValue<'a>;

    #[inline]
    fn next(&mut self) -> Option<RawValue<'a>> {
        let start = self.at + 1;
        match (self.text.get(self.at)?, self.text.get(start)?) {
            (b'[', b']') => return None,
            (b'[' | b',', _) => {}
            _ => return None,
        }
        let end = text::value_end(self.text, start)?;
        self.at = end;
        Some(RawValue::new(&self.text[start..end]))
    }
}

/// Walks the fields of an object.
#[derive(Clone, Copy, Debug)]
pub struct RawFields<'a> {
    text: &'a [u8],
    /// The bracket or comma before the next field.
    at: usize,
}

/// A field of an object as it stands in the text.
#[derive(Clone, Copy, Debug)]
pub struct RawField<'a> {
    /// Its key.
    pub key: RawKey<'a>,
    /// Its value.
    pub value: RawValue<'a>,
    /// Both, with quotes and colon.
    pub text: &'a [u8],
}

impl<'a> RawField<'a> {
    /// The field that `text` is: `"key":value` and nothing more.
    pub(crate) fn whole(text: &'a [u8]) -> Option<Self> {
        let (end, escaped) = text::string_end(text, 1)?;
        let value = RawValue::new(text.get(end + 2..)?);
        Some(Self { key: RawKey { inside: &text[1..end], escaped }, value, text })
    }
}

impl<'a> RawFields<'a> {
    #[inline]
    fn next_field(&mut self) -> Option<RawField<'a>> {
        if !matches!(self.text.get(self.at..)?, [b'{' | b',', b'"', ..]) {
            return None;
        }
        let start = self.at + 1;
        let (key_end, escaped) = text::string_end(self.text, start + 1)?;
        let key = RawKey { inside: &self.text[start + 1..key_end], escaped };
        let value = key_end + 2;
        let end = text::value_end(self.text, value)?;
        self.at = end;
        Some(RawField { key, value: RawValue::new(&self.text[value..end]), text: &self.text[start..end] })
    }
}

impl<'a> Iterator for RawFields<'a> {
    type Item = (RawKey<'a>, RawValue<'a>);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        self.next_field().map(|field| (field.key, field.value))
    }
}
