//! MongoDB's update operators: parsed once, applied to any number of documents.
//!
//! Not a replacement of documents: an update without operators is refused, because that is `put`.

mod array;
mod elements;
mod operator;
mod path;
#[cfg(test)]
mod update_tests;

pub use elements::Elements;
use operator::{Bits, Operator};
use path::{invalid, Edit, UpdatePath, MAX_DEPTH};

use super::number::{self, Numeric};
use super::Value;
use crate::base::{Error, FastSet, Result};

/// A parsed update.
#[derive(Clone, Debug)]
pub struct Update {
    changes: Vec<(UpdatePath, Operator)>,
    /// Whether a path has conditions on elements.
    conditional: bool,
}

impl Update {
    /// Parses `{ $set: { path: value }, … }`. Fails on an unknown operator, a wrong operand, two operators on one
    /// path, and a document without operators; the message names the path and the fix.
    pub fn parse(update: &Value) -> Result<Self> {
        Self::parse_with(update, &Elements::default())
    }

    /// As [`Self::parse`], where `elements` says what `$[name]` and `$` in paths are. Fails also on names that lack a
    /// condition, and on conditions that no path uses.
    pub fn parse_with(update: &Value, elements: &Elements<'_>) -> Result<Self> {
        let Value::Object(operators) = update else {
            return Err(Error::invalid("an update must be an object of operators such as { $set: { field: value } }"));
        };
        if operators.is_empty() {
            return Err(Error::invalid("an update must have at least one operator such as $set"));
        }
        let mut changes: Vec<(UpdatePath, Operator)> = Vec::new();
        for (name, operand) in operators {
            if !name.starts_with('$') {
                return Err(Error::invalid(format!(
                    "update field '{name}' is not an operator: use {{ $set: {{ {name}: … }} }}, or put() to replace the document"
                )));
            }
            let Value::Object(fields) = operand else {
                return Err(Error::invalid(format!("{name} needs an object of paths: {{ {name}: {{ path: … }} }}")));
            };
            for (path, operand) in fields {
                let path = UpdatePath::parse_with(name, path, elements)?;
                let operator = parse_operator(name, &path, operand)?;
                add(&mut changes, path, operator, name)?;
            }
        }
        elements.finish()?;
        let conditional = changes.iter().any(|(path, _)| path.has_conditions());
        Ok(Self { changes, conditional })
    }

    /// Whether what it changes follows from conditions on elements that were given apart.
    pub fn is_conditional(&self) -> bool {
        self.conditional
    }

    /// Applies the update to an existing document; `now` is the time of `$currentDate` in milliseconds since the
    /// Unix epoch. Answers whether the document changed. After an error the document may be half updated: drop it.
    pub fn apply(&self, document: &mut Value, now: f64) -> Result<bool> {
        self.run(document, now, false)
    }

    /// Applies the update to a document that an upsert is about to insert: `$setOnInsert` counts.
    pub fn apply_on_insert(&self, document: &mut Value, now: f64) -> Result<bool> {
        self.run(document, now, true)
    }

    fn run(&self, document: &mut Value, now: f64, inserting: bool) -> Result<bool> {
        let touches_id = self
            .changes
            .iter()
            .any(|(path, operator)| path.is_id() || matches!(operator, Operator::Rename(target) if target.is_id()));
        let id = if touches_id && !inserting { document.field("id").cloned() } else { None };
        let mut changed = false;
        if self.conditional {
            for (path, operator) in self.expand(document)? {
                changed |= change(document, &path, operator, now, inserting)?;
            }
        } else {
            for (path, operator) in &self.changes {
                changed |= change(document, path, operator, now, inserting)?;
            }
        }
        if id.is_some() && document.field("id") != id.as_ref() {
            return Err(Error::invalid(
                "path 'id' cannot be changed by an update: insert a new document and delete this one",
            ));
        }
        Ok(changed)
    }

    /// The changes with indexes in place of conditions, all found before anything changes.
    fn expand(&self, document: &Value) -> Result<Vec<(UpdatePath, &Operator)>> {
        let mut expanded = Vec::new();
        let mut taken = FastSet::default();
        for (path, operator) in &self.changes {
            let paths = if path.has_conditions() { path.expand(document)? } else { vec![path.clone()] };
            if let Some(twice) = paths.iter().find(|path| path.prefixes().any(|prefix| taken.contains(&prefix))) {
                let what = "reaches an element that another path of the same update reaches: change each once";
                return Err(Error::invalid(format!("path '{}' {what}", twice.text)));
            }
            taken.extend(paths.iter().map(UpdatePath::place));
            expanded.extend(paths.into_iter().map(|path| (path, operator)));
        }
        Ok(expanded)
    }
}

/// What one operator does to a document; answers whether that changed it.
fn change(document: &mut Value, path: &UpdatePath, operator: &Operator, now: f64, inserting: bool) -> Result<bool> {
    match operator {
        Operator::SetOnInsert(_) if !inserting => Ok(false),
        Operator::Rename(target) => rename(document, path, target),
        _ => path.edit(document, &mut |current| operator.apply(current, now)).map_err(|error| at(path, error)),
    }
}

/// The error, naming the path unless it does.
fn at(path: &UpdatePath, error: Error) -> Error {
    if error.message().starts_with("path '") {
        return error;
    }
    Error::new(error.kind(), format!("path '{}': {}", path.text, error.message()))
}

