//! A disk that goes wrong as planned: the same seed, the same faults at the same operations.
//!
//! It decorates any other disk. It is not a model of a slow device: it waits only as its [`Latency`] says. Byte quotas
//! and lost commits are exact as long as all writes go through one [`FaultyStorage`].

use std::cell::Cell;
use std::future::{pending, ready};
use std::rc::Rc;

use super::faulty_storage::{FaultyStorage, Flight};
use super::{Batch, BlobName, BlobRange, Disk, DiskError, Durability, Fault, LocalFuture, NamedBlobs, RangeReads};

type Answers = Vec<Option<Vec<u8>>>;

/// How long the operations of a faulty disk take.
pub trait Latency {
    /// Half of an operation: waited for once before its effect and once between its effect and its answer.
    fn operation(&self) -> LocalFuture<'static, ()>;
    /// The deadline, after which a hanging operation answers.
    fn deadline(&self) -> LocalFuture<'static, ()>;
}

/// Nothing takes any time.
#[derive(Debug)]
pub struct NoLatency;

impl Latency for NoLatency {
    fn operation(&self) -> LocalFuture<'static, ()> {
        Box::pin(ready(()))
    }
    fn deadline(&self) -> LocalFuture<'static, ()> {
        Box::pin(ready(()))
    }
}

/// One instance's handle to faulty storage; [`FaultyStorage::open`] makes it.
pub struct FaultyDisk {
    storage: Rc<FaultyStorage>,
    /// Of all handles ever opened on the storage.
    number: u64,
    /// The storage's restarts when this handle was opened: a handle from before a crash never answers.
    era: u64,
    closed: Cell<bool>,
    /// How many more operations the lost connection interrupts.
    interrupted: Cell<u64>,
}

impl FaultyDisk {
    pub(super) fn new(storage: Rc<FaultyStorage>, number: u64, era: u64) -> Self {
        Self { storage, number, era, closed: Cell::new(false), interrupted: Cell::new(0) }
    }

    /// Waits for ever if this handle's process is dead.
    async fn alive(&self) {
        if self.storage.era() != self.era || self.storage.crashed() {
            pending().await
        }
    }

    /// What every operation does first. The fault it met, if any, is for the caller to act out.
    async fn begin(&self) -> Result<Option<Fault>, DiskError> {
        if self.closed.get() {
            return Err(DiskError::Closed);
        }
        self.alive().await;
        self.storage.check_cleared(self.number)?;
        let fault = self.storage.count_operation();
        if self.interrupted.get() > 0 {
            self.interrupted.set(self.interrupted.get() - 1);
            return Err(interrupted("the connection is lost"));
        }
        Ok(fault)
    }

    /// The way of a read or scan up to the moment that `look` sees the blobs.
    async fn look<T>(
        &self,
        look: impl AsyncFnOnce(&dyn Disk) -> Result<T, DiskError>,
        flip: impl FnOnce(&FaultyStorage, &mut T),
    ) -> Result<T, DiskError> {
        let fault = self.begin().await?;
        let storage = &self.storage;
        storage.latency().operation().await;
        self.alive().await;
        storage.stir().await;
        match fault {
            Some(Fault::Unavailable) => return Err(DiskError::Unavailable("simulated I/O error".into())),
            Some(Fault::Interrupted) => return Err(interrupted("simulated interruption")),
            Some(Fault::ConnectionLost) => return Err(self.lose_connection()),
            Some(Fault::Hang) => return Err(self.hang().await),
            Some(Fault::Cleared) => return Err(storage.clear().await),
            Some(crash) if crash.is_crash() => storage.crash(crash).await,
            _ => {}
        }
        self.alive().await;
        let mut seen = look(storage.inner()).await?;
        storage.latency().operation().await;
        self.alive().await;
        if fault == Some(Fault::BitFlip) {
            flip(storage, &mut seen);
        }
        Ok(seen)
    }

    async fn commit_batch(&self, batch: Batch, durability: Durability) -> Result<RangeReads, DiskError> {
        let fault = self.begin().await?;
        let storage = &self.storage;
        let flight = storage.launch(self.number, batch, durability);
        storage.latency().operation().await;
        self.alive().await;
        storage.stir().await;
        match fault {
            Some(Fault::Unavailable) => return flight.cancel(DiskError::Unavailable("simulated I/O error".into())),
            Some(Fault::Quota) => return flight.cancel(DiskError::Quota("simulated".into())),
            Some(Fault::Interrupted) => return self.interrupt(flight).await,
            Some(Fault::ConnectionLost) => {
                self.lose_connection();
                return self.interrupt(flight).await;
            }
            Some(Fault::Hang) => {
                drop(flight);
                return Err(self.hang().await);
            }
            Some(Fault::Cleared) => return flight.cancel(storage.clear().await),
            Some(crash) if crash.is_crash() => storage.crash(crash).await,
            _ => {}
        }
        self.alive().await;
        let (mut answers, receipt) = flight.land().await?;
        storage.latency().operation().await;
        self.alive().await;
        storage.acknowledge(receipt, durability);
        if fault == Some(Fault::BitFlip) {
            storage.flip(answers.iter_mut().flatten());
        }
        Ok(answers)
    }

    /// The outcome is decided now, but the caller does not learn it.
    async fn interrupt(&self, flight: Flight) -> Result<RangeReads, DiskError> {
        let error = interrupted("simulated interruption");
        if self.storage.coin() {
            return flight.cancel(error);
        }
        flight.land().await.and(Err(error))
    }

    async fn hang(&self) -> DiskError {
        self.storage.latency().deadline().await;
        self.alive().await;
        interrupted("simulated hang: the deadline passed")
    }

    fn lose_connection(&self) -> DiskError {
        self.interrupted.set(self.storage.below(4));
        interrupted("the connection is lost")
    }
}

fn interrupted(detail: &str) -> DiskError {
    DiskError::Interrupted(detail.to_owned())
}

impl Disk for FaultyDisk {
    fn read<'a>(&'a self, names: &'a [BlobName]) -> LocalFuture<'a, Result<Answers, DiskError>> {
        let flip = |storage: &FaultyStorage, seen: &mut Answers| storage.flip(seen.iter_mut().flatten());
        Box::pin(self.look(async move |disk| disk.read(names).await, flip))
    }

    fn scan(&self, range: BlobRange, limit: usize) -> LocalFuture<'_, Result<NamedBlobs, DiskError>> {
        let flip =
            |storage: &FaultyStorage, seen: &mut NamedBlobs| storage.flip(seen.iter_mut().map(|(_, bytes)| bytes));
        Box::pin(self.look(async move |disk| disk.scan(range, limit).await, flip))
    }

    fn commit(&self, batch: Batch, durability: Durability) -> LocalFuture<'_, Result<RangeReads, DiskError>> {
        Box::pin(self.commit_batch(batch, durability))
    }

    fn settle(&self) -> LocalFuture<'_, Result<(), DiskError>> {
        Box::pin(async {
            if self.closed.get() {
                return Err(DiskError::Closed);
            }
            self.alive().await;
            self.storage.settle(self.number).await;
            self.alive().await;
            Ok(())
        })
    }

    fn close(&self) {
        self.closed.set(true);
    }
}
