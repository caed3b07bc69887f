//! What groups add up: `$sum`, `$avg`, `$push` and their siblings, one value after another.

use std::collections::BTreeSet;

use super::super::expression::{weight, Expression, Fields};
use super::super::number::{self, Numeric};
use super::super::sort::Sort;
use super::super::{key_codec, Shape, TypeClass, Value, ValueRef};
use super::ranked::{Kept, Ranked};
use super::row::{Input, Row};
use super::{invalid, Environment};
use crate::base::Result;

/// A compiled accumulator.
#[derive(Clone, Debug)]
pub(super) struct Accumulator {
    kind: Kind,
    input: Input,
}

/// Which accumulator.
#[derive(Clone, Debug)]
enum Kind {
    Sum,
    Average,
    Minimum,
    Maximum,
    First,
    Last,
    Push,
    AddToSet,
    Count,
    Deviation {
        sample: bool,
    },
    MergeObjects,
    /// `$firstN`, `$top` and the like.
    Several(Box<Several>),
}

/// An accumulator that keeps up to `count` values.
#[derive(Clone, Debug)]
struct Several {
    count: usize,
    keep: Kept,
    /// Without it, order is the values' own or that of arrival.
    sort: Option<Sort>,
    /// `$top` and `$bottom` give one value instead of an array.
    single: bool,
}

/// An accumulator at work on one group.
#[derive(Clone, Debug)]
pub(super) enum State {
    Sum(Numeric),
    Average(Numeric, u32),
    /// `None` until there is a value.
    Best(Option<Value>),
    Values(Vec<Value>),
    Set(Vec<Value>, BTreeSet<Vec<u8>>),
    Count(u32),
    Deviation {
        count: f64,
        mean: f64,
        squares: f64,
    },
    Several(Ranked),
}

impl Accumulator {
    /// Parses `{ $sum: … }`, the value of the output field `field` of `stage`.
    pub(super) fn parse(stage: &'static str, field: &str, value: &Value, names: &[Box<str>]) -> Result<Self> {
        let Value::Object(fields) = value else {
            return Err(invalid(stage, &format!("field '{field}' needs an accumulator such as {{ $sum: 1 }}")));
        };
        let [(operator, operand)] = fields.as_slice() else {
            return Err(invalid(
                stage,
                &format!("field '{field}' needs exactly one accumulator such as {{ $sum: 1 }}"),
            ));
        };
        let kind = match &**operator {
            "$sum" => Kind::Sum,
            "$avg" => Kind::Average,
            "$min" => Kind::Minimum,
            "$max" => Kind::Maximum,
            "$first" => Kind::First,
            "$last" => Kind::Last,
            "$push" => Kind::Push,
            "$addToSet" => Kind::AddToSet,
            "$stdDevPop" => Kind::Deviation { sample: false },
            "$stdDevSamp" => Kind::Deviation { sample: true },
            "$mergeObjects" => Kind::MergeObjects,
            "$count" if *operand == Value::Object(Vec::new()) => {
                return Ok(Self { kind: Kind::Count, input: Input::Constant(Value::Null) });
            }
            "$count" => return Err(invalid(stage, &format!("field '{field}': $count takes an empty object"))),
            _ => return Self::several(stage, field, operator, operand, names),
        };
        let input = Input::new(expression(stage, field, operand, names)?);
        Ok(Self { kind, input })
    }

