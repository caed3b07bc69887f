//! Answers: JSON text, and whether it holds values that JSON lacks.
//!
//! Not a serializer of values; see `collections::json`.

use crate::collections::json::write_string;

/// The answer to a command: JSON text, and whether some value in it is tagged and must be revived.
pub use crate::collections::find::Answer as Response;

/// Writes one JSON object field by field.
#[derive(Default)]
pub(super) struct ObjectWriter {
    json: Vec<u8>,
    extended: bool,
}

impl ObjectWriter {
    /// Begins a field; the caller appends its value to the text.
    pub(super) fn field(&mut self, name: &str) -> &mut Vec<u8> {
        self.json.push(if self.json.is_empty() { b'{' } else { b',' });
        write_string(name, &mut self.json);
        self.json.push(b':');
        &mut self.json
    }

    /// A number.
    pub(super) fn number(&mut self, name: &str, value: u64) -> &mut Self {
        let text = value.to_string();
        self.field(name).extend_from_slice(text.as_bytes());
        self
    }

    /// A number with a fraction, `null` if it is not finite.
    pub(super) fn fraction(&mut self, name: &str, value: f64) -> &mut Self {
        self.field(name).extend_from_slice(fraction(value).as_bytes());
        self
    }

    /// A string.
    pub(super) fn text(&mut self, name: &str, value: &str) -> &mut Self {
        write_string(value, self.field(name));
        self
    }

    /// A boolean.
    pub(super) fn flag(&mut self, name: &str, value: bool) -> &mut Self {
        self.field(name).extend_from_slice(if value { b"true" } else { b"false" });
        self
    }

    /// JSON text as it is.
    pub(super) fn raw(&mut self, name: &str, json: &[u8]) -> &mut Self {
        self.field(name).extend_from_slice(json);
        self
    }

    /// Strings in an array.
    pub(super) fn texts<'t>(&mut self, name: &str, values: impl IntoIterator<Item = &'t str>) -> &mut Self {
        let out = self.field(name);
        write_list(out, values, write_string);
        self
    }

    /// Says that some value is tagged.
    pub(super) fn extended(&mut self, extended: bool) -> &mut Self {
        self.extended |= extended;
        self
    }

    /// The object.
    pub(super) fn finish(&mut self) -> Response {
        let mut json = std::mem::take(&mut self.json);
        if json.is_empty() {
            json.push(b'{');
        }
        json.push(b'}');
        Response { json, extended: self.extended }
    }
}

/// Appends an array.
pub(super) fn write_list<T>(
    out: &mut Vec<u8>,
    items: impl IntoIterator<Item = T>,
    mut write: impl FnMut(T, &mut Vec<u8>),
) {
    out.push(b'[');
    for (index, item) in items.into_iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write(item, out);
    }
    out.push(b']');
}

/// Four digits behind the point, the last one rounded to even.
fn fraction(value: f64) -> String {
    // Of a number of 24 bits, as scores are, ten thousand times as much is exact; and writing an integer takes a tenth of the time.
    if f64::from(value as f32) == value && value.is_sign_positive() && value < 1e6 {
        let scaled = (value * 1e4).round_ties_even() as u64;
        return format!("{}.{:04}", scaled / 10_000, scaled % 10_000);
    }
    match value.is_finite() {
        true => format!("{value:.4}"),
        false => "null".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fraction_is_written_as_the_standard_library_writes_it() {
        let ties = (0..4096).map(|n| n as f32 / 32.0 + n as f32 / 2048.0);
        let scores = (0..20_000u32).map(|n| f32::from_bits(0x3000_0000 + n.wrapping_mul(9973)));
        for value in ties.chain(scores).chain([0.0, -0.0, -1.5, 1e7, 3.3e9, f32::MIN_POSITIVE]).map(f64::from) {
            assert_eq!(fraction(value), format!("{value:.4}"));
        }
        assert_eq!(fraction(0.1 + 0.2), "0.3000");
        assert_eq!(fraction(f64::NAN), "null");
    }
}
