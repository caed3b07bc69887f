use std::collections::BTreeMap;

use proptest::prelude::*;

use crate::cache::dependency::{decode_interests, encode_interests, Aspect, Interest};
use crate::collections::document::encode_value;
use crate::collections::find::Matcher;
use crate::collections::Document;

use super::*;

/// Stored documents by id. Each version differs from every other by `c`.
type Documents = BTreeMap<String, Vec<u8>>;

fn stored(id: &str, tag: u8, n: i8, c: usize) -> Vec<u8> {
    let number = |value: f64| Value::Number(value);
    let fields = [("id", Value::String(id.into())), ("tag", number(tag.into())), ("n", number(n.into()))];
    let mut fields: Vec<_> = fields.into_iter().map(|(name, value)| (name.into(), value)).collect();
    fields.push(("c".into(), number(c as f64)));
    let mut out = Vec::new();
    encode_value(&Value::Object(fields), 0, &mut out).unwrap();
    out
}

fn parse(bytes: Option<&[u8]>) -> Option<Document<'_>> {
    bytes.map(|bytes| Document::parse(bytes).unwrap())
}

struct Query {
    matcher: Matcher,
    ranking: Ranking,
    skip: usize,
    limit: usize,
}

impl Query {
    fn new(sort: &str, skip: usize, limit: usize) -> Self {
        let matcher = Matcher::parse(json::parse(b"{\"tag\":{\"$lt\":2}}").unwrap(), 0.0).unwrap();
        let ranking = Ranking::parse(Some(json::parse(sort.as_bytes()).unwrap()), true).unwrap();
        Self { matcher, ranking, skip, limit }
    }

    /// The shown documents, ranked.
    fn answer(&self, documents: &Documents) -> Vec<(Vec<u8>, Vec<u8>)> {
        let mut matches = Vec::new();
        for (id, stored) in documents {
            let document = Document::parse(stored).unwrap();
            if self.matcher.matches(&document).unwrap() {
                let mut rank = Vec::new();
                self.ranking.rank(&document, id.as_bytes(), &mut rank);
                matches.push((rank, stored.clone()));
            }
        }
        crate::base::sort::sort(&mut matches);
        matches.into_iter().skip(self.skip).take(self.limit).collect()
    }

    /// The interest of an answer, as it comes back from storage.
    fn interest(&self, shown: &[(Vec<u8>, Vec<u8>)]) -> Vec<u8> {
        let rank = |at: Option<&(Vec<u8>, Vec<u8>)>| at.map(|(rank, _)| rank.clone());
        let bound = rank(shown.last()).filter(|_| shown.len() == self.limit);
        let start = rank(shown.first()).filter(|_| self.skip > 0);
        let window = Window::new(&self.ranking, start, bound);
        encode_interests(&[Interest { window, ..Interest::new(Aspect::Content, &self.matcher, 0.0) }])
    }
}

const SORTS: [&str; 5] =
    [r#"[["n",1]]"#, r#"[["n",-1]]"#, r#"[["n",1],["id",-1]]"#, r#"[["id",1]]"#, r#"[["tag",-1],["n",1]]"#];

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]
    #[test]
    fn only_a_change_that_shows_concerns_a_window(
        before in prop::collection::vec((0u8..12, 0u8..3, -3i8..3), 0..14),
        changes in prop::collection::vec((0u8..12, 0u8..3, -3i8..3, prop::bool::weighted(0.25)), 1..8),
        sort in 0usize..SORTS.len(), skip in 0usize..4, limit in 1usize..5,
    ) {
        let mut documents = Documents::new();
        for (at, (id, tag, n)) in before.into_iter().enumerate() {
            let id = format!("d{id}");
            documents.insert(id.clone(), stored(&id, tag, n, at));
        }
        let query = Query::new(SORTS[sort], skip, limit);
        for (at, (id, tag, n, delete)) in changes.into_iter().enumerate() {
            let id = format!("d{id}");
            let shown = query.answer(&documents);
            let watches = decode_interests(&query.interest(&shown)).unwrap();
            let old = documents.remove(&id);
            if !delete {
                documents.insert(id.clone(), stored(&id, tag, n, 1000 + at));
            }
            let change = Change { id: &id, old: parse(old.as_deref()), new: parse(documents.get(&id).map(Vec::as_slice)) };
            let concerned = watches[0].is_concerned(&change);
            let changed = query.answer(&documents) != shown;
            // Where nothing was shown, nothing tells where it would have begun.
            prop_assert!(concerned == changed || (concerned && shown.is_empty()), "concerned {concerned}, changed {changed}");
        }
    }

    #[test]
    fn hostile_windows_never_panic(bytes: Vec<u8>) {
        let mut reader = Reader::new(&bytes);
        let _ = Window::read(&mut reader).map(Window::ready);
        let _ = Window { sort: bytes.clone(), start: bytes.clone(), bound: bytes }.ready();
    }
}
