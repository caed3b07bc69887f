//! A transaction whose requests are all issued: how it failed, or what it answered.
//!
//! Not the waiting: `flight.rs` tells when the results are there.

use js_sys::Array;
use tidewell_core::disk::{Area, BlobName, DiskError, NamedBlobs, RangeReads};
use wasm_bindgen::{JsCast, JsValue};

use crate::signal::Signal;

use super::failure::{classify, Failure};
use super::flight::End;
use super::raw;
use super::schema::{from_stored, name_of};

/// The requests of a transaction and its end.
pub(super) struct Issued {
    pub(super) transaction: raw::Transaction,
    pub(super) end: Signal<End>,
    pub(super) changes: bool,
    pub(super) writes: Vec<(Option<BlobName>, raw::Request)>,
    pub(super) reads: Vec<Option<raw::Request>>,
}

impl Issued {
    /// Why it did not end well: the first reason that a request gives, else that of the transaction. (Firefox says
    /// `AbortError` for every transaction whose `commit()` was called.)
    pub(super) fn failure(&self) -> Failure {
        let reads = self.reads.iter().flatten().map(|request| (&None, request));
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

    /// The results of a commit's reads.
    pub(super) fn ranges(&self) -> Result<RangeReads, Failure> {
        (0..self.reads.len())
            .map(|at| self.result(at)?.unchecked_ref::<Array>().iter().map(|value| bytes_of(&value)).collect())
            .collect()
    }

    /// The results of a read.
    pub(super) fn blobs(&self) -> Result<Vec<Option<Vec<u8>>>, Failure> {
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
    pub(super) fn named(&self, area: Area) -> Result<NamedBlobs, Failure> {
        let (names, blobs) = (self.result(0)?, self.result(1)?);
        let (names, blobs): (&Array, &Array) = (names.unchecked_ref(), blobs.unchecked_ref());
        let named = names.iter().zip(blobs.iter()).map(|(key, value)| {
            let name = name_of(area, &key).ok_or_else(|| foreign("a key"))?;
            Ok((name, bytes_of(&value)?))
        });
        named.collect()
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

fn bytes_of(value: &JsValue) -> Result<Vec<u8>, Failure> {
    from_stored(value).ok_or_else(|| foreign("a value"))
}

fn foreign(what: &str) -> Failure {
    let detail = format!("the database holds {what} that Tidewell did not write; another program uses its name");
    Failure::Final(DiskError::Unavailable(detail))
}
