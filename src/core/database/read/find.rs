//! `find`: documents as one JSON array, or a page of them.

use std::rc::Rc;

use crate::base::{Error, Result};
use crate::collections::fields::Fields;
use crate::collections::find::{Find, Query};
use crate::engine::{Read, Step};

use super::super::response::Response;
use super::Context;

/// The task.
pub(in super::super) struct FindTask {
    query: Rc<Query>,
    find: Option<Find>,
}

impl FindTask {
    pub(super) fn take(fields: &mut Fields<'_>, now_ms: f64) -> Result<Self> {
        let query = Rc::new(Query::take(fields, now_ms)?);
        Ok(Self { find: Some(Find::new(Rc::clone(&query))), query })
    }

    pub(super) fn query(&self) -> &Query {
        &self.query
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
        Ok(find.finish())
    }
}
