//! The class `WasmImport`: a restore being written.

use std::cell::RefCell;
use std::rc::Rc;

use js_sys::Promise;
use tidewell_core::base::Error;
use tidewell_core::database::{Database, Import};
use wasm_bindgen::prelude::*;

use crate::convert::{to_answer, to_promise};

/// A restore being written.
#[wasm_bindgen(js_name = WasmImport)]
pub struct ImportHandle {
    /// Taken out while a chunk is written.
    import: Rc<RefCell<Option<Import>>>,
}

#[wasm_bindgen(js_class = WasmImport)]
impl ImportHandle {
    /// Takes the next chunk, cut anywhere.
    pub fn push(&self, chunk: Vec<u8>) -> Promise {
        let slot = Rc::clone(&self.import);
        to_promise(Box::pin(async move {
            let taken = slot.borrow_mut().take();
            let Some(mut import) = taken else { return Err(busy()) };
            let pushed = import.push(&chunk).await;
            *slot.borrow_mut() = Some(import);
            pushed.map(|()| JsValue::UNDEFINED)
        }))
    }

    /// Checks the trailer; the promise is for the answer with the counts.
    pub fn finish(&self) -> Promise {
        let slot = Rc::clone(&self.import);
        to_promise(Box::pin(async move {
            let taken = slot.borrow_mut().take();
            let Some(import) = taken else { return Err(busy()) };
            to_answer(import.finish().await?)
        }))
    }
}

impl ImportHandle {
    pub(super) fn new(database: &Database) -> Self {
        Self { import: Rc::new(RefCell::new(Some(database.import()))) }
    }
}

fn busy() -> Error {
    Error::invalid("import: it is finished, or the chunk before has not been taken yet; await it first")
}
