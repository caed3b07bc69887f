//! Reads cases as JSON lines and answers each with a line: what the differential test compares with mingo's answer.
//!
//! Not a server and not the database: documents come with each case, and no engine is involved.

use std::io::{self, BufRead, BufReader, BufWriter, Write};

use tidewell_core::base::{Error, Result};
use tidewell_core::collections::document::{encode_value, Document};
use tidewell_core::collections::expression::{compile_condition, Expression};
use tidewell_core::collections::filter::Filter;
use tidewell_core::collections::pipeline::{Pipeline, RunOptions, Source};
use tidewell_core::collections::projection::Projection;
use tidewell_core::collections::sort::Sort;
use tidewell_core::collections::update::{Elements, Update};
use tidewell_core::collections::{json, Value};
use tidewell_core::engine::access::{Pause, Step};

/// The time of every case.
const NOW: f64 = 1_700_000_000_000.0;

fn main() -> io::Result<()> {
    let mut input = BufReader::new(io::stdin().lock());
    let mut out = BufWriter::new(io::stdout().lock());
    let mut line = String::new();
    while input.read_line(&mut line)? > 0 {
        let answer = match answer(line.trim_end()) {
            Ok(result) => [b"{\"result\":", result.as_slice(), b"}"].concat(),
            Err(error) => {
                let message = Value::Object(vec![("error".into(), Value::String(error.message().into()))]);
                json::to_json(&message)
            }
        };
        out.write_all(&answer)?;
        out.write_all(b"\n")?;
        // The other side waits for the answers to what it has sent.
        if input.buffer().is_empty() {
            out.flush()?;
        }
        line.clear();
    }
    Ok(())
}

fn answer(line: &str) -> Result<Vec<u8>> {
    let case = json::parse(line.as_bytes())?;
    match case.field("kind") {
        Some(Value::String(kind)) if &**kind == "find" => find(&case),
        Some(Value::String(kind)) if &**kind == "update" => update(&case),
        Some(Value::String(kind)) if &**kind == "expression" => expression(&case),
        Some(Value::String(kind)) if &**kind == "pipeline" => pipeline(&case),
        _ => Err(Error::invalid("a case has no kind that is known")),
    }
}

fn part<'c>(case: &'c Value, name: &str) -> Result<&'c Value> {
    case.field(name).ok_or_else(|| Error::invalid(format!("the case lacks '{name}'")))
}

fn stored(documents: &Value) -> Result<Vec<Vec<u8>>> {
    let Value::Array(items) = documents else { return Err(Error::invalid("documents are an array")) };
    let encode = |item: &Value| {
        let mut bytes = Vec::new();
        encode_value(item, 1, &mut bytes)?;
        Ok(bytes)
    };
    items.iter().map(encode).collect()
}

/// Filters (over stored bytes and over trees, which must agree), sorts, cuts and projects.
fn find(case: &Value) -> Result<Vec<u8>> {
    let filter = Filter::parse_with(part(case, "filter")?, &compile_condition(NOW))?;
    let documents = stored(part(case, "docs")?)?;
    let mut found = Vec::new();
    for bytes in &documents {
        let document = Document::parse(bytes)?;
        let matches = filter.matches(&document)?;
        if matches != filter.matches_value(&document.to_value()?)? {
            return Err(Error::internal("stored bytes and tree disagree on the filter"));
        }
        if matches {
            found.push(document);
        }
    }
    if let Some(sort) = case.field("sort") {
        let sort = Sort::parse(sort)?;
        found.sort_by_cached_key(|document| {
            let mut key = Vec::new();
            sort.key(document, &mut key);
            key
        });
    }
    let number = |name| if let Some(Value::Number(number)) = case.field(name) { Some(*number as usize) } else { None };
    let found = found.into_iter().skip(number("skip").unwrap_or(0)).take(number("limit").unwrap_or(usize::MAX));
    let projection = case.field("projection").map(Projection::parse).transpose()?;
    let mut out = vec![b'['];
    for (at, document) in found.enumerate() {
        if at > 0 {
            out.push(b',');
        }
        match &projection {
            Some(projection) => {
                projection.write(&document, &mut out);
            }
            None => out.extend_from_slice(document.json()),
        }
    }
    out.push(b']');
    Ok(out)
}

fn update(case: &Value) -> Result<Vec<u8>> {
    let elements = Elements::parse(case.field("arrayFilters"), None)?;
    let update = Update::parse_with(part(case, "update")?, &elements)?;
    let mut document = part(case, "doc")?.clone();
    let before = document.clone();
    let changed = update.apply(&mut document, NOW)?;
    if !changed && before != document {
        return Err(Error::internal("an update changed a document and denied it"));
    }
    Ok(json::to_json(&document))
}

fn expression(case: &Value) -> Result<Vec<u8>> {
    let expression = Expression::parse(part(case, "expression")?)?;
    let document = part(case, "doc")?;
    let value = expression.evaluate(document, NOW)?;
    Ok(json::to_json(&value))
}

/// The other collection of a pipeline.
struct Other(Vec<Vec<u8>>);

impl Source for Other {
    fn scan(
        &mut self,
        _: &str,
        _: Option<&Filter>,
        resume: &mut Option<Box<str>>,
        each: &mut dyn FnMut(&[u8]) -> Result<bool>,
    ) -> Step<()> {
        for bytes in &self.0 {
            let id: Box<str> = Document::parse(bytes)?.id().unwrap_or_default().into();
            if resume.as_ref().is_some_and(|last| id <= *last) {
                continue;
            }
            *resume = Some(id);
            if !each(bytes)? {
                break;
            }
        }
        Ok(())
    }
}

fn pipeline(case: &Value) -> Result<Vec<u8>> {
    let pipeline = Pipeline::parse(part(case, "pipeline")?)?;
    let mut run = pipeline.run(&RunOptions { now: NOW, ..RunOptions::default() });
    let mut source = Other(match case.field("other") {
        Some(other) => stored(other)?,
        None => Vec::new(),
    });
    for bytes in stored(part(case, "docs")?)? {
        run.push(&bytes)?;
    }
    match run.finish(&mut source) {
        Ok(()) => Ok(run.into_output().json),
        Err(Pause::Failed(error)) => Err(error),
        Err(_) => Err(Error::internal("nothing here pauses")),
    }
}
