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
        let text = if value.is_finite() { format!("{value:.4}") } else { "null".to_owned() };
        self.field(name).extend_from_slice(text.as_bytes());
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
