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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::super::document;
    use super::super::RunOptions;
    use super::*;

    const STAGES: &str = r#"[{"$match":{"n":{"$lt":90}}},{"$unwind":"$tags"},
        {"$group":{"_id":"$tags","sum":{"$sum":"$n"},"avg":{"$avg":"$n"},"min":{"$min":"$n"},"max":{"$max":"$n"},
            "first":{"$first":"$n"},"last":{"$last":"$n"},"all":{"$push":"$n"},"set":{"$addToSet":"$m"},"n":{"$count":{}},
            "two":{"$firstN":{"input":"$n","n":2}},"top":{"$topN":{"n":2,"sortBy":{"n":-1},"output":"$m"}},
            "most":{"$maxN":{"input":"$n","n":2}},"merged":{"$mergeObjects":"$o"},
            "p":{"$percentile":{"input":"$n","p":[0.5,0.9]}},"median":{"$median":{"input":"$n"}},
            "different":{"$approximateDistinct":"$m"}}},
        {"$set":{"twice":{"$multiply":["$sum",2]}}},{"$match":{"sum":{"$gte":5}}}]"#;

    fn stored(json: &str) -> Vec<u8> {
        let mut out = Vec::new();
        document::encode_batch(format!("[{json}]").as_bytes(), 1, None, &mut out).unwrap();
        out
    }

    fn document() -> impl Strategy<Value = String> {
        (0..100_i32, 0..5_i32, prop::collection::vec("[a-c]", 0..4)).prop_map(|(n, m, tags)| {
            let tags: Vec<_> =
                tags.iter().map(|tag| if tag == "c" { "7".to_owned() } else { format!("\"{tag}\"") }).collect();
            format!(r#"{{"id":"x","n":{n},"m":{m},"o":{{"k{m}":{n}}},"tags":[{}]}}"#, tags.join(","))
        })
    }

    /// What the parts come to, by key, each encoded and decoded in between.
    fn in_parts(parts: &[Vec<String>]) -> std::collections::BTreeMap<Vec<u8>, Value> {
        let grouping = Grouping::parse(&json::parse(STAGES.as_bytes()).unwrap()).unwrap();
        let mut merged: std::collections::BTreeMap<Vec<u8>, (Value, Partial)> = std::collections::BTreeMap::new();
        for part in parts {
            let mut partials = grouping.part(0.0);
            for document in part {
                partials.push(&stored(document)).unwrap();
            }
            for (key, partial) in partials.finish() {
                let mut bytes = Vec::new();
                partial.encode(&mut bytes);
                let mut reader = Reader::new(&bytes);
                let partial = grouping.decode(&mut reader).unwrap();
                reader.finish("part").unwrap();
                let mut place = Vec::new();
                key_codec::encode_value(&key, &mut place);
                match merged.get_mut(&place) {
                    Some((_, before)) => grouping.merge(before, partial).unwrap(),
                    None => drop(merged.insert(place, (key, partial))),
                }
            }
        }
        let rows = merged.into_iter().filter_map(|(place, (key, partial))| {
            let rows = grouping.finish(key, partial, 0.0).unwrap();
            rows.into_iter().next().map(|row| (place, row))
        });
        rows.collect()
    }

    /// What the whole pipeline comes to.
    fn at_once(parts: &[Vec<String>]) -> std::collections::BTreeMap<Vec<u8>, Value> {
        struct Nothing;
        impl super::super::Source for Nothing {
            fn scan(
                &mut self,
                _: &str,
                _: Option<&crate::collections::Filter>,
                _: &mut Option<Box<str>>,
                _: &mut dyn FnMut(&[u8]) -> Result<bool>,
            ) -> crate::engine::Step<()> {
                Ok(())
            }
        }
        let pipeline = Pipeline::parse(&json::parse(STAGES.as_bytes()).unwrap()).unwrap();
        let mut run = pipeline.run(&RunOptions::default());
        for document in parts.iter().flatten() {
            run.push(&stored(document)).unwrap();
        }
        run.finish(&mut Nothing).unwrap();
        let Value::Array(rows) = json::parse(&run.into_output().json).unwrap() else { unreachable!() };
        let keyed = rows.into_iter().map(|row| {
            let mut place = Vec::new();
            key_codec::encode_value(row.field("_id").unwrap(), &mut place);
            (place, row)
        });
        keyed.collect()
    }

    proptest! {
        #[test]
        fn parts_that_are_stored_and_merged_come_to_what_the_whole_comes_to(
            parts in prop::collection::vec(prop::collection::vec(document(), 0..6), 0..6),
        ) {
            prop_assert_eq!(in_parts(&parts), at_once(&parts));
        }

        #[test]
        fn hostile_parts_are_an_error_and_never_a_panic(bytes: Vec<u8>) {
            let stages = r#"[{"$group":{"_id":null,"a":{"$push":"$x"},"b":{"$sum":"$x"},"c":{"$topN":{"n":1,"sortBy":{"x":1},"output":"$x"}}}}]"#;
            let grouping = Grouping::parse(&json::parse(stages.as_bytes()).unwrap()).unwrap();
            let _ = grouping.decode(&mut Reader::new(&bytes));
        }
    }

    #[test]
    fn pipelines_that_need_more_than_one_row_at_a_time_are_refused_with_the_stage() {
        for (stages, word) in [
            (r#"[{"$match":{"a":1}}]"#, "$group"),
            (r#"[{"$sort":{"a":1}},{"$group":{"_id":null}}]"#, "$sort before"),
            (r#"[{"$group":{"_id":null}},{"$limit":3}]"#, "$limit behind"),
            (r#"[{"$group":{"_id":null}},{"$unwind":"$x"}]"#, "$unwind behind"),
            (r#"[{"$group":{"_id":"$a"}},{"$group":{"_id":null}}]"#, "$group behind"),
            (r#"[{"$group":{"_id":"$a","id":{"$sum":1}}}]"#, "'id'"),
        ] {
            let error = Grouping::parse(&json::parse(stages.as_bytes()).unwrap()).unwrap_err();
            assert!(error.message().contains(word), "{stages}: {}", error.message());
        }
    }
}
