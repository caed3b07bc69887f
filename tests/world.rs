//! One database in one simulated world: its storage, what was asked of it, and what came back.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::fmt;
use std::future::ready;
use std::rc::Rc;

use tidewell_core::base::{Error, ErrorKind, Result, SeededRng};
use tidewell_core::disk::{Disk, DiskError, Fault, FaultPlan, FaultyStorage, LocalFuture, Witness};
use tidewell_core::engine::compaction_pick::CompactionOptions;
use tidewell_core::engine::table_builder::TableSizes;
use tidewell_core::engine::{CommitEvent, Durability, Engine, EngineOptions};
use tidewell_sim::{Sim, SimPlatform};

use crate::history::Recorder;
use crate::program::{Act, Seen};

/// What became of an operation, as far as its caller knows.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Outcome {
    /// Nobody knows: the caller died first, or was told so.
    Unknown,
    /// It happened at this position.
    Acknowledged(u64),
    /// It did not happen.
    Failed,
}

/// A writing operation.
#[derive(Clone, Debug)]
pub(crate) struct Operation {
    pub(crate) acts: Vec<Act>,
    pub(crate) durability: Durability,
    pub(crate) outcome: Outcome,
    pub(crate) seen: Option<Vec<Seen>>,
}

/// What happened, in numbers.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counts {
    pub(crate) acknowledged: u64,
    pub(crate) reads: u64,
    pub(crate) conflicts: u64,
    pub(crate) failures: u64,
    pub(crate) kills: u64,
    pub(crate) freezes: u64,
    pub(crate) opens: u64,
    pub(crate) flushes: u64,
    pub(crate) compactions: u64,
    pub(crate) reloads: u64,
    pub(crate) lost_races: u64,
}

impl Counts {
    pub(crate) fn add(&mut self, other: &Self) {
        self.acknowledged += other.acknowledged;
        self.reads += other.reads;
        self.conflicts += other.conflicts;
        self.failures += other.failures;
        self.kills += other.kills;
        self.freezes += other.freezes;
        self.opens += other.opens;
        self.flushes += other.flushes;
        self.compactions += other.compactions;
        self.reloads += other.reloads;
        self.lost_races += other.lost_races;
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} writes acknowledged, {} reads compared, {} conflicts, {} failures, {} kills, {} freezes, {} opens, \
             {} flushes, {} compactions, {} reloads, {} lost races",
            self.acknowledged,
            self.reads,
            self.conflicts,
            self.failures,
            self.kills,
            self.freezes,
            self.opens,
            self.flushes,
            self.compactions,
            self.reloads,
            self.lost_races
        )
    }
}

/// How instances are opened in a world.
#[derive(Clone, Debug)]
pub(crate) struct Setting {
    pub(crate) auto_maintenance: bool,
    pub(crate) memory_budget: usize,
    pub(crate) tables: TableSizes,
    pub(crate) compaction: CompactionOptions,
    pub(crate) keys: u64,
    pub(crate) value_max: u64,
    /// Failures that may happen besides conflicts.
    pub(crate) tolerated: Vec<ErrorKind>,
}

/// Everything that tabs share.
pub(crate) struct World {
    pub(crate) sim: Sim,
    pub(crate) setting: Setting,
    pub(crate) recorder: Rc<Recorder>,
    pub(crate) storage: Rc<FaultyStorage>,
    pub(crate) operations: RefCell<BTreeMap<u64, Operation>>,
    pub(crate) counts: RefCell<Counts>,
    pub(crate) violations: RefCell<Vec<String>>,
    /// Why the database could not be opened, where that is tolerated.
    pub(crate) refused: RefCell<Option<Error>>,
    witness: Rc<MemoryWitness>,
    last_operation: Cell<u64>,
}

impl World {
    pub(crate) fn new(sim: Sim, plan: FaultPlan, setting: Setting) -> Rc<Self> {
        let recorder = Rc::new(Recorder::new());
        let storage = sim.storage_on(Rc::clone(&recorder) as Rc<dyn Disk>, plan);
        Rc::new(Self {
            sim,
            setting,
            recorder,
            storage,
            operations: RefCell::default(),
            counts: RefCell::default(),
            violations: RefCell::default(),
            refused: RefCell::default(),
            witness: Rc::default(),
            last_operation: Cell::new(0),
        })
    }

    pub(crate) fn violation(&self, text: String) {
        self.violations.borrow_mut().push(text);
    }

    pub(crate) fn count(&self, change: impl FnOnce(&mut Counts)) {
        change(&mut self.counts.borrow_mut());
    }

