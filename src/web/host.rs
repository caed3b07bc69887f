//! The globals of the JavaScript host that are the same in pages, workers, Node and edge runtimes.
//!
//! Not IndexedDB: that is `indexed_db/raw.rs`.

use js_sys::{Function, Promise, Reflect};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_name = setTimeout)]
    fn js_set_timeout(callback: &JsValue, ms: f64) -> JsValue;

    #[wasm_bindgen(js_name = clearTimeout)]
    fn js_clear_timeout(timer: &JsValue);

    #[wasm_bindgen(js_namespace = performance, js_name = now)]
    fn performance_now() -> f64;

    #[wasm_bindgen(js_namespace = crypto, js_name = getRandomValues, catch)]
    fn get_random_values(bytes: &mut [u8]) -> Result<JsValue, JsValue>;
}

/// The most bytes that one call of `getRandomValues` fills.
const RANDOM_BYTES_MAX: usize = 65_536;

/// Calls `callback` after about `ms` milliseconds.
pub(crate) fn set_timeout(callback: &JsValue, ms: f64) {
    js_set_timeout(callback, ms);
}

/// Milliseconds that never go back.
pub(crate) fn now() -> f64 {
    performance_now()
}

/// Milliseconds since the Unix epoch, as the device believes.
pub(crate) fn wall() -> f64 {
    js_sys::Date::now()
}

/// Whether this is a worker of WebKit, which Safari and every browser of iOS are made of. There is no feature to ask for it.
pub(crate) fn is_webkit_worker() -> bool {
    let agent = property(&global("navigator"), "userAgent").as_string().unwrap_or_default();
    global("WorkerGlobalScope").is_function() && agent.contains("AppleWebKit/") && !agent.contains("Chrome/")
}

/// Fills `bytes` with cryptographic randomness.
pub(crate) fn random(bytes: &mut [u8]) {
    for chunk in bytes.chunks_mut(RANDOM_BYTES_MAX) {
        if get_random_values(chunk).is_err() {
            // A host without WebCrypto: ids must still differ from run to run.
            for byte in chunk {
                #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 255")]
                {
                    *byte = (js_sys::Math::random() * 256.0) as u8;
                }
            }
        }
    }
}

/// A name that nobody else has: 16 hexadecimal digits.
pub(crate) fn random_name() -> String {
    let mut bytes = [0; 8];
    random(&mut bytes);
    format!("{:016x}", u64::from_le_bytes(bytes))
}

/// Resolves after about `ms` milliseconds. Dropped earlier, it leaves no timer: one would keep a Durable Object in memory.
pub(crate) async fn sleep(ms: f64) {
    let mut timer = None;
    let promise = Promise::new(&mut |resolve, _| timer = Some(Timer { id: js_set_timeout(&resolve, ms), resolve }));
    let _ = JsFuture::from(promise).await;
}

struct Timer {
    id: JsValue,
    resolve: Function,
}

impl Drop for Timer {
    fn drop(&mut self) {
        js_clear_timeout(&self.id);
        // What waits for a promise is freed when it settles.
        let _ = self.resolve.call0(&JsValue::UNDEFINED);
    }
}

/// A property of `object`; `undefined` where there is none or where reading it throws.
pub(crate) fn property(object: &JsValue, name: &str) -> JsValue {
    if object.is_null() || object.is_undefined() {
        return JsValue::UNDEFINED;
    }
    Reflect::get(object, &JsValue::from_str(name)).unwrap_or(JsValue::UNDEFINED)
}

/// A property of the global object.
pub(crate) fn global(name: &str) -> JsValue {
    property(&js_sys::global(), name)
}

/// A method of `object`, where it has it.
pub(crate) fn method(object: &JsValue, name: &str) -> Option<Function> {
    property(object, name).dyn_into().ok()
}
