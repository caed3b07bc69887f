//! `$group`: rows with equal keys become one row.
//!
//! A key that is a top-level field is looked up by its bytes as stored, so that a document costs one hash and no tree.
//! One value may be written in several ways (1 and 1n); the first look at each new way finds the group by value.

use super::super::expression::{Expression, Fields};
use super::super::{key_codec, Value, ValueRef};
use super::accumulator::{Accumulator, State};
use super::key_table::KeyTable;
use super::row::{Input, Row};
use super::{invalid, Environment, Memory};
use crate::base::Result;

/// A compiled `$group`.
#[derive(Clone, Debug)]
pub(super) struct Group {
    key: Input,
    outputs: Outputs,
}

/// The accumulated fields of a group or bucket.
#[derive(Clone, Debug)]
pub(super) struct Outputs(Vec<(Box<str>, Accumulator)>);

/// A `$group` at work.
#[derive(Clone, Debug, Default)]
pub(super) struct Groups {
    /// Keys as stored, and keys by value.
    as_stored: KeyTable,
    by_value: KeyTable,
    keys: Vec<Value>,
    /// The states of all groups, one after another.
    states: Vec<State>,
    scratch: Vec<u8>,
    /// The group of the last row.
    pub(super) last: u32,
}

impl Outputs {
    /// Parses the fields `{ name: { $accumulator: … } }`.
    pub(super) fn parse<'v>(
        stage: &'static str,
        fields: impl Iterator<Item = &'v (Box<str>, Value)>,
        names: &[Box<str>],
    ) -> Result<Self> {
        let parse = |(name, value): &(Box<str>, Value)| {
            if name.contains('.') || name.starts_with('$') || name.is_empty() {
                return Err(invalid(
                    stage,
                    &format!("cannot name a field '{name}': use a name without '.' and '$', and reshape with $project"),
                ));
            }
            Ok((name.clone(), Accumulator::parse(stage, name, value, names)?))
        };
        fields.map(parse).collect::<Result<_>>().map(Self)
    }

    /// One field `count`.
    pub(super) fn count() -> Result<Self> {
        let one = Value::Object(vec![("$sum".into(), Value::Number(1.0))]);
        Ok(Self(vec![("count".into(), Accumulator::parse("$count", "count", &one, &[])?)]))
    }

    pub(super) fn collect_fields(&self, fields: &mut Fields) {
        self.0.iter().for_each(|(_, accumulator)| accumulator.collect_fields(fields));
    }

    /// Appends the states of an empty group.
    pub(super) fn start(&self, states: &mut Vec<State>) {
        states.extend(self.0.iter().map(|(_, accumulator)| accumulator.start()));
    }

    /// How many states a group has.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Adds a row to a group's states.
    #[inline]
    pub(super) fn add(&self, states: &mut [State], row: &Row<'_>, environment: &Environment) -> Result<usize> {
        let mut bytes = 0;
        for ((_, accumulator), state) in self.0.iter().zip(states) {
            bytes += accumulator.add(state, row, environment)?;
        }
        Ok(bytes)
    }

    /// Whether the same row several times may be counted and added at once.
    pub(super) fn are_countable(&self) -> bool {
        self.0.iter().all(|(_, accumulator)| accumulator.is_countable())
    }

    /// The accumulators, in the order of a group's states.
    pub(super) fn accumulators(&self) -> impl Iterator<Item = &Accumulator> {
        self.0.iter().map(|(_, accumulator)| accumulator)
    }

    /// The names of the fields.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| &**name)
    }

    /// The row of a group.
    pub(super) fn finish(&self, key: Value, states: &mut dyn Iterator<Item = State>) -> Value {
        let mut fields = vec![("_id".into(), key)];
        for ((name, accumulator), state) in self.0.iter().zip(states) {
            fields.push((name.clone(), accumulator.finish(state)));
        }
        Value::Object(fields)
    }
}

impl Group {
    pub(super) fn parse(operand: &Value, names: &[Box<str>]) -> Result<Self> {
        let (Value::Object(fields), Some(key)) = (operand, operand.field("_id")) else {
            return Err(invalid("$group", "needs an object with the key in '_id' (null for one group of everything)"));
        };
        let key = Expression::parse_with(key, names)
            .map_err(|error| invalid("$group", &format!("field '_id': {}", error.message())))?;
        let others = fields.iter().filter(|(name, _)| &**name != "_id");
        Ok(Self { key: Input::new(key), outputs: Outputs::parse("$group", others, names)? })
    }

