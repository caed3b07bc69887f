//! Whether counts and indexes agree with the documents they were derived from: every entry is compared.
//!
//! For tests (feature `testing`). It repairs nothing, and reads everything.

use std::collections::BTreeMap;
use std::rc::Rc;

use crate::base::Result;
use crate::engine::{Direction, KeyRange, Read, Step};

use super::build;
use super::catalog::{document_count, Catalog, Collection};
use super::document::Document;
use super::index::Entries;
use super::keys;

/// What [`inspect`] found.
#[derive(Clone, Debug, Default)]
pub struct Agreement {
    /// Documents of all collections.
    pub documents: u64,
    /// Entries of ready indexes, each compared with the document it stands for.
    pub entries: u64,
    /// Indexes under construction, as collection and name.
    pub building: Vec<(Box<str>, Box<str>)>,
    /// Whether dropped collections or indexes still occupy space.
    pub garbage: bool,
    /// What does not agree, in words.
    pub complaints: Vec<String>,
}

type Stored = BTreeMap<Vec<u8>, Vec<u8>>;

/// Compares, at one position, every ready index with one rebuilt from the documents, and every count with their
/// number. An index under construction may lack entries, and may have none that its documents do not. Whatever
/// belongs to no collection or index must be recorded as garbage.
///
/// # Errors
/// [`Pause`](crate::engine::Pause) if blocks are missing; `Corrupt` if stored bytes make no sense.
pub fn inspect(view: &dyn Read, catalog: &Catalog) -> Step<Agreement> {
    let mut left = stored(view, KeyRange { start: vec![keys::DOCUMENT], end: Some(vec![keys::COUNTER + 1]) })?;
    let mut found = Agreement { garbage: build::has_garbage(view)?, ..Agreement::default() };
    for collection in catalog.all(view)? {
        let documents = take(&mut left, &keys::document_prefix(collection.id));
        found.documents += documents.len() as u64;
        left.remove(&keys::count(collection.id)[..]);
        let count = document_count(view, collection.id)?;
        if count != documents.len() as u64 {
            found.complain(&collection, format!("counts {count} documents and has {}", documents.len()));
        }
        for (at, index) in collection.indexes.iter().enumerate() {
            let held = take(&mut left, &keys::index_prefix(collection.id, index.id));
            found.compare(&collection, at, &documents, &held)?;
        }
    }
    let garbage = stored(view, keys::garbage_all())?;
    let garbage: Vec<_> = garbage.keys().filter_map(|key| keys::parse_pair(key)).collect();
    for key in left.keys().filter(|key| !is_garbage(key, &garbage)) {
        found.complaints.push(format!("the key {key:02x?} belongs to nothing and is not recorded as garbage"));
    }
    Ok(found)
}

impl Agreement {
    fn complain(&mut self, collection: &Rc<Collection>, what: String) {
        self.complaints.push(format!("collection '{}' {what}", collection.name));
    }

    /// Compares the entries that index number `at` holds with those that its documents have.
    fn compare(&mut self, collection: &Rc<Collection>, at: usize, documents: &Stored, held: &Stored) -> Result<()> {
        let Some(index) = collection.indexes.get(at) else { return Ok(()) };
        let mut expected = Entries::default();
        for (key, stored) in documents {
            let id = String::from_utf8_lossy(keys::document_id(key));
            expected.add(collection.id, index, &Document::parse(stored)?, &id)?;
        }
        expected.sort();
        let name = &index.spec.name;
        if index.ready {
            let missing = expected.iter().find(|(key, value)| held.get(*key).is_none_or(|other| other != value));
            if let Some((key, _)) = missing {
                self.complain(collection, format!("has no entry {key:02x?} in its index '{name}', and should"));
            }
            if expected.multi_entry && !index.multi_entry {
                self.complain(collection, format!("has arrays under its index '{name}', and does not know"));
            }
            self.entries += held.len() as u64;
        } else {
            self.building.push((collection.name.clone(), name.clone()));
        }
        if let Some((key, _)) = held.iter().find(|(key, value)| !expected.has(key, value)) {
            self.complain(collection, format!("has an entry {key:02x?} in its index '{name}' for no such document"));
        }
        Ok(())
    }
}

fn stored(view: &dyn Read, range: KeyRange) -> Step<Stored> {
    let mut stored = Stored::new();
    let mut cursor = view.cursor(range, Direction::Forward);
    while cursor.advance()? {
        stored.insert(cursor.key().to_vec(), cursor.value().to_vec());
    }
    Ok(stored)
}

/// Moves everything under `prefix` out of `left`.
fn take(left: &mut Stored, prefix: &[u8]) -> Stored {
    let mut taken = left.split_off(prefix);
    if let Some(end) = KeyRange::prefix(prefix).end {
        left.append(&mut taken.split_off(&end));
    }
    taken
}

fn is_garbage(key: &[u8], garbage: &[(u32, u32)]) -> bool {
    let number = |from: usize| Some(u32::from_be_bytes(key.get(from..from + 4)?.try_into().ok()?));
    garbage.iter().any(|(collection, index)| {
        let index_fits = *index == 0 || (key.first() == Some(&keys::INDEX) && number(5) == Some(*index));
        number(1) == Some(*collection) && index_fits
    })
}
