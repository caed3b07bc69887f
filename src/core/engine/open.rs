//! Opening a database: read the floor, the manifest snapshot and the tail of the log; nothing that grows with the data.
//!
//! It never hands out an empty database in place of a lost one: a witness remembers outside the disk.

use std::rc::Rc;

use crate::base::bytes::Reader;
use crate::base::checksum::{seal, unseal};
use crate::base::planted::{planted, Bug};
use crate::base::{Error, ErrorKind, Result};
use crate::disk::{Area, Batch, BlobName, BlobRange, Disk, DiskError, Durability, Witness};

use super::engine::{Engine, Inner};
use super::floor::Floor;
use super::manifest::Manifest;
use super::options::EngineOptions;
use super::platform::Platform;
use super::signal::both;
use super::state::State;

/// How often to look again when others truncate the log, or storage interrupts, between two reads.
const LOOKS_MAX: usize = 16;
const WITNESS_VERSION: u8 = 1;

/// What the witness remembers about a database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Testimony {
    store: u64,
    /// A position that survives a power cut: anything less may be gone without a loss.
    position: u64,
}

impl Engine {
    /// Opens the database on `disk`, or creates it where there is none.
    ///
    /// # Errors
    /// `StorageLost` if the witness remembers a database that the disk no longer has, or remembers more of it;
    /// `Corrupt`, `Unavailable`, `Quota` as the disk and its contents say.
    pub async fn open(
        disk: Rc<dyn Disk>,
        platform: Rc<dyn Platform>,
        witness: Option<Rc<dyn Witness>>,
        options: EngineOptions,
    ) -> Result<Self> {
        let writer = platform.next_u64();
        let asked = if options.accept_loss { None } else { witness.as_deref() };
        let (testimony, base) = both(Box::pin(read_testimony(asked)), Box::pin(read_base(&*disk, writer))).await;
        // Nothing there, but a memory of it: another instance may have created it between the two answers.
        let base = match base? {
            None if testimony.is_some() => read_base(&*disk, writer).await?,
            base => base,
        };
        let state = match base {
            Some(state) => state,
            None => create(&*disk, &*platform, writer, testimony).await?,
        };
        let inner = Rc::new(Inner::new(disk, platform, witness, options, state));
        let engine = Self(inner);
        engine.0.hold_locks().await;
        engine.0.catch_up().await?;
        engine.0.forget_retired();
        engine.0.check_testimony(testimony)?;
        // On most openings nothing has changed since.
        if engine.0.testimony() != testimony {
            engine.0.testify().await;
        }
        engine.0.start_maintenance();
        Ok(engine)
    }
}

/// The state at the floor of the log, before its records; `None` if the disk holds no database.
pub(crate) async fn read_base(disk: &dyn Disk, writer: u64) -> Result<Option<State>> {
    let mut last = Error::new(ErrorKind::Unavailable, "the log kept changing while the database was opened");
    for _ in 0..LOOKS_MAX {
        match look(disk, writer).await {
            Ok(Some(found)) => return found,
            Ok(None) => {}
            Err(error @ DiskError::Interrupted(_)) => last = error.into(),
            Err(error) => return Err(error.into()),
        }
    }
    Err(last)
}

/// One look; `Ok(None)` if floor and manifest do not belong together because a truncation came between.
async fn look(disk: &dyn Disk, writer: u64) -> std::result::Result<Option<Result<Option<State>>>, DiskError> {
    let floors = disk.scan(BlobRange::all(Area::Floor), 64).await?;
    let Some((floor_name, floor_blob)) = floors.last() else {
        return empty(disk).await;
    };
    let found = disk.read(&[BlobName::manifest(floor_name.id)]).await?;
    let Some(Some(manifest_blob)) = found.into_iter().next() else {
        return Ok(None);
    };
    let state = Floor::decode(floor_blob).and_then(|floor| {
        let manifest = Manifest::decode(&manifest_blob, floor.store)?;
        Ok(Some(State::at_floor(floor.store, writer, floor.position, manifest)))
    });
    // A truncation and the left-overs of somebody who lost the race to create the database make a manifest of the same
    // name that belongs to another floor.
    if state.is_err() && disk.scan(BlobRange::all(Area::Floor), 64).await?.last() != floors.last() {
        return Ok(None);
    }
    Ok(Some(state))
}

