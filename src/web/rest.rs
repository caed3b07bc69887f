//! The half of the program that a page loads after the database is open (docs/decisions/0012-two-modules.md).
//!
//! It loads nothing itself: the JavaScript side does, and says when all is there.

use std::cell::RefCell;

use js_sys::{Function, Promise};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

use crate::host;

/// Between two attempts to load it.
const RETRY_MS: f64 = 5_000.0;

thread_local! {
    static LOAD: RefCell<Option<Function>> = const { RefCell::new(None) };
}

/// Says how the rest is loaded: `load` answers a promise that resolves when it is there. Without it, everything is there already.
#[wasm_bindgen(js_name = onRest)]
pub fn on_rest(load: Function) {
    LOAD.set(Some(load));
}

/// Resolves when all of the program is there, however often that must be tried.
pub(crate) async fn arrived() {
    let Some(load) = LOAD.with_borrow(Clone::clone) else { return };
    loop {
        let Ok(loading) = load.call0(&JsValue::UNDEFINED) else { return };
        let Ok(loading) = loading.dyn_into::<Promise>() else { return };
        if JsFuture::from(loading).await.is_ok() {
            return;
        }
        host::sleep(RETRY_MS).await;
    }
}
