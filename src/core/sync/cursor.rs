//! Where a client is in the tenant's versions: opaque to clients, and nothing in it is trusted.
//!
//! A cursor names a span of versions and how far into it the pages have come. While a span is on its way its end stays
//! fixed, so the pages together are exactly the difference between two states of the tenant, whatever others write.

use super::fields::{hash_text, number, parse_hash, text};
use crate::base::{Error, Result};
use crate::collections::{json, Value};

/// Where a client is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// The server's epoch in which the versions count.
    pub epoch: Box<str>,
    /// What the client subscribed to and was allowed to read, as a hash.
    pub scope: u64,
    /// The version the client had before the span; 0 for a snapshot.
    pub from: u64,
    /// The version it has after it.
    pub to: u64,
    /// The last image that was looked at; none if the span is done.
    pub after: Option<Place>,
}

/// The place of an image in the order of pages: version, collection, document.
pub type Place = (u64, Box<str>, Box<str>);

impl Cursor {
    /// The cursor as text.
    pub fn encode(&self) -> Box<str> {
        let mut parts = vec![text(&self.epoch), text(&hash_text(self.scope)), number(self.from), number(self.to)];
        if let Some((version, collection, id)) = &self.after {
            parts.extend([number(*version), text(collection), text(id)]);
        }
        let mut out = Vec::new();
        json::base64::encode(&json::to_json(&Value::Array(parts)), &mut out);
        String::from_utf8_lossy(&out).into()
    }

    /// Reads a cursor.
    ///
    /// # Errors
    /// `Invalid` if this is none.
    pub fn parse(encoded: &str) -> Result<Self> {
        let wrong = || Error::invalid("'cursor' is not one of this server's: leave it out to start over");
        let bytes = json::base64::decode(encoded.as_bytes()).ok_or_else(wrong)?;
        let Value::Array(parts) = json::parse(&bytes).map_err(|_| wrong())? else { return Err(wrong()) };
        let string = |value: &Value| match value {
            Value::String(text) => Ok(text.clone()),
            _ => Err(wrong()),
        };
        let whole = |value: &Value| match value {
            Value::Number(number) if *number >= 0.0 && number.trunc() == *number => Ok(*number as u64),
            _ => Err(wrong()),
        };
        let (head, after) = match &*parts {
            [epoch, scope, from, to] => ([epoch, scope, from, to], None),
            [epoch, scope, from, to, version, collection, id] => {
                ([epoch, scope, from, to], Some((whole(version)?, string(collection)?, string(id)?)))
            }
            _ => return Err(wrong()),
        };
        let [epoch, scope, from, to] = head;
        let scope = parse_hash(&string(scope)?).ok_or_else(wrong)?;
        Ok(Self { epoch: string(epoch)?, scope, from: whole(from)?, to: whole(to)?, after })
    }
}
