//! The messages of the wire: versioned JSON, read strictly from hostile bytes.
//!
//! Not how they travel: `docs/SYNC.md` maps them to HTTP.

mod pull;
mod push;

pub use pull::{Change, Page, PullAnswer, PullRequest, Subscription};
pub use push::{Handled, Outcome, PushAnswer, PushRequest};

use super::fields::{number, object, text, Fields};
use super::limits::{MESSAGE_MAX, PROTOCOL, PROTOCOL_MIN};
use crate::base::{Error, Result};
use crate::collections::{json, Value};

/// What a request asks for that this end is too old or too new for.
pub const UPGRADE: &str = "protocol";

/// The members of a message, after its version was looked at.
///
/// # Errors
/// `Invalid` for anything that is no message; with the reason [`UPGRADE`] for one of another version.
fn open(bytes: &[u8], what: &'static str) -> Result<Fields> {
    if bytes.len() > MESSAGE_MAX {
        return Err(Error::invalid(format!("{what} has more than {MESSAGE_MAX} bytes")));
    }
    let mut fields = Fields::of(json::parse(bytes)?, what)?;
    let version = fields.number("v")?;
    if !(PROTOCOL_MIN..=PROTOCOL).contains(&version) {
        let message = format!("{what} is of protocol {version}; {PROTOCOL_MIN} to {PROTOCOL} are understood");
        return Err(Error::invalid(message).with_reason(UPGRADE));
    }
    Ok(fields)
}

/// A message of `kind` with these members.
fn message<const N: usize>(kind: Option<&str>, members: [(&str, Value); N]) -> Value {
    let mut value = object([("v", number(PROTOCOL))]);
    if let Value::Object(fields) = &mut value {
        fields.extend(kind.map(|kind| ("kind".into(), text(kind))));
        fields.extend(members.into_iter().map(|(name, value)| (name.into(), value)));
    }
    value
}

/// Answers that both requests may get instead of their own.
fn other<T>(kind: &str, fields: &mut Fields, retry: fn(u64) -> T, auth: T, upgrade: T) -> Result<T> {
    match kind {
        "retry" => Ok(retry(fields.number_if_any("after")?.unwrap_or(0))),
        "auth" => Ok(auth),
        "upgrade" => Ok(upgrade),
        _ => Err(Error::invalid(format!("an answer of the unknown kind '{kind}'"))),
    }
}
