//! What a filter's conditions mean for one index: ranges of its entries, and whether they come in a wanted order.

use crate::engine::Direction;

use super::super::catalog::Index;
use super::super::compare::TypeClass;
use super::bounds::{Condition, Conditions};
use super::interval::{Cut, Interval, Intervals};
use super::order::Order;

/// More ranges than this are not worth it: later fields stay with the filter.
const RANGES_MAX: usize = 1024;

/// The part of an index that a filter asks for.
#[derive(Clone, Debug)]
pub(super) struct IndexBounds {
    /// The bounded paths, in the order of the index.
    pub(super) fields: Vec<(Box<str>, Intervals)>,
    /// The ranges behind the index's prefix, ascending.
    pub(super) intervals: Vec<Interval>,
    /// Whether every entry in them is a match.
    pub(super) exact: bool,
    /// How many leading fields have one value each.
    pub(super) fixed: usize,
    /// Their encoded values.
    pub(super) fixed_key: Vec<u8>,
}

/// Whether an index can serve a query.
pub(super) enum Usable {
    /// With these bounds.
    Yes(IndexBounds),
    /// The bounds are empty: nothing can match.
    Never,
    /// It leaves out documents that may match.
    No,
}

impl IndexBounds {
    /// The bounds that the conditions set to the index.
    pub(super) fn of(index: &Index, conditions: &Conditions) -> Usable {
        let mut bounds = Self {
            fields: Vec::new(),
            intervals: vec![Interval::all()],
            exact: false,
            fixed: 0,
            fixed_key: Vec::new(),
        };
        let mut used = 0;
        let mut inexact = false;
        let mut prefixes: Vec<Vec<u8>> = vec![Vec::new()];
        for field in &index.spec.fields {
            let Some((keys, count, exact)) = keys_of(field.path.text(), conditions, index.multi_entry) else { break };
            if keys.is_empty() {
                return Usable::Never;
            }
            if prefixes.len().saturating_mul(keys.as_slice().len()) > RANGES_MAX.max(keys.as_slice().len()) {
                break;
            }
            let stored = if field.descending { keys.inverted() } else { keys.clone() };
            bounds.intervals = extend(&prefixes, &stored);
            used += count;
            inexact |= !exact;
            let points = keys.is_points();
            if points && keys.as_slice().len() == 1 && bounds.fixed == bounds.fields.len() {
                bounds.fixed += 1;
                bounds.fixed_key = bounds.intervals.first().map(|point| point.low.prefix.clone()).unwrap_or_default();
            }
            bounds.fields.push((field.path.text().into(), keys));
            if !points {
                break;
            }
            prefixes = bounds.intervals.iter().map(|interval| interval.low.prefix.clone()).collect();
        }
        if index.spec.unique && !bounds.excludes_absent() {
            return Usable::No;
        }
        bounds.exact = conditions.complete && used == conditions.list.len() && !inexact;
        Usable::Yes(bounds)
    }

    /// Documents that lack every field are not in a unique index: some bound must rule them out.
    fn excludes_absent(&self) -> bool {
        let null = Intervals::union(vec![Interval::prefix(vec![TypeClass::Null as u8])]);
        self.fields.iter().any(|(_, keys)| keys.intersection(&null).is_empty())
    }

    /// Which way to walk the index to get the order, if that is possible.
    pub(super) fn walk(&self, index: &Index, order: &Order) -> Option<Direction> {
        if index.multi_entry || !order.required {
            return None;
        }
        let is_fixed = |path: &str| self.fields.iter().take(self.fixed).any(|(fixed, _)| **fixed == *path);
        let mut rest = index.spec.fields.get(self.fixed..).unwrap_or_default().iter();
        let mut backward = None;
        for wanted in order.fields.iter().filter(|field| !is_fixed(&field.path)) {
            let field = rest.next().filter(|field| field.path.text() == &*wanted.path)?;
            let this = field.descending != wanted.descending;
            if *backward.get_or_insert(this) != this {
                return None;
            }
        }
        if rest.next().is_some() {
            return None;
        }
        let id_backward = index.id_descends() != order.id_descending;
        // A unique index has one entry for each key: ids never have to decide.
        let backward = match backward {
            Some(backward) if index.spec.unique || backward == id_backward => backward,
            Some(_) => return None,
            None => id_backward,
        };
        Some(if backward { Direction::Backward } else { Direction::Forward })
    }

    /// A guess of how many of `total` entries lie within the bounds, where counting them would take too long.
    pub(super) fn guess(&self, total: u64) -> u64 {
        self.fields.iter().fold(total, |left, (_, keys)| {
            let share = match keys.is_points() {
                true => left / 20 * keys.as_slice().len().min(20) as u64,
                false if keys.as_slice().iter().all(is_open) => left / 5 * 2,
                false => left / 5,
            };
            share.max(1)
        })
    }
}

/// Whether one end is that of a whole class of values.
fn is_open(interval: &Interval) -> bool {
    interval.low.prefix.len() <= 1 || interval.high.prefix.len() <= 1
}

/// The keys that the conditions on a path allow in entries, how many conditions they stand for, and whether exactly.
fn keys_of(path: &str, conditions: &Conditions, multi_entry: bool) -> Option<(Intervals, usize, bool)> {
    let mut list = conditions.list.iter().filter(|condition| *condition.path == *path);
    if !multi_entry {
        let first = list.next()?;
        let start = (first.keys.clone(), 1, first.exact);
        return Some(list.fold(start, |(keys, count, exact), condition| {
            (keys.intersection(&condition.keys), count + 1, exact && condition.exact)
        }));
    }
    // Different elements of an array may meet different conditions: only one of them can bound the entries.
    let width = |condition: &&Condition| (!condition.keys.is_points(), condition.keys.as_slice().len());
    let best = list.min_by_key(width)?;
    Some((best.keys.clone(), 1, best.exact))
}

/// Every interval behind every prefix. The prefixes ascend and are points, so the result ascends too.
fn extend(prefixes: &[Vec<u8>], keys: &Intervals) -> Vec<Interval> {
    let behind = |prefix: &[u8], cut: &Cut| Cut { prefix: [prefix, &cut.prefix].concat(), after: cut.after };
    let mut extended = Vec::with_capacity(prefixes.len() * keys.as_slice().len());
    for prefix in prefixes {
        for interval in keys.as_slice() {
            extended.push(Interval { low: behind(prefix, &interval.low), high: behind(prefix, &interval.high) });
        }
    }
    extended
}
