//! A message's stored bytes, and a message as it is asked to be.
//!
//! Where it stands is in its key; what became of it in a group is in `delivery.rs`.

use crate::base::{write_slice, write_varint, Error, Reader, Result};

use super::{HEADERS_MAX, ID_MAX, KEY_MAX, VALUE_MAX};

const FORMAT: u8 = 1;
const EXTENDED: u8 = 1;
const KEY: u8 = 2;
const ID: u8 = 4;
const HEADERS: u8 = 8;
const DEAD: u8 = 16;
const TICK: u8 = 32;

/// A message as it is asked to be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewMessage {
    /// 9 less the priority.
    pub lane: u8,
    /// Messages with one key keep their order.
    pub key: Option<Box<str>>,
    /// Says which messages are the same.
    pub id: Option<Box<str>>,
    /// A JSON object.
    pub headers: Option<Vec<u8>>,
    /// What became of it before: a JSON object, of dead letters only.
    pub dead: Option<Vec<u8>>,
    /// The value as JSON text.
    pub value: Vec<u8>,
    /// Whether the value or the headers have tagged values.
    pub extended: bool,
    /// So many milliseconds later.
    pub delay: u64,
}

impl NewMessage {
    /// Whether it can be kept.
    ///
    /// # Errors
    /// `Invalid`, naming what is wrong; reason `too-large` for a value or headers that are.
    pub fn check(&self) -> Result<()> {
        let long = |what: &str, text: &Option<Box<str>>, max: usize| match text {
            Some(text) if text.is_empty() || text.len() > max => {
                Err(Error::invalid(format!("publish: the {what} of a message is 1 to {max} bytes of UTF-8")))
            }
            _ => Ok(()),
        };
        long("key", &self.key, KEY_MAX)?;
        long("id", &self.id, ID_MAX)?;
        let large = |what: &str, length: usize, max: usize| match length > max {
            true => {
                let message = format!("publish: the {what} has {length} bytes of JSON, and at most {max} are kept");
                Err(Error::invalid(message).with_reason("too-large"))
            }
            false => Ok(()),
        };
        large("value", self.value.len(), VALUE_MAX)?;
        large("headers", self.headers.as_ref().map_or(0, Vec::len), HEADERS_MAX)
    }

    /// The stored bytes (docs/FORMAT.md), as of `time` and its commit `tick`.
    pub fn encode(&self, time: u64, tick: u64) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.value.len() + 32);
        let flag = |set: bool, bit: u8| if set { bit } else { 0 };
        out.push(FORMAT);
        out.push(
            flag(self.extended, EXTENDED)
                | flag(self.key.is_some(), KEY)
                | flag(self.id.is_some(), ID)
                | flag(self.headers.is_some(), HEADERS)
                | flag(self.dead.is_some(), DEAD)
                | flag(tick > 0, TICK),
        );
        write_varint(&mut out, time);
        if tick > 0 {
            write_varint(&mut out, tick);
        }
        for text in [&self.key, &self.id].into_iter().flatten() {
            write_slice(&mut out, text.as_bytes());
        }
        for json in [&self.headers, &self.dead].into_iter().flatten() {
            write_slice(&mut out, json);
        }
        out.extend_from_slice(&self.value);
        out
    }
}

/// A stored message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message<'a> {
    /// When it was published, by the clock of topics.
    pub time: u64,
    /// How many commits used that clock in the same millisecond before.
    pub tick: u64,
    /// Whether the value or the headers have tagged values.
    pub extended: bool,
    /// Its key.
    pub key: Option<&'a str>,
    /// Its id.
    pub id: Option<&'a str>,
    /// Its headers: a JSON object.
    pub headers: Option<&'a [u8]>,
    /// What became of it before: a JSON object.
    pub dead: Option<&'a [u8]>,
    /// The value as JSON text.
    pub value: &'a [u8],
}

impl<'a> Message<'a> {
    /// Reads what [`NewMessage::encode`] wrote.
    ///
    /// # Errors
    /// `Corrupt` if the bytes make no sense or are of a later format.
    pub fn decode(bytes: &'a [u8]) -> Result<Self> {
        let mut reader = Reader::new(bytes);
        if reader.u8()? != FORMAT {
            return Err(Error::corrupt("a message is stored in a format of a later version"));
        }
        let flags = reader.u8()?;
        if flags & !(EXTENDED | KEY | ID | HEADERS | DEAD | TICK) != 0 {
            return Err(Error::corrupt("a message has flags of a later version"));
        }
        let time = reader.varint()?;
        let has = |bit: u8| flags & bit != 0;
        let tick = if has(TICK) { reader.varint()? } else { 0 };
        let key = if has(KEY) { Some(reader.text()?) } else { None };
        let id = if has(ID) { Some(reader.text()?) } else { None };
        let headers = if has(HEADERS) { Some(reader.slice()?) } else { None };
        let dead = if has(DEAD) { Some(reader.slice()?) } else { None };
        Ok(Self { time, tick, extended: has(EXTENDED), key, id, headers, dead, value: reader.rest() })
    }

    /// The same, to be published anew; without its id, which has been seen, and without its past.
    pub fn to_new(self, lane: u8) -> NewMessage {
        NewMessage {
            lane,
            key: self.key.map(Box::from),
            headers: self.headers.map(<[u8]>::to_vec),
            value: self.value.to_vec(),
            extended: self.extended,
            ..NewMessage::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_message_comes_back(time: u64, tick: u64, key: Option<String>, id: Option<String>, headers: Option<Vec<u8>>,
                                dead: Option<Vec<u8>>, value: Vec<u8>, extended: bool) {
            let (key, id) = (key.map(String::into_boxed_str), id.map(String::into_boxed_str));
            let new = NewMessage { lane: 3, key, id, headers, dead, value, extended, delay: 0 };
            let bytes = new.encode(time, tick);
            let message = Message::decode(&bytes).unwrap();
            prop_assert_eq!((message.time, message.tick, message.extended), (time, tick, extended));
            prop_assert_eq!((message.key, message.id), (new.key.as_deref(), new.id.as_deref()));
            prop_assert_eq!((message.headers, message.dead), (new.headers.as_deref(), new.dead.as_deref()));
            prop_assert_eq!(message.value, &new.value[..]);
        }

        #[test]
        fn hostile_bytes_are_an_error_and_never_a_panic(bytes: Vec<u8>) {
            let _ = Message::decode(&bytes);
        }
    }

    #[test]
    fn what_is_too_large_is_refused_by_name() {
        let value = NewMessage { value: vec![b'1'; VALUE_MAX + 1], ..NewMessage::default() };
        assert_eq!(value.check().unwrap_err().reason(), Some("too-large"));
        let key = NewMessage { key: Some("".into()), ..NewMessage::default() };
        assert!(key.check().unwrap_err().message().contains("key"));
    }
}
