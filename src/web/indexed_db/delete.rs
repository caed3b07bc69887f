//! Deletes a database with everything in it.
//!
//! Not a way to empty one: instances that have it open answer `Lost` from then on.

use std::rc::Rc;

use idb::{Factory, Request};
use tidewell_core::disk::DiskError;
use wasm_bindgen::JsValue;

use crate::signal::Signal;

use super::deadline::Deadlines;
use super::failure::{classify, unusable, Failure};
use super::flight::End;

/// Deletes the database `name`; one that does not exist is fine.
///
/// # Errors
/// [`DiskError::Interrupted`] if another tab does not let go of it within `deadline_ms` milliseconds (the deletion may
/// still happen later), [`DiskError::Unavailable`] if the browser refuses.
pub async fn delete_database(name: &str, deadline_ms: f64) -> Result<(), DiskError> {
    let mut request = Factory::new().map_err(unusable)?.delete(name).map_err(unusable)?;
    let end = Signal::new();
    request.on_success({
        let end = end.clone();
        move |_| end.set(End::Complete)
    });
    request.on_error({
        let end = end.clone();
        move |_| end.set(End::Aborted)
    });
    let deadlines: Rc<Deadlines> = Deadlines::new(deadline_ms);
    let _armed = deadlines.arm(&end);
    match end.await {
        End::Complete => Ok(()),
        End::Failed(error) => Err(error),
        End::Expired => {
            request.forget_callbacks();
            Err(DiskError::Interrupted(format!("another tab holds the database {name:?} and does not let go of it")))
        }
        End::Aborted | End::Unread => {
            let error: JsValue = request.error().map_err(unusable)?.into();
            Err(match classify(&error) {
                Failure::Dead(detail) | Failure::Constraint(detail) => DiskError::Unavailable(detail),
                Failure::Final(error) => error,
            })
        }
    }
}
