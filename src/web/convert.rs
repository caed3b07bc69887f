//! From the core's values to JavaScript's and back: errors, answers, options. Nothing else converts.

use js_sys::{JsString, Object, Promise, Reflect, Uint8Array};
use tidewell_core::base::{Error, Result};
use tidewell_core::database::Response;
use tidewell_core::disk::LocalFuture;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::future_to_promise;

/// An error as a plain object: `code`, `message` and, where there is one, `reason`.
pub(crate) fn to_js_error(error: &Error) -> JsValue {
    let object = Object::new();
    set(&object, "code", &JsValue::from_str(error.kind().code()));
    set(&object, "message", &JsValue::from_str(error.message()));
    if let Some(reason) = error.reason() {
        set(&object, "reason", &JsValue::from_str(reason));
    }
    object.into()
}

/// A promise for the outcome of an operation. The operation is boxed: one that is built into its promise costs its size again.
pub(crate) fn to_promise(operation: LocalFuture<'static, Result<JsValue>>) -> Promise {
    future_to_promise(async move { operation.await.map_err(|error| to_js_error(&error)) })
}

/// An answer as a plain object: `json` and `extended`.
pub(crate) fn to_answer(response: Response) -> Result<JsValue> {
    let object = Object::new();
    set(&object, "json", &to_text(&response.json)?);
    set(&object, "extended", &JsValue::from_bool(response.extended));
    Ok(object.into())
}

/// UTF-8 bytes as a string.
pub(crate) fn to_text(json: &[u8]) -> Result<JsValue> {
    let text = std::str::from_utf8(json).map_err(|_| Error::internal("an answer is not UTF-8"))?;
    Ok(JsValue::from_str(text))
}

/// An exact copy of bytes.
pub(crate) fn to_bytes(bytes: &[u8]) -> JsValue {
    Uint8Array::new_from_slice(bytes).into()
}

#[wasm_bindgen]
extern "C" {
    type TextEncoder;

    #[wasm_bindgen(constructor, js_class = "TextEncoder")]
    fn new() -> TextEncoder;

    #[wasm_bindgen(method, js_name = encodeInto)]
    fn encode_into(this: &TextEncoder, text: &JsString, bytes: &mut [u8]) -> JsValue;
}

/// Texts shorter than this cross faster one by one character than through `TextEncoder`.
const SHORT_TEXT: u32 = 4096;

/// A string as UTF-8. Lone surrogates become U+FFFD, as everywhere in JavaScript.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "counts of what fits in memory")]
pub(crate) fn from_text(text: &JsString) -> Vec<u8> {
    if text.length() < SHORT_TEXT {
        return String::from(text).into_bytes();
    }
    // Mostly one byte for each character; if that is too little, three are always enough.
    let length = text.length() as usize;
    let encoder = TextEncoder::new();
    let mut bytes = vec![0; length + length / 8];
    let mut done = encoder.encode_into(text, &mut bytes);
    if number(&done, "read") < f64::from(text.length()) {
        bytes = vec![0; 3 * length];
        done = encoder.encode_into(text, &mut bytes);
    }
    bytes.truncate(number(&done, "written") as usize);
    bytes
}

fn number(object: &JsValue, name: &str) -> f64 {
    crate::host::property(object, name).as_f64().unwrap_or_default()
}

/// Sets a property of an object of our own making, which cannot fail.
fn set(object: &Object, name: &str, value: &JsValue) {
    let _ = Reflect::set(object, &JsValue::from_str(name), value);
}
