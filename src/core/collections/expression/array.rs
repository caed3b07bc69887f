//! Arrays and sets in expressions.

use std::borrow::Cow;

use super::super::compare::{compare, equals};
use super::super::number::{integer, number};
use super::super::Value;
use super::call::{at, Argument};
use super::evaluate::{is_null, truthy};
use super::operator::Operator;
use super::parse::{missing_as_null, wrong};
use super::Scope;
use crate::base::{Error, Result};

fn not_array() -> Error {
    Error::invalid("needs an array: guard it with $isArray or $ifNull")
}

/// The elements of an array, `None` for null.
fn elements(value: &Value) -> Result<Option<&[Value]>> {
    match value {
        Value::Array(items) => Ok(Some(items)),
        _ if is_null(value) => Ok(None),
        _ => Err(not_array()),
    }
}

/// The whole number in `value`.
pub(super) fn whole(value: &Value) -> Result<i64> {
    let number = if let Value::Number(number) = value { integer(*number) } else { None };
    number.ok_or_else(|| Error::invalid("needs a whole number"))
}

/// A position in `length` elements, where negative counts from the end; clamped to the ends.
fn clamp(position: i64, length: usize) -> usize {
    let magnitude = usize::try_from(position.unsigned_abs()).unwrap_or(usize::MAX);
    if position < 0 {
        length.saturating_sub(magnitude)
    } else {
        magnitude.min(length)
    }
}

fn length(items: &[Value]) -> i64 {
    i64::try_from(items.len()).unwrap_or(i64::MAX)
}

pub(super) fn size(value: &Value) -> Result<Value> {
    match value {
        Value::Array(items) => Ok(number(length(items))),
        _ => Err(not_array()),
    }
}

/// The value inside a borrowed or owned array that `pick` chooses.
fn pick<'v>(array: Argument<'v>, pick: impl Fn(&[Value]) -> Option<usize>) -> Argument<'v> {
    match array {
        Cow::Borrowed(Value::Array(items)) => {
            pick(items).and_then(|index| items.get(index)).map_or(Cow::Owned(Value::Undefined), Cow::Borrowed)
        }
        Cow::Owned(Value::Array(mut items)) => match pick(&items) {
            Some(index) if index < items.len() => Cow::Owned(items.swap_remove(index)),
            _ => Cow::Owned(Value::Undefined),
        },
        _ => Cow::Owned(Value::Undefined),
    }
}

pub(super) fn element<'v>(array: Argument<'v>, index: &Value) -> Result<Argument<'v>> {
    if is_null(&array) || is_null(index) {
        return Ok(Cow::Owned(Value::Null));
    }
    if !matches!(*array, Value::Array(_)) {
        return Err(wrong("$arrayElemAt", "needs an array first"));
    }
    let index = whole(index).map_err(|_| wrong("$arrayElemAt", "needs a whole number as the index"))?;
    Ok(pick(array, |items| usize::try_from(if index < 0 { length(items) + index } else { index }).ok()))
}

pub(super) fn end<'v>(operator: Operator, array: Argument<'v>) -> Result<Argument<'v>> {
    match &*array {
        Value::Array(_) => {}
        other if is_null(other) => return Ok(Cow::Owned(Value::Null)),
        _ => return Err(wrong(operator.name(), "needs an array")),
    }
    Ok(pick(array, |items| if operator == Operator::First { Some(0) } else { items.len().checked_sub(1) }))
}

pub(super) fn ends(operator: Operator, array: &Value, count: &Value) -> Result<Value> {
    let count = whole(count).ok().filter(|count| *count > 0);
    let count = count.ok_or_else(|| wrong(operator.name(), "needs a positive whole number in 'n'"))?;
    let Some(items) = elements(array)? else { return Err(not_array()) };
    let kept = if operator == Operator::FirstN {
        items.get(..clamp(count, items.len()))
    } else {
        items.get(clamp(-count, items.len())..)
    };
    Ok(Value::Array(kept.unwrap_or_default().to_vec()))
}

