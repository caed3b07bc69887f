//! A pipeline with one `$group`, run in parts: each part's groups are kept as bytes and merged in order later, so that no more
//! than one part, and then one group, is in memory.
//!
//! It scans nothing and keeps nothing: batch jobs do.

use super::super::{json, key_codec, Value};
use super::accumulator::State;
use super::execution::Execution;
use super::group::Group;
use super::ranked::Ranked;
use super::sketch::{Distinct, Quantiles};
use super::stage::Stage;
use super::{Memory, Pipeline, RunOptions};
use crate::base::{write_slice, write_varint, Error, Reader, Result};
use crate::collections::number::Numeric;

/// The pipeline, cut at its `$group`.
#[derive(Clone, Debug)]
pub struct Grouping {
    /// Up to the `$group`, which is its last stage.
    before: Pipeline,
    after: Pipeline,
}

/// A part under way.
#[derive(Debug)]
pub struct Partials(Execution);

/// What a part knows of one group.
#[derive(Clone, Debug)]
pub struct Partial {
    states: Vec<State>,
    memory: Memory,
}

impl Grouping {
    /// Compiles an array of stages.
    ///
    /// # Errors
    /// `Invalid` for a malformed stage, for anything but exactly one `$group`, and for stages around it that need more than
    /// one row at a time.
    pub fn parse(stages: &Value) -> Result<Self> {
        let whole = Pipeline::parse(stages)?;
        let Value::Array(items) = stages else { return Err(Error::invalid("a pipeline must be an array of stages")) };
        let is_group = |item: &Value| item.field("$group").is_some();
        let cut = items.iter().position(is_group).ok_or_else(|| {
            Error::invalid("a job's pipeline needs one $group: for anything else write with aggregate and putMany")
        })?;
        for (at, item) in items.iter().enumerate().filter(|(at, _)| *at != cut) {
            let name = match item {
                Value::Object(fields) => fields.first().map_or("", |(name, _)| &**name),
                _ => "",
            };
            let single = match name {
                "$match" | "$project" | "$addFields" | "$set" | "$unset" => true,
                "$unwind" | "$replaceRoot" | "$replaceWith" => at < cut,
                _ => false,
            };
            if !single {
                let place = if at < cut { "before" } else { "behind" };
                return Err(Error::invalid(format!(
                    "stage {at}: a job's pipeline cannot have {name} {place} its $group: it sees one row at a time"
                )));
            }
        }
        drop(whole);
        let (before, after) = items.split_at(cut + 1);
        let grouping = Self {
            before: Pipeline::parse(&Value::Array(before.to_vec()))?,
            after: Pipeline::parse(&Value::Array(after.to_vec()))?,
        };
        if grouping.group()?.outputs().names().any(|name| name == "id") {
            return Err(Error::invalid("$group cannot have a field 'id' in a job: the group's key becomes the id"));
        }
        Ok(grouping)
    }

    fn group(&self) -> Result<&Group> {
        match self.before.0.stages.last() {
            Some(Stage::Group(group)) => Ok(group),
            _ => Err(Error::internal("a grouping lost its group")),
        }
    }

    /// Begins a part. `now` is `$$NOW`.
    pub fn part(&self, now: f64) -> Partials {
        Partials(self.before.run(&RunOptions { now, ..RunOptions::default() }))
    }

    /// The rows of a group that all its parts were merged into.
    ///
    /// # Errors
    /// `Invalid` where an expression behind the `$group` fails.
    pub fn finish(&self, key: Value, partial: Partial, now: f64) -> Result<Vec<Value>> {
        let row = self.group()?.outputs().finish(key, &mut partial.states.into_iter());
        let environment =
            super::Environment { now, seed: 0, memory: super::MEMORY, sorted: false, variables: std::rc::Rc::new([]) };
        let mut execution = self.after.execution(environment, true);
        execution.push_tree(row)?;
        Ok(execution.into_values())
    }

    /// Reads what [`Partial::encode`] wrote.
    ///
    /// # Errors
    /// `Corrupt` if the bytes make no sense, or are of another pipeline.
    pub fn decode(&self, reader: &mut Reader<'_>) -> Result<Partial> {
        let memory = Memory { held: 0, limit: super::MEMORY };
        let mut partial = Partial { states: Vec::new(), memory };
        for accumulator in self.group()?.outputs().accumulators() {
            let start = accumulator.start();
            let state = decode_state(reader, &start)?;
            if std::mem::discriminant(&state) != std::mem::discriminant(&start) {
                return Err(Error::corrupt("part of a group is of another pipeline"));
            }
            partial.states.push(state);
        }
        Ok(partial)
    }

    /// Adds what a later part knows of the same group.
    ///
    /// # Errors
    /// `Invalid` where numbers cannot be added, and with reason `memory` for a group that grows too large.
    pub fn merge(&self, partial: &mut Partial, later: Partial) -> Result<()> {
        let group = self.group()?;
        for ((accumulator, state), later) in group.outputs().accumulators().zip(&mut partial.states).zip(later.states) {
            let grown = accumulator.merge(state, later)?;
            partial.memory.hold("one group of the job", grown)?;
        }
        Ok(())
    }
}

impl Partials {
    /// Takes the next document, as it is stored.
    ///
    /// # Errors
    /// What an expression refuses. The document may be half in then: start the part over without it.
    pub fn push(&mut self, stored: &[u8]) -> Result<()> {
        self.0.push(stored).map(drop)
    }

    /// Takes the next row, as a tree.
    ///
    /// # Errors
    /// As [`Self::push`].
    pub fn push_tree(&mut self, row: Value) -> Result<()> {
        self.0.push_tree(row)
    }

    /// How many groups there are.
    pub fn len(&self) -> usize {
        self.0.groups().map_or(0, super::group::Groups::len)
    }

