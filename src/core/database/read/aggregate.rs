//! `aggregate`: a pipeline fed from a planned query.

use std::ops::ControlFlow;
use std::rc::Rc;

use crate::base::{Error, Result};
use crate::collections::catalog::{Catalog, Collection};
use crate::collections::fields::Fields;
use crate::collections::find::{Matcher, Query, Selection};
use crate::collections::pipeline::{Execution, Flow, Pipeline, RunOptions, Source, MEMORY};
use crate::collections::plan::{plan, Access, Hint, Order, Wanted};
use crate::collections::scan::{self, Scan};
use crate::collections::write::load;
use crate::collections::{Document, Filter, Value};
use crate::engine::{Pause, Read, Step};

use super::super::response::Response;
use super::key::scan_documents;
use super::Context;

/// What stops a scan whose remaining documents cannot change the result.
const ENOUGH: &str = "the pipeline has enough";

/// Documents of another collection that are fetched at once.
const VISIT: usize = 256;

/// The task.
pub(in super::super) struct Aggregate {
    pipeline: Pipeline,
    selection: Selection,
    execution: Option<Execution>,
    /// Whether every document was pushed.
    scanned: bool,
    /// How far the scan of a pipeline that reads other collections came.
    resume: Option<Box<str>>,
    /// Rows of the answer.
    rows: u64,
}

impl Aggregate {
    pub(super) fn take(fields: &mut Fields<'_>, now_ms: f64) -> Result<Self> {
        let collection = fields.required_text("collection")?;
        let mut stages = match fields.value("pipeline")? {
            Some(Value::Array(stages)) => stages,
            Some(_) => return Err(fields.wrong("pipeline", "an array of stages")),
            None => return Err(fields.missing("pipeline")),
        };
        // The whole pipeline is checked first, so that messages count the stages as they were given.
        Pipeline::parse(&Value::Array(stages.clone()))?;
        let matcher = take_leading_match(&mut stages, now_ms)?;
        let hint = fields.text("hint")?.map(|hint| Hint::parse(&hint));
        let query = Query { hint, ..Query::new(&collection, matcher) };
        Ok(Self {
            pipeline: Pipeline::parse(&Value::Array(stages))?,
            selection: Selection::new(Rc::new(query)),
            execution: None,
            scanned: false,
            resume: None,
            rows: 0,
        })
    }

    /// The collection it runs on, and those that its stages look into.
    pub(super) fn collections(&self) -> Vec<Box<str>> {
        let own = self.selection.query().collection.clone();
        std::iter::once(own).chain(self.pipeline.collections().into_iter().map(Box::from)).collect()
    }

    pub(in super::super) fn selection(&self) -> &Selection {
        &self.selection
    }

    pub(super) fn step(&mut self, view: &dyn Read, context: Context<'_>) -> Step<Response> {
        let options = RunOptions { now: context.now_ms, seed: context.seed, memory: MEMORY, sorted: false };
        let mut execution = self.execution.take().unwrap_or_else(|| self.pipeline.run(&options));
        match self.run(&mut execution, view, context) {
            Ok(()) => {
                let output = execution.into_output();
                self.rows = output.count as u64;
                Ok(Response { json: output.json, extended: output.extended })
            }
            Err(pause) => {
                self.execution = Some(execution);
                Err(pause)
            }
        }
    }

    /// Runs to the end and answers how many rows there are, for `explain`.
    pub(super) fn run_to_end(&mut self, view: &dyn Read, context: Context<'_>) -> Step<u64> {
        self.step(view, context)?;
        Ok(self.rows)
    }

    fn run(&mut self, execution: &mut Execution, view: &dyn Read, context: Context<'_>) -> Step<()> {
        let mut source = ViewSource { view, catalog: context.catalog };
        let query = Rc::clone(self.selection.query());
        if !self.pipeline.collections().is_empty() {
            // Rows wait for their lookups in batches, so this scan must be able to stop and go on between documents.
            return execution.scan(&query.collection, query.matcher.filter.as_ref(), &mut self.resume, &mut source);
        }
        if !self.scanned {
            match self.selection.run(view, context.catalog, &mut |found| match execution.push(found.stored)? {
                Flow::Done => Err(Error::internal(ENOUGH)),
                Flow::More | Flow::Drain => Ok(()),
            }) {
                Ok(()) => {}
                Err(Pause::Failed(error)) if error.message() == ENOUGH => {}
                Err(pause) => return Err(pause),
            }
            self.scanned = true;
        }
        execution.finish(&mut source)
    }
}

