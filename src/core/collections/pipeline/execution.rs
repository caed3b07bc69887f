//! A pipeline at work: documents are pushed in one after another, rows come out at the end.
//!
//! Stages that need all their rows first (`$group`, `$sort` …) keep them until the input is finished. Pushing never
//! pauses; only what reads other collections does, and that goes on where it was.

use super::super::expression::{weight, Fields};
use super::super::filter::Filter;
use super::super::{Document, Value};
use super::bucket::{Buckets, Waiting as WaitingForBucket};
use super::group::Groups;
use super::lookup::{Lookup, Source, Waiting};
use super::output::{Output, Sink};
use super::pieces::Seen;
use super::row::Row;
use super::sample::Sample;
use super::sorter::Sorter;
use super::stage::Stage;
use super::{invalid, Environment, Memory, Pipeline};
use crate::base::Result;
use crate::engine::access::Step;

/// What to do after a push.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// Push the next document.
    More,
    /// Call [`Execution::drain`] before the next push.
    Drain,
    /// No further document can change the result: finish.
    Done,
}

/// What a stage remembers.
#[derive(Debug)]
pub(super) enum State {
    Nothing,
    Counter(u64),
    Groups(Box<Groups>),
    Buckets(Buckets),
    BucketAuto(Vec<WaitingForBucket>),
    Sorter(Box<Sorter>),
    Sample(Sample),
    Facet(Vec<Execution>),
    Waiting(Box<Waiting>),
}

/// One run of a pipeline.
#[derive(Debug)]
pub struct Execution {
    pub(super) pipeline: Pipeline,
    pub(super) environment: Environment,
    pub(super) memory: Memory,
    pub(super) states: Vec<State>,
    pub(super) seen: Seen,
    sink: Sink,
    /// A `$limit` that has all its rows: nothing before it matters any more.
    satisfied: Option<usize>,
    /// A `$lookup` has a full batch.
    full: bool,
    /// The stages that were told that their input ended.
    finished: usize,
    /// The scan of [`Self::scan`] ended.
    scanned: bool,
    /// The place of a `$sort` whose rows come in order.
    sorted: Option<usize>,
}

impl Pipeline {
    pub(super) fn execution(&self, environment: Environment, trees: bool) -> Execution {
        let stages = &self.0.stages;
        let sorted =
            if environment.sorted { stages.iter().position(|stage| !matches!(stage, Stage::Match(_))) } else { None };
        // What runs inside reads its own input.
        let environment = Environment { sorted: false, ..environment };
        let states = stages.iter().map(|stage| start(stage, &environment)).collect();
        let memory = Memory { held: 0, limit: environment.memory };
        let (sink, satisfied, full, finished, scanned) = (Sink::new(trees), None, false, 0, false);
        Execution {
            pipeline: self.clone(),
            environment,
            memory,
            states,
            seen: Seen::default(),
            sink,
            satisfied,
            full,
            finished,
            scanned,
            sorted,
        }
    }
}

fn start(stage: &Stage, environment: &Environment) -> State {
    match stage {
        Stage::Match(_) | Stage::Reshape(_) | Stage::Unwind(_) | Stage::ReplaceRoot(_) => State::Nothing,
        Stage::Limit(_) | Stage::Skip(_) | Stage::Count(_) => State::Counter(0),
        Stage::Group(_) => State::Groups(Box::default()),
        Stage::Bucket(bucket) => State::Buckets(bucket.start()),
        Stage::BucketAuto(_) => State::BucketAuto(Vec::new()),
        Stage::Sort { limit, .. } => State::Sorter(Box::new(Sorter::new(*limit))),
        Stage::Sample(size) => State::Sample(Sample::new(*size, environment.seed)),
        Stage::Lookup(_) | Stage::Union(..) => State::Waiting(Box::default()),
        Stage::Facet(facets) => {
            let share = Environment { memory: environment.memory / facets.len().max(1), ..environment.clone() };
            State::Facet(facets.iter().map(|(_, pipeline)| pipeline.execution(share.clone(), true)).collect())
        }
    }
}

impl Execution {
    /// Takes the next document, as it is stored.
    pub fn push(&mut self, stored: &[u8]) -> Result<Flow> {
        let document = Document::parse_inline(stored)?;
        self.feed(0, Row::Stored(stored, document))?;
        Ok(if self.satisfied.is_some() {
            Flow::Done
        } else if self.full {
            Flow::Drain
        } else {
            Flow::More
        })
    }

    /// Looks up the full batches of `$lookup` stages. After a pause, call it again.
    pub fn drain(&mut self, source: &mut dyn Source) -> Step<()> {
        if self.full {
            for at in 0..self.states.len() {
                self.look_up(at, source)?;
            }
            self.full = false;
        }
        Ok(())
    }

    /// Tells that there are no more documents, and computes the rest. After a pause, call it again.
    pub fn finish(&mut self, source: &mut dyn Source) -> Step<()> {
        while self.finished < self.states.len() {
            if !self.is_satisfied(self.finished) {
                self.finish_stage(self.finished, source)?;
            }
            self.finished += 1;
        }
        Ok(())
    }

