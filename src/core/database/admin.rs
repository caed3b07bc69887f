//! Commands about collections and indexes.
//!
//! Definitions are committed here; filling and clearing happens in `upkeep.rs`.

use std::rc::Rc;

use crate::base::{Error, Result};
use crate::collections::build;
use crate::collections::catalog::{document_count, Collection, IndexSpec};
use crate::collections::fields::Fields;
use crate::collections::{keys, Value};
use crate::engine::{Durability, KeyRange, Read, Step};
use crate::search::store::build::declare;
use crate::search::store::Prepared;

use super::command::Call;
use super::handle::Database;
use super::report::write_index;
use super::response::{ObjectWriter, Response};
use super::search::is_declared;
use super::sync::{refuse_synced, refuse_unique};

impl Database {
    pub(super) async fn administer(
        &self,
        call: Call,
        mut fields: Fields<'_>,
        durability: Durability,
    ) -> Result<Response> {
        let collection: Box<str> = fields.required_text("collection")?.into();
        match call {
            Call::CreateIndex => {
                let spec = fields.value("index")?.ok_or_else(|| fields.missing("index"))?;
                fields.finish()?;
                self.create_index(collection, parse_spec(&spec)?, durability).await
            }
            Call::WaitIndex => {
                let name = fields.required_text("name")?;
                fields.finish()?;
                self.wait_index(&collection, &name).await
            }
            Call::DropIndex => {
                let name: Box<str> = fields.required_text("name")?.into();
                fields.finish()?;
                self.drop(durability, move |tx, catalog| build::drop_index(tx, catalog, &collection, &name)).await
            }
            Call::DropSearch => {
                fields.finish()?;
                self.drop(durability, Self::search_dropper(collection)).await
            }
            Call::WaitSearch => {
                fields.finish()?;
                self.wait_search(&collection).await
            }
            Call::DropCollection => {
                fields.finish()?;
                let drop = move |tx: &mut dyn crate::engine::Transaction, catalog: &_| {
                    refuse_synced(tx, &collection, "dropCollection")?;
                    crate::cache::drop_dependents(tx, &collection)?;
                    build::drop_collection(tx, catalog, &collection)
                };
                self.drop(durability, drop).await
            }
            _ => Err(Error::internal("a call reached the wrong desk")),
        }
    }

    /// What an `ensure` asks for.
    pub(super) fn take_wanted(&self, mut fields: Fields<'_>) -> Result<Wanted> {
        let name = fields.required_text("collection")?.into();
        let version = fields.number_u32("version")?;
        let code = fields.number_u32("code")?;
        let specs = take_specs(&mut fields)?;
        let search = fields.value("search")?.map(|spec| self.prepare_search(&spec)).transpose()?;
        fields.finish()?;
        Ok(Wanted { name, version, code, specs, search })
    }

    /// Makes the collection as it is wanted. Answers its version, and the number of its documents where those may be older than
    /// the code that asks: counting is a look at storage, and this is the first thing that a page does.
    pub(super) async fn ensure(&self, wanted: Wanted, durability: Durability) -> Result<Response> {
        let code = wanted.code;
        let collection = match self.satisfied(&wanted).await? {
            Some(collection) => collection,
            None => {
                let shared = Rc::clone(&self.0);
                let ensure = move |tx: &mut dyn crate::engine::Transaction| {
                    let Wanted { name, version, specs, search, .. } = &wanted;
                    refuse_unique(tx, name, specs)?;
                    let collection = build::ensure(tx, &shared.catalog, name, *version, specs)?;
                    let Some(search) = search else { return Ok(collection) };
                    let declared = declare(tx, &shared.catalog, name, search)?;
                    if declared.search != collection.search {
                        // What was computed from its searches may be answered otherwise now.
                        crate::cache::drop_dependents(tx, name)?;
                    }
                    Ok(declared)
                };
                self.0.engine.commit(durability, ensure).await?.value
            }
        };
        self.resume_upkeep();
        self.expect_searches(&collection);
        let mut answer = ObjectWriter::default();
        answer.number("version", collection.version.into());
        if code.is_some_and(|code| code > collection.version) {
            answer.number("count", self.0.look(|view| document_count(view, collection.id)).await?);
        }
        Ok(answer.finish())
    }

    /// Who declares a search index is about to search: what the first search would ask for piece by piece is on its way meanwhile.
    fn expect_searches(&self, collection: &Collection) {
        let Some(search) = &collection.search else { return };
        let KeyRange { end, .. } = KeyRange::prefix(&keys::search_prefix(collection.id, search.id));
        // Counters lie before search indexes, and a table that has both begins with the former.
        let range = KeyRange { start: keys::count(collection.id).to_vec(), end };
        let engine = self.0.engine.clone();
        self.0.platform.spawn(Box::pin(async move { engine.read_ahead(&range).await }));
    }

