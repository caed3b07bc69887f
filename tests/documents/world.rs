//! One database of documents in one simulated world: what was asked of it, what came back, what was seen.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use tidewell_core::base::{Error, ErrorKind, Result, SeededRng};
use tidewell_core::collections::agreement;
use tidewell_core::collections::catalog::Catalog;
use tidewell_core::database::Database;
use tidewell_core::disk::{Disk, Fault, FaultPlan, FaultyStorage, Witness};
use tidewell_core::engine::compaction_pick::CompactionOptions;
use tidewell_core::engine::table_builder::TableSizes;
use tidewell_core::engine::{Durability, EngineOptions, SNAPSHOT_EXPIRED};
use tidewell_sim::{Sim, SimOptions, SimPlatform};

use super::model::{Act, Answer, Doc, Find};
use super::verdict::compare_documents;
use crate::history::Recorder;
use crate::world::{MemoryWitness, Outcome};

/// One or more commands that happen together or not at all.
#[derive(Clone, Debug)]
pub(crate) struct Operation {
    pub(crate) acts: Vec<Act>,
    pub(crate) durability: Durability,
    pub(crate) outcome: Outcome,
    pub(crate) answers: Option<Vec<Answer>>,
    /// The log's head when it was asked for, and (if it is over) the last one at which it can have happened.
    pub(crate) issued: u64,
    pub(crate) over: Option<u64>,
}

impl Operation {
    /// Whether its answers say that it changed something.
    fn wrote(&self) -> bool {
        let changes = |(act, answer): (&Act, &Answer)| match (act, answer) {
            (Act::Update(..), Answer::Written { modified, .. }) => *modified > 0,
            (_, Answer::Written { ids, .. }) => !ids.is_empty(),
            _ => false,
        };
        self.acts.iter().zip(self.answers.iter().flatten()).any(changes)
    }
}

/// What a read outside of transactions saw, at one of these positions.
pub(crate) struct Sight {
    pub(crate) from: u64,
    pub(crate) to: u64,
    pub(crate) act: Act,
    pub(crate) answer: Answer,
}

/// What a live query showed.
pub(crate) struct LiveSight {
    pub(crate) find: Find,
    /// It must be the result at one of these positions.
    pub(crate) from: u64,
    pub(crate) to: u64,
    pub(crate) docs: Vec<Doc>,
}

/// What happened, in numbers.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counts {
    pub(crate) opens: u64,
    pub(crate) acknowledged: u64,
    pub(crate) refused: u64,
    pub(crate) conflicts: u64,
    pub(crate) sights: u64,
    pub(crate) live: u64,
    pub(crate) inspections: u64,
    pub(crate) entries: u64,
    pub(crate) indexes: u64,
    pub(crate) resumed: u64,
    pub(crate) flushes: u64,
    pub(crate) lost_races: u64,
    pub(crate) kills: u64,
}

impl Counts {
    pub(crate) fn add(&mut self, other: &Self) {
        let Self { opens, acknowledged, refused, conflicts, sights, live, inspections, .. } = other;
        let Self { entries, indexes, resumed, flushes, lost_races, kills, .. } = other;
        self.opens += opens;
        self.acknowledged += acknowledged;
        self.refused += refused;
        self.conflicts += conflicts;
        self.sights += sights;
        self.live += live;
        self.inspections += inspections;
        self.entries += entries;
        self.indexes += indexes;
        self.resumed += resumed;
        self.flushes += flushes;
        self.lost_races += lost_races;
        self.kills += kills;
    }
}

/// An index that was promised: it was ready in the log at this position.
pub(crate) struct Promise {
    pub(crate) position: u64,
    pub(crate) collection: usize,
    pub(crate) index: &'static str,
}

