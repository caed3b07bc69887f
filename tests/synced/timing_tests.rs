//! How long it takes: measured by hand, `cargo test --profile sim -p tidewell-tests synced::timing -- --ignored --nocapture`.

#![expect(clippy::disallowed_methods, reason = "it measures real time")]

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use tidewell_core::base::Result;
use tidewell_core::collections::json;
use tidewell_core::engine::EngineOptions;

use super::device::{number, open, open_with, storage, word, Server, Tab};
use super::support::check;

const DOCUMENTS: u64 = 10_000;
const SINGLES: u64 = 20_000;

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

#[test]
#[ignore = "it measures"]
fn what_was_written_one_by_one_is_sent_and_comes_back() {
    check(|sim| async move {
        let (server, tab) = (Server::new(), open_with(&sim, &storage(&sim), EngineOptions::new("test")).await?);
        tab.run(r#"{"op":"syncOpen","collections":[{"name":"notes"}]}"#).await?;
        let text = "lorem ipsum ".repeat(10);
        for n in 0..SINGLES {
            let document = format!(
                r#"{{"id":"note-{n:07}","title":"A note of ordinary length","live":false,"tags":["home","later"],"text":"{text}"}}"#
            );
            tab.run(&format!(r#"{{"op":"insert","collection":"notes","docs":[{document}]}}"#)).await?;
        }
        tab.run(&format!(r#"{{"op":"syncPoke","now":{}}}"#, sim.now_ms())).await?;
        let mut times: BTreeMap<String, (u32, [Duration; 3])> = BTreeMap::new();
        let begun = Instant::now();
        while let Some((kind, spent)) = tab.measured_turn(&server).await? {
            let (turns, all) = times.entry(kind).or_default();
            *turns += 1;
            for (all, one) in all.iter_mut().zip(spent) {
                *all += one;
            }
        }
        println!("{SINGLES} mutations: {:.0} a second", SINGLES as f64 / begun.elapsed().as_secs_f64());
        for (kind, (turns, [next, server, answer])) in times {
            println!("{turns} × {kind}: asked {next:.0?}, at the server {server:.0?}, answered {answer:.0?}");
        }
        assert_eq!(number(&tab.status().await?, "pending"), 0);
        Ok(())
    });
}

impl Tab {
    /// One request and its answer: its kind, and how long asking for it, the server and taking the answer took.
    async fn measured_turn(&self, server: &Server) -> Result<Option<(String, [Duration; 3])>> {
        let (now, begun) = (self.sim.now_ms(), Instant::now());
        let next = self.run(&format!(r#"{{"op":"syncNext","now":{now},"jitter":0.5}}"#)).await?;
        if next.field("send").is_none() {
            return Ok(None);
        }
        let (tag, kind, body) = (number(&next, "send"), word(&next, "kind"), word(&next, "body"));
        let asked = begun.elapsed();
        let answer = String::from_utf8(server.answer(&kind, &body)).unwrap();
        let answered = begun.elapsed();
        let mut quoted = Vec::new();
        json::write_string(&answer, &mut quoted);
        let quoted = String::from_utf8(quoted).unwrap();
        self.run(&format!(r#"{{"op":"syncAnswer","tag":{tag},"now":{now},"jitter":0.5,"body":{quoted}}}"#)).await?;
        Ok(Some((kind, [asked, answered - asked, begun.elapsed() - answered])))
    }
}
