//! `$unwind`: a row for each element of an array.

use super::super::expression::Fields;
use super::super::number::number;
use super::super::Value;
use super::invalid;
use super::row::Row;
use crate::base::Result;

/// A compiled `$unwind`.
#[derive(Clone, Debug)]
pub(super) struct Unwind {
    /// The names of the path.
    path: Vec<Box<str>>,
    index: Option<Vec<Box<str>>>,
    preserve: bool,
}

impl Unwind {
    pub(super) fn parse(operand: &Value) -> Result<Self> {
        let (path, index, preserve) = match operand {
            Value::Object(fields) => {
                let known = ["path", "includeArrayIndex", "preserveNullAndEmptyArrays"];
                if let Some((name, _)) = fields.iter().find(|(name, _)| !known.contains(&&**name)) {
                    return Err(invalid("$unwind", &format!("has no option '{name}': use {}", known.join(", "))));
                }
                let preserve = match operand.field("preserveNullAndEmptyArrays") {
                    None => false,
                    Some(Value::Bool(preserve)) => *preserve,
                    Some(_) => return Err(invalid("$unwind", "needs a boolean in 'preserveNullAndEmptyArrays'")),
                };
                (operand.field("path"), operand.field("includeArrayIndex"), preserve)
            }
            other => (Some(other), None, false),
        };
        let Some(Value::String(path)) = path else {
            return Err(invalid("$unwind", "needs a field path such as '$tags'"));
        };
        let path = path
            .strip_prefix('$')
            .ok_or_else(|| invalid("$unwind", &format!("needs the path '${path}', with a '$'")))?;
        let index = match index {
            None => None,
            Some(Value::String(index)) if !index.starts_with('$') => Some(names(index)?),
            Some(_) => return Err(invalid("$unwind", "needs a field name without '$' in 'includeArrayIndex'")),
        };
        Ok(Self { path: names(path)?, index, preserve })
    }

    /// Adds the top-level fields it reads to `fields`.
    pub(super) fn collect_fields(&self, fields: &mut Fields) {
        self.path.iter().take(1).chain(self.index.iter().flatten().take(1)).for_each(|name| fields.add(name));
    }

    /// Whether it makes rows of the elements of that top-level field, and tells nothing else.
    pub(super) fn is_of(&self, field: &str) -> bool {
        matches!(self.path.as_slice(), [name] if **name == *field) && self.index.is_none()
    }

    /// Calls `each` with the rows that `row` becomes, until it answers `false`.
    pub(super) fn apply(&self, mut row: Value, each: &mut dyn FnMut(Row<'_>) -> Result<bool>) -> Result<()> {
        let Some(place) = find(&mut row, &self.path) else {
            return if self.preserve { self.emit(row, None, each).map(drop) } else { Ok(()) };
        };
        let items = match place {
            Value::Array(items) if !items.is_empty() => std::mem::take(items),
            Value::Array(_) if self.preserve => {
                remove(&mut row, &self.path);
                return self.emit(row, None, each).map(drop);
            }
            Value::Undefined | Value::Null if self.preserve => return self.emit(row, None, each).map(drop),
            Value::Array(_) | Value::Undefined | Value::Null => return Ok(()),
            _ => return self.emit(row, None, each).map(drop),
        };
        for (at, item) in items.into_iter().enumerate() {
            if let Some(place) = find(&mut row, &self.path) {
                *place = item;
            }
            // Most of what may follow only looks at the row: no copy is made for it.
            let more = match self.index {
                None => each(Row::Lent(&row))?,
                Some(_) => self.emit(row.clone(), Some(at), each)?,
            };
            if !more {
                break;
            }
        }
        Ok(())
    }

    fn emit(&self, mut row: Value, at: Option<usize>, each: &mut dyn FnMut(Row<'_>) -> Result<bool>) -> Result<bool> {
        if let Some(path) = &self.index {
            let at = at.and_then(|at| i64::try_from(at).ok()).map_or(Value::Null, number);
            set(&mut row, path, at);
        }
        each(Row::Tree(row))
    }
}

fn names(path: &str) -> Result<Vec<Box<str>>> {
    let names: Vec<Box<str>> = path.split('.').map(Box::from).collect();
    if names.iter().any(|name| name.is_empty() || name.starts_with('$')) || names.len() > 64 {
        return Err(invalid("$unwind", &format!("cannot use the path '{path}'")));
    }
    Ok(names)
}

fn find<'v>(value: &'v mut Value, path: &[Box<str>]) -> Option<&'v mut Value> {
    path.iter().try_fold(value, |value, name| match value {
        Value::Object(fields) => fields.iter_mut().find(|(key, _)| key == name).map(|(_, value)| value),
        _ => None,
    })
}

fn remove(value: &mut Value, path: &[Box<str>]) {
    let Some((name, parents)) = path.split_last() else { return };
    if let Some(Value::Object(fields)) = find(value, parents) {
        fields.retain(|(key, _)| key != name);
    }
}

/// Sets a field, making objects on the way out of whatever is there.
pub(super) fn set(value: &mut Value, path: &[Box<str>], new: Value) {
    let Some((name, rest)) = path.split_first() else {
        *value = new;
        return;
    };
    if !matches!(value, Value::Object(_)) {
        *value = Value::Object(Vec::new());
    }
    let Value::Object(fields) = value else { return };
    let at = fields.iter().position(|(key, _)| key == name).unwrap_or_else(|| {
        fields.push((name.clone(), Value::Undefined));
        fields.len() - 1
    });
    if let Some((_, place)) = fields.get_mut(at) {
        set(place, rest, new);
    }
}
