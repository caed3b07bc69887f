//! What several [`FaultyDisk`] handles share: the plan, the commits in flight, and the past that a power cut may take back.
//!
//! Not a disk itself; every blob lives in the disk it decorates.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use super::{
    Area, Batch, BlobName, BlobRange, Disk, DiskError, Durability, Fault, FaultPlan, FaultyDisk, Latency, MemoryDisk,
    NoLatency, RangeReads,
};
use crate::base::{Rng, SeededRng, SortedMap};

/// A commit that was asked for and has neither happened nor been given up.
struct InFlight {
    handle: u64,
    batch: Batch,
    durability: Durability,
    /// Nobody waits for it any more: it may happen at any time or never.
    abandoned: bool,
}

/// How to take back a commit that a power cut may lose.
struct Landed {
    receipt: u64,
    undo: Batch,
}

/// What happened to faulty storage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultEvent {
    /// An operation, counted from 1, is about to meet a fault.
    Met(u64, Fault),
    /// A crash is over: nothing answers any more.
    Crashed(Fault),
}

/// Takes what happens to faulty storage, as it happens.
pub type FaultListener = Rc<dyn Fn(FaultEvent)>;

/// Storage that goes wrong as its plan says. Every instance opens its own handle.
pub struct FaultyStorage {
    inner: Rc<dyn Disk>,
    latency: Rc<dyn Latency>,
    plan: RefCell<FaultPlan>,
    rng: RefCell<SeededRng>,
    era: Cell<u64>,
    operations: Cell<u64>,
    fired: RefCell<Vec<(u64, Fault)>>,
    listener: RefCell<Option<FaultListener>>,
    crashed: Cell<bool>,
    /// Handles up to this number had the storage open when it was cleared.
    cleared: Cell<u64>,
    /// The last number given to a handle, a flight or a receipt.
    last_number: Cell<u64>,
    in_flight: RefCell<SortedMap<u64, InFlight>>,
    /// Commits that happened since the last acknowledged strict one, oldest first.
    landed: RefCell<Vec<Landed>>,
    lengths: RefCell<BTreeMap<BlobName, u64>>,
}

impl FaultyStorage {
    /// Storage in memory without latency.
    pub fn in_memory(plan: FaultPlan) -> Rc<Self> {
        Self::new(Rc::new(MemoryDisk::new()), plan, Rc::new(NoLatency))
    }

    /// Storage in `inner`, which should be empty for quotas and power cuts to be exact.
    pub fn new(inner: Rc<dyn Disk>, plan: FaultPlan, latency: Rc<dyn Latency>) -> Rc<Self> {
        let rng = RefCell::new(SeededRng::new(plan.seed));
        Rc::new(Self {
            inner,
            latency,
            plan: RefCell::new(plan),
            rng,
            era: Cell::new(0),
            operations: Cell::new(0),
            fired: RefCell::default(),
            listener: RefCell::default(),
            crashed: Cell::new(false),
            cleared: Cell::new(0),
            last_number: Cell::new(0),
            in_flight: RefCell::default(),
            landed: RefCell::default(),
            lengths: RefCell::default(),
        })
    }

    /// A new handle, as another tab or the next process would open it.
    pub fn open(self: &Rc<Self>) -> FaultyDisk {
        FaultyDisk::new(Rc::clone(self), self.number(), self.era.get())
    }

    /// Starts over after a crash (or without one): older handles stay dead, operations count from 1 again.
    /// Commits that were still in flight have been decided when this resolves.
    pub async fn restart(&self, plan: FaultPlan) {
        self.era.set(self.era.get() + 1);
        let flights: Vec<u64> = self.in_flight.borrow().keys().copied().collect();
        for flight in flights {
            self.decide(flight).await;
        }
        // The device has had the time to write everything down.
        self.landed.borrow_mut().clear();
        self.rng.replace(SeededRng::new(plan.seed));
        self.plan.replace(plan);
        self.operations.set(0);
        self.fired.borrow_mut().clear();
        self.crashed.set(false);
    }

