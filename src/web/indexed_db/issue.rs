//! Issues the requests of one transaction, all in one task, and reads their results when it has ended.
//!
//! Nothing here awaits: a transaction that is open while something is awaited could block every other tab.

use js_sys::{Array, Object, Reflect};
use tidewell_core::disk::{Area, Batch, BlobName, BlobRange, DiskError, Durability, NamedBlobs, RangeReads};
use wasm_bindgen::{JsCast, JsValue};

use crate::signal::Signal;

use super::connection::Connection;
use super::failure::{classify, Failure};
use super::flight::{End, Flights};
use super::raw;
use super::schema::{bounds_of, from_stored, key_of, name_of, store_of, to_stored, IDENTITY, LOG, TABLES};

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
}

/// A transaction whose requests are all issued.
pub(super) struct Issued {
    transaction: raw::Transaction,
    pub(super) end: Signal<End>,
    inserts: Vec<(BlobName, raw::Request)>,
    reads: Vec<Option<raw::Request>>,
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
        let mut open =
            Requests { transaction, names: &self.stores, stores: [None, None], inserts: Vec::new(), reads: Vec::new() };
        if let Err(error) = requests(&mut open) {
            let _ = open.transaction.abort();
            return Err(classify(&error));
        }
        let Requests { transaction, inserts, reads, .. } = open;
        let end = self.flights.follow(transaction.clone());
        // It throws only if the transaction has been aborted already; then its `abort` event tells.
        let _ = transaction.commit();
        Ok(Issued { transaction, end, inserts, reads })
    }

    /// Issues a commit. `Err` means that nothing was issued.
    pub(super) fn commit(
        &self,
        connection: &Connection,
        batch: &Batch,
        durability: Durability,
    ) -> Result<Issued, Failure> {
        let written = batch.puts.iter().chain(&batch.inserts).map(|(name, _)| name.area);
        let areas = batch.deletes.iter().map(|range| range.area).chain(written);
        let writes = areas.fold(0, |scope, area| scope | scope_of(area));
        let scope = batch.reads.iter().fold(writes, |scope, range| scope | scope_of(range.area));
        let mode = if writes == 0 { &self.readonly } else { &self.readwrite };
        let options = if durability == Durability::Strict { &self.strict } else { &self.relaxed };
        self.run(connection, scope, (mode, options), |open| {
            for range in &batch.deletes {
                if let Some(keys) = key_range(range)? {
                    open.store(range.area)?.delete(&keys)?;
                }
            }
            for (name, bytes) in &batch.puts {
                open.store(name.area)?.put(&to_stored(bytes), &key_of(name))?;
            }
            for (name, bytes) in &batch.inserts {
                let request = open.store(name.area)?.add(&to_stored(bytes), &key_of(name))?;
                open.inserts.push((*name, request));
            }
            for range in &batch.reads {
                let request = match key_range(range)? {
                    Some(keys) => Some(open.store(range.area)?.get_all(&keys, u32::MAX)?),
                    None => None,
                };
                open.reads.push(request);
            }
            Ok(())
        })
    }

    /// Issues a read of blobs.
    pub(super) fn read(&self, connection: &Connection, names: &[BlobName]) -> Result<Issued, Failure> {
        let scope = names.iter().fold(0, |scope, name| scope | scope_of(name.area));
        self.run(connection, scope, (&self.readonly, &self.relaxed), |open| {
            for name in names {
                let request = open.store(name.area)?.get(&key_of(name))?;
                open.reads.push(Some(request));
            }
            Ok(())
        })
    }

    /// Issues a read of a range.
    pub(super) fn scan(&self, connection: &Connection, range: &BlobRange, limit: usize) -> Result<Issued, Failure> {
        let count = u32::try_from(limit).unwrap_or(u32::MAX);
        self.run(connection, scope_of(range.area), (&self.readonly, &self.relaxed), |open| {
            let Some(keys) = key_range(range)? else { return Ok(()) };
            let names = open.store(range.area)?.get_all_keys(&keys, count)?;
            let blobs = open.store(range.area)?.get_all(&keys, count)?;
            open.reads.extend([Some(names), Some(blobs)]);
            Ok(())
        })
    }

    /// Issues a read of the identity.
    pub(super) fn identity(&self, connection: &Connection) -> Result<Issued, Failure> {
        self.run(connection, scope_of(Area::Log), (&self.readonly, &self.relaxed), |open| {
            let request = open.store(Area::Log)?.get(&JsValue::from_str(IDENTITY))?;
            open.reads.push(Some(request));
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
    inserts: Vec<(BlobName, raw::Request)>,
    reads: Vec<Option<raw::Request>>,
}

impl Requests<'_> {
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

impl Issued {
    /// Why the transaction was rolled back.
    pub(super) fn failure(&self) -> Failure {
        let failure = classify(&self.transaction.error());
        if let Failure::Constraint(detail) = &failure {
            let taken = self.inserts.iter().find(|(_, request)| {
                request.failure().is_ok_and(|error| matches!(classify(&error), Failure::Constraint(_)))
            });
            return Failure::Final(match taken {
                Some((name, _)) => DiskError::Exists(*name),
                None => DiskError::Unavailable(detail.clone()),
            });
        }
        failure
    }

    fn result(&self, at: usize) -> Result<JsValue, DiskError> {
        match self.reads.get(at) {
            Some(Some(request)) => request.result().map_err(|error| match classify(&error) {
                Failure::Dead(detail) | Failure::Constraint(detail) => DiskError::Interrupted(detail),
                Failure::Final(error) => error,
            }),
            _ => Ok(Array::new().into()),
        }
    }

    /// The results of a commit's reads.
    pub(super) fn ranges(&self) -> Result<RangeReads, DiskError> {
        (0..self.reads.len())
            .map(|at| self.result(at)?.unchecked_ref::<Array>().iter().map(|value| bytes_of(&value)).collect())
            .collect()
    }

    /// The results of a read.
    pub(super) fn blobs(&self) -> Result<Vec<Option<Vec<u8>>>, DiskError> {
        let blob = |at| {
            let value = self.result(at)?;
            if value.is_undefined() {
                Ok(None)
            } else {
                bytes_of(&value).map(Some)
            }
        };
        (0..self.reads.len()).map(blob).collect()
    }

    /// The results of a scan.
    pub(super) fn named(&self, area: Area) -> Result<NamedBlobs, DiskError> {
        let (names, blobs) = (self.result(0)?, self.result(1)?);
        let (names, blobs): (&Array, &Array) = (names.unchecked_ref(), blobs.unchecked_ref());
        let named = names.iter().zip(blobs.iter()).map(|(key, value)| {
            let name = name_of(area, &key).ok_or_else(|| foreign("a key"))?;
            Ok((name, bytes_of(&value)?))
        });
        named.collect()
    }
}

fn bytes_of(value: &JsValue) -> Result<Vec<u8>, DiskError> {
    from_stored(value).ok_or_else(|| foreign("a value"))
}

fn foreign(what: &str) -> DiskError {
    DiskError::Unavailable(format!(
        "the database holds {what} that Tidewell did not write; another program uses its name"
    ))
}