    /// Runs over all documents of `collection` that match `filter` (or the pipeline's leading one), to the end. `resume`
    /// starts as `None`; after a pause, call it again with what is left there.
    pub fn scan(
        &mut self,
        collection: &str,
        filter: Option<&Filter>,
        resume: &mut Option<Box<str>>,
        source: &mut dyn Source,
    ) -> Step<()> {
        let pipeline = self.pipeline.clone();
        while !self.scanned {
            self.drain(source)?;
            let mut flow = Flow::More;
            source.scan(collection, filter.or(pipeline.leading_filter()), resume, &mut |stored| {
                if let Some(filter) = filter {
                    if !filter.matches(&Document::parse_inline(stored)?)? {
                        return Ok(true);
                    }
                }
                flow = self.push(stored)?;
                Ok(flow == Flow::More)
            })?;
            self.scanned = flow != Flow::Drain;
        }
        self.finish(source)
    }

    /// The rows of a finished run.
    pub fn into_output(self) -> Output {
        match self.sink {
            Sink::Json(mut output) => {
                output.json.push(b']');
                output
            }
            Sink::Trees(_) => Output { json: b"[]".to_vec(), extended: false, count: 0 },
        }
    }

    /// Takes the next row, as a tree.
    pub(super) fn push_tree(&mut self, row: Value) -> Result<()> {
        self.feed(0, Row::Tree(row))
    }

    /// The groups of the last stage, if that is a `$group`.
    pub(super) fn groups(&self) -> Option<&Groups> {
        match self.states.last() {
            Some(State::Groups(groups)) => Some(groups),
            _ => None,
        }
    }

    /// Takes the groups of the last stage out, if that is a `$group`.
    pub(super) fn into_groups(mut self) -> Option<Groups> {
        self.count_pieces();
        match self.states.pop() {
            Some(State::Groups(groups)) => Some(*groups),
            _ => None,
        }
    }

    /// The rows of a finished run inside another one.
    pub(super) fn into_values(self) -> Vec<Value> {
        match self.sink {
            Sink::Trees(values) => values,
            Sink::Json(_) => Vec::new(),
        }
    }

    /// Whether nothing that the stage `at` gives can change the result.
    fn is_satisfied(&self, at: usize) -> bool {
        self.satisfied.is_some_and(|limit| limit > at)
    }

    /// Takes a row through the stages from `at` on, until one keeps it or it comes out.
    pub(super) fn feed(&mut self, mut at: usize, mut row: Row<'_>) -> Result<()> {
        let pipeline = self.pipeline.clone();
        loop {
            if let Some(pieces) = pipeline.0.pieces.as_ref().filter(|pieces| pieces.at == at) {
                let Some(back) = self.feed_pieces(pieces, row)? else { return Ok(()) };
                row = back;
            }
            let needed = pipeline.0.needs.get(at).unwrap_or(&Fields::All);
            let (environment, memory) = (&self.environment, &mut self.memory);
            let (Some(stage), Some(state)) = (pipeline.0.stages.get(at), self.states.get_mut(at)) else {
                return self.sink.add(row, memory);
            };
            match (stage, state) {
                (Stage::Match(filter), _) if !filter.matches(&row, environment)? => return Ok(()),
                (Stage::Reshape(reshape), _) => row = Row::Tree(reshape.apply(row.into_tree(needed)?, environment)?),
                (Stage::Group(group), State::Groups(groups)) => return group.add(groups, &row, environment, memory),
                (Stage::Bucket(bucket), State::Buckets(buckets)) => {
                    return bucket.add(buckets, &row, environment, memory)
                }
                (Stage::BucketAuto(bucket), State::BucketAuto(rows)) => {
                    return bucket.add(rows, row, needed, environment, memory);
                }
                (Stage::Sort { .. }, _) if self.sorted == Some(at) => {}
                (Stage::Sort { sort, .. }, State::Sorter(sorter)) => return sorter.add(sort, row, needed, memory),
                (Stage::Limit(limit), State::Counter(seen)) => {
                    if *seen >= *limit {
                        return Ok(());
                    }
                    *seen += 1;
                    if *seen == *limit {
                        self.satisfied = self.satisfied.max(Some(at));
                    }
                }
                (Stage::Skip(count), State::Counter(seen)) => {
                    *seen += 1;
                    if *seen <= *count {
                        return Ok(());
                    }
                }
                (Stage::Count(_), State::Counter(seen)) => {
                    *seen += 1;
                    return Ok(());
                }
                (Stage::Unwind(unwind), _) => {
                    return unwind.apply(row.into_tree(needed)?, &mut |row| {
                        self.feed(at + 1, row)?;
                        Ok(!self.is_satisfied(at))
                    });
                }
                (Stage::ReplaceRoot(root), _) => {
                    let tree = row.tree(needed)?;
                    let root = environment.evaluate(root, &tree)?.into_owned();
                    if !matches!(root, Value::Object(_)) {
                        return Err(invalid(
                            "$replaceRoot",
                            "needs an expression that gives an object: guard it with $ifNull",
                        ));
                    }
                    row = Row::Tree(root);
                }
                (Stage::Sample(_), State::Sample(sample)) => return sample.add(row, needed, memory),
                (Stage::Facet(_), State::Facet(facets)) => return feed_facets(facets, &row),
                (Stage::Lookup(_), State::Waiting(waiting)) => {
                    Lookup::add(waiting, row.into_tree(needed)?, memory)?;
                    self.full |= waiting.is_full();
                    return Ok(());
                }
                // `$unionWith` lets its own rows pass. No other stage meets a foreign state.
                _ => {}
            }
            at += 1;
        }
    }