    /// Crashes now, between two operations.
    pub async fn crash_now(&self, crash: Fault) {
        self.fired.borrow_mut().push((self.operations.get(), crash));
        self.crash(crash).await;
    }

    /// Tells `listener` what happens from now on.
    pub fn listen(&self, listener: FaultListener) {
        self.listener.replace(Some(listener));
    }

    fn tell(&self, event: FaultEvent) {
        let listener = self.listener.borrow().clone();
        listener.into_iter().for_each(|listener| listener(event));
    }

    /// Goes on with another plan: operations count from 1 again. Handles, and what is in flight, stay as they are.
    pub fn replan(&self, plan: FaultPlan) {
        self.rng.replace(SeededRng::new(plan.seed));
        // The quota of a plan counts from here.
        let quota = plan.quota.map(|quota| quota.saturating_add(self.bytes()));
        self.plan.replace(FaultPlan { quota, ..plan });
        self.operations.set(0);
    }

    /// Sets or lifts the quota, in bytes.
    pub fn set_quota(&self, bytes: Option<u64>) {
        self.plan.borrow_mut().quota = bytes;
    }

    /// The operations so far, over all handles, since the last restart.
    pub fn operations(&self) -> u64 {
        self.operations.get()
    }

    /// The faults that operations met so far, with the numbers of the operations.
    pub fn fired(&self) -> Vec<(u64, Fault)> {
        self.fired.borrow().clone()
    }

    /// Whether a crash came: nothing answers until the restart.
    pub fn crashed(&self) -> bool {
        self.crashed.get()
    }

    /// The sum of the lengths of all blobs, in bytes.
    pub fn bytes(&self) -> u64 {
        self.lengths.borrow().values().sum()
    }

    pub(super) fn era(&self) -> u64 {
        self.era.get()
    }

    pub(super) fn inner(&self) -> &dyn Disk {
        &*self.inner
    }

    pub(super) fn latency(&self) -> &dyn Latency {
        &*self.latency
    }

    pub(super) fn below(&self, end: u64) -> u64 {
        self.rng.borrow().below(end)
    }

    pub(super) fn coin(&self) -> bool {
        self.below(2) == 0
    }

    fn number(&self) -> u64 {
        self.last_number.set(self.last_number.get() + 1);
        self.last_number.get()
    }

    pub(super) fn check_cleared(&self, handle: u64) -> Result<(), DiskError> {
        if handle <= self.cleared.get() {
            return Err(lost());
        }
        Ok(())
    }

    pub(super) fn count_operation(&self) -> Option<Fault> {
        self.operations.set(self.operations.get() + 1);
        let fault = self.plan.borrow().fault(self.operations.get(), &self.rng.borrow());
        if let Some(fault) = fault {
            self.fired.borrow_mut().push((self.operations.get(), fault));
            self.tell(FaultEvent::Met(self.operations.get(), fault));
        }
        fault
    }

