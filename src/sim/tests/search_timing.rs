//! What search costs natively over real texts: printed, never asserted. `TIDEWELL_TEXTS` names a file of JSON lines with
//! `id`, `title` and `text`, `TIDEWELL_QUERIES` one of lists of queries called one, three, prefix and fuzzy; `TIDEWELL_KINDS`
//! (some of these; then nothing else is done but filling the index) and `TIDEWELL_RUNS` (of each query) are for profiling:
//! `TIDEWELL_TEXTS=movies.jsonl cargo test --release -p tidewell-sim --test search_timing -- --ignored --nocapture`.
#![cfg(test)]
#![expect(clippy::disallowed_methods, reason = "it measures real time")]

mod timed;

use std::time::Instant;

use timed::Bench;

/// Runs of each query; the fastest counts, for other programs run beside.
const RUNS: usize = 5;

fn ms(begun: Instant) -> f64 {
    begun.elapsed().as_secs_f64() * 1e3
}

/// Lets the background work end, then compacts; answers the bytes in tables.
fn settle(bench: &Bench) -> u64 {
    bench.rest();
    bench.run(r#"{"op":"compact"}"#);
    bench.rest();
    bench.database.engine().report().levels.iter().map(|level| level.stored_bytes).sum()
}

const SPEC: &str = r#"{"title":3,"text":1,"$analyzer":"english"}"#;

fn batches(path: &str, size: usize) -> Vec<Vec<u8>> {
    let text = std::fs::read_to_string(path).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    lines.chunks(size).map(|lines| format!("[{}]", lines.join(",")).into_bytes()).collect()
}

#[test]
#[ignore = "it only prints"]
fn what_search_costs() {
    let Ok(path) = std::env::var("TIDEWELL_TEXTS") else { return println!("TIDEWELL_TEXTS is not set") };
    let only_queries = std::env::var("TIDEWELL_KINDS").is_ok();
    if !only_queries {
        time_building(&path);
    }
    let bench = Bench::new();
    bench.run(&format!(r#"{{"op":"ensure","collection":"d","search":{SPEC}}}"#));
    let begun = Instant::now();
    batches(&path, 1000).into_iter().for_each(|batch| bench.insert(batch));
    println!("insert with search           {:>9.0} ms", ms(begun));
    println!("{}", bench.run(r#"{"op":"waitSearch","collection":"d"}"#));
    let begun = Instant::now();
    settle(&bench);
    println!("merges and compaction        {:>9.0} ms", ms(begun));
    println!("{}", bench.run(r#"{"op":"waitSearch","collection":"d"}"#));
    if let Ok(lists) = std::env::var("TIDEWELL_QUERIES") {
        let lists = std::fs::read_to_string(lists).unwrap();
        time_queries(&bench, &lists);
        if only_queries {
            return;
        }
        time_updates(&bench, 300);
        bench.rest();
        println!("after 300 updates: {}", bench.run(r#"{"op":"waitSearch","collection":"d"}"#));
        time_queries(&bench, &lists);
    }
}

/// An index on documents that are there before it.
fn time_building(path: &str) {
    let plain = Bench::new();
    let begun = Instant::now();
    batches(path, 1000).into_iter().for_each(|batch| plain.insert(batch));
    println!("insert without search        {:>9.0} ms", ms(begun));
    let without = settle(&plain);

    let begun = Instant::now();
    plain.run(&format!(r#"{{"op":"ensure","collection":"d","search":{SPEC}}}"#));
    println!("{}", plain.run(r#"{"op":"waitSearch","collection":"d"}"#));
    println!("build on existing documents  {:>9.0} ms", ms(begun));
    let begun = Instant::now();
    let with = settle(&plain);
    println!("merges and compaction        {:>9.0} ms", ms(begun));
    println!("persisted index              {:>9.2} MB ({with} - {without})", (with - without) as f64 / 1e6);
    println!("{}", plain.run(r#"{"op":"waitSearch","collection":"d"}"#));
}

/// Median, 99th percentile and greatest of durations, in ms, and the share of queries with an answer.
fn percentiles(name: &str, mut durations: Vec<f64>, answered: usize) {
    durations.sort_by(f64::total_cmp);
    let at = |share: f64| durations[((durations.len() - 1) as f64 * share) as usize];
    let share = answered as f64 / durations.len() as f64;
    println!("{name:<28} p50 {:>8.3}  p99 {:>8.3}  max {:>8.3} ms, answered {share:.2}", at(0.5), at(0.99), at(1.0));
}

/// The strings of the list called `name` in a file of query lists.
fn queries(text: &str, name: &str) -> Vec<String> {
    let begin = text.find(&format!("\"{name}\"")).unwrap();
    let list = &text[begin + text[begin..].find('[').unwrap() + 1..];
    let list = &list[..list.find(']').unwrap()];
    list.split('"').skip(1).step_by(2).map(str::to_owned).collect()
}

fn time_queries(bench: &Bench, lists: &str) {
    let kinds = [("one", ""), ("three", ""), ("prefix", r#","prefix":true"#), ("fuzzy", r#","fuzzy":1"#)];
    let only = std::env::var("TIDEWELL_KINDS").unwrap_or_default();
    let runs = std::env::var("TIDEWELL_RUNS").map_or(RUNS, |runs| runs.parse().unwrap());
    for (kind, options) in kinds.into_iter().filter(|(kind, _)| only.is_empty() || only.contains(kind)) {
        let (mut durations, mut answered) = (Vec::new(), 0);
        for query in queries(lists, kind) {
            let command =
                format!(r#"{{"op":"search","collection":"d","query":"{query}"{options},"projection":{{"title":1}}}}"#);
            let mut best = f64::INFINITY;
            for run in 0..runs {
                let begun = Instant::now();
                let answer = bench.run(&command);
                best = best.min(ms(begun));
                answered += usize::from(run == 0 && !answer.starts_with(r#"{"hits":[]"#));
            }
            durations.push(best);
        }
        percentiles(kind, durations, answered);
    }
}

fn time_updates(bench: &Bench, count: usize) {
    for (name, change) in
        [("commit without texts", r#""n":1"#), ("commit with a text", r#""title":"another title of it""#)]
    {
        let mut durations = Vec::new();
        for n in 0..count {
            let id = n * 37 % 36_000;
            let change = change.replace("another", &format!("{name} {n}")).replace(":1", &format!(":{n}"));
            let command = format!(r#"{{"op":"update","collection":"d","id":"{id}","update":{{"$set":{{{change}}}}}}}"#);
            let begun = Instant::now();
            bench.run(&command);
            durations.push(ms(begun));
        }
        percentiles(name, durations, count);
    }
}