    fn several(stage: &'static str, field: &str, operator: &str, operand: &Value, names: &[Box<str>]) -> Result<Self> {
        let (keep, sorted, single) = match operator {
            "$firstN" => (Kept::First, false, false),
            "$lastN" => (Kept::Last, false, false),
            "$minN" => (Kept::Lowest, false, false),
            "$maxN" => (Kept::Highest, false, false),
            "$topN" => (Kept::Lowest, true, false),
            "$bottomN" => (Kept::Highest, true, false),
            "$top" => (Kept::Lowest, true, true),
            "$bottom" => (Kept::Highest, true, true),
            _ => return Err(invalid(stage, &format!("field '{field}': unknown accumulator '{operator}'"))),
        };
        let lacks = |what: &str| invalid(stage, &format!("field '{field}': {operator} needs '{what}'"));
        let count = match operand.field("n") {
            _ if single => 1,
            Some(Value::Number(count)) => number::integer(*count)
                .and_then(|count| usize::try_from(count).ok())
                .filter(|count| *count > 0)
                .ok_or_else(|| {
                    invalid(stage, &format!("field '{field}': {operator} needs a positive whole number in 'n'"))
                })?,
            _ => return Err(lacks("n")),
        };
        let sort = match operand.field("sortBy") {
            Some(sort) if sorted => Some(Sort::parse(sort)?),
            None if sorted => return Err(lacks("sortBy")),
            _ => None,
        };
        let name = if sorted { "output" } else { "input" };
        let input = operand.field(name).ok_or_else(|| lacks(name))?;
        let input = Input::new(expression(stage, field, input, names)?);
        Ok(Self { kind: Kind::Several(Box::new(Several { count, keep, sort, single })), input })
    }

    /// Adds the top-level fields it reads to `fields`.
    pub(super) fn collect_fields(&self, fields: &mut Fields) {
        self.input.collect_fields(fields);
        if let Kind::Several(several) = &self.kind {
            let sorts = several.sort.iter().flat_map(Sort::fields);
            sorts.for_each(|field| fields.add(field.path.text()));
        }
    }

    /// The state of an empty group.
    pub(super) fn start(&self) -> State {
        match &self.kind {
            Kind::Sum => State::Sum(Numeric::Double(0.0)),
            Kind::Average => State::Average(Numeric::Double(0.0), 0),
            Kind::Minimum | Kind::Maximum | Kind::First | Kind::Last => State::Best(None),
            Kind::Push => State::Values(Vec::new()),
            Kind::AddToSet => State::Set(Vec::new(), BTreeSet::new()),
            Kind::Count => State::Count(0),
            Kind::Deviation { .. } => State::Deviation { count: 0.0, mean: 0.0, squares: 0.0 },
            Kind::MergeObjects => State::Best(Some(Value::Object(Vec::new()))),
            Kind::Several(several) => State::Several(Ranked::new(several.count, several.keep)),
        }
    }

    /// Adds a row to a group; answers by how many bytes, about, the state grew.
    #[inline]
    pub(super) fn add(&self, state: &mut State, row: &Row<'_>, environment: &Environment) -> Result<usize> {
        match (&self.kind, state) {
            (Kind::Count, State::Count(count)) => {
                *count += 1;
                Ok(0)
            }
            (Kind::First, State::Best(Some(_))) => Ok(0),
            (Kind::Several(several), State::Several(ranked)) => {
                self.input.with(row, environment, |value| Ok(several.add(ranked, row, value)))
            }
            (kind, state) => self.input.with(row, environment, |value| add(kind, state, value)),
        }
    }

    /// The value of a group.
    pub(super) fn finish(&self, state: State) -> Value {
        match state {
            State::Sum(sum) => sum.into_value(),
            State::Average(_, 0) => Value::Null,
            State::Average(sum, count) => Value::Number(sum.to_f64() / f64::from(count)),
            State::Best(value) => value.map_or(Value::Null, null_for_missing),
            State::Values(values) | State::Set(values, _) => Value::Array(values),
            State::Count(count) => Value::Number(f64::from(count)),
            State::Deviation { count, squares, .. } => {
                let sample = matches!(self.kind, Kind::Deviation { sample: true });
                let divisor = if sample { count - 1.0 } else { count };
                if divisor > 0.0 {
                    Value::Number((squares / divisor).sqrt())
                } else {
                    Value::Null
                }
            }
            State::Several(ranked) => {
                let Kind::Several(several) = &self.kind else { return Value::Null };
                let mut values = ranked.into_values(several.keep == Kept::Highest && several.sort.is_none());
                if several.single {
                    values.pop().unwrap_or(Value::Null)
                } else {
                    Value::Array(values)
                }
            }
        }
    }
}

fn expression(stage: &'static str, field: &str, operand: &Value, names: &[Box<str>]) -> Result<Expression> {
    Expression::parse_with(operand, names)
        .map_err(|error| invalid(stage, &format!("field '{field}': {}", error.message())))
}

