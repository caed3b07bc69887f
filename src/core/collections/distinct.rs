//! The distinct values of a path over many documents.
//!
//! Arrays count as their elements; a missing or undefined field counts not at all. Values that are equal to `$eq` count
//! once. It holds every value: the caller watches [`Distinct::bytes`].

use std::collections::BTreeMap;

use super::document::Document;
use super::json;
use super::key_codec;
use super::path::Path;
use super::value_ref::Shape;
use super::ValueRef;

/// Collects distinct values.
#[derive(Debug)]
pub struct Distinct {
    path: Path,
    bytes: usize,
    /// The JSON text of each value by its key.
    values: BTreeMap<Box<[u8]>, Box<[u8]>>,
}

impl Distinct {
    /// The distinct values at `path`.
    pub fn new(path: Path) -> Self {
        Self { path, bytes: 0, values: BTreeMap::new() }
    }

    /// Adds a document's values.
    pub fn add(&mut self, document: &Document<'_>) {
        let (values, bytes) = (&mut self.values, &mut self.bytes);
        let mut key = Vec::new();
        self.path.leaves(ValueRef::Document(document), &mut |leaf| {
            let Some(value) = leaf.filter(|value| !matches!(value.shape(), Shape::Undefined)) else { return };
            key.clear();
            key_codec::encode(value, &mut key);
            if !values.contains_key(key.as_slice()) {
                let text: Box<[u8]> = match value {
                    ValueRef::Raw(raw) => raw.json().into(),
                    other => json::to_json(&other.to_value()).into(),
                };
                *bytes += key.len() + text.len();
                values.insert(key.as_slice().into(), text);
            }
        });
    }

    /// Bytes of keys and values held.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// How many values there are.
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// The values as a JSON array, in the order of values.
    pub fn to_json(&self) -> Vec<u8> {
        let mut out = vec![b'['];
        for (i, text) in self.values.values().enumerate() {
            if i > 0 {
                out.push(b',');
            }
            out.extend_from_slice(text);
        }
        out.push(b']');
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collections::document::encode;

    #[test]
    fn values_count_once_in_order_and_arrays_by_element() {
        let mut distinct = Distinct::new(Path::parse("a").unwrap());
        for fields in [
            r#","a":[3,"x",1]"#,
            r#","a":1"#,
            r#","a":{"$bigint":"3"}"#,
            "",
            r#","a":[]"#,
            r#","a":null"#,
            r#","a":{"$undefined":true}"#,
        ] {
            let mut bytes = Vec::new();
            encode(format!("{{\"id\":\"1\"{fields}}}").as_bytes(), 1, &mut bytes).unwrap();
            distinct.add(&Document::parse(&bytes).unwrap());
        }
        assert_eq!(distinct.to_json(), br#"[null,1,3,"x"]"#);
        assert_eq!(distinct.len(), 4);
    }
}
