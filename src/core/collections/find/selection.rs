//! The matches of a query, in its order, as a resumable task: plan, scan, filter, sort, skip and limit.
//!
//! It makes no answer: each match goes to the caller's `emit`, which may keep it as JSON, as a live entry or as the target
//! of a write.

use std::rc::Rc;

use crate::base::{Error, Result};
use crate::engine::{Read, Step};

use super::super::catalog::Catalog;
use super::super::document::Document;
use super::super::plan::{plan, Plan, Wanted};
use super::super::rank::{read_id, write_id};
use super::super::scan::{Flow, Scan};
use super::query::Query;
use super::ranked::Ranked;
use super::seek::seek;

/// A match on its way out.
#[derive(Clone, Copy, Debug)]
pub struct Found<'a> {
    /// The document's id.
    pub id: &'a str,
    /// Its sort key; empty unless the selection was asked for ranks.
    pub sort_key: &'a [u8],
    /// Its stored bytes.
    pub stored: &'a [u8],
    /// The same, parsed.
    pub document: Document<'a>,
}

/// Receives the matches.
pub type Emit<'a> = &'a mut dyn FnMut(Found<'_>) -> Result<()>;

/// The task.
#[derive(Debug)]
pub struct Selection {
    query: Rc<Query>,
    state: State,
    with_ranks: bool,
    any_order: bool,
    /// Matches so far, those skipped included.
    matched: u64,
    /// Matches emitted so far.
    pub emitted: u64,
}

#[derive(Debug)]
enum State {
    Start,
    Ordered(Scan),
    Sorting(Scan, Ranked),
    Done(Option<Scan>),
}

impl Selection {
    /// The matches of `query`.
    pub fn new(query: Rc<Query>) -> Self {
        let with_ranks = query.page;
        Self { query, state: State::Start, with_ranks, any_order: false, matched: 0, emitted: 0 }
    }

    /// Gives every match its sort key.
    #[must_use]
    pub fn with_ranks(mut self) -> Self {
        self.with_ranks = true;
        self
    }

    /// The matches may come in any order if the query says none: so as they are read fastest.
    #[must_use]
    pub fn in_any_order(mut self) -> Self {
        self.any_order = !self.query.ranking.order.required && self.query.take_max().is_none();
        self
    }

    /// The query.
    pub fn query(&self) -> &Rc<Query> {
        &self.query
    }

    /// The scan, once the query is planned: what it cost so far, and the plan.
    pub fn scan(&self) -> Option<&Scan> {
        match &self.state {
            State::Start => None,
            State::Ordered(scan) | State::Sorting(scan, _) => Some(scan),
            State::Done(scan) => scan.as_ref(),
        }
    }

    /// Plans the query if that has not happened. After it, `scan` tells the plan.
    ///
    /// # Errors
    /// As [`plan`].
    pub fn prepare(&mut self, view: &dyn Read, catalog: &Catalog) -> Step<()> {
        if !matches!(self.state, State::Start) {
            return Ok(());
        }
        let query = &self.query;
        let Some(collection) = catalog.find(view, &query.collection)? else {
            self.state = State::Done(None);
            return Ok(());
        };
        let wanted = Wanted {
            filter: &query.matcher.value,
            order: &query.ranking.order,
            take: query.take_max(),
            hint: query.hint.as_ref(),
            keys_suffice: false,
        };
        let mut plan: Plan = plan(view, &collection, wanted)?;
        if let Some(token) = &query.after {
            seek(&mut plan, collection.id, &query.ranking.order, token);
        }
        let ordered = plan.ordered;
        let mut scan = Scan::new(collection.id, plan);
        if self.any_order || !ordered {
            scan.in_any_order();
        }
        self.state = match ordered {
            true => State::Ordered(scan),
            false => {
                let keep = query.take_max().map(|take| usize::try_from(take).unwrap_or(usize::MAX));
                State::Sorting(scan, Ranked::new(keep))
            }
        };
        Ok(())
    }

    /// Runs until every match was emitted. After a pause it goes on where it was, on the same state.
    ///
    /// # Errors
    /// As [`plan`]; `Corrupt` for damaged documents; what `emit` answers; `Pause::Yield` after a slice.
    pub fn run(&mut self, view: &dyn Read, catalog: &Catalog, emit: Emit<'_>) -> Step<()> {
        self.prepare(view, catalog)?;
        let state = std::mem::replace(&mut self.state, State::Done(None));
        let (state, result) = match state {
            State::Ordered(mut scan) => match self.run_ordered(&mut scan, view, emit) {
                Ok(()) => (State::Done(Some(scan)), Ok(())),
                Err(pause) => (State::Ordered(scan), Err(pause)),
            },
            State::Sorting(mut scan, mut ranked) => match self.run_sorting(&mut scan, &mut ranked, view) {
                Ok(()) => {
                    let result = self.emit_sorted(&mut ranked, emit);
                    (State::Done(Some(scan)), result.map_err(Into::into))
                }
                Err(pause) => (State::Sorting(scan, ranked), Err(pause)),
            },
            other => (other, Ok(())),
        };
        self.state = state;
        result
    }

    fn run_ordered(&mut self, scan: &mut Scan, view: &dyn Read, emit: Emit<'_>) -> Step<()> {
        let query = Rc::clone(&self.query);
        let take = query.take_max().unwrap_or(u64::MAX);
        if take == 0 || take == query.skip {
            return Ok(());
        }
        let exact = scan.plan().exact;
        let behind = after_rank(&query);
        let ranks = self.with_ranks || behind.is_some();
        let mut rank = Vec::new();
        let (matched, emitted) = (&mut self.matched, &mut self.emitted);
        scan.run(view, &mut |id, stored| {
            let document = Document::parse_inline(stored)?;
            if !exact && !query.matcher.matches(&document)? {
                return Ok(Flow::More);
            }
            let at = if ranks { query.ranking.rank(&document, id, &mut rank) } else { 0 };
            if behind.as_ref().is_some_and(|behind| rank <= *behind) {
                return Ok(Flow::More);
            }
            *matched += 1;
            if *matched > query.skip {
                *emitted += 1;
                emit(Found { id: text(id)?, sort_key: rank.get(..at).unwrap_or_default(), stored, document })?;
            }
            Ok(if *matched >= take { Flow::Enough } else { Flow::More })
        })
    }

    fn run_sorting(&mut self, scan: &mut Scan, ranked: &mut Ranked, view: &dyn Read) -> Step<()> {
        let query = &self.query;
        let exact = scan.plan().exact;
        let behind = after_rank(query);
        let mut rank = Vec::new();
        scan.run(view, &mut |id, stored| {
            let document = Document::parse_inline(stored)?;
            if !exact && !query.matcher.matches(&document)? {
                return Ok(Flow::More);
            }
            let at = query.ranking.rank(&document, id, &mut rank);
            if behind.as_ref().is_none_or(|behind| rank > *behind) {
                ranked.push(&rank, at, stored);
            }
            Ok(Flow::More)
        })
    }

    fn emit_sorted(&mut self, ranked: &mut Ranked, emit: Emit<'_>) -> Result<()> {
        let descending = self.query.ranking.order.id_descending;
        let skip = usize::try_from(self.query.skip).unwrap_or(usize::MAX);
        for item in ranked.finish().skip(skip) {
            let id = read_id(item.id_part, descending).ok_or_else(|| Error::internal("a rank has no id"))?;
            let document = Document::parse(item.document)?;
            self.emitted += 1;
            emit(Found { id: text(&id)?, sort_key: item.sort_key, stored: item.document, document })?;
        }
        Ok(())
    }
}

fn text(id: &[u8]) -> Result<&str> {
    std::str::from_utf8(id).map_err(|_| Error::corrupt("a document's id is not UTF-8"))
}

/// The rank of the document that the result begins behind.
fn after_rank(query: &Query) -> Option<Vec<u8>> {
    let token = query.after.as_ref()?;
    let mut rank = token.sort_key.clone();
    write_id(&token.id, query.ranking.order.id_descending, &mut rank);
    Some(rank)
}
