//! `$lookup` and `$unionWith`: what reads other collections, in steps that may pause.
//!
//! Rows wait here until there are enough for one batch: a lookup by equality then reads the other collection once for the
//! whole batch, through an index where there is one.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::super::expression::{check_variable, weight, Expression, Fields};
use super::super::filter::Filter;
use super::super::{key_codec, Document, Path, Value, ValueRef};
use super::execution::Execution;
use super::unwind::set;
use super::{invalid, Environment, Memory, Pipeline};
use crate::base::Result;
use crate::engine::access::Step;

/// Where pipelines read other collections: supplied by whoever runs them, at the position of the run.
pub trait Source {
    /// Calls `each` with the stored bytes of the documents of `collection` behind the id in `resume`, in the order of
    /// ids, until it answers `false`. Documents that do not match `filter` may be left out (this is how an index is
    /// used). Keeps in `resume` the last id given to `each`.
    ///
    /// It may pause: it is then called again with the same collection and filter and the `resume` it left.
    fn scan(
        &mut self,
        collection: &str,
        filter: Option<&Filter>,
        resume: &mut Option<Box<str>>,
        each: &mut dyn FnMut(&[u8]) -> Result<bool>,
    ) -> Step<()>;
}

/// A compiled `$lookup`.
#[derive(Clone, Debug)]
pub(super) struct Lookup {
    pub(super) from: Box<str>,
    target: Vec<Box<str>>,
    /// The paths that must be equal: here, and there.
    equality: Option<(Path, Path)>,
    /// Runs over the other collection's documents, with values for its variables.
    nested: Option<(Vec<Expression>, Pipeline)>,
}

/// A `$lookup` or `$unionWith` at work.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    rows: Vec<Value>,
    bytes: usize,
    /// For the batch that is being looked up: how far its scan came.
    resume: Option<Box<str>>,
    batch: Option<Batch>,
    run: Option<Box<Execution>>,
    /// The result of a nested pipeline that is the same for every row.
    same: Option<Vec<Value>>,
}

/// A batch that is being looked up by equality.
#[derive(Debug)]
struct Batch {
    filter: Filter,
    /// Keys of values, and the rows that look for them.
    wanted: BTreeMap<Vec<u8>, Vec<usize>>,
    found: Vec<Vec<Value>>,
}

/// Rows that make a batch.
const BATCH: usize = 512;

impl Lookup {
    pub(super) fn parse(operand: &Value, names: &[Box<str>], depth: usize) -> Result<Self> {
        const STAGE: &str = "$lookup";
        let text = |name: &str| match operand.field(name) {
            None => Ok(None),
            Some(Value::String(text)) if !text.is_empty() => Ok(Some(text)),
            Some(_) => Err(invalid(STAGE, &format!("needs a string in '{name}'"))),
        };
        let from = text("from")?.ok_or_else(|| invalid(STAGE, "needs the other collection's name in 'from'"))?;
        let target = text("as")?.ok_or_else(|| invalid(STAGE, "needs the name of the new field in 'as'"))?;
        let target: Vec<Box<str>> = target.split('.').map(Box::from).collect();
        if target.iter().any(|name| name.is_empty() || name.starts_with('$')) || target.len() > 64 {
            return Err(invalid(STAGE, "cannot use the path in 'as'"));
        }
        let equality = match (text("localField")?, text("foreignField")?) {
            (Some(local), Some(foreign)) => Some((Path::parse(local)?, Path::parse(foreign)?)),
            (None, None) => None,
            _ => return Err(invalid(STAGE, "needs both 'localField' and 'foreignField'")),
        };
        let nested = match operand.field("pipeline") {
            None => None,
            Some(pipeline) => {
                let (mut inner, mut values) = (names.to_vec(), Vec::new());
                if let Some(Value::Object(variables)) = operand.field("let") {
                    for (name, value) in variables {
                        check_variable("$lookup let", name)?;
                        values.push(Expression::parse_with(value, names)?);
                        // Inner names come first, so that they hide outer ones.
                        inner.insert(values.len() - 1, name.clone());
                    }
                }
                Some((values, Pipeline::parse_nested(pipeline, &inner, depth + 1)?))
            }
        };
        if equality.is_none() && nested.is_none() {
            return Err(invalid(STAGE, "needs 'localField' and 'foreignField', or a 'pipeline'"));
        }
        Ok(Self { from: from.clone(), target, equality, nested })
    }

