//! Notices that a page came back: it was hidden, frozen or asleep, and may have missed messages.
//!
//! Not a heartbeat: nothing runs while the page is away.

use js_sys::Function;
use wasm_bindgen::prelude::*;

use crate::host;

/// Events of a page that returns, each with the target that gets it.
const EVENTS: [(&str, &str); 3] = [("document", "visibilitychange"), ("document", "resume"), ("window", "pageshow")];

/// Calls back when the page returns, until it is dropped. In a worker or in Node it never does.
pub struct Wake {
    handler: Function,
}

impl Wake {
    /// Calls `callback` whenever the page returns.
    pub fn new(callback: impl Fn() + 'static) -> Self {
        let handler = Closure::<dyn FnMut()>::new(move || {
            let hidden = host::property(&host::global("document"), "visibilityState");
            if hidden.as_string().as_deref() != Some("hidden") {
                callback();
            }
        });
        let wake = Self { handler: handler.into_js_value().unchecked_into() };
        wake.each("addEventListener");
        wake
    }

    fn each(&self, method: &str) {
        for (target, event) in EVENTS {
            let target = host::global(target);
            if let Some(method) = host::method(&target, method) {
                let _ = method.call2(&target, &JsValue::from_str(event), &self.handler);
            }
        }
    }
}

impl Drop for Wake {
    fn drop(&mut self) {
        self.each("removeEventListener");
    }
}
