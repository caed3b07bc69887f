//! Secondary indexes as a view: which entries a document has, and how they follow its changes.
//!
//! Not the planner, and not the builder of an index on existing documents.
//!
//! An entry's key is the index's prefix, the encoded fields (inverted where descending) and the id ([`rank`](super::rank));
//! its value is the length of the id part as a varint. A unique index has no id in its key: its value is the id. An
//! array under a path gives one entry for each element; several such paths give every combination.

use crate::base::planted::{planted, Bug};
use crate::base::{sort, write_varint, Error, Result};
use crate::engine::{Read, Step, Transaction};

use super::catalog::{self, Collection, Index};
use super::document::Document;
use super::key_codec::{self, invert};
use super::keys;
use super::path::Path;
use super::rank;
use super::value_ref::ValueRef;
use super::view::{Change, Gather, View};

/// The longest key of an index entry, in bytes, without the id.
pub const KEY_MAX: usize = 4096;
/// The most entries of one document in one index.
pub const ENTRIES_MAX: usize = 1000;

/// Index entries in one buffer.
#[derive(Debug, Default)]
pub struct Entries {
    bytes: Vec<u8>,
    list: Vec<Entry>,
    /// Whether some document had an array under an indexed path.
    pub multi_entry: bool,
}

/// An entry: its key and value are neighbours in the buffer.
#[derive(Clone, Copy, Debug)]
struct Entry {
    start: usize,
    key_end: usize,
    end: usize,
}

impl Entries {
    /// Forgets all entries, keeps the buffer.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.list.clear();
        self.multi_entry = false;
    }

    /// Key and value of every entry.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.list.iter().map(|entry| (self.key(entry), self.value(entry)))
    }

    fn key(&self, entry: &Entry) -> &[u8] {
        self.bytes.get(entry.start..entry.key_end).unwrap_or_default()
    }

    fn value(&self, entry: &Entry) -> &[u8] {
        self.bytes.get(entry.key_end..entry.end).unwrap_or_default()
    }

    /// Orders the entries by key and drops doubles.
    pub fn sort(&mut self) {
        let mut list = std::mem::take(&mut self.list);
        sort::sort_by(&mut list, |a, b| (self.key(a), self.value(a)).cmp(&(self.key(b), self.value(b))));
        list.dedup_by(|a, b| self.key(a) == self.key(b) && self.value(a) == self.value(b));
        self.list = list;
    }

    /// Whether there is such an entry; the entries must be sorted.
    pub(super) fn has(&self, key: &[u8], value: &[u8]) -> bool {
        self.list.binary_search_by(|entry| (self.key(entry), self.value(entry)).cmp(&(key, value))).is_ok()
    }

    /// Whether there is an entry with that key; the entries must be sorted.
    fn has_key(&self, key: &[u8]) -> bool {
        self.list.binary_search_by(|entry| self.key(entry).cmp(key)).is_ok()
    }

    /// Appends the entries that a document has in an index.
    ///
    /// # Errors
    /// `Invalid` if a value is too long to be indexed, or there are too many entries.
    pub fn add(&mut self, collection: u32, index: &Index, document: &Document<'_>, id: &str) -> Result<()> {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(&keys::index_prefix(collection, index.id));
        match self.add_single(index, document)? {
            Single::Entry => self.close(start, index, id),
            Single::Absent => {
                self.bytes.truncate(start);
                Ok(())
            }
            Single::Several => {
                self.bytes.truncate(start);
                self.add_several(collection, index, document, id)
            }
        }
    }

    /// The common case: every field has one value that is no array. Appends the encoded fields.
    fn add_single(&mut self, index: &Index, document: &Document<'_>) -> Result<Single> {
        let mut present = false;
        for field in &index.spec.fields {
            let start = self.bytes.len();
            let bytes = &mut self.bytes;
            let several = field.path.leaves(ValueRef::Document(document), &mut |leaf| {
                present |= leaf.is_some();
                key_codec::encode_leaf(leaf, bytes);
            });
            if several {
                return Ok(Single::Several);
            }
            if field.descending {
                invert(self.bytes.get_mut(start..).unwrap_or_default());
            }
        }
        Ok(if index.spec.unique && !present { Single::Absent } else { Single::Entry })
    }

    #[cold]
    fn add_several(&mut self, collection: u32, index: &Index, document: &Document<'_>, id: &str) -> Result<()> {
        let mut present = false;
        let mut fields = Vec::with_capacity(index.spec.fields.len());
        for field in &index.spec.fields {
            let (mut values, found) = field_keys(&field.path, document);
            present |= found;
            if field.descending {
                values.iter_mut().for_each(|value| invert(value));
            }
            fields.push(values);
        }
        self.multi_entry = true;
        if index.spec.unique && !present {
            return Ok(());
        }
        let count = fields.iter().fold(1usize, |count, values| count.saturating_mul(values.len()));
        if count > ENTRIES_MAX {
            return Err(Error::invalid(format!(
                "document '{id}' would have {count} entries in the index '{}'; the limit is {ENTRIES_MAX}: store shorter arrays or drop the index",
                index.spec.name
            )));
        }
        for number in 0..count {
            let start = self.bytes.len();
            self.bytes.extend_from_slice(&keys::index_prefix(collection, index.id));
            let mut rest = number;
            for values in &fields {
                self.bytes.extend_from_slice(values.get(rest % values.len()).map_or(&[][..], Vec::as_slice));
                rest /= values.len();
            }
            self.close(start, index, id)?;
        }
        Ok(())
    }

    /// The fields of the entry that began at `start` are written: adds the id and the value.
    fn close(&mut self, start: usize, index: &Index, id: &str) -> Result<()> {
        let length = self.bytes.len() - start;
        if length > KEY_MAX {
            self.bytes.truncate(start);
            return Err(Error::invalid(format!(
                "document '{id}': its value in the index '{}' takes {length} bytes; the limit is {KEY_MAX}: index a shorter field",
                index.spec.name
            )));
        }
        let fields_end = self.bytes.len();
        if index.spec.unique {
            self.bytes.extend_from_slice(id.as_bytes());
            self.list.push(Entry { start, key_end: fields_end, end: self.bytes.len() });
            return Ok(());
        }
        rank::write_id(id.as_bytes(), index.id_descends(), &mut self.bytes);
        let key_end = self.bytes.len();
        write_varint(&mut self.bytes, (key_end - fields_end) as u64);
        self.list.push(Entry { start, key_end, end: self.bytes.len() });
        Ok(())
    }
}

