//! What a filter says about single paths, as sets of index keys.
//!
//! Not the filter's meaning: every condition it cannot express becomes "any key" or a wider set, and the filter itself
//! decides about each document. Only a set marked `exact` says all that its condition says.

use super::super::compare::TypeClass;
use super::super::key_codec;
use super::super::Value;
use super::interval::{Cut, Interval, Intervals};

/// A condition of the filter on one path; all conditions hold for a match.
#[derive(Clone, Debug, PartialEq)]
pub struct Condition {
    /// The path.
    pub path: Box<str>,
    /// The keys that documents which meet the condition can have.
    pub keys: Intervals,
    /// Whether every document with such a key (and no array on the path) meets the condition.
    pub exact: bool,
}

/// The conditions of a filter.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Conditions {
    /// In the order of the filter.
    pub list: Vec<Condition>,
    /// Whether the list says all that the filter says, as far as its conditions are exact.
    pub complete: bool,
}

/// How values become keys.
#[derive(Clone, Copy)]
enum Keys {
    /// Index entries.
    Index,
    /// The ids in document keys.
    Id,
}

/// The conditions of `filter` on other paths than `id`.
pub fn conditions(filter: &Value) -> Conditions {
    let mut conditions = Conditions { list: Vec::new(), complete: true };
    collect(filter, &mut conditions, Keys::Index);
    conditions
}

/// The conditions of `filter` on the id, as sets of ids.
pub fn id_conditions(filter: &Value) -> Conditions {
    let mut conditions = Conditions { list: Vec::new(), complete: true };
    collect(filter, &mut conditions, Keys::Id);
    conditions
}

fn collect(filter: &Value, conditions: &mut Conditions, keys: Keys) {
    let Value::Object(fields) = filter else { return };
    for (name, condition) in fields {
        match (&**name, condition) {
            ("$and", Value::Array(parts)) => parts.iter().for_each(|part| collect(part, conditions, keys)),
            ("$comment", _) => {}
            (operator, _) if operator.starts_with('$') => conditions.complete = false,
            (path, condition) if (path == "id") == matches!(keys, Keys::Id) => {
                on_path(path, condition, conditions, keys);
            }
            _ => conditions.complete = false,
        }
    }
}

fn on_path(path: &str, condition: &Value, conditions: &mut Conditions, keys: Keys) {
    let mut push = |found: Option<(Intervals, bool)>| match found {
        Some((keys, exact)) => conditions.list.push(Condition { path: path.into(), keys, exact }),
        None => conditions.complete = false,
    };
    match condition {
        Value::Object(operators) if operators.first().is_some_and(|(name, _)| name.starts_with('$')) => {
            for (operator, operand) in operators {
                push(of_operator(operator, operand, operators, keys));
            }
        }
        value => push(of_operator("$eq", value, &[], keys)),
    }
}

/// The keys that one operator allows; `None` where it says nothing about keys.
fn of_operator(
    operator: &str,
    operand: &Value,
    siblings: &[(Box<str>, Value)],
    keys: Keys,
) -> Option<(Intervals, bool)> {
    match operator {
        "$eq" => equal(operand, keys).map(|(interval, exact)| (Intervals::union(interval), exact)),
        "$in" => {
            let Value::Array(values) = operand else { return None };
            let mut all = Vec::with_capacity(values.len());
            let mut exact = true;
            for value in values {
                let (interval, value_exact) = equal(value, keys)?;
                all.extend(interval);
                exact &= value_exact;
            }
            Some((Intervals::union(all), exact))
        }
        "$gt" | "$gte" | "$lt" | "$lte" => range(operator, operand, keys),
        "$regex" => {
            let flags = siblings.iter().find(|(name, _)| &**name == "$options").map(|(_, flags)| flags);
            pattern(operand, flags, keys)
        }
        "$all" => {
            let Value::Array(values) = operand else { return None };
            // An `$elemMatch` among them is a condition, not a value.
            let is_value = |value: &&Value| value.field("$elemMatch").is_none();
            let (interval, _) = equal(values.iter().find(is_value)?, keys)?;
            Some((Intervals::union(interval), false))
        }
        "$exists" => {
            let absent = matches!(operand, Value::Bool(false)) || matches!(operand, Value::Number(n) if *n == 0.0);
            (absent && matches!(keys, Keys::Index)).then(|| (class_of(&Value::Null), false))
        }
        _ => None,
    }
}

