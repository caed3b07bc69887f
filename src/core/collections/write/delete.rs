//! Deleting documents by id or by filter.

use std::rc::Rc;

use crate::engine::{Step, Transaction};

use super::super::catalog::Catalog;
use super::super::document::Document;
use super::super::view::View;
use super::sweep::{Fate, Sweep, Work};
use super::target::Target;
use super::Written;

/// The operation.
#[derive(Clone, Debug)]
pub struct Delete {
    /// The collection's name.
    pub collection: Box<str>,
    /// Which documents.
    pub target: Target,
    /// Whether the answer has the documents as they were.
    pub returning: bool,
}

impl Delete {
    /// Runs it in a transaction. `sweep` is how far earlier runs have come.
    ///
    /// # Errors
    /// What a view refuses; [`Pause::Yield`](crate::engine::Pause::Yield) after a slice.
    pub fn run(
        &self,
        sweep: &mut Sweep,
        tx: &mut dyn Transaction,
        catalog: &Catalog,
        views: &[Rc<dyn View>],
    ) -> Step<Written> {
        let make = |_: &str, _: &[u8]| Ok(Fate::Gone);
        let Self { collection, target, returning } = self;
        let work = Work { catalog, views, collection, target, make: &make, returning: *returning };
        let found = sweep.run(tx, &work)?;
        let mut written = Written { deleted: found.len() as u64, ..Written::default() };
        for one in found {
            if self.returning {
                let document = Document::parse(&one.old)?;
                written.extended |= document.is_extended();
                written.documents.push(Some(document.json().to_vec()));
            }
            written.ids.push(one.id);
        }
        Ok(written)
    }
}
