//! The view of documents by which a cache never lies: the commit that changes a document removes every entry that was
//! computed from it, and what was computed from those.
//!
//! A commit on a collection that nothing was ever computed from pays one look-up.

use std::cell::RefCell;
use std::rc::Rc;

use crate::base::planted::{planted, Bug};
use crate::base::{FastMap, Result};
use crate::collections::catalog::Collection;
use crate::collections::view::{Change, View};
use crate::engine::{Direction, KeyRange, Read, Step, Transaction};

use super::dependency::{decode_interests, Watch};
use super::keys::{self, Address};
use super::store::{doom, execute, remove_all, Doomed};

/// Up to so many changed documents are looked up one by one; more are compared with a walk over all of them.
const SEEKS_MAX: usize = 64;
/// Parsed interests kept.
const PARSED_MAX: usize = 1024;

/// Removes what a commit makes wrong. An instance has one.
#[derive(Default)]
pub struct CacheView {
    parsed: RefCell<FastMap<Vec<u8>, Rc<Vec<Watch>>>>,
    /// What `check` found for the `apply` that follows it.
    found: RefCell<Doomed>,
}

impl View for CacheView {
    fn check(&self, view: &dyn Read, collection: &Collection, changes: &[Change<'_>]) -> Step<()> {
        self.found.borrow_mut().clear();
        if planted(Bug::ForgetCacheInvalidation) || !view.contains(&keys::watched(&collection.name))? {
            return Ok(());
        }
        let mut roots = Vec::new();
        by_documents(view, &collection.name, changes, &mut roots)?;
        self.by_queries(view, &collection.name, changes, &mut roots)?;
        *self.found.borrow_mut() = doom(view, &roots)?;
        Ok(())
    }

    fn apply(&self, tx: &mut dyn Transaction, _collection: &Collection, _changes: &[Change<'_>]) -> Step<()> {
        let doomed = std::mem::take(&mut *self.found.borrow_mut());
        execute(tx, &doomed).map(drop)
    }
}

impl CacheView {
    fn by_queries(
        &self,
        view: &dyn Read,
        collection: &str,
        changes: &[Change<'_>],
        roots: &mut Vec<Address>,
    ) -> Step<()> {
        let prefix = keys::queries_prefix(collection);
        let mut cursor = view.cursor(KeyRange::prefix(&prefix), Direction::Forward);
        while cursor.advance()? {
            let watches = self.parse(cursor.value())?;
            if watches.iter().any(|watch| changes.iter().any(|change| watch.is_concerned(change))) {
                roots.push(keys::read_address(cursor.key().get(prefix.len()..).unwrap_or_default())?);
            }
        }
        Ok(())
    }

    fn parse(&self, bytes: &[u8]) -> Result<Rc<Vec<Watch>>> {
        let mut parsed = self.parsed.borrow_mut();
        if let Some(watches) = parsed.get(bytes) {
            return Ok(Rc::clone(watches));
        }
        if parsed.len() >= PARSED_MAX {
            parsed.clear();
        }
        let watches = Rc::new(decode_interests(bytes)?);
        parsed.insert(bytes.to_vec(), Rc::clone(&watches));
        Ok(watches)
    }
}

/// The entries that were computed from one of the documents by its id.
fn by_documents(view: &dyn Read, collection: &str, changes: &[Change<'_>], roots: &mut Vec<Address>) -> Step<()> {
    let prefixes: Vec<Vec<u8>> = match changes.len() <= SEEKS_MAX {
        true => changes.iter().map(|change| keys::document_prefix(collection, change.id)).collect(),
        false => Vec::new(),
    };
    for prefix in &prefixes {
        let mut cursor = view.cursor(KeyRange::prefix(prefix), Direction::Forward);
        while cursor.advance()? {
            roots.push(keys::read_address(cursor.key().get(prefix.len()..).unwrap_or_default())?);
        }
    }
    if prefixes.is_empty() {
        walk_documents(view, collection, changes, roots)?;
    }
    Ok(())
}

fn walk_documents(view: &dyn Read, collection: &str, changes: &[Change<'_>], roots: &mut Vec<Address>) -> Step<()> {
    let changed: crate::base::FastSet<&[u8]> = changes.iter().map(|change| change.id.as_bytes()).collect();
    let prefix = keys::documents_prefix(collection);
    let mut cursor = view.cursor(KeyRange::prefix(&prefix), Direction::Forward);
    while cursor.advance()? {
        let rest = cursor.key().get(prefix.len()..).unwrap_or_default();
        let Some((&[high, low], rest)) = rest.split_first_chunk::<2>() else { continue };
        let Some((id, address)) = rest.split_at_checked(u16::from_be_bytes([high, low]).into()) else { continue };
        if changed.contains(id) {
            roots.push(keys::read_address(address)?);
        }
    }
    Ok(())
}

/// Removes everything that was computed from the collection: all its documents go at once.
pub fn drop_dependents(tx: &mut dyn Transaction, collection: &str) -> Step<()> {
    let mut roots = Vec::new();
    walk_all(tx, collection, &mut roots)?;
    remove_all(tx, &roots).map(drop)
}

fn walk_all(view: &dyn Read, collection: &str, roots: &mut Vec<Address>) -> Step<()> {
    let prefix = keys::documents_prefix(collection);
    let mut cursor = view.cursor(KeyRange::prefix(&prefix), Direction::Forward);
    while cursor.advance()? {
        let rest = cursor.key().get(prefix.len()..).unwrap_or_default();
        let Some((&[high, low], rest)) = rest.split_first_chunk::<2>() else { continue };
        let id = usize::from(u16::from_be_bytes([high, low]));
        roots.push(keys::read_address(rest.get(id..).unwrap_or_default())?);
    }
    let prefix = keys::queries_prefix(collection);
    let mut cursor = view.cursor(KeyRange::prefix(&prefix), Direction::Forward);
    while cursor.advance()? {
        roots.push(keys::read_address(cursor.key().get(prefix.len()..).unwrap_or_default())?);
    }
    Ok(())
}
