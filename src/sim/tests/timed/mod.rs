//! A database in a simulation whose disk costs nothing, for tests that print what something costs natively.

use std::rc::Rc;

use tidewell_core::collections::write::InsertMode;
use tidewell_core::database::Database;
use tidewell_core::disk::FaultPlan;
use tidewell_core::engine::{Durability, EngineOptions, Pause};
use tidewell_sim::{Sim, SimOptions};

pub(crate) struct Bench {
    sim: Sim,
    pub(crate) database: Database,
}

impl Bench {
    pub(crate) fn new() -> Self {
        let options = SimOptions { steps_max: u64::MAX, disk_us: 1, slow_one_in: 0, ..SimOptions::default() };
        let sim = Sim::with(1, options);
        let disk = Rc::new(sim.storage(FaultPlan::none()).open());
        let platform = sim.tab();
        let open = async move { Database::open(disk, platform, None, EngineOptions::new("t")).await.unwrap() };
        let database = sim.run(open).unwrap();
        Self { sim, database }
    }

    pub(crate) fn run(&self, command: &str) -> String {
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

    /// Inserts an array of documents into the collection `d`.
    pub(crate) fn insert(&self, batch: Vec<u8>) {
        let database = self.database.clone();
        self.sim
            .run(async move {
                database.write_batch(InsertMode::Insert, "d", batch, None, Durability::Relaxed).await.unwrap()
            })
            .unwrap();
    }

    /// Lets the background work end: simulated time may leap ahead of it.
    pub(crate) fn rest(&self) {
        (0..500).for_each(|_| self.sim.run_for(1_000.0));
    }
}
