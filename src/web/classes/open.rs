//! `openDatabase` and `deleteDatabase`: what a database stands on, put together.

use std::cell::RefCell;
use std::future::ready;
use std::rc::{Rc, Weak};

use js_sys::{Function, Promise};
use tidewell_core::base::{Error, ErrorKind, Result};
use tidewell_core::collections::json::write_string;
use tidewell_core::database::{Database, DatabaseEvent};
use tidewell_core::disk::{Disk, DiskError, FaultPlan, LocalFuture, MemoryDisk, Witness};
use tidewell_core::engine::{EngineOptions, Platform};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::spawn_local;

use crate::convert::{to_promise, to_text};
use crate::host;
use crate::host_disk::{HostDisk, HostStore};
use crate::indexed_db::{self, DiskEvent, IndexedDbDisk, IndexedDbOptions};
use crate::platform::{Heard, HostPlatform, Wake};
use crate::rehearsal::{rehearse, Rehearsal};
use crate::witness::CacheWitness;

use super::DatabaseHandle;

/// Data in IndexedDB, shared by the tabs and workers of an origin.
const INDEXED_DB: &str = "indexeddb";
/// Data in memory, gone when the database is closed.
const MEMORY: &str = "memory";
/// Data on a disk that the host brings along, such as files.
const FILES: &str = "files";

/// Takes the JSON text of an event.
pub(super) type EventSink = Rc<dyn Fn(&[u8])>;

/// What an open database stands on.
pub(super) struct Surroundings {
    kind: &'static str,
    platform: Rc<HostPlatform>,
    wake: RefCell<Option<Wake>>,
    /// For events that come from outside; gone when it is closed.
    database: RefCell<Option<Database>>,
    /// There if it was opened with faults.
    rehearsal: RefCell<Option<Rehearsal>>,
    pub(super) on_event: EventSink,
}

impl Surroundings {
    fn new(kind: &'static str, platform: HostPlatform, on_event: EventSink) -> Rc<Self> {
        let (wake, database, rehearsal) = (RefCell::default(), RefCell::default(), RefCell::default());
        Rc::new(Self { kind, platform: Rc::new(platform), wake, database, rehearsal, on_event })
    }

    /// `indexeddb`, `files` or `memory`.
    pub(super) fn kind(&self) -> &'static str {
        self.kind
    }

    /// Lets go of messages and events.
    pub(super) fn close(&self) {
        self.platform.close();
        self.wake.take();
        self.database.take();
    }

    /// Changes the faults that storage meets.
    pub(super) fn rehearse(&self, plan: &str, latency_ms: f64) -> Result<()> {
        let plan = plan.parse::<FaultPlan>()?;
        match &*self.rehearsal.borrow() {
            Some(rehearsal) => rehearsal.change(plan, latency_ms),
            None => {
                return Err(Error::invalid("faults can only be changed where there are some: open with faults: {}"))
            }
        }
        Ok(())
    }

    /// Reads what other instances have committed; that is also how a lost storage is found out.
    fn look(&self) {
        if let Some(database) = &*self.database.borrow() {
            let engine = database.engine().clone();
            spawn_local(async move { drop(engine.catch_up().await) });
        }
    }

    /// Tells the application if a write met full storage.
    pub(super) fn notice_quota<T>(&self, outcome: &Result<T>) {
        if let Some(error) = outcome.as_ref().err().filter(|error| error.kind() == ErrorKind::Quota) {
            (self.on_event)(&error_notice("quota", error));
        }
    }

    fn on_disk_event(&self, event: DiskEvent) {
        match event {
            DiskEvent::Blocked => {
                let message = "another tab holds the storage and does not let go of it: close it";
                (self.on_event)(&notice("blocked", None, message));
            }
            DiskEvent::ConnectionLost | DiskEvent::VersionChange => self.look(),
            // The operation that found it out tells.
            DiskEvent::Reopened | DiskEvent::Lost => {}
        }
    }
}

/// Opens the database `name`. `options` has `storage` (`auto`, `indexeddb` or `memory`), or a `disk`, `memoryBudget` in
/// bytes, `deadlineMs`; `on_event` is called with the JSON of events. The promise is for a `WasmDatabase`.
#[wasm_bindgen(js_name = openDatabase)]
pub fn open_database(name: String, options: JsValue, on_event: Function) -> Promise {
    let on_event: EventSink = Rc::new(move |json: &[u8]| {
        if let Ok(json) = to_text(json) {
            let _ = on_event.call1(&JsValue::UNDEFINED, &json);
        }
    });
    to_promise(Box::pin(async move { Ok(open(&name, &options, on_event).await?.into()) }))
}

/// Deletes the database `name` and all it stored. Instances that have it open lose their storage.
#[wasm_bindgen(js_name = deleteDatabase)]
pub fn delete_database(name: String) -> Promise {
    to_promise(Box::pin(async move { delete(&name).await.map(|()| JsValue::UNDEFINED) }))
}

async fn open(name: &str, options: &JsValue, on_event: EventSink) -> Result<DatabaseHandle> {
    let (disk, witness, surroundings) = foundations(name, options, on_event);
    let disk = with_faults(disk, options, &surroundings)?;
    let mut settings = EngineOptions::new(name);
    if let Some(bytes) = host::property(options, "memoryBudget").as_f64() {
        settings.memory_budget = to_size(bytes);
    }
    let platform = Rc::clone(&surroundings.platform);
    let database = Database::open_when(disk, Rc::clone(&platform) as Rc<dyn Platform>, witness, settings).await?;
    surroundings.database.replace(Some(database.clone()));
    let weak = Rc::downgrade(&surroundings);
    let on_event = Rc::clone(&surroundings.on_event);
    database.on_event(Rc::new(move |event| on_event(&event_json(event))));
    platform.listen({
        let (database, weak) = (database.clone(), weak.clone());
        Rc::new(move |heard| match heard {
            Heard::Message(message) => database.receive(message),
            Heard::Peer => look(&weak),
        })
    });
    surroundings.wake.replace((surroundings.kind == INDEXED_DB).then(|| Wake::new(move || look(&weak))));
    Ok(DatabaseHandle::new(database, surroundings))
}

