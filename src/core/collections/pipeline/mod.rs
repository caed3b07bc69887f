//! MongoDB's aggregation pipeline: parsed once, run over documents as they stream by.
//!
//! Not a planner: it says what its first stages could use an index for, and takes documents from whoever scans. Stages
//! read stored bytes as long as they can; a tree is made only where a stage needs one, of the fields that are needed.

mod accumulator;
mod bucket;
mod execution;
mod group;
mod key_table;
mod lookup;
mod output;
mod parse;
mod partial;
mod pieces;
mod ranked;
mod reshape;
mod row;
mod sample;
mod sketch;
mod sorter;
mod stage;
mod unwind;

#[cfg(test)]
mod partial_tests;
#[cfg(test)]
mod pieces_tests;
#[cfg(test)]
mod pipeline_tests;

use std::borrow::Cow;
use std::rc::Rc;

pub use execution::{Execution, Flow};
pub use lookup::Source;
pub use output::Output;
pub use partial::{Grouping, Partial, Partials};
use stage::Stage;

use super::expression::{Expression, Fields};
use super::filter::Filter;
use super::sort::Sort;
use super::Value;
use crate::base::{Error, Result};

/// The bytes, about, that one run may hold in groups, sorts and waiting rows, unless told otherwise.
pub const MEMORY: usize = 32 << 20;

/// A compiled pipeline; cheap to clone.
#[derive(Clone, Debug)]
pub struct Pipeline(Rc<Stages>);

/// The stages and what they read.
#[derive(Debug)]
struct Stages {
    stages: Vec<Stage>,
    /// The fields that each stage and those behind it need of their rows.
    needs: Vec<Fields>,
    /// Stages that take pieces of texts in one go.
    pieces: Option<pieces::Pieces>,
}

/// How to run a pipeline.
#[derive(Clone, Debug)]
pub struct RunOptions {
    /// `$$NOW`, in milliseconds since the Unix epoch.
    pub now: f64,
    /// The seed of `$sample`.
    pub seed: u64,
    /// The most bytes, about, that groups, sorts and waiting rows may take.
    pub memory: usize,
    /// The documents come in the order of [`Pipeline::leading_sort`]: it need not sort.
    pub sorted: bool,
}

/// What expressions and random choices see, apart from rows.
#[derive(Clone, Debug)]
struct Environment {
    now: f64,
    seed: u64,
    memory: usize,
    sorted: bool,
    /// Values of `$lookup`'s variables, the innermost first.
    variables: Rc<[Cow<'static, Value>]>,
}

/// Counts the bytes a run holds.
#[derive(Clone, Debug)]
struct Memory {
    held: usize,
    limit: usize,
}

impl Pipeline {
    /// Compiles an array of stages. Fails on an unknown stage, operator or option; the message names the stage and the fix.
    pub fn parse(stages: &Value) -> Result<Self> {
        Self::parse_nested(stages, &[], 0)
    }

    /// The filter of a first `$match`: an index may leave out documents that do not match. The run still checks it.
    pub fn leading_filter(&self) -> Option<&Filter> {
        match self.0.stages.first() {
            Some(Stage::Match(first)) => first.filter(),
            _ => None,
        }
    }

    /// The order a first `$sort` (behind `$match`) asks for, and how many rows of it are wanted if that is known.
    pub fn leading_sort(&self) -> Option<(&Sort, Option<usize>)> {
        let first = self.0.stages.iter().find(|stage| !matches!(stage, Stage::Match(_)));
        match first {
            Some(Stage::Sort { sort, limit }) => Some((sort, *limit)),
            _ => None,
        }
    }

    /// The other collections it reads.
    pub fn collections(&self) -> Vec<&str> {
        let mut names = Vec::new();
        for stage in &self.0.stages {
            stage.collections(&mut names);
        }
        names
    }

    /// Begins a run.
    pub fn run(&self, options: &RunOptions) -> Execution {
        let RunOptions { now, seed, memory, sorted } = *options;
        self.execution(Environment { now, seed, memory, sorted, variables: Rc::new([]) }, false)
    }

    /// The fields it needs of the documents it is given.
    pub fn fields(&self) -> &Fields {
        self.0.needs.first().unwrap_or(&Fields::All)
    }
}

impl Default for RunOptions {
    fn default() -> Self {
        Self { now: 0.0, seed: 0, memory: MEMORY, sorted: false }
    }
}

impl Environment {
    fn evaluate<'v>(&'v self, expression: &'v Expression, row: &'v Value) -> Result<Cow<'v, Value>> {
        expression.evaluate_with(row, self.now, &self.variables)
    }
}

impl Memory {
    fn hold(&mut self, stage: &str, bytes: usize) -> Result<()> {
        self.held = self.held.saturating_add(bytes);
        if self.held <= self.limit {
            return Ok(());
        }
        let limit = self.limit >> 20;
        let message = format!("{stage} holds more than the limit of {limit} MiB: filter or $limit earlier, $project fewer fields, or raise the limit");
        Err(Error::invalid(message).with_reason("memory"))
    }

    fn release(&mut self, bytes: usize) {
        self.held = self.held.saturating_sub(bytes);
    }
}

fn invalid(stage: &str, what: &str) -> Error {
    Error::invalid(format!("{stage} {what}"))
}
