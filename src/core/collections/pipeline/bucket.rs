//! `$bucket` and `$bucketAuto`: groups by ranges of a value.

use super::super::compare::compare;
use super::super::expression::{weight, Expression, Fields};
use super::super::number::integer;
use super::super::{key_codec, TypeClass, Value};
use super::accumulator::State;
use super::group::Outputs;
use super::row::{Input, Row};
use super::{invalid, Environment, Memory};
use crate::base::Result;

/// A compiled `$bucket`.
#[derive(Clone, Debug)]
pub(super) struct Bucket {
    key: Input,
    /// Ascending; a bucket begins at each but the last.
    boundaries: Vec<Value>,
    default: Option<Value>,
    outputs: Outputs,
}

/// A `$bucket` at work: states of the buckets that have rows, the default bucket last.
pub(super) type Buckets = Vec<Option<Vec<State>>>;

fn parse_key(stage: &'static str, operand: &Value, names: &[Box<str>]) -> Result<Input> {
    let key = operand.field("groupBy").ok_or_else(|| invalid(stage, "needs an expression in 'groupBy'"))?;
    Expression::parse_with(key, names)
        .map(Input::new)
        .map_err(|error| invalid(stage, &format!("groupBy: {}", error.message())))
}

fn parse_outputs(stage: &'static str, operand: &Value, names: &[Box<str>]) -> Result<Outputs> {
    match operand.field("output") {
        None => Outputs::count(),
        Some(Value::Object(fields)) => Outputs::parse(stage, fields.iter(), names),
        Some(_) => Err(invalid(stage, "needs an object of accumulators in 'output'")),
    }
}

impl Bucket {
    pub(super) fn parse(operand: &Value, names: &[Box<str>]) -> Result<Self> {
        const STAGE: &str = "$bucket";
        let boundaries = match operand.field("boundaries") {
            Some(Value::Array(items)) if items.len() >= 2 => items.clone(),
            _ => return Err(invalid(STAGE, "needs an array of at least two 'boundaries'")),
        };
        let ascending = boundaries.windows(2).all(|pair| match pair {
            [a, b] => TypeClass::of(a) == TypeClass::of(b) && compare(a, b).is_lt(),
            _ => true,
        });
        if !ascending {
            return Err(invalid(STAGE, "needs 'boundaries' of one type in ascending order"));
        }
        let default = operand.field("default").cloned();
        if let (Some(default), Some(first), Some(last)) = (&default, boundaries.first(), boundaries.last()) {
            if compare(default, first).is_ge() && compare(default, last).is_lt() {
                return Err(invalid(STAGE, "needs a 'default' outside of the boundaries"));
            }
        }
        let key = parse_key(STAGE, operand, names)?;
        Ok(Self { key, boundaries, default, outputs: parse_outputs(STAGE, operand, names)? })
    }

    pub(super) fn collect_fields(&self, fields: &mut Fields) {
        self.key.collect_fields(fields);
        self.outputs.collect_fields(fields);
    }

    /// As many buckets as there can be, all empty.
    pub(super) fn start(&self) -> Buckets {
        vec![None; self.boundaries.len()]
    }

    pub(super) fn add(
        &self,
        buckets: &mut Buckets,
        row: &Row<'_>,
        environment: &Environment,
        memory: &mut Memory,
    ) -> Result<()> {
        let key = self.key.value(row, environment)?;
        let passed = self.boundaries.partition_point(|boundary| compare(boundary, &key).is_le());
        let default = self.boundaries.len() - 1;
        let at = if passed == 0 || passed > default { default } else { passed - 1 };
        if at == default && self.default.is_none() {
            return Err(invalid("$bucket", "got a value outside of the boundaries: add a 'default'"));
        }
        let Some(bucket) = buckets.get_mut(at) else { return Ok(()) };
        let states = bucket.get_or_insert_with(|| {
            let mut states = Vec::new();
            self.outputs.start(&mut states);
            states
        });
        memory.hold("$bucket", self.outputs.add(states, row, environment)?)
    }