    pub(super) fn flip<'a>(&self, blobs: impl Iterator<Item = &'a mut Vec<u8>>) {
        let mut blobs: Vec<&mut Vec<u8>> = blobs.filter(|blob| !blob.is_empty()).collect();
        let index = self.below(blobs.len() as u64) as usize;
        if let Some(blob) = blobs.get_mut(index) {
            let bit = self.below(blob.len() as u64 * 8) as usize;
            if let Some(byte) = blob.get_mut(bit / 8) {
                *byte ^= 1 << (bit % 8);
            }
        }
    }

    pub(super) fn launch(self: &Rc<Self>, handle: u64, batch: Batch, durability: Durability) -> Flight {
        let number = self.number();
        let flight = InFlight { handle, batch, durability, abandoned: false };
        self.in_flight.borrow_mut().insert(number, flight);
        Flight { storage: Rc::clone(self), number }
    }

    /// Now and then an abandoned commit happens, or is forgotten.
    pub(super) async fn stir(&self) {
        let abandoned = |(number, flight): (&u64, &InFlight)| flight.abandoned.then_some(*number);
        let adrift: Vec<u64> = self.in_flight.borrow().iter().filter_map(abandoned).collect();
        for number in adrift {
            if self.below(4) == 0 {
                self.decide(number).await;
            }
        }
    }

    /// Decides every abandoned commit of `handle`.
    pub(super) async fn settle(&self, handle: u64) {
        let own =
            |(number, flight): (&u64, &InFlight)| (flight.abandoned && flight.handle == handle).then_some(*number);
        let adrift: Vec<u64> = self.in_flight.borrow().iter().filter_map(own).collect();
        for number in adrift {
            self.decide(number).await;
        }
    }

    /// Everything is gone, for everybody who has it open.
    pub(super) async fn clear(&self) -> DiskError {
        self.cleared.set(self.last_number.get());
        self.in_flight.borrow_mut().clear();
        self.landed.borrow_mut().clear();
        let areas = [Area::Meta, Area::Log, Area::Table, Area::Floor, Area::Manifest];
        let deletes = areas.map(BlobRange::all).to_vec();
        // A failure to clear leaves more than planned, which no promise forbids.
        let _ = self.apply(Batch { deletes, ..Batch::default() }, Durability::Strict).await;
        self.landed.borrow_mut().clear();
        lost()
    }

    /// The machine or process stops. What was in flight is decided, the lost past is taken back.
    pub(super) async fn crash(&self, crash: Fault) {
        self.crashed.set(true);
        let mut flights: Vec<u64> = self.in_flight.borrow().keys().copied().collect();
        while !flights.is_empty() {
            let index = if crash == Fault::CrashReordered { self.below(flights.len() as u64) as usize } else { 0 };
            let flight = flights.remove(index);
            if crash == Fault::CrashTorn {
                self.tear(flight);
            }
            self.decide(flight).await;
        }
        if matches!(crash, Fault::CrashPowerCut | Fault::CrashReordered) {
            let mut lost = self.below(self.landed.borrow().len() as u64 + 1);
            while lost > 0 {
                lost -= 1;
                self.undo_last().await;
            }
        }
        self.tell(FaultEvent::Crashed(crash));
    }

    async fn undo_last(&self) {
        let last = self.landed.borrow_mut().pop();
        if let Some(Landed { undo, .. }) = last {
            self.measure(&undo);
            // The disk below is memory or is about to be thrown away: there is nobody to tell of a failure.
            let _ = self.inner.commit(undo, Durability::Strict).await;
        }
    }

    /// Damages some of the blobs that a commit in flight writes to the log and to tables.
    fn tear(&self, flight: u64) {
        let mut in_flight = self.in_flight.borrow_mut();
        let Some(InFlight { batch, .. }) = in_flight.get_mut(&flight) else { return };
        for blobs in [&mut batch.puts, &mut batch.inserts] {
            for (_, bytes) in blobs.iter_mut().filter(|(name, _)| matches!(name.area, Area::Log | Area::Table)) {
                let from = self.below(bytes.len() as u64 + 1) as usize;
                match self.below(3) {
                    1 => bytes.truncate(from),
                    2 => self.rng.borrow().fill(bytes.get_mut(from..).unwrap_or_default()),
                    _ => {}
                }
            }
        }
    }

    /// A commit in flight happens or not.
    async fn decide(&self, flight: u64) {
        let flight = self.in_flight.borrow_mut().remove(&flight);
        if let Some(InFlight { batch, durability, .. }) = flight.filter(|_| self.coin()) {
            // Nobody waits for the result: a commit that fails has simply not happened.
            let _ = self.apply(batch, durability).await;
        }
    }

    async fn apply(&self, batch: Batch, durability: Durability) -> Result<(RangeReads, u64), DiskError> {
        self.check_quota(&batch)?;
        let undo = if self.plan.borrow().rewinds() { Some(self.undo(&batch)) } else { None };
        let undo = match undo {
            Some((deletes, names)) => {
                let old = self.inner.read(&names).await?;
                let puts = names.into_iter().zip(old).filter_map(|(name, blob)| Some((name, blob?))).collect();
                Some(Batch { deletes, puts, ..Batch::default() })
            }
            None => None,
        };
        let sizes = Batch {
            deletes: batch.deletes.clone(),
            puts: batch.puts.iter().chain(&batch.inserts).map(|(name, blob)| (*name, vec![0; blob.len()])).collect(),
            ..Batch::default()
        };
        let answers = self.inner.commit(batch, durability).await?;
        self.measure(&sizes);
        let receipt = self.number();
        self.landed.borrow_mut().extend(undo.map(|undo| Landed { receipt, undo }));
        Ok((answers, receipt))
    }

    /// A promise was given: from a strict commit, nothing before it can be lost any more.
    pub(super) fn acknowledge(&self, receipt: u64, durability: Durability) {
        if durability == Durability::Strict {
            self.landed.borrow_mut().retain(|landed| landed.receipt > receipt);
        }
    }

    /// What restores the blobs that `batch` touches: ranges to delete and names to put back.
    fn undo(&self, batch: &Batch) -> (Vec<BlobRange>, Vec<BlobName>) {
        let written = batch.puts.iter().chain(&batch.inserts);
        let written = written.map(|(name, _)| BlobRange::one(name.area, name.id));
        let mut ranges: Vec<BlobRange> = batch.deletes.iter().copied().chain(written).collect();
        ranges.dedup();
        let names = self.names_in(&ranges);
        (ranges, names)
    }

    fn check_quota(&self, batch: &Batch) -> Result<(), DiskError> {
        let Some(quota) = self.plan.borrow().quota else { return Ok(()) };
        let before = self.bytes();
        let lengths = self.lengths.borrow();
        let gone = |name: &BlobName| {
            batch.deletes.iter().any(|range| range.contains(name)) || batch.puts.iter().any(|(put, _)| put == name)
        };
        let freed: u64 = lengths.iter().filter(|(name, _)| gone(name)).map(|(_, length)| length).sum();
        let added: u64 = batch.puts.iter().chain(&batch.inserts).map(|(_, blob)| blob.len() as u64).sum();
        let after = before - freed + added;
        if after > quota && after > before {
            return Err(DiskError::Quota(format!("{after} of {quota} bytes")));
        }
        Ok(())
    }

    /// The blobs that exist in any of `ranges`.
    fn names_in(&self, ranges: &[BlobRange]) -> Vec<BlobName> {
        let lengths = self.lengths.borrow();
        let names = ranges.iter().flat_map(|range| lengths.range(range.names()));
        names.map(|(name, _)| *name).collect::<BTreeSet<_>>().into_iter().collect()
    }

    fn measure(&self, batch: &Batch) {
        let gone = self.names_in(&batch.deletes);
        let mut lengths = self.lengths.borrow_mut();
        for name in gone {
            lengths.remove(&name);
        }
        lengths.extend(batch.puts.iter().map(|(name, blob)| (*name, blob.len() as u64)));
    }
}

fn lost() -> DiskError {
    DiskError::Lost("simulated: the storage was cleared".into())
}

/// A commit on its way. Dropping it abandons the commit: it may still happen.
pub(super) struct Flight {
    storage: Rc<FaultyStorage>,
    number: u64,
}

impl Flight {
    /// It never happens. Answers `error`.
    pub(super) fn cancel(self, error: DiskError) -> Result<RangeReads, DiskError> {
        self.storage.in_flight.borrow_mut().remove(&self.number);
        Err(error)
    }

    /// It happens now.
    pub(super) async fn land(self) -> Result<(RangeReads, u64), DiskError> {
        let flight = self.storage.in_flight.borrow_mut().remove(&self.number);
        match flight {
            Some(InFlight { batch, durability, .. }) => self.storage.apply(batch, durability).await,
            None => Err(lost()),
        }
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        if let Some(flight) = self.storage.in_flight.borrow_mut().get_mut(&self.number) {
            flight.abandoned = true;
        }
    }
}
