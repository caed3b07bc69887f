//! The truth: every log record as the disk took it, in order, and the state of all keys after each.
//!
//! It sits below the faults: what it has not seen has not happened.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use tidewell_core::disk::{
    Area, Batch, BlobName, BlobRange, Disk, DiskError, Durability, LocalFuture, MemoryDisk, NamedBlobs, RangeReads,
};
use tidewell_core::engine::record::Item;
use tidewell_core::engine::Record;

use crate::program::{marked, Model};

/// One change of one key.
pub(crate) type Change = (Vec<u8>, Option<Vec<u8>>);

/// The position of a change, and the value since.
type Version = (u64, Option<Vec<u8>>);

/// What the log says, without edits of the manifest.
#[derive(Default)]
pub(crate) struct History {
    /// Position → changes in order; `None` for a record that was torn.
    records: BTreeMap<u64, Option<Vec<Change>>>,
    /// Key → its versions, oldest first.
    versions: BTreeMap<Vec<u8>, Vec<Version>>,
}

impl History {
    fn insert(&mut self, position: u64, blob: &[u8]) {
        // An insert below the floor is an orphan that nobody reads: the first record of a position is the one.
        if self.records.contains_key(&position) {
            return;
        }
        let record = Record::decode(blob).ok();
        let changes = record.map(|record| -> Vec<Change> {
            let change = |item: Item<'_>| match item {
                Item::Put(key, value) => Some((key.to_vec(), Some(value.to_vec()))),
                Item::Delete(key) => Some((key.to_vec(), None)),
                Item::Edit(_) => None,
            };
            record.items().filter_map(change).collect()
        });
        for (key, value) in changes.iter().flatten() {
            self.versions.entry(key.clone()).or_default().push((position, value.clone()));
        }
        self.records.insert(position, changes);
    }

    /// Forgets everything after `head`: a power cut took it back.
    pub(crate) fn cut(&mut self, head: u64) {
        self.records.retain(|position, _| *position <= head);
        self.versions.values_mut().for_each(|versions| versions.retain(|(position, _)| *position <= head));
    }

    /// The newest position.
    pub(crate) fn head(&self) -> u64 {
        self.records.keys().next_back().copied().unwrap_or(0)
    }

    /// Positions in order, with their changes.
    pub(crate) fn records(&self) -> impl Iterator<Item = (u64, &[Change])> {
        self.records.iter().map(|(position, changes)| (*position, changes.as_deref().unwrap_or_default()))
    }

    /// The state after `position`.
    pub(crate) fn at(&self, position: u64) -> Model {
        let value = |versions: &Vec<Version>| {
            let newest = versions.iter().rev().find(|(at, _)| *at <= position)?;
            newest.1.clone()
        };
        self.versions.iter().filter_map(|(key, versions)| Some((key.clone(), value(versions)?))).collect()
    }

    /// The positions at which `operation` took effect.
    pub(crate) fn occurrences(&self) -> BTreeMap<u64, Vec<u64>> {
        let mut occurrences: BTreeMap<u64, Vec<u64>> = BTreeMap::new();
        for (position, changes) in self.records() {
            for operation in changes.iter().filter_map(|(key, _)| marked(key)) {
                occurrences.entry(operation).or_default().push(position);
            }
        }
        occurrences
    }
}

/// A disk in memory that writes the history.
pub(crate) struct Recorder {
    disk: MemoryDisk,
    pub(crate) history: Rc<RefCell<History>>,
}

impl Recorder {
    pub(crate) fn new() -> Self {
        Self { disk: MemoryDisk::new(), history: Rc::default() }
    }

    /// After a crash: what the disk lost, history has not seen. Answers the head.
    pub(crate) async fn forget_lost(&self) -> u64 {
        let last = |found: NamedBlobs| found.last().map_or(0, |(name, _)| name.id);
        let records = last(self.disk.scan(BlobRange::all(Area::Log), usize::MAX).await.unwrap_or_default());
        let floor = last(self.disk.scan(BlobRange::all(Area::Floor), usize::MAX).await.unwrap_or_default());
        let head = records.max(floor);
        self.history.borrow_mut().cut(head);
        head
    }
}

impl Disk for Recorder {
    fn read<'a>(&'a self, names: &'a [BlobName]) -> LocalFuture<'a, Result<Vec<Option<Vec<u8>>>, DiskError>> {
        self.disk.read(names)
    }

    fn scan(&self, range: BlobRange, limit: usize) -> LocalFuture<'_, Result<NamedBlobs, DiskError>> {
        self.disk.scan(range, limit)
    }

    fn commit(&self, batch: Batch, durability: Durability) -> LocalFuture<'_, Result<RangeReads, DiskError>> {
        let records: NamedBlobs = batch.inserts.iter().filter(|(name, _)| name.area == Area::Log).cloned().collect();
        Box::pin(async move {
            let reads = self.disk.commit(batch, durability).await?;
            for (name, blob) in records {
                self.history.borrow_mut().insert(name.id, &blob);
            }
            Ok(reads)
        })
    }

    fn settle(&self) -> LocalFuture<'_, Result<(), DiskError>> {
        self.disk.settle()
    }

    fn close(&self) {}
}
