//! The model: documents of one fixed shape in plain maps, and the few commands that the tests draw from.
//!
//! It shares no code with what it judges: filters, sorts and updates are written again, in the simplest way.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

/// The collections there are.
pub(crate) const COLLECTIONS: [&str; 3] = ["notes", "tasks", "bulk"];

/// A document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Doc {
    pub(crate) id: String,
    /// A group that never changes.
    pub(crate) k: i64,
    pub(crate) n: i64,
    /// Unique, where an index says so.
    pub(crate) u: Option<i64>,
    pub(crate) tags: Vec<i64>,
    /// The length of a text.
    pub(crate) pad: usize,
}

impl Doc {
    pub(crate) fn json(&self) -> String {
        let unique = self.u.map_or(String::new(), |u| format!(",\"u\":{u}"));
        format!(
            "{{\"id\":\"{}\",\"k\":{},\"n\":{},\"tags\":{:?},\"p\":\"{}\"{unique}}}",
            self.id,
            self.k,
            self.n,
            self.tags,
            "p".repeat(self.pad)
        )
    }
}

/// A state: the documents of each collection by id. Clones share what neither changes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct State([Rc<BTreeMap<String, Rc<Doc>>>; 3]);

impl State {
    pub(crate) fn get(&self, collection: usize, id: &str) -> Option<&Rc<Doc>> {
        self.0[collection].get(id)
    }

    pub(crate) fn set(&mut self, collection: usize, id: &str, doc: Option<Rc<Doc>>) {
        let documents = Rc::make_mut(&mut self.0[collection]);
        match doc {
            Some(doc) => drop(documents.insert(id.to_owned(), doc)),
            None => drop(documents.remove(id)),
        }
    }

    pub(crate) fn all(&self, collection: usize) -> impl Iterator<Item = &Rc<Doc>> {
        self.0[collection].values()
    }

    /// Whether two documents of the collection have the same `u`.
    pub(crate) fn has_double(&self, collection: usize) -> bool {
        let mut seen = BTreeSet::new();
        self.all(collection).filter_map(|doc| doc.u).any(|u| !seen.insert(u))
    }
}

/// Which documents.
#[derive(Clone, Debug)]
pub(crate) enum Filter {
    All,
    Group(i64),
    /// `n` from here (inclusive) to there (exclusive).
    Between(i64, i64),
    Tag(i64),
    Unique(i64),
    Absent,
    Both(Box<Filter>, Box<Filter>),
    Either(Box<Filter>, Box<Filter>),
}

impl Filter {
    pub(crate) fn json(&self) -> String {
        match self {
            Self::All => "{}".to_owned(),
            Self::Group(k) => format!("{{\"k\":{k}}}"),
            Self::Between(from, to) => format!("{{\"n\":{{\"$gte\":{from},\"$lt\":{to}}}}}"),
            Self::Tag(tag) => format!("{{\"tags\":{tag}}}"),
            Self::Unique(u) => format!("{{\"u\":{u}}}"),
            Self::Absent => "{\"u\":{\"$exists\":false}}".to_owned(),
            Self::Both(one, other) => format!("{{\"$and\":[{},{}]}}", one.json(), other.json()),
            Self::Either(one, other) => format!("{{\"$or\":[{},{}]}}", one.json(), other.json()),
        }
    }

    pub(crate) fn matches(&self, doc: &Doc) -> bool {
        match self {
            Self::All => true,
            Self::Group(k) => doc.k == *k,
            Self::Between(from, to) => *from <= doc.n && doc.n < *to,
            Self::Tag(tag) => doc.tags.contains(tag),
            Self::Unique(u) => doc.u == Some(*u),
            Self::Absent => doc.u.is_none(),
            Self::Both(one, other) => one.matches(doc) && other.matches(doc),
            Self::Either(one, other) => one.matches(doc) || other.matches(doc),
        }
    }
}