    /// The collection, if it is already as `ensure` would make it: opening an application writes nothing then.
    async fn satisfied(&self, wanted: &Wanted) -> Result<Option<Rc<Collection>>> {
        let Wanted { name, version, specs, search, .. } = wanted;
        let found = self.0.look(|view| self.0.catalog.find(view, name)).await?;
        Ok(found.filter(|collection| {
            let has = |spec: &IndexSpec| collection.index(&spec.name).is_some_and(|index| index.spec == *spec);
            version.is_none_or(|version| version <= collection.version)
                && specs.iter().all(has)
                && search.as_ref().is_none_or(|search| is_declared(collection, search))
        }))
    }

    async fn create_index(&self, collection: Box<str>, spec: IndexSpec, durability: Durability) -> Result<Response> {
        let index = spec.name.clone();
        let wanted = Wanted { name: collection.clone(), version: None, code: None, specs: vec![spec], search: None };
        self.ensure(wanted, durability).await?;
        self.wait_index(&collection, &index).await
    }

    /// Waits until an index is ready.
    async fn wait_index(&self, collection: &str, name: &str) -> Result<Response> {
        let ready = self.wait_ready(collection, |view, collection, json| {
            let Some(index) = collection.index(name) else { return Ok(None) };
            write_index(view, collection, index, json)?;
            Ok(Some(index.ready))
        });
        match ready.await? {
            Some(response) => Ok(response),
            None => Err(self.0.upkeep.failure(collection, name, &self.0).await),
        }
    }

    /// Waits until background work is done on what `describe` describes; it answers whether that is ready. `None` if it, or
    /// the collection, is not there.
    pub(super) async fn wait_ready(
        &self,
        collection: &str,
        describe: impl Fn(&dyn Read, &Collection, &mut Vec<u8>) -> Step<Option<bool>>,
    ) -> Result<Option<Response>> {
        let shared = &self.0;
        loop {
            let seen = shared.upkeep.rounds();
            let mut json = Vec::new();
            let look = |view: &dyn Read| {
                json.clear();
                match shared.catalog.find(view, collection)? {
                    Some(collection) => describe(view, &collection, &mut json),
                    None => Ok(None),
                }
            };
            match shared.look(look).await? {
                Some(true) => return Ok(Some(Response::plain(json))),
                Some(false) => {
                    self.resume_upkeep();
                    shared.upkeep.wait_past(seen, shared).await?;
                }
                None => return Ok(None),
            }
        }
    }

    async fn drop(
        &self,
        durability: Durability,
        mut operation: impl FnMut(&mut dyn crate::engine::Transaction, &crate::collections::catalog::Catalog) -> Step<bool>
            + 'static,
    ) -> Result<Response> {
        let shared = Rc::clone(&self.0);
        let committed = self.0.engine.commit(durability, move |tx| operation(tx, &shared.catalog)).await?;
        self.resume_upkeep();
        let mut answer = ObjectWriter::default();
        answer.flag("dropped", committed.value).number("position", committed.position);
        Ok(answer.finish())
    }
}

/// What a collection should be like.
pub(super) struct Wanted {
    name: Box<str>,
    version: Option<u32>,
    /// The version that the code which asks writes.
    code: Option<u32>,
    specs: Vec<IndexSpec>,
    search: Option<Rc<Prepared>>,
}

fn take_specs(fields: &mut Fields<'_>) -> Result<Vec<IndexSpec>> {
    match fields.value("indexes")? {
        None => Ok(Vec::new()),
        Some(Value::Array(specs)) => specs.iter().map(parse_spec).collect(),
        Some(_) => Err(fields.wrong("indexes", "an array of index specifications")),
    }
}

/// `"path"`, `["path", …]` or `{"fields":["path" | ["path",1|-1], …],"name"?,"unique"?}`.
fn parse_spec(spec: &Value) -> Result<IndexSpec> {
    let wrong = || Error::invalid("index: write \"path\", [\"path\", …] or {\"fields\": […], \"unique\": true}");
    match spec {
        Value::String(path) => IndexSpec::on(&[path]),
        Value::Array(paths) => IndexSpec::new(None, &parse_fields(paths).ok_or_else(wrong)?, false),
        Value::Object(entries) => {
            let (mut fields, mut name, mut unique) = (None, None, false);
            for (key, value) in entries {
                match (&**key, value) {
                    ("fields", Value::Array(paths)) => fields = parse_fields(paths),
                    ("fields", Value::String(path)) => fields = Some(vec![(&**path, false)]),
                    ("name", Value::String(text)) => name = Some(&**text),
                    ("unique", Value::Bool(flag)) => unique = *flag,
                    _ => return Err(Error::invalid(format!("index: '{key}' is unknown or of the wrong kind"))),
                }
            }
            IndexSpec::new(name, &fields.ok_or_else(wrong)?, unique)
        }
        _ => Err(wrong()),
    }
}

fn parse_fields(paths: &[Value]) -> Option<Vec<(&str, bool)>> {
    paths
        .iter()
        .map(|path| match path {
            Value::String(path) => Some((&**path, false)),
            Value::Array(pair) => match pair.as_slice() {
                [Value::String(path), Value::Number(direction)] if direction.abs() == 1.0 => {
                    Some((&**path, *direction < 0.0))
                }
                _ => None,
            },
            _ => None,
        })
        .collect()
}
