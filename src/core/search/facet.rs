//! How many of the documents found have each value of a field.
//!
//! Not an index: it counts the documents it is shown. Values are told apart as the query language does: 1 equals 1.0.

use crate::base::{sort, FastMap};
use crate::collections::{key_codec, Document, Path, Value, ValueRef};

/// The most different values that are counted; others only add to [`FacetCounts::others`].
pub const VALUES_MAX: usize = 10_000;

/// The counts of one field.
#[derive(Debug)]
pub struct FacetCounts {
    path: Path,
    counts: FastMap<Vec<u8>, (Value, u64)>,
    seen: Vec<Vec<u8>>,
    /// How many values were not counted because there are too many different ones.
    pub others: u64,
}

impl FacetCounts {
    /// Nothing counted yet.
    pub fn new(path: Path) -> Self {
        Self { path, counts: FastMap::default(), seen: Vec::new(), others: 0 }
    }

    /// Counts a document: each of its values once. Elements of an array are values; a missing field is none.
    pub fn add(&mut self, document: &Document<'_>) {
        let Self { path, counts, seen, others } = self;
        seen.clear();
        path.leaves(ValueRef::Document(document), &mut |leaf| {
            let Some(value) = leaf else { return };
            let mut key = Vec::new();
            key_codec::encode_leaf(Some(value), &mut key);
            if seen.contains(&key) {
                return;
            }
            let room = counts.len() < VALUES_MAX;
            match counts.get_mut(&key) {
                Some((_, count)) => *count += 1,
                None if room => {
                    counts.insert(key.clone(), (value.to_value(), 1));
                }
                None => *others += 1,
            }
            seen.push(key);
        });
    }

    /// The `limit` most frequent values with their counts; of equal counts the lesser values.
    pub fn into_top(self, limit: usize) -> Vec<(Value, u64)> {
        let mut counts: Vec<(Vec<u8>, (Value, u64))> = self.counts.into_iter().collect();
        sort::sort_by(&mut counts, |(a_key, (_, a)), (b_key, (_, b))| b.cmp(a).then_with(|| a_key.cmp(b_key)));
        counts.truncate(limit);
        counts.into_iter().map(|(_, counted)| counted).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collections::document::encode;

    fn count(docs: &[&str], limit: usize) -> Vec<(Value, u64)> {
        let mut facet = FacetCounts::new(Path::parse("tag").unwrap());
        for doc in docs {
            let mut bytes = Vec::new();
            encode(doc.as_bytes(), 1, &mut bytes).unwrap();
            facet.add(&Document::parse(&bytes).unwrap());
        }
        facet.into_top(limit)
    }

    #[test]
    fn each_value_counts_once_a_document_and_the_most_frequent_come_first() {
        let docs = [
            r#"{"id":"a","tag":["sea","sun","sea"]}"#,
            r#"{"id":"b","tag":"sun"}"#,
            r#"{"id":"c"}"#,
            r#"{"id":"d","tag":7}"#,
        ];
        let text = |text: &str| Value::String(text.into());
        assert_eq!(count(&docs, 9), [(text("sun"), 2), (Value::Number(7.0), 1), (text("sea"), 1)]);
        assert_eq!(count(&docs, 1), [(text("sun"), 2)]);
    }
}
