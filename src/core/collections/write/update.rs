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
use super::sweep::{Fate, Found, Sweep, Work};
use super::target::Target;
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

impl UpdateDocuments {
    /// Runs it in a transaction. `sweep` is how far earlier runs have come.
    ///
    /// # Errors
    /// `Invalid` if an operator does not fit a document; `Conflict` with reason `unique` or `duplicate-id`;
    /// [`Pause::Yield`](crate::engine::Pause::Yield) after a slice.
    pub fn run(
        &self,
        sweep: &mut Sweep,
        tx: &mut dyn Transaction,
        catalog: &Catalog,
        views: &[Rc<dyn View>],
    ) -> Step<Written> {
        let make = |id: &str, old: &[u8]| self.update_one(id, old);
        let returning = self.returning != Returning::Nothing;
        let Self { collection, target, .. } = self;
        let found = sweep.run(tx, &Work { catalog, views, collection, target, make: &make, returning })?;
        let mut written = Written { matched: found.len() as u64, ..Written::default() };
        if let (true, Some(upsert)) = (found.is_empty(), &self.upsert) {
            let collection = catalog.find_or_create(tx, &self.collection)?;
            let (id, new) = self.insert_one(tx, &collection, upsert)?;
            apply(tx, &collection, views, &[Edit { id: &id, old: None, new: Some(&new) }])?;
            written.inserted = 1;
            self.answer(id, None, Some(new), &mut written)?;
        }
        for Found { id, old, fate } in found {
            let new = if let Fate::Becomes(new) = fate { Some(new) } else { None };
            written.modified += u64::from(new.is_some());
            self.answer(id, Some(old), new, &mut written)?;
        }
        Ok(written)
    }

    fn update_one(&self, id: &str, old: &[u8]) -> Result<Fate> {
        let document = Document::parse(old)?;
        let mut value = document.to_value()?;
        let named = |error: Error| Error::new(error.kind(), format!("document '{id}': {}", error.message()));
        let changed = self.update.apply(&mut value, self.now_ms).map_err(named)?;
        let version = self.version.map_or(document.schema_version(), u64::from);
        if !changed && version == document.schema_version() {
            return Ok(Fate::Same);
        }
        let mut bytes = Vec::with_capacity(old.len() + 32);
        encode_value(&value, version, &mut bytes)?;
        Ok(Fate::Becomes(bytes))
    }

    /// The id and the stored bytes of the document that an upsert inserts.
    fn insert_one(
        &self,
        tx: &mut dyn Transaction,
        collection: &Collection,
        upsert: &Upsert,
    ) -> Step<(Box<str>, Vec<u8>)> {
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
        Ok((encoded.id, bytes))
    }

    /// Adds a document to the answer. `new` is absent if the update changed nothing.
    fn answer(&self, id: Box<str>, old: Option<Vec<u8>>, new: Option<Vec<u8>>, written: &mut Written) -> Result<()> {
        let shown = match self.returning {
            Returning::Nothing => None,
            Returning::Before => Some(old),
            Returning::After => Some(new.or(old)),
        };
        if let Some(stored) = shown {
            let document = stored.as_deref().map(Document::parse).transpose()?;
            written.extended |= document.is_some_and(|document| document.is_extended());
            written.documents.push(document.map(|document| document.json().to_vec()));
        }
        written.ids.push(id);
        Ok(())
    }
}