/// Everything that tabs share.
pub(crate) struct World {
    pub(crate) sim: Sim,
    pub(crate) recorder: Rc<Recorder>,
    pub(crate) storage: Rc<FaultyStorage>,
    pub(crate) operations: RefCell<BTreeMap<u64, Operation>>,
    pub(crate) sights: RefCell<Vec<Sight>>,
    pub(crate) live: RefCell<Vec<LiveSight>>,
    pub(crate) promises: RefCell<Vec<Promise>>,
    pub(crate) counts: RefCell<Counts>,
    pub(crate) violations: RefCell<Vec<String>>,
    /// Why the database could not be opened, where that is tolerated.
    pub(crate) refused: RefCell<Option<Error>>,
    pub(crate) tolerated: Vec<ErrorKind>,
    witness: Rc<MemoryWitness>,
    last: Cell<u64>,
}

impl World {
    pub(crate) fn new(seed: u64, options: SimOptions, plan: FaultPlan, tolerated: &[ErrorKind]) -> Rc<Self> {
        let (sim, recorder) = (Sim::with(seed, options), Rc::new(Recorder::new()));
        let storage = sim.storage_on(Rc::clone(&recorder) as Rc<dyn Disk>, plan);
        Rc::new(Self {
            sim,
            recorder,
            storage,
            operations: RefCell::default(),
            sights: RefCell::default(),
            live: RefCell::default(),
            promises: RefCell::default(),
            counts: RefCell::default(),
            violations: RefCell::default(),
            refused: RefCell::default(),
            tolerated: tolerated.to_vec(),
            witness: Rc::default(),
            last: Cell::new(0),
        })
    }

    pub(crate) fn violation(&self, text: String) {
        self.violations.borrow_mut().push(text);
    }

    pub(crate) fn count(&self, change: impl FnOnce(&mut Counts)) {
        change(&mut self.counts.borrow_mut());
    }

    pub(crate) fn head(&self) -> u64 {
        self.recorder.history.borrow().head()
    }

    pub(crate) fn rng(&self) -> SeededRng {
        self.sim.fork_rng()
    }

    pub(crate) async fn open(self: &Rc<Self>, tab: &Rc<SimPlatform>) -> Result<Database> {
        let options = EngineOptions {
            memory_budget: 512 << 10,
            tables: TableSizes { block_bytes: 1024, table_bytes: 8000 },
            compaction: CompactionOptions { level0_tables: 2, level1_bytes: 16_000, ratio: 2 },
            // So that most changes of several documents take several slices.
            slice_bytes: 700,
            ..EngineOptions::new("test")
        };
        let disk = Rc::new(self.storage.open());
        let witness = Rc::clone(&self.witness) as Rc<dyn Witness>;
        let database = Database::open(disk, Rc::clone(tab) as _, Some(witness), options).await?;
        let receiver = database.clone();
        tab.on_announce(Rc::new(move |message| receiver.receive(message)));
        self.count(|counts| counts.opens += 1);
        Ok(database)
    }

    /// Adds the counters of an instance that ends.
    pub(crate) fn gather(&self, database: &Database) {
        let counters = database.engine().report().counters;
        self.count(|counts| {
            counts.flushes += counters.flushes;
            counts.lost_races += counters.lost_races;
        });
    }

    /// Compares everything derived with the documents, and the documents with the log. Answers what is being built.
    pub(crate) async fn inspect(&self, database: &Database, when: &str, settled: bool) -> Result<()> {
        let engine = database.engine();
        let snapshot = engine.snapshot()?;
        let catalog = Catalog::default();
        let seen = engine
            .read_at(&snapshot, |view| {
                let found = agreement::inspect(view, &catalog)?;
                Ok((found, compare_documents(self, view, &catalog, snapshot.position())?))
            })
            .await;
        let (found, different) = match seen {
            Err(error) if error.reason() == Some(SNAPSHOT_EXPIRED) => return Ok(()),
            seen => seen?,
        };
        for text in found.complaints.iter().chain(&different) {
            self.violation(format!("{when}, at position {}: {text}", snapshot.position()));
        }
        if settled && (found.garbage || !found.building.is_empty()) {
            self.violation(format!(
                "{when}: unfinished work is left: {:?}, garbage: {}",
                found.building, found.garbage
            ));
        }
        self.count(|counts| {
            counts.inspections += 1;
            counts.entries += found.entries;
            counts.resumed += if settled { 0 } else { found.building.len() as u64 };
        });
        Ok(())
    }

