//! The class `WasmDatabase`: one open database.

use std::cell::RefCell;
use std::rc::Rc;

use js_sys::{Function, JsString, Promise};
use tidewell_core::base::Result;
use tidewell_core::collections::json::write_string;
use tidewell_core::collections::write::InsertMode;
use tidewell_core::database::{Database, LiveEvent, Response};
use tidewell_core::disk::LocalFuture;
use tidewell_core::engine::{Durability, Pause, Step};
use wasm_bindgen::prelude::*;

use crate::convert::{from_text, to_answer, to_js_error, to_promise, to_text};

use super::analyzer::JsAnalyzer;
use super::open::Surroundings;
use super::{ExportHandle, ImportHandle};

/// No such document.
const NOTHING: u32 = 0;
/// The output buffer holds plain JSON.
const PLAIN: u32 = 1;
/// The output buffer holds JSON with tagged values.
const EXTENDED: u32 = 2;
/// Blocks must be fetched first: make the asynchronous call.
const MISSING: u32 = 3;

/// One open database.
#[wasm_bindgen(js_name = WasmDatabase)]
pub struct DatabaseHandle {
    database: Database,
    surroundings: Rc<Surroundings>,
    /// What the last synchronous call answered. It is reused, so the hot path allocates nothing.
    output: RefCell<Vec<u8>>,
}

#[wasm_bindgen(js_class = WasmDatabase)]
impl DatabaseHandle {
    /// Where the data lives: `indexeddb` or `memory`.
    #[wasm_bindgen(getter)]
    pub fn kind(&self) -> String {
        self.surroundings.kind().to_owned()
    }

    /// Looks a document up without waiting; its JSON goes to the output buffer.
    ///
    /// # Errors
    /// As the core's `try_get`.
    #[wasm_bindgen(js_name = tryGet)]
    pub fn try_get(&self, collection: &str, id: &str) -> Result<u32, JsValue> {
        let mut output = self.output.borrow_mut();
        output.clear();
        match status(self.database.try_get(collection, id, &mut output))? {
            Some(Some(extended)) => Ok(if extended { EXTENDED } else { PLAIN }),
            Some(None) => Ok(NOTHING),
            None => Ok(MISSING),
        }
    }

    /// Looks a document up; the promise is for an answer, or `undefined` if there is none.
    pub fn get(&self, collection: &str, id: &str) -> Promise {
        let found = self.run(get_command(collection, id));
        to_promise(Box::pin(async move {
            match found.await? {
                Response { json, .. } if json == b"null" => Ok(JsValue::UNDEFINED),
                found => to_answer(found),
            }
        }))
    }

    /// Runs a synchronous command; the answer's JSON goes to the output buffer.
    ///
    /// # Errors
    /// As the command does.
    #[wasm_bindgen(js_name = tryExecute)]
    pub fn try_execute(&self, command: &str) -> Result<u32, JsValue> {
        match status(self.database.try_execute(command))? {
            Some(Response { json, extended }) => {
                self.output.replace(json);
                Ok(if extended { EXTENDED } else { PLAIN })
            }
            None => Ok(MISSING),
        }
    }

    /// Runs any command; the promise is for its answer.
    pub fn execute(&self, command: String) -> Promise {
        let answer = self.run(command);
        to_promise(Box::pin(async move { to_answer(answer.await?) }))
    }

    /// Writes a JSON array of documents in one commit. `operation` is `insert` or `put`.
    #[wasm_bindgen(js_name = writeBatch)]
    pub fn write_batch(
        &self,
        operation: &str,
        collection: String,
        documents: &JsString,
        version: Option<u32>,
        durability: &str,
    ) -> Promise {
        let (database, surroundings) = (self.database.clone(), Rc::clone(&self.surroundings));
        let documents = from_text(documents);
        let mode = if operation == "insert" { InsertMode::Insert } else { InsertMode::Put };
        let durability = match durability {
            "strict" => Durability::Strict,
            "memory" => Durability::Memory,
            _ => Durability::Relaxed,
        };
        to_promise(Box::pin(async move {
            let response = database.write_batch(mode, &collection, documents, version, durability).await;
            surroundings.notice_quota(&response);
            to_answer(response?)
        }))
    }

