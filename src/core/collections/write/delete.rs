//! Deleting documents by id or by filter.

use std::rc::Rc;

use crate::engine::{Step, Transaction};

use super::super::catalog::Catalog;
use super::super::document::Document;
use super::super::view::View;
use super::edit::{apply, Edit};
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
    /// Runs it in a transaction.
    ///
    /// # Errors
    /// What a view refuses.
    pub fn run(&self, tx: &mut dyn Transaction, catalog: &Catalog, views: &[Rc<dyn View>]) -> Step<Written> {
        let Some(collection) = catalog.find(tx, &self.collection)? else { return Ok(Written::default()) };
        let found = self.target.load(tx, catalog, &collection)?;
        let edits: Vec<_> = found.iter().map(|(id, stored)| Edit { id, old: Some(stored), new: None }).collect();
        apply(tx, &collection, views, &edits)?;
        let mut written = Written { deleted: found.len() as u64, ..Written::default() };
        for (id, stored) in &found {
            if self.returning {
                let document = Document::parse(stored)?;
                written.extended |= document.is_extended();
                written.documents.push(Some(document.json().to_vec()));
            }
            written.ids.push(id.clone());
        }
        Ok(written)
    }
}
