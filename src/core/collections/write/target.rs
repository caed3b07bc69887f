//! Which documents an update or a delete is about.

use std::rc::Rc;

use crate::engine::{Read, Step};

use super::super::catalog::{Catalog, Collection};
use super::super::find::{Query, Selection};
use super::edit::load;

/// The documents.
#[derive(Clone, Debug)]
pub enum Target {
    /// Those with these ids, as far as they exist.
    Ids(Vec<Box<str>>),
    /// The matches of a query.
    Query(Rc<Query>),
}

/// A document that was found: its id and its stored bytes.
pub(super) type Loaded = (Box<str>, Vec<u8>);

impl Target {
    /// The documents as they are, each once.
    pub(super) fn load(&self, view: &dyn Read, catalog: &Catalog, collection: &Collection) -> Step<Vec<Loaded>> {
        match self {
            Self::Ids(ids) => {
                let mut distinct: Vec<&str> = ids.iter().map(|id| &**id).collect();
                let mut seen = crate::base::FastSet::default();
                distinct.retain(|id| seen.insert(*id));
                let found = load(view, collection.id, &distinct)?;
                let pairs = distinct.into_iter().zip(found);
                Ok(pairs.filter_map(|(id, bytes)| Some((id.into(), bytes?))).collect())
            }
            Self::Query(query) => {
                let mut found = Vec::new();
                Selection::new(Rc::clone(query)).unsliced().run(view, catalog, &mut |one| {
                    found.push((one.id.into(), one.stored.to_vec()));
                    Ok(())
                })?;
                Ok(found)
            }
        }
    }
}
