//! Opening a database: read the floor, the manifest snapshot and the tail of the log in one look; nothing that grows with the
//! data.
//!
//! It never hands out an empty database in place of a lost one: a witness remembers outside the disk.

use std::future::ready;
use std::rc::Rc;

use crate::base::bytes::Reader;
use crate::base::checksum::{seal, unseal};
use crate::base::planted::{planted, Bug};
use crate::base::{Error, ErrorKind, Result};
use crate::disk::{Area, Batch, BlobName, BlobRange, Disk, DiskError, Durability, LocalFuture, Witness};

use super::engine::{Engine, Inner};
use super::floor::Floor;
use super::maintenance::take_locks;
use super::manifest::Manifest;
use super::options::EngineOptions;
use super::platform::Platform;
use super::record::Record;
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
        Self::open_when(Box::pin(ready(Ok(disk))), platform, witness, options).await
    }

    /// The same with a disk that is still being opened: meanwhile the witness is asked and the locks are taken.
    ///
    /// # Errors
    /// As `open`, and what opening the disk says.
    pub async fn open_when(
        disk: LocalFuture<'_, std::result::Result<Rc<dyn Disk>, DiskError>>,
        platform: Rc<dyn Platform>,
        witness: Option<Rc<dyn Witness>>,
        options: EngineOptions,
    ) -> Result<Self> {
        let writer = platform.next_u64();
        let locks = Box::pin(take_locks(&*platform, &options.name, writer));
        let asked = if options.accept_loss { None } else { witness.as_deref() };
        let (disk, (locks, testimony)) = both(disk, Box::pin(both(locks, Box::pin(read_testimony(asked))))).await;
        let disk = disk?;
        let (state, testimony) = match read_state(&*disk, writer).await? {
            Some(state) => (state, testimony),
            None => found_nothing(&*disk, &*platform, writer, asked).await?,
        };
        let engine = Self(Rc::new(Inner::new(disk, platform, witness, options, state)));
        engine.0.maintenance.hold(locks);
        engine.0.forget_retired();
        engine.0.check_testimony(testimony)?;
        // On most openings nothing has changed since.
        if engine.0.testimony() != testimony {
            engine.0.testify().await;
        }
        let inner = Rc::clone(&engine.0);
        engine.0.platform.spawn(Box::pin(async move { inner.hold_version().await }));
        engine.0.start_maintenance();
        Ok(engine)
    }
}

/// The newest state: the manifest at the floor of the log, and the records above it, seen in one look; `None` if the disk
/// holds no database.
pub(crate) async fn read_state(disk: &dyn Disk, writer: u64) -> Result<Option<State>> {
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

/// One look; `Ok(None)` if it has to be repeated.
async fn look(disk: &dyn Disk, writer: u64) -> std::result::Result<Option<Result<Option<State>>>, DiskError> {
    let reads = [Area::Floor, Area::Manifest, Area::Log].map(BlobRange::all).to_vec();
    let found = disk.commit(Batch { reads, ..Batch::default() }, Durability::Relaxed).await?;
    let [floors, manifests, records] = found.as_slice() else { return Ok(None) };
    match (floors.last(), manifests.last()) {
        (Some(floor), Some(manifest)) => Ok(Some(state_of(floor, manifest, records, writer).map(Some))),
        (Some(_), None) => Ok(Some(Err(lost_in_part("the manifest")))),
        (None, _) if manifests.is_empty() && records.is_empty() => empty(disk).await,
        (None, _) => Ok(Some(Err(lost_in_part("the log's floor")))),
    }
}

fn state_of(floor: &[u8], manifest: &[u8], records: &[Vec<u8>], writer: u64) -> Result<State> {
    let floor = Floor::decode(floor)?;
    let mut state = State::at_floor(floor.store, writer, floor.position, Manifest::decode(manifest, floor.store)?);
    for record in records {
        state.follow(&Record::decode(record)?)?;
    }
    Ok(state)
}

/// No floor, manifest or record: nothing may be there at all, or the storage lost them; `Ok(None)` if somebody creates the
/// database just now.
async fn empty(disk: &dyn Disk) -> std::result::Result<Option<Result<Option<State>>>, DiskError> {
    if disk.scan(BlobRange::all(Area::Table), 1).await?.is_empty() {
        return Ok(Some(Ok(None)));
    }
    if !disk.scan(BlobRange::all(Area::Floor), 1).await?.is_empty() {
        return Ok(None);
    }
    Ok(Some(Err(lost_in_part("the log's floor"))))
}

fn lost_in_part(what: &str) -> Error {
    let message = format!("stored data was lost: {what} is missing while other parts are there");
    Error::new(ErrorKind::StorageLost, message)
}

/// Nothing was there after the witness had been asked: another instance may have deleted or created the database between the
/// two answers. So both are asked again; then the database is created.
async fn found_nothing(
    disk: &dyn Disk,
    platform: &dyn Platform,
    writer: u64,
    witness: Option<&dyn Witness>,
) -> Result<(State, Option<Testimony>)> {
    let testimony = read_testimony(witness).await;
    if testimony.is_some() {
        if let Some(state) = read_state(disk, writer).await? {
            return Ok((state, testimony));
        }
    }
    Ok((create(disk, platform, writer, testimony).await?, testimony))
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
    read_state(disk, writer).await?.ok_or_else(vanished)
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
