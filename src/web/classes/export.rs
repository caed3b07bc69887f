//! The class `WasmExport`: a backup being read.

use std::cell::RefCell;
use std::rc::Rc;

use js_sys::Promise;
use tidewell_core::base::Error;
use tidewell_core::database::{Database, Export};
use wasm_bindgen::prelude::*;

use crate::convert::{to_bytes, to_js_error, to_promise};

/// A backup being read.
#[wasm_bindgen(js_name = WasmExport)]
pub struct ExportHandle {
    /// Taken out while a chunk is read.
    export: Rc<RefCell<Option<Export>>>,
}

#[wasm_bindgen(js_class = WasmExport)]
impl ExportHandle {
    /// The next chunk as a copy of its own; `undefined` at the end.
    pub fn next(&self) -> Promise {
        let slot = Rc::clone(&self.export);
        to_promise(Box::pin(async move {
            let taken = slot.borrow_mut().take();
            let Some(mut export) = taken else { return Err(busy()) };
            let chunk = export.next().await;
            *slot.borrow_mut() = Some(export);
            Ok(chunk?.map_or(JsValue::UNDEFINED, |bytes| to_bytes(&bytes)))
        }))
    }
}

impl ExportHandle {
    pub(super) fn new(database: &Database) -> Result<Self, JsValue> {
        let export = database.export().map_err(|error| to_js_error(&error))?;
        Ok(Self { export: Rc::new(RefCell::new(Some(export))) })
    }
}

fn busy() -> Error {
    Error::invalid("export: the chunk before has not arrived yet; await it first")
}
