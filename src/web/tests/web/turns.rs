//! What is different in workers of WebKit, in a page that is taken for one.
//!
//! Not what WebKit makes of it: that is in the browser tests.

use crate::support::{fresh_name, join_all, open, record, Shim};
use js_sys::{Array, Function, Reflect};
use tidewell_core::disk::{BlobName, Disk, DiskError, Durability, LocalFuture};
use wasm_bindgen::JsValue;
use wasm_bindgen_test::wasm_bindgen_test;

/// Whoever opens a disk takes this page for a worker of WebKit, until it is dropped.
struct Pretence(Function);

impl Pretence {
    fn new() -> Self {
        let install = "Object.defineProperty(navigator, 'userAgent', {
                value: 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.0 Safari/605.1.15',
                configurable: true,
            });
            globalThis.WorkerGlobalScope = class {};
            return () => { delete navigator.userAgent; delete globalThis.WorkerGlobalScope; };";
        Self(Function::new_no_args(install).call0(&JsValue::NULL).unwrap().into())
    }
}

impl Drop for Pretence {
    fn drop(&mut self) {
        self.0.call0(&JsValue::NULL).unwrap();
    }
}

/// How many transactions were open at once, and whether one was told to commit, while many read and write.
async fn observed() -> (f64, bool) {
    let name = fresh_name();
    let disk = open(&name).await;
    let shim = Shim::new(
        &name,
        "const seen = globalThis.seen;
         seen[0] = Math.max(seen[0], ++seen[2]);
         tx.addEventListener('complete', () => { seen[2]--; });
         const commit = tx.commit.bind(tx);
         tx.commit = () => { seen[1] = true; commit(); };",
    );
    let seen = Array::of3(&0.into(), &false.into(), &0.into());
    Reflect::set(&js_sys::global(), &"seen".into(), &seen).unwrap();
    let one = |position| -> LocalFuture<'_, bool> {
        let disk = &disk;
        Box::pin(async move {
            let written = disk.commit(record(position, b"x"), Durability::Relaxed).await.is_ok();
            written && disk.read(&[BlobName::log(position)]).await.is_ok()
        })
    };
    let outcomes = join_all((1..=8).map(one).collect()).await;
    drop(shim);
    assert_eq!(outcomes, [true; 8]);
    (seen.get(0).as_f64().unwrap(), seen.get(1).is_truthy())
}

#[wasm_bindgen_test]
async fn in_a_worker_of_webkit_one_transaction_is_open_at_a_time_and_commits_by_itself() {
    let elsewhere = observed().await;
    assert!(elsewhere.0 > 1.0 && elsewhere.1, "{elsewhere:?}");
    let pretence = Pretence::new();
    assert_eq!(observed().await, (1.0, false));
    drop(pretence);
}

#[wasm_bindgen_test]
async fn who_waits_for_a_turn_on_a_connection_that_is_given_up_goes_to_the_next_one() {
    let (name, pretence) = (fresh_name(), Pretence::new());
    let disk = open(&name).await;
    // Of the first transaction nothing is heard.
    let shim = Shim::new(
        &name,
        "const first = globalThis.connections.length === 0;
         globalThis.connections.push(this);
         for (const type of first ? ['success', 'error', 'complete', 'abort'] : [])
           tx.addEventListener(type, (event) => event.stopImmediatePropagation(), true);",
    );
    let connections = Array::new();
    Reflect::set(&js_sys::global(), &"connections".into(), &connections).unwrap();
    let names = [BlobName::log(1)];
    let outcomes = join_all(vec![disk.read(&names), disk.read(&names)]).await;
    drop((shim, pretence));
    assert!(matches!(&outcomes[..], [Err(DiskError::Interrupted(_)), Ok(found)] if *found == [None]), "{outcomes:?}");
    let used: Vec<JsValue> = connections.iter().collect();
    assert!(
        used.len() >= 2 && used[1..].iter().all(|connection| *connection != used[0]),
        "the connection was used again"
    );
}
