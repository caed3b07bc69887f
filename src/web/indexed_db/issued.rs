//! A transaction whose requests are all issued: how it failed, or what it answered.
//!
//! Not the waiting: `flight.rs` tells when the results are there.

use js_sys::Array;
use tidewell_core::disk::{Area, BlobName, DiskError, NamedBlobs, RangeReads};
use wasm_bindgen::{JsCast, JsValue};

use crate::signal::Signal;

use super::failure::{classify, Failure};
use super::flight::End;
use super::floors::Floors;
use super::raw;
use super::schema::{from_stored, generation_of, name_of, Joiner};

/// The requests of a transaction and its end.
pub(super) struct Issued {
    pub(super) transaction: raw::Transaction,
    pub(super) end: Signal<End>,
    pub(super) changes: bool,
    pub(super) writes: Vec<(Option<BlobName>, raw::Request)>,
    pub(super) reads: Vec<Option<raw::Request>>,
    pub(super) changed: Option<raw::Request>,
}

impl Issued {
    /// Why it did not end well: the first reason that a request gives, else that of the transaction. (Firefox says
    /// `AbortError` for every transaction whose `commit()` was called.)
    pub(super) fn failure(&self) -> Failure {
        let reads = self.reads.iter().chain([&self.changed]).flatten().map(|request| (&None, request));
        let requests = self.writes.iter().map(|(name, request)| (name, request)).chain(reads);
        let reason = requests.filter_map(|(name, request)| Some((name, failure_of(request)?))).find_map(named_failure);
        reason.unwrap_or_else(|| classify(&self.transaction.error()))
    }

    /// Fails if the browser committed although a write had failed.
    pub(super) fn check(&self) -> Result<(), Failure> {
        let failed = self.writes.iter().find_map(|(name, request)| Some((*name, failure_of(request)?)));
        match failed {
            Some((Some(name), Failure::Constraint(_))) => Err(Failure::Final(DiskError::Exists(name))),
            Some((_, failure)) => Err(failure),
            None => Ok(()),
        }
    }

    fn result(&self, at: usize) -> Result<JsValue, Failure> {
        let Some(Some(request)) = self.reads.get(at) else { return Ok(Array::new().into()) };
        let value = request.result().map_err(|error| classify(&error))?;
        match failure_of(request).filter(|_| value.is_undefined()) {
            Some(failure) => Err(failure),
            None => Ok(value),
        }
    }

    /// Whether the floors are not those of the generation any more at which the batch was issued.
    pub(super) fn floors_changed(&self) -> Result<bool, Failure> {
        let Some(request) = &self.changed else { return Ok(false) };
        let key = request.result().map_err(|error| classify(&error))?;
        match failure_of(request) {
            Some(failure) => Err(failure),
            None => Ok(!key.is_undefined()),
        }
    }

    /// The identity, if it is there, and the floors.
    pub(super) fn identity(&self) -> Result<(Option<Vec<u8>>, Floors), Failure> {
        let identity = self.result(0)?;
        let newest = self.result(1)?;
        let generation = match newest.is_null() {
            true => 0,
            false => generation_of(&newest.unchecked_ref::<raw::Cursor>().key()).ok_or_else(|| foreign("a key"))?,
        };
        let blobs = self.named(2, Area::Floor)?.into_iter().map(|(name, bytes)| (name.id, bytes)).collect();
        Ok((from_stored(&identity), Floors { generation, blobs }))
    }

    /// The results of a commit's reads, but for those of the floors.
    pub(super) fn ranges(&self) -> Result<RangeReads, Failure> {
        (0..self.reads.len()).map(|at| joined(self.result(at)?.unchecked_ref())).collect()
    }

    /// The results of a read.
    pub(super) fn blobs(&self) -> Result<Vec<Option<Vec<u8>>>, Failure> {
        let blob = |at| {
            let value = self.result(at)?;
            match value.dyn_ref::<Array>() {
                Some(pieces) => Ok(joined(pieces)?.pop()),
                None if value.is_undefined() => Ok(None),
                None => bytes_of(&value).map(Some),
            }
        };
        (0..self.reads.len()).map(blob).collect()
    }

    /// The results of a scan; in the area Log perhaps more than were asked for.
    pub(super) fn scanned(&self, area: Area) -> Result<NamedBlobs, Failure> {
        self.named(0, area)
    }

    fn named(&self, at: usize, area: Area) -> Result<NamedBlobs, Failure> {
        let (names, blobs) = (self.result(at)?, self.result(at + 1)?);
        let (names, blobs): (&Array, &Array) = (names.unchecked_ref(), blobs.unchecked_ref());
        let mut joiner = Joiner::default();
        let named = names.iter().zip(blobs.iter()).map(|(key, value)| {
            let Some(blob) = joiner.take(&value).ok_or_else(|| foreign("a value"))? else { return Ok(None) };
            Ok(Some((name_of(area, &key).ok_or_else(|| foreign("a key"))?, blob)))
        });
        named.filter_map(Result::transpose).collect()
    }
}

/// The failure of a request that inserts `name`; `None` if the request only went down with its transaction.
fn named_failure((name, failure): (&Option<BlobName>, Failure)) -> Option<Failure> {
    match (failure, name) {
        (Failure::Constraint(_), Some(name)) => Some(Failure::Final(DiskError::Exists(*name))),
        (Failure::Dead(_), _) => None,
        (failure, _) => Some(failure),
    }
}

/// Why a request failed; `None` if it did not, or has not ended.
fn failure_of(request: &raw::Request) -> Option<Failure> {
    request.failure().ok().filter(|error| !error.is_null()).map(|error| classify(&error))
}

/// Blobs from values in the order of their keys.
fn joined(values: &Array) -> Result<Vec<Vec<u8>>, Failure> {
    let mut joiner = Joiner::default();
    let blobs = values.iter().map(|value| joiner.take(&value).ok_or_else(|| foreign("a value")));
    blobs.filter_map(Result::transpose).collect()
}

fn bytes_of(value: &JsValue) -> Result<Vec<u8>, Failure> {
    from_stored(value).ok_or_else(|| foreign("a value"))
}

fn foreign(what: &str) -> Failure {
    let detail = format!("the database holds {what} that Tidewell did not write; another program uses its name");
    Failure::Final(DiskError::Unavailable(detail))
}