impl Several {
    fn add(&self, ranked: &mut Ranked, row: &Row<'_>, value: ValueRef<'_>) -> usize {
        let mut key = Vec::new();
        match (&self.sort, self.keep) {
            (Some(sort), _) => sort.key_ref(row.as_ref(), &mut key),
            (None, Kept::Lowest | Kept::Highest) if value.class() == TypeClass::Null => return 0,
            (None, Kept::Lowest | Kept::Highest) => key_codec::encode(value, &mut key),
            (None, _) => {}
        }
        ranked.add(key, || null_for_missing(value.to_value()))
    }
}

fn null_for_missing(value: Value) -> Value {
    if value == Value::Undefined {
        Value::Null
    } else {
        value
    }
}

/// The number in a value, without making a tree of it.
#[inline]
fn numeric(value: ValueRef<'_>) -> Result<Option<Numeric>> {
    let plain = match value {
        ValueRef::Raw(raw) => raw.as_f64(),
        ValueRef::Tree(Value::Number(number)) => Some(*number),
        _ => None,
    };
    if let Some(number) = plain {
        return Ok(Some(Numeric::Double(number)));
    }
    match value.shape() {
        Shape::Number(number) => Ok(Some(Numeric::Double(number))),
        Shape::BigInt(digits) => Numeric::of(&Value::BigInt(digits.into())),
        _ => Ok(None),
    }
}

fn add(kind: &Kind, state: &mut State, value: ValueRef<'_>) -> Result<usize> {
    match state {
        State::Sum(sum) => {
            if let Some(number) = numeric(value)? {
                *sum = sum.plus(number)?;
            }
        }
        State::Average(sum, count) => {
            if let Some(number) = numeric(value)? {
                *sum = sum.plus(number)?;
                *count += 1;
            }
        }
        State::Deviation { count, mean, squares } => {
            // Welford's method: one pass, and no difference of large sums.
            if let Some(number) = numeric(value)?.map(Numeric::to_f64) {
                *count += 1.0;
                let before = number - *mean;
                *mean += before / *count;
                *squares += before * (number - *mean);
            }
        }
        State::Best(best) => return Ok(add_best(kind, best, value)),
        State::Values(values) => {
            let value = null_for_missing(value.to_value());
            let bytes = weight(&value);
            values.push(value);
            return Ok(bytes);
        }
        State::Set(values, keys) => {
            let mut key = Vec::new();
            key_codec::encode(value, &mut key);
            let mut bytes = key.len();
            // A missing value is not part of a set, a null is.
            if !is_missing(value) && keys.insert(key) {
                let value = value.to_value();
                bytes += weight(&value) + size_of::<Vec<u8>>();
                values.push(value);
                return Ok(bytes);
            }
        }
        State::Count(_) | State::Several(_) => {}
    }
    Ok(0)
}

fn is_missing(value: ValueRef<'_>) -> bool {
    matches!(value, ValueRef::Tree(Value::Undefined))
}

fn add_best(kind: &Kind, best: &mut Option<Value>, value: ValueRef<'_>) -> usize {
    let replace = match (kind, &*best) {
        (Kind::Minimum | Kind::Maximum, _) if value.class() == TypeClass::Null => false,
        (Kind::Minimum, Some(best)) => value.compare(ValueRef::Tree(best)).is_lt(),
        (Kind::Maximum, Some(best)) => value.compare(ValueRef::Tree(best)).is_gt(),
        (Kind::MergeObjects, Some(_)) => {
            let before = best.as_ref().map_or(0, weight);
            if let (Some(Value::Object(merged)), Value::Object(fields)) = (best.as_mut(), value.to_value()) {
                super::super::expression::merge_into(merged, fields);
            }
            return best.as_ref().map_or(0, weight).saturating_sub(before);
        }
        _ => true,
    };
    if !replace {
        return 0;
    }
    let before = best.as_ref().map_or(0, weight);
    let value = value.to_value();
    let bytes = weight(&value).saturating_sub(before);
    *best = Some(value);
    bytes
}
