//! Summaries of fixed size: quantiles by DDSketch, distinct values by HyperLogLog. Both merge, so that parts of a group can be
//! summed up apart from each other.
//!
//! Not exact: a quantile is within 1 % of a value that was there, a count of distinct values within about 2 %.

use hyperloglockless::HyperLogLog;
use sketches_ddsketch::{Config, DDSketch};
use xxhash_rust::xxh3::{xxh3_64, Xxh3DefaultBuilder};

use crate::base::{Error, Reader, Result};

/// Registers of a HyperLogLog: 2 to this power, a standard error of 1.6 %.
const PRECISION: u8 = 12;
const REGISTERS: usize = 1 << PRECISION;
/// A register holds the zeros at the end of a 64-bit hash, plus one.
const REGISTER_MAX: u8 = 65;

/// Quantiles of numbers.
#[derive(Clone)]
pub(super) struct Quantiles(DDSketch);

impl Default for Quantiles {
    fn default() -> Self {
        Self(DDSketch::new(Config::defaults()))
    }
}

impl std::fmt::Debug for Quantiles {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Quantiles({} numbers)", self.0.count())
    }
}

impl Quantiles {
    /// Adds a number; what is not finite has no place in an order of magnitudes and is left out.
    pub(super) fn add(&mut self, number: f64) {
        if number.is_finite() {
            self.0.add(number);
        }
    }

    /// The number at quantile `p`; `None` of nothing.
    pub(super) fn at(&self, p: f64) -> Option<f64> {
        self.0.quantile(p).ok().flatten()
    }

    /// Adds all that another one has seen.
    pub(super) fn merge(&mut self, other: &Self) -> Result<()> {
        self.0.merge(&other.0).map_err(|_| Error::corrupt("two sketches of quantiles are of different kinds"))
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        self.0.to_java_bytes()
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Self> {
        DDSketch::from_java_bytes(bytes).map(Self).map_err(|_| Error::corrupt("a sketch of quantiles makes no sense"))
    }
}

/// How many different values there are.
#[derive(Clone)]
pub(super) struct Distinct(HyperLogLog<Xxh3DefaultBuilder>);

impl Default for Distinct {
    fn default() -> Self {
        Self(HyperLogLog::with_hasher(PRECISION, Xxh3DefaultBuilder))
    }
}

impl std::fmt::Debug for Distinct {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Distinct(about {})", self.0.count())
    }
}

impl Distinct {
    /// Adds a value, given as bytes that are equal for equal values.
    pub(super) fn add(&mut self, key: &[u8]) {
        self.0.insert_hash(xxh3_64(key));
    }

    #[expect(clippy::cast_precision_loss, reason = "an estimate")]
    pub(super) fn estimate(&self) -> f64 {
        self.0.count() as f64
    }

    /// Adds all that another one has seen.
    pub(super) fn merge(&mut self, other: &Self) -> Result<()> {
        self.0.union(&other.0).map_err(|_| Error::corrupt("two counts of distinct values are of different kinds"))
    }

    /// All registers, or the used ones with their places where that is shorter.
    pub(super) fn encode(&self) -> Vec<u8> {
        let used = self.0.iter().filter(|register| *register > 0).count();
        if used * 3 >= REGISTERS {
            return std::iter::once(1).chain(self.0.iter()).collect();
        }
        let mut out = Vec::with_capacity(used * 3 + 1);
        out.push(0);
        for (place, register) in (0_u16..).zip(self.0.iter()).filter(|(_, register)| *register > 0) {
            out.extend_from_slice(&place.to_le_bytes());
            out.push(register);
        }
        out
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Self> {
        let damaged = || Error::corrupt("a count of distinct values makes no sense");
        let mut registers = vec![0; REGISTERS];
        let mut reader = Reader::new(bytes);
        if reader.u8()? == 1 {
            registers.copy_from_slice(reader.take(REGISTERS)?);
        } else {
            while !reader.is_empty() {
                let place = usize::from(reader.u16()?);
                *registers.get_mut(place).ok_or_else(damaged)? = reader.u8()?;
            }
        }
        reader.finish("a count of distinct values")?;
        if registers.iter().any(|register| *register > REGISTER_MAX) {
            return Err(damaged());
        }
        let zeros = registers.iter().filter(|register| **register == 0).count();
        let sum = registers.iter().map(|register| 0.5_f64.powi(i32::from(*register))).sum();
        Ok(Self(HyperLogLog::from_parts(registers.into(), Xxh3DefaultBuilder, zeros, sum)))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_count_of_distinct_values_is_close_and_comes_back_as_it_was() {
        for n in [0_u32, 1, 10, 1000, 100_000] {
            let mut whole = Distinct::default();
            let (mut even, mut odd) = (Distinct::default(), Distinct::default());
            for value in 0..n {
                let key = value.to_be_bytes();
                whole.add(&key);
                whole.add(&key);
                if value % 2 == 0 { &mut even } else { &mut odd }.add(&key);
            }
            let mut merged = Distinct::decode(&even.encode()).unwrap();
            merged.merge(&Distinct::decode(&odd.encode()).unwrap()).unwrap();
            assert_eq!(merged.encode(), whole.encode());
            assert_eq!(merged.estimate(), whole.estimate());
            let error = (whole.estimate() - f64::from(n)).abs();
            assert!(error <= f64::from(n) * 0.05 + 1.0, "{n} values are counted as {}", whole.estimate());
        }
    }

    #[test]
    fn quantiles_are_close_and_parts_merge_to_the_whole() {
        let (mut whole, mut low, mut high) = (Quantiles::default(), Quantiles::default(), Quantiles::default());
        for n in 1..=1000 {
            whole.add(f64::from(n));
            if n <= 300 { &mut low } else { &mut high }.add(f64::from(n));
        }
        let mut merged = Quantiles::decode(&low.encode()).unwrap();
        merged.merge(&Quantiles::decode(&high.encode()).unwrap()).unwrap();
        for p in [0.0, 0.25, 0.5, 0.99, 1.0] {
            assert_eq!(merged.at(p), whole.at(p));
            let at = whole.at(p).unwrap();
            assert!((at - 1000.0 * p).abs() <= 10.0 + 1000.0 * p * 0.01, "{p}: {at}");
        }
        assert_eq!(Quantiles::default().at(0.5), None);
    }

    proptest! {
        #[test]
        fn hostile_registers_are_an_error_and_never_a_panic(bytes: Vec<u8>) {
            let _ = Distinct::decode(&bytes).map(|distinct| distinct.estimate());
        }
    }
}
