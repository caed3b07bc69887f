//! One answer about many documents: how many, and which values.

use std::rc::Rc;

use crate::base::{Error, Result};
use crate::cache::dependency::Aspect;
use crate::collections::fields::Fields;
use crate::collections::find::{take_filter, Query, Tally};
use crate::collections::plan::Hint;
use crate::collections::Path;
use crate::engine::{Read, Step};

use super::super::response::Response;
use super::Context;

/// `count` or `distinct`.
pub(in super::super) struct TallyTask {
    query: Rc<Query>,
    aspect: Aspect,
    tally: Option<Tally>,
}

fn take_query(fields: &mut Fields<'_>, now_ms: f64) -> Result<Query> {
    let collection = fields.required_text("collection")?;
    let matcher = take_filter(fields, now_ms)?;
    let hint = fields.text("hint")?.map(|hint| Hint::parse(&hint));
    Ok(Query { hint, ..Query::new(&collection, matcher) })
}

impl TallyTask {
    pub(super) fn take_count(fields: &mut Fields<'_>, now_ms: f64) -> Result<Self> {
        let skip = fields.number("skip")?.unwrap_or(0);
        let limit = fields.number("limit")?;
        let query = Query { skip, limit, ..take_query(fields, now_ms)? };
        let query = Rc::new(query);
        Ok(Self { tally: Some(Tally::count(Rc::clone(&query))), aspect: Aspect::Membership, query })
    }

    pub(super) fn take_distinct(fields: &mut Fields<'_>, now_ms: f64) -> Result<Self> {
        let path = Path::parse(&fields.required_text("path")?)?;
        let query = Rc::new(take_query(fields, now_ms)?);
        Ok(Self { tally: Some(Tally::distinct(Rc::clone(&query), path)), aspect: Aspect::Content, query })
    }

    pub(super) fn collection(&self) -> Box<str> {
        self.query.collection.clone()
    }

    pub(super) fn query(&self) -> &Query {
        &self.query
    }

    /// What about the matching documents decides the answer.
    pub(super) fn aspect(&self) -> Aspect {
        self.aspect
    }

    /// Runs to the end; the finished tally stays for `explain`.
    pub(super) fn run(&mut self, view: &dyn Read, context: Context<'_>) -> Step<&Tally> {
        match &mut self.tally {
            Some(tally) => {
                tally.run(view, context.catalog)?;
                Ok(tally)
            }
            None => Err(Error::internal("a tally answered twice").into()),
        }
    }

    pub(super) fn step(&mut self, view: &dyn Read, context: Context<'_>) -> Step<Response> {
        self.run(view, context)?;
        let tally = self.tally.take().ok_or_else(|| Error::internal("a tally answered twice"))?;
        Ok(tally.finish())
    }
}
