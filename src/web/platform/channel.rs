//! Messages between the instances of one database, by `BroadcastChannel`.
//!
//! Best effort: a message may be lost, and the log tells everything anyway.

use std::rc::Rc;

use js_sys::{Reflect, Uint8Array};
use wasm_bindgen::prelude::*;

use crate::host;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_name = BroadcastChannel)]
    type BroadcastChannel;

    #[wasm_bindgen(constructor, js_class = "BroadcastChannel", catch)]
    fn new(name: &str) -> Result<BroadcastChannel, JsValue>;

    #[wasm_bindgen(method, catch, js_name = postMessage)]
    fn post_message(this: &BroadcastChannel, message: &JsValue) -> Result<(), JsValue>;

    #[wasm_bindgen(method)]
    fn close(this: &BroadcastChannel);
}

/// Is called with what another instance announced.
pub type MessageListener = Rc<dyn Fn(&[u8])>;

/// An open channel. Dropping it closes it.
pub(super) struct Channel {
    channel: BroadcastChannel,
}

impl Channel {
    /// Opens the channel `name`; `None` where the host has none.
    pub(super) fn open(name: &str) -> Option<Self> {
        if host::global("BroadcastChannel").is_undefined() {
            return None;
        }
        let channel = BroadcastChannel::new(name).ok()?;
        // Node: an open channel must not keep the process alive.
        if let Some(unref) = host::method(&channel, "unref") {
            let _ = unref.call0(&channel);
        }
        Some(Self { channel })
    }

    /// Calls `listener` with every message of another instance.
    pub(super) fn listen(&self, listener: MessageListener) {
        let handler = Closure::<dyn FnMut(JsValue)>::new(move |event: JsValue| {
            if let Ok(bytes) = host::property(&event, "data").dyn_into::<Uint8Array>() {
                listener(&bytes.to_vec());
            }
        });
        self.set_handler(&handler.into_js_value());
    }

    /// Sends an exact copy of `message` to the others.
    pub(super) fn post(&self, message: &[u8]) {
        let _ = self.channel.post_message(&Uint8Array::new_from_slice(message));
    }

    /// Stops sending and listening.
    pub(super) fn close(&self) {
        self.set_handler(&JsValue::NULL);
        self.channel.close();
    }

    fn set_handler(&self, handler: &JsValue) {
        let _ = Reflect::set(&self.channel, &JsValue::from_str("onmessage"), handler);
    }
}

impl Drop for Channel {
    fn drop(&mut self) {
        self.close();
    }
}
