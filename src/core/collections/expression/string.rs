//! Strings in expressions. Positions are code points; upper and lower case are ASCII's, as MongoDB defines them.

use std::borrow::Cow;

use super::super::number::number;
use super::super::Value;
use super::call::{at, Argument};
use super::evaluate::is_null;
use super::node::Node;
use super::operator::Operator;
use super::parse::wrong;
use super::{array, convert, Scope};
use crate::base::{Error, Result};

/// What `$trim` takes away by default, beside ASCII white space.
const SPACES: [char; 13] = [
    '\u{a0}', '\u{1680}', '\u{2000}', '\u{2001}', '\u{2002}', '\u{2003}', '\u{2004}', '\u{2005}', '\u{2006}',
    '\u{2007}', '\u{2008}', '\u{2009}', '\u{200a}',
];

fn text(value: &Value) -> Result<&str> {
    match value {
        Value::String(text) => Ok(text),
        _ => Err(Error::invalid("needs a string: convert with $toString, or guard it with $ifNull")),
    }
}

/// The string, `None` for null.
fn nullable(value: &Value) -> Result<Option<&str>> {
    if is_null(value) {
        Ok(None)
    } else {
        text(value).map(Some)
    }
}

fn string(text: &str) -> Value {
    Value::String(text.into())
}

fn count(length: usize) -> Value {
    number(i64::try_from(length).unwrap_or(i64::MAX))
}

pub(super) fn concat(arguments: &[Argument<'_>], scope: &Scope<'_>) -> Result<Value> {
    let mut all = String::new();
    for argument in arguments {
        let Some(part) = nullable(argument)? else { return Ok(Value::Null) };
        scope.charge(part.len())?;
        all.push_str(part);
    }
    Ok(Value::String(all.into_boxed_str()))
}

/// The text of what MongoDB coerces to a string: strings, numbers and dates; null is the empty string.
fn coerced(value: &Value) -> Result<Cow<'_, str>> {
    match value {
        Value::String(text) => Ok(Cow::Borrowed(text)),
        Value::Undefined | Value::Null => Ok(Cow::Borrowed("")),
        Value::Number(_) | Value::BigInt(_) | Value::Date(_) => match convert::to(convert::Target::String, value)? {
            Value::String(text) => Ok(Cow::Owned(text.into_string())),
            _ => Ok(Cow::Borrowed("")),
        },
        _ => Err(Error::invalid("needs a string, a number or a date")),
    }
}

pub(super) fn change_case(operator: Operator, value: &Value) -> Result<Value> {
    let mut text = coerced(value)?.into_owned();
    if operator == Operator::ToLower {
        text.make_ascii_lowercase()
    } else {
        text.make_ascii_uppercase()
    }
    Ok(Value::String(text.into_boxed_str()))
}

