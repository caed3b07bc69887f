//! What an entry was computed from, and whether a change of a document concerns it.
//!
//! Never too narrow: what cannot be decided counts as concerned.

use crate::base::{sort, write_slice, Error, Reader, Result};
use crate::collections::find::Matcher;
use crate::collections::view::Change;
use crate::collections::{json, Document};

use super::keys::Address;
use super::window::{Ready, Window};

/// How an interest is stored.
const CONTENT: u8 = 0;
const MEMBERSHIP: u8 = 1;
const WINDOW: u8 = 2;

/// Documents of one collection that one entry may name by id; more count as the whole collection.
const IDS_MAX: usize = 4096;
/// Different queries of one entry on one collection; more count as the whole collection.
const INTERESTS_MAX: usize = 64;
/// The longest filter that is kept, in bytes of JSON; a longer one counts as matching everything.
const FILTER_MAX: usize = 8 << 10;

/// What about the matching documents decides the answer of a query.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Aspect {
    /// Anything in them.
    Content,
    /// Only which ones match.
    Membership,
}

/// The documents a query looks for.
#[derive(Clone, Debug, PartialEq)]
pub struct Interest {
    /// What about them matters.
    pub aspect: Aspect,
    /// The filter as tagged JSON; empty matches everything.
    pub filter: Vec<u8>,
    /// The time its expressions saw, in milliseconds since the Unix epoch.
    pub now_ms: f64,
    /// Which part of the ordered matches counts; `None`: all of them.
    pub window: Option<Window>,
}

/// One thing an entry was computed from.
#[derive(Clone, Debug, PartialEq)]
pub enum Dependency {
    /// A document, whether it exists or not.
    Document {
        /// The collection's name.
        collection: Box<str>,
        /// The document's id.
        id: Box<str>,
    },
    /// The documents that a query looks for.
    Query {
        /// The collection's name.
        collection: Box<str>,
        /// Which of its documents.
        interest: Interest,
    },
    /// Another entry, whether it exists or not.
    Entry(Address),
}

impl Interest {
    /// The documents that `matcher` matches.
    pub fn new(aspect: Aspect, matcher: &Matcher, now_ms: f64) -> Self {
        let filter = if matcher.is_all() { Vec::new() } else { json::to_json(&matcher.value) };
        let filter = if filter.len() > FILTER_MAX { Vec::new() } else { filter };
        Self { aspect, filter, now_ms, window: None }
    }

    /// Every document of the collection.
    pub fn all() -> Self {
        Self { aspect: Aspect::Content, filter: Vec::new(), now_ms: 0.0, window: None }
    }
}

/// The queries of one entry on one collection.
pub type Interests = Vec<Interest>;

/// The bytes of a list of interests (docs/FORMAT.md).
pub fn encode_interests(interests: &[Interest]) -> Vec<u8> {
    let mut out = Vec::new();
    for interest in interests {
        out.push(match (interest.aspect, &interest.window) {
            (Aspect::Membership, _) => MEMBERSHIP,
            (Aspect::Content, None) => CONTENT,
            (Aspect::Content, Some(_)) => WINDOW,
        });
        out.extend_from_slice(&interest.now_ms.to_bits().to_le_bytes());
        write_slice(&mut out, &interest.filter);
        if let (Aspect::Content, Some(window)) = (interest.aspect, &interest.window) {
            window.write(&mut out);
        }
    }
    out
}

/// Reads what [`encode_interests`] wrote, ready to match.
///
/// # Errors
/// `Corrupt` if the bytes make no sense.
pub fn decode_interests(bytes: &[u8]) -> Result<Vec<Watch>> {
    let mut reader = Reader::new(bytes);
    let mut watches = Vec::new();
    while !reader.is_empty() {
        let kind = reader.u8()?;
        let aspect = match kind {
            CONTENT | WINDOW => Aspect::Content,
            MEMBERSHIP => Aspect::Membership,
            _ => return Err(Error::corrupt("a cache entry depends on something of a later version")),
        };
        let now_ms = f64::from_bits(reader.u64()?);
        let filter = reader.slice()?;
        // A filter that an earlier version understood and this one does not matches everything.
        let parse = |filter: &[u8]| Matcher::parse(json::parse(filter)?, now_ms);
        let matcher = if filter.is_empty() { None } else { parse(filter).ok() };
        // An order that this version does not understand: everything that matches counts.
        let window = if kind == WINDOW { Window::read(&mut reader)?.ready() } else { None };
        watches.push(Watch { aspect, matcher, window });
    }
    Ok(watches)
}

