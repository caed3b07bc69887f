//! Evaluation of the tree. Literals and field paths are borrowed, not copied.

use std::borrow::Cow;
use std::cmp::Ordering;

use super::super::compare::compare;
use super::super::number::integer;
use super::super::sort::Sort;
use super::super::Value;
use super::node::Node;
use super::operator::Operator;
use super::parse::{missing_as_null, wrong};
use super::{call, convert, Bindings, Frame, Scope};
use crate::base::{sort, Result};

/// Whether a value counts as true: anything but missing, null, `false` and zero.
pub(in super::super) fn truthy(value: &Value) -> bool {
    match value {
        Value::Undefined | Value::Null => false,
        Value::Bool(truth) => *truth,
        Value::Number(number) => *number != 0.0,
        Value::BigInt(digits) => &**digits != "0",
        _ => true,
    }
}

/// Whether a value is null, undefined or missing.
pub(super) fn is_null(value: &Value) -> bool {
    matches!(value, Value::Undefined | Value::Null)
}

impl Node {
    /// The value of nodes that need neither variables nor work.
    pub(super) fn shortcut<'v>(&'v self, root: &'v Value) -> Option<Cow<'v, Value>> {
        match self {
            Self::Constant(value) => Some(Cow::Borrowed(value)),
            Self::Field(path) => Some(path.read(root)),
            _ => None,
        }
    }

    pub(super) fn evaluate<'v>(&'v self, scope: &Scope<'v>) -> Result<Cow<'v, Value>> {
        match self {
            Self::Constant(value) => Ok(Cow::Borrowed(value)),
            Self::Field(path) => Ok(path.read(scope.root)),
            Self::Variable { up, slot, path } => Ok(match scope.variable(*up, *slot) {
                Some(Cow::Borrowed(value)) => path.read(value),
                Some(Cow::Owned(value)) => path.read(value),
                None => Cow::Owned(Value::Undefined),
            }),
            Self::Now => Ok(Cow::Owned(Value::Date(scope.now))),
            Self::Object(fields) => {
                let mut object = Vec::with_capacity(fields.len());
                for (name, node) in fields {
                    let value = node.owned(scope)?;
                    if value != Value::Undefined {
                        object.push((name.clone(), value));
                    }
                }
                Ok(Cow::Owned(Value::Object(object)))
            }
            Self::Array(nodes) => {
                let items = nodes.iter().map(|node| node.owned(scope).map(missing_as_null)).collect::<Result<_>>()?;
                Ok(Cow::Owned(Value::Array(items)))
            }
            Self::Call(operator, nodes) => call_with(*operator, nodes, scope),
            Self::Logic { all, terms } => {
                for term in terms {
                    if truthy(&*term.evaluate(scope)?) != *all {
                        return Ok(Cow::Owned(Value::Bool(!all)));
                    }
                }
                Ok(Cow::Owned(Value::Bool(*all)))
            }
            Self::Switch { branches, default } => switch(branches, default.as_deref(), scope),
            Self::IfNull(nodes) => {
                let mut value = Cow::Owned(Value::Null);
                for node in nodes {
                    value = node.evaluate(scope)?;
                    if !is_null(&value) {
                        break;
                    }
                }
                Ok(value)
            }
            Self::Let { values, body } => {
                let values = values.iter().map(|node| node.evaluate(scope)).collect::<Result<Vec<_>>>()?;
                body.inside(scope, &values).map(Cow::Owned)
            }
            Self::Map { input, body } => map(input, body, scope),
            Self::Filter { input, condition, limit } => filter(input, condition, limit.as_deref(), scope),
            Self::Reduce { input, initial, body } => reduce(input, initial, body, scope),
            Self::SortArray { input, by, descending } => sort_array(input, by.as_ref(), *descending, scope),
            Self::Match { input, pattern } => pattern.matches(&*input.evaluate(scope)?).map(Cow::Owned),
            Self::Convert { input, to, on_error, on_null } => {
                let value = input.evaluate(scope)?;
                if is_null(&value) {
                    return on_null.as_ref().map_or(Ok(Cow::Owned(Value::Null)), |node| node.evaluate(scope));
                }
                let target = to.evaluate(scope)?;
                match (convert::convert(&value, &target), on_error) {
                    (Err(_), Some(node)) => node.evaluate(scope),
                    (converted, _) => converted.map(Cow::Owned),
                }
            }
        }
    }

    /// The value as owned, charged.
    fn owned(&self, scope: &Scope<'_>) -> Result<Value> {
        scope.own(self.evaluate(scope)?)
    }

    /// The value with `values` as the innermost variables.
    fn inside<'v>(&'v self, scope: &Scope<'v>, values: &Bindings<'v>) -> Result<Value> {
        let frame = Frame { values, outer: scope.frame };
        let inner = Scope { root: scope.root, now: scope.now, frame: Some(&frame), work: scope.work };
        self.owned(&inner)
    }
}

impl<'v> Scope<'v> {
    fn variable(&self, up: usize, slot: usize) -> Option<&'v Cow<'v, Value>> {
        let mut frame = self.frame?;
        for _ in 0..up {
            frame = frame.outer?;
        }
        frame.values.get(slot)
    }
}

