//! Times over the films, printed: `cargo test --release -p tidewell-search --lib search::evaluate::timing -- --ignored --nocapture`.

#![expect(clippy::disallowed_methods, reason = "this measures")]

use std::time::Instant;

use super::relevance_tests::{build, line, search};
use super::*;
use crate::collections::Value;
use crate::search::analyze::Analyzers;
use crate::search::shared_data::data;
use crate::search::terms::DocumentTerms;

fn percentile(times: &mut [f64], share: f64) -> f64 {
    crate::base::sort::sort_by(times, f64::total_cmp);
    times.get(((times.len() as f64 * share) as usize).min(times.len() - 1)).copied().unwrap_or(0.0)
}

#[test]
#[ignore = "a measurement"]
fn times_over_the_films() {
    let (Some(docs), Some(queries)) = (data("movies.jsonl.gz"), data("queries-movies.json")) else { return };
    let docs: Vec<Value> = docs.lines().map(line).collect();
    for analyzer in ["standard", "english"] {
        let declared = format!(r#"{{"title":1,"text":1,"$analyzer":"{analyzer}"}}"#);
        analysis(&declared, &docs);
        let index = build(&declared, &docs);
        let queries = line(&queries);
        for (name, option) in [("one", ""), ("three", ""), ("prefix", "prefix"), ("fuzzy", "fuzzy")] {
            let Some(Value::Array(list)) = queries.field(name) else { continue };
            let mut times = Vec::new();
            let mut found = 0;
            for query in list {
                let mut fields = vec![("text".into(), query.clone())];
                match option {
                    "prefix" => fields.push(("prefix".into(), Value::Bool(true))),
                    "fuzzy" => fields.push(("fuzzy".into(), Value::Number(1.0))),
                    _ => {}
                }
                let query = Value::Object(fields);
                let best = (0..5).map(|_| {
                    let start = Instant::now();
                    found += usize::from(!search(&index, &query, 10).is_empty());
                    start.elapsed().as_secs_f64() * 1e3
                });
                times.push(best.fold(f64::INFINITY, f64::min));
            }
            let (p50, p99) = (percentile(&mut times, 0.5), percentile(&mut times, 0.99));
            println!("{analyzer} {name}: p50 {p50:.3} ms, p99 {p99:.3} ms, {} of {} found", found / 5, list.len());
        }
    }
}

fn analysis(declared: &str, docs: &[Value]) {
    let spec = SearchSpec::parse(&line(declared)).unwrap();
    let analyzers = Analyzers::default().of(&spec).unwrap();
    let mut terms = DocumentTerms::default();
    let (start, mut tokens) = (Instant::now(), 0u64);
    for doc in docs {
        let texts: Vec<&str> = spec.fields.iter().map(|f| super::relevance_tests::text(doc, f.path.text())).collect();
        terms.read_texts(&analyzers, &texts).unwrap();
        tokens += terms.lengths().iter().map(|length| u64::from(*length)).sum::<u64>();
    }
    println!("{declared}: {tokens} tokens analyzed in {:.0} ms", start.elapsed().as_secs_f64() * 1e3);
}