/// An order: by fields, then by id in the direction of the last one.
#[derive(Clone, Debug)]
pub(crate) struct Order(pub(crate) Vec<(Field, bool)>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Field {
    K,
    N,
}

impl Order {
    fn json(&self) -> String {
        let name = |field: &Field| if *field == Field::K { "k" } else { "n" };
        let parts = self.0.iter().map(|(field, down)| format!("\"{}\":{}", name(field), if *down { -1 } else { 1 }));
        format!("{{{}}}", parts.collect::<Vec<_>>().join(","))
    }

    fn compare(&self, a: &Doc, b: &Doc) -> Ordering {
        let value = |field: Field, doc: &Doc| if field == Field::K { doc.k } else { doc.n };
        let turn = |order: Ordering, down: bool| if down { order.reverse() } else { order };
        let by_fields = self.0.iter().map(|(field, down)| turn(value(*field, a).cmp(&value(*field, b)), *down));
        let last_down = self.0.last().is_some_and(|(_, down)| *down);
        by_fields.fold(Ordering::Equal, Ordering::then).then(turn(a.id.cmp(&b.id), last_down))
    }
}

/// A query with its order: without one, the whole result as a set.
#[derive(Clone, Debug)]
pub(crate) struct Find {
    pub(crate) collection: usize,
    pub(crate) filter: Filter,
    pub(crate) order: Option<Order>,
    pub(crate) skip: usize,
    pub(crate) limit: Option<usize>,
}

impl Find {
    pub(crate) fn command(&self) -> String {
        let sort = self.order.as_ref().map_or(String::new(), |order| format!(",\"sort\":{}", order.json()));
        let limit = self.limit.map_or(String::new(), |limit| format!(",\"limit\":{limit}"));
        format!(
            "{{\"op\":\"find\",\"collection\":\"{}\",\"filter\":{}{sort},\"skip\":{}{limit}",
            COLLECTIONS[self.collection],
            self.filter.json(),
            self.skip
        )
    }

    pub(crate) fn run(&self, state: &State) -> Vec<Doc> {
        let mut found: Vec<&Rc<Doc>> = state.all(self.collection).filter(|doc| self.filter.matches(doc)).collect();
        if let Some(order) = &self.order {
            found.sort_by(|a, b| order.compare(a, b));
        }
        let shown = found.into_iter().skip(self.skip).take(self.limit.unwrap_or(usize::MAX));
        shown.map(|doc| Doc::clone(doc)).collect()
    }
}

/// What an update does to one document.
#[derive(Clone, Debug)]
pub(crate) enum Edit {
    SetN(i64),
    Inc(i64),
    Min(i64),
    Mul(i64),
    SetU(i64),
    UnsetU,
    Push(i64),
    Pull(i64),
    AddToSet(i64),
}

impl Edit {
    fn json(&self) -> String {
        match self {
            Self::SetN(n) => format!("{{\"$set\":{{\"n\":{n}}}}}"),
            Self::Inc(n) => format!("{{\"$inc\":{{\"n\":{n}}}}}"),
            Self::Min(n) => format!("{{\"$min\":{{\"n\":{n}}}}}"),
            Self::Mul(n) => format!("{{\"$mul\":{{\"n\":{n}}}}}"),
            Self::SetU(u) => format!("{{\"$set\":{{\"u\":{u}}}}}"),
            Self::UnsetU => "{\"$unset\":{\"u\":1}}".to_owned(),
            Self::Push(tag) => format!("{{\"$push\":{{\"tags\":{tag}}}}}"),
            Self::Pull(tag) => format!("{{\"$pull\":{{\"tags\":{tag}}}}}"),
            Self::AddToSet(tag) => format!("{{\"$addToSet\":{{\"tags\":{tag}}}}}"),
        }
    }

    fn apply(&self, doc: &mut Doc) {
        match self {
            Self::SetN(n) => doc.n = *n,
            Self::Inc(n) => doc.n += n,
            Self::Min(n) => doc.n = doc.n.min(*n),
            Self::Mul(n) => doc.n = doc.n.wrapping_mul(*n),
            Self::SetU(u) => doc.u = Some(*u),
            Self::UnsetU => doc.u = None,
            Self::Push(tag) => doc.tags.push(*tag),
            Self::Pull(tag) => doc.tags.retain(|other| other != tag),
            Self::AddToSet(tag) if doc.tags.contains(tag) => {}
            Self::AddToSet(tag) => doc.tags.push(*tag),
        }
    }
}

/// Which documents a write changes.
#[derive(Clone, Debug)]
pub(crate) enum Target {
    Id(String),
    Many(Filter),
    /// The first match in this order.
    First(Filter, Order),
}

impl Target {
    fn json(&self) -> String {
        match self {
            Self::Id(id) => format!("\"id\":\"{id}\""),
            Self::Many(filter) => format!("\"filter\":{}", filter.json()),
            Self::First(filter, order) => {
                format!("\"filter\":{},\"many\":false,\"sort\":{}", filter.json(), order.json())
            }
        }
    }

    fn ids(&self, state: &State, collection: usize) -> Vec<String> {
        let (filter, order, limit) = match self {
            Self::Id(id) => return state.get(collection, id).map(|doc| doc.id.clone()).into_iter().collect(),
            Self::Many(filter) => (filter, None, None),
            Self::First(filter, order) => (filter, Some(order.clone()), Some(1)),
        };
        let find = Find { collection, filter: filter.clone(), order, skip: 0, limit };
        find.run(state).into_iter().map(|doc| doc.id).collect()
    }
}

/// A command.
#[derive(Clone, Debug)]
pub(crate) enum Act {
    Insert(usize, Vec<Doc>),
    Put(usize, Vec<Doc>),
    Update(usize, Target, Edit),
    Delete(usize, Target),
    Find(Find),
    Count(usize, Filter),
    /// Documents by `k`, as `$group` counts them.
    Groups(usize, Filter),
}

/// What a command answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Written {
        inserted: u64,
        matched: u64,
        modified: u64,
        ids: BTreeSet<String>,
    },
    Docs(Vec<Doc>),
    Number(u64),
    Groups(Vec<(i64, u64)>),
    /// It was refused, and why.
    Refused(&'static str),
}

