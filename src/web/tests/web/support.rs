//! What the browser tests share: fresh databases, and faults played by replaced IndexedDB methods.

use std::cell::RefCell;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::Poll;

use js_sys::Function;
use tidewell_core::base::Rng;
use tidewell_core::disk::{Batch, BlobName, Disk, LocalFuture};
use tidewell_web::indexed_db::{DiskEvent, DiskListener, IndexedDbDisk, IndexedDbOptions};
use tidewell_web::platform::HostPlatform;

/// A name that no other test uses.
pub(crate) fn fresh_name() -> String {
    format!("test-{:016x}", HostPlatform::private().next_u64())
}

/// A disk with a short deadline.
pub(crate) async fn open(name: &str) -> Rc<IndexedDbDisk> {
    open_listening(name).await.0
}

/// The same, and the events of its connection.
pub(crate) async fn open_listening(name: &str) -> (Rc<IndexedDbDisk>, Rc<RefCell<Vec<DiskEvent>>>) {
    let events = Rc::new(RefCell::new(Vec::new()));
    let heard = Rc::clone(&events);
    let listener: DiskListener = Rc::new(move |event| heard.borrow_mut().push(event));
    let options = IndexedDbOptions { deadline_ms: 400.0, listener: Some(listener) };
    (Rc::new(IndexedDbDisk::open(name, options).await.unwrap()), events)
}

/// The outcomes of all, which run side by side.
pub(crate) async fn join_all<T>(mut futures: Vec<LocalFuture<'_, T>>) -> Vec<T> {
    let mut outcomes: Vec<Option<T>> = futures.iter().map(|_| None).collect();
    poll_fn(|context| {
        for (future, outcome) in futures.iter_mut().zip(&mut outcomes).filter(|(_, outcome)| outcome.is_none()) {
            if let Poll::Ready(value) = future.as_mut().poll(context) {
                *outcome = Some(value);
            }
        }
        if outcomes.iter().all(Option::is_some) {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    })
    .await;
    outcomes.into_iter().flatten().collect()
}

/// A batch that inserts one log record.
pub(crate) fn record(position: u64, bytes: &[u8]) -> Batch {
    Batch { inserts: vec![(BlobName::log(position), bytes.to_vec())], ..Batch::default() }
}

/// The log record at `position`.
pub(crate) async fn stored(disk: &dyn Disk, position: u64) -> Option<Vec<u8>> {
    disk.read(&[BlobName::log(position)]).await.unwrap().remove(0)
}

/// Faults of the transactions of one database, until it is dropped.
pub(crate) struct Shim {
    restore: Function,
}

impl Shim {
    /// Runs `fault` (a JavaScript function body with `tx` and `mode`) on each new transaction of the database `name`.
    pub(crate) fn new(name: &str, fault: &str) -> Self {
        let install = Function::new_with_args(
            "name",
            &format!(
                "const original = IDBDatabase.prototype.transaction;
                 IDBDatabase.prototype.transaction = function (scope, mode, options) {{
                   const tx = original.call(this, scope, mode, options);
                   if (this.name === name) {{ {fault} }}
                   return tx;
                 }};
                 return () => {{ IDBDatabase.prototype.transaction = original; }};"
            ),
        );
        let restore = install.call1(&wasm_bindgen::JsValue::NULL, &name.into()).unwrap();
        Self { restore: restore.into() }
    }
}

impl Drop for Shim {
    fn drop(&mut self) {
        self.restore.call0(&wasm_bindgen::JsValue::NULL).unwrap();
    }
}
