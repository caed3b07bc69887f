//! Pulling: what a client subscribes to, and a page of what changed.

use super::super::fields::{hash_text, number, object, text, Fields};
use super::super::limits::{CURSOR_MAX, NAME_MAX, PAGE_MAX, SUBSCRIPTIONS_MAX};
use super::super::op::own_document;
use super::{message, open, open_answer, other};
use crate::base::{Error, Result};
use crate::collections::document::ID_MAX;
use crate::collections::{json, Value};

/// A collection, and which documents of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Subscription {
    /// The collection.
    pub collection: Box<str>,
    /// A filter; `{}` for all that the rules let the caller read.
    pub filter: Value,
}

/// Asks for the next page.
#[derive(Clone, Debug, PartialEq)]
pub struct PullRequest {
    /// Who asks, so that the answer can say which of its mutations are in.
    pub replica: Box<str>,
    /// Where the last page ended; none for the beginning.
    pub cursor: Option<Box<str>>,
    /// What the client wants.
    pub subscriptions: Vec<Subscription>,
    /// The most documents it wants at once.
    pub limit: usize,
}

/// A document that changed.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// The collection.
    pub collection: Box<str>,
    /// The document.
    pub id: Box<str>,
    /// The version at which it got this content.
    pub version: u64,
    /// Its content; `None` if it is gone, or no longer the client's to see.
    pub document: Option<Value>,
}

/// A page of changes.
#[derive(Clone, Debug, PartialEq)]
pub struct Page {
    /// The server's epoch.
    pub epoch: Box<str>,
    /// Where this page ended.
    pub cursor: Box<str>,
    /// The version that the client has reached when no more follows.
    pub version: u64,
    /// Whether more follows at once.
    pub more: bool,
    /// Whether this is the first page of everything: what is not sent again until no more follows must go.
    pub reset: bool,
    /// The replica's last mutation among what the client has then.
    pub seq: u64,
    /// That mutation's hash.
    pub hash: u64,
    /// Versions up to here survive the loss of the server.
    pub stable: u64,
    /// The changes.
    pub changes: Vec<Change>,
}

/// The answer to a pull.
#[derive(Clone, Debug, PartialEq)]
pub enum PullAnswer {
    /// A page.
    Page(Page),
    /// Not now: after so many milliseconds.
    Retry(u64),
    /// The token is missing, expired or wrong.
    Auth,
    /// This client is too old or too new for the server.
    Upgrade,
}

impl PullRequest {
    /// Reads a request.
    ///
    /// # Errors
    /// `Invalid`, naming what is wrong.
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        let mut fields = open(bytes, "a pull")?;
        let replica = fields.name("replica")?;
        let cursor = fields.text_if_any("cursor", CURSOR_MAX)?;
        let limit = fields.number_if_any("limit")?.unwrap_or(PAGE_MAX as u64).clamp(1, PAGE_MAX as u64) as usize;
        let subscriptions = fields.array("subscriptions", SUBSCRIPTIONS_MAX)?;
        fields.finish()?;
        let mut subscriptions: Vec<Subscription> =
            subscriptions.into_iter().map(Subscription::parse).collect::<Result<_>>()?;
        subscriptions.sort_by(|a, b| a.collection.cmp(&b.collection));
        if subscriptions.windows(2).any(|pair| pair[0].collection == pair[1].collection) {
            return Err(Error::invalid("a pull names a collection twice: join the filters with $or"));
        }
        Ok(Self { replica, cursor, subscriptions, limit })
    }

    /// The request as it goes over the wire.
    pub fn to_json(&self) -> Vec<u8> {
        let cursor = self.cursor.as_deref().map_or(Value::Null, text);
        let subscriptions = Value::Array(self.subscriptions.iter().map(Subscription::to_value).collect());
        json::to_json(&message(
            None,
            [
                ("replica", text(&self.replica)),
                ("cursor", cursor),
                ("limit", number(self.limit as u64)),
                ("subscriptions", subscriptions),
            ],
        ))
    }
}

impl Subscription {
    fn parse(value: Value) -> Result<Self> {
        let mut fields = Fields::of(value, "a subscription")?;
        let collection = fields.text("c", 128)?;
        crate::collections::catalog::check_collection_name(&collection)?;
        let filter = fields.take("filter").unwrap_or(Value::Object(Vec::new()));
        fields.finish()?;
        crate::collections::Filter::parse(&filter)?;
        Ok(Self { collection, filter })
    }

    fn to_value(&self) -> Value {
        object([("c", text(&self.collection)), ("filter", self.filter.clone())])
    }
}

impl Change {
    fn parse(value: Value) -> Result<Self> {
        let mut fields = Fields::of(value, "a change")?;
        let gone = fields.flag("gone")?;
        let document = fields.take("doc");
        if gone == document.is_some() {
            return Err(Error::invalid("a change has either 'doc' or 'gone': true"));
        }
        let (collection, id) = (fields.text("c", 128)?, fields.text("id", ID_MAX)?);
        crate::collections::catalog::check_collection_name(&collection)?;
        let document = document.map(|document| own_document(document, &id)).transpose()?;
        Ok(Self { collection, id, version: fields.number("version")?, document })
    }

    fn to_value(&self) -> Value {
        let content = match &self.document {
            Some(document) => ("doc", document.clone()),
            None => ("gone", Value::Bool(true)),
        };
        object([("c", text(&self.collection)), ("id", text(&self.id)), ("version", number(self.version)), content])
    }
}

impl PullAnswer {
    /// Reads an answer. Members it does not know are passed over: a newer server may say more. One of a version that is not
    /// understood is [`Self::Upgrade`].
    ///
    /// # Errors
    /// `Invalid`, naming what is wrong.
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        let Some((kind, mut fields)) = open_answer(bytes, "an answer to a pull")? else { return Ok(Self::Upgrade) };
        if &*kind != "page" {
            return other(&kind, &mut fields, Self::Retry, Self::Auth, Self::Upgrade);
        }
        let changes = fields.array("changes", PAGE_MAX)?;
        Ok(Self::Page(Page {
            epoch: fields.text("epoch", NAME_MAX)?,
            cursor: fields.text("cursor", CURSOR_MAX)?,
            version: fields.number("version")?,
            more: fields.flag("more")?,
            reset: fields.flag("reset")?,
            seq: fields.number("seq")?,
            hash: fields.hash("hash")?,
            stable: fields.number_if_any("stable")?.unwrap_or(0),
            changes: changes.into_iter().map(Change::parse).collect::<Result<Vec<Change>>>()?,
        }))
    }

    /// The answer as it goes over the wire.
    pub fn to_json(&self) -> Vec<u8> {
        json::to_json(&match self {
            Self::Page(page) => message(
                Some("page"),
                [
                    ("epoch", text(&page.epoch)),
                    ("cursor", text(&page.cursor)),
                    ("version", number(page.version)),
                    ("more", Value::Bool(page.more)),
                    ("reset", Value::Bool(page.reset)),
                    ("seq", number(page.seq)),
                    ("hash", text(&hash_text(page.hash))),
                    ("stable", number(page.stable)),
                    ("changes", Value::Array(page.changes.iter().map(Change::to_value).collect())),
                ],
            ),
            Self::Retry(after) => message(Some("retry"), [("after", number(*after))]),
            Self::Auth => message(Some("auth"), []),
            Self::Upgrade => message(Some("upgrade"), []),
        })
    }
}
