//! `$or` by the indexes of its branches: each branch is planned alone, and their candidates come one after another.
//!
//! Only where every branch has an index or ids: one that needs a scan looks at all documents anyway.

use crate::engine::{Read, Step};

use super::super::catalog::Collection;
use super::super::Value;
use super::access::{Access, Plan};
use super::choose::{plan, Wanted};
use super::order::Order;

/// An `$or` of more branches is left to the filter.
const BRANCHES_MAX: usize = 100;

/// The cheapest way over the branches of one of the filter's `$or`s, if there is any.
pub(super) fn by_branches(view: &dyn Read, collection: &Collection, wanted: Wanted<'_>) -> Step<Option<Plan>> {
    let (mut others, mut choices) = (Vec::new(), Vec::new());
    divide(wanted.filter, &mut others, &mut choices);
    let mut best: Option<Plan> = None;
    for branches in choices.into_iter().filter(|branches| branches.len() <= BRANCHES_MAX) {
        if let Some(plan) = any(view, collection, &others, branches, wanted.order)? {
            if best.as_ref().is_none_or(|best| plan.cost < best.cost) {
                best = Some(plan);
            }
        }
    }
    Ok(best)
}

/// Divides what must hold into single conditions and the branches of each `$or`.
fn divide<'a>(filter: &'a Value, others: &mut Vec<&'a (Box<str>, Value)>, choices: &mut Vec<&'a [Value]>) {
    let Value::Object(fields) = filter else { return };
    for field in fields {
        match (&*field.0, &field.1) {
            ("$and", Value::Array(parts)) => parts.iter().for_each(|part| divide(part, others, choices)),
            ("$or", Value::Array(branches)) => choices.push(branches),
            _ => others.push(field),
        }
    }
}

/// All branches, each with the conditions that hold besides.
fn any(
    view: &dyn Read,
    collection: &Collection,
    others: &[&(Box<str>, Value)],
    branches: &[Value],
    order: &Order,
) -> Step<Option<Plan>> {
    let (mut parts, mut cost) = (Vec::new(), 0u64);
    let free = Order::default();
    for branch in branches {
        let besides = others.iter().map(|field| Value::Object(vec![(*field).clone()]));
        let filter = Value::Object(vec![("$and".into(), Value::Array(besides.chain([branch.clone()]).collect()))]);
        let wanted = Wanted { filter: &filter, order: &free, take: None, hint: None, keys_suffice: false };
        let plan = plan(view, collection, wanted)?;
        cost = cost.saturating_add(plan.cost);
        match plan.access {
            Access::Documents(_) => return Ok(None),
            Access::Nothing => {}
            Access::Any(inner) => parts.extend(inner),
            access => parts.push(access),
        }
    }
    if parts.is_empty() {
        return Ok(Some(Plan::nothing()));
    }
    let sort = if order.required { cost / 16 } else { 0 };
    let cost = cost.saturating_add(sort);
    Ok(Some(Plan { access: Access::Any(parts), ordered: !order.required, exact: false, cost, ..Plan::nothing() }))
}