enum Single {
    /// The encoded fields were written.
    Entry,
    /// The document is not in the index.
    Absent,
    /// An array, or a path that fans out.
    Several,
}

/// The distinct keys of what a path reaches, and whether anything is there.
fn field_keys(path: &Path, document: &Document<'_>) -> (Vec<Vec<u8>>, bool) {
    let mut values: Vec<Vec<u8>> = Vec::new();
    let mut present = false;
    path.leaves(ValueRef::Document(document), &mut |leaf| {
        present |= leaf.is_some();
        let mut bytes = Vec::new();
        key_codec::encode_leaf(leaf, &mut bytes);
        values.push(bytes);
    });
    sort::sort(&mut values);
    values.dedup();
    (values, present)
}

impl Index {
    /// Whether the id part of an entry's key descends: as the last field does.
    pub fn id_descends(&self) -> bool {
        self.spec.fields.last().is_some_and(|field| field.descending)
    }

    /// The id of an entry.
    ///
    /// # Errors
    /// `Corrupt` if nobody writes such an entry.
    pub fn entry_id(&self, key: &[u8], value: &[u8], id: &mut Vec<u8>) -> Result<()> {
        id.clear();
        if self.spec.unique {
            id.extend_from_slice(value);
            return Ok(());
        }
        let length = match value {
            [length @ ..=0x7f] => usize::from(*length),
            mut value => usize::try_from(crate::base::read_varint(&mut value)?).unwrap_or(usize::MAX),
        };
        let start = key.len().checked_sub(length).filter(|start| *start >= keys::INDEX_PREFIX_LEN);
        let part = start.and_then(|start| key.get(start..)).and_then(|part| rank::read_id(part, self.id_descends()));
        id.extend_from_slice(&part.ok_or_else(|| Error::corrupt("an index entry has no id"))?);
        Ok(())
    }
}

/// The view that keeps secondary indexes.
#[derive(Debug, Default)]
pub struct Indexes;

