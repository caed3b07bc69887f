//! Pushing: mutations of one replica, and what became of each.

use std::sync::Arc;

use super::super::fields::{number, object, text, Fields};
use super::super::limits::{MUTATIONS_MAX, NAME_MAX};
use super::super::mutation::Mutation;
use super::super::op::Refusal;
use super::{message, open, open_answer, other};
use crate::base::{Error, Result};
use crate::collections::{json, Value};

/// Mutations of one replica, in order and without gaps.
#[derive(Clone, Debug)]
pub struct PushRequest {
    /// Whose they are.
    pub replica: Box<str>,
    /// The server's epoch as the client knows it; none before the first answer.
    pub epoch: Option<Box<str>>,
    /// The mutations.
    pub mutations: Vec<Arc<Mutation>>,
}

/// What became of one mutation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It took effect at this version.
    Applied(u64),
    /// It had taken effect before, at this version.
    Duplicate(u64),
    /// It never will: the dead letters are its place.
    Rejected(Refusal),
    /// Not now: nothing was done with it or what follows; try again after so many milliseconds.
    Retry(u64),
    /// Its schema is older than the server still understands; nothing was done with it or what follows.
    Upgrade,
}

/// The outcome of the mutation with this number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Handled {
    /// The mutation's number.
    pub seq: u64,
    /// What became of it.
    pub outcome: Outcome,
}

/// The answer to a push.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PushAnswer {
    /// What became of the mutations, in order; of those that are missing, nothing.
    Results {
        /// The server's epoch.
        epoch: Box<str>,
        /// The tenant's version.
        head: u64,
        /// The outcomes.
        results: Vec<Handled>,
    },
    /// This replica has lived on elsewhere: take another name and send again what was not answered.
    Forked,
    /// Mutations before these are missing: the server expects this number.
    Gap(u64),
    /// The server was restored and is in another epoch: see what it lost, and send that again.
    Epoch(Box<str>),
    /// Not now: after so many milliseconds.
    Retry(u64),
    /// The token is missing, expired or wrong. Nothing is dropped.
    Auth,
    /// This client is too old or too new for the server.
    Upgrade,
}

impl PushRequest {
    /// Reads a request. A mutation that is malformed, but whole, is in it as such: one must not hold up those behind it.
    ///
    /// # Errors
    /// `Invalid`, naming what is wrong.
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        // To look for such a one every mutation is written down once more, so it is only done where there is one.
        let mut is_there = false;
        let mut strictly = |value| Mutation::parse(value).inspect_err(|_| is_there = true);
        match Self::parse_by(bytes, &mut strictly) {
            Err(_) if is_there => Self::parse_by(bytes, &mut Mutation::parse_or_refuse),
            parsed => parsed,
        }
    }

    fn parse_by(bytes: &[u8], one: &mut dyn FnMut(Value) -> Result<Mutation>) -> Result<Self> {
        let mut fields = open(bytes, "a push")?;
        let replica = fields.name("replica")?;
        let epoch = fields.text_if_any("epoch", NAME_MAX)?;
        let mutations = fields.array("mutations", MUTATIONS_MAX)?;
        fields.finish()?;
        let mutations = mutations.into_iter().map(|value| one(value).map(Arc::new)).collect::<Result<Vec<_>>>()?;
        let dense = mutations.windows(2).all(|pair| pair[1].seq == pair[0].seq + 1 && pair[1].prev == pair[0].hash());
        if !dense {
            return Err(Error::invalid("the mutations of a push must follow one another by seq and prev"));
        }
        Ok(Self { replica, epoch, mutations })
    }

    /// The request as it goes over the wire.
    pub fn to_json(&self) -> Vec<u8> {
        let epoch = self.epoch.as_deref().map_or(Value::Null, text);
        let mut out = json::to_json(&message(None, [("replica", text(&self.replica)), ("epoch", epoch)]));
        // The mutations are written as they are, without a value of all of them.
        out.pop();
        out.extend_from_slice(b",\"mutations\":[");
        for (n, mutation) in self.mutations.iter().enumerate() {
            if n > 0 {
                out.push(b',');
            }
            mutation.write(&mut out);
        }
        out.extend_from_slice(b"]}");
        out
    }
}

