//! Sets of index keys as sorted, disjoint intervals of encoded values.
//!
//! It knows no operators and no documents: bytes only. An end of an interval is a *cut*: a place just before or just after
//! all keys that start with some bytes, so that one value (many keys: its id and further fields follow) is an interval too.

use std::cmp::Ordering;

use crate::engine::access::successor;

/// A place between keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cut {
    /// The bytes the keys at this place start with.
    pub prefix: Vec<u8>,
    /// Whether the place is behind those keys rather than in front of them.
    pub after: bool,
}

impl Cut {
    /// In front of every key that starts with `prefix`.
    pub fn before(prefix: Vec<u8>) -> Self {
        Self { prefix, after: false }
    }

    /// Behind every key that starts with `prefix`.
    pub fn after(prefix: Vec<u8>) -> Self {
        Self { prefix, after: true }
    }

    /// The first key at or behind the cut; `None` is past every key.
    pub fn key(&self) -> Option<Vec<u8>> {
        match self.after {
            false => Some(self.prefix.clone()),
            true => successor(&self.prefix),
        }
    }

    fn order(&self, other: &Self) -> Ordering {
        match (self.key(), other.key()) {
            (Some(a), Some(b)) => a.cmp(&b),
            (a, b) => a.is_none().cmp(&b.is_none()),
        }
    }

    /// The same place in an index that descends by this field.
    fn inverted(&self) -> Self {
        Self { prefix: self.prefix.iter().map(|byte| !byte).collect(), after: !self.after }
    }
}

/// The keys between two cuts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interval {
    /// Where it begins.
    pub low: Cut,
    /// Where it ends.
    pub high: Cut,
}

impl Interval {
    /// Every key.
    pub fn all() -> Self {
        Self { low: Cut::before(Vec::new()), high: Cut::after(Vec::new()) }
    }

    /// The keys that start with `prefix`: of one value, or of a class of values.
    pub fn prefix(prefix: Vec<u8>) -> Self {
        Self { low: Cut::before(prefix.clone()), high: Cut::after(prefix) }
    }

    /// The keys that start with a part of a value: of many values, and thus no point, unlike [`Interval::prefix`].
    pub fn starting_with(part: Vec<u8>) -> Self {
        match successor(&part) {
            Some(end) => Self { low: Cut::before(part), high: Cut::before(end) },
            None => Self { low: Cut::before(part), high: Cut::after(Vec::new()) },
        }
    }

    /// Whether it holds the keys of one prefix and nothing else.
    pub fn is_prefix(&self) -> bool {
        !self.low.after && self.high.after && self.low.prefix == self.high.prefix
    }

    /// Whether it holds every key.
    pub fn is_all(&self) -> bool {
        self.is_prefix() && self.low.prefix.is_empty()
    }

    fn is_empty(&self) -> bool {
        self.low.order(&self.high).is_ge()
    }

    /// The same keys in an index that descends by this field.
    #[must_use]
    pub fn inverted(&self) -> Self {
        Self { low: self.high.inverted(), high: self.low.inverted() }
    }
}

/// A set of keys: intervals in ascending order that do not touch out of order or overlap.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Intervals(Vec<Interval>);

impl Intervals {
    /// Every key.
    pub fn all() -> Self {
        Self(vec![Interval::all()])
    }

    /// The union of any intervals.
    pub fn union(mut intervals: Vec<Interval>) -> Self {
        intervals.retain(|interval| !interval.is_empty());
        crate::base::sort::sort_by(&mut intervals, |a, b| a.low.order(&b.low));
        let mut merged: Vec<Interval> = Vec::with_capacity(intervals.len());
        for interval in intervals {
            match merged.last_mut() {
                Some(last) if interval.low.order(&last.high).is_lt() => {
                    if last.high.order(&interval.high).is_lt() {
                        last.high = interval.high;
                    }
                }
                _ => merged.push(interval),
            }
        }
        Self(merged)
    }