fn call_with<'v>(operator: Operator, nodes: &'v [Node], scope: &Scope<'v>) -> Result<Cow<'v, Value>> {
    // The usual operator has one or two arguments: no list is built for those.
    match nodes {
        [one] => call::call(operator, &mut [one.evaluate(scope)?], scope),
        [one, two] => call::call(operator, &mut [one.evaluate(scope)?, two.evaluate(scope)?], scope),
        _ => {
            let mut values = nodes.iter().map(|node| node.evaluate(scope)).collect::<Result<Vec<_>>>()?;
            call::call(operator, &mut values, scope)
        }
    }
}

fn switch<'v>(branches: &'v [(Node, Node)], default: Option<&'v Node>, scope: &Scope<'v>) -> Result<Cow<'v, Value>> {
    for (case, then) in branches {
        if truthy(&*case.evaluate(scope)?) {
            return then.evaluate(scope);
        }
    }
    match default {
        Some(default) => default.evaluate(scope),
        None => Err(wrong("$switch", "found no branch that is true: add a 'default'")),
    }
}

/// The elements of an argument that must be an array; `None` for null.
fn items(operator: &str, input: &Node, scope: &Scope<'_>) -> Result<Option<Vec<Value>>> {
    match input.owned(scope)? {
        Value::Array(items) => Ok(Some(items)),
        Value::Undefined | Value::Null => Ok(None),
        _ => Err(wrong(operator, "needs an array in 'input'")),
    }
}

fn map<'v>(input: &'v Node, body: &'v Node, scope: &Scope<'v>) -> Result<Cow<'v, Value>> {
    let Some(items) = items("$map", input, scope)? else { return Ok(Cow::Owned(Value::Null)) };
    let mut mapped = Vec::with_capacity(items.len());
    for item in items {
        scope.charge(size_of::<Value>())?;
        mapped.push(missing_as_null(body.inside(scope, &[Cow::Owned(item)])?));
    }
    Ok(Cow::Owned(Value::Array(mapped)))
}

fn sort_array<'v>(input: &'v Node, by: Option<&Sort>, descending: bool, scope: &Scope<'v>) -> Result<Cow<'v, Value>> {
    let Some(mut items) = items("$sortArray", input, scope)? else { return Ok(Cow::Owned(Value::Null)) };
    match by {
        Some(sort) => sort.sort_values(&mut items),
        None if descending => sort::sort_by(&mut items, |a, b| compare(b, a)),
        None => sort::sort_by(&mut items, compare),
    }
    Ok(Cow::Owned(Value::Array(items)))
}

fn filter<'v>(
    input: &'v Node,
    condition: &'v Node,
    limit: Option<&'v Node>,
    scope: &Scope<'v>,
) -> Result<Cow<'v, Value>> {
    let Some(items) = items("$filter", input, scope)? else { return Ok(Cow::Owned(Value::Null)) };
    let limit = match limit.map(|limit| limit.evaluate(scope)).transpose()?.as_deref() {
        None | Some(Value::Undefined | Value::Null) => usize::MAX,
        Some(Value::Number(number)) if *number >= 1.0 => {
            let limit = integer(*number).ok_or_else(|| wrong("$filter", "needs a whole number in 'limit'"))?;
            usize::try_from(limit).unwrap_or(usize::MAX)
        }
        Some(_) => return Err(wrong("$filter", "needs a number of at least 1 in 'limit'")),
    };
    let mut kept = Vec::new();
    for item in items {
        if kept.len() >= limit {
            break;
        }
        scope.charge(size_of::<Value>())?;
        let values = [Cow::Owned(item)];
        let keep = truthy(&condition.inside(scope, &values)?);
        let [item] = values;
        if keep {
            kept.push(item.into_owned());
        }
    }
    Ok(Cow::Owned(Value::Array(kept)))
}

fn reduce<'v>(input: &'v Node, initial: &'v Node, body: &'v Node, scope: &Scope<'v>) -> Result<Cow<'v, Value>> {
    let Some(items) = items("$reduce", input, scope)? else { return Ok(Cow::Owned(Value::Null)) };
    let mut value = initial.owned(scope)?;
    for item in items {
        scope.charge(size_of::<Value>())?;
        value = body.inside(scope, &[Cow::Owned(item), Cow::Owned(value)])?;
    }
    Ok(Cow::Owned(value))
}

/// The order of two values as a comparison operator sees it.
pub(super) fn comparison(operator: Operator, a: &Value, b: &Value) -> Value {
    let order = compare(a, b);
    Value::Bool(match operator {
        Operator::Eq => order.is_eq(),
        Operator::Ne => order.is_ne(),
        Operator::Gt => order.is_gt(),
        Operator::Gte => order.is_ge(),
        Operator::Lt => order.is_lt(),
        Operator::Lte => order.is_le(),
        _ => {
            return Value::Number(match order {
                Ordering::Less => -1.0,
                Ordering::Equal => 0.0,
                Ordering::Greater => 1.0,
            })
        }
    })
}
