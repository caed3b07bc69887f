//! A disk that the host brings along: an object whose methods answer at once, such as one over Node's files or a Durable Object's SQL.
//!
//! It keeps no bytes and decides nothing. The object's promises are those of [`Disk`]; its answers are checked.

use std::cell::RefCell;
use std::future::ready;

use js_sys::{Array, Float64Array, Promise, Uint8Array};
use tidewell_core::disk::{
    Area, Batch, BlobName, BlobRange, Disk, DiskError, Durability, LocalFuture, NamedBlobs, RangeReads,
};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

use crate::host;

#[wasm_bindgen]
extern "C" {
    /// What the host brings along. Names are numbers, three each: area, id, part; ranges likewise: area, first, last.
    #[derive(Clone)]
    pub type HostStore;

    /// The blobs with those names; `undefined` for a missing one.
    #[wasm_bindgen(method, catch)]
    fn read(this: &HostStore, names: &Float64Array) -> Result<Array, JsValue>;

    /// Up to `limit` blobs of a range in ascending order of name: id, part, bytes; id, part, bytes …
    #[wasm_bindgen(method, catch)]
    fn scan(this: &HostStore, range: &Float64Array, limit: f64) -> Result<Array, JsValue>;

    /// Applies a batch at once; the last `inserts` of the blobs must not exist yet. Answers the blobs of each range of `reads`, or a
    /// promise of them that resolves once the batch has the durability asked for.
    #[wasm_bindgen(method, catch)]
    fn commit(
        this: &HostStore,
        deletes: &Float64Array,
        names: &Float64Array,
        blobs: &Array,
        inserts: f64,
        reads: &Float64Array,
        strict: bool,
    ) -> Result<JsValue, JsValue>;

    #[wasm_bindgen(method, catch)]
    fn close(this: &HostStore) -> Result<(), JsValue>;
}

/// A handle to the host's storage.
pub struct HostDisk {
    /// `None` once closed.
    store: RefCell<Option<HostStore>>,
}

impl HostDisk {
    /// The disk of `store`.
    #[must_use]
    pub fn new(store: HostStore) -> Self {
        Self { store: RefCell::new(Some(store)) }
    }

    fn with<T: 'static>(
        &self,
        work: impl FnOnce(&HostStore) -> Result<T, DiskError>,
    ) -> LocalFuture<'static, Result<T, DiskError>> {
        let store = self.store.borrow().clone();
        Box::pin(ready(store.map_or(Err(DiskError::Closed), |store| work(&store))))
    }
}

impl Disk for HostDisk {
    fn read<'a>(&'a self, names: &'a [BlobName]) -> LocalFuture<'a, Result<Vec<Option<Vec<u8>>>, DiskError>> {
        self.with(|store| {
            let blobs = store.read(&numbers(names.iter().map(name_numbers))).map_err(|thrown| failure(&thrown))?;
            if blobs.length() as usize != names.len() {
                return Err(nonsense());
            }
            blobs.iter().map(|blob| if blob.is_undefined() { Ok(None) } else { bytes(&blob).map(Some) }).collect()
        })
    }