/// No floor: nothing may be there at all, or the storage lost part of the database; `Ok(None)` if somebody creates it
/// just now.
async fn empty(disk: &dyn Disk) -> std::result::Result<Option<Result<Option<State>>>, DiskError> {
    for area in [Area::Manifest, Area::Log, Area::Table] {
        if disk.scan(BlobRange::all(area), 1).await?.is_empty() {
            continue;
        }
        if !disk.scan(BlobRange::all(Area::Floor), 1).await?.is_empty() {
            return Ok(None);
        }
        let message = "stored data was lost: the log's floor is missing while other parts are there";
        return Ok(Some(Err(Error::new(ErrorKind::StorageLost, message))));
    }
    Ok(Some(Ok(None)))
}

async fn create(disk: &dyn Disk, platform: &dyn Platform, writer: u64, testimony: Option<Testimony>) -> Result<State> {
    if let Some(testimony) = testimony.filter(|_| !planted(Bug::TrustEmptyDisk)) {
        return Err(Error::new(
            ErrorKind::StorageLost,
            format!(
                "stored data was lost: a database with {} commits is remembered, but storage is empty; \
                 delete the database to start over",
                testimony.position
            ),
        ));
    }
    let store = platform.next_u64();
    let manifest = Manifest { next_table: 1, ..Manifest::default() };
    let floor = Floor { store, position: 0 };
    let batch = Batch {
        inserts: vec![(BlobName::floor(0), floor.encode()), (BlobName::manifest(0), manifest.encode(store))],
        reads: vec![BlobRange::all(Area::Floor)],
        ..Batch::default()
    };
    // Strict: from now on the witness remembers it.
    let error = match disk.commit(batch, Durability::Strict).await {
        // Somebody who created it earlier may have truncated the log since: then these two blobs are left-overs.
        Ok(reads) if reads.first().is_some_and(|floors| floors.len() > 1) => None,
        Ok(_) => return Ok(State { durable: Some(0), ..State::at_floor(store, writer, 0, manifest) }),
        // Somebody else created it just now, or this commit was interrupted: look.
        Err(error @ (DiskError::Exists(_) | DiskError::Interrupted(_))) => Some(error),
        Err(error) => return Err(error.into()),
    };
    disk.settle().await?;
    let vanished = || error.map_or_else(|| Error::internal("the log's floor vanished"), Error::from);
    read_base(disk, writer).await?.ok_or_else(vanished)
}

async fn read_testimony(witness: Option<&dyn Witness>) -> Option<Testimony> {
    // A witness that cannot be heard is no evidence of a loss.
    let bytes = witness?.read().await.ok()??;
    decode_testimony(&bytes).ok()
}

fn decode_testimony(bytes: &[u8]) -> Result<Testimony> {
    let mut reader = Reader::new(unseal(bytes, "witness")?);
    if reader.u8()? != WITNESS_VERSION {
        return Err(Error::corrupt("the witness has another version"));
    }
    let testimony = Testimony { store: reader.u64()?, position: reader.u64()? };
    reader.finish("witness")?;
    Ok(testimony)
}

impl Inner {
    fn check_testimony(&self, testimony: Option<Testimony>) -> Result<()> {
        let Some(testimony) = testimony else { return Ok(()) };
        let (store, head) = {
            let mut state = self.state.borrow_mut();
            if testimony.store == state.store {
                state.durable = state.durable.max(Some(testimony.position));
            }
            (state.store, state.head)
        };
        if testimony.store != store {
            return Err(self.storage_lost("another database stands in its place; delete it to start over"));
        }
        if testimony.position > head {
            return Err(self.storage_lost(&format!(
                "{} commits are remembered, storage has {head}; delete the database to start over",
                testimony.position
            )));
        }
        Ok(())
    }

    /// What the witness is to remember.
    fn testimony(&self) -> Option<Testimony> {
        let state = self.state.borrow();
        state.durable.map(|position| Testimony { store: state.store, position })
    }

    /// Writes the witness: best effort, off the commit path.
    pub(crate) async fn testify(&self) {
        let (Some(witness), Some(testimony)) = (&self.witness, self.testimony()) else { return };
        let mut bytes = vec![WITNESS_VERSION];
        bytes.extend_from_slice(&testimony.store.to_le_bytes());
        bytes.extend_from_slice(&testimony.position.to_le_bytes());
        seal(&mut bytes);
        // A failed write leaves an older testimony, which claims less.
        let _ = witness.write(&bytes).await;
    }
}
