//! The messages of the wire: versioned JSON, read strictly from hostile bytes.
//!
//! Not how they travel: `docs/SYNC.md` maps them to HTTP.

mod pull;
mod push;

pub use pull::{Change, Page, PullAnswer, PullRequest, Subscription};
pub use push::{Handled, Outcome, PushAnswer, PushRequest};

use super::fields::{number, object, text, Fields};
use super::limits::{MESSAGE_MAX, NAME_MAX, PROTOCOL, PROTOCOLS};
use crate::base::{Error, Result};
use crate::collections::{json, Value};

/// What a request asks for that this end is too old or too new for.
pub const UPGRADE: &str = "protocol";

/// The members of a request, after its version was looked at.
///
/// # Errors
/// `Invalid` for anything that is no message; with the reason [`UPGRADE`] for one of another version.
fn open(bytes: &[u8], what: &'static str) -> Result<Fields> {
    let (fields, version) = versioned(bytes, what)?;
    if !PROTOCOLS.contains(&version) {
        let (oldest, newest) = (PROTOCOLS.start(), PROTOCOLS.end());
        let message = format!("{what} is of protocol {version}; {oldest} to {newest} are understood");
        return Err(Error::invalid(message).with_reason(UPGRADE));
    }
    Ok(fields)
}

/// The kind of an answer and its other members; `None` for one of a version that is not understood. Whatever that says, this
/// end is too old or too new for it, so it is taken as `upgrade`.
///
/// # Errors
/// `Invalid` for anything that is no answer.
fn open_answer(bytes: &[u8], what: &'static str) -> Result<Option<(Box<str>, Fields)>> {
    let (mut fields, version) = versioned(bytes, what)?;
    let kind = fields.text("kind", NAME_MAX)?;
    Ok(PROTOCOLS.contains(&version).then_some((kind, fields)))
}

fn versioned(bytes: &[u8], what: &'static str) -> Result<(Fields, u64)> {
    if bytes.len() > MESSAGE_MAX {
        return Err(Error::invalid(format!("{what} has more than {MESSAGE_MAX} bytes")));
    }
    let mut fields = Fields::of(json::parse(bytes)?, what)?;
    let version = fields.number("v")?;
    Ok((fields, version))
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