    /// The rows of the buckets that have any, in the order of the boundaries.
    pub(super) fn finish(&self, buckets: Buckets) -> impl Iterator<Item = Value> + '_ {
        let last = self.boundaries.len() - 1;
        buckets.into_iter().enumerate().filter_map(move |(at, states)| {
            let key = if at == last { self.default.clone() } else { self.boundaries.get(at).cloned() };
            Some(self.outputs.finish(key?, &mut states?.into_iter()))
        })
    }
}

/// A compiled `$bucketAuto`.
#[derive(Clone, Debug)]
pub(super) struct BucketAuto {
    key: Input,
    count: usize,
    outputs: Outputs,
}

/// A row that waits for its bucket, with its key as sortable bytes.
pub(super) type Waiting = (Vec<u8>, Value, Value);

impl BucketAuto {
    pub(super) fn parse(operand: &Value, names: &[Box<str>]) -> Result<Self> {
        const STAGE: &str = "$bucketAuto";
        if operand.field("granularity").is_some() {
            return Err(invalid(STAGE, "has no 'granularity': leave it out, or use $bucket with boundaries"));
        }
        let count = match operand.field("buckets") {
            Some(Value::Number(count)) => integer(*count).and_then(|count| usize::try_from(count).ok()),
            _ => None,
        };
        let count = count.filter(|count| *count > 0);
        let count = count.ok_or_else(|| invalid(STAGE, "needs a positive whole number of 'buckets'"))?;
        Ok(Self { key: parse_key(STAGE, operand, names)?, count, outputs: parse_outputs(STAGE, operand, names)? })
    }

    pub(super) fn collect_fields(&self, fields: &mut Fields) {
        self.key.collect_fields(fields);
        self.outputs.collect_fields(fields);
    }

    pub(super) fn add(
        &self,
        waiting: &mut Vec<Waiting>,
        row: Row<'_>,
        needed: &Fields,
        environment: &Environment,
        memory: &mut Memory,
    ) -> Result<()> {
        let key = self.key.value(&row, environment)?;
        let key = if key == Value::Undefined { Value::Null } else { key };
        let mut bytes = Vec::new();
        key_codec::encode_value(&key, &mut bytes);
        let row = row.into_tree(needed)?;
        memory.hold("$bucketAuto", bytes.len() + weight(&key) + weight(&row))?;
        waiting.push((bytes, key, row));
        Ok(())
    }

    /// The rows of the buckets: as even as equal keys allow.
    pub(super) fn finish(&self, mut waiting: Vec<Waiting>, environment: &Environment) -> Result<Vec<Value>> {
        crate::base::sort::sort_by(&mut waiting, |(a, ..), (b, ..)| a.cmp(b));
        let size = (waiting.len() + self.count / 2).checked_div(self.count).unwrap_or(1).max(1);
        let mut rows = Vec::new();
        let mut rest = waiting.into_iter().peekable();
        while let Some((mut last, low, row)) = rest.next() {
            let is_last = rows.len() + 1 == self.count;
            let mut states = Vec::new();
            self.outputs.start(&mut states);
            self.outputs.add(&mut states, &Row::Tree(row), environment)?;
            let (mut high, mut taken) = (low.clone(), 1);
            while let Some((bytes, key, row)) = rest.next_if(|(bytes, ..)| is_last || taken < size || *bytes == last) {
                self.outputs.add(&mut states, &Row::Tree(row), environment)?;
                (last, high) = (bytes, key);
                taken += 1;
            }
            // A bucket ends where the next begins; the last one with its highest key.
            let max = rest.peek().map_or(high, |(_, next, _)| next.clone());
            let key = Value::Object(vec![("min".into(), low), ("max".into(), max)]);
            rows.push(self.outputs.finish(key, &mut states.into_iter()));
        }
        Ok(rows)
    }
}
