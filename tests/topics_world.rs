//! Tabs with a topic and two groups in one simulated world.

use std::rc::Rc;

use tidewell_core::base::{Error, Rng};
use tidewell_core::collections::raw::RawValue;
use tidewell_core::database::Database;
use tidewell_core::disk::{FaultPlan, FaultyStorage};
use tidewell_core::engine::{EngineOptions, Platform};
use tidewell_sim::{Sim, SimPlatform};

use crate::topics_journal::Journal;
use crate::topics_tests::{ACK_MS, DELIVERIES};

pub(crate) struct World {
    pub(crate) sim: Sim,
    pub(crate) storage: Rc<FaultyStorage>,
    /// Commits survive a power cut.
    strict: bool,
}

pub(crate) struct Tab {
    pub(crate) database: Database,
    pub(crate) platform: Rc<SimPlatform>,
    pub(crate) topic: u64,
    /// The plain and the transactional one.
    pub(crate) groups: [u64; 2],
    pub(crate) member: u64,
    sim: Sim,
    strict: bool,
}

/// An answer as a value.
pub(crate) fn parse(answer: &str) -> RawValue<'_> {
    RawValue::new(answer.as_bytes())
}

fn number(answer: &str, name: &str) -> u64 {
    parse(answer).field(name.as_bytes()).and_then(|value| value.as_f64()).unwrap_or(0.0) as u64
}

impl World {
    pub(crate) fn new(seed: u64, plan: FaultPlan, strict: bool) -> Rc<Self> {
        let sim = Sim::new(seed);
        let storage = sim.storage(plan);
        Rc::new(Self { sim, storage, strict })
    }

    /// The same storage after everything that ran on it has ended.
    pub(crate) fn reborn(&self) -> Rc<Self> {
        Rc::new(Self { sim: self.sim.clone(), storage: Rc::clone(&self.storage), strict: self.strict })
    }

    pub(crate) async fn open(&self, journal: &Journal) -> Result<Tab, Error> {
        journal.opening();
        let platform = self.sim.tab();
        let options = EngineOptions { memory_budget: 1 << 20, ..EngineOptions::new("test") };
        let database = Database::open(Rc::new(self.storage.open()), platform.clone(), None, options).await?;
        let receiver = database.clone();
        platform.on_announce(Rc::new(move |message| receiver.receive(message)));
        let member = 1 + (platform.next_u64() >> 12);
        let mut tab =
            Tab { database, platform, topic: 0, groups: [0; 2], member, sim: self.sim.clone(), strict: self.strict };
        tab.topic =
            number(&tab.run(r#"{"op":"topicOpen","name":"t","partitions":2,"dedupe":1000000000000}"#).await?, "topic");
        tab.run(r#"{"op":"topicFollow","collection":"effects"}"#).await?;
        for (at, name) in ["plain", "tx"].into_iter().enumerate() {
            let open = format!(
                r#"{{"op":"topicGroup","topic":{},"name":"{name}","ackDeadline":{ACK_MS},"maxDeliveries":{DELIVERIES},"backoff":20,"backoffMax":40,"deadLetter":"t.dead.{name}"}}"#,
                tab.topic
            );
            tab.groups[at] = number(&tab.run(&open).await?, "group");
        }
        // Its time is written down: a tab that comes next, with a wall clock that is behind, begins there.
        tab.run(r#"{"op":"topicOpen","name":"t"}"#).await?;
        journal.opened(tab.now());
        Ok(tab)
    }
}

impl Tab {
    pub(crate) async fn run(&self, command: &str) -> Result<String, Error> {
        let strict = format!(r#"{},"durability":"strict"}}"#, &command[..command.len() - 1]);
        let command = if self.strict { &strict } else { command };
        self.database.execute(command).await.map(|response| String::from_utf8(response.json).unwrap())
    }

    pub(crate) async fn begin(&self) -> Result<u64, Error> {
        Ok(number(&self.run(r#"{"op":"begin"}"#).await?, "tx"))
    }

    pub(crate) fn now(&self) -> f64 {
        self.sim.now_ms()
    }

    pub(crate) async fn platform_sleep(&self, ms: u64) {
        self.platform.sleep(ms as f64).await;
    }
}
