//! The conformance suite of disks for those that JavaScript brings along.
//!
//! Never in a build that ships.

use std::future::ready;
use std::rc::Rc;

use js_sys::{Function, Promise};
use tidewell_core::disk::conformance::{check_all, Opener};
use tidewell_core::disk::{Disk, DiskError, LocalFuture};
use tidewell_web::host_disk::{HostDisk, HostStore};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::future_to_promise;

struct Opened(Function);

impl Opener for Opened {
    fn open<'a>(&'a self, storage: &'a str) -> LocalFuture<'a, Result<Rc<dyn Disk>, DiskError>> {
        let opened = self.0.call1(&JsValue::UNDEFINED, &JsValue::from_str(storage));
        let opened = opened.map_err(|thrown| DiskError::Unavailable(format!("{thrown:?}")));
        let disk = opened.map(|store| Rc::new(HostDisk::new(store.unchecked_into::<HostStore>())) as Rc<dyn Disk>);
        Box::pin(ready(disk))
    }
}

/// Checks every claim against the disks that `open(name)` answers; the same name twice is two handles to one storage. The promise is for
/// how many claims there were; it rejects with those that do not hold.
#[wasm_bindgen(js_name = checkDisk)]
pub fn check_disk(open: Function) -> Promise {
    future_to_promise(async move {
        let checked = check_all(&Opened(open)).await;
        checked.map(|claims| JsValue::from_f64(claims as f64)).map_err(|broken| JsValue::from_str(&broken))
    })
}
