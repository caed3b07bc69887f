//! What is synced and how, as `syncOpen` says it and as every instance reads it.
//!
//! Tokens and addresses are the package's: nothing of them is stored.

use crate::base::{sort, Error, Result};
use crate::collections::catalog::check_collection_name;
use crate::collections::fields::Fields;
use crate::collections::{json, Filter, Value};
use crate::engine::{Read, Step};
use crate::sync::client::link::Timing;
use crate::sync::client::Config;
use crate::sync::limits::{MUTATIONS_MAX, NUMBER_MAX, PAGE_MAX, SUBSCRIPTIONS_MAX};
use crate::sync::Subscription;

use super::super::response::{write_list, ObjectWriter};
use super::keys;

/// Documents of a page and mutations of a push unless `syncOpen` says otherwise.
const BATCH: u64 = 500;
/// Mutations that are kept for a server that loses its past, unless it says otherwise.
const RETAINED: u64 = 1000;

/// A synced collection.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Synced {
    pub(super) name: Box<str>,
    pub(super) filter: Value,
    /// Whether a change is refused that somebody else came before.
    pub(super) if_version: bool,
}

/// What is stored.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Settings {
    /// By name.
    pub(super) collections: Vec<Synced>,
    pub(super) schema: u64,
    page: u64,
    batch: u64,
    retained: u64,
}

impl Settings {
    /// Takes the fields of `syncOpen`, or of what is stored.
    pub(super) fn take(fields: &mut Fields<'_>) -> Result<Self> {
        let list = fields.value("collections")?.ok_or_else(|| fields.missing("collections"))?;
        let Value::Array(list) = list else { return Err(fields.wrong("collections", "an array of { name }")) };
        if list.len() > SUBSCRIPTIONS_MAX {
            return Err(fields.wrong("collections", &format!("at most {SUBSCRIPTIONS_MAX} collections")));
        }
        let mut collections = list.iter().map(Synced::parse).collect::<Result<Vec<_>>>()?;
        sort::sort_by(&mut collections, |a, b| a.name.cmp(&b.name));
        if let Some([twice, _]) = collections.windows(2).find(|pair| matches!(pair, [a, b] if a.name == b.name)) {
            return Err(Error::invalid(format!("sync: the collection '{}' is named twice", twice.name)));
        }
        Ok(Self {
            collections,
            schema: fields.number("schema")?.unwrap_or(0).min(NUMBER_MAX),
            page: fields.number("page")?.unwrap_or(PAGE_MAX as u64).clamp(1, PAGE_MAX as u64),
            batch: fields.number("batch")?.unwrap_or(BATCH).clamp(1, MUTATIONS_MAX as u64),
            retained: fields.number("retained")?.unwrap_or(RETAINED).min(NUMBER_MAX),
        })
    }

    /// What is stored, if anything is synced.
    pub(super) fn load(view: &dyn Read) -> Step<Option<Self>> {
        let mut bytes = Vec::new();
        if !view.get(keys::SETTINGS, &mut bytes)? {
            return Ok(None);
        }
        let settings = Fields::split(&bytes, "the settings of sync").and_then(|mut fields| Self::take(&mut fields));
        let settings = settings.map_err(|error| Error::corrupt(error.message().to_owned()))?;
        Ok(Some(settings))
    }

    /// The bytes to store.
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = ObjectWriter::default();
        write_list(out.field("collections"), &self.collections, |one, out| {
            let mut entry = ObjectWriter::default();
            entry.text("name", &one.name).raw("filter", &json::to_json(&one.filter));
            entry.text("conflict", if one.if_version { "if_version" } else { "merge" });
            out.extend_from_slice(&entry.finish().json);
        });
        out.number("schema", self.schema).number("page", self.page).number("batch", self.batch);
        out.number("retained", self.retained).finish().json
    }

    /// The collection, if it is synced.
    pub(super) fn find(&self, collection: &str) -> Option<&Synced> {
        let at = self.collections.binary_search_by(|one| (*one.name).cmp(collection)).ok()?;
        self.collections.get(at)
    }

    /// What the client needs of it.
    pub(super) fn config(&self) -> Config {
        let subscription = |one: &Synced| Subscription { collection: one.name.clone(), filter: one.filter.clone() };
        let number = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
        Config {
            subscriptions: self.collections.iter().map(subscription).collect(),
            schema: self.schema,
            page: number(self.page),
            batch: number(self.batch),
            retained: number(self.retained),
        }
    }
}

impl Synced {
    fn parse(value: &Value) -> Result<Self> {
        let wrong = |what: &str| Error::invalid(format!("sync: a collection's {what}"));
        let Value::Object(members) = value else { return Err(wrong("description must be an object with 'name'")) };
        let mut synced = Self { name: "".into(), filter: Value::Object(Vec::new()), if_version: false };
        for (member, value) in members {
            match (&**member, value) {
                ("name", Value::String(name)) => synced.name = name.clone(),
                ("filter", filter @ Value::Object(_)) => synced.filter = filter.clone(),
                ("conflict", Value::String(how)) if &**how == "merge" => {}
                ("conflict", Value::String(how)) if &**how == "if_version" => synced.if_version = true,
                ("conflict", _) => return Err(wrong("'conflict' must be 'merge' or 'if_version'")),
                ("filter", Value::Null | Value::Undefined) => {}
                _ => return Err(wrong(&format!("member '{member}' is unknown or of the wrong kind"))),
            }
        }
        check_collection_name(&synced.name)?;
        Filter::parse(&synced.filter)?;
        Ok(synced)
    }
}

/// Takes the durations of `syncOpen`.
pub(super) fn take_timing(fields: &mut Fields<'_>) -> Result<Timing> {
    let mut timing = Timing::default();
    let Some(given) = fields.value("timing")? else { return Ok(timing) };
    let Value::Object(members) = given else { return Err(fields.wrong("timing", "an object of milliseconds")) };
    for (name, value) in members {
        let Value::Number(ms) = value else { return Err(fields.wrong("timing", "an object of milliseconds")) };
        let slot = match &*name {
            "deadline" => &mut timing.deadline,
            "backoff" => &mut timing.backoff,
            "backoffMax" => &mut timing.backoff_max,
            "poll" => &mut timing.poll,
            _ => return Err(Error::invalid(format!("syncOpen: 'timing' has an unknown member '{name}'"))),
        };
        if !(1.0..=NUMBER_MAX as f64).contains(&ms) {
            return Err(Error::invalid(format!("syncOpen: '{name}' of 'timing' must be at least 1 ms")));
        }
        *slot = ms;
    }
    Ok(timing)
}