impl Outcome {
    /// Reads an outcome from these members.
    pub(in crate::sync) fn parse(fields: &mut Fields) -> Result<Self> {
        let kind = fields.text("outcome", NAME_MAX)?;
        Ok(match &*kind {
            "applied" => Self::Applied(fields.number("version")?),
            "duplicate" => Self::Duplicate(fields.number("version")?),
            "rejected" => Self::Rejected(Refusal { code: fields.name("code")?, reason: fields.text("reason", 4096)? }),
            "retry" => Self::Retry(fields.number_if_any("after")?.unwrap_or(0)),
            "upgrade" => Self::Upgrade,
            _ => return Err(Error::invalid(format!("an outcome of the unknown kind '{kind}'"))),
        })
    }

    /// The outcome's members.
    pub(in crate::sync) fn members(&self) -> Value {
        match self {
            Self::Applied(version) => object([("outcome", text("applied")), ("version", number(*version))]),
            Self::Duplicate(version) => object([("outcome", text("duplicate")), ("version", number(*version))]),
            Self::Rejected(Refusal { code, reason }) => {
                let reason: String = reason.chars().take(1000).collect();
                object([("outcome", text("rejected")), ("code", text(code)), ("reason", text(&reason))])
            }
            Self::Retry(after) => object([("outcome", text("retry")), ("after", number(*after))]),
            Self::Upgrade => object([("outcome", text("upgrade"))]),
        }
    }

    /// The outcome as stored.
    pub fn to_json(&self) -> Vec<u8> {
        json::to_json(&self.members())
    }

    /// An outcome as [`Self::to_json`] stored it.
    ///
    /// # Errors
    /// `Invalid` for anything else.
    pub fn from_json(bytes: &[u8]) -> Result<Self> {
        Self::parse(&mut Fields::of(json::parse(bytes)?, "an outcome")?)
    }
}

impl Handled {
    fn parse(value: Value) -> Result<Self> {
        let mut fields = Fields::of(value, "a result")?;
        Ok(Self { seq: fields.number("seq")?, outcome: Outcome::parse(&mut fields)? })
    }

    fn to_value(&self) -> Value {
        let mut value = self.outcome.members();
        if let Value::Object(fields) = &mut value {
            fields.insert(0, ("seq".into(), number(self.seq)));
        }
        value
    }
}

impl PushAnswer {
    /// Reads an answer. Members it does not know are passed over: a newer server may say more. One of a version that is not
    /// understood is [`Self::Upgrade`].
    ///
    /// # Errors
    /// `Invalid`, naming what is wrong.
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        let Some((kind, mut fields)) = open_answer(bytes, "an answer to a push")? else { return Ok(Self::Upgrade) };
        Ok(match &*kind {
            "results" => Self::Results {
                epoch: fields.text("epoch", NAME_MAX)?,
                head: fields.number("head")?,
                results: fields
                    .array("results", MUTATIONS_MAX)?
                    .into_iter()
                    .map(Handled::parse)
                    .collect::<Result<Vec<Handled>>>()?,
            },
            "forked" => Self::Forked,
            "gap" => Self::Gap(fields.number("expected")?),
            "epoch" => Self::Epoch(fields.text("epoch", NAME_MAX)?),
            _ => other(&kind, &mut fields, Self::Retry, Self::Auth, Self::Upgrade)?,
        })
    }

    /// The answer as it goes over the wire.
    pub fn to_json(&self) -> Vec<u8> {
        json::to_json(&match self {
            Self::Results { epoch, head, results } => {
                let results = Value::Array(results.iter().map(Handled::to_value).collect());
                message(Some("results"), [("epoch", text(epoch)), ("head", number(*head)), ("results", results)])
            }
            Self::Forked => message(Some("forked"), []),
            Self::Gap(expected) => message(Some("gap"), [("expected", number(*expected))]),
            Self::Epoch(epoch) => message(Some("epoch"), [("epoch", text(epoch))]),
            Self::Retry(after) => message(Some("retry"), [("after", number(*after))]),
            Self::Auth => message(Some("auth"), []),
            Self::Upgrade => message(Some("upgrade"), []),
        })
    }
}
