//! How long this floor takes over a map in memory, without the engine. Printed, not asserted: machines differ.

use std::time::Duration;

use super::catalog::IndexSpec;
use super::fixture::Fixture;

/// The shortest of a few runs, in milliseconds.
#[expect(clippy::disallowed_methods, reason = "a timing needs the real clock")]
fn best_ms(mut run: impl FnMut()) -> f64 {
    let best = (0..7).map(|_| {
        let begun = std::time::Instant::now();
        run();
        begun.elapsed()
    });
    best.min().unwrap_or(Duration::ZERO).as_secs_f64() * 1000.0
}

fn batch(from: usize) -> String {
    let body = "x".repeat(260);
    let documents: Vec<_> = (from..from + 1000)
        .map(|n| {
            format!(
                r#"{{"id":"{n:08}","title":"Note {n}","body":"{body}","tag":"t{}","author":{{"name":"a{}"}},"score":{},"done":{}}}"#,
                n % 50,
                n % 7,
                (n * 7919) % 100_000,
                n % 2 == 0
            )
        })
        .collect();
    format!("[{}]", documents.join(","))
}

#[test]
#[ignore = "prints timings"]
fn timings() {
    let indexes = [IndexSpec::on(&["tag"]).unwrap(), IndexSpec::on(&["score"]).unwrap()];
    let mut fixture = Fixture::with_indexes(&indexes);
    let mut from = 0;
    let insert = best_ms(|| {
        fixture.insert(&batch(from)).unwrap();
        from += 1000;
    });
    println!("insert: {insert:.3} us a document, two indexes, map and making the text included");
    while from < 100_000 {
        fixture.insert(&batch(from)).unwrap();
        from += 1000;
    }
    let filter = r#"{"done":true,"author.name":"a3"}"#;
    let find = best_ms(|| {
        assert_eq!(fixture.find(filter, Some(r#"{"title":-1}"#), Some(50), None).unwrap().len(), 50);
    });
    println!("filter on 2 fields, sort, top 50 of 100,000: {find:.2} ms");
    let range = best_ms(|| {
        let found = fixture.find(r#"{"score":{"$gte":500,"$lt":520}}"#, None, None, None).unwrap();
        assert_eq!(found.len(), 20);
    });
    println!("20 documents by an index range: {:.1} us", range * 1000.0);
}
