//! BM25F: the score of a document for one term, from frequencies, lengths and rarity.
//!
//! After Robertson and Zaragoza, "The Probabilistic Relevance Framework: BM25 and Beyond" (2009), section 3.6: frequencies
//! of all fields are weighted and normalised by the field's length, added up, and saturated once:
//!
//! ```text
//! impact = Σ over fields  weight · tf / (1 - b + b · length / average)
//! score  = idf · impact / (k1 + impact)
//! idf    = ln(1 + (N - n + 0.5) / (n + 0.5))
//! ```
//!
//! N documents, n of them with the term. The constant factor k1 + 1 is left out and idf never negative, as Lucene does it.
//! It is not a learned ranking, and knows nothing of the query.

use crate::base::{Reader, Result};

use super::postings::Totals;
use super::spec::SearchSpec;

/// The saturation of frequencies when the spec says nothing.
pub const K1: f32 = 1.2;
/// How much length counts when the spec says nothing.
pub const B: f32 = 0.75;

/// A length as one byte: exact up to 40, then in steps of 6 to 12 %, up to 2 billion.
///
/// The shape of a floating-point number with three bits of mantissa, shifted so that small numbers stay exact.
pub fn length_code(length: u32) -> u8 {
    let Some(above) = length.checked_sub(EXACT) else { return length as u8 };
    let shifted = above + 8;
    let exponent = 28 - shifted.leading_zeros();
    let mantissa = (shifted >> exponent) & 7;
    (EXACT + exponent * 8 + mantissa).min(255) as u8
}

/// The smallest length with this code.
pub fn length_of(code: u8) -> u32 {
    let code = u32::from(code);
    let Some(above) = code.checked_sub(EXACT) else { return code };
    let (exponent, mantissa) = (above / 8, above % 8);
    EXACT + ((8 + mantissa) << exponent) - 8
}

/// Lengths below this are their own code.
const EXACT: u32 = 32;

/// How one field counts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FieldModel {
    /// The factor of its frequencies; 0 leaves the field out.
    pub weight: f32,
    /// How much its length counts, 0 to 1.
    pub b: f32,
    /// The mean length over the documents that have it.
    pub average: f32,
}

impl FieldModel {
    /// What one occurrence adds to the impact of a document whose field has this length.
    pub fn unit(&self, length: u32) -> f32 {
        self.weight / (1.0 - self.b + self.b * length as f32 / self.average.max(1.0))
    }
}

/// The parameters of a score: those of the spec and the averages of the index.
#[derive(Clone, Debug, PartialEq)]
pub struct Model {
    /// The saturation of frequencies.
    pub k1: f32,
    /// For each field of the spec, in its order.
    pub fields: Vec<FieldModel>,
}

impl Model {
    /// The model of a spec over an index with these totals.
    pub fn new(spec: &SearchSpec, totals: &Totals) -> Self {
        let average = |at: usize| totals.fields.get(at).map_or(1.0, |field| field.average());
        let field = |(at, field): (usize, &super::FieldSpec)| FieldModel {
            weight: field.weight,
            b: field.b.unwrap_or(spec.b),
            average: average(at),
        };
        Self { k1: spec.k1, fields: spec.fields.iter().enumerate().map(field).collect() }
    }

    /// The weighted and normalised frequency of a term in one document: `fields` gives for each field that has the
    /// term its place, the frequency, and the code of the document's length.
    pub fn impact(&self, fields: impl IntoIterator<Item = (usize, u16, u8)>) -> f32 {
        let one = |(field, count, code): (usize, u16, u8)| {
            self.fields.get(field).map_or(0.0, |field| f32::from(count) * field.unit(length_of(code)))
        };
        fields.into_iter().map(one).sum()
    }

    /// From impact to score, without idf: 0 to 1. An infinite impact gives 1.
    pub fn saturate(&self, impact: f32) -> f32 {
        1.0 - self.k1 / (self.k1 + impact)
    }

