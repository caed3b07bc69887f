//! Tables of a dead instance are deleted by one that missed what became of them.
//!
//! Not by chance, as in `model_tests`: the two do just what it takes.

use std::rc::Rc;

use tidewell_core::base::{Error, Result};
use tidewell_core::disk::FaultPlan;
use tidewell_core::engine::{Durability, Engine, EngineOptions};
use tidewell_sim::{Sim, SimOptions};

use crate::replay::each_seed;

/// So many tables are flushed with ids that the other instance knows to be reserved.
const FLUSHES: u8 = 20;

async fn put(engine: &Engine, key: u8) -> Result<()> {
    engine.commit(Durability::Relaxed, move |tx| tx.put(&[key], b"x")).await.map(drop)
}

/// One writes and dies, and another one, which heard nothing of it, deletes what dead instances left.
pub(crate) fn collected(seed: u64) -> std::result::Result<(), String> {
    // No announcement arrives.
    let sim = Sim::with(seed, SimOptions { drop_one_in: 1, ..SimOptions::default() });
    let storage = sim.storage(FaultPlan::none());
    let world = sim.clone();
    let run = async move {
        let open = || {
            let (tab, disk) = (world.tab(), storage.open());
            async move {
                let options = EngineOptions { auto_maintenance: false, ..EngineOptions::new("test") };
                Ok::<_, Error>((Engine::open(Rc::new(disk), tab.clone(), None, options).await?, tab))
            }
        };
        let ((late, _), (writer, tab)) = (open().await?, open().await?);
        put(&writer, 0).await?;
        writer.flush().await?;
        // Now it knows which ids the writer has reserved, and from here on nothing.
        late.catch_up().await?;
        for key in 1..FLUSHES {
            put(&writer, key).await?;
            // What is flushed is cut off the log.
            writer.flush().await?;
        }
        tab.kill();
        drop(writer);
        late.compact().await?;
        let (fresh, _) = open().await?;
        for engine in [fresh, late] {
            for key in 0..FLUSHES {
                let found = engine.read(move |view| view.get(&[key], &mut Vec::new())).await?;
                if !found {
                    return Ok(Err(format!("{key} is lost")));
                }
            }
            let left = engine.report().obsolete_tables;
            if left > 0 {
                return Ok(Err(format!("{left} obsolete tables were left")));
            }
        }
        Ok::<_, Error>(Ok(()))
    };
    sim.run(run).map_err(|stalled| stalled.to_string())?.map_err(|error| error.to_string())?
}

#[test]
fn an_instance_that_missed_a_truncation_deletes_nothing_that_is_live() {
    each_seed("collection", 50, collected);
}
