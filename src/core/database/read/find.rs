//! `find`: documents as one JSON array, or a page of them.

use std::rc::Rc;

use crate::base::{Error, Result};
use crate::cache::dependency::Aspect;
use crate::cache::{Interest, Window};
use crate::collections::fields::Fields;
use crate::collections::find::{Find, Query};
use crate::engine::{Read, Step};

use super::super::response::Response;
use super::Context;

/// The task.
pub(in super::super) struct FindTask {
    query: Rc<Query>,
    find: Option<Find>,
    /// Which part of the matches the answer showed, once it is known.
    window: Option<Window>,
}

impl FindTask {
    pub(super) fn take(fields: &mut Fields<'_>, now_ms: f64) -> Result<Self> {
        let query = Rc::new(Query::take(fields, now_ms)?);
        Ok(Self { find: Some(Find::new(Rc::clone(&query))), query, window: None })
    }

    pub(super) fn query(&self) -> &Query {
        &self.query
    }

    /// From now on it finds out which part of the matches it shows.
    pub(super) fn watch(&mut self) {
        if self.query.ranking.order.required && self.query.limit.is_some() {
            self.find = self.find.take().map(Find::watched);
        }
    }

    /// The documents that the answer was made of.
    pub(super) fn interest(&self, now_ms: f64) -> Interest {
        let window = self.window.clone();
        Interest { window, ..Interest::new(Aspect::Content, &self.query.matcher, now_ms) }
    }

    /// Runs to the end; the finished search stays for `explain`.
    pub(super) fn run(&mut self, view: &dyn Read, context: Context<'_>) -> Step<&mut Find> {
        match &mut self.find {
            Some(find) => {
                find.run(view, context.catalog)?;
                Ok(find)
            }
            None => Err(Error::internal("a search answered twice").into()),
        }
    }

    pub(super) fn step(&mut self, view: &dyn Read, context: Context<'_>) -> Step<Response> {
        self.run(view, context)?;
        let find = self.find.take().ok_or_else(|| Error::internal("a search answered twice"))?;
        if let Some(seen) = find.seen() {
            let Query { ranking, skip, limit, page, after, .. } = &*self.query;
            let wanted = limit.map(|limit| limit.saturating_add(u64::from(*page)));
            let bound = seen.last.clone().filter(|_| wanted == Some(seen.count));
            // Behind a token the first shown is not all that may come in before it.
            let start = seen.first.clone().filter(|_| *skip > 0 && after.is_none());
            self.window = Window::new(ranking, start, bound);
        }
        Ok(find.finish())
    }
}
