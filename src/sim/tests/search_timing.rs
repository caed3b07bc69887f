//! What search costs natively over real texts: printed, never asserted. `TIDEWELL_TEXTS` names a file of JSON lines with
//! `id`, `title` and `text`:
//! `TIDEWELL_TEXTS=movies.jsonl cargo test --release -p tidewell-sim --test search_timing -- --ignored --nocapture`.
#![cfg(test)]
#![expect(clippy::disallowed_methods, reason = "it measures real time")]

use std::rc::Rc;
use std::time::Instant;

use tidewell_core::database::Database;
use tidewell_core::disk::FaultPlan;
use tidewell_core::engine::{Durability, EngineOptions, Pause};
use tidewell_sim::{Sim, SimOptions};

fn ms(begun: Instant) -> f64 {
    begun.elapsed().as_secs_f64() * 1e3
}

struct Bench {
    sim: Sim,
    database: Database,
}

impl Bench {
    fn new() -> Self {
        let options = SimOptions { steps_max: u64::MAX, disk_us: 1, slow_one_in: 0, ..SimOptions::default() };
        let sim = Sim::with(1, options);
        let disk = Rc::new(sim.storage(FaultPlan::none()).open());
        let platform = sim.tab();
        let open = async move { Database::open(disk, platform, None, EngineOptions::new("t")).await.unwrap() };
        let database = sim.run(open).unwrap();
        Self { sim, database }
    }

    fn run(&self, command: &str) -> String {
        let response = match self.database.try_execute(command) {
            Ok(response) => response,
            Err(Pause::Failed(error)) => panic!("{command}: {error:?}"),
            Err(_) => {
                let (database, command) = (self.database.clone(), command.to_owned());
                self.sim.run(async move { database.execute(&command).await.unwrap() }).unwrap()
            }
        };
        String::from_utf8(response.json).unwrap()
    }

    fn insert(&self, batch: Vec<u8>) {
        let database = self.database.clone();
        self.sim.run(async move { database.insert_batch("d", batch, Durability::Relaxed).await.unwrap() }).unwrap();
    }

    /// Lets the background work end, then compacts; answers the bytes in tables.
    fn settle(&self) -> u64 {
        self.sim.run_for(20_000.0);
        self.run(r#"{"op":"compact"}"#);
        self.sim.run_for(20_000.0);
        self.database.engine().report().levels.iter().map(|level| level.stored_bytes).sum()
    }
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
    let plain = Bench::new();
    let begun = Instant::now();
    batches(&path, 1000).into_iter().for_each(|batch| plain.insert(batch));
    println!("insert without search        {:>9.0} ms", ms(begun));
    let without = plain.settle();

    let begun = Instant::now();
    plain.run(&format!(r#"{{"op":"ensure","collection":"d","search":{SPEC}}}"#));
    println!("{}", plain.run(r#"{"op":"waitSearch","collection":"d"}"#));
    println!("build on existing documents  {:>9.0} ms", ms(begun));
    let begun = Instant::now();
    let with = plain.settle();
    println!("merges and compaction        {:>9.0} ms", ms(begun));
    println!("persisted index              {:>9.2} MB ({with} - {without})", (with - without) as f64 / 1e6);
    println!("{}", plain.run(r#"{"op":"waitSearch","collection":"d"}"#));

    let bench = Bench::new();
    bench.run(&format!(r#"{{"op":"ensure","collection":"d","search":{SPEC}}}"#));
    let begun = Instant::now();
    batches(&path, 1000).into_iter().for_each(|batch| bench.insert(batch));
    println!("insert with search           {:>9.0} ms", ms(begun));
    bench.settle();
    println!("{}", bench.run(r#"{"op":"waitSearch","collection":"d"}"#));
    println!("{}", bench.run(r#"{"op":"stats"}"#));
}
