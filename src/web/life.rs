//! Whether this WebAssembly instance is still to be trusted.
//!
//! Not recovery: after a panic its memory may be broken, so nothing of it runs any more. The JavaScript side makes a
//! fresh instance for the next `open`.

use std::cell::{Cell, RefCell};

use js_sys::Function;
use wasm_bindgen::prelude::*;

thread_local! {
    static DEAD: Cell<bool> = const { Cell::new(false) };
    static ON_PANIC: RefCell<Option<Function>> = const { RefCell::new(None) };
}

/// Whether a panic happened: nothing may be read from or written to storage any more.
pub(crate) fn is_dead() -> bool {
    DEAD.get()
}

/// Ends the instance for another reason than a panic: as if the tab had been killed here.
pub(crate) fn end(message: &str) {
    let first = !DEAD.replace(true);
    let callback = ON_PANIC.take().filter(|_| first);
    if let Some(callback) = callback {
        let _ = callback.call1(&JsValue::NULL, &JsValue::from_str(message));
    }
}

/// Installs the panic hook. `callback` is called with the panic's message, once, before the trap.
#[wasm_bindgen(js_name = onPanic)]
pub fn on_panic(callback: Function) {
    ON_PANIC.set(Some(callback));
    std::panic::set_hook(Box::new(|info| {
        console_error_panic_hook::hook(info);
        end(&info.to_string());
    }));
}
