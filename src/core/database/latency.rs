//! How long operations take: counts in buckets that grow by a twelfth, so that percentiles are right to 8 %.
//!
//! It takes no time itself; the caller does.

use super::response::ObjectWriter;
use crate::base::SortedMap;

/// Buckets for each doubling of the time.
const PER_DOUBLING: f64 = 8.0;
/// The shortest time told apart, in milliseconds.
const SHORTEST_MS: f64 = 0.0005;
const BUCKETS: usize = 8 * 28;

/// The times of one operation.
#[derive(Clone, Debug)]
struct Histogram {
    buckets: Vec<u32>,
    count: u64,
    errors: u64,
    sum_ms: f64,
    max_ms: f64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self { buckets: vec![0; BUCKETS], count: 0, errors: 0, sum_ms: 0.0, max_ms: 0.0 }
    }
}

impl Histogram {
    fn record(&mut self, ms: f64, failed: bool) {
        let at = ((ms.max(SHORTEST_MS) / SHORTEST_MS).log2() * PER_DOUBLING) as usize;
        if let Some(bucket) = self.buckets.get_mut(at.min(BUCKETS - 1)) {
            *bucket = bucket.saturating_add(1);
        }
        self.count += 1;
        self.errors += u64::from(failed);
        self.sum_ms += ms;
        self.max_ms = self.max_ms.max(ms);
    }

    /// The time that the `share` of operations stayed below, in milliseconds.
    fn percentile(&self, share: f64) -> f64 {
        let rank = (share * self.count as f64).ceil() as u64;
        let mut seen = 0;
        for (at, bucket) in self.buckets.iter().enumerate() {
            seen += u64::from(*bucket);
            if seen >= rank {
                return (SHORTEST_MS * ((at as f64 + 0.5) / PER_DOUBLING).exp2()).min(self.max_ms);
            }
        }
        self.max_ms
    }
}

/// The times of every operation since the start, or the last reset.
#[derive(Debug, Default)]
pub(super) struct Latencies {
    operations: SortedMap<&'static str, Histogram>,
}

impl Latencies {
    /// Takes one operation into account.
    pub(super) fn record(&mut self, operation: &'static str, ms: f64, failed: bool) {
        self.operations.or_default(operation).record(ms, failed);
    }

    /// Forgets everything.
    pub(super) fn reset(&mut self) {
        self.operations.clear();
    }

    /// Appends an object with one field for each operation.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        let mut operations = ObjectWriter::default();
        for (name, times) in self.operations.iter() {
            let mut one = ObjectWriter::default();
            one.number("count", times.count).number("errors", times.errors);
            for (name, share) in [("p50", 0.5), ("p90", 0.9), ("p99", 0.99)] {
                one.fraction(name, times.percentile(share));
            }
            one.fraction("max", times.max_ms).fraction("mean", times.sum_ms / times.count.max(1) as f64);
            operations.raw(name, &one.finish().json);
        }
        out.extend_from_slice(&operations.finish().json);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(times: impl Iterator<Item = f64>, share: f64, expected: f64) {
        let mut histogram = Histogram::default();
        times.for_each(|ms| histogram.record(ms, false));
        let found = histogram.percentile(share);
        assert!((found / expected - 1.0).abs() < 0.09, "{found} instead of {expected}");
    }

    #[test]
    fn percentiles_are_right_to_a_bucket() {
        check((1..=1000).map(f64::from), 0.5, 500.0);
        check((1..=1000).map(f64::from), 0.99, 990.0);
        check((1..=1000).map(|n| f64::from(n) / 1000.0), 0.9, 0.9);
        check([7.0].into_iter(), 0.5, 7.0);
    }

    #[test]
    fn times_out_of_range_are_counted() {
        let mut histogram = Histogram::default();
        for ms in [0.0, 1e12, f64::NAN] {
            histogram.record(ms, true);
        }
        assert_eq!((histogram.count, histogram.errors), (3, 3));
    }
}
