//! One stable merge sort for every type, compiled once.
//!
//! The standard library's sorts are compiled again for each type and comparison, 3 to 8 KB of WebAssembly each time. This
//! one costs an indirect call per comparison. Not for hot loops over millions of numbers.

use std::cmp::Ordering;

/// Runs of this many are put in order by insertion before merging.
const RUN: usize = 8;

/// Sorts by `Ord`; equal items keep their order.
pub fn sort<T: Ord>(items: &mut [T]) {
    sort_by(items, Ord::cmp);
}

/// Sorts by a key; equal items keep their order.
pub fn sort_by_key<T, K: Ord>(items: &mut [T], mut key: impl FnMut(&T) -> K) {
    sort_by(items, |a, b| key(a).cmp(&key(b)));
}

/// Sorts by a comparison; equal items keep their order.
pub fn sort_by<T>(items: &mut [T], mut compare: impl FnMut(&T, &T) -> Ordering) {
    let mut order = order(items.len(), &mut |a, b| compare(&items[a], &items[b]).is_lt());
    settle(&mut order, &mut |a, b| items.swap(a, b));
}

/// The positions `0..len`, sorted; `less` tells whether the first position's item comes before the second's. Equal items
/// keep their order.
pub fn order(len: usize, less: &mut dyn FnMut(usize, usize) -> bool) -> Vec<usize> {
    let mut order: Vec<usize> = (0..len).collect();
    for run in order.chunks_mut(RUN) {
        for end in 1..run.len() {
            let mut at = end;
            while at > 0 && less(run[at], run[at - 1]) {
                run.swap(at, at - 1);
                at -= 1;
            }
        }
    }
    let mut width = RUN;
    let mut merged = Vec::with_capacity(if len > RUN { len } else { 0 });
    while width < len {
        for pair in order.chunks(2 * width) {
            let (left, right) = pair.split_at(width.min(pair.len()));
            merge(left, right, less, &mut merged);
        }
        std::mem::swap(&mut order, &mut merged);
        merged.clear();
        width *= 2;
    }
    order
}

/// Appends two sorted runs as one.
fn merge(mut left: &[usize], mut right: &[usize], less: &mut dyn FnMut(usize, usize) -> bool, out: &mut Vec<usize>) {
    // Input that is in order already costs one comparison a run.
    let apart = matches!((left.last(), right.first()), (Some(&last), Some(&first)) if !less(first, last));
    while let (false, [a, left_rest @ ..], [b, right_rest @ ..]) = (apart, left, right) {
        if less(*b, *a) {
            out.push(*b);
            right = right_rest;
        } else {
            out.push(*a);
            left = left_rest;
        }
    }
    out.extend_from_slice(left);
    out.extend_from_slice(right);
}

/// Moves items to their places by swaps: the item to stand at `i` is the one now at `order[i]`.
fn settle(order: &mut [usize], swap: &mut dyn FnMut(usize, usize)) {
    for start in 0..order.len() {
        let mut hole = start;
        loop {
            let source = std::mem::replace(&mut order[hole], hole);
            if source == start || source == hole {
                break;
            }
            swap(hole, source);
            hole = source;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn items_come_in_the_order_of_a_stable_sort(keys in prop::collection::vec(0u8..20, 0..200)) {
            let mut items: Vec<(u8, usize)> = keys.iter().copied().zip(0..).collect();
            let mut expected = items.clone();
            expected.sort();
            sort_by_key(&mut items, |(key, _)| *key);
            prop_assert_eq!(&items, &expected);
            sort(&mut items);
            prop_assert_eq!(items, expected);
        }
    }
}
