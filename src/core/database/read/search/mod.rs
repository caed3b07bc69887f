//! `search`: the best matches of a full-text query, with filter, facets, sort and pages.
//!
//! It scores nothing itself: the search floor does. What needs every match (facets, a total, a sort by fields) walks them
//! all; the rest skips what cannot be among the best.

mod answer;
mod collect;
mod suggest;
mod surface;
mod token;

use std::cell::Cell;
use std::rc::Rc;

use crate::base::{Error, ErrorKind, Result};
use crate::collections::catalog::Collection;
use crate::collections::fields::Fields;
use crate::collections::find::{take_filter, Matcher, Ranking, Token};
use crate::collections::{keys, Path, Projection, Value};
use crate::engine::{Pause, Read, Step};
use crate::search::evaluate::{explain, Evaluation, Hit};
use crate::search::store::view::not_declared;
use crate::search::store::{Prepared, StoredPostings, Warm};
use crate::search::{FacetCounts, Options, Plan, Query};

use super::super::response::Response;
use super::Context;
use collect::Collector;
use token::ScoreToken;

pub(in super::super) use suggest::SuggestTask;

/// Matches given unless the command says otherwise, and the most.
const LIMIT: u64 = 10;
const LIMIT_MAX: u64 = 10_000;
/// Values of a facet unless the command says otherwise.
const FACET_VALUES: usize = 10;
/// Work before the thread is given back: a few milliseconds.
const WORK: u64 = 8192;
/// Documents loaded before the thread is given back.
const LOADS: u32 = 500;

/// The task.
pub(in super::super) struct SearchTask {
    wanted: Wanted,
    run: Option<Run>,
    memory: Memory,
}

/// Which memory of earlier searches a task uses: none once something was missing, for only what is read again stays at hand
/// until all of it is there.
#[derive(Default)]
struct Memory {
    missed: Cell<bool>,
}

impl Memory {
    fn of(&self, context: Context<'_>) -> Rc<Warm> {
        match context.warm {
            Some(warm) if !self.missed.get() => Rc::clone(warm),
            _ => Warm::once(),
        }
    }

    fn note<T>(&self, step: Step<T>) -> Step<T> {
        self.missed.set(self.missed.get() || matches!(step, Err(Pause::Missing(_))));
        step
    }
}

/// What the command asks for.
struct Wanted {
    collection: Box<str>,
    query: Value,
    options: Vec<(&'static str, Value)>,
    matcher: Matcher,
    /// The order by fields; `None` is by score.
    ranking: Option<Ranking>,
    limit: usize,
    skip: usize,
    after: Option<Box<str>>,
    page: bool,
    total: bool,
    explain: bool,
    highlight: Highlight,
    facets: Vec<Facet>,
    projection: Option<Projection>,
}

/// Which fields are highlighted.
enum Highlight {
    None,
    All,
    Fields(Vec<Box<str>>),
}

struct Facet {
    path: Path,
    limit: usize,
}

/// What has been found so far.
struct Run {
    plan: Plan,
    /// Absent while it runs.
    evaluation: Option<Evaluation>,
    prepared: Rc<Prepared>,
    after: After,
    matches: u64,
    found: Vec<Found>,
    counts: Vec<FacetCounts>,
    loads: u32,
}

/// Behind what the results begin.
enum After {
    Start,
    Score(Hit),
    Rank(Vec<u8>),
}

/// A match among the best.
struct Found {
    hit: Hit,
    /// Its rank where fields order the results; and where the id begins in it.
    rank: Vec<u8>,
    id_at: usize,
}

const OPTIONS: [&str; 5] = ["match", "prefix", "fuzzy", "prefixLength", "fields"];

impl SearchTask {
    pub(super) fn take(fields: &mut Fields<'_>, now_ms: f64) -> Result<Self> {
        let collection = fields.required_text("collection")?.into();
        let query = fields.value("query")?.ok_or_else(|| fields.missing("query"))?;
        let mut options = Vec::new();
        for name in OPTIONS {
            options.extend(fields.value(name)?.map(|value| (name, value)));
        }
        let sort = fields.value("sort")?;
        let by_score = |value: &Value| matches!(value, Value::String(text) if &**text == "score");
        let ranking = match sort.filter(|value| !by_score(value)) {
            Some(value) => Some(Ranking::parse(Some(value), true)?),
            None => None,
        };
        let limit = fields.number("limit")?.unwrap_or(LIMIT);
        let skip = fields.number("skip")?.unwrap_or(0);
        if limit + skip > LIMIT_MAX {
            return Err(fields.wrong("limit", &format!("with 'skip' at most {LIMIT_MAX}; use pages beyond")));
        }
        let facets = take_facets(fields)?;
        let projection = fields.value("projection")?.map(|value| Projection::parse(&value)).transpose()?;
        let wanted = Wanted {
            collection,
            query,
            options,
            matcher: take_filter(fields, now_ms)?,
            ranking,
            limit: limit as usize,
            skip: skip as usize,
            after: fields.text("after")?.map(Into::into),
            page: fields.flag("page", false)?,
            total: fields.flag("total", false)?,
            explain: fields.flag("explain", false)?,
            highlight: take_highlight(fields)?,
            facets,
            projection,
        };
        Ok(Self { wanted, run: None, memory: Memory::default() })
    }

    pub(super) fn collection(&self) -> Box<str> {
        self.wanted.collection.clone()
    }

    pub(super) fn step(&mut self, view: &dyn Read, context: Context<'_>) -> Step<Response> {
        let step = self.search(view, context);
        self.memory.note(step)
    }

