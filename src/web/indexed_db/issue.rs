//! Issues the requests of one transaction, all in one task.
//!
//! Nothing here awaits: a transaction that is open while something is awaited could block every other tab.

use std::cell::Cell;

use js_sys::{Array, Object, Reflect};
use tidewell_core::disk::{Area, Batch, BlobName, BlobRange, Durability};
use wasm_bindgen::JsValue;

use super::connection::Connection;
use super::failure::{classify, Failure};
use super::flight::Flights;
use super::floors::Interest;
use super::issued::Issued;
use super::raw;
use super::schema::{
    bounds_of, generation_key, is_pieced, key_of, pieces, store_of, to_stored, IDENTITY, LOG, PIECES_MAX, TABLES,
};

/// The object stores of a transaction: 1 for the log, 2 for the tables, 3 for both.
type Scope = usize;

/// The scope of both stores.
const BOTH: Scope = 3;

fn scope_of(area: Area) -> Scope {
    1 << store_of(area)
}

/// Transactions are made of these words; they are converted to JavaScript once.
pub(super) struct Issuer {
    stores: [JsValue; 2],
    scopes: [JsValue; 3],
    readonly: JsValue,
    readwrite: JsValue,
    relaxed: JsValue,
    strict: JsValue,
    flights: Flights,
    explicit: Cell<Explicit>,
}

/// What `commit()` does in this browser when a request before the last one fails.
#[derive(Clone, Copy, PartialEq)]
enum Explicit {
    /// Nobody has tried.
    Unknown,
    /// The transaction aborts, as it must.
    Sound,
    /// The others are committed without it (Firefox 153): only the last request may change anything.
    Leaky,
}

impl Issuer {
    pub(super) fn new() -> Self {
        let words =
            |names: &[&str]| -> JsValue { names.iter().map(|name| JsValue::from_str(name)).collect::<Array>().into() };
        let options = |durability: &str| -> JsValue {
            let options = Object::new();
            // Setting a property of a fresh object cannot fail.
            let _ = Reflect::set(&options, &JsValue::from_str("durability"), &JsValue::from_str(durability));
            options.into()
        };
        Self {
            stores: [JsValue::from_str(LOG), JsValue::from_str(TABLES)],
            scopes: [words(&[LOG]), words(&[TABLES]), words(&[LOG, TABLES])],
            readonly: JsValue::from_str("readonly"),
            readwrite: JsValue::from_str("readwrite"),
            relaxed: options("relaxed"),
            strict: options("strict"),
            flights: Flights::new(),
            explicit: Cell::new(Explicit::Unknown),
        }
    }

    fn run(
        &self,
        connection: &Connection,
        scope: Scope,
        (mode, options): (&JsValue, &JsValue),
        requests: impl FnOnce(&mut Requests) -> Result<(), JsValue>,
    ) -> Result<Issued, Failure> {
        if !connection.is_alive() {
            return Err(Failure::Dead("the connection was closed".into()));
        }
        let scope = &self.scopes[scope.clamp(1, BOTH) - 1];
        let transaction = connection.database.transaction(scope, mode, options).map_err(|error| classify(&error))?;
        let mut open = Requests {
            transaction,
            names: &self.stores,
            stores: [None, None],
            writes: Vec::new(),
            reads: Vec::new(),
            changed: None,
            trusting: true,
        };
        if let Err(error) = requests(&mut open) {
            let _ = open.transaction.abort();
            return Err(classify(&error));
        }
        let Requests { transaction, writes, reads, changed, trusting, .. } = open;
        let changes = *mode == self.readwrite;
        let alone = connection.takes_turns();
        // When a commit completes, a key that was asked for has arrived; only values may be late.
        let last = changed.as_ref().filter(|_| !changes).or(reads.iter().flatten().next_back());
        let end = self.flights.follow(transaction.clone(), changes || alone, last);
        if trusting && !alone {
            // It throws only if the transaction has been aborted already; then its `abort` event tells.
            let _ = transaction.commit();
        }
        Ok(Issued { transaction, end, changes, writes, reads, changed })
    }

