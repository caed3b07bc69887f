//! A simulated user in a tab: opens the database, does random things, compares what it sees, opens it again.

use std::rc::Rc;

use tidewell_core::base::{Error, ErrorKind, Result};
use tidewell_core::engine::{Durability, Engine, Platform, Snapshot, RETRY, SNAPSHOT_EXPIRED};
use tidewell_sim::SimPlatform;

use crate::program::{look, perform, Act, Author, Seen};
use crate::verdict::{compare, compare_seen};
use crate::world::World;

/// How often an interactive transaction is run again.
const ATTEMPTS: usize = 5;

/// One tab's life.
pub(crate) struct Tab {
    pub(crate) world: Rc<World>,
    pub(crate) platform: Rc<SimPlatform>,
    pub(crate) author: Author,
    /// Whether it was frozen at some time: then its snapshots may expire.
    pub(crate) may_expire: bool,
    /// Whether it does little but write, flush and compact.
    pub(crate) busy: bool,
}

impl Tab {
    pub(crate) fn new(world: &Rc<World>) -> Self {
        let author = Author { rng: world.rng(), keys: world.setting.keys, value_max: world.setting.value_max };
        Self { world: Rc::clone(world), platform: world.sim.tab(), author, may_expire: false, busy: false }
    }

    /// Does `count` things, opening the database first and again whenever the instance died.
    pub(crate) async fn live(&self, count: usize) {
        let mut left = count;
        while left > 0 {
            let Some(engine) = self.open().await else { return };
            let mut held: Option<Snapshot> = None;
            while left > 0 {
                left -= 1;
                if self.author.rng.one_in(40) {
                    break;
                }
                if let Err(error) = self.act(&engine, &mut held).await {
                    if self.note(&error) {
                        break;
                    }
                }
            }
            drop(held);
            self.world.gather(&engine);
            engine.close().await;
        }
    }

    async fn open(&self) -> Option<Engine> {
        for _ in 0..50 {
            match self.world.open(&self.platform).await {
                Ok(engine) => return Some(engine),
                Err(error) => {
                    let hopeless = self.note(&error);
                    if hopeless && self.world.tolerates(&error) {
                        self.world.refused.replace(Some(error));
                        return None;
                    }
                }
            }
            self.platform.sleep(20.0).await;
        }
        self.world.violation("the database did not open in 50 attempts".to_owned());
        None
    }

    /// Judges an error that is not an operation's own. Answers whether the instance is dead.
    fn note(&self, error: &Error) -> bool {
        let expected = match error.kind() {
            ErrorKind::Conflict => error.reason() != Some(SNAPSHOT_EXPIRED) || self.may_expire,
            _ => self.world.tolerates(error),
        };
        self.world.count(|counts| counts.failures += 1);
        if !expected {
            self.world.violation(format!("an instance failed: {error:?}"));
        }
        !matches!(error.kind(), ErrorKind::Conflict | ErrorKind::Unavailable | ErrorKind::Quota)
    }

    async fn act(&self, engine: &Engine, held: &mut Option<Snapshot>) -> Result<()> {
        let rng = &self.author.rng;
        let dice = rng.below(100);
        // A busy tab trades reads and sleep for housekeeping.
        match if self.busy && dice >= 55 { 45 + dice / 2 } else { dice } {
            0..=44 => self.write(engine).await,
            45..=54 => self.interact(engine).await?,
            55..=69 => self.read_newest(engine).await?,
            70..=79 => self.read_in_memory(engine)?,
            80..=84 => *held = Some(engine.snapshot()?),
            85..=89 => self.read_held(engine, held).await?,
            90 | 91 => drop(engine.flush().await?),
            92 => engine.compact().await?,
            93 | 94 => engine.catch_up().await?,
            _ => self.platform.sleep(rng.below(40_000) as f64 / 1000.0).await,
        }
        Ok(())
    }

    fn durability(&self) -> Durability {
        match self.author.rng.below(8) {
            0 => Durability::Memory,
            1 | 2 => Durability::Strict,
            _ => Durability::Relaxed,
        }
    }

    /// A few commits at once: they share a record, or race for the next one.
    async fn write(&self, engine: &Engine) {
        let count = if self.author.rng.one_in(3) { 1 + self.author.rng.below(5) } else { 1 };
        let commits: Vec<_> = (0..count)
            .map(|_| {
                let number = self.world.ask(|number| self.author.transaction(number), self.durability());
                let (world, engine) = (Rc::clone(&self.world), engine.clone());
                self.platform.run(async move { commit(&world, &engine, number).await })
            })
            .collect();
        for commit in commits {
            commit.await;
        }
    }

    /// A transaction that stays open over several steps and pauses.
    async fn interact(&self, engine: &Engine) -> Result<()> {
        let number = self.world.ask(|number| self.author.transaction(number), self.durability());
        let acts = self.world.acts(number);
        let durability = self.world.operations.borrow().get(&number).map_or(Durability::Relaxed, |o| o.durability);
        let mut last = None;
        for _ in 0..ATTEMPTS {
            match self.attempt(engine, &acts, durability).await {
                Err(error) if error.reason() == Some(RETRY) => last = Some(error),
                Err(error) if error.reason() == Some(SNAPSHOT_EXPIRED) && self.may_expire => last = Some(error),
                result => {
                    self.world.told(number, result);
                    return Ok(());
                }
            }
        }
        self.world.told(number, Err(last.unwrap_or_else(|| Error::conflict("never"))));
        Ok(())
    }

    async fn attempt(&self, engine: &Engine, acts: &[Act], durability: Durability) -> Result<(u64, Vec<Seen>)> {
        let mut transaction = engine.begin().await?;
        let mut seen = Vec::new();
        for act in acts {
            let step = std::slice::from_ref(act);
            seen.extend(transaction.run(|view| perform(step, view)).await?);
            if self.author.rng.one_in(3) {
                self.platform.sleep(self.author.rng.below(4000) as f64 / 1000.0).await;
            }
        }
        Ok((transaction.commit(durability).await?, seen))
    }

    fn looks(&self) -> Vec<Act> {
        (0..1 + self.author.rng.below(3)).map(|_| self.author.reading()).collect()
    }

    async fn read_newest(&self, engine: &Engine) -> Result<()> {
        compare(&self.world, engine, &self.looks(), "a read").await
    }

    fn read_in_memory(&self, engine: &Engine) -> Result<()> {
        let acts = self.looks();
        let position = engine.position();
        if let Ok(seen) = engine.try_read(|view| look(&acts, view)) {
            compare_seen(&self.world, &seen, &acts, position, "a read in memory");
        }
        Ok(())
    }

    async fn read_held(&self, engine: &Engine, held: &Option<Snapshot>) -> Result<()> {
        let Some(snapshot) = held else { return Ok(()) };
        let acts = self.looks();
        let seen = engine.read_at(snapshot, |view| look(&acts, view)).await?;
        compare_seen(&self.world, &seen, &acts, snapshot.position(), "a snapshot");
        Ok(())
    }
}

/// Commits the operation, and checks that its writer sees it from then on.
async fn commit(world: &Rc<World>, engine: &Engine, number: u64) {
    let acts = world.acts(number);
    let durability = world.operations.borrow().get(&number).map_or(Durability::Relaxed, |o| o.durability);
    let result = engine.commit(durability, move |transaction| perform(&acts, transaction)).await;
    if let Ok(committed) = &result {
        if durability != Durability::Memory && engine.position() < committed.position {
            world.violation(format!("operation {number} is acknowledged at {} and not visible", committed.position));
        }
    }
    world.told(number, result.map(|committed| (committed.position, committed.value)));
}
