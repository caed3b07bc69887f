//! The few IndexedDB methods of the way of a commit, bound directly.
//!
//! Not a general binding: `idb` opens and creates databases. Here are what it lacks (`durability`, the shared event
//! handlers) and what runs for every commit; see docs/decisions/0010-indexeddb-binding.md.

use js_sys::Function;
use wasm_bindgen::prelude::*;

#[wasm_bindgen]
extern "C" {
    /// `IDBDatabase`.
    #[derive(Clone)]
    pub(super) type Database;

    #[wasm_bindgen(method, catch)]
    pub(super) fn transaction(
        this: &Database,
        stores: &JsValue,
        mode: &JsValue,
        options: &JsValue,
    ) -> Result<Transaction, JsValue>;

    #[wasm_bindgen(method)]
    pub(super) fn close(this: &Database);

    #[wasm_bindgen(method, setter, js_name = onclose)]
    pub(super) fn set_onclose(this: &Database, handler: Option<&Function>);

    #[wasm_bindgen(method, setter, js_name = onversionchange)]
    pub(super) fn set_onversionchange(this: &Database, handler: Option<&Function>);

    /// `IDBTransaction`.
    #[derive(Clone, PartialEq)]
    pub(super) type Transaction;

    #[wasm_bindgen(method, catch, js_name = objectStore)]
    pub(super) fn object_store(this: &Transaction, name: &JsValue) -> Result<Store, JsValue>;

    #[wasm_bindgen(method, catch)]
    pub(super) fn commit(this: &Transaction) -> Result<(), JsValue>;

    #[wasm_bindgen(method, catch)]
    pub(super) fn abort(this: &Transaction) -> Result<(), JsValue>;

    #[wasm_bindgen(method, getter)]
    pub(super) fn error(this: &Transaction) -> JsValue;

    #[wasm_bindgen(method, setter, js_name = oncomplete)]
    pub(super) fn set_oncomplete(this: &Transaction, handler: &JsValue);

    #[wasm_bindgen(method, setter, js_name = onabort)]
    pub(super) fn set_onabort(this: &Transaction, handler: &JsValue);

    /// `IDBObjectStore`.
    pub(super) type Store;

    #[wasm_bindgen(method, catch)]
    pub(super) fn add(this: &Store, value: &JsValue, key: &JsValue) -> Result<Request, JsValue>;

    #[wasm_bindgen(method, catch)]
    pub(super) fn put(this: &Store, value: &JsValue, key: &JsValue) -> Result<Request, JsValue>;

    #[wasm_bindgen(method, catch)]
    pub(super) fn delete(this: &Store, range: &JsValue) -> Result<Request, JsValue>;

    #[wasm_bindgen(method, catch)]
    pub(super) fn get(this: &Store, key: &JsValue) -> Result<Request, JsValue>;

    #[wasm_bindgen(method, catch, js_name = getKey)]
    pub(super) fn get_key(this: &Store, key: &JsValue) -> Result<Request, JsValue>;

    #[wasm_bindgen(method, catch, js_name = openKeyCursor)]
    pub(super) fn open_key_cursor(this: &Store, range: &JsValue, direction: &str) -> Result<Request, JsValue>;

    #[wasm_bindgen(method, catch, js_name = getAll)]
    pub(super) fn get_all(this: &Store, range: &JsValue, count: u32) -> Result<Request, JsValue>;

    #[wasm_bindgen(method, catch, js_name = getAllKeys)]
    pub(super) fn get_all_keys(this: &Store, range: &JsValue, count: u32) -> Result<Request, JsValue>;

    /// `IDBRequest`.
    pub(super) type Request;

    #[wasm_bindgen(method, catch, getter)]
    pub(super) fn result(this: &Request) -> Result<JsValue, JsValue>;

    #[wasm_bindgen(method, catch, getter, js_name = error)]
    pub(super) fn failure(this: &Request) -> Result<JsValue, JsValue>;

    #[wasm_bindgen(method, getter, js_name = transaction)]
    pub(super) fn owner(this: &Request) -> Option<Transaction>;

    #[wasm_bindgen(method, setter, js_name = onsuccess)]
    pub(super) fn set_onsuccess(this: &Request, handler: &JsValue);

    #[wasm_bindgen(method, setter, js_name = onerror)]
    pub(super) fn set_onerror(this: &Request, handler: &JsValue);

    /// The event of a transaction or of a request.
    pub(super) type Event;

    #[wasm_bindgen(method, getter, js_name = target)]
    pub(super) fn target(this: &Event) -> Request;

    /// `IDBCursor`.
    pub(super) type Cursor;

    #[wasm_bindgen(method, getter)]
    pub(super) fn key(this: &Cursor) -> JsValue;

    /// `IDBKeyRange`.
    #[wasm_bindgen(js_name = IDBKeyRange)]
    pub(super) type KeyRange;

    #[wasm_bindgen(static_method_of = KeyRange, js_class = "IDBKeyRange", catch)]
    pub(super) fn bound(lower: &JsValue, upper: &JsValue) -> Result<KeyRange, JsValue>;

    /// A thrown or delivered `DOMException`.
    pub(super) type Failure;

    #[wasm_bindgen(method, getter)]
    pub(super) fn name(this: &Failure) -> JsValue;

    #[wasm_bindgen(method, getter)]
    pub(super) fn message(this: &Failure) -> JsValue;
}
