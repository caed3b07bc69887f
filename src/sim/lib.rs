//! Simulated tabs over one simulated storage, in simulated time, on one thread: the same seed, the same run.
//!
//! It is test support, not a runtime: nothing here ever waits in real time, and nothing ships.
//!
//! ```
//! use tidewell_core::disk::{Batch, BlobName, Disk, Durability, FaultPlan};
//! use tidewell_sim::Sim;
//!
//! let sim = Sim::new(42);
//! let storage = sim.storage(FaultPlan::none());
//! let tab = sim.tab();
//! let disk = storage.open();
//! let written = tab.run(async move {
//!     let puts = vec![(BlobName::meta(1), b"hello".to_vec())];
//!     disk.commit(Batch { puts, ..Batch::default() }, Durability::Strict).await
//! });
//! assert!(sim.run(written).unwrap().unwrap().is_ok());
//! assert!(sim.now_ms() > 0.0, "the disk took its simulated time");
//! ```

mod locks;
mod platform;
mod schedule;
#[cfg(test)]
mod sim_tests;
mod timer;

use std::fmt;
use std::future::Future;
use std::rc::Rc;

use tidewell_core::base::SeededRng;
use tidewell_core::disk::{Disk, FaultPlan, FaultyStorage, Latency, LocalFuture, MemoryDisk};

pub use platform::{Receiver, SimPlatform};
pub use schedule::{Task, World};

/// A tab, worker or process: its tasks live and die together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TabId(pub(crate) u64);

/// Belongs to the simulation itself and is never killed.
const NOBODY: TabId = TabId(0);

/// How the simulated surroundings behave. Chances are "one in n"; 0 is never.
#[derive(Clone, Debug)]
pub struct SimOptions {
    /// Whether named locks exist.
    pub locks: bool,
    /// How many announcements arrive nowhere.
    pub drop_one_in: u64,
    /// The longest way of an announcement, in simulated ms.
    pub announce_ms: u64,
    /// The usual longest half of a disk operation, in simulated µs.
    pub disk_us: u64,
    /// How many halves of a disk operation take a hundred times longer.
    pub slow_one_in: u64,
    /// The disk's deadline, in simulated ms.
    pub deadline_ms: f64,
    /// After this many steps a run is given up as stalled.
    pub steps_max: u64,
}

impl Default for SimOptions {
    fn default() -> Self {
        Self {
            locks: true,
            drop_one_in: 20,
            announce_ms: 30,
            disk_us: 1000,
            slow_one_in: 50,
            deadline_ms: 5000.0,
            steps_max: 5_000_000,
        }
    }
}

/// Why a run ended without its result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stalled {
    /// Everything waits for something that nobody will do (or for a frozen tab).
    Deadlock,
    /// The run took more than `steps_max` steps.
    Livelock,
}

impl fmt::Display for Stalled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Deadlock => "everything waits, and no timer is set",
            Self::Livelock => "too many steps without a result",
        })
    }
}

impl std::error::Error for Stalled {}

/// The simulated world. Cheap to clone; everything in it ends with the last clone.
#[derive(Clone)]
pub struct Sim {
    world: Rc<World>,
    _end: Rc<EndOfWorld>,
}

struct EndOfWorld(Rc<World>);

impl Drop for EndOfWorld {
    fn drop(&mut self) {
        self.0.end();
    }
}

impl Sim {
    /// A world that follows from `seed`.
    pub fn new(seed: u64) -> Self {
        Self::with(seed, SimOptions::default())
    }

    /// A world that follows from `seed`, with surroundings as `options` says.
    pub fn with(seed: u64, options: SimOptions) -> Self {
        let world = World::new(seed, options);
        Self { _end: Rc::new(EndOfWorld(Rc::clone(&world))), world }
    }

    /// Storage shared by all tabs, whose operations take random simulated times. Open a handle for each instance.
    pub fn storage(&self, plan: FaultPlan) -> Rc<FaultyStorage> {
        self.storage_on(Rc::new(MemoryDisk::new()), plan)
    }

    /// The same on a disk that a test looks into.
    pub fn storage_on(&self, inner: Rc<dyn Disk>, plan: FaultPlan) -> Rc<FaultyStorage> {
        let latency = SimLatency { world: Rc::clone(&self.world), rng: self.world.fork() };
        FaultyStorage::new(inner, plan, Rc::new(latency))
    }

    /// A new tab's surroundings.
    pub fn tab(&self) -> Rc<SimPlatform> {
        SimPlatform::new(&self.world)
    }

    /// Runs the world until `future` resolves. The future belongs to no tab, so kills do not touch it.
    ///
    /// # Errors
    /// [`Stalled`] if it cannot resolve any more, or takes too long to.
    pub fn run<T: 'static>(&self, future: impl Future<Output = T> + 'static) -> Result<T, Stalled> {
        self.run_until(future, || false).and_then(|result| result.ok_or(Stalled::Deadlock))
    }

    /// Like `run`, and stops with `None` once `stop` says so (asked after every step).
    ///
    /// # Errors
    /// As `run`.
    pub fn run_until<T: 'static>(
        &self,
        future: impl Future<Output = T> + 'static,
        stop: impl Fn() -> bool,
    ) -> Result<Option<T>, Stalled> {
        let task = self.world.spawn(NOBODY, future);
        self.world.run_until(|| task.is_done() || stop())?;
        Ok(task.take())
    }

    /// Runs until nothing is left to do and no timer is set, or `ms` simulated milliseconds passed.
    pub fn run_for(&self, ms: f64) {
        let world = Rc::clone(&self.world);
        // A stall here only means that nothing is left to do.
        let _ = self.run(async move { world.sleep(ms).await });
    }

    /// Ends the world now, for tests whose tasks own a handle to it.
    pub fn end(&self) {
        self.world.end();
    }

    /// Resolves after `ms` simulated milliseconds.
    pub fn sleep(&self, ms: f64) -> LocalFuture<'static, ()> {
        self.world.sleep(ms)
    }

    /// Simulated milliseconds since the world began.
    pub fn now_ms(&self) -> f64 {
        self.world.now_ms()
    }

    /// Random numbers of the world's seed, independent of what tabs draw.
    pub fn fork_rng(&self) -> SeededRng {
        self.world.fork()
    }

    /// A fingerprint of every step so far: two runs with equal fingerprints took the same way.
    pub fn fingerprint(&self) -> u64 {
        self.world.fingerprint()
    }
}

struct SimLatency {
    world: Rc<World>,
    rng: SeededRng,
}

impl Latency for SimLatency {
    fn operation(&self) -> LocalFuture<'static, ()> {
        let options = self.world.options();
        let slow = options.slow_one_in > 0 && self.rng.one_in(options.slow_one_in);
        let us = self.rng.below(options.disk_us) * if slow { 100 } else { 1 };
        self.world.sleep(us as f64 / 1000.0)
    }

    fn deadline(&self) -> LocalFuture<'static, ()> {
        self.world.sleep(self.world.options().deadline_ms)
    }
}
