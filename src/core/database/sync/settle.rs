//! The end of a commit that takes an answer: the documents of the collections become what the client shows, by the normal way
//! of a write with all its views, and what is known of each is written along.
//!
//! It writes nothing to the outbox.

use std::collections::BTreeMap;
use std::rc::Rc;

use crate::base::{Result, SortedMap};
use crate::collections::catalog::Collection;
use crate::collections::document::encode_value;
use crate::collections::view::View;
use crate::collections::write::{apply, load, Edit};
use crate::collections::{json, Document, Value};
use crate::engine::Step;
use crate::sync::client::{key_of, Table, Touched};
use crate::sync::Client;

use super::keys::{self, Known};
use super::store::EngineStore;

/// What becomes of one document.
struct Change {
    id: Box<str>,
    old: Option<Vec<u8>>,
    new: Option<Vec<u8>>,
    /// Its record, if that is another one now.
    record: Option<Option<Vec<u8>>>,
}

impl EngineStore<'_> {
    /// Makes `touched` documents what `client` shows.
    pub(super) fn settle(&mut self, client: &Client, touched: Touched, views: &[Rc<dyn View>]) -> Step<()> {
        let mut overlay = BTreeMap::new();
        for key in &touched {
            if let Some(document) = client.pending_view(key) {
                overlay.insert(key_of(&key.0, &key.1), document.cloned());
            }
        }
        let mut by_collection: SortedMap<Box<str>, Vec<Box<str>>> = SortedMap::new();
        for (collection, id) in touched {
            by_collection.or_default(collection).push(id);
        }
        for (name, ids) in by_collection {
            if self.settings().find(&name).is_some() {
                self.settle_collection(&name, &ids, &overlay, views)?;
            }
        }
        Ok(())
    }

    fn settle_collection(
        &mut self,
        name: &str,
        ids: &[Box<str>],
        overlay: &BTreeMap<Box<str>, Option<Value>>,
        views: &[Rc<dyn View>],
    ) -> Step<()> {
        let catalog = self.catalog();
        let collection = match catalog.find(self.read(), name)? {
            Some(collection) => collection,
            None => catalog.find_or_create(self.tx()?, name)?,
        };
        let wanted: Vec<&str> = ids.iter().map(|id| &**id).collect();
        let stored = load(self.read(), collection.id, &wanted)?;
        let olds = ids.iter().zip(stored);
        let changes: Vec<Change> =
            self.complete(|store| olds.map(|(id, old)| store.change(&collection, id, old, overlay)).collect())?;
        let edits: Vec<Edit<'_>> = changes
            .iter()
            .filter(|change| change.new != change.old)
            .map(|change| Edit { id: &change.id, old: change.old.as_deref(), new: change.new.as_deref() })
            .collect();
        let tx = self.tx()?;
        apply(tx, &collection, views, &edits)?;
        for change in &changes {
            let key = keys::row(Table::Base, &key_of(name, &change.id));
            match &change.record {
                None => {}
                Some(Some(bytes)) => tx.put(&key, bytes)?,
                Some(None) => tx.delete(&key)?,
            }
        }
        Ok(())
    }

    fn change(
        &self,
        collection: &Collection,
        id: &str,
        old: Option<Vec<u8>>,
        overlay: &BTreeMap<Box<str>, Option<Value>>,
    ) -> Result<Change> {
        let key = key_of(&collection.name, id);
        let before = self.known(&key)?;
        let base = self.base(&key)?;
        let shown = overlay.get(&key);
        let server = base.as_ref().map(|(version, generation, _)| (*version, *generation));
        let after = match (shown.is_some(), &base) {
            (true, Some((_, _, document))) => Some(Known { server, pending: true, json: json::to_json(document) }),
            (true, None) => Some(Known { server, pending: true, json: Vec::new() }),
            (false, Some(_)) => Some(Known { server, pending: false, json: Vec::new() }),
            (false, None) => None,
        };
        let document = match shown {
            Some(document) => document.clone(),
            None => base.map(|(_, _, document)| document),
        };
        let new = rewritten(collection, old.as_deref(), document.as_ref())?;
        let record = (before != after).then(|| after.map(|known| known.encode()));
        Ok(Change { id: id.into(), new, old, record })
    }
}

/// The stored bytes of a document; the old ones if they say the same.
fn rewritten(collection: &Collection, old: Option<&[u8]>, document: Option<&Value>) -> Result<Option<Vec<u8>>> {
    let Some(document) = document else { return Ok(None) };
    if let Some(old) = old {
        if json::to_json(&Document::parse(old)?.to_value()?) == json::to_json(document) {
            return Ok(Some(old.to_vec()));
        }
    }
    let mut bytes = Vec::new();
    encode_value(document, collection.version.into(), &mut bytes)?;
    Ok(Some(bytes))
}