/// Takes the leading `$match` out, so that the planner sees it.
fn take_leading_match(stages: &mut Vec<Value>, now_ms: f64) -> Result<Matcher> {
    let leading = match stages.first() {
        Some(Value::Object(stage)) => match stage.as_slice() {
            [(name, filter)] if &**name == "$match" => Some(filter.clone()),
            _ => None,
        },
        _ => None,
    };
    match leading {
        Some(filter) => {
            stages.remove(0);
            Matcher::parse(filter, now_ms)
        }
        None => Ok(Matcher::all()),
    }
}

impl ViewSource<'_> {
    /// The ids that an index names for the filter, ascending; `None` if a scan is better.
    fn indexed(&self, collection: &Collection, filter: &Filter) -> Step<Option<Vec<Vec<u8>>>> {
        let (order, take, hint) = (&Order::default(), None, None);
        let wanted = Wanted { filter: filter.source(), order, take, hint, keys_suffice: false };
        let plan = plan(self.view, collection, wanted)?;
        let mut ids = match &plan.access {
            Access::Documents(_) => return Ok(None),
            Access::Nothing => Vec::new(),
            Access::Ids(ids) => ids.iter().map(|id| id.as_bytes().to_vec()).collect(),
            Access::Index { .. } | Access::Any(_) => {
                let mut ids = Vec::new();
                let mut scan = Scan::new(collection.id, plan);
                scan.unsliced();
                scan.run_keys(self.view, &mut |id| {
                    ids.push(id.to_vec());
                    Ok(scan::Flow::More)
                })?;
                ids
            }
        };
        ids.sort_unstable();
        Ok(Some(ids))
    }

    /// Hands over the documents with these ids that are behind `resume`.
    fn visit(
        &self,
        collection: u32,
        ids: &[Vec<u8>],
        resume: &mut Option<Box<str>>,
        each: &mut dyn FnMut(&[u8]) -> Result<bool>,
    ) -> Step<()> {
        let behind = ids.partition_point(|id| resume.as_ref().is_some_and(|last| id.as_slice() <= last.as_bytes()));
        let rest = ids.get(behind..).unwrap_or_default();
        let texts: Vec<&str> = rest.iter().filter_map(|id| std::str::from_utf8(id).ok()).collect();
        for ids in texts.chunks(VISIT) {
            for (id, stored) in ids.iter().zip(load(self.view, collection, ids)?) {
                let more = stored.map_or(Ok(true), |stored| each(&stored))?;
                *resume = Some((*id).into());
                if !more {
                    return Ok(());
                }
            }
        }
        Ok(())
    }
}

/// Other collections, at the position of the view.
struct ViewSource<'a> {
    view: &'a dyn Read,
    catalog: &'a Catalog,
}

impl Source for ViewSource<'_> {
    fn scan(
        &mut self,
        collection: &str,
        filter: Option<&Filter>,
        resume: &mut Option<Box<str>>,
        each: &mut dyn FnMut(&[u8]) -> Result<bool>,
    ) -> Step<()> {
        let Some(collection) = self.catalog.find(self.view, collection)? else { return Ok(()) };
        if let Some(ids) = filter.map(|filter| self.indexed(&collection, filter)).transpose()?.flatten() {
            return self.visit(collection.id, &ids, resume, each);
        }
        let mut last = resume.as_ref().map(|id| id.as_bytes().to_vec());
        let result = scan_documents(self.view, collection.id, &mut last, &mut |stored| {
            if let Some(filter) = filter {
                if !filter.matches(&Document::parse(stored)?)? {
                    return Ok(ControlFlow::Continue(()));
                }
            }
            Ok(if each(stored)? { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
        });
        *resume = last.and_then(|id| String::from_utf8(id).ok()).map(Into::into);
        result.map(drop)
    }
}
