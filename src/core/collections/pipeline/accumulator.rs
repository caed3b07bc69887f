//! What groups add up: `$sum`, `$avg`, `$push` and their siblings, one value after another.

use std::collections::BTreeSet;

use super::super::expression::{weight, Expression, Fields};
use super::super::number::{self, Numeric};
use super::super::sort::Sort;
use super::super::{key_codec, Shape, TypeClass, Value, ValueRef};
use super::ranked::{Kept, Ranked};
use super::row::{Input, Row};
use super::sketch::{Distinct, Quantiles};
use super::{invalid, Environment};
use crate::base::Result;

/// Largest constant that is added up by counting: times `u32::MAX` it is below 2^53.
const COUNTED_MAX: f64 = 1_048_576.0;

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
    /// `$percentile` and, with one of them and `single`, `$median`.
    Percentile {
        quantiles: Box<[f64]>,
        single: bool,
    },
    /// `$approximateDistinct`.
    Distinct,
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
    Quantiles(Box<Quantiles>),
    Distinct(Box<Distinct>),
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
            "$approximateDistinct" => Kind::Distinct,
            "$percentile" | "$median" => return Self::percentile(stage, field, operator, operand, names),
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

    fn percentile(
        stage: &'static str,
        field: &str,
        operator: &str,
        operand: &Value,
        names: &[Box<str>],
    ) -> Result<Self> {
        let lacks = |what: &str| invalid(stage, &format!("field '{field}': {operator} needs {what}"));
        let input = operand.field("input").ok_or_else(|| lacks("an expression in 'input'"))?;
        match operand.field("method") {
            None => {}
            Some(Value::String(method)) if &**method == "approximate" => {}
            Some(_) => return Err(lacks("the method 'approximate', or none")),
        }
        let single = operator == "$median";
        let quantiles = match operand.field("p") {
            None if single => vec![0.5],
            Some(Value::Array(list)) if !single && !list.is_empty() && list.len() <= 100 => list
                .iter()
                .map(|one| match one {
                    Value::Number(p) if (0.0..=1.0).contains(p) => Ok(*p),
                    _ => Err(lacks("numbers from 0 to 1 in 'p'")),
                })
                .collect::<Result<_>>()?,
            _ => return Err(lacks(if single { "no 'p'" } else { "an array of 1 to 100 numbers from 0 to 1 in 'p'" })),
        };
        let input = Input::new(expression(stage, field, input, names)?);
        Ok(Self { kind: Kind::Percentile { quantiles: quantiles.into(), single }, input })
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
            Kind::Percentile { .. } => State::Quantiles(Box::default()),
            Kind::Distinct => State::Distinct(Box::default()),
        }
    }

    /// Takes in the state of later rows of the same group; answers by how many bytes, about, the state grew.
    pub(super) fn merge(&self, state: &mut State, later: State) -> Result<usize> {
        match (state, later) {
            (State::Sum(sum), State::Sum(later)) => *sum = sum.plus(later)?,
            (State::Average(sum, count), State::Average(later, more)) => {
                *sum = sum.plus(later)?;
                *count = count.saturating_add(more);
            }
            (State::Best(Some(_)), State::Best(_)) if matches!(self.kind, Kind::First) => {}
            (State::Best(best), State::Best(Some(later))) => {
                return Ok(add_best(&self.kind, best, ValueRef::Tree(&later)));
            }
            (State::Values(values), State::Values(later)) => {
                let bytes = later.iter().map(weight).sum();
                values.extend(later);
                return Ok(bytes);
            }
            (state @ State::Set(..), State::Set(later, _)) => {
                let mut bytes = 0;
                for value in &later {
                    bytes += add(&self.kind, state, ValueRef::Tree(value))?;
                }
                return Ok(bytes);
            }
            (State::Count(count), State::Count(later)) => *count = count.saturating_add(later),
            (state @ State::Deviation { .. }, later @ State::Deviation { .. }) => merge_deviation(state, &later),
            (State::Several(ranked), State::Several(later)) => return Ok(ranked.merge(later)),
            (State::Quantiles(quantiles), State::Quantiles(later)) => quantiles.merge(&later)?,
            (State::Distinct(distinct), State::Distinct(later)) => distinct.merge(&later)?,
            // Nothing yet on the other side, or (damaged bytes were refused before) another kind.
            _ => {}
        }
        Ok(0)
    }

    /// Whether [`Self::count`] does what adding row after row does: of sums only where no digit is lost on the way.
    pub(super) fn is_countable(&self) -> bool {
        match (&self.kind, &self.input) {
            (Kind::Count, _) => true,
            (Kind::Sum, Input::Constant(Value::Number(number))) => {
                number.trunc() == *number && number.abs() <= COUNTED_MAX
            }
            _ => false,
        }
    }

    /// Adds `times` rows at once.
    pub(super) fn count(&self, state: &mut State, times: u32) {
        match (state, &self.input) {
            (State::Count(count), _) => *count = count.saturating_add(times),
            (State::Sum(Numeric::Double(sum)), Input::Constant(Value::Number(number))) => {
                *sum += number * f64::from(times);
            }
            _ => {}
        }
    }

    /// Adds a row to a group; answers by how many bytes, about, the state grew.
    #[inline]
    pub(super) fn add(&self, state: &mut State, row: &Row<'_>, environment: &Environment) -> Result<usize> {
        if let (Input::Constant(Value::Number(number)), State::Sum(Numeric::Double(sum))) = (&self.input, &mut *state) {
            *sum += number;
            return Ok(0);
        }
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
            State::Distinct(distinct) => Value::Number(distinct.estimate()),
            State::Quantiles(sketch) => {
                let Kind::Percentile { quantiles, single } = &self.kind else { return Value::Null };
                let mut values = quantiles.iter().map(|p| sketch.at(*p).map_or(Value::Null, Value::Number));
                if *single {
                    values.next().unwrap_or(Value::Null)
                } else {
                    Value::Array(values.collect())
                }
            }
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
#[inline(always)]
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
        State::Quantiles(quantiles) => {
            if let Some(number) = numeric(value)?.map(Numeric::to_f64) {
                quantiles.add(number);
            }
        }
        State::Distinct(distinct) => {
            if !is_missing(value) {
                let mut key = Vec::new();
                key_codec::encode(value, &mut key);
                distinct.add(&key);
            }
        }
        State::Count(_) | State::Several(_) => {}
    }
    Ok(0)
}

/// The deviation of two disjoint sets of rows from those of each (Chan's method).
fn merge_deviation(state: &mut State, later: &State) {
    let (State::Deviation { count, mean, squares }, State::Deviation { count: more, mean: other, squares: others }) =
        (state, later)
    else {
        return;
    };
    let sum = *count + more;
    if sum == 0.0 {
        return;
    }
    let apart = other - *mean;
    *squares += others + apart * apart * *count * more / sum;
    *mean += apart * more / sum;
    *count = sum;
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