    /// Adds the top-level fields it reads to `fields`.
    pub(super) fn collect_fields(&self, fields: &mut Fields) {
        if let Some((local, _)) = &self.equality {
            fields.add(local.text());
        }
        if let Some((values, _)) = &self.nested {
            values.iter().for_each(|value| value.collect_fields(fields));
        }
        if let [first, _, ..] = self.target.as_slice() {
            fields.add(first);
        }
    }

    /// The pipeline inside, if there is one.
    pub(super) fn pipeline(&self) -> Option<&Pipeline> {
        self.nested.as_ref().map(|(_, pipeline)| pipeline)
    }

    /// Lets a row wait.
    pub(super) fn add(waiting: &mut Waiting, row: Value, memory: &mut Memory) -> Result<()> {
        let bytes = weight(&row);
        waiting.bytes += bytes;
        waiting.rows.push(row);
        memory.hold("$lookup", bytes)
    }

    /// Looks up what waits; answers the finished rows, and is called again while there are any. After a pause it goes on
    /// where it was.
    pub(super) fn advance(
        &self,
        waiting: &mut Waiting,
        environment: &Environment,
        memory: &mut Memory,
        source: &mut dyn Source,
    ) -> Step<Vec<Value>> {
        if waiting.rows.is_empty() {
            return Ok(Vec::new());
        }
        let count = waiting.rows.len().min(if self.nested.is_some() { 1 } else { BATCH });
        let found = match (&self.nested, &self.equality) {
            (Some((values, pipeline)), _) => vec![self.run(waiting, values, pipeline, environment, source)?],
            (None, Some(paths)) => self.join(waiting, paths, count, memory, source)?,
            (None, None) => vec![Vec::new(); count],
        };
        let mut rows: Vec<Value> = waiting.rows.drain(..count).collect();
        memory.release(std::mem::take(&mut waiting.bytes));
        waiting.bytes = waiting.rows.iter().map(weight).sum();
        memory.hold("$lookup", waiting.bytes)?;
        for (row, found) in rows.iter_mut().zip(found) {
            set(row, &self.target, Value::Array(found));
        }
        Ok(rows)
    }

    /// One scan of the other collection for the first `count` rows.
    fn join(
        &self,
        waiting: &mut Waiting,
        (local, foreign): &(Path, Path),
        count: usize,
        memory: &mut Memory,
        source: &mut dyn Source,
    ) -> Step<Vec<Vec<Value>>> {
        if waiting.batch.is_none() {
            waiting.batch = Some(Batch::new(waiting.rows.get(..count).unwrap_or_default(), local, foreign)?);
        }
        let Some(batch) = &mut waiting.batch else { return Ok(Vec::new()) };
        let Batch { filter, wanted, found } = batch;
        source.scan(&self.from, Some(filter), &mut waiting.resume, &mut |bytes| {
            let document = Document::parse(bytes)?;
            let mut matched: Vec<usize> = Vec::new();
            each_key(foreign, ValueRef::Document(&document), &mut |key| {
                matched.extend(wanted.get(key).into_iter().flatten());
            });
            crate::base::sort::sort(&mut matched);
            matched.dedup();
            if !matched.is_empty() {
                let value = document.to_value()?;
                memory.hold("$lookup", weight(&value) * matched.len())?;
                for at in matched {
                    if let Some(rows) = found.get_mut(at) {
                        rows.push(value.clone());
                    }
                }
            }
            Ok(true)
        })?;
        waiting.resume = None;
        let found = waiting.batch.take().map_or_else(Vec::new, |batch| batch.found);
        memory.release(found.iter().flatten().map(weight).sum());
        Ok(found)
    }

