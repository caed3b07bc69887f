//! Objects in expressions. Any key may be set, also `__proto__` and names with dots and dollars.

use std::borrow::Cow;

use super::super::Value;
use super::call::{at, take, Argument};
use super::evaluate::is_null;
use super::parse::{missing_as_null, wrong};
use super::Scope;
use crate::base::{Error, Result};

type Fields = Vec<(Box<str>, Value)>;

/// Sets a field in place, or appends it.
pub(in super::super) fn put(fields: &mut Fields, name: Box<str>, value: Value) {
    match fields.iter_mut().find(|(key, _)| *key == name) {
        Some((_, old)) => *old = value,
        None => fields.push((name, value)),
    }
}

pub(super) fn merge(arguments: &mut [Argument<'_>], scope: &Scope<'_>) -> Result<Value> {
    let mut merged = Vec::new();
    for index in 0..arguments.len() {
        match scope.own(take(arguments, index))? {
            Value::Object(fields) => merge_into(&mut merged, fields),
            Value::Array(items) if arguments.len() == 1 => {
                for item in items {
                    match item {
                        Value::Object(fields) => merge_into(&mut merged, fields),
                        other if is_null(&other) => {}
                        _ => return Err(Error::invalid("needs objects")),
                    }
                }
            }
            other if is_null(&other) => {}
            _ => return Err(Error::invalid("needs objects")),
        }
    }
    Ok(Value::Object(merged))
}

/// Lays `fields` over `merged`.
pub(in super::super) fn merge_into(merged: &mut Fields, fields: Fields) {
    if merged.is_empty() {
        *merged = fields;
        return;
    }
    for (name, value) in fields {
        put(merged, name, value);
    }
}

pub(super) fn to_array(object: Argument<'_>, scope: &Scope<'_>) -> Result<Value> {
    match scope.own(object)? {
        Value::Object(fields) => {
            let pair = |(key, value)| Value::Object(vec![("k".into(), Value::String(key)), ("v".into(), value)]);
            Ok(Value::Array(fields.into_iter().map(pair).collect()))
        }
        other if is_null(&other) => Ok(Value::Null),
        _ => Err(Error::invalid("needs an object")),
    }
}

pub(super) fn from_array(array: &Value, scope: &Scope<'_>) -> Result<Value> {
    let items = match array {
        Value::Array(items) => items,
        _ if is_null(array) => return Ok(Value::Null),
        _ => return Err(Error::invalid("needs an array of [key, value] or { k, v }")),
    };
    let mut fields = Vec::with_capacity(items.len());
    for item in items {
        let pair = match item {
            Value::Array(pair) => match pair.as_slice() {
                [Value::String(key), value] => Some((key, value)),
                _ => None,
            },
            Value::Object(pair) if pair.len() == 2 => match (item.field("k"), item.field("v")) {
                (Some(Value::String(key)), Some(value)) => Some((key, value)),
                _ => None,
            },
            _ => None,
        };
        let (key, value) = pair.ok_or_else(|| Error::invalid("needs [key, value] or { k, v } with string keys"))?;
        // A later pair wins. Many keys are looked up in a list: charged, so that no input makes it quadratic for long.
        scope.charge(fields.len())?;
        put(&mut fields, key.clone(), missing_as_null(scope.own(Cow::Borrowed(value))?));
    }
    Ok(Value::Object(fields))
}

pub(super) fn get<'v>(field: &Value, input: Argument<'v>) -> Result<Argument<'v>> {
    let Value::String(name) = field else { return Err(wrong("$getField", "needs a string in 'field'")) };
    Ok(match input {
        Cow::Borrowed(input) if is_null(input) => Cow::Borrowed(input),
        Cow::Borrowed(input) => input.field(name).map_or(Cow::Owned(Value::Undefined), Cow::Borrowed),
        Cow::Owned(input) if is_null(&input) => Cow::Owned(input),
        Cow::Owned(input) => Cow::Owned(input.field(name).cloned().unwrap_or(Value::Undefined)),
    })
}

pub(super) fn set(arguments: &mut [Argument<'_>], scope: &Scope<'_>) -> Result<Value> {
    let value = scope.own(take(arguments, 2))?;
    change(arguments, scope, value)
}

pub(super) fn unset(arguments: &mut [Argument<'_>], scope: &Scope<'_>) -> Result<Value> {
    change(arguments, scope, Value::Undefined)
}

/// Sets the field to `value`, or removes it for `Undefined`.
fn change(arguments: &mut [Argument<'_>], scope: &Scope<'_>, value: Value) -> Result<Value> {
    let input = scope.own(take(arguments, 1))?;
    let Value::String(name) = at(arguments, 0) else { return Err(Error::invalid("needs a string in 'field'")) };
    match input {
        Value::Object(mut fields) => {
            if value == Value::Undefined {
                fields.retain(|(key, _)| key != name);
            } else {
                put(&mut fields, name.clone(), value);
            }
            Ok(Value::Object(fields))
        }
        other if is_null(&other) => Ok(Value::Null),
        _ => Err(Error::invalid("needs an object in 'input'")),
    }
}
