//! The planner: of the ways to a query's documents, the one that should touch the least.
//!
//! It keeps no statistics: it looks at how much an index range holds, up to a cap, and otherwise goes by rules of thumb.
//! It never decides whether a document matches; the filter does, except where a plan is exact.

use std::rc::Rc;

use crate::base::{Error, Result};
use crate::engine::access::successor;
use crate::engine::{Direction, KeyRange, Read, Step};

use super::super::catalog::{document_count, Collection, Index};
use super::super::keys;
use super::super::Value;
use super::access::{Access, Plan};
use super::bounds::{conditions, id_conditions, Condition, Conditions};
use super::branches::by_branches;
use super::index_bounds::{IndexBounds, Usable};
use super::interval::Intervals;
use super::order::Order;

/// How many entries of an index range are counted at most to learn its size.
const SAMPLE_MAX: u64 = 100;
/// Fetching a document through an index costs this many scanned documents.
const FETCH_COST: u64 = 4;
/// When a filter remains behind an ordered walk, one document in this many is taken to match.
const RESIDUAL: u64 = 10;

/// Which way the caller insists on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Hint {
    /// The index of that name.
    Index(Box<str>),
    /// Documents by their ids.
    Id,
    /// A scan of all documents.
    Scan,
}

impl Hint {
    /// Reads a hint as commands write it.
    pub fn parse(text: &str) -> Self {
        match text {
            "$id" => Self::Id,
            "$scan" => Self::Scan,
            name => Self::Index(name.into()),
        }
    }
}

/// What a query asks of a plan.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// The filter.
    pub filter: &'a Value,
    /// The order of the result.
    pub order: &'a Order,
    /// How many documents are wanted at most, skipped ones included.
    pub take: Option<u64>,
    /// The way the caller insists on.
    pub hint: Option<&'a Hint>,
    /// Whether entries are enough and documents need not be fetched when the plan is exact.
    pub keys_suffice: bool,
}

/// Plans a query on one collection.
///
/// # Errors
/// `Invalid` if the hint names an index that does not exist, is not ready or cannot give the result.
pub fn plan(view: &dyn Read, collection: &Collection, wanted: Wanted<'_>) -> Step<Plan> {
    let ids = id_conditions(wanted.filter);
    let id_keys = ids.list.iter().fold(Intervals::all(), |keys, condition| keys.intersection(&condition.keys));
    let others = conditions(wanted.filter);
    if id_keys.is_empty() || others.list.iter().any(|condition| condition.keys.is_empty()) {
        return Ok(Plan::nothing());
    }
    let exact = |list: &[Condition], complete: bool| complete && list.iter().all(|condition| condition.exact);
    let id_exact = exact(&ids.list, ids.complete);
    let points = !ids.list.is_empty() && id_keys.as_slice().iter().all(is_id_point);
    let use_points = points && matches!(wanted.hint, None | Some(Hint::Id));
    if use_points {
        return Ok(by_ids(&id_keys, id_exact, wanted));
    }
    let total = document_count(view, collection.id)?;
    let mut plans = Vec::new();
    if !matches!(wanted.hint, Some(Hint::Index(_))) {
        let ranged = !id_keys.is_all() && wanted.hint != Some(&Hint::Scan);
        plans.push(by_documents(view, collection, &id_keys, id_exact, ranged, total, wanted)?);
    }
    let hinted = hinted_index(collection, wanted.hint)?;
    let all = collection.indexes.iter().filter(|_| wanted.hint.is_none());
    for index in all.chain(hinted) {
        plans.extend(by_index(view, collection, index, &others, total, wanted)?);
    }
    if wanted.hint.is_none() {
        plans.extend(by_branches(view, collection, wanted)?);
    }
    let considered: Vec<_> = plans.iter().map(|plan| (plan_name(plan), plan.cost)).collect();
    let best = plans.into_iter().min_by_key(|plan| plan.cost);
    let Some(mut best) = best else {
        let name = hinted.map_or("", |index| &index.spec.name);
        let message =
            format!("hint: the unique index '{name}' leaves out documents that the query may find: drop the hint");
        return Err(Error::invalid(message).into());
    };
    best.considered = considered;
    Ok(best)
}

fn plan_name(plan: &Plan) -> Box<str> {
    match &plan.access {
        Access::Index { index, .. } => index.spec.name.clone(),
        access => access.stage().into(),
    }
}

fn hinted_index<'a>(collection: &'a Collection, hint: Option<&Hint>) -> Result<Option<&'a Index>> {
    let Some(Hint::Index(name)) = hint else { return Ok(None) };
    match collection.index(name) {
        Some(index) if index.ready => Ok(Some(index)),
        Some(_) => Err(Error::invalid(format!("hint: the index '{name}' is still being built: wait for it"))),
        None => Err(Error::invalid(format!("hint: collection '{}' has no index '{name}'", collection.name))),
    }
}

