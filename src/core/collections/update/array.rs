//! The update operators on arrays: `$push`, `$addToSet`, `$pull` and `$pullAll`.

use std::cmp::Ordering;

use super::super::compare::compare;
use super::super::filter::{has_operators, Filter};
use super::super::Value;
use super::operator::{identical, not};
use super::path::{invalid, Edit, UpdatePath};
use crate::base::Result;

/// `$push` with its modifiers.
#[derive(Clone, Debug)]
pub(super) struct Push {
    each: Vec<Value>,
    position: Option<i64>,
    slice: Option<i64>,
    sort: Option<PushSort>,
}

/// `$sort` within `$push`.
#[derive(Clone, Debug)]
enum PushSort {
    /// Whole elements; `true` is descending.
    Elements(bool),
    /// Fields of the elements; `true` is descending.
    Fields(Vec<(UpdatePath, bool)>),
}

impl Push {
    pub(super) fn parse(path: &str, operand: &Value) -> Result<Self> {
        let mut push = Self { each: Vec::new(), position: None, slice: None, sort: None };
        let Some(modifiers) = modifiers(operand) else {
            push.each.push(operand.clone());
            return Ok(push);
        };
        push.each = each("$push", path, operand)?;
        for (name, value) in modifiers {
            match &**name {
                "$each" => {}
                "$position" => push.position = Some(whole(path, name, value)?),
                "$slice" => push.slice = Some(whole(path, name, value)?),
                "$sort" => push.sort = Some(PushSort::parse(path, value)?),
                _ => {
                    let what = format!("has '{name}': only $each, $position, $slice and $sort modify a $push");
                    return Err(invalid("$push", path, &what));
                }
            }
        }
        Ok(push)
    }

    pub(super) fn apply(&self, current: Option<&mut Value>) -> Result<Edit> {
        let mut items = match current {
            None | Some(Value::Undefined) => Vec::new(),
            Some(Value::Array(items)) if self.position.is_none() && self.sort.is_none() && self.slice.is_none() => {
                items.extend(self.each.iter().cloned());
                return Ok(if self.each.is_empty() { Edit::Keep } else { Edit::Changed });
            }
            Some(Value::Array(items)) => {
                let before = items.clone();
                self.place(items);
                let same = before.len() == items.len() && before.iter().zip(items).all(|(a, b)| identical(a, b));
                return Ok(if same { Edit::Keep } else { Edit::Changed });
            }
            Some(other) => return Err(not("an array", "$push", other)),
        };
        self.place(&mut items);
        Ok(Edit::Put(Value::Array(items)))
    }

    fn place(&self, items: &mut Vec<Value>) {
        let at = self.position.map_or(items.len(), |position| offset(position, items.len()));
        items.splice(at..at, self.each.iter().cloned());
        if let Some(sort) = &self.sort {
            crate::base::sort::sort_by(items, |a, b| sort.compare(a, b));
        }
        match self.slice {
            Some(count) if count < 0 => drop(items.drain(..offset(count, items.len()))),
            Some(count) => items.truncate(offset(count, items.len())),
            None => {}
        }
    }
}

impl PushSort {
    fn parse(path: &str, value: &Value) -> Result<Self> {
        let direction = |value: &Value| match value {
            Value::Number(number) if *number == 1.0 => Ok(false),
            Value::Number(number) if *number == -1.0 => Ok(true),
            _ => Err(invalid("$push", path, "has a $sort direction that is neither 1 nor -1")),
        };
        let Value::Object(fields) = value else { return direction(value).map(Self::Elements) };
        if fields.is_empty() {
            return Err(invalid("$push", path, "has an empty $sort: give 1, -1 or { field: 1 }"));
        }
        let parse = |(name, value): &(Box<str>, Value)| Ok((UpdatePath::parse("$sort", name)?, direction(value)?));
        fields.iter().map(parse).collect::<Result<_>>().map(Self::Fields)
    }

    fn compare(&self, a: &Value, b: &Value) -> Ordering {
        let turn = |order: Ordering, descending: bool| if descending { order.reverse() } else { order };
        match self {
            Self::Elements(descending) => turn(compare(a, b), *descending),
            Self::Fields(fields) => fields.iter().fold(Ordering::Equal, |order, (path, descending)| {
                order.then_with(|| {
                    let value = |item| path.find(item).unwrap_or(&Value::Null);
                    turn(compare(value(a), value(b)), *descending)
                })
            }),
        }
    }
}

/// `$addToSet`: appends what is not there yet.
#[derive(Clone, Debug)]
pub(super) struct AddToSet(Vec<Value>);