    fn search(&mut self, view: &dyn Read, context: Context<'_>) -> Step<Response> {
        let wanted = &self.wanted;
        let (collection, prepared, search) = find_index(view, context, &wanted.collection)?;
        let warm = self.memory.of(context);
        let postings = StoredPostings::open(view, collection.id, search, &prepared.spec, &warm)?;
        let run = match &mut self.run {
            Some(run) => run,
            None => self.run.insert(Run::begin(wanted, prepared, &postings)?),
        };
        run.loads = 0;
        if let Some(mut evaluation) = run.evaluation.take() {
            let prepared = Rc::clone(&run.prepared);
            let mut collector = Collector { wanted, run, view, postings: &postings, collection: &collection };
            let step = evaluation.run(&prepared.spec, &postings, &mut collector, WORK);
            run.evaluation = Some(evaluation);
            step?;
        }
        run.answer(wanted, view, &postings, &collection)
    }
}

/// The collection, its declaration and the number of its search index, which must be ready.
fn find_index(view: &dyn Read, context: Context<'_>, name: &str) -> Step<(Rc<Collection>, Rc<Prepared>, u32)> {
    let Some(collection) = context.catalog.find(view, name)? else { return Err(not_declared(name).into()) };
    let Some(search) = &collection.search else { return Err(not_declared(name).into()) };
    if !search.ready {
        let message = format!("the search index of '{name}' is being built: wait with waitSearch");
        return Err(Error::new(ErrorKind::Unavailable, message).with_reason("building").into());
    }
    let prepared = context.search.prepared(search)?;
    let id = search.id;
    Ok((collection, prepared, id))
}

/// `true`, or the paths of fields.
fn take_highlight(fields: &mut Fields<'_>) -> Result<Highlight> {
    match fields.value("highlight")? {
        None | Some(Value::Bool(false)) => Ok(Highlight::None),
        Some(Value::Bool(true)) => Ok(Highlight::All),
        Some(Value::Array(paths)) => {
            let text = |path: &Value| match path {
                Value::String(path) => Some(path.clone()),
                _ => None,
            };
            let paths: Option<Vec<Box<str>>> = paths.iter().map(text).collect();
            paths.map(Highlight::Fields).ok_or_else(|| fields.wrong("highlight", "true or an array of fields"))
        }
        Some(_) => Err(fields.wrong("highlight", "true or an array of fields")),
    }
}

/// `["path", …]`, or `{"path": limit, …}`.
fn take_facets(fields: &mut Fields<'_>) -> Result<Vec<Facet>> {
    let wrong = |fields: &Fields<'_>| fields.wrong("facets", "an array of paths, or an object of paths and limits");
    let facet = |path: &str, limit: usize| Ok(Facet { path: Path::parse(path)?, limit });
    match fields.value("facets")? {
        None => Ok(Vec::new()),
        Some(Value::Array(paths)) => paths
            .iter()
            .map(|path| match path {
                Value::String(path) => facet(path, FACET_VALUES),
                _ => Err(wrong(fields)),
            })
            .collect(),
        Some(Value::Object(paths)) => paths
            .iter()
            .map(|(path, limit)| match limit {
                Value::Number(limit) if (1.0..=1000.0).contains(limit) => facet(path, *limit as usize),
                _ => Err(wrong(fields)),
            })
            .collect(),
        Some(_) => Err(wrong(fields)),
    }
}

impl Wanted {
    /// How many of the best are kept: one more than a page holds tells whether there is another.
    fn keep(&self) -> usize {
        self.skip + self.limit + usize::from(self.page)
    }

    /// Whether a match can only be judged by its document.
    fn needs_documents(&self) -> bool {
        !self.matcher.is_all() || self.ranking.is_some() || !self.facets.is_empty()
    }

    /// Whether the answer shows something of the documents but their ids.
    fn shows_documents(&self) -> bool {
        !self.projection.as_ref().is_some_and(Projection::is_id_only) || !matches!(self.highlight, Highlight::None)
    }

    fn wants_all(&self) -> bool {
        self.total || !self.facets.is_empty() || self.ranking.is_some()
    }
}

impl Run {
    fn begin(wanted: &Wanted, prepared: Rc<Prepared>, postings: &StoredPostings<'_>) -> Step<Self> {
        let spec = &prepared.spec;
        let mut options = Options::default();
        for (name, value) in &wanted.options {
            options.set(name, value, "search", spec)?;
        }
        let query = Query::parse(&wanted.query, &options, spec)?;
        let plan = Plan::new(&query, spec, &prepared.analyzers)?;
        let after = match (&wanted.after, &wanted.ranking) {
            (None, _) => After::Start,
            (Some(text), Some(ranking)) => {
                let token = Token::parse(text, &ranking.order)?;
                let mut rank = token.sort_key;
                crate::collections::rank::write_id(&token.id, ranking.order.id_descending, &mut rank);
                After::Rank(rank)
            }
            (Some(text), None) => {
                let mut hit = ScoreToken::parse(text)?.hit;
                // Scores shift when documents are written: what counts is where the last one stands now.
                if let Some(now) = explain(&plan, spec, postings, hit.doc)? {
                    hit.score = now.value;
                }
                After::Score(hit)
            }
        };
        let counts = wanted.facets.iter().map(|facet| FacetCounts::new(facet.path.clone())).collect();
        let evaluation = Some(Evaluation::new(plan.clone()));
        Ok(Self { plan, evaluation, prepared, after, matches: 0, found: Vec::new(), counts, loads: 0 })
    }
}

/// The stored document of a match.
fn load(view: &dyn Read, collection: u32, id: &str) -> Step<Vec<u8>> {
    let (mut key, mut stored) = (Vec::new(), Vec::new());
    keys::document(collection, id, &mut key);
    if !view.get(&key, &mut stored)? {
        return Err(Error::corrupt(format!("the search index names the document '{id}', which is not there")).into());
    }
    Ok(stored)
}
