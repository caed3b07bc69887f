//! How long it takes: measured by hand, `cargo test --profile sim -p tidewell-tests synced::timing -- --ignored --nocapture`.

#![expect(clippy::disallowed_methods, reason = "it measures real time")]

use std::time::Instant;

use super::device::{number, open, storage, Server, Tab};
use super::support::check;

const DOCUMENTS: u64 = 10_000;

fn batch(from: u64) -> String {
    let document = |n: u64| format!(r#"{{"id":"n{n:06}","title":"the tide of day {n}","done":false,"n":{n}}}"#);
    let list: Vec<String> = (from..from + 1000).map(document).collect();
    format!(r#"{{"op":"put","collection":"notes","docs":[{}]}}"#, list.join(","))
}

async fn timed<T>(what: &str, count: u64, work: impl std::future::Future<Output = T>) -> T {
    let begun = Instant::now();
    let value = work.await;
    let seconds = begun.elapsed().as_secs_f64();
    println!("{what}: {:.0} a second", count as f64 / seconds);
    value
}

async fn singles(tab: &Tab, collection: &str) {
    for n in 0..1000 {
        let put = format!(r#"{{"op":"put","collection":"{collection}","docs":[{{"id":"s{n}","n":{n}}}]}}"#);
        tab.run(&put).await.unwrap();
    }
}

#[test]
#[ignore = "it measures"]
fn downloads_pushes_and_writes_are_measured() {
    check(|sim| async move {
        let server = Server::new();
        let (one, other) = (open(&sim, &storage(&sim)).await?, open(&sim, &storage(&sim)).await?);
        let sync = r#"{"op":"syncOpen","collections":[{"name":"notes"}]}"#;
        one.run(sync).await?;
        timed("synced documents written in batches of 1,000", DOCUMENTS, async {
            for from in (0..DOCUMENTS).step_by(1000) {
                one.run(&batch(from)).await.unwrap();
            }
        })
        .await;
        timed("documents pushed in batches, and pulled back", DOCUMENTS, one.exchange(&server)).await?;
        timed("single documents written, not synced", 1000, singles(&one, "own")).await;
        timed("single documents written, synced", 1000, singles(&one, "notes")).await;
        timed("single documents pushed and pulled back", 1000, one.exchange(&server)).await?;
        other.run(sync).await?;
        timed("documents of a first download", DOCUMENTS + 1000, other.exchange(&server)).await?;
        assert_eq!(number(&other.status().await?, "received"), DOCUMENTS + 1000);
        let (server, tab) = (Server::new(), open(&sim, &storage(&sim)).await?);
        for from in (0..DOCUMENTS).step_by(1000) {
            tab.run(&batch(from)).await?;
        }
        tab.run(sync).await?;
        timed("documents from before queued, pushed and pulled back", DOCUMENTS, tab.exchange(&server)).await?;
        Ok(())
    });
}
