//! Draws random commands.

use std::collections::BTreeSet;

use tidewell_core::base::SeededRng;

use super::model::{Act, Doc, Edit, Field, Filter, Find, Order, Target};

/// Documents that a `bulk` command puts: more than one slice of an index build brings in.
const BULK: u64 = 620;
/// `u` is one of so many.
const UNIQUE: u64 = 60;

/// A source of commands.
pub(crate) struct Author {
    pub(crate) rng: SeededRng,
    /// Ids to choose from.
    pub(crate) ids: u64,
    /// The longest text of a document.
    pub(crate) pad: u64,
}

impl Author {
    fn number(&self) -> i64 {
        self.rng.below(30) as i64 - 5
    }

    fn id(&self) -> String {
        format!("d{:02}", self.rng.below(self.ids))
    }

    fn doc(&self, id: String) -> Doc {
        Doc {
            id,
            k: self.rng.below(4) as i64,
            n: self.number(),
            u: self.rng.one_in(3).then(|| self.rng.below(UNIQUE) as i64),
            tags: (0..self.rng.below(4)).map(|_| self.rng.below(6) as i64).collect(),
            pad: self.rng.index(if self.rng.one_in(4) { self.pad as usize } else { 20 }),
        }
    }

    fn docs(&self) -> Vec<Doc> {
        let ids: BTreeSet<String> = (0..1 + self.rng.below(4)).map(|_| self.id()).collect();
        ids.into_iter().map(|id| self.doc(id)).collect()
    }

    /// Many small documents at once.
    pub(crate) fn bulk(&self) -> Act {
        let doc = |n: u64| Doc { pad: 0, u: None, tags: Vec::new(), ..self.doc(format!("b{n:03}")) };
        Act::Put(2, (0..BULK).map(doc).collect())
    }

    fn collection(&self) -> usize {
        match self.rng.below(10) {
            0 => 2,
            1..=3 => 1,
            _ => 0,
        }
    }

    fn filter(&self) -> Filter {
        match self.rng.below(12) {
            0 => Filter::All,
            1 | 2 => Filter::Group(self.rng.below(4) as i64),
            3 | 4 => {
                let from = self.number();
                Filter::Between(from, from + self.rng.below(10) as i64)
            }
            5 | 6 => Filter::Tag(self.rng.below(6) as i64),
            7 => Filter::Unique(self.rng.below(UNIQUE) as i64),
            8 => Filter::Absent,
            9 | 10 => Filter::Both(Box::new(self.filter()), Box::new(self.filter())),
            _ => Filter::Either(Box::new(self.filter()), Box::new(self.filter())),
        }
    }

    fn order(&self) -> Order {
        let down = || self.rng.one_in(2);
        Order(match self.rng.below(3) {
            0 => vec![(Field::N, down())],
            1 => vec![(Field::K, down()), (Field::N, down())],
            _ => vec![(Field::N, down()), (Field::K, down())],
        })
    }

    /// A query; `live` ones have an order, and so a place for every document.
    pub(crate) fn find(&self, live: bool) -> Find {
        let order = (live || self.rng.one_in(2)).then(|| self.order());
        let paged = order.is_some();
        Find {
            collection: if live { self.rng.index(2) } else { self.collection() },
            filter: self.filter(),
            order,
            skip: if paged && self.rng.one_in(3) { self.rng.index(5) } else { 0 },
            limit: (paged && self.rng.one_in(2)).then(|| 1 + self.rng.index(8)),
        }
    }

    pub(crate) fn reading(&self) -> Act {
        match self.rng.below(4) {
            0 => Act::Count(self.collection(), self.filter()),
            1 => Act::Groups(self.collection(), self.filter()),
            _ => Act::Find(self.find(false)),
        }
    }

    fn target(&self) -> Target {
        match self.rng.below(5) {
            0 | 1 => Target::Id(self.id()),
            2 => Target::First(self.filter(), self.order()),
            // Most documents at once is rare, or nothing would be left to tell apart.
            _ => Target::Many(Filter::Both(Box::new(self.filter()), Box::new(Filter::Group(self.rng.below(4) as i64)))),
        }
    }

    fn edit(&self) -> Edit {
        match self.rng.below(9) {
            0 => Edit::SetN(self.number()),
            1 => Edit::Inc(self.number()),
            2 => Edit::Min(self.number()),
            3 => Edit::Mul(2),
            4 => Edit::SetU(self.rng.below(UNIQUE) as i64),
            5 => Edit::UnsetU,
            6 => Edit::Push(self.rng.below(6) as i64),
            7 => Edit::Pull(self.rng.below(6) as i64),
            _ => Edit::AddToSet(self.rng.below(6) as i64),
        }
    }

    pub(crate) fn writing(&self) -> Act {
        let collection = self.collection();
        match self.rng.below(8) {
            0 | 1 => Act::Insert(collection, self.docs()),
            2..=4 => Act::Put(collection, self.docs()),
            5 | 6 => Act::Update(collection, self.target(), self.edit()),
            _ => Act::Delete(collection, self.target()),
        }
    }

    /// Writes in two collections, with looks in between.
    pub(crate) fn transaction(&self) -> Vec<Act> {
        let mut acts = Vec::new();
        for _ in 0..2 + self.rng.below(3) {
            if self.rng.one_in(2) {
                acts.push(self.reading());
            }
            acts.push(self.writing());
        }
        acts
    }

    /// An index of a collection: its name and the specification.
    pub(crate) fn index(&self) -> (&'static str, &'static str) {
        let all = [
            ("n", r#""n""#),
            ("tags", r#""tags""#),
            ("k,n", r#"["k","n"]"#),
            ("down", r#"{"name":"down","fields":[["n",-1]]}"#),
            ("u", r#"{"fields":["u"],"unique":true}"#),
        ];
        all[self.rng.index(all.len())]
    }

    /// A collection, for an index.
    pub(crate) fn collection_of_index(&self) -> usize {
        self.rng.index(3)
    }
}
