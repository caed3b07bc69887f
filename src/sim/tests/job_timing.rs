//! What jobs cost natively, in processor time, over documents like those of `cargo xtask bench jobs`: printed, never asserted. `TIDEWELL_JOB` (part of
//! a name) and `TIDEWELL_RUNS` are for profiling:
//! `cargo test --release -p tidewell-sim --test job_timing -- --ignored --nocapture`.
#![cfg(test)]
#![expect(clippy::disallowed_methods, reason = "it measures real time")]

mod timed;

use std::time::Instant;

use tidewell_core::collections::json;
use tidewell_core::collections::pipeline::Grouping;
use timed::Bench;

const DOCUMENTS: usize = 100_000;
const WORDS: &str =
    "tide harbour lantern gravel meadow signal copper orbit velvet thunder canyon ember willow anchor prism saffron";

/// In front of jobs that count words; the empty word is no id.
const SPLIT: &str =
    r#"{"$project":{"word":{"$split":["$body"," "]}}},{"$unwind":"$word"},{"$match":{"word":{"$ne":""}}}"#;

/// Each with the stages of its pipeline.
const JOBS: [(&str, &str); 4] = [
    ("sum", r#"[{"$group":{"_id":"$group","value":{"$sum":"$amount"}}}]"#),
    ("words", r#"[SPLIT,{"$group":{"_id":"$word","value":{"$sum":1}}}]"#),
    (
        "words with who has them",
        r#"[SPLIT,{"$group":{"_id":"$word","n":{"$sum":1},"in":{"$approximateDistinct":"$id"}}}]"#,
    ),
    (
        "words in capitals",
        r#"[SPLIT,{"$set":{"word":{"$toUpper":"$word"}}},{"$group":{"_id":"$word","n":{"$sum":1}}}]"#,
    ),
];

fn document(n: usize) -> String {
    let words: Vec<&str> = WORDS.split(' ').collect();
    let mut state = n as u64 * 0x9e37_79b9 + 1;
    let mut chance = |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % below
    };
    let title = format!("{} {} {}", words[chance(16)], words[chance(16)], words[chance(16)]);
    let mut body = title.clone();
    while body.len() < 270 {
        body.push(' ');
        body.push_str(words[chance(16)]);
    }
    body.truncate(270);
    let (group, amount, s) = (chance(50), chance(1_000_000) as f64 / 100.0, chance(1_000_000));
    format!(
        r#"{{"id":"doc-{n:08}","n":{},"s":"{}-{s:x}","group":"g{group}","amount":{amount},"flag":true,"title":"{title}","body":"{body}"}}"#,
        n * 7919 % DOCUMENTS,
        words[chance(16)],
    )
}

/// With the documents in it.
fn filled() -> Bench {
    let bench = Bench::new();
    for from in (0..DOCUMENTS).step_by(1000) {
        let batch: Vec<String> = (from..from + 1000).map(document).collect();
        bench.insert(format!("[{}]", batch.join(",")).into_bytes());
    }
    bench.rest();
    bench
}

/// Slices of the run, one after another; answers how many there were.
fn job(bench: &Bench, stages: &str) -> u32 {
    let definition = format!(r#"{{"from":"d","into":"out","pipeline":{stages}}}"#);
    let mut status = bench.run(&format!(r#"{{"op":"jobStart","name":"j","definition":{definition},"restart":true}}"#));
    let mut slices = 0;
    while field(&status, "state") == "\"running\"" {
        let (run, step) = (field(&status, "run"), field(&status, "step"));
        status = bench.run(&format!(r#"{{"op":"jobStep","name":"j","run":{run},"step":{step}}}"#));
        slices += 1;
    }
    assert_eq!(field(&status, "state"), "\"done\"", "{status}");
    slices
}

/// The text of a field of an answer.
fn field<'a>(json: &'a str, name: &str) -> &'a str {
    let begin = json.find(&format!("\"{name}\":")).unwrap() + name.len() + 3;
    let rest = &json[begin..];
    &rest[..rest.find([',', '}']).unwrap()]
}

/// The time this thread was on a processor, in milliseconds: other programs run beside. Elsewhere than on Linux, the time that passed.
fn now(begun: Instant) -> f64 {
    let spent = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    let spent = spent.and_then(|text| text.split(' ').next()?.parse::<f64>().ok());
    spent.map_or_else(|| begun.elapsed().as_secs_f64() * 1e3, |ns| ns / 1e6)
}

#[test]
#[ignore = "it only prints"]
fn what_jobs_cost() {
    let only = std::env::var("TIDEWELL_JOB").unwrap_or_default();
    let runs: usize = std::env::var("TIDEWELL_RUNS").map_or(5, |runs| runs.parse().unwrap());
    let (bench, start) = (filled(), Instant::now());
    let stored: Vec<Vec<u8>> = (0..DOCUMENTS).map(document).map(stored).collect();
    for (name, stages) in JOBS.into_iter().filter(|(name, _)| name.contains(&only)) {
        let stages = stages.replace("SPLIT", SPLIT);
        let (mut whole, mut mapped, mut slices) = (f64::INFINITY, f64::INFINITY, 0);
        let grouping = Grouping::parse(&json::parse(stages.as_bytes()).unwrap()).unwrap();
        for _ in 0..runs {
            let begun = now(start);
            slices = job(&bench, &stages);
            whole = whole.min(now(start) - begun);
            let begun = now(start);
            let mut part = grouping.part(0.0);
            stored.iter().for_each(|stored| part.push(stored).unwrap());
            assert!(!part.finish().is_empty());
            mapped = mapped.min(now(start) - begun);
        }
        println!("{name:<28} job {whole:>8.1} ms in {slices} slices, mapping alone {mapped:>8.1} ms");
    }
}

fn stored(json: String) -> Vec<u8> {
    let mut out = Vec::new();
    tidewell_core::collections::document::encode(json.as_bytes(), 0, &mut out).unwrap();
    out
}
