//! What a client keeps in its store, record by record, and how each is written.
//!
//! It changes nothing.

use std::sync::Arc;

use super::super::fields::{hash_text, number, object, text, Fields};
use super::super::limits::{CURSOR_MAX, NAME_MAX};
use super::super::mutation::Mutation;
use crate::base::{Error, Result, Rng};
use crate::collections::Value;

/// Who the replica is and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Meta {
    pub(super) replica: Box<str>,
    /// The last mutation that was made, and its hash.
    pub(super) seq: u64,
    pub(super) hash: u64,
    /// The last mutation whose effect is in the base.
    pub(super) included: u64,
    pub(super) epoch: Option<Box<str>>,
    pub(super) cursor: Option<Box<str>>,
    pub(super) version: u64,
    /// Documents of an earlier generation go when a snapshot ends.
    pub(super) generation: u64,
    /// Whether a snapshot is on its way.
    pub(super) snapshot: bool,
    /// Whether the base is exactly the server's state at `version`.
    pub(super) whole: bool,
    /// No mutation with a lower number is in the outbox's table: what was there lies deleted, and a scan would pass over it one by one.
    pub(super) first: u64,
}

/// A document as last pulled.
#[derive(Clone, Debug, PartialEq)]
pub struct Base {
    /// The version at which it got this content.
    pub version: u64,
    /// The generation in which it came.
    pub generation: u64,
    /// Its content.
    pub document: Value,
}

/// In [`Entry::recovered`]: the effect is in the base, whatever its generation.
pub(super) const IN_BASE: u64 = super::super::limits::NUMBER_MAX;

/// A mutation that is not settled.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) mutation: Arc<Mutation>,
    /// Whether the server has answered that it took effect, and at which version: said by the record, or by a [`Run`] beside it.
    pub(super) applied: Option<u64>,
    /// Set for one that an earlier life of the server had: documents of generations before show its effect already.
    pub(super) recovered: Option<u64>,
}

/// A word that nobody else makes up.
pub(super) fn fresh_name(rng: &dyn Rng) -> Box<str> {
    format!("{:016x}{:016x}", rng.next_u64(), rng.next_u64()).into()
}

impl Meta {
    pub(super) fn new(rng: &dyn Rng) -> Self {
        Self {
            replica: fresh_name(rng),
            seq: 0,
            hash: 0,
            included: 0,
            epoch: None,
            cursor: None,
            version: 0,
            generation: 0,
            snapshot: false,
            whole: true,
            first: 0,
        }
    }

    pub(super) fn parse(value: Value) -> Result<Self> {
        let mut fields = Fields::of(value, "the replica's record")?;
        Ok(Self {
            replica: fields.name("replica")?,
            seq: fields.number("seq")?,
            hash: fields.hash("hash")?,
            included: fields.number("included")?,
            epoch: fields.text_if_any("epoch", NAME_MAX)?,
            cursor: fields.text_if_any("cursor", CURSOR_MAX)?,
            version: fields.number("version")?,
            generation: fields.number("generation")?,
            snapshot: fields.flag("snapshot")?,
            whole: fields.flag("whole")?,
            // Records from before do not have it.
            first: fields.number_if_any("first")?.unwrap_or(0),
        })
    }

    pub(super) fn to_value(&self) -> Value {
        object([
            ("replica", text(&self.replica)),
            ("seq", number(self.seq)),
            ("hash", text(&hash_text(self.hash))),
            ("included", number(self.included)),
            ("epoch", self.epoch.as_deref().map_or(Value::Null, text)),
            ("cursor", self.cursor.as_deref().map_or(Value::Null, text)),
            ("version", number(self.version)),
            ("generation", number(self.generation)),
            ("snapshot", Value::Bool(self.snapshot)),
            ("whole", Value::Bool(self.whole)),
            ("first", number(self.first)),
        ])
    }
}

impl Base {
    /// The generation of a pulled document, whether or not the store shows its content along.
    pub(super) fn generation(value: &Value) -> Result<u64> {
        let shown = value.field("generation").cloned().unwrap_or(Value::Null);
        Fields::of(object([("generation", shown)]), "a pulled document")?.number("generation")
    }

    pub(super) fn parse(value: Value) -> Result<Self> {
        let mut fields = Fields::of(value, "a pulled document")?;
        let (version, generation) = (fields.number("version")?, fields.number("generation")?);
        let document = fields.take("doc").ok_or_else(|| Error::invalid("a pulled document lacks 'doc'"))?;
        Ok(Self { version, generation, document })
    }

    pub(super) fn to_value(&self) -> Value {
        let (version, generation) = (number(self.version), number(self.generation));
        object([("version", version), ("generation", generation), ("doc", self.document.clone())])
    }
}

impl Entry {
    pub(super) fn parse(value: Value) -> Result<Self> {
        let mut fields = Fields::of(value, "an entry of the outbox")?;
        let (applied, recovered) = (fields.number_if_any("applied")?, fields.number_if_any("recovered")?);
        let mutation = fields.take("mutation").ok_or_else(|| Error::invalid("an entry lacks 'mutation'"))?;
        Ok(Self { mutation: Arc::new(Mutation::parse(mutation)?), applied, recovered })
    }

    pub(super) fn to_value(&self) -> Value {
        let mut value = object([("mutation", self.mutation.to_value())]);
        if let Value::Object(fields) = &mut value {
            fields.extend(self.applied.map(|version| ("applied".into(), number(version))));
            fields.extend(self.recovered.map(|generation| ("recovered".into(), number(generation))));
        }
        value
    }

    /// Its key in the outbox: in the order of `seq`.
    pub(super) fn key(&self) -> Box<str> {
        seq_key(self.mutation.seq)
    }
}

/// Mutations of one replica that took effect at one version, as the server answered: what waits is not written again for that.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Run {
    /// Numbers start over with every name of the replica.
    pub(super) replica: Box<str>,
    pub(super) from: u64,
    pub(super) to: u64,
    pub(super) version: u64,
}

impl Run {
    pub(super) fn parse(value: Value) -> Result<Self> {
        let mut fields = Fields::of(value, "a run of answers")?;
        Ok(Self {
            replica: fields.name("replica")?,
            from: fields.number("from")?,
            to: fields.number("to")?,
            version: fields.number("version")?,
        })
    }

    pub(super) fn to_value(&self) -> Value {
        object([
            ("replica", text(&self.replica)),
            ("from", number(self.from)),
            ("to", number(self.to)),
            ("version", number(self.version)),
        ])
    }

    /// Its key: a scan from a number on meets all that reach so far.
    pub(super) fn key(&self) -> Box<str> {
        seq_key(self.to)
    }
}

/// A key in the order of numbers.
pub(super) fn seq_key(seq: u64) -> Box<str> {
    format!("{seq:016x}").into()
}
