//! The fields of a command's JSON object, taken out one by one and checked for leftovers.
//!
//! Not a parser of documents: a field's value stays text until somebody asks what it is.

use std::borrow::Cow;

use crate::base::{Error, Result};

use super::json::{self, text};
use super::Value;

/// The top-level fields of one JSON object, in order, each with its value's text.
#[derive(Debug)]
pub struct Fields<'a> {
    command: Cow<'a, str>,
    fields: Vec<(Cow<'a, str>, &'a [u8])>,
}

impl<'a> Fields<'a> {
    /// Splits the object; `what` names it in messages.
    ///
    /// # Errors
    /// `Invalid` if the text is not an object. Values are only delimited here, not validated.
    pub fn split(object: &'a [u8], what: &str) -> Result<Self> {
        let fields = scan(object).ok_or_else(|| Error::invalid(format!("{what} is not a JSON object")))?;
        Ok(Self { command: what.to_owned().into(), fields })
    }

    /// From now on messages call the object this.
    pub fn call(&mut self, command: &str) {
        self.command = command.to_owned().into();
    }

    /// Whether the field is there and not `null`.
    pub fn has(&self, name: &str) -> bool {
        self.fields.iter().any(|(key, value)| key == name && *value != b"null")
    }

    /// Takes the text of a field's value out, if the field is there and not `null`.
    pub fn raw(&mut self, name: &str) -> Option<&'a [u8]> {
        let at = self.fields.iter().position(|(key, _)| key == name)?;
        let (_, value) = self.fields.swap_remove(at);
        (value != b"null").then_some(value)
    }

    /// Takes a field's value out.
    pub fn value(&mut self, name: &str) -> Result<Option<Value>> {
        let Some(raw) = self.raw(name) else { return Ok(None) };
        let value = json::parse(raw);
        value.map(Some).map_err(|error| Error::invalid(format!("{}: in '{name}': {}", self.command, error.message())))
    }

    /// Takes a string out.
    pub fn text(&mut self, name: &str) -> Result<Option<Cow<'a, str>>> {
        let Some(raw) = self.raw(name) else { return Ok(None) };
        read_text(raw).map(Some).ok_or_else(|| self.wrong(name, "a string"))
    }

    /// Takes a string out that must be there.
    pub fn required_text(&mut self, name: &str) -> Result<Cow<'a, str>> {
        self.text(name)?.ok_or_else(|| self.missing(name))
    }

    /// Takes a list of strings out.
    pub fn texts(&mut self, name: &str) -> Result<Option<Vec<Box<str>>>> {
        let Some(Value::Array(items)) = self.list(name)? else { return Ok(None) };
        let texts = items.into_iter().map(|item| match item {
            Value::String(text) => Ok(text),
            _ => Err(self.wrong(name, "an array of strings")),
        });
        texts.collect::<Result<_>>().map(Some)
    }

    fn list(&mut self, name: &str) -> Result<Option<Value>> {
        match self.value(name)? {
            Some(list @ Value::Array(_)) => Ok(Some(list)),
            Some(_) => Err(self.wrong(name, "an array")),
            None => Ok(None),
        }
    }

    /// Takes a whole number of at least 0 out.
    pub fn number(&mut self, name: &str) -> Result<Option<u64>> {
        let Some(raw) = self.raw(name) else { return Ok(None) };
        let number = std::str::from_utf8(raw).ok().and_then(|text| text.parse::<u64>().ok());
        number.map(Some).ok_or_else(|| self.wrong(name, "a whole number of at least 0"))
    }

    /// Takes a whole number out that must fit 32 bits.
    pub fn number_u32(&mut self, name: &str) -> Result<Option<u32>> {
        let Some(number) = self.number(name)? else { return Ok(None) };
        u32::try_from(number).map(Some).map_err(|_| self.wrong(name, "a whole number below 4294967296"))
    }

    /// Takes a boolean out; absent is `default`.
    pub fn flag(&mut self, name: &str, default: bool) -> Result<bool> {
        match self.raw(name) {
            None => Ok(default),
            Some(b"true") => Ok(true),
            Some(b"false") => Ok(false),
            Some(_) => Err(self.wrong(name, "true or false")),
        }
    }

    /// Nothing may be left.
    ///
    /// # Errors
    /// `Invalid` naming a field that the command does not know.
    pub fn finish(self) -> Result<()> {
        match self.fields.iter().find(|(_, value)| *value != b"null") {
            Some((name, _)) => Err(Error::invalid(format!("{}: unknown field '{name}': leave it out", self.command))),
            None => Ok(()),
        }
    }

    /// The error for a field whose value is of the wrong kind.
    pub fn wrong(&self, name: &str, expected: &str) -> Error {
        Error::invalid(format!("{}: '{name}' must be {expected}", self.command))
    }

    /// The error for a field that must be there.
    pub fn missing(&self, name: &str) -> Error {
        Error::invalid(format!("{}: '{name}' is missing", self.command))
    }
}