impl AddToSet {
    pub(super) fn parse(path: &str, operand: &Value) -> Result<Self> {
        match modifiers(operand) {
            None => Ok(Self(vec![operand.clone()])),
            Some([_]) => each("$addToSet", path, operand).map(Self),
            Some(_) => Err(invalid("$addToSet", path, "has modifiers: only $each is allowed, and alone")),
        }
    }

    pub(super) fn apply(&self, current: Option<&mut Value>) -> Result<Edit> {
        match current {
            None | Some(Value::Undefined) => {
                let mut items = Vec::new();
                self.add(&mut items);
                Ok(Edit::Put(Value::Array(items)))
            }
            Some(Value::Array(items)) => Ok(if self.add(items) { Edit::Changed } else { Edit::Keep }),
            Some(other) => Err(not("an array", "$addToSet", other)),
        }
    }

    fn add(&self, items: &mut Vec<Value>) -> bool {
        let before = items.len();
        for value in &self.0 {
            if !items.iter().any(|item| compare(item, value) == Ordering::Equal) {
                items.push(value.clone());
            }
        }
        items.len() > before
    }
}

/// `$pull` and `$pullAll`: removes the elements that match.
#[derive(Clone, Debug)]
pub(super) enum Pull {
    /// Elements that are objects and match as a document does.
    Documents(Filter),
    /// Elements that match as the value of a field does; the filter is on the field [`ELEMENT`].
    Elements(Filter),
    /// Elements equal to one of these.
    Values(Vec<Value>),
}

/// The field an element is put into to be matched as a value.
const ELEMENT: &str = "element";

impl Pull {
    pub(super) fn parse(operand: &Value) -> Result<Self> {
        let wrapped = || Value::Object(vec![(ELEMENT.into(), operand.clone())]);
        match operand {
            Value::Object(fields) if has_operators(fields) => Filter::parse(&wrapped()).map(Self::Elements),
            Value::Object(_) => Filter::parse(operand).map(Self::Documents),
            Value::Regex(..) => Filter::parse(&wrapped()).map(Self::Elements),
            _ => Ok(Self::Values(vec![operand.clone()])),
        }
    }

    pub(super) fn parse_all(path: &str, operand: &Value) -> Result<Self> {
        match operand {
            Value::Array(values) => Ok(Self::Values(values.clone())),
            _ => Err(invalid("$pullAll", path, "needs an array of the values to remove")),
        }
    }

    pub(super) fn apply(&self, current: Option<&mut Value>) -> Result<Edit> {
        let items = match current {
            None | Some(Value::Undefined) => return Ok(Edit::Keep),
            Some(Value::Array(items)) => items,
            Some(other) => return Err(not("an array", "$pull", other)),
        };
        let before = items.len();
        let mut kept = Vec::with_capacity(before);
        for item in items.drain(..) {
            let (matched, item) = self.matches(item)?;
            if !matched {
                kept.push(item);
            }
        }
        *items = kept;
        Ok(if items.len() < before { Edit::Changed } else { Edit::Keep })
    }

    /// Whether `item` matches, and `item` back.
    fn matches(&self, item: Value) -> Result<(bool, Value)> {
        match self {
            Self::Values(values) => Ok((values.iter().any(|value| compare(value, &item) == Ordering::Equal), item)),
            Self::Documents(filter) => Ok((matches!(item, Value::Object(_)) && filter.matches_value(&item)?, item)),
            Self::Elements(filter) => {
                let document = Value::Object(vec![(ELEMENT.into(), item)]);
                let matched = filter.matches_value(&document)?;
                let Value::Object(mut fields) = document else { return Ok((matched, document)) };
                Ok((matched, fields.pop().map_or(Value::Null, |(_, item)| item)))
            }
        }
    }
}

/// The fields of an operand that is made of modifiers or operators (`$each` …).
fn modifiers(operand: &Value) -> Option<&[(Box<str>, Value)]> {
    match operand {
        Value::Object(fields) if fields.iter().any(|(name, _)| name.starts_with('$')) => Some(fields),
        _ => None,
    }
}

fn each(operator: &str, path: &str, operand: &Value) -> Result<Vec<Value>> {
    match operand.field("$each") {
        Some(Value::Array(items)) => Ok(items.clone()),
        _ => Err(invalid(operator, path, "needs an array in $each")),
    }
}

fn whole(path: &str, name: &str, value: &Value) -> Result<i64> {
    let number = if let Value::Number(number) = value { super::super::number::integer(*number) } else { None };
    number.ok_or_else(|| invalid("$push", path, &format!("needs a whole number in {name}")))
}

/// A position in an array of `length`, where negative counts from the end.
fn offset(position: i64, length: usize) -> usize {
    let magnitude = usize::try_from(position.unsigned_abs()).unwrap_or(usize::MAX);
    if position < 0 {
        length.saturating_sub(magnitude)
    } else {
        magnitude.min(length)
    }
}
