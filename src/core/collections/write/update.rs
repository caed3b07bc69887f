//! Updating documents by id or by filter with MongoDB's operators, with upsert.

use std::rc::Rc;

use crate::base::{Error, Result};
use crate::engine::{Step, Transaction};

use super::super::catalog::{Catalog, Collection};
use super::super::document::{encode_value, Document};
use super::super::update::Update;
use super::super::view::View;
use super::super::Value;
use super::edit::{apply, load, Edit};
use super::insert::duplicate;
use super::target::{Loaded, Target};
use super::Written;

/// Which side of the change an answer shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Returning {
    /// No documents.
    Nothing,
    /// The documents as they were.
    Before,
    /// The documents as they are now.
    After,
}

/// What to insert when nothing matched.
#[derive(Clone, Debug)]
pub struct Upsert {
    /// The document before the update is applied.
    pub base: Value,
    /// The id it gets if neither `base` nor the update says one.
    pub new_id: Option<Box<str>>,
}

/// The operation.
#[derive(Clone, Debug)]
pub struct UpdateDocuments {
    /// The collection's name.
    pub collection: Box<str>,
    /// Which documents.
    pub target: Target,
    /// What to do with each.
    pub update: Update,
    /// What to insert when nothing matched.
    pub upsert: Option<Upsert>,
    /// What the answer shows.
    pub returning: Returning,
    /// The schema version to write; by default the one a document has, and the collection's for an upsert.
    pub version: Option<u32>,
    /// The time of `$currentDate`, in milliseconds since the Unix epoch.
    pub now_ms: f64,
}

/// The fields that a filter demands by equality: what an upsert starts from.
///
/// # Errors
/// `Invalid` if two conditions demand different things of one path.
pub fn upsert_base(filter: &Value) -> Result<Value> {
    let mut sets = Vec::new();
    equalities(filter, &mut sets);
    let mut base = Value::Object(Vec::new());
    if sets.is_empty() {
        return Ok(base);
    }
    let set = Value::Object(vec![("$set".into(), Value::Object(sets))]);
    let update = Update::parse(&set).map_err(|error| Error::invalid(format!("upsert: filter: {}", error.message())))?;
    update.apply_on_insert(&mut base, 0.0)?;
    Ok(base)
}

fn equalities(filter: &Value, sets: &mut Vec<(Box<str>, Value)>) {
    let Value::Object(fields) = filter else { return };
    for (path, condition) in fields {
        match (&**path, condition) {
            ("$and", Value::Array(parts)) => parts.iter().for_each(|part| equalities(part, sets)),
            (operator, _) if operator.starts_with('$') => {}
            (_, Value::Regex(..)) => {}
            (_, Value::Object(operators)) if operators.first().is_some_and(|(name, _)| name.starts_with('$')) => {
                let equal = operators.iter().find(|(name, _)| &**name == "$eq");
                sets.extend(equal.map(|(_, value)| (path.clone(), value.clone())));
            }
            (_, value) => sets.push((path.clone(), value.clone())),
        }
    }
}

/// A document after the update.
struct Updated {
    id: Box<str>,
    old: Option<Vec<u8>>,
    /// Absent if the update changes nothing.
    new: Option<Vec<u8>>,
}

impl UpdateDocuments {
    /// Runs it in a transaction.
    ///
    /// # Errors
    /// `Invalid` if an operator does not fit a document; `Conflict` with reason `unique` or `duplicate-id`.
    pub fn run(&self, tx: &mut dyn Transaction, catalog: &Catalog, views: &[Rc<dyn View>]) -> Step<Written> {
        let collection = match (catalog.find(tx, &self.collection)?, &self.upsert) {
            (Some(collection), _) => collection,
            (None, Some(_)) => catalog.find_or_create(tx, &self.collection)?,
            (None, None) => return Ok(Written::default()),
        };
        let found = self.target.load(tx, catalog, &collection)?;
        let mut updated = Vec::with_capacity(found.len());
        for (id, old) in found {
            updated.push(self.update_one((id, old))?);
        }
        let matched = updated.len() as u64;
        if let (true, Some(upsert)) = (updated.is_empty(), &self.upsert) {
            updated.push(self.insert_one(tx, &collection, upsert)?);
        }
        let edits: Vec<_> = updated
            .iter()
            .filter(|one| one.new.is_some())
            .map(|one| Edit { id: &one.id, old: one.old.as_deref(), new: one.new.as_deref() })
            .collect();
        apply(tx, &collection, views, &edits)?;
        let inserted = updated.len() as u64 - matched;
        let modified = edits.len() as u64 - inserted;
        drop(edits);
        self.answer(updated, Written { matched, inserted, modified, ..Written::default() }).map_err(Into::into)
    }

    fn update_one(&self, (id, old): Loaded) -> Result<Updated> {
        let document = Document::parse(&old)?;
        let mut value = document.to_value()?;
        let named = |error: Error| Error::new(error.kind(), format!("document '{id}': {}", error.message()));
        let changed = self.update.apply(&mut value, self.now_ms).map_err(named)?;
        let version = self.version.map_or(document.schema_version(), u64::from);
        let new = match changed || version != document.schema_version() {
            true => {
                let mut bytes = Vec::with_capacity(old.len() + 32);
                encode_value(&value, version, &mut bytes)?;
                Some(bytes)
            }
            false => None,
        };
        Ok(Updated { id, old: Some(old), new })
    }

    fn insert_one(&self, tx: &mut dyn Transaction, collection: &Collection, upsert: &Upsert) -> Step<Updated> {
        let mut value = upsert.base.clone();
        self.update.apply_on_insert(&mut value, self.now_ms)?;
        let lacks_id = value.field("id").is_none();
        if let (true, Some(id), Value::Object(fields)) = (lacks_id, &upsert.new_id, &mut value) {
            fields.insert(0, ("id".into(), Value::String(id.clone())));
        }
        let mut bytes = Vec::new();
        let version = self.version.unwrap_or(collection.version);
        let encoded = encode_value(&value, version.into(), &mut bytes)?;
        if load(tx, collection.id, &[&encoded.id])?.iter().any(Option::is_some) {
            return Err(duplicate(&encoded.id, false).into());
        }
        Ok(Updated { id: encoded.id, old: None, new: Some(bytes) })
    }

    fn answer(&self, updated: Vec<Updated>, mut written: Written) -> Result<Written> {
        for one in updated {
            let shown = match self.returning {
                Returning::Nothing => None,
                Returning::Before => Some(one.old),
                Returning::After => Some(one.new.or(one.old)),
            };
            if let Some(stored) = shown {
                let document = stored.as_deref().map(Document::parse).transpose()?;
                written.extended |= document.is_some_and(|document| document.is_extended());
                written.documents.push(document.map(|document| document.json().to_vec()));
            }
            written.ids.push(one.id);
        }
        Ok(written)
    }
}
