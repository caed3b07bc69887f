//! Named locks of the origin, by Web Locks.
//!
//! Courtesy, never correctness: they are missing in Node 20 and in insecure contexts, and a frozen page keeps its own.

use js_sys::{Array, Function, Object, Promise, Reflect};
use tidewell_core::disk::LocalFuture;
use tidewell_core::engine::{Guard, LockMode};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

use crate::host;
use crate::signal::Signal;

#[wasm_bindgen]
extern "C" {
    /// `LockManager`.
    type LockManager;

    #[wasm_bindgen(method, catch)]
    fn request(this: &LockManager, name: &str, options: &JsValue, granted: &JsValue) -> Result<Promise, JsValue>;

    #[wasm_bindgen(method, catch)]
    fn query(this: &LockManager) -> Result<Promise, JsValue>;
}

/// A held lock: it is held as long as the promise given to the browser is pending.
struct Held(Function);

impl Drop for Held {
    fn drop(&mut self) {
        let _ = self.0.call0(&JsValue::UNDEFINED);
    }
}

fn manager() -> Option<LockManager> {
    let locks = host::property(&host::global("navigator"), "locks");
    (!locks.is_undefined()).then(|| locks.unchecked_into())
}

/// Waits for the lock `name`.
pub(super) fn lock(name: &str, mode: LockMode) -> LocalFuture<'static, Option<Guard>> {
    let Some(manager) = manager() else { return Box::pin(async { None }) };
    let options = Object::new();
    let mode = match mode {
        LockMode::Exclusive => "exclusive",
        LockMode::Shared => "shared",
    };
    let _ = Reflect::set(&options, &JsValue::from_str("mode"), &JsValue::from_str(mode));
    // If the waiter has given up meanwhile, the guard is dropped instead of delivered, and that releases the lock.
    let grant: Signal<Option<Guard>> = Signal::new();
    let granted = {
        let grant = grant.downgrade();
        Closure::once_into_js(move |_lock: JsValue| {
            Promise::new(&mut |resolve, _| grant.set(Some(Box::new(Held(resolve)))))
        })
    };
    let Ok(request) = manager.request(name, &options, &granted) else { return Box::pin(async { None }) };
    let refused = {
        let grant = grant.downgrade();
        Closure::once_into_js(move |_error: JsValue| grant.set(None))
    };
    if let Some(catch) = host::method(&request, "catch") {
        let _ = catch.call1(&request, &refused);
    }
    Box::pin(grant)
}

/// The names of held locks that start with `prefix`, without `scope`.
pub(super) fn held(scope: String, prefix: String) -> LocalFuture<'static, Option<Vec<String>>> {
    Box::pin(async move {
        let state = JsFuture::from(manager()?.query().ok()?).await.ok()?;
        let held: Array = host::property(&state, "held").dyn_into().ok()?;
        let names = held.iter().filter_map(|lock| host::property(&lock, "name").as_string());
        let names = names.filter(|name| name.starts_with(&prefix));
        Some(names.filter_map(|name| name.strip_prefix(&scope).map(str::to_owned)).collect())
    })
}