pub(super) fn slice(arguments: &[Argument<'_>]) -> Result<Value> {
    let Some(items) = elements(at(arguments, 0))? else { return Ok(Value::Null) };
    if arguments.iter().skip(1).any(|argument| is_null(argument)) {
        return Ok(Value::Null);
    }
    let position = whole(at(arguments, 1))?;
    let range = match arguments.get(2) {
        None if position < 0 => clamp(position, items.len())..items.len(),
        None => 0..clamp(position, items.len()),
        Some(count) => {
            let count = usize::try_from(whole(count)?).ok().filter(|count| *count > 0);
            let count = count.ok_or_else(|| Error::invalid("needs a positive number of elements"))?;
            let start = clamp(position, items.len());
            start..start.saturating_add(count).min(items.len())
        }
    };
    Ok(Value::Array(items.get(range).unwrap_or_default().to_vec()))
}

pub(super) fn concat(arguments: &mut [Argument<'_>], scope: &Scope<'_>) -> Result<Value> {
    for argument in arguments.iter() {
        if elements(argument)?.is_none() {
            return Ok(Value::Null);
        }
    }
    let mut all = Vec::new();
    for argument in arguments {
        if let Value::Array(items) = scope.own(std::mem::replace(argument, Cow::Owned(Value::Null)))? {
            if all.is_empty() {
                all = items
            } else {
                all.extend(items)
            }
        }
    }
    Ok(Value::Array(all))
}

pub(super) fn contains(value: &Value, array: &Value) -> Result<Value> {
    match array {
        Value::Array(items) => Ok(Value::Bool(items.iter().any(|item| equals(item, value)))),
        _ => Err(Error::invalid("needs an array as its second argument")),
    }
}

pub(super) fn range(arguments: &[Argument<'_>], scope: &Scope<'_>) -> Result<Value> {
    let (start, end) = (whole(at(arguments, 0))?, whole(at(arguments, 1))?);
    let step = arguments.get(2).map_or(Ok(1), |step| whole(step))?;
    if step == 0 {
        return Err(Error::invalid("needs a step other than zero"));
    }
    let mut items = Vec::new();
    let mut next = start;
    while (step > 0 && next < end) || (step < 0 && next > end) {
        scope.charge(size_of::<Value>())?;
        items.push(number(next));
        next = next.saturating_add(step);
    }
    Ok(Value::Array(items))
}

pub(super) fn reverse(array: Argument<'_>) -> Result<Value> {
    if elements(&array)?.is_none() {
        return Ok(Value::Null);
    }
    let mut array = array.into_owned();
    if let Value::Array(items) = &mut array {
        items.reverse();
    }
    Ok(array)
}

pub(super) fn index_of(arguments: &[Argument<'_>]) -> Result<Value> {
    let Some(items) = elements(at(arguments, 0))? else { return Ok(Value::Null) };
    let bound = |index: usize, default: usize| match arguments.get(index) {
        None => Ok(default),
        Some(bound) => usize::try_from(whole(bound)?).map_err(|_| Error::invalid("needs bounds that are not negative")),
    };
    let (start, end) = (bound(2, 0)?, bound(3, items.len())?.min(items.len()));
    let wanted = at(arguments, 1);
    let found = items.get(start..end).and_then(|items| items.iter().position(|item| equals(item, wanted)));
    Ok(found.and_then(|index| i64::try_from(index + start).ok()).map_or(Value::Number(-1.0), number))
}

pub(super) fn zip(inputs: &Value, longest: &Value, defaults: &Value, scope: &Scope<'_>) -> Result<Value> {
    let Some(inputs) = elements(inputs)? else { return Ok(Value::Null) };
    let longest = match longest {
        Value::Undefined => false,
        Value::Bool(longest) => *longest,
        _ => return Err(Error::invalid("needs a boolean in 'useLongestLength'")),
    };
    let defaults = match defaults {
        Value::Undefined | Value::Null => &[][..],
        Value::Array(defaults) if longest && defaults.len() == inputs.len() => defaults,
        _ => return Err(Error::invalid("takes 'defaults' as one value for each input, with useLongestLength: true")),
    };
    let mut columns = Vec::new();
    for input in inputs {
        match elements(input)? {
            Some(items) => columns.push(items),
            None => return Ok(Value::Null),
        }
    }
    let lengths = columns.iter().map(|column| column.len());
    let rows = if longest { lengths.max() } else { lengths.min() };
    let mut zipped = Vec::new();
    for row in 0..rows.unwrap_or(0) {
        let cell = |(at, column): (usize, &&[Value])| {
            let value = column.get(row).or_else(|| defaults.get(at)).unwrap_or(&Value::Null);
            scope.own(Cow::Borrowed(value)).map(missing_as_null)
        };
        zipped.push(Value::Array(columns.iter().enumerate().map(cell).collect::<Result<_>>()?));
    }
    Ok(Value::Array(zipped))
}

/// A sorted copy without duplicates: what sets are computed with.
fn distinct<'a>(items: impl Iterator<Item = &'a Value>) -> Vec<&'a Value> {
    let mut sorted: Vec<&Value> = items.collect();
    crate::base::sort::sort_by(&mut sorted, |a, b| compare(a, b));
    sorted.dedup_by(|a, b| equals(a, b));
    sorted
}

fn has(sorted: &[&Value], value: &Value) -> bool {
    sorted.binary_search_by(|item| compare(item, value)).is_ok()
}

/// `$setUnion`, `$setIntersection` and `$setDifference`; sets come out sorted.
pub(super) fn set(operator: Operator, arguments: &[Argument<'_>], scope: &Scope<'_>) -> Result<Value> {
    let mut sets = Vec::new();
    for argument in arguments {
        match elements(argument)? {
            Some(items) => sets.push(items),
            None => return Ok(Value::Null),
        }
    }
    let result = match operator {
        Operator::SetUnion => distinct(sets.into_iter().flatten()),
        _ => {
            let (first, rest) = sets.split_first().map_or((&[][..], &[][..]), |(first, rest)| (*first, rest));
            let mut result = distinct(first.iter());
            for other in rest {
                let other = distinct(other.iter());
                result.retain(|value| has(&other, value) == (operator == Operator::SetIntersection));
            }
            result
        }
    };
    let items = result.into_iter().map(|value| scope.own(Cow::Borrowed(value)));
    items.collect::<Result<_>>().map(Value::Array)
}

pub(super) fn set_relation(operator: Operator, arguments: &[Argument<'_>]) -> Result<Value> {
    let mut sets = Vec::new();
    for argument in arguments {
        sets.push(distinct(elements(argument)?.ok_or_else(not_array)?.iter()));
    }
    let Some((first, rest)) = sets.split_first() else { return Ok(Value::Bool(true)) };
    Ok(Value::Bool(rest.iter().all(|other| {
        let subset = first.iter().all(|value| has(other, value));
        subset && (operator == Operator::SetIsSubset || first.len() == other.len())
    })))
}

pub(super) fn truth(operator: Operator, value: &Value) -> Result<Value> {
    let items = elements(value)?.ok_or_else(not_array)?;
    Ok(Value::Bool(match operator {
        Operator::AnyElementTrue => items.iter().any(truthy),
        _ => items.iter().all(truthy),
    }))
}
