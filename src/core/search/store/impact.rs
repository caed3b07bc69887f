//! Upper bounds on impacts as one byte.
//!
//! Not exact, and never below: the code of an impact decodes to at least that impact, at most a sixteenth above.

use super::super::score::Model;

/// The bits of 2^-6 as f32, without the mantissa bits that are dropped.
const LOWEST: u32 = (127 - 6) << 4;
const DROPPED: u32 = 19;

/// Translates between impacts and codes in one segment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ImpactScale {
    /// The greatest weight of a field: impacts are counted in it.
    unit: f32,
}

impl ImpactScale {
    pub(crate) fn new(model: &Model) -> Self {
        let unit = model.fields.iter().map(|field| field.weight).fold(0.0, f32::max);
        Self { unit: if unit > 0.0 { unit } else { 1.0 } }
    }

    pub(crate) fn code(self, impact: f32) -> u8 {
        let bits = (impact / self.unit).max(0.0).to_bits();
        let up = (bits >> DROPPED) + u32::from(bits & ((1 << DROPPED) - 1) != 0);
        up.saturating_sub(LOWEST).min(255) as u8
    }

    pub(crate) fn decode(self, code: u8) -> f32 {
        if code == u8::MAX {
            return f32::INFINITY;
        }
        f32::from_bits((u32::from(code) + LOWEST) << DROPPED) * self.unit * 1.000_001
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::super::score::FieldModel;
    use super::*;

    proptest! {
        #[test]
        fn a_code_never_decodes_to_less_and_hardly_to_more(impact in 0.0f32..5000.0, weight in 0.001f32..1000.0) {
            let model = Model { k1: 1.2, fields: vec![FieldModel { weight, b: 0.75, average: 3.0 }] };
            let scale = ImpactScale::new(&model);
            let decoded = scale.decode(scale.code(impact));
            prop_assert!(decoded >= impact);
            let small = impact < weight / 50.0;
            prop_assert!(small || decoded.is_infinite() || decoded <= impact * 1.0626);
            prop_assert!(!decoded.is_infinite() || impact > weight * 900.0);
        }
    }
}