    /// The keys of both.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        let mut both = Vec::new();
        let (mut a, mut b) = (self.0.iter().peekable(), other.0.iter().peekable());
        while let (Some(left), Some(right)) = (a.peek(), b.peek()) {
            let low = if left.low.order(&right.low).is_lt() { &right.low } else { &left.low };
            let left_ends_first = left.high.order(&right.high).is_lt();
            let high = if left_ends_first { &left.high } else { &right.high };
            let interval = Interval { low: low.clone(), high: high.clone() };
            if !interval.is_empty() {
                both.push(interval);
            }
            match left_ends_first {
                true => a.next(),
                false => b.next(),
            };
        }
        Self(both)
    }

    /// The intervals, ascending.
    pub fn as_slice(&self) -> &[Interval] {
        &self.0
    }

    /// Whether it holds every key.
    pub fn is_all(&self) -> bool {
        matches!(self.0.as_slice(), [interval] if interval.is_all())
    }

    /// Whether it holds no key.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether every interval is one value.
    pub fn is_points(&self) -> bool {
        self.0.iter().all(|interval| interval.is_prefix() && interval.low.prefix.len() > 1)
    }

    /// The same set in an index that descends by this field, in that index's order.
    #[must_use]
    pub fn inverted(&self) -> Self {
        Self(self.0.iter().rev().map(Interval::inverted).collect())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn contains(set: &Intervals, key: &[u8]) -> bool {
        set.0.iter().any(|interval| {
            interval.low.key().is_some_and(|low| key >= low.as_slice())
                && interval.high.key().is_none_or(|high| key < high.as_slice())
        })
    }

    fn bytes() -> impl Strategy<Value = Vec<u8>> {
        prop::collection::vec(prop::sample::select(vec![0u8, 1, 2, 254, 255]), 0..3)
    }

    fn interval() -> impl Strategy<Value = Interval> {
        let cut = || (bytes(), any::<bool>()).prop_map(|(prefix, after)| Cut { prefix, after });
        (cut(), cut()).prop_map(|(low, high)| Interval { low, high })
    }

    proptest! {
        #[test]
        fn sets_of_keys_behave_like_sets(
            a in prop::collection::vec(interval(), 0..5),
            b in prop::collection::vec(interval(), 0..5),
            keys in prop::collection::vec(bytes(), 1..20),
        ) {
            let single = |interval: &Interval| Intervals::union(vec![interval.clone()]);
            let (union_a, union_b) = (Intervals::union(a.clone()), Intervals::union(b.clone()));
            let both = union_a.intersection(&union_b);
            for key in keys {
                let in_a = a.iter().any(|interval| contains(&single(interval), &key));
                let in_b = b.iter().any(|interval| contains(&single(interval), &key));
                prop_assert_eq!(contains(&union_a, &key), in_a);
                prop_assert_eq!(contains(&both, &key), in_a && in_b);
            }
        }

        #[test]
        fn a_descending_field_holds_the_inverted_keys(a in prop::collection::vec(interval(), 0..5), key in bytes()) {
            // Longer than any prefix, as keys are.
            let key = [key, vec![7; 4]].concat();
            let set = Intervals::union(a);
            let inverted: Vec<u8> = key.iter().map(|byte| !byte).collect();
            prop_assert_eq!(contains(&set.inverted(), &inverted), contains(&set, &key));
        }
    }

    #[test]
    fn neighbours_stay_apart_so_that_points_stay_points() {
        let set = Intervals::union(vec![Interval::prefix(vec![9, 2]), Interval::prefix(vec![9, 1])]);
        assert_eq!(set.as_slice().len(), 2);
        assert!(set.is_points());
    }

    #[test]
    fn the_beginning_of_a_value_is_not_a_point() {
        let set = Intervals::union(vec![Interval::starting_with(vec![9, 2])]);
        assert!(contains(&set, &[9, 2, 7]) && !contains(&set, &[9, 3]) && !set.is_points());
        let inverted = set.inverted();
        assert!(contains(&inverted, &[!9, !2, 7]) && !contains(&inverted, &[!9, !3]) && !inverted.is_points());
    }
}
