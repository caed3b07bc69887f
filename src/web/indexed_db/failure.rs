//! What a `DOMException` of IndexedDB means for a disk operation.
//!
//! Not the mapping to JavaScript errors: that is `convert.rs`.

use tidewell_core::disk::DiskError;
use wasm_bindgen::{JsCast, JsValue};

use super::raw;

/// Why a transaction could not be issued, or ended without a commit.
#[derive(Debug)]
pub(super) enum Failure {
    /// The connection is dead or confused: drop it and open another one.
    Dead(String),
    /// A conditional insert found its key there.
    Constraint(String),
    /// The answer is final.
    Final(DiskError),
}

/// Sorts a thrown or delivered `DOMException`, or `null` where the browser gave none.
pub(super) fn classify(value: &JsValue) -> Failure {
    let (name, detail) = describe(value);
    match name.as_str() {
        "ConstraintError" => Failure::Constraint(detail),
        "QuotaExceededError" => Failure::Final(DiskError::Quota(detail)),
        // NotFoundError: the object stores are not there. VersionError: a later version of the database exists.
        // NotReadableError: a value's file is gone. Others: the page may not use storage, or a value was refused.
        "NotFoundError" | "VersionError" | "SecurityError" | "NotAllowedError" | "NotSupportedError"
        | "NotReadableError" | "DataCloneError" | "DataError" | "ReadOnlyError" | "TypeError" => {
            Failure::Final(DiskError::Unavailable(detail))
        }
        // InvalidStateError, UnknownError, AbortError, TimeoutError, TransactionInactiveError and whatever comes next.
        _ => Failure::Dead(detail),
    }
}

/// What `idb` failed at. Its own texts are not used: all of them together weigh kilobytes.
pub(super) fn unusable(error: idb::Error) -> DiskError {
    let detail = match error {
        idb::Error::IndexedDbNotFound(_) => "there is no IndexedDB here".to_owned(),
        idb::Error::IndexedDbOpenFailed(reason) | idb::Error::IndexedDbDeleteFailed(reason) => describe(&reason).1,
        _ => "IndexedDB answered something unexpected".to_owned(),
    };
    DiskError::Unavailable(detail)
}

/// The name of a `DOMException` (empty for none) and a text for people.
fn describe(value: &JsValue) -> (String, String) {
    if value.is_null() || value.is_undefined() {
        return (String::new(), "the browser aborted the transaction and gave no reason".into());
    }
    let failure: &raw::Failure = value.unchecked_ref();
    let name = failure.name().as_string().unwrap_or_default();
    let message = failure.message().as_string().unwrap_or_default();
    let detail = format!("{name}: {message}");
    (name, detail)
}