    /// The nested pipeline for the first row.
    fn run(
        &self,
        waiting: &mut Waiting,
        values: &[Expression],
        pipeline: &Pipeline,
        environment: &Environment,
        source: &mut dyn Source,
    ) -> Step<Vec<Value>> {
        let same = values.is_empty() && self.equality.is_none();
        if let (true, Some(result)) = (same, &waiting.same) {
            return Ok(result.clone());
        }
        let Some(row) = waiting.rows.first() else { return Ok(Vec::new()) };
        let equal = match &self.equality {
            Some((local, foreign)) => Some(equality(&local_values(row, local), foreign)?),
            None => None,
        };
        if waiting.run.is_none() {
            let mut variables = Vec::new();
            for value in values {
                variables.push(Cow::Owned(environment.evaluate(value, row)?.into_owned()));
            }
            variables.extend(environment.variables.iter().cloned());
            let inner = Environment { variables: variables.into(), ..environment.clone() };
            waiting.run = Some(Box::new(pipeline.execution(inner, true)));
        }
        let Some(run) = &mut waiting.run else { return Ok(Vec::new()) };
        run.scan(&self.from, equal.as_ref(), &mut waiting.resume, source)?;
        let result = waiting.run.take().map_or_else(Vec::new, |run| run.into_values());
        waiting.resume = None;
        if same {
            waiting.same = Some(result.clone());
        }
        Ok(result)
    }
}

impl Waiting {
    /// Whether a batch is full.
    pub(super) fn is_full(&self) -> bool {
        self.rows.len() >= BATCH
    }

    /// Runs the pipeline of a `$unionWith` over its collection.
    pub(super) fn union(
        &mut self,
        from: &str,
        pipeline: &Pipeline,
        environment: &Environment,
        source: &mut dyn Source,
    ) -> Step<Vec<Value>> {
        let run = self.run.get_or_insert_with(|| Box::new(pipeline.execution(environment.clone(), true)));
        run.scan(from, None, &mut self.resume, source)?;
        self.resume = None;
        Ok(self.run.take().map_or_else(Vec::new, |run| run.into_values()))
    }
}

impl Batch {
    fn new(rows: &[Value], local: &Path, foreign: &Path) -> Result<Self> {
        let mut wanted: BTreeMap<Vec<u8>, Vec<usize>> = BTreeMap::new();
        let mut values = Vec::new();
        for (at, row) in rows.iter().enumerate() {
            for value in local_values(row, local) {
                let mut key = Vec::new();
                key_codec::encode_value(&value, &mut key);
                let rows = wanted.entry(key).or_default();
                if rows.is_empty() {
                    values.push(value);
                }
                rows.push(at);
            }
        }
        Ok(Self { filter: equality(&values, foreign)?, wanted, found: vec![Vec::new(); rows.len()] })
    }
}

/// The values a row looks for: what its path reaches, elements of an array one by one, null if there is nothing.
fn local_values(row: &Value, path: &Path) -> Vec<Value> {
    let (mut values, mut some) = (Vec::new(), false);
    path.visit(ValueRef::Tree(row), &mut |found| {
        some |= found.is_some();
        match found {
            Some(array) if array.is_array() => values.extend(array.items().map(ValueRef::to_value)),
            Some(value) => values.push(value.to_value()),
            None => {}
        }
        false
    });
    if !some {
        values.push(Value::Null);
    }
    values
}

/// Calls `each` with the keys of what a path reaches in a document: null where it is missing, an array's elements and the
/// array as a whole.
fn each_key(path: &Path, document: ValueRef<'_>, each: &mut dyn FnMut(&[u8])) {
    let mut key = Vec::new();
    let mut visit = |value: ValueRef<'_>| {
        key.clear();
        key_codec::encode(value, &mut key);
        each(&key);
    };
    path.visit(document, &mut |found| {
        match found {
            None => visit(ValueRef::Tree(&Value::Null)),
            Some(value) => {
                visit(value);
                value.items().for_each(&mut visit);
            }
        }
        false
    });
}

/// The filter `{ foreign: { $in: values } }`.
fn equality(values: &[Value], foreign: &Path) -> Result<Filter> {
    let list = Value::Object(vec![("$in".into(), Value::Array(values.to_vec()))]);
    Filter::parse(&Value::Object(vec![(foreign.text().into(), list)]))
}
