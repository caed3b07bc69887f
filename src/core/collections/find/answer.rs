//! Answers of `get`, `getMany` and `find` as JSON text.

use std::rc::Rc;

use crate::base::Result;
use crate::engine::{Read, Step};

use super::super::catalog::Catalog;
use super::super::document::Document;
use super::super::json;
use super::super::rank::write_id;
use super::super::write::load;
use super::query::Query;
use super::selection::{Found, Selection};
use super::token::Token;

/// An answer for the caller.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// Minified JSON text.
    pub json: Vec<u8>,
    /// Whether some value in it is tagged.
    pub extended: bool,
}

impl Answer {
    /// An answer without tagged values.
    pub fn plain(json: impl Into<Vec<u8>>) -> Self {
        Self { json: json.into(), extended: false }
    }
}

/// A JSON array of documents in the making, with their schema versions.
#[derive(Debug)]
struct List {
    json: Vec<u8>,
    versions: Option<Vec<Option<u64>>>,
    extended: bool,
    len: u64,
}

impl List {
    fn new(versions: bool) -> Self {
        Self { json: vec![b'['], versions: versions.then(Vec::new), extended: false, len: 0 }
    }

    fn comma(&mut self) {
        if self.len > 0 {
            self.json.push(b',');
        }
        self.len += 1;
    }

    fn push(&mut self, query: Option<&Query>, document: Option<&Document<'_>>) {
        self.comma();
        match (document, query) {
            (None, _) => self.json.extend_from_slice(b"null"),
            (Some(document), Some(query)) => self.extended |= query.show(document, &mut self.json),
            (Some(document), None) => {
                self.json.extend_from_slice(document.json());
                self.extended |= document.is_extended();
            }
        }
        if let Some(versions) = &mut self.versions {
            versions.push(document.map(Document::schema_version));
        }
    }

    /// The array alone, or with versions and the next page's token around it.
    fn finish(mut self, next: Option<Option<String>>) -> Answer {
        self.json.push(b']');
        if self.versions.is_none() && next.is_none() {
            return Answer { json: self.json, extended: self.extended };
        }
        let mut out = b"{\"docs\":".to_vec();
        out.extend_from_slice(&self.json);
        if let Some(versions) = &self.versions {
            out.extend_from_slice(b",\"versions\":[");
            for (at, version) in versions.iter().enumerate() {
                if at > 0 {
                    out.push(b',');
                }
                let text = version.map_or_else(|| "null".to_owned(), |version| version.to_string());
                out.extend_from_slice(text.as_bytes());
            }
            out.push(b']');
        }
        if let Some(next) = next {
            out.extend_from_slice(b",\"next\":");
            match next {
                Some(token) => json::write_string(&token, &mut out),
                None => out.extend_from_slice(b"null"),
            }
        }
        out.push(b'}');
        Answer { json: out, extended: self.extended }
    }
}

/// A `find` on its way to its answer.
#[derive(Debug)]
pub struct Find {
    selection: Selection,
    list: List,
    last: Option<Token>,
    more: bool,
    /// The ranks of the first and the last match it came to, if it is to remember them.
    seen: Option<Seen>,
}

/// The ends of what a query looked at of its matches.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// The rank of the first, skipped ones aside.
    pub first: Option<Vec<u8>>,
    /// The rank of the last.
    pub last: Option<Vec<u8>>,
    /// How many there were.
    pub count: u64,
}

impl Seen {
    fn note(&mut self, query: &Query, found: &Found<'_>) {
        let mut rank = found.sort_key.to_vec();
        write_id(found.id.as_bytes(), query.ranking.order.id_descending, &mut rank);
        if self.first.is_none() {
            self.first = Some(rank.clone());
        }
        self.last = Some(rank);
        self.count += 1;
    }
}

impl Find {
    /// The task that answers `query`.
    pub fn new(query: Rc<Query>) -> Self {
        let list = List::new(query.versions);
        Self { selection: Selection::new(query), list, last: None, more: false, seen: None }
    }

    /// Remembers where the matches begin and end that it looks at.
    #[must_use]
    pub fn watched(self) -> Self {
        Self { selection: self.selection.with_ranks(), seen: Some(Seen::default()), ..self }
    }

    /// What it looked at, if it was to remember.
    pub fn seen(&self) -> Option<&Seen> {
        self.seen.as_ref()
    }