    fn feed_all(&mut self, at: usize, rows: impl IntoIterator<Item = Value>) -> Result<()> {
        for row in rows {
            if self.is_satisfied(at) {
                break;
            }
            self.feed(at + 1, Row::Tree(row))?;
        }
        Ok(())
    }

    /// Looks up what waits at the stage `at`, if it is a `$lookup`.
    fn look_up(&mut self, at: usize, source: &mut dyn Source) -> Step<()> {
        let pipeline = self.pipeline.clone();
        let Some(Stage::Lookup(lookup)) = pipeline.0.stages.get(at) else { return Ok(()) };
        loop {
            let Some(State::Waiting(waiting)) = self.states.get_mut(at) else { return Ok(()) };
            let rows = lookup.advance(waiting, &self.environment, &mut self.memory, source)?;
            if rows.is_empty() {
                return Ok(());
            }
            self.feed_all(at, rows)?;
        }
    }

    fn finish_stage(&mut self, at: usize, source: &mut dyn Source) -> Step<()> {
        let pipeline = self.pipeline.clone();
        let Some(stage) = pipeline.0.stages.get(at) else { return Ok(()) };
        match stage {
            Stage::Lookup(_) => return self.look_up(at, source),
            Stage::Union(from, nested) => {
                let Some(State::Waiting(waiting)) = self.states.get_mut(at) else { return Ok(()) };
                let rows = waiting.union(from, nested, &self.environment, source)?;
                return Ok(self.feed_all(at, rows)?);
            }
            Stage::Facet(facets) => {
                let Some(State::Facet(runs)) = self.states.get_mut(at) else { return Ok(()) };
                for run in runs.iter_mut() {
                    run.finish(source)?;
                }
                let values = std::mem::take(runs).into_iter().map(|run| Value::Array(run.into_values()));
                let names = facets.iter().map(|(name, _)| name.clone());
                let row = Value::Object(names.zip(values).collect());
                self.memory.hold("$facet", weight(&row))?;
                return Ok(self.feed_all(at, [row])?);
            }
            Stage::Group(_) => self.count_pieces(),
            _ => {}
        }
        let Some(state) = self.states.get_mut(at).map(|state| std::mem::replace(state, State::Nothing)) else {
            return Ok(());
        };
        Ok(self.finish_blocking(at, stage, state)?)
    }

    /// Lets the rows go that a stage kept. Stages before it keep nothing any more, so its memory is all there is.
    fn finish_blocking(&mut self, at: usize, stage: &Stage, state: State) -> Result<()> {
        match (stage, state) {
            (Stage::Group(group), State::Groups(groups)) => {
                self.memory.held = 0;
                self.feed_all(at, group.finish(*groups))
            }
            (Stage::Bucket(bucket), State::Buckets(buckets)) => {
                self.memory.held = 0;
                self.feed_all(at, bucket.finish(buckets))
            }
            (Stage::BucketAuto(bucket), State::BucketAuto(rows)) => {
                let rows = bucket.finish(rows, &self.environment)?;
                self.memory.held = 0;
                self.feed_all(at, rows)
            }
            (Stage::Sort { .. }, State::Sorter(sorter)) => {
                self.memory.held = 0;
                sorter.finish(&mut |row| {
                    self.feed(at + 1, row)?;
                    Ok(!self.is_satisfied(at))
                })
            }
            (Stage::Sample(_), State::Sample(sample)) => {
                self.memory.held = 0;
                self.feed_all(at, sample.into_rows())
            }
            // Of no rows there is no count, as in MongoDB.
            (Stage::Count(name), State::Counter(count)) if count > 0 => {
                let count = i64::try_from(count).unwrap_or(i64::MAX);
                let row = Value::Object(vec![(name.clone(), super::super::number::number(count))]);
                self.feed_all(at, [row])
            }
            _ => Ok(()),
        }
    }
}

fn feed_facets(facets: &mut [Execution], row: &Row<'_>) -> Result<()> {
    for facet in facets.iter_mut().filter(|facet| facet.satisfied.is_none()) {
        match row {
            Row::Stored(bytes, document) => facet.feed(0, Row::Stored(bytes, *document))?,
            Row::Tree(value) => facet.feed(0, Row::Lent(value))?,
            Row::Lent(value) => facet.feed(0, Row::Lent(value))?,
        }
    }
    Ok(())
}
