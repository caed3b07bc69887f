//! A mutation: one atomic step of one replica, chained to the one before by hash.
//!
//! The chain is for accidents (a cloned profile, a restored backup), not against attackers: a replica belongs to one user.

use super::fields::{hash_text, number, object, text, Fields};
use super::limits::{MUTATION_MAX, OPS_MAX};
use super::op::Op;
use crate::base::checksum::checksum;
use crate::base::{Error, Result};
use crate::collections::{json, Value};

/// One atomic step of a replica.
#[derive(Clone, Debug)]
pub struct Mutation {
    /// Its number among the replica's, from 1 on without gaps.
    pub seq: u64,
    /// The hash of the mutation before, 0 for the first.
    pub prev: u64,
    /// Its own name, which it keeps when it must be sent under another replica.
    pub id: Box<str>,
    /// The version of the application's schema that wrote it.
    pub schema: u64,
    /// The version of the server that its writer saw.
    pub base: u64,
    /// What it does: all of it or nothing.
    pub ops: Vec<Op>,
    hash: u64,
    bytes: usize,
    /// Why nobody here can do it: it then has no ops.
    malformed: Option<Box<str>>,
}

impl Mutation {
    /// A mutation with its hash.
    ///
    /// # Errors
    /// `Invalid` if it has no ops, too many, or too many bytes.
    pub fn new(seq: u64, prev: u64, id: &str, schema: u64, base: u64, ops: Vec<Op>) -> Result<Self> {
        let mut mutation = Self { seq, prev, id: id.into(), schema, base, ops, hash: 0, bytes: 0, malformed: None };
        let mut body = Vec::new();
        mutation.write_body(&mut body);
        if mutation.ops.is_empty() || mutation.ops.len() > OPS_MAX {
            return Err(Error::invalid(format!("a mutation has 1 to {OPS_MAX} ops")));
        }
        if body.len() > MUTATION_MAX {
            return Err(Error::invalid(format!("a mutation has at most {MUTATION_MAX} bytes, not {}", body.len())));
        }
        (mutation.hash, mutation.bytes) = (checksum(&body), body.len());
        Ok(mutation)
    }

    /// How many bytes of JSON it has, but for the hash.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// What names its content and its past.
    pub fn hash(&self) -> u64 {
        self.hash
    }

    /// Reads a mutation, and checks that its hash is that of what arrived.
    ///
    /// # Errors
    /// `Invalid`, naming what is wrong.
    pub fn parse(value: Value) -> Result<Self> {
        let mut fields = Fields::of(value, "a mutation")?;
        let seq = fields.number("seq")?;
        let prev = fields.hash("prev")?;
        let hash = fields.hash("hash")?;
        let id = fields.name("id")?;
        let schema = fields.number("schema")?;
        let base = fields.number("base")?;
        let ops = fields.array("ops", OPS_MAX)?.into_iter().map(Op::parse).collect::<Result<Vec<Op>>>()?;
        fields.finish()?;
        if seq == 0 {
            return Err(Error::invalid("'seq' of a mutation starts at 1"));
        }
        let mutation = Self::new(seq, prev, &id, schema, base, ops)?;
        if mutation.hash != hash {
            return Err(Error::invalid(format!("'hash' of mutation {seq} is not that of its content")));
        }
        Ok(mutation)
    }

    /// Reads a mutation as [`Self::parse`] does, but one that its writer meant so, and that is malformed all the same, as well: its
    /// place in the chain is known. What is not what its writer hashed is damaged, and an error.
    ///
    /// # Errors
    /// `Invalid`, naming what is wrong.
    pub fn parse_or_refuse(value: Value) -> Result<Self> {
        let whole = Self::whole(&value);
        Self::parse(value).or_else(|error| {
            let malformed = Some(error.message().into());
            whole.map(|whole| Self { malformed, ..whole }).ok_or(error)
        })
    }

    /// The mutation without its ops, if it is as its writer meant it and says where it belongs.
    fn whole(value: &Value) -> Option<Self> {
        let Value::Object(members) = value else { return None };
        // What is looked at is copied; the rest, which may be large, is only written down.
        let short = |value: &Value| matches!(value, Value::Number(_) | Value::String(_));
        let known = members.iter().filter(|(_, value)| short(value)).cloned().collect();
        let mut fields = Fields::of(Value::Object(known), "a mutation").ok()?;
        let (seq, prev, hash) = (fields.number("seq").ok()?, fields.hash("prev").ok()?, fields.hash("hash").ok()?);
        let (id, schema, base) = (fields.name("id").ok()?, fields.number("schema").ok()?, fields.number("base").ok()?);
        let mut body = vec![b'{'];
        for (name, value) in members.iter().filter(|(name, _)| &**name != "hash") {
            if body.len() > 1 {
                body.push(b',');
            }
            json::write_key(name, &mut body);
            json::write(value, &mut body);
        }
        body.push(b'}');
        let (ops, bytes, malformed) = (Vec::new(), body.len(), None);
        let is_whole = seq > 0 && checksum(&body) == hash;
        is_whole.then_some(Self { seq, prev, id, schema, base, ops, hash, bytes, malformed })
    }

    /// Why it can never be done, if nobody here understands it.
    pub fn malformed(&self) -> Option<&str> {
        self.malformed.as_deref()
    }

    /// The mutation as it goes over the wire.
    pub fn to_value(&self) -> Value {
        object([
            ("seq", number(self.seq)),
            ("prev", text(&hash_text(self.prev))),
            ("id", text(&self.id)),
            ("schema", number(self.schema)),
            ("base", number(self.base)),
            ("ops", Value::Array(self.ops.iter().map(Op::to_value).collect())),
            ("hash", text(&hash_text(self.hash))),
        ])
    }

    /// Writes the JSON of [`Mutation::to_value`].
    pub fn write(&self, out: &mut Vec<u8>) {
        self.write_body(out);
        out.pop();
        out.extend_from_slice(format!(",\"hash\":\"{}\"}}", hash_text(self.hash)).as_bytes());
    }

    /// Writes what the hash covers: all members but the hash, minified.
    fn write_body(&self, out: &mut Vec<u8>) {
        let Self { seq, schema, base, .. } = self;
        out.extend_from_slice(format!(r#"{{"seq":{seq},"prev":"{}","id":"#, hash_text(self.prev)).as_bytes());
        json::write_string(&self.id, out);
        out.extend_from_slice(format!(r#","schema":{schema},"base":{base},"ops":["#).as_bytes());
        for (n, op) in self.ops.iter().enumerate() {
            if n > 0 {
                out.push(b',');
            }
            op.write(out);
        }
        out.extend_from_slice(b"]}");
    }
}