    /// `$sortByCount`: groups with a count.
    pub(super) fn counting(operand: &Value, names: &[Box<str>]) -> Result<Self> {
        let key = Expression::parse_with(operand, names).map_err(|error| invalid("$sortByCount", error.message()))?;
        Ok(Self { key: Input::new(key), outputs: Outputs::count()? })
    }

    pub(super) fn collect_fields(&self, fields: &mut Fields) {
        self.key.collect_fields(fields);
        self.outputs.collect_fields(fields);
    }

    /// Adds a row.
    pub(super) fn add(
        &self,
        groups: &mut Groups,
        row: &Row<'_>,
        environment: &Environment,
        memory: &mut Memory,
    ) -> Result<()> {
        let before = groups.keys.len();
        let group = self.key.with(row, environment, |key| Ok(groups.find_or_add(key)))?;
        if groups.keys.len() > before {
            self.outputs.start(&mut groups.states);
            let states = self.outputs.len() * size_of::<State>();
            memory.hold("$group", 96 + states + groups.keys.last().map_or(0, super::super::expression::weight))?;
        }
        groups.last = group;
        self.add_to(groups, group, row, environment, memory)
    }

    /// Adds a row to a group that is there.
    #[inline]
    pub(super) fn add_to(
        &self,
        groups: &mut Groups,
        group: u32,
        row: &Row<'_>,
        environment: &Environment,
        memory: &mut Memory,
    ) -> Result<()> {
        let first = group as usize * self.outputs.len();
        let Some(states) = groups.states.get_mut(first..first + self.outputs.len()) else { return Ok(()) };
        let grown = self.outputs.add(states, row, environment)?;
        if grown > 0 {
            memory.hold("$group", grown)
        } else {
            Ok(())
        }
    }

    /// Adds `times` rows to a group that is there, where [`Outputs::are_countable`].
    pub(super) fn count(&self, groups: &mut Groups, group: u32, times: u32) {
        let first = group as usize * self.outputs.len();
        let states = groups.states.get_mut(first..first + self.outputs.len()).unwrap_or_default();
        for (accumulator, state) in self.outputs.accumulators().zip(states) {
            accumulator.count(state, times);
        }
    }

    /// What tells groups apart.
    pub(super) fn key(&self) -> &Input {
        &self.key
    }

    /// The accumulated fields.
    pub(super) fn outputs(&self) -> &Outputs {
        &self.outputs
    }

    /// The rows of all groups, in the order in which they appeared.
    pub(super) fn finish(&self, groups: Groups) -> impl Iterator<Item = Value> + '_ {
        let mut states = groups.states.into_iter();
        groups.keys.into_iter().map(move |key| self.outputs.finish(key, &mut states))
    }
}

impl Groups {
    /// How many groups there are.
    pub(super) fn len(&self) -> usize {
        self.keys.len()
    }

    /// The keys, and the states of all groups one after another.
    pub(super) fn into_parts(self) -> (Vec<Value>, Vec<State>) {
        (self.keys, self.states)
    }

    /// The number of the group with this key.
    #[inline]
    fn find_or_add(&mut self, key: ValueRef<'_>) -> u32 {
        if let ValueRef::Raw(raw) = key {
            let text = raw.json();
            if let Some(group) = self.as_stored.find(text) {
                return group;
            }
            let group = self.find_by_value(key);
            self.as_stored.insert(text, group);
            return group;
        }
        self.find_by_value(key)
    }

    fn find_by_value(&mut self, key: ValueRef<'_>) -> u32 {
        self.scratch.clear();
        key_codec::encode(key, &mut self.scratch);
        if let Some(group) = self.by_value.find(&self.scratch) {
            return group;
        }
        let group = u32::try_from(self.keys.len()).unwrap_or(u32::MAX);
        self.by_value.insert(&self.scratch, group);
        let value = key.to_value();
        self.keys.push(if value == Value::Undefined { Value::Null } else { value });
        group
    }
}