    fn scan(&self, range: BlobRange, limit: usize) -> LocalFuture<'_, Result<NamedBlobs, DiskError>> {
        #[expect(clippy::cast_precision_loss, reason = "a limit that large is none")]
        let limit = limit as f64;
        self.with(|store| {
            let found = store.scan(&numbers([range_numbers(&range)]), limit).map_err(|thrown| failure(&thrown))?;
            let mut values = found.iter();
            let mut named = NamedBlobs::new();
            while let Some(id) = values.next() {
                let (Some(part), Some(blob)) = (values.next(), values.next()) else { return Err(nonsense()) };
                named.push((name_of(range.area, &id, &part)?, bytes(&blob)?));
            }
            Ok(named)
        })
    }

    fn commit(&self, batch: Batch, durability: Durability) -> LocalFuture<'_, Result<RangeReads, DiskError>> {
        let Some(store) = self.store.borrow().clone() else { return Box::pin(ready(Err(DiskError::Closed))) };
        let writes = || batch.puts.iter().chain(&batch.inserts);
        let blobs: Array = writes().map(|(_, bytes)| JsValue::from(Uint8Array::from(bytes.as_slice()))).collect();
        #[expect(clippy::cast_precision_loss, reason = "a batch has few blobs")]
        let inserts = batch.inserts.len() as f64;
        let answers = store.commit(
            &numbers(batch.deletes.iter().map(range_numbers)),
            &numbers(writes().map(|(name, _)| name_numbers(name))),
            &blobs,
            inserts,
            &numbers(batch.reads.iter().map(range_numbers)),
            durability == Durability::Strict,
        );
        let answers = answers.map_err(|thrown| commit_failure(&thrown, &batch));
        Box::pin(async move {
            let answers = match answers?.dyn_into::<Promise>() {
                // It has happened; whether it lasts, nobody can say who was not told.
                Ok(promise) => JsFuture::from(promise).await.map_err(|thrown| failure(&thrown))?,
                Err(answers) => answers,
            };
            let answers = answers.dyn_into::<Array>().map_err(|_| nonsense())?;
            if answers.length() as usize != batch.reads.len() {
                return Err(nonsense());
            }
            answers.iter().map(|blobs| Array::from(&blobs).iter().map(|blob| bytes(&blob)).collect()).collect()
        })
    }

    fn settle(&self) -> LocalFuture<'_, Result<(), DiskError>> {
        // Every commit has happened, or not, when it answers.
        self.with(|_| Ok(()))
    }

    fn close(&self) {
        if let Some(store) = self.store.take() {
            // What cannot be closed is let go of all the same.
            drop(store.close());
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "ids are below 2^53")]
fn name_numbers(name: &BlobName) -> [f64; 3] {
    [f64::from(name.area as u8), name.id as f64, f64::from(name.part)]
}

#[expect(clippy::cast_precision_loss, reason = "ids are below 2^53")]
fn range_numbers(range: &BlobRange) -> [f64; 3] {
    [f64::from(range.area as u8), range.first as f64, range.last as f64]
}

fn numbers(triples: impl IntoIterator<Item = [f64; 3]>) -> Float64Array {
    let flat: Vec<f64> = triples.into_iter().flatten().collect();
    Float64Array::from(flat.as_slice())
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked just before")]
fn name_of(area: Area, id: &JsValue, part: &JsValue) -> Result<BlobName, DiskError> {
    let whole = |value: &JsValue, end: f64| value.as_f64().filter(|number| *number >= 0.0 && *number < end);
    let (Some(id), Some(part)) = (whole(id, 9_007_199_254_740_992.0), whole(part, 4_294_967_295.0)) else {
        return Err(nonsense());
    };
    Ok(BlobName { area, id: id as u64, part: part as u32 })
}

fn bytes(blob: &JsValue) -> Result<Vec<u8>, DiskError> {
    blob.dyn_ref::<Uint8Array>().map(Uint8Array::to_vec).ok_or_else(nonsense)
}

fn nonsense() -> DiskError {
    DiskError::Unavailable(String::from("the host's storage answered something else than blobs"))
}

/// What was thrown says by its `disk` what happened; anything else means that nothing is known.
fn failure(thrown: &JsValue) -> DiskError {
    let message = host::property(thrown, "message").as_string().unwrap_or_default();
    match host::property(thrown, "disk").as_string().as_deref() {
        Some("quota") => DiskError::Quota(message),
        Some("lost") => DiskError::Lost(message),
        Some("closed") => DiskError::Closed,
        Some("unavailable") => DiskError::Unavailable(message),
        _ => DiskError::Interrupted(message),
    }
}

/// The same for a commit, which may also have met a blob that exists: `at` says which of its inserts.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "what is no index finds nothing")]
fn commit_failure(thrown: &JsValue, batch: &Batch) -> DiskError {
    let at = host::property(thrown, "at").as_f64().filter(|at| *at >= 0.0);
    let met = at.and_then(|at| batch.inserts.get(at as usize));
    match (host::property(thrown, "disk").as_string().as_deref(), met) {
        (Some("exists"), Some((name, _))) => DiskError::Exists(*name),
        _ => failure(thrown),
    }
}