fn look(surroundings: &Weak<Surroundings>) {
    if let Some(surroundings) = surroundings.upgrade() {
        surroundings.look();
    }
}

/// The disk with the faults that `options` ask for: `faults`, a written plan, and `faultLatencyMs`.
fn with_faults(disk: OpeningDisk, options: &JsValue, surroundings: &Rc<Surroundings>) -> Result<OpeningDisk> {
    let Some(plan) = host::property(options, "faults").as_string() else { return Ok(disk) };
    let plan = plan.parse::<FaultPlan>()?;
    let on_event = Rc::clone(&surroundings.on_event);
    let on_fault = move |operation: u64, fault: &str| {
        on_event(format!(r#"{{"kind":"fault","operation":{operation},"fault":"{fault}"}}"#).as_bytes());
    };
    let latency = host::property(options, "faultLatencyMs").as_f64().unwrap_or_default();
    let times = (latency, IndexedDbOptions::default().deadline_ms);
    let surroundings = Rc::downgrade(surroundings);
    Ok(Box::pin(async move {
        let (disk, rehearsal) = rehearse(disk, plan, times, on_fault).await?;
        if let Some(surroundings) = surroundings.upgrade() {
            surroundings.rehearsal.replace(Some(rehearsal));
        }
        Ok(disk)
    }))
}

type OpeningDisk = LocalFuture<'static, std::result::Result<Rc<dyn Disk>, DiskError>>;
type Foundations = (OpeningDisk, Option<Rc<dyn Witness>>, Rc<Surroundings>);

/// The disk, the witness and the rest, for the storage asked for.
fn foundations(name: &str, options: &JsValue, on_event: EventSink) -> Foundations {
    let brought = host::property(options, "disk");
    if brought.is_object() {
        // Nobody else has it open: the host sees to that.
        let surroundings = Surroundings::new(FILES, HostPlatform::private(), on_event);
        let disk = HostDisk::new(brought.unchecked_into::<HostStore>());
        return (Box::pin(ready(Ok(Rc::new(disk) as Rc<dyn Disk>))), None, surroundings);
    }
    let storage = host::property(options, "storage").as_string().unwrap_or_default();
    if storage == MEMORY || (storage != INDEXED_DB && !is_indexed_db_there()) {
        let surroundings = Surroundings::new(MEMORY, HostPlatform::private(), on_event);
        return (Box::pin(ready(Ok(Rc::new(MemoryDisk::new()) as Rc<dyn Disk>))), None, surroundings);
    }
    let surroundings = Surroundings::new(INDEXED_DB, HostPlatform::shared(name), on_event);
    let mut disk_options = IndexedDbOptions::default();
    if let Some(ms) = host::property(options, "deadlineMs").as_f64() {
        disk_options.deadline_ms = ms;
    }
    let weak = Rc::downgrade(&surroundings);
    disk_options.listener = Some(Rc::new(move |event| {
        if let Some(surroundings) = weak.upgrade() {
            surroundings.on_disk_event(event);
        }
    }));
    let stored = stored_name(name);
    let disk = async move { Ok(Rc::new(IndexedDbDisk::open(&stored, disk_options).await?) as Rc<dyn Disk>) };
    (Box::pin(disk), Some(Rc::new(CacheWitness::new(name))), surroundings)
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "casts saturate, and the engine clamps")]
fn to_size(bytes: f64) -> usize {
    bytes as usize
}

fn event_json(event: &DatabaseEvent) -> Vec<u8> {
    match event {
        DatabaseEvent::Notice(json) => json.clone(),
        DatabaseEvent::Dead(error) if error.kind() == ErrorKind::StorageLost => error_notice("storage-lost", error),
        DatabaseEvent::Dead(error) => error_notice("dead", error),
        DatabaseEvent::WriteLost(error) => error_notice("error", error),
    }
}

/// An event about an error, as JSON.
pub(super) fn error_notice(kind: &str, error: &Error) -> Vec<u8> {
    notice(kind, Some(error.kind().code()), error.message())
}

fn notice(kind: &str, code: Option<&str>, message: &str) -> Vec<u8> {
    let mut json = Vec::new();
    for (name, value) in [("kind", Some(kind)), ("code", code), ("message", Some(message))] {
        let Some(value) = value else { continue };
        json.push(if json.is_empty() { b'{' } else { b',' });
        write_string(name, &mut json);
        json.push(b':');
        write_string(value, &mut json);
    }
    json.push(b'}');
    json
}

async fn delete(name: &str) -> Result<()> {
    if !is_indexed_db_there() {
        return Ok(());
    }
    let witness = CacheWitness::new(name);
    // Before, so that a deletion that is cut short is not taken for a loss; and after, for an instance that testified meanwhile.
    witness.forget().await;
    indexed_db::delete_database(&stored_name(name), IndexedDbOptions::default().deadline_ms).await?;
    witness.forget().await;
    Ok(())
}

/// The name in IndexedDB.
fn stored_name(name: &str) -> String {
    format!("tidewell/{name}")
}

fn is_indexed_db_there() -> bool {
    !host::global("indexedDB").is_undefined()
}