impl View for Indexes {
    fn check(&self, view: &dyn Read, collection: &Collection, changes: &[Change<'_>]) -> Step<()> {
        let mut gather = Gather::default();
        let unique = |index: &&Index| index.spec.unique && !planted(Bug::SkipUniqueCheck);
        for index in collection.indexes.iter().filter(unique) {
            check_unique(view, collection.id, index, changes, &mut gather)?;
        }
        gather.finish()
    }

    fn release(&self, tx: &mut dyn Transaction, collection: &Collection, changes: &[Change<'_>]) -> Step<()> {
        let (mut old, mut new) = (Entries::default(), Entries::default());
        for index in collection.indexes.iter().filter(|index| index.spec.unique) {
            entries_of(collection.id, index, changes, &mut old, &mut new)?;
            let mut gone = Vec::new();
            let mut gather = Gather::default();
            let given_up = |entry: &(&[u8], &[u8])| !new.has(entry.0, entry.1) && !planted(Bug::ForgetIndexDelete);
            for (key, id) in old.iter().filter(given_up) {
                if gather.step(owns(tx, key, id))?.unwrap_or(false) {
                    gone.push(key);
                }
            }
            gather.finish()?;
            gone.into_iter().try_for_each(|key| tx.delete(key))?;
        }
        Ok(())
    }

    fn apply(&self, tx: &mut dyn Transaction, collection: &Collection, changes: &[Change<'_>]) -> Step<()> {
        let (mut old, mut new) = (Entries::default(), Entries::default());
        let mut became_multi_entry = Vec::new();
        for index in &collection.indexes {
            entries_of(collection.id, index, changes, &mut old, &mut new)?;
            let gone = |entry: &(&[u8], &[u8])| !new.has_key(entry.0) && !planted(Bug::ForgetIndexDelete);
            for (key, value) in old.iter().filter(gone) {
                if !index.spec.unique || owns(tx, key, value)? {
                    tx.delete(key)?;
                }
            }
            for (key, value) in new.iter() {
                if !index.ready || !old.has(key, value) {
                    tx.put(key, value)?;
                }
            }
            if new.multi_entry && !index.multi_entry {
                became_multi_entry.push(index.id);
            }
        }
        if !became_multi_entry.is_empty() {
            let mut changed = collection.clone();
            for index in changed.indexes.iter_mut().filter(|index| became_multi_entry.contains(&index.id)) {
                index.multi_entry = true;
            }
            catalog::save(tx, &changed)?;
        }
        Ok(())
    }
}

/// Whether a unique entry belongs to the document. Another one may have taken it: in an index under construction that the
/// builder has not brought to this document yet, or earlier in a write of several batches.
fn owns(view: &dyn Read, key: &[u8], id: &[u8]) -> Step<bool> {
    let mut owner = Vec::new();
    Ok(view.get(key, &mut owner)? && owner == id)
}

/// The sorted entries of all documents of the batch, before and after.
fn entries_of(
    collection: u32,
    index: &Index,
    changes: &[Change<'_>],
    old: &mut Entries,
    new: &mut Entries,
) -> Result<()> {
    old.clear();
    new.clear();
    for change in changes {
        if let Some(document) = &change.old {
            old.add(collection, index, document, change.id)?;
        }
        if let Some(document) = &change.new {
            new.add(collection, index, document, change.id)?;
        }
    }
    old.sort();
    new.sort();
    Ok(())
}

/// Every entry of the batch must be free, or be set free by the batch, or belong to its document already.
fn check_unique(
    view: &dyn Read,
    collection: u32,
    index: &Index,
    changes: &[Change<'_>],
    gather: &mut Gather,
) -> Step<()> {
    let (mut old, mut new) = (Entries::default(), Entries::default());
    for change in changes {
        if let Some(document) = &change.old {
            old.add(collection, index, document, change.id)?;
        }
        if let Some(document) = &change.new {
            new.add(collection, index, document, change.id)?;
        }
    }
    old.sort();
    let mut list: Vec<_> = new.iter().collect();
    sort::sort(&mut list);
    for pair in list.windows(2) {
        if let [(key, first), (other, second)] = pair {
            if key == other && first != second {
                return Err(violation(index, first, second).into());
            }
        }
    }
    let mut owner = Vec::new();
    for (key, id) in list {
        owner.clear();
        let taken = gather.step(view.get(key, &mut owner))?.unwrap_or(false);
        if taken && owner != id && !old.has(key, &owner) {
            return Err(violation(index, &owner, id).into());
        }
    }
    for (key, _) in old.iter() {
        gather.step(view.contains(key))?;
    }
    Ok(())
}

/// The error for two documents with the same values in a unique index.
pub fn violation(index: &Index, holder: &[u8], id: &[u8]) -> Error {
    let paths: Vec<&str> = index.spec.fields.iter().map(|field| field.path.text()).collect();
    let (holder, id) = (String::from_utf8_lossy(holder), String::from_utf8_lossy(id));
    Error::conflict(format!(
        "document '{id}' has the same '{}' as document '{holder}', and the index '{}' is unique: change one of them",
        paths.join("' and '"),
        index.spec.name
    ))
    .with_reason("unique")
}