    /// Issues a commit at `generation` of the floors. `Err` means that nothing was issued.
    pub(super) fn commit(
        &self,
        connection: &Connection,
        batch: &Batch,
        durability: Durability,
        generation: u64,
    ) -> Result<Issued, Failure> {
        let interest = Interest::of(batch);
        let written = batch.puts.iter().chain(&batch.inserts).map(|(name, _)| name.area);
        let areas = batch.deletes.iter().map(|range| range.area).chain(written);
        let writes = areas.fold(0, |scope, area| scope | scope_of(area));
        let scope = batch.reads.iter().fold(writes, |scope, range| scope | scope_of(range.area));
        let mode = if writes == 0 { &self.readonly } else { &self.readwrite };
        let options = if durability == Durability::Strict { &self.strict } else { &self.relaxed };
        self.run(connection, scope, (mode, options), |open| {
            for range in &batch.deletes {
                if let Some(keys) = key_range(range)? {
                    let request = open.store(range.area)?.delete(&keys)?;
                    open.writes.push((None, request));
                }
            }
            for (name, bytes) in &batch.puts {
                if let (Area::Log, Some(keys)) = (name.area, key_range(&BlobRange::one(name.area, name.id))?) {
                    // It may have more pieces than what comes in its place.
                    let request = open.store(name.area)?.delete(&keys)?;
                    open.writes.push((None, request));
                }
                let last = open.put_pieces(name, bytes)?;
                let request = open.store(name.area)?.put(&to_stored(last), &key_of(name))?;
                open.writes.push((None, request));
            }
            // The last request is the only one whose failure aborts the transaction in every browser, so a lone insert
            // comes last, unless a read must see it. (One in pieces is several requests.)
            let lone_insert = is_lone_insert(batch);
            if lone_insert {
                open.read(batch, interest, generation)?;
            }
            for (name, bytes) in &batch.inserts {
                let last = open.put_pieces(name, bytes)?;
                let request = open.store(name.area)?.add(&to_stored(last), &key_of(name))?;
                open.writes.push((Some(*name), request));
            }
            if interest == Interest::Changes {
                let request = open.store(Area::Floor)?.add(&JsValue::from_f64(0.0), &generation_key(generation + 1))?;
                open.writes.push((None, request));
            }
            if !lone_insert {
                open.read(batch, interest, generation)?;
            }
            if !lone_insert || open.writes.len() > 1 {
                open.trusting = open.writes.is_empty() || self.explicit.get() == Explicit::Sound;
            }
            Ok(())
        })
    }

    /// Whether it must be found out first, with [`Issuer::probe`], if this browser can commit `batch` explicitly.
    pub(super) fn is_curious_about(&self, batch: &Batch) -> bool {
        let writes = !(batch.deletes.is_empty() && batch.puts.is_empty() && batch.inserts.is_empty());
        let one_request = is_lone_insert(batch) && batch.inserts.iter().all(|(name, bytes)| !is_pieced(name, bytes));
        writes && !one_request && self.explicit.get() == Explicit::Unknown
    }

    /// Issues a transaction that must abort: it inserts the identity, which is there, and then reads it.
    pub(super) fn probe(&self, connection: &Connection) -> Result<Issued, Failure> {
        self.run(connection, scope_of(Area::Log), (&self.readwrite, &self.relaxed), |open| {
            let identity = JsValue::from_str(IDENTITY);
            open.store(Area::Log)?.add(&identity, &identity)?;
            open.store(Area::Log)?.get(&identity)?;
            Ok(())
        })
    }

    /// Remembers how the probe ended.
    pub(super) fn learn(&self, committed: bool) {
        self.explicit.set(if committed { Explicit::Leaky } else { Explicit::Sound });
    }

    /// Issues a read of blobs.
    pub(super) fn read(&self, connection: &Connection, names: &[BlobName]) -> Result<Issued, Failure> {
        let scope = names.iter().fold(0, |scope, name| scope | scope_of(name.area));
        self.run(connection, scope, (&self.readonly, &self.relaxed), |open| {
            for name in names {
                let request = match key_range(&BlobRange::one(name.area, name.id))? {
                    // In pieces, perhaps.
                    Some(keys) if name.area == Area::Log => open.store(name.area)?.get_all(&keys, u32::MAX)?,
                    _ => open.store(name.area)?.get(&key_of(name))?,
                };
                open.reads.push(Some(request));
            }
            Ok(())
        })
    }