fn read_text(raw: &[u8]) -> Option<Cow<'_, str>> {
    let inside = raw.strip_prefix(b"\"")?;
    let (end, _) = text::string_end(inside, 0)?;
    (end + 1 == inside.len()).then(|| text::unescape(inside.get(..end)?)).flatten()
}

fn skip_space(text: &[u8], mut at: usize) -> usize {
    while let Some(b' ' | b'\n' | b'\r' | b'\t') = text.get(at) {
        at += 1;
    }
    at
}

/// From the first byte of a value: the position behind it.
fn value_end(text: &[u8], at: usize) -> Option<usize> {
    match text.get(at)? {
        b'"' => Some(text::string_end(text, at + 1)?.0 + 1),
        b'{' | b'[' => text::container_end(text, at),
        _ => {
            let rest = text.get(at..)?;
            let len = rest.iter().position(|byte| b",}] \n\r\t".contains(byte)).unwrap_or(rest.len());
            (len > 0).then_some(at + len)
        }
    }
}

fn scan(object: &[u8]) -> Option<Vec<(Cow<'_, str>, &[u8])>> {
    let mut fields = Vec::with_capacity(8);
    let mut at = skip_space(object, 0);
    if object.get(at) != Some(&b'{') {
        return None;
    }
    at = skip_space(object, at + 1);
    if object.get(at) == Some(&b'}') {
        return (skip_space(object, at + 1) == object.len()).then_some(fields);
    }
    loop {
        let key_end = value_end(object, at)?;
        let key = read_text(object.get(at..key_end)?)?;
        at = skip_space(object, key_end);
        if object.get(at) != Some(&b':') {
            return None;
        }
        at = skip_space(object, at + 1);
        let end = value_end(object, at)?;
        fields.push((key, object.get(at..end)?));
        at = skip_space(object, end);
        match object.get(at)? {
            b',' => at = skip_space(object, at + 1),
            b'}' => return (skip_space(object, at + 1) == object.len()).then_some(fields),
            _ => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::arbitrary::value;
    use super::*;

    #[test]
    fn fields_are_taken_by_name_and_leftovers_are_named() {
        let mut fields = Fields::split(br#" { "a" : [1,{"}":"]"}] , "b\n":"x\"y","n":12, "z":null } "#, "it").unwrap();
        assert_eq!(fields.raw("a"), Some(&br#"[1,{"}":"]"}]"#[..]));
        assert_eq!(fields.raw("a"), None);
        assert_eq!(fields.text("b\n").unwrap().unwrap(), "x\"y");
        assert_eq!(fields.number("z").unwrap(), None);
        let error = fields.finish().unwrap_err();
        assert_eq!(error.message(), "it: unknown field 'n': leave it out");
    }

    #[test]
    fn values_of_the_wrong_kind_are_named() {
        let object = br#"{"a":-1,"b":"yes","c":[1]}"#;
        let fields = || Fields::split(object, "it").unwrap();
        assert_eq!(fields().number("a").unwrap_err().message(), "it: 'a' must be a whole number of at least 0");
        assert_eq!(fields().flag("b", true).unwrap_err().message(), "it: 'b' must be true or false");
        assert_eq!(fields().texts("c").unwrap_err().message(), "it: 'c' must be an array of strings");
        assert_eq!(fields().required_text("d").unwrap_err().message(), "it: 'd' is missing");
    }

    #[test]
    fn what_is_not_an_object_is_refused() {
        for text in ["", "[]", "{", "{}x", "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "{a:1}", "\"x\""] {
            assert!(Fields::split(text.as_bytes(), "it").is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn every_field_of_an_object_comes_out_as_it_went_in(a in value(), b in value()) {
            let object = format!("{{\"a\":{},\"b\":{}}}",
                String::from_utf8(json::to_json(&a)).unwrap(), String::from_utf8(json::to_json(&b)).unwrap());
            let mut fields = Fields::split(object.as_bytes(), "it").unwrap();
            let (b_text, a_text) = (fields.raw("b"), fields.raw("a"));
            prop_assert_eq!(a_text.unwrap_or(b"null").to_vec(), json::to_json(&a));
            prop_assert_eq!(b_text.unwrap_or(b"null").to_vec(), json::to_json(&b));
        }

        #[test]
        fn hostile_text_never_panics(text: Vec<u8>) {
            let _ = Fields::split(&text, "it");
        }
    }
}