    /// Opens an instance in `tab` and connects it with the other tabs.
    pub(crate) async fn open(self: &Rc<Self>, tab: &Rc<SimPlatform>) -> Result<Engine> {
        let options = EngineOptions {
            auto_maintenance: self.setting.auto_maintenance,
            memory_budget: self.setting.memory_budget,
            tables: self.setting.tables,
            compaction: self.setting.compaction,
            ..EngineOptions::new("test")
        };
        let disk = Rc::new(self.storage.open());
        let witness = Rc::clone(&self.witness) as Rc<dyn Witness>;
        let remembered = self.witness.0.borrow().is_some();
        let cleared = self.storage.fired().iter().any(|(_, fault)| *fault == Fault::Cleared);
        let engine = Engine::open(disk, Rc::clone(tab) as _, Some(witness), options).await?;
        if remembered && cleared {
            self.violation("cleared storage was opened as if nothing had been there".to_owned());
        }
        let receiver = engine.clone();
        tab.on_announce(Rc::new(move |message| receiver.receive(message)));
        let last = Cell::new(engine.position());
        let world = Rc::downgrade(self);
        engine.on_commit(Rc::new(move |event| match event {
            CommitEvent::Commit { record, .. } => {
                let before = last.replace(record.header.position);
                if let Some(world) = world.upgrade().filter(|_| record.header.position != before + 1) {
                    world.violation(format!("a listener heard of {} after {before}", record.header.position));
                }
            }
            CommitEvent::Reset { position } => last.set(*position),
            _ => {}
        }));
        self.count(|counts| counts.opens += 1);
        Ok(engine)
    }

    /// Adds the counters of an instance that ends.
    pub(crate) fn gather(&self, engine: &Engine) {
        let counters = engine.report().counters;
        self.count(|counts| {
            counts.flushes += counters.flushes;
            counts.compactions += counters.compactions;
            counts.reloads += counters.reloads;
            counts.lost_races += counters.lost_races;
        });
    }

    /// Notes an operation before anything of it can happen.
    pub(crate) fn ask(&self, acts: impl FnOnce(u64) -> Vec<Act>, durability: Durability) -> u64 {
        let number = self.last_operation.get() + 1;
        self.last_operation.set(number);
        let operation = Operation { acts: acts(number), durability, outcome: Outcome::Unknown, seen: None };
        self.operations.borrow_mut().insert(number, operation);
        number
    }

    pub(crate) fn acts(&self, operation: u64) -> Vec<Act> {
        self.operations.borrow().get(&operation).map(|operation| operation.acts.clone()).unwrap_or_default()
    }

    /// Notes what the caller was told.
    pub(crate) fn told(&self, number: u64, result: Result<(u64, Vec<Seen>)>) {
        let mut operations = self.operations.borrow_mut();
        let Some(operation) = operations.get_mut(&number) else { return };
        match result {
            // At `Memory` nothing is promised yet.
            Ok(_) if operation.durability == Durability::Memory => {}
            Ok((position, seen)) => {
                operation.outcome = Outcome::Acknowledged(position);
                operation.seen = Some(seen);
                self.count(|counts| counts.acknowledged += 1);
            }
            Err(error) if error.reason() == Some("outcome-unknown") || error.kind() == ErrorKind::Aborted => {}
            // Whatever happened is gone with the storage.
            Err(error) if error.kind() == ErrorKind::StorageLost && self.tolerates(&error) => {}
            Err(error) => {
                operation.outcome = Outcome::Failed;
                let expected = error.kind() == ErrorKind::Conflict || self.tolerates(&error);
                self.count(|counts| match error.kind() {
                    ErrorKind::Conflict => counts.conflicts += 1,
                    _ => counts.failures += 1,
                });
                if !expected {
                    self.violation(format!("operation {number} failed: {error:?}"));
                }
            }
        }
    }

    pub(crate) fn tolerates(&self, error: &Error) -> bool {
        self.setting.tolerated.contains(&error.kind())
    }

    pub(crate) fn rng(&self) -> SeededRng {
        self.sim.fork_rng()
    }
}

/// A witness that forgets nothing.
#[derive(Default)]
pub(crate) struct MemoryWitness(RefCell<Option<Vec<u8>>>);

impl Witness for MemoryWitness {
    fn read(&self) -> LocalFuture<'_, Result<Option<Vec<u8>>, DiskError>> {
        Box::pin(ready(Ok(self.0.borrow().clone())))
    }

    fn write<'a>(&'a self, bytes: &'a [u8]) -> LocalFuture<'a, Result<(), DiskError>> {
        self.0.replace(Some(bytes.to_vec()));
        Box::pin(ready(Ok(())))
    }
}