fn class_of(value: &Value) -> Intervals {
    Intervals::union(vec![class(value, Keys::Index)])
}

/// All keys of the value's class.
fn class(value: &Value, keys: Keys) -> Interval {
    match keys {
        Keys::Id => Interval::all(),
        Keys::Index => {
            let mut bytes = Vec::new();
            key_codec::encode_value(value, &mut bytes);
            bytes.truncate(1);
            Interval::prefix(bytes)
        }
    }
}

/// The cuts before and after one value.
fn cuts(value: &Value, keys: Keys) -> (Cut, Cut) {
    match (keys, value) {
        (Keys::Id, Value::String(id)) => {
            let behind = [id.as_bytes(), &[0]].concat();
            (Cut::before(id.as_bytes().to_vec()), Cut::before(behind))
        }
        _ => {
            let mut bytes = Vec::new();
            key_codec::encode_value(value, &mut bytes);
            (Cut::before(bytes.clone()), Cut::after(bytes))
        }
    }
}

/// An id is a string; nothing else equals one or compares with one.
fn no_id(value: &Value, keys: Keys) -> bool {
    matches!(keys, Keys::Id) && !matches!(value, Value::String(_))
}

fn equal(value: &Value, keys: Keys) -> Option<(Vec<Interval>, bool)> {
    match value {
        Value::Regex(..) => pattern(value, None, keys).map(|(set, exact)| (set.as_slice().to_vec(), exact)),
        _ if no_id(value, keys) => Some((Vec::new(), true)),
        // An array equals a whole array as well as an element: entries only know elements.
        Value::Array(_) => None,
        _ => {
            let (low, high) = cuts(value, keys);
            // Missing fields share the key of null.
            let exact = !matches!(value, Value::Null | Value::Undefined | Value::Object(_));
            Some((vec![Interval { low, high }], exact))
        }
    }
}

fn range(operator: &str, operand: &Value, keys: Keys) -> Option<(Intervals, bool)> {
    if matches!(operand, Value::Array(_) | Value::Regex(..)) {
        return None;
    }
    if no_id(operand, keys) {
        return Some((Intervals::union(Vec::new()), true));
    }
    let class = class(operand, keys);
    let (before, after) = cuts(operand, keys);
    let interval = match operator {
        "$gt" => Interval { low: after, high: class.high },
        "$gte" => Interval { low: before, high: class.high },
        "$lt" => Interval { low: class.low, high: before },
        _ => Interval { low: class.low, high: after },
    };
    // An open lower end holds NaN and invalid dates, about which the filter decides.
    let ordered = matches!(TypeClass::of(operand), TypeClass::String | TypeClass::Bool);
    let bounded_below =
        operator.starts_with("$gt") && matches!(operand, Value::Number(n) | Value::Date(n) if !n.is_nan());
    Some((Intervals::union(vec![interval]), ordered || bounded_below))
}

/// The keys of strings that begin as an anchored pattern does.
fn pattern(operand: &Value, options: Option<&Value>, keys: Keys) -> Option<(Intervals, bool)> {
    let (pattern, flags) = match operand {
        Value::Regex(regex) => (&regex.0, &*regex.1),
        Value::String(pattern) => (pattern, ""),
        _ => return None,
    };
    let options = match options {
        Some(Value::String(options)) => options,
        None => "",
        Some(_) => return None,
    };
    let start = literal_start(pattern).filter(|_| flags.is_empty() && options.is_empty()).unwrap_or_default();
    let interval = match keys {
        Keys::Index if start.is_empty() => class(&Value::String("".into()), keys),
        Keys::Index => Interval::starting_with(key_codec::encode_string_start(&start)),
        Keys::Id => Interval::starting_with(start.into_bytes()),
    };
    Some((Intervals::union(vec![interval]), false))
}

/// The characters that every match of the pattern begins with, if it is anchored at the start and has no alternatives.
fn literal_start(pattern: &str) -> Option<String> {
    let rest = pattern.strip_prefix('^')?;
    if rest.contains('|') {
        return None;
    }
    let mut literal = String::new();
    for character in rest.chars() {
        match character {
            // The character before may be absent or repeated.
            '*' | '?' | '{' => {
                literal.pop();
                break;
            }
            '.' | '^' | '$' | '+' | '(' | ')' | '[' | ']' | '}' | '\\' => break,
            _ => literal.push(character),
        }
    }
    Some(literal)
}