    /// Notes an operation before anything of it can happen.
    pub(crate) fn ask(&self, acts: Vec<Act>, durability: Durability) -> u64 {
        let number = self.last.get() + 1;
        self.last.set(number);
        let issued = self.head();
        let operation = Operation { acts, durability, outcome: Outcome::Unknown, answers: None, issued, over: None };
        self.operations.borrow_mut().insert(number, operation);
        number
    }

    /// Notes what the caller was told.
    pub(crate) fn told(&self, number: u64, result: Result<(u64, Vec<Answer>)>) {
        let mut operations = self.operations.borrow_mut();
        let Some(operation) = operations.get_mut(&number) else { return };
        match result {
            // At `Memory` nothing is promised yet; after a lost race it even runs again.
            Ok(_) if operation.durability == Durability::Memory => {}
            Ok((position, answers)) => {
                operation.outcome = Outcome::Acknowledged(position);
                operation.answers = Some(answers);
                self.count(|counts| counts.acknowledged += 1);
            }
            Err(error) if error.reason() == Some("outcome-unknown") || error.kind() == ErrorKind::Aborted => {}
            Err(error) if error.kind() == ErrorKind::StorageLost && self.tolerates(&error) => {}
            Err(error) => {
                operation.outcome = Outcome::Failed;
                operation.over = Some(self.head());
                let expected = error.kind() == ErrorKind::Conflict || self.tolerates(&error);
                if let Some(reason @ ("duplicate-id" | "unique")) = error.reason() {
                    operation.answers = Some(vec![Answer::Refused(reason)]);
                    self.count(|counts| counts.refused += 1);
                } else {
                    self.count(|counts| counts.conflicts += 1);
                }
                if !expected {
                    self.violation(format!("operation {number} failed: {error:?}"));
                }
            }
        }
    }

    pub(crate) fn tolerates(&self, error: &Error) -> bool {
        self.tolerated.contains(&error.kind())
    }

    /// After a crash: what the disk lost may only be what it was allowed to lose.
    pub(crate) fn restart(self: &Rc<Self>, crash: Fault, plan: FaultPlan) -> Result<(), String> {
        self.sim.end();
        let shared = Rc::clone(self);
        let restarted = async move {
            shared.storage.restart(plan).await;
            shared.recorder.forget_lost().await
        };
        let head = self.sim.run(restarted).map_err(|stalled| stalled.to_string())?;
        let may_lose = matches!(crash, Fault::CrashPowerCut | Fault::CrashReordered);
        for (number, operation) in self.operations.borrow_mut().iter_mut() {
            if operation.over.is_some_and(|over| over > head) {
                // What it was refused for was taken back.
                operation.answers = None;
            }
            operation.over = Some(operation.over.map_or(head, |over| over.min(head)));
            let Outcome::Acknowledged(position) = operation.outcome else { continue };
            if position > head {
                let promised = operation.durability == Durability::Strict && operation.wrote();
                if !may_lose || promised {
                    let text = (crash.name(), operation.durability);
                    return Err(format!(
                        "operation {number}, acknowledged at {position}, is lost after {head}: {text:?}"
                    ));
                }
                // It must not come back either, and what it saw was taken back.
                operation.outcome = Outcome::Failed;
                operation.answers = None;
            }
        }
        if !may_lose && self.promises.borrow().iter().any(|promise| promise.position > head) {
            return Err(format!("an index that was ready is lost after {head}: {}", crash.name()));
        }
        self.promises.borrow_mut().retain(|promise| promise.position <= head);
        self.sights.borrow_mut().retain(|sight| sight.to <= head);
        self.live.borrow_mut().retain(|sight| sight.to <= head);
        Ok(())
    }
}