impl Act {
    /// The command's JSON, without the closing brace.
    pub(crate) fn command(&self) -> String {
        let op =
            |op: &str, collection: usize| format!("{{\"op\":\"{op}\",\"collection\":\"{}\"", COLLECTIONS[collection]);
        let docs = |docs: &[Doc]| docs.iter().map(Doc::json).collect::<Vec<_>>().join(",");
        match self {
            Self::Insert(at, new) => format!("{},\"docs\":[{}]", op("insert", *at), docs(new)),
            Self::Put(at, new) => format!("{},\"docs\":[{}]", op("put", *at), docs(new)),
            Self::Update(at, target, edit) => {
                format!("{},{},\"update\":{}", op("update", *at), target.json(), edit.json())
            }
            Self::Delete(at, target) => format!("{},{}", op("delete", *at), target.json()),
            Self::Find(find) => find.command(),
            Self::Count(at, filter) => format!("{},\"filter\":{}", op("count", *at), filter.json()),
            Self::Groups(at, filter) => format!(
                "{},\"pipeline\":[{{\"$match\":{}}},{{\"$group\":{{\"_id\":\"$k\",\"n\":{{\"$sum\":1}}}}}},{{\"$sort\":{{\"_id\":1}}}}]",
                op("aggregate", *at),
                filter.json()
            ),
        }
    }

    pub(crate) fn collection(&self) -> usize {
        match self {
            Self::Insert(at, _) | Self::Put(at, _) | Self::Update(at, ..) | Self::Delete(at, _) => *at,
            Self::Find(find) => find.collection,
            Self::Count(at, _) | Self::Groups(at, _) => *at,
        }
    }

    /// Runs it on the model. Notes the documents it may have written.
    pub(crate) fn run(&self, state: &mut State, touched: &mut BTreeSet<(usize, String)>) -> Answer {
        match self {
            Self::Insert(at, docs) if docs.iter().any(|doc| state.get(*at, &doc.id).is_some()) => {
                Answer::Refused("duplicate-id")
            }
            Self::Insert(at, docs) | Self::Put(at, docs) => {
                let (mut inserted, mut matched) = (0, 0);
                for doc in docs {
                    let existed = state.get(*at, &doc.id).is_some();
                    (inserted, matched) = (inserted + u64::from(!existed), matched + u64::from(existed));
                    state.set(*at, &doc.id, Some(Rc::new(doc.clone())));
                    touched.insert((*at, doc.id.clone()));
                }
                let ids = docs.iter().map(|doc| doc.id.clone()).collect();
                Answer::Written { inserted, matched, modified: 0, ids }
            }
            Self::Update(at, target, edit) => {
                let ids = target.ids(state, *at);
                let mut modified = 0;
                for id in &ids {
                    let Some(old) = state.get(*at, id).cloned() else { continue };
                    let mut new = Doc::clone(&old);
                    edit.apply(&mut new);
                    modified += u64::from(new != *old);
                    state.set(*at, id, Some(Rc::new(new)));
                    touched.insert((*at, id.clone()));
                }
                Answer::Written { inserted: 0, matched: ids.len() as u64, modified, ids: ids.into_iter().collect() }
            }
            Self::Delete(at, target) => {
                let ids = target.ids(state, *at);
                for id in &ids {
                    state.set(*at, id, None);
                    touched.insert((*at, id.clone()));
                }
                Answer::Written { inserted: 0, matched: ids.len() as u64, modified: 0, ids: ids.into_iter().collect() }
            }
            Self::Find(find) => Answer::Docs(in_order(find, find.run(state))),
            Self::Count(at, filter) => Answer::Number(state.all(*at).filter(|doc| filter.matches(doc)).count() as u64),
            Self::Groups(at, filter) => {
                let mut groups: BTreeMap<i64, u64> = BTreeMap::new();
                for doc in state.all(*at).filter(|doc| filter.matches(doc)) {
                    *groups.entry(doc.k).or_default() += 1;
                }
                Answer::Groups(groups.into_iter().collect())
            }
        }
    }
}

/// A result whose order nobody asked for, in the order of ids.
pub(crate) fn in_order(find: &Find, mut docs: Vec<Doc>) -> Vec<Doc> {
    if find.order.is_none() {
        docs.sort_by(|a, b| a.id.cmp(&b.id));
    }
    docs
}