fn add(changes: &mut Vec<(UpdatePath, Operator)>, path: UpdatePath, operator: Operator, name: &str) -> Result<()> {
    let target = if let Operator::Rename(target) = &operator { Some(target) } else { None };
    let clash = |new: &UpdatePath| {
        changes.iter().find_map(|(old, operator)| {
            let other = if let Operator::Rename(target) = operator { Some(target) } else { None };
            [Some(old), other].into_iter().flatten().find(|old| old.overlaps(new)).map(|old| old.text.clone())
        })
    };
    let found = clash(&path).or_else(|| target.and_then(clash));
    let found = found.or_else(|| target.filter(|target| target.overlaps(&path)).map(|target| target.text.clone()));
    if let Some(other) = found {
        return Err(invalid(
            name,
            &path.text,
            &format!("conflicts with '{other}' in the same update: change each path once"),
        ));
    }
    changes.push((path, operator));
    Ok(())
}

fn parse_operator(name: &str, path: &UpdatePath, operand: &Value) -> Result<Operator> {
    let text = &*path.text;
    let shallow = |extra: usize| {
        let deep = path.depth() + extra + depth(operand) > MAX_DEPTH;
        if deep {
            Err(invalid(name, text, "would nest deeper than 64 levels: flatten the document"))
        } else {
            Ok(())
        }
    };
    Ok(match name {
        "$set" => shallow(0).map(|()| Operator::Set(operand.clone()))?,
        "$setOnInsert" => shallow(0).map(|()| Operator::SetOnInsert(operand.clone()))?,
        "$unset" => Operator::Unset,
        "$inc" => Operator::Inc(amount(name, text, operand)?),
        "$mul" => Operator::Mul(amount(name, text, operand)?),
        "$min" => shallow(0).map(|()| Operator::Min(operand.clone()))?,
        "$max" => shallow(0).map(|()| Operator::Max(operand.clone()))?,
        "$rename" => Operator::Rename(rename_target(path, operand)?),
        "$push" => {
            shallow(1).and_then(|()| array::Push::parse(text, operand)).map(|push| Operator::Push(Box::new(push)))?
        }
        "$addToSet" => shallow(1).and_then(|()| array::AddToSet::parse(text, operand)).map(Operator::AddToSet)?,
        "$pull" => Operator::Pull(Box::new(array::Pull::parse(operand).map_err(|error| at(path, error))?)),
        "$pullAll" => Operator::Pull(Box::new(array::Pull::parse_all(text, operand)?)),
        "$pop" => match operand {
            Value::Number(number) if number.abs() == 1.0 => Operator::Pop { front: *number < 0.0 },
            _ => return Err(invalid(name, text, "needs 1 (remove the last element) or -1 (remove the first)")),
        },
        "$currentDate" => match operand {
            Value::Bool(true) => Operator::CurrentDate,
            _ if operand.field("$type") == Some(&Value::String("date".into())) => Operator::CurrentDate,
            _ => return Err(invalid(name, text, "needs true or { $type: 'date' } (there is no timestamp type)")),
        },
        "$bit" => Operator::Bit(bits(text, operand)?),
        _ => {
            return Err(Error::invalid(format!(
                "unknown update operator '{name}': use $set $unset $inc $mul $min $max $rename $push $addToSet $pull \
                 $pullAll $pop $currentDate $setOnInsert or $bit"
            )));
        }
    })
}

fn amount(operator: &str, path: &str, operand: &Value) -> Result<Numeric> {
    Numeric::of(operand)?.ok_or_else(|| invalid(operator, path, "needs a number or a BigInt"))
}

fn bits(path: &str, operand: &Value) -> Result<Vec<(Bits, i128)>> {
    let wrong = || invalid("$bit", path, "needs { and | or | xor: integer }");
    let Value::Object(fields) = operand else { return Err(wrong()) };
    if fields.is_empty() {
        return Err(wrong());
    }
    let parse = |(name, value): &(Box<str>, Value)| {
        let operation = match &**name {
            "and" => Bits::And,
            "or" => Bits::Or,
            "xor" => Bits::Xor,
            _ => return Err(wrong()),
        };
        let mask = match value {
            Value::Number(number) => number::integer(*number).map(i128::from),
            _ => Numeric::of(value)?.and_then(Numeric::to_i128),
        };
        mask.map(|mask| (operation, mask)).ok_or_else(wrong)
    };
    fields.iter().map(parse).collect()
}

fn rename_target(path: &UpdatePath, operand: &Value) -> Result<UpdatePath> {
    let Value::String(target) = operand else {
        return Err(invalid("$rename", &path.text, "needs the new path as a string"));
    };
    let target = UpdatePath::parse("$rename", target)?;
    if path.has_elements() || target.has_elements() {
        return Err(invalid(
            "$rename",
            &path.text,
            "cannot reach for elements: rename fields of objects, not of array elements",
        ));
    }
    Ok(target)
}

fn rename(document: &mut Value, from: &UpdatePath, to: &UpdatePath) -> Result<bool> {
    for path in [from, to] {
        if path.crosses_array(document) {
            return Err(invalid("$rename", &path.text, "leads through an array: $set and $unset the elements instead"));
        }
    }
    let Some(found) = from.find(document) else { return Ok(false) };
    if to.depth() + depth(found) > MAX_DEPTH {
        return Err(invalid("$rename", &to.text, "would nest deeper than 64 levels"));
    }
    let mut value = None;
    from.edit(document, &mut |current| {
        value = current.map(|current| std::mem::replace(current, Value::Null));
        Ok(if value.is_some() { Edit::Remove } else { Edit::Keep })
    })?;
    to.edit(document, &mut |_| Ok(value.take().map_or(Edit::Keep, Edit::Put)))?;
    Ok(true)
}

/// How many levels of arrays and objects `value` nests; 0 for a scalar. Parsed values are bounded, so this is.
fn depth(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Value::Object(fields) => 1 + fields.iter().map(|(_, value)| depth(value)).max().unwrap_or(0),
        _ => 0,
    }
}
