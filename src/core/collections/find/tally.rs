//! Counting matches and collecting distinct values: what needs no documents in the answer.

use std::rc::Rc;

use crate::base::Result;
use crate::engine::{Read, Step};

use super::super::catalog::{document_count, Catalog};
use super::super::document::Document;
use super::super::path::Path;
use super::super::plan::{plan, Access, Wanted};
use super::super::scan::{Flow, Scan};
use super::super::Distinct;
use super::answer::Answer;
use super::query::Query;

/// What a walk over the matches adds up.
#[derive(Debug)]
enum Sum {
    Count,
    Distinct(Distinct),
}

/// A `count` or `distinct` on its way to its answer.
#[derive(Debug)]
pub struct Tally {
    query: Rc<Query>,
    sum: Sum,
    scan: Option<Scan>,
    /// Whether entries are counted without their documents.
    covered: bool,
    matched: u64,
    done: bool,
}

impl Tally {
    /// The number of matches, within skip and limit.
    pub fn count(query: Rc<Query>) -> Self {
        Self { query, sum: Sum::Count, scan: None, covered: false, matched: 0, done: false }
    }

    /// The distinct values at `path` among the matches.
    pub fn distinct(query: Rc<Query>, path: Path) -> Self {
        Self { sum: Sum::Distinct(Distinct::new(path)), ..Self::count(query) }
    }

    /// The scan, once the query is planned.
    pub fn scan(&self) -> Option<&Scan> {
        self.scan.as_ref()
    }

    /// Whether index entries were enough.
    pub fn is_covered(&self) -> bool {
        self.covered
    }

    /// How many matches were counted so far.
    pub fn matched(&self) -> u64 {
        self.matched
    }

    /// Plans the query if that has not happened.
    ///
    /// # Errors
    /// As [`plan`].
    pub fn prepare(&mut self, view: &dyn Read, catalog: &Catalog) -> Step<()> {
        if self.done || self.scan.is_some() {
            return Ok(());
        }
        let query = &self.query;
        let Some(collection) = catalog.find(view, &query.collection)? else {
            self.done = true;
            return Ok(());
        };
        let counts = matches!(self.sum, Sum::Count);
        if counts && query.matcher.is_all() && query.hint.is_none() {
            self.matched = document_count(view, collection.id)?.min(self.take());
            self.done = true;
            self.covered = true;
            return Ok(());
        }
        let take = counts.then(|| query.take_max()).flatten();
        let (filter, order, hint) = (&query.matcher.value, &query.ranking.order, query.hint.as_ref());
        let plan = plan(view, &collection, Wanted { filter, order, take, hint, keys_suffice: counts })?;
        self.covered = counts && plan.exact && matches!(plan.access, Access::Index { .. });
        self.scan = Some(Scan::new(collection.id, plan));
        Ok(())
    }

    fn take(&self) -> u64 {
        self.query.take_max().unwrap_or(u64::MAX)
    }

    /// Runs on; after a pause it is called again on the same state.
    ///
    /// # Errors
    /// As [`Scan::run`].
    pub fn run(&mut self, view: &dyn Read, catalog: &Catalog) -> Step<()> {
        self.prepare(view, catalog)?;
        let take = self.take();
        let Self { query, sum, scan, matched, covered, done } = self;
        let Some(scan) = scan.as_mut().filter(|_| !*done && take > 0) else { return Ok(()) };
        let flow = |matched: u64| if matched >= take { Flow::Enough } else { Flow::More };
        if *covered {
            scan.run_keys(view, &mut |_| {
                *matched += 1;
                Ok(flow(*matched))
            })?;
        } else {
            let exact = scan.plan().exact;
            scan.run(view, &mut |_, stored| -> Result<Flow> {
                let document = Document::parse(stored)?;
                if !exact && !query.matcher.matches(&document)? {
                    return Ok(Flow::More);
                }
                *matched += 1;
                match sum {
                    Sum::Count => Ok(flow(*matched)),
                    Sum::Distinct(values) => {
                        values.add(&document);
                        Ok(Flow::More)
                    }
                }
            })?;
        }
        *done = true;
        Ok(())
    }

    /// The answer of a finished run.
    pub fn finish(self) -> Answer {
        match self.sum {
            Sum::Count => Answer::plain(self.matched.saturating_sub(self.query.skip).to_string()),
            Sum::Distinct(values) => {
                let json = values.to_json();
                // Tags are rare; finding the mark is cheap, and a false alarm only costs a revival.
                let extended = json.windows(3).any(|window| window == b"{\"$");
                Answer { json, extended }
            }
        }
    }
}