    /// The selection underneath.
    pub fn selection(&mut self) -> &mut Selection {
        &mut self.selection
    }

    /// Runs on; after a pause it is called again on the same state.
    ///
    /// # Errors
    /// As [`Selection::run`].
    pub fn run(&mut self, view: &dyn Read, catalog: &Catalog) -> Step<()> {
        let Self { selection, list, last, more, seen } = self;
        let query = Rc::clone(selection.query());
        let limit = query.limit.unwrap_or(u64::MAX);
        selection.run(view, catalog, &mut |found: Found<'_>| {
            if let Some(seen) = seen {
                seen.note(&query, &found);
            }
            if list.len >= limit {
                *more = true;
                return Ok(());
            }
            list.push(Some(&query), Some(&found.document));
            if query.page {
                *last = Some(Token { sort_key: found.sort_key.to_vec(), id: found.id.as_bytes().to_vec() });
            }
            Ok(())
        })
    }

    /// The number of documents in the answer so far.
    pub fn len(&self) -> u64 {
        self.list.len
    }

    /// Whether the answer has no document so far.
    pub fn is_empty(&self) -> bool {
        self.list.len == 0
    }

    /// The answer of a finished run.
    pub fn finish(self) -> Answer {
        let query = Rc::clone(self.selection.query());
        let token = self.last.filter(|_| self.more).map(|last| last.write(&query.ranking.order));
        self.list.finish(query.page.then_some(token))
    }
}

/// Documents by id, `null` where missing, in the order asked.
pub fn get_many(view: &dyn Read, catalog: &Catalog, collection: &str, ids: &[&str], versions: bool) -> Step<Answer> {
    let mut list = List::new(versions);
    let found = match catalog.find(view, collection)? {
        Some(collection) => load(view, collection.id, ids)?,
        None => vec![None; ids.len()],
    };
    for stored in &found {
        let document = stored.as_deref().map(Document::parse).transpose()?;
        list.push(None, document.as_ref());
    }
    Ok(list.finish(None))
}

/// One document by id, or `null`.
pub fn get(view: &dyn Read, catalog: &Catalog, collection: &str, id: &str, versions: bool) -> Step<Answer> {
    let found = match catalog.find(view, collection)? {
        Some(collection) => load(view, collection.id, &[id])?.pop().flatten(),
        None => None,
    };
    let document = found.as_deref().map(Document::parse).transpose()?;
    if versions {
        let mut list = List::new(true);
        if document.is_some() {
            list.push(None, document.as_ref());
        }
        return Ok(list.finish(None));
    }
    Ok(match document {
        Some(document) => Answer { json: document.json().to_vec(), extended: document.is_extended() },
        None => Answer::plain(*b"null"),
    })
}

/// Documents written with a schema version below `below`, in slices by id.
pub struct Outdated {
    find: Selection,
    list: List,
    below: u64,
    last: Option<Token>,
    more: bool,
    limit: u64,
}

impl Outdated {
    /// The task; `query` has the collection and the place behind which the slice begins.
    pub fn new(query: Query, below: u64, limit: u64) -> Self {
        let find = Selection::new(Rc::new(query)).with_ranks();
        Self { find, list: List::new(true), below, last: None, more: false, limit: limit.max(1) }
    }

    /// Runs on; after a pause it is called again on the same state.
    ///
    /// # Errors
    /// As [`Selection::run`].
    pub fn run(&mut self, view: &dyn Read, catalog: &Catalog) -> Step<()> {
        let Self { find, list, below, last, more, limit } = self;
        find.run(view, catalog, &mut |found: Found<'_>| {
            if *more || found.document.schema_version() >= *below {
                return Ok(());
            }
            if list.len >= *limit {
                *more = true;
                return Ok(());
            }
            list.push(None, Some(&found.document));
            *last = Some(Token { sort_key: found.sort_key.to_vec(), id: found.id.as_bytes().to_vec() });
            Ok(())
        })
    }

    /// The answer of a finished run.
    ///
    /// # Errors
    /// None so far.
    pub fn finish(self) -> Result<Answer> {
        let order = &self.find.query().ranking.order;
        let token = self.last.filter(|_| self.more).map(|last| last.write(order));
        Ok(self.list.finish(Some(token)))
    }
}
