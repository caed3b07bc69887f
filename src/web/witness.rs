//! The witness in the Cache API: a second storage mechanism that pages and workers of an origin share.
//!
//! Not on any hot path (a read costs about 1.5 ms, a write 2 ms), and not there at all in insecure contexts, in Node and
//! in some private modes: then it remembers nothing and says so by answering `None`.

use js_sys::{Function, Promise, Uint8Array};
use tidewell_core::disk::{DiskError, LocalFuture, Witness};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

use crate::host;

/// The cache that holds every database's witness.
const CACHE: &str = "tidewell-witness";

/// A [`Witness`] in the Cache API.
pub struct CacheWitness {
    /// The address under which the bytes are kept; it is never fetched.
    address: String,
}

impl CacheWitness {
    /// The witness of the database `name`.
    pub fn new(name: &str) -> Self {
        Self { address: format!("https://tidewell.invalid/{}", String::from(js_sys::encode_uri_component(name))) }
    }

    /// Forgets what it knew, for a database that is deleted on purpose.
    pub async fn forget(&self) {
        if let Some(cache) = cache().await {
            let _ = call(&cache, "delete", &[JsValue::from_str(&self.address)]).await;
        }
    }
}

/// The cache, where the host has one and lets us use it.
async fn cache() -> Option<JsValue> {
    let caches = host::global("caches");
    call(&caches, "open", &[JsValue::from_str(CACHE)]).await.ok()
}

/// Calls an asynchronous method.
async fn call(object: &JsValue, name: &str, arguments: &[JsValue]) -> Result<JsValue, JsValue> {
    let method = host::method(object, name).ok_or(JsValue::UNDEFINED)?;
    let promise = Function::apply(&method, object, &arguments.iter().collect())?;
    JsFuture::from(Promise::resolve(&promise)).await
}

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_name = Response)]
    type Response;

    #[wasm_bindgen(constructor, js_class = "Response", catch)]
    fn new(body: &JsValue) -> Result<Response, JsValue>;
}

fn failed(error: JsValue) -> DiskError {
    let detail = host::property(&error, "message").as_string().unwrap_or_default();
    DiskError::Unavailable(format!("the witness cannot be written: {detail}"))
}

impl Witness for CacheWitness {
    fn read(&self) -> LocalFuture<'_, Result<Option<Vec<u8>>, DiskError>> {
        Box::pin(async move {
            let Some(cache) = cache().await else { return Ok(None) };
            let Ok(response) = call(&cache, "match", &[JsValue::from_str(&self.address)]).await else {
                return Ok(None);
            };
            let Ok(bytes) = call(&response, "arrayBuffer", &[]).await else { return Ok(None) };
            Ok(Some(Uint8Array::new(&bytes).to_vec()))
        })
    }

    fn write<'a>(&'a self, bytes: &'a [u8]) -> LocalFuture<'a, Result<(), DiskError>> {
        Box::pin(async move {
            let Some(cache) = cache().await else { return Ok(()) };
            let response = Response::new(&Uint8Array::new_from_slice(bytes)).map_err(failed)?;
            call(&cache, "put", &[JsValue::from_str(&self.address), response.into()]).await.map_err(failed)?;
            Ok(())
        })
    }
}