    /// Starts a live query. `callback` is called with each event's JSON and whether it holds tagged values; the promise is
    /// for the subscription's number, after the first event.
    pub fn subscribe(&self, command: String, callback: Function) -> Promise {
        let database = self.database.clone();
        let deliver = move |event: LiveEvent| {
            if let Ok(json) = to_text(&event.json) {
                // What the application's callback throws is the package's to report.
                let _ = callback.call2(&JsValue::UNDEFINED, &json, &JsValue::from_bool(event.extended));
            }
        };
        to_promise(Box::pin(async move {
            let subscription = database.subscribe(&command, Rc::new(deliver)).await?;
            Ok(JsValue::from_f64(f64::from(subscription)))
        }))
    }

    /// Ends a live query; an unknown number is fine.
    pub fn unsubscribe(&self, subscription: u32) {
        let _ = self.database.try_execute(&format!("{{\"op\":\"unsubscribe\",\"subscription\":{subscription}}}"));
    }

    /// Where the output buffer starts in the module's memory.
    #[wasm_bindgen(js_name = outputPointer)]
    pub fn output_pointer(&self) -> usize {
        self.output.borrow().as_ptr() as usize
    }

    /// How many bytes it holds.
    #[wasm_bindgen(js_name = outputLength)]
    pub fn output_length(&self) -> usize {
        self.output.borrow().len()
    }

    /// Makes an analyzer of the application known: `analyze(text, isQuery)` answers `{ terms, places }`, the terms separated by
    /// U+0000, and for each its position, start and end in code units.
    ///
    /// # Errors
    /// `invalid` for a name that cannot be used.
    #[wasm_bindgen(js_name = registerAnalyzer)]
    pub fn register_analyzer(&self, name: String, version: u32, analyze: Function) -> Result<(), JsValue> {
        let analyzer = JsAnalyzer::new(name.clone(), version, analyze);
        self.database.register_analyzer(&name, Rc::new(analyzer)).map_err(|error| to_js_error(&error))
    }

    /// Changes the faults that storage meets: a written plan, and how many milliseconds every operation takes longer.
    ///
    /// # Errors
    /// `invalid` where the database was opened without faults, and for a plan that makes no sense.
    pub fn rehearse(&self, plan: &str, latency_ms: f64) -> Result<(), JsValue> {
        self.surroundings.rehearse(plan, latency_ms).map_err(|error| to_js_error(&error))
    }

    /// Begins a backup.
    ///
    /// # Errors
    /// `closed` after close.
    pub fn export(&self) -> Result<ExportHandle, JsValue> {
        ExportHandle::new(&self.database)
    }

    /// Begins a restore.
    pub fn import(&self) -> ImportHandle {
        ImportHandle::new(&self.database)
    }

    /// Writes what is pending and lets go of storage, locks and messages.
    pub fn close(&self) -> Promise {
        let (closed, surroundings) = (self.run(r#"{"op":"close"}"#.into()), Rc::clone(&self.surroundings));
        to_promise(Box::pin(async move {
            let closed = closed.await;
            surroundings.close();
            closed.map(|_| JsValue::UNDEFINED)
        }))
    }
}

impl DatabaseHandle {
    /// The class around an open database.
    pub(super) fn new(database: Database, surroundings: Rc<Surroundings>) -> Self {
        Self { database, surroundings, output: RefCell::default() }
    }

    fn run(&self, command: String) -> LocalFuture<'static, Result<Response>> {
        let (database, surroundings) = (self.database.clone(), Rc::clone(&self.surroundings));
        Box::pin(async move {
            let response = database.execute(&command).await;
            surroundings.notice_quota(&response);
            response
        })
    }
}

/// The command `get` of a document.
fn get_command(collection: &str, id: &str) -> String {
    let mut command = b"{\"op\":\"get\",\"collection\":".to_vec();
    write_string(collection, &mut command);
    command.extend_from_slice(b",\"id\":");
    write_string(id, &mut command);
    command.push(b'}');
    String::from_utf8(command).unwrap_or_default()
}

/// What a synchronous step answered; `None` if it must be made asynchronously.
fn status<T>(step: Step<T>) -> Result<Option<T>, JsValue> {
    match step {
        Ok(answer) => Ok(Some(answer)),
        Err(Pause::Missing(_) | Pause::Yield) => Ok(None),
        Err(Pause::Failed(error)) => Err(to_js_error(&error)),
    }
}