    /// Issues a read of a range.
    pub(super) fn scan(&self, connection: &Connection, range: &BlobRange, limit: usize) -> Result<Issued, Failure> {
        let values = if range.area == Area::Log { PIECES_MAX } else { 1 };
        let count = u32::try_from(limit.saturating_mul(values)).unwrap_or(u32::MAX);
        self.run(connection, scope_of(range.area), (&self.readonly, &self.relaxed), |open| {
            let Some(keys) = key_range(range)? else { return Ok(()) };
            let names = open.store(range.area)?.get_all_keys(&keys, count)?;
            let blobs = open.store(range.area)?.get_all(&keys, count)?;
            open.reads.extend([Some(names), Some(blobs)]);
            Ok(())
        })
    }

    /// Issues a read of the identity, the newest generation and the floors.
    pub(super) fn identity(&self, connection: &Connection) -> Result<Issued, Failure> {
        self.run(connection, scope_of(Area::Log), (&self.readonly, &self.relaxed), |open| {
            let generations =
                raw::KeyRange::bound(&generation_key(0), &generation_key(BlobRange::all(Area::Floor).last))?;
            let log = open.store(Area::Log)?;
            let identity = log.get(&JsValue::from_str(IDENTITY))?;
            let newest = log.open_key_cursor(&generations, "prev")?;
            open.reads.extend([Some(identity), Some(newest)]);
            if let Some(floors) = key_range(&BlobRange::all(Area::Floor))? {
                let log = open.store(Area::Log)?;
                let (names, blobs) = (log.get_all_keys(&floors, u32::MAX)?, log.get_all(&floors, u32::MAX)?);
                open.reads.extend([Some(names), Some(blobs)]);
            }
            Ok(())
        })
    }

    /// Issues a transaction that begins only when every earlier writing one, of any connection, has ended.
    pub(super) fn barrier(&self, connection: &Connection) -> Result<Issued, Failure> {
        self.run(connection, BOTH, (&self.readwrite, &self.relaxed), |open| {
            open.store(Area::Log)?.get(&JsValue::from_str(IDENTITY))?;
            Ok(())
        })
    }
}

/// The requests of a transaction while it is open.
struct Requests<'a> {
    transaction: raw::Transaction,
    names: &'a [JsValue; 2],
    stores: [Option<raw::Store>; 2],
    /// Requests that change something, with the name of what they insert.
    writes: Vec<(Option<BlobName>, raw::Request)>,
    reads: Vec<Option<raw::Request>>,
    /// Tells whether the floors have changed.
    changed: Option<raw::Request>,
    /// Whether `commit()` may be called.
    trusting: bool,
}

impl Requests<'_> {
    /// Writes the pieces of a blob before its last one, which is answered.
    fn put_pieces<'a>(&mut self, name: &BlobName, bytes: &'a [u8]) -> Result<&'a [u8], JsValue> {
        let (before, last) = pieces(name, bytes);
        for (key, piece) in &before {
            let request = self.store(name.area)?.put(piece, key)?;
            self.writes.push((None, request));
        }
        Ok(last)
    }

    fn read(&mut self, batch: &Batch, interest: Interest, generation: u64) -> Result<(), JsValue> {
        for range in &batch.reads {
            let request = match key_range(range)? {
                Some(keys) if range.area != Area::Floor => Some(self.store(range.area)?.get_all(&keys, u32::MAX)?),
                _ => None,
            };
            self.reads.push(request);
        }
        if interest == Interest::Reads {
            self.changed = Some(self.store(Area::Floor)?.get_key(&generation_key(generation + 1))?);
        }
        Ok(())
    }

    fn store(&mut self, area: Area) -> Result<&raw::Store, JsValue> {
        let at = store_of(area);
        let store = match self.stores[at].take() {
            Some(store) => store,
            None => self.transaction.object_store(&self.names[at])?,
        };
        Ok(self.stores[at].insert(store))
    }
}

fn key_range(range: &BlobRange) -> Result<Option<JsValue>, JsValue> {
    bounds_of(range).map(|(first, last)| raw::KeyRange::bound(&first, &last).map(Into::into)).transpose()
}

/// Whether the batch changes one blob only, by an insert that none of its reads must see.
fn is_lone_insert(batch: &Batch) -> bool {
    let [(name, _)] = batch.inserts.as_slice() else { return false };
    let alone = batch.deletes.is_empty() && batch.puts.is_empty() && name.area != Area::Floor;
    alone && !batch.reads.iter().any(|range| range.contains(name))
}