fn is_id_point(interval: &super::interval::Interval) -> bool {
    let (low, high) = (&interval.low, &interval.high);
    !low.after && !high.after && high.prefix.strip_suffix(&[0]) == Some(low.prefix.as_slice())
}

fn by_ids(id_keys: &Intervals, exact: bool, wanted: Wanted<'_>) -> Plan {
    let text = |interval: &super::interval::Interval| String::from_utf8_lossy(&interval.low.prefix).into();
    let ids: Vec<Box<str>> = id_keys.as_slice().iter().map(text).collect();
    Plan {
        cost: ids.len() as u64,
        access: Access::Ids(ids),
        direction: direction(wanted.order.id_descending),
        ordered: !wanted.order.required || wanted.order.is_by_id(),
        exact,
        ..Plan::nothing()
    }
}

fn direction(descending: bool) -> Direction {
    match descending {
        true => Direction::Backward,
        false => Direction::Forward,
    }
}

fn by_documents(
    view: &dyn Read,
    collection: &Collection,
    id_keys: &Intervals,
    id_exact: bool,
    ranged: bool,
    total: u64,
    wanted: Wanted<'_>,
) -> Step<Plan> {
    let prefix = keys::document_prefix(collection.id);
    let (ranges, matched) = match ranged {
        false => (vec![KeyRange::prefix(&prefix)], total),
        true => {
            let ranges = id_keys.as_slice().iter().map(|interval| key_range(&prefix, interval)).collect::<Vec<_>>();
            let matched = size(view, &ranges, total / 3)?;
            (ranges, matched)
        }
    };
    let ordered = !wanted.order.required || wanted.order.is_by_id();
    let exact = id_exact && (ranged || id_keys.is_all());
    let cost = cost(matched, ordered, exact, 1, wanted);
    let direction = direction(ordered && wanted.order.id_descending);
    Ok(Plan { access: Access::Documents(ranges), direction, ordered, exact, cost, ..Plan::nothing() })
}

fn by_index(
    view: &dyn Read,
    collection: &Collection,
    index: &Index,
    conditions: &Conditions,
    total: u64,
    wanted: Wanted<'_>,
) -> Step<Option<Plan>> {
    if !index.ready {
        return Ok(None);
    }
    let bounds = match IndexBounds::of(index, conditions) {
        Usable::Yes(bounds) => bounds,
        Usable::Never => return Ok(Some(Plan::nothing())),
        Usable::No => return Ok(None),
    };
    let walk = bounds.walk(index, wanted.order);
    let ordered = !wanted.order.required || walk.is_some();
    let covering = wanted.keys_suffice && bounds.exact;
    if bounds.fields.is_empty() && walk.is_none() && wanted.hint.is_none() {
        return Ok(None);
    }
    let prefix = keys::index_prefix(collection.id, index.id);
    let ranges: Vec<_> = bounds.intervals.iter().map(|interval| key_range(&prefix, interval)).collect();
    let matched = match bounds.fields.is_empty() {
        true => total,
        false => size(view, &ranges, bounds.guess(total))?,
    };
    let each = if covering { 0 } else { FETCH_COST };
    let cost = cost(matched, ordered, bounds.exact, each, wanted);
    Ok(Some(Plan {
        access: Access::Index { index: Rc::new(index.clone()), ranges },
        direction: walk.unwrap_or(Direction::Forward),
        ordered,
        exact: bounds.exact,
        cost,
        considered: Vec::new(),
        fixed: bounds.fixed_key,
        fixed_fields: bounds.fixed,
        bounds: bounds.fields,
    }))
}

fn cost(matched: u64, ordered: bool, exact: bool, each: u64, wanted: Wanted<'_>) -> u64 {
    let residual = if exact { 1 } else { RESIDUAL };
    let examined = match wanted.take.filter(|_| ordered) {
        Some(take) => matched.min(take.saturating_mul(residual)),
        None => matched,
    };
    let sort = if ordered { 0 } else { matched / 4 };
    let base = if each == 0 { examined / 4 } else { examined.saturating_mul(each) };
    base.saturating_add(sort)
}

/// The keys of an interval behind a prefix.
fn key_range(prefix: &[u8], interval: &super::interval::Interval) -> KeyRange {
    let behind = |cut: &super::interval::Cut| match cut.after {
        false => Some([prefix, &cut.prefix].concat()),
        true => successor(&[prefix, &cut.prefix].concat()),
    };
    KeyRange { start: behind(&interval.low).unwrap_or_default(), end: behind(&interval.high) }
}

/// How many entries the ranges hold: counted up to a cap, `guess` beyond it.
fn size(view: &dyn Read, ranges: &[KeyRange], guess: u64) -> Step<u64> {
    let mut counted = 0;
    for range in ranges {
        let mut cursor = view.cursor(range.clone(), Direction::Forward);
        while cursor.advance()? {
            counted += 1;
            if counted > SAMPLE_MAX {
                return Ok(guess.max(counted));
            }
        }
    }
    Ok(counted)
}
