//! Commands that look: resumable tasks over a view, each answering JSON.
//!
//! They change nothing, and a task that paused goes on where it was, on the same position.

mod aggregate;
mod cache;
mod explain;
mod find;
mod key;
mod search;
mod tally;

use std::rc::Rc;

use crate::base::{Error, Result};
use crate::cache::dependency::Aspect;
use crate::cache::{Dependency, Interest};
use crate::collections::catalog::Catalog;
use crate::collections::fields::Fields;
use crate::collections::find::Query;
use crate::engine::{Platform, Read, Step};
use crate::search::store::{SearchIndexes, Warm};

use super::jobs::JobsTask;
use super::response::Response;
use super::topics::TopicTask;

pub(super) use explain::Explain;
pub(super) use key::scan_documents;

/// What a task may use besides the view.
#[derive(Clone, Copy)]
pub(super) struct Context<'a> {
    /// The parsed catalog of the instance.
    pub(super) catalog: &'a Catalog,
    /// Milliseconds since the Unix epoch.
    pub(super) now_ms: f64,
    /// For durations.
    pub(super) platform: &'a dyn Platform,
    /// The declarations of search indexes.
    pub(super) search: &'a SearchIndexes,
    /// What searches remember of each other; `None` in a transaction, which may see what is never committed.
    pub(super) warm: Option<&'a Rc<Warm>>,
    /// Randomness for `$sample`.
    pub(super) seed: u64,
}

/// A task.
// With pointers of 32 bits it is small enough.
#[cfg_attr(
    target_pointer_width = "64",
    expect(clippy::large_enum_variant, reason = "it lives for one call; a box would cost an allocation for each")
)]
pub(super) enum ReadTask {
    Get(key::Get),
    Find(find::FindTask),
    Tally(tally::TallyTask),
    Aggregate(Box<aggregate::Aggregate>),
    Search(Box<search::SearchTask>),
    Suggest(Box<search::SuggestTask>),
    Explain(Box<Explain>),
    Collections,
    Names,
    Outdated(key::Outdated),
    Cache(cache::CacheTask),
    Topic(TopicTask),
    Jobs(Box<JobsTask>),
}

impl ReadTask {
    /// Takes the fields of the command `op`; `None` if there is no such command. `now_ms` is the time that filters see.
    ///
    /// # Errors
    /// `Invalid` naming the field and the fix.
    pub(super) fn take(op: &str, fields: &mut Fields<'_>, now_ms: f64) -> Result<Option<(&'static str, Self)>> {
        Ok(Some(match op {
            "get" => ("get", Self::Get(key::Get::take(fields, true)?)),
            "getMany" => ("getMany", Self::Get(key::Get::take(fields, false)?)),
            "find" => ("find", Self::Find(find::FindTask::take(fields, now_ms)?)),
            "count" => ("count", Self::Tally(tally::TallyTask::take_count(fields, now_ms)?)),
            "collections" => ("collections", Self::Collections),
            _ => return Self::take_rarer(op, fields, now_ms),
        }))
    }

    /// The same for commands that a page seldom begins with: it loads nothing of them.
    #[inline(never)]
    fn take_rarer(op: &str, fields: &mut Fields<'_>, now_ms: f64) -> Result<Option<(&'static str, Self)>> {
        Ok(Some(match op {
            "distinct" => ("distinct", Self::Tally(tally::TallyTask::take_distinct(fields, now_ms)?)),
            "aggregate" => ("aggregate", Self::Aggregate(Box::new(aggregate::Aggregate::take(fields, now_ms)?))),
            "search" => ("search", Self::Search(Box::new(search::SearchTask::take(fields, now_ms)?))),
            "suggest" => ("suggest", Self::Suggest(Box::new(search::SuggestTask::take(fields)?))),
            "explain" => ("explain", Self::Explain(Box::new(Explain::take(fields, now_ms)?))),
            "names" => ("names", Self::Names),
            "outdated" => ("outdated", Self::Outdated(key::Outdated::take(fields)?)),
            "cacheGet" => ("cacheGet", Self::Cache(cache::CacheTask::take_get(fields)?)),
            "cacheGetMany" => ("cacheGet", Self::Cache(cache::CacheTask::take_get_many(fields)?)),
            "cacheEntries" => ("cacheEntries", Self::Cache(cache::CacheTask::take_entries(fields)?)),
            "cacheTally" => ("cacheTally", Self::Cache(cache::CacheTask::take_tally(fields)?)),
            _ => match TopicTask::take(op, fields)? {
                Some((name, task)) => (name, Self::Topic(task)),
                None => return Ok(JobsTask::take(op, fields)?.map(|(name, task)| (name, Self::Jobs(Box::new(task))))),
            },
        }))
    }

    /// Runs until it pauses or answers.
    pub(super) fn step(&mut self, view: &dyn Read, context: Context<'_>) -> Step<Response> {
        match self {
            Self::Get(task) => task.step(view, context),
            Self::Find(task) => task.step(view, context),
            Self::Tally(task) => task.step(view, context),
            Self::Aggregate(task) => task.step(view, context),
            Self::Search(task) => task.step(view, context),
            Self::Suggest(task) => task.step(view, context),
            Self::Explain(task) => task.step(view, context),
            Self::Collections => super::report::collections(view, context.catalog),
            Self::Names => super::inspect::names(view, context.catalog),
            Self::Outdated(task) => task.step(view, context),
            Self::Cache(task) => task.step(view),
            Self::Topic(task) => task.step(view, context.now_ms),
            Self::Jobs(task) => task.step(view, context),
        }
    }

    /// Somebody wants to know what the answer is computed from; to be said before the first step.
    pub(super) fn watch(&mut self) {
        if let Self::Find(task) = self {
            task.watch();
        }
    }

    /// What the answer is computed from, for a cache entry that keeps it. After the last step it is told more narrowly.
    ///
    /// # Errors
    /// `Invalid` for commands whose answer cannot be watched.
    pub(super) fn dependencies(&self, now_ms: f64) -> Result<Vec<Dependency>> {
        let query = |aspect, query: &Query| Dependency::Query {
            collection: query.collection.clone(),
            interest: Interest::new(aspect, &query.matcher, now_ms),
        };
        let whole = |collection| Dependency::Query { collection, interest: Interest::all() };
        Ok(match self {
            Self::Get(task) => task.dependencies(),
            Self::Find(task) => {
                vec![Dependency::Query { collection: task.query().collection.clone(), interest: task.interest(now_ms) }]
            }
            Self::Tally(task) => vec![query(task.aspect(), task.query())],
            Self::Aggregate(task) => {
                let own = query(Aspect::Content, task.selection().query());
                let others = task.collections().into_iter().skip(1);
                std::iter::once(own).chain(others.map(whole)).collect()
            }
            Self::Search(task) => vec![whole(task.collection())],
            Self::Suggest(task) => vec![whole(task.collection())],
            Self::Cache(task) => task.dependencies(),
            Self::Explain(_) | Self::Collections | Self::Names | Self::Outdated(_) | Self::Topic(_) | Self::Jobs(_) => {
                return Err(Error::invalid(
                    "a computed cache entry cannot follow 'explain', 'collections', 'outdated', topics or jobs",
                ))
            }
        })
    }

    /// The collections whose changes can change the answer.
    pub(super) fn touches(&self) -> Vec<Box<str>> {
        match self {
            Self::Find(task) => vec![task.query().collection.clone()],
            Self::Tally(task) => vec![task.collection()],
            Self::Aggregate(task) => task.collections(),
            Self::Search(task) => vec![task.collection()],
            _ => Vec::new(),
        }
    }
}
