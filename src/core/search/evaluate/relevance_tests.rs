//! Relevance on judged collections, by the conventions of trec_eval: the gain of a document is its grade, discounted by the
//! logarithm of its rank; queries without judgements do not count; at most 1000 results a query.

use super::*;
use crate::collections::{json, Value};
use crate::search::analyze::Analyzers;
use crate::search::query::{Options, Query};
use crate::search::reference::MemoryIndex;
use crate::search::shared_data::data;
use crate::search::terms::DocumentTerms;

/// One line of JSON, taken apart.
pub(super) fn line(line: &str) -> Value {
    json::parse(line.as_bytes()).unwrap()
}

pub(super) fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    match value.field(name) {
        Some(Value::String(text)) => text,
        _ => "",
    }
}

pub(super) fn build(declared: &str, docs: &[Value]) -> MemoryIndex {
    let spec = SearchSpec::parse(&line(declared)).unwrap();
    let analyzers = Analyzers::default().of(&spec).unwrap();
    let mut index = MemoryIndex::new(spec, analyzers.clone());
    let mut terms = DocumentTerms::default();
    for (doc, at) in docs.iter().zip(0..) {
        let texts: Vec<&str> = index.spec.fields.iter().map(|field| text(doc, field.path.text())).collect();
        terms.read_texts(&analyzers, &texts).unwrap();
        index.add(at, &terms);
    }
    index.seal(128, None);
    index
}

pub(super) fn search(index: &MemoryIndex, query: &Value, limit: usize) -> Vec<Hit> {
    let query = Query::parse(query, &Options::default(), &index.spec).unwrap();
    let plan = Plan::new(&query, &index.spec, &index.analyzers).unwrap();
    let mut top = Top::new(limit);
    Evaluation::new(plan).run(&index.spec, index, &mut top, u64::MAX).unwrap();
    top.into_hits()
}

struct Judged {
    docs: Vec<Value>,
    queries: Vec<(String, Vec<String>)>,
}

fn judged(name: &str, docs: &str) -> Option<Judged> {
    let (docs, queries) = (data(&format!("{name}/{docs}"))?, data(&format!("{name}/queries.jsonl"))?);
    let judgements = data(&format!("{name}/qrels.tsv"))?;
    let judgements: Vec<Vec<&str>> = judgements.lines().map(|line| line.split('\t').collect()).collect();
    let relevant = |query: &str| {
        let own = judgements.iter().filter(|row| row[0] == query && row[2].trim() != "0");
        own.map(|row| row[1].to_owned()).collect::<Vec<_>>()
    };
    let queries =
        queries.lines().map(line).map(|query| (text(&query, "text").to_owned(), relevant(text(&query, "id"))));
    let queries = queries.filter(|(_, relevant)| !relevant.is_empty()).collect();
    Some(Judged { docs: docs.lines().map(line).collect(), queries })
}

/// nDCG@10, average precision, recall@100 of one ranking.
fn measure(ranked: &[&str], relevant: &[String]) -> [f64; 3] {
    let is_relevant = |id: &&str| relevant.iter().any(|other| other == id);
    let gain = |rank: usize| 1.0 / ((rank + 2) as f64).log2();
    let found: Vec<usize> = (0..ranked.len()).filter(|rank| is_relevant(&ranked[*rank])).collect();
    let gained: f64 = found.iter().filter(|rank| **rank < 10).map(|rank| gain(*rank)).sum();
    let ideal: f64 = (0..relevant.len().min(10)).map(gain).sum();
    let precision: f64 = found.iter().enumerate().map(|(at, rank)| (at + 1) as f64 / (rank + 1) as f64).sum();
    let recalled = found.iter().filter(|rank| **rank < 100).count() as f64;
    [gained / ideal, precision / relevant.len() as f64, recalled / relevant.len() as f64]
}

fn mean(judged: &Judged, index: &MemoryIndex, typed: bool) -> [f64; 3] {
    let mut sums = [0.0; 3];
    for (query, relevant) in &judged.queries {
        let name = if typed { "query" } else { "text" };
        let query = Value::Object(vec![(name.into(), Value::String(query.as_str().into()))]);
        let hits = search(index, &query, 1000);
        let ranked: Vec<&str> = hits.iter().map(|hit| text(&judged.docs[hit.doc as usize], "id")).collect();
        let measured = measure(&ranked, relevant);
        sums.iter_mut().zip(measured).for_each(|(sum, own)| *sum += own);
    }
    sums.map(|sum| sum / judged.queries.len() as f64)
}

fn check(name: &str, docs: &str, least: f64) {
    let Some(judged) = judged(name, docs) else { return };
    let index = build(r#"{"title":1,"text":1,"$analyzer":"english"}"#, &judged.docs);
    for typed in [false, true] {
        let [ndcg, map, recall] = mean(&judged, &index, typed);
        println!("{name}: nDCG@10 {ndcg:.4}, MAP {map:.4}, recall@100 {recall:.4} (operators: {typed})");
        assert!(ndcg >= least, "{name}: nDCG@10 is {ndcg:.4}, at least {least} is promised");
    }
}

#[test]
fn the_measures_are_those_of_trec_eval() {
    let relevant = ["a".to_owned(), "b".to_owned()];
    let [ndcg, map, recall] = measure(&["x", "a", "y", "b"], &relevant);
    assert!((ndcg - 0.650_9).abs() < 1e-4 && (map - 0.5).abs() < 1e-9 && (recall - 1.0).abs() < 1e-9, "{ndcg} {map}");
}

#[test]
fn the_english_analyzer_ranks_cranfield_as_well_as_promised() {
    check("cranfield", "docs.jsonl", 0.385);
}

#[test]
fn the_english_analyzer_ranks_scifact_as_well_as_promised() {
    check("scifact", "docs.jsonl.gz", 0.69);
}

#[test]
#[ignore = "a table, to be read: what weights, parameters and analyzers do to relevance"]
fn relevance_by_declaration() {
    for (name, docs) in [("cranfield", "docs.jsonl"), ("scifact", "docs.jsonl.gz")] {
        let Some(judged) = judged(name, docs) else { continue };
        for declared in [
            r#"{"title":1,"text":1,"$analyzer":"english"}"#,
            r#"{"title":2,"text":1,"$analyzer":"english"}"#,
            r#"{"title":3,"text":1,"$analyzer":"english"}"#,
            r#"{"title":{"weight":1,"b":0},"text":1,"$analyzer":"english"}"#,
            r#"{"text":1,"$analyzer":"english"}"#,
            r#"{"title":1,"text":1,"$analyzer":"english","$k1":0.9,"$b":0.4}"#,
            r#"{"title":1,"text":1}"#,
        ] {
            let [ndcg, map, recall] = mean(&judged, &build(declared, &judged.docs), false);
            println!("{name} {ndcg:.3}/{map:.3}/{recall:.3} {declared}");
        }
    }
}