/// An interest that was parsed.
#[derive(Debug)]
pub struct Watch {
    aspect: Aspect,
    /// `None` matches everything.
    matcher: Option<Matcher>,
    window: Option<Ready>,
}

impl Watch {
    /// Whether the change may change the query's answer.
    pub fn is_concerned(&self, change: &Change<'_>) -> bool {
        // What an expression cannot compute may be what the query would have failed on.
        let matches = |document: Option<&Document<'_>>| match (document, &self.matcher) {
            (None, _) => Ok(false),
            (Some(_), None) => Ok(true),
            (Some(document), Some(matcher)) => matcher.matches(document),
        };
        match (matches(change.old.as_ref()), matches(change.new.as_ref())) {
            (Ok(old), Ok(new)) if self.aspect == Aspect::Membership => old != new,
            (Ok(old), Ok(new)) => {
                (old || new) && self.window.as_ref().is_none_or(|window| window.shows(change, old, new))
            }
            _ => true,
        }
    }
}

/// The dependencies of one entry by where they are stored.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Grouped {
    /// Documents: collection and id.
    pub documents: Vec<(Box<str>, Box<str>)>,
    /// Queries by collection.
    pub queries: Vec<(Box<str>, Interests)>,
    /// Other entries.
    pub entries: Vec<Address>,
}

impl Grouped {
    /// Sorts dependencies out; equal ones count once, and too many of a kind count as the whole collection.
    pub fn new(dependencies: &[Dependency]) -> Self {
        let mut grouped = Self::default();
        for dependency in dependencies {
            match dependency {
                Dependency::Document { collection, id } => grouped.documents.push((collection.clone(), id.clone())),
                Dependency::Query { collection, interest } => grouped.add_interest(collection, interest.clone()),
                Dependency::Entry(address) => grouped.entries.push(address.clone()),
            }
        }
        sort::sort(&mut grouped.documents);
        grouped.documents.dedup();
        sort::sort(&mut grouped.entries);
        grouped.entries.dedup();
        grouped.collapse();
        grouped
    }

    fn add_interest(&mut self, collection: &str, interest: Interest) {
        let list = match self.queries.iter_mut().find(|(name, _)| &**name == collection) {
            Some((_, list)) => list,
            None => {
                self.queries.push((collection.into(), Vec::new()));
                let Some((_, list)) = self.queries.last_mut() else { return };
                list
            }
        };
        let same = |one: &Interest| {
            one.aspect == interest.aspect && one.filter == interest.filter && one.window == interest.window
        };
        if !list.iter().any(same) {
            list.push(interest);
        }
    }

    /// Whole collections instead of long lists; nothing by id where the whole collection counts.
    fn collapse(&mut self) {
        let mut counted: Vec<(Box<str>, usize)> = Vec::new();
        for (collection, _) in &self.documents {
            match counted.last_mut() {
                Some((name, count)) if name == collection => *count += 1,
                _ => counted.push((collection.clone(), 1)),
            }
        }
        for (collection, _) in counted.iter().filter(|(_, count)| *count > IDS_MAX) {
            self.add_interest(collection, Interest::all());
        }
        for (_, list) in &mut self.queries {
            let is_all = |one: &Interest| *one == Interest::all();
            if list.len() > INTERESTS_MAX || list.iter().any(is_all) {
                *list = vec![Interest::all()];
            }
        }
        let queries = &self.queries;
        let whole = |name: &str| queries.iter().any(|(other, list)| &**other == name && list == &[Interest::all()]);
        self.documents.retain(|(collection, _)| !whole(collection));
    }
}