pub(super) fn substring_bytes(arguments: &[Argument<'_>]) -> Result<Value> {
    let text = coerced(at(arguments, 0))?;
    let (start, length) = (array::whole(at(arguments, 1))?, array::whole(at(arguments, 2))?);
    let start = usize::try_from(start).map_err(|_| Error::invalid("needs a start that is not negative"))?;
    if start >= text.len() {
        return Ok(string(""));
    }
    // A negative length means: to the end.
    let end = usize::try_from(length).map_or(text.len(), |length| start.saturating_add(length).min(text.len()));
    text.get(start..end).map(string).ok_or_else(|| Error::invalid("cuts a character in two: use $substrCP"))
}

pub(super) fn substring(arguments: &[Argument<'_>]) -> Result<Value> {
    let text = coerced(at(arguments, 0))?;
    let position = |index: usize| {
        usize::try_from(array::whole(at(arguments, index))?)
            .map_err(|_| Error::invalid("needs positions that are not negative"))
    };
    let (start, length) = (position(1)?, position(2)?);
    let part: String = text.chars().skip(start).take(length).collect();
    Ok(Value::String(part.into_boxed_str()))
}

pub(super) fn length(operator: Operator, value: &Value) -> Result<Value> {
    let text = text(value)?;
    Ok(count(if operator == Operator::StrLenCP { text.chars().count() } else { text.len() }))
}

pub(super) fn split(value: &Value, delimiter: &Value, scope: &Scope<'_>) -> Result<Value> {
    let (Some(text), Some(delimiter)) = (nullable(value)?, nullable(delimiter)?) else { return Ok(Value::Null) };
    if delimiter.is_empty() {
        return Err(Error::invalid("needs a delimiter that is not empty"));
    }
    let part = |part: &str| scope.charge(size_of::<Value>() + part.len()).map(|()| string(part));
    text.split(delimiter).map(part).collect::<Result<_>>().map(Value::Array)
}

pub(super) fn trim(operator: Operator, value: &Value, characters: &Value) -> Result<Value> {
    let Some(text) = nullable(value)? else { return Ok(Value::Null) };
    let characters = match characters {
        Value::Undefined => None,
        other => match nullable(other)? {
            Some(characters) => Some(characters),
            None => return Ok(Value::Null),
        },
    };
    let trimmed = |c: char| match characters {
        Some(characters) => characters.contains(c),
        None => matches!(c, '\0' | ' ' | '\t'..='\r') || SPACES.contains(&c),
    };
    Ok(string(match operator {
        Operator::TrimLeft => text.trim_start_matches(trimmed),
        Operator::TrimRight => text.trim_end_matches(trimmed),
        _ => text.trim_matches(trimmed),
    }))
}

pub(super) fn index_of(arguments: &[Argument<'_>]) -> Result<Value> {
    let Some(haystack) = nullable(at(arguments, 0))? else { return Ok(Value::Null) };
    let needle = text(at(arguments, 1))?;
    let bound = |index: usize, default: usize| match arguments.get(index) {
        None => Ok(default),
        Some(bound) => {
            usize::try_from(array::whole(bound)?).map_err(|_| Error::invalid("needs bounds that are not negative"))
        }
    };
    let (start, end) = (bound(2, 0)?, bound(3, usize::MAX)?);
    let byte = |position: usize| haystack.char_indices().nth(position).map(|(byte, _)| byte);
    let missing = Ok(Value::Number(-1.0));
    let Some(from) = byte(start).or_else(|| (start == haystack.chars().count()).then_some(haystack.len())) else {
        return missing;
    };
    let to = byte(end).unwrap_or(haystack.len());
    match haystack.get(from..to).and_then(|part| part.find(needle)) {
        Some(found) => Ok(count(haystack.get(..from + found).unwrap_or("").chars().count())),
        None => missing,
    }
}

pub(super) fn replace(operator: Operator, arguments: &[Argument<'_>], scope: &Scope<'_>) -> Result<Value> {
    let (input, find, replacement) =
        (nullable(at(arguments, 0))?, nullable(at(arguments, 1))?, nullable(at(arguments, 2))?);
    let (Some(input), Some(find), Some(replacement)) = (input, find, replacement) else { return Ok(Value::Null) };
    let limit = if operator == Operator::ReplaceOne { 1 } else { usize::MAX };
    let found = input.matches(find).take(limit).count();
    scope.charge(input.len().saturating_add(found.saturating_mul(replacement.len())))?;
    Ok(Value::String(input.replacen(find, replacement, found).into_boxed_str()))
}

pub(super) fn compare_ignoring_case(a: &Value, b: &Value) -> Result<Value> {
    let (a, b) = (coerced(a)?.to_ascii_uppercase(), coerced(b)?.to_ascii_uppercase());
    Ok(number(a.cmp(&b) as i64))
}

/// A compiled regular expression. It matches in linear time.
#[derive(Clone, Debug)]
pub(super) struct Pattern(super::super::pattern::Pattern);

impl Pattern {
    fn compile(pattern: &str, flags: &str) -> Result<Self> {
        super::super::pattern::Pattern::parse(pattern, flags).map(Self)
    }

    fn of(regex: &Value, options: &Value) -> Result<Option<Self>> {
        let options = nullable(options)?.unwrap_or("");
        match regex {
            Value::Regex(regex) if options.is_empty() => Self::compile(&regex.0, &regex.1).map(Some),
            Value::Regex(regex) if regex.1.is_empty() => Self::compile(&regex.0, options).map(Some),
            Value::Regex(..) => Err(Error::invalid("has flags in both 'regex' and 'options': give them once")),
            other => nullable(other)?.map(|pattern| Self::compile(pattern, options)).transpose(),
        }
    }

    /// The call, with the pattern of a `$regexMatch` compiled if it is constant.
    pub(super) fn precompile(operator: Operator, mut nodes: Vec<Node>) -> Result<Node> {
        if operator == Operator::RegexMatch {
            if let [_, Node::Constant(regex), Node::Constant(options)] = nodes.as_slice() {
                let compiled = Self::of(regex, options).map_err(|error| wrong("$regexMatch", error.message()))?;
                if let Some(pattern) = compiled {
                    return Ok(Node::Match { input: Box::new(nodes.swap_remove(0)), pattern });
                }
            }
        }
        Ok(Node::Call(operator, nodes))
    }

    pub(super) fn matches(&self, value: &Value) -> Result<Value> {
        let text = nullable(value).map_err(|error| wrong("$regexMatch", error.message()))?;
        Ok(Value::Bool(text.is_some_and(|text| self.0.is_match(text))))
    }
}

pub(super) fn regex_match(arguments: &[Argument<'_>]) -> Result<Value> {
    match Pattern::of(at(arguments, 1), at(arguments, 2))? {
        Some(pattern) => pattern.matches(at(arguments, 0)),
        None => Ok(Value::Bool(false)),
    }
}