    /// Whether there is no group.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The groups: each key with what is known of it.
    pub fn finish(self) -> Vec<(Value, Partial)> {
        let Some(groups) = self.0.into_groups() else { return Vec::new() };
        let (keys, states) = groups.into_parts();
        let width = if keys.is_empty() { 0 } else { states.len() / keys.len() };
        let mut states = states.into_iter();
        let take = |key| {
            let states = states.by_ref().take(width).collect();
            (key, Partial { states, memory: Memory { held: 0, limit: super::MEMORY } })
        };
        keys.into_iter().map(take).collect()
    }
}

impl Partial {
    /// The stored bytes (docs/FORMAT.md).
    pub fn encode(&self, out: &mut Vec<u8>) {
        self.states.iter().for_each(|state| encode_state(state, out));
    }
}

const NOTHING: u8 = 0;
const SUM: u8 = 1;
const AVERAGE: u8 = 2;
const BEST: u8 = 3;
const VALUES: u8 = 4;
const SET: u8 = 5;
const COUNT: u8 = 6;
const DEVIATION: u8 = 7;
const SEVERAL: u8 = 8;
const QUANTILES: u8 = 9;
const DISTINCT: u8 = 10;

fn encode_state(state: &State, out: &mut Vec<u8>) {
    match state {
        State::Best(None) => out.push(NOTHING),
        State::Sum(sum) => {
            out.push(SUM);
            encode_number(*sum, out);
        }
        State::Average(sum, count) => {
            out.push(AVERAGE);
            encode_number(*sum, out);
            write_varint(out, (*count).into());
        }
        State::Best(Some(value)) => {
            out.push(BEST);
            write_slice(out, &json::to_json(value));
        }
        State::Values(values) => encode_values(VALUES, values, out),
        State::Set(values, _) => encode_values(SET, values, out),
        State::Count(count) => {
            out.push(COUNT);
            write_varint(out, (*count).into());
        }
        State::Deviation { count, mean, squares } => {
            out.push(DEVIATION);
            for part in [count, mean, squares] {
                out.extend_from_slice(&part.to_le_bytes());
            }
        }
        State::Several(ranked) => {
            out.push(SEVERAL);
            write_varint(out, ranked.entries().len() as u64);
            for (key, value) in ranked.entries() {
                write_slice(out, key);
                write_slice(out, &json::to_json(value));
            }
        }
        State::Quantiles(quantiles) => {
            out.push(QUANTILES);
            write_slice(out, &quantiles.encode());
        }
        State::Distinct(distinct) => {
            out.push(DISTINCT);
            write_slice(out, &distinct.encode());
        }
    }
}

fn encode_values(tag: u8, values: &[Value], out: &mut Vec<u8>) {
    out.push(tag);
    write_varint(out, values.len() as u64);
    values.iter().for_each(|value| write_slice(out, &json::to_json(value)));
}

fn encode_number(number: Numeric, out: &mut Vec<u8>) {
    match number {
        Numeric::Double(number) => {
            out.push(0);
            out.extend_from_slice(&number.to_le_bytes());
        }
        Numeric::Big(number) => {
            out.push(1);
            out.extend_from_slice(&number.to_le_bytes());
        }
    }
}

fn decode_state(reader: &mut Reader<'_>, start: &State) -> Result<State> {
    Ok(match reader.u8()? {
        NOTHING => State::Best(None),
        SUM => State::Sum(decode_number(reader)?),
        AVERAGE => State::Average(decode_number(reader)?, reader.varint_u32()?),
        BEST => State::Best(Some(decode_value(reader)?)),
        VALUES => State::Values(decode_values(reader)?),
        SET => {
            let values = decode_values(reader)?;
            let key = |value| {
                let mut key = Vec::new();
                key_codec::encode_value(value, &mut key);
                key
            };
            let keys = values.iter().map(key).collect();
            State::Set(values, keys)
        }
        COUNT => State::Count(reader.varint_u32()?),
        DEVIATION => {
            State::Deviation { count: decode_f64(reader)?, mean: decode_f64(reader)?, squares: decode_f64(reader)? }
        }
        SEVERAL => State::Several(decode_ranked(reader, start)?),
        QUANTILES => State::Quantiles(Box::new(Quantiles::decode(reader.slice()?)?)),
        DISTINCT => State::Distinct(Box::new(Distinct::decode(reader.slice()?)?)),
        _ => return Err(damaged()),
    })
}

/// Into an empty list of the right kind.
fn decode_ranked(reader: &mut Reader<'_>, start: &State) -> Result<Ranked> {
    let State::Several(ranked) = start else { return Err(damaged()) };
    let mut ranked = ranked.clone();
    for _ in 0..reader.count(2)? {
        let key = reader.slice()?.to_vec();
        let value = decode_value(reader)?;
        ranked.add(key, || value);
    }
    Ok(ranked)
}

fn decode_values(reader: &mut Reader<'_>) -> Result<Vec<Value>> {
    let count = reader.count(2)?;
    (0..count).map(|_| decode_value(reader)).collect()
}

fn decode_value(reader: &mut Reader<'_>) -> Result<Value> {
    json::parse(reader.slice()?).map_err(|_| damaged())
}

fn decode_f64(reader: &mut Reader<'_>) -> Result<f64> {
    reader.array().map(f64::from_le_bytes)
}

fn decode_number(reader: &mut Reader<'_>) -> Result<Numeric> {
    Ok(match reader.u8()? {
        0 => Numeric::Double(decode_f64(reader)?),
        1 => Numeric::Big(i128::from_le_bytes(reader.array()?)),
        _ => return Err(damaged()),
    })
}

fn damaged() -> Error {
    Error::corrupt("part of a group makes no sense")
}
