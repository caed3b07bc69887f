//! One connection to an IndexedDB database, from its opening to its death.
//!
//! Not the disk: a connection never reopens itself, `disk.rs` does.

use std::cell::Cell;
use std::rc::Rc;

use idb::{DatabaseEvent, Event, Factory, ObjectStoreParams, Request};
use tidewell_core::disk::DiskError;
use wasm_bindgen::{JsCast, JsValue};

use crate::host;
use crate::signal::Signal;

use super::event::{DiskEvent, Listener};
use super::failure::{classify, unusable, Failure};
use super::raw;
use super::schema::{to_stored, IDENTITY, LOG, TABLES, VERSION};
use super::turns::{Turn, Turns};

/// What tells two databases of one name apart: random bytes from its creation.
pub(super) type Identity = Vec<u8>;

/// An open connection. Dropping it closes it; transactions that it began still end.
pub(super) struct Connection {
    pub(super) database: raw::Database,
    alive: Rc<Cell<bool>>,
    turns: Option<Rc<Turns>>,
    /// Owns the handlers of `close` and `versionchange`.
    _handle: idb::Database,
}

/// A connection, and the identity of the database if this opening created it.
pub(super) struct Opened {
    pub(super) connection: Connection,
    pub(super) created: Option<Identity>,
}

impl Connection {
    /// Opens the database `name`. With `existing` a missing database is [`DiskError::Lost`] and is not created.
    /// It has no deadline: the browser may wait for other tabs.
    pub(super) async fn open(name: &str, existing: bool, listener: &Listener) -> Result<Opened, Failure> {
        let unusable = |error| Failure::Final(unusable(error));
        let mut request = Factory::new().map_err(unusable)?.open(name, Some(VERSION)).map_err(unusable)?;
        let done = Signal::new();
        let created = Rc::new(Cell::new(None));
        let missing = Rc::new(Cell::new(false));

        request.on_success({
            let done = done.clone();
            move |_| done.set(())
        });
        request.on_error({
            let done = done.clone();
            move |_| done.set(())
        });
        request.on_blocked({
            let listener = listener.clone();
            move |_| listener.tell(DiskEvent::Blocked)
        });
        request.on_upgrade_needed({
            let (created, missing) = (Rc::clone(&created), Rc::clone(&missing));
            move |event| {
                if existing {
                    missing.set(true);
                    abandon(&event);
                } else if let Ok(identity) = create(&event) {
                    created.set(Some(identity));
                } else {
                    abandon(&event);
                }
            }
        });
        done.await;

        if let Ok(Some(error)) = request.error() {
            let error: JsValue = error.into();
            // Not by the error's name: a browser that closes all connections aborts requests to open as well.
            return Err(match missing.get() {
                true => Failure::Final(DiskError::Lost("the database is not there any more".into())),
                false => classify(&error),
            });
        }
        let result = request.result().map_err(unusable)?;
        let handle = request.database().map_err(unusable)?;
        Ok(Opened { connection: Self::watch(result.unchecked_into(), handle, listener), created: created.take() })
    }

    fn watch(database: raw::Database, mut handle: idb::Database, listener: &Listener) -> Self {
        let alive = Rc::new(Cell::new(true));
        handle.on_close({
            let (alive, listener) = (Rc::clone(&alive), listener.clone());
            move |_| {
                alive.set(false);
                listener.tell(DiskEvent::ConnectionLost);
            }
        });
        handle.on_version_change({
            let (alive, listener, database) = (Rc::clone(&alive), listener.clone(), database.clone());
            move |_| {
                // Somebody deletes the database: let go at once, or they would be blocked.
                alive.set(false);
                database.close();
                listener.tell(DiskEvent::VersionChange);
            }
        });
        Self { database, alive, turns: Turns::where_needed(), _handle: handle }
    }

    /// Whether nothing has been heard of its death.
    pub(super) fn is_alive(&self) -> bool {
        self.alive.get()
    }

    /// Nobody begins another transaction, nor does who waits for a turn.
    pub(super) fn give_up(&self) {
        self.alive.set(false);
    }

    /// Whether transactions take turns, and must commit by themselves.
    pub(super) fn takes_turns(&self) -> bool {
        self.turns.is_some()
    }

    /// Waits until a transaction may be begun; the next one may when the turn is dropped.
    pub(super) async fn turn(&self) -> Option<Turn> {
        match &self.turns {
            Some(turns) => Some(turns.take().await),
            None => None,
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.database.set_onclose(None);
        self.database.set_onversionchange(None);
        self.database.close();
    }
}

/// Creates the object stores, inside the upgrade.
fn create(event: &idb::event::VersionChangeEvent) -> Result<Identity, idb::Error> {
    let database = event.database()?;
    let log = database.create_object_store(LOG, ObjectStoreParams::new())?;
    database.create_object_store(TABLES, ObjectStoreParams::new())?;
    let mut identity = vec![0; 16];
    host::random(&mut identity);
    log.add(&to_stored(&identity), Some(&JsValue::from_str(IDENTITY)))?;
    Ok(identity)
}

/// Gives the upgrade up: the request ends with `AbortError` and no database is created.
fn abandon(event: &idb::event::VersionChangeEvent) {
    if let Some(transaction) = event.target().ok().and_then(|request| request.transaction()) {
        let _ = transaction.abort();
    }
}