    /// The factor that turns every upper bound on impacts by the `reference` model into one by this model.
    pub fn looseness(&self, reference: &Model) -> f32 {
        let ratio = |(own, other): (&FieldModel, &FieldModel)| {
            if own.weight <= 0.0 {
                return 0.0;
            }
            // The norms are linear in the length: their ratio is greatest at one of the ends.
            let at_zero = (1.0 - other.b) / (1.0 - own.b);
            let at_infinity = (other.b / other.average.max(1.0)) / (own.b / own.average.max(1.0));
            let norm = if own.b == other.b && own.average == other.average { 1.0 } else { at_zero.max(at_infinity) };
            own.weight / other.weight * norm
        };
        let most = self.fields.iter().zip(&reference.fields).map(ratio).fold(0.0, worse);
        // Rounding may differ in the last bits.
        if most.is_nan() || self.fields.len() != reference.fields.len() {
            f32::INFINITY
        } else {
            most * 1.000_01
        }
    }

    /// Appends the model's bytes: k1, then weight, b and average of each field, as little-endian f32.
    pub fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.k1.to_le_bytes());
        for field in &self.fields {
            for number in [field.weight, field.b, field.average] {
                out.extend_from_slice(&number.to_le_bytes());
            }
        }
    }

    /// Reads what [`Model::write`] wrote, for that many fields.
    ///
    /// # Errors
    /// `Corrupt` if the bytes end early.
    pub fn read(reader: &mut Reader<'_>, fields: usize) -> Result<Self> {
        let mut number = || reader.array().map(f32::from_le_bytes);
        let k1 = number()?;
        let mut read = Vec::new();
        for _ in 0..fields {
            read.push(FieldModel { weight: number()?, b: number()?, average: number()? });
        }
        Ok(Self { k1, fields: read })
    }
}

/// The greater one; what is no number wins.
fn worse(a: f32, b: f32) -> f32 {
    if a.is_nan() || a > b {
        a
    } else {
        b
    }
}

/// The rarity of a term that `docs` of `total` documents have.
pub fn idf(total: u64, docs: u64) -> f32 {
    let (total, docs) = (total.max(docs) as f64, docs as f64);
    (1.0 + (total - docs + 0.5) / (docs + 0.5)).ln() as f32
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn model() -> impl Strategy<Value = Model> {
        let field = (0.1f32..10.0, 0.0f32..=1.0, 1.0f32..500.0);
        let field = field.prop_map(|(weight, b, average)| FieldModel { weight, b, average });
        (0.1f32..3.0, prop::collection::vec(field, 3)).prop_map(|(k1, fields)| Model { k1, fields })
    }

    #[test]
    fn codes_of_lengths_ascend_and_are_exact_while_short() {
        let mut last = 0;
        for length in 0..300_000 {
            let code = length_code(length);
            let decoded = length_of(code);
            assert!(code >= last && decoded <= length, "{length}: {code}, {decoded}");
            assert!(f64::from(length - decoded) <= f64::from(length) * 0.125 && (length > 40 || decoded == length));
            last = code;
        }
        assert_eq!(length_code(u32::MAX), 255);
    }

    #[test]
    fn rarer_terms_score_higher_and_never_below_zero() {
        assert!(idf(1000, 1) > idf(1000, 10) && idf(1000, 999) > 0.0 && idf(10, 10) > 0.0 && idf(0, 5) > 0.0);
    }

    #[test]
    fn an_unknown_bound_saturates_to_one() {
        let model = Model { k1: K1, fields: Vec::new() };
        assert_eq!(model.saturate(f32::INFINITY), 1.0);
        assert_eq!(model.saturate(0.0), 0.0);
    }

    proptest! {
        #[test]
        fn a_bound_by_the_reference_bounds_every_other_model(
            own in model(), reference in model(), counts in prop::array::uniform3((0u16..50, 1u32..5000)),
        ) {
            let fields = || counts.iter().enumerate().map(|(at, (count, length))| (at, *count, length_code(*length)));
            let bound = reference.impact(fields()) * own.looseness(&reference);
            prop_assert!(own.impact(fields()) <= bound * 1.000_1 || bound.is_nan());
        }

        #[test]
        fn a_model_comes_back_from_its_bytes(model in model()) {
            let mut bytes = Vec::new();
            model.write(&mut bytes);
            prop_assert_eq!(Model::read(&mut Reader::new(&bytes), 3).unwrap(), model);
        }
    }
}
