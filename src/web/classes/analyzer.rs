//! An analyzer of the application: a JavaScript function that turns text into tokens.
//!
//! The package's code stands between: it answers terms and ranges in one object, and sees that nothing calls back into the engine.

use js_sys::{Function, JsString, Uint32Array};
use tidewell_core::base::{Error, Result};
use tidewell_core::search::analyze::{CustomAnalyzer, ANALYZER_FAILED};
use tidewell_core::search::{Purpose, Token};
use wasm_bindgen::prelude::*;

use crate::host::property;

/// What stands between two terms.
const SEPARATOR: char = '\0';
/// Numbers for each token: position, start, end.
const PLACE: usize = 3;

/// The function and its version.
pub(crate) struct JsAnalyzer {
    name: String,
    version: u32,
    function: Function,
}

impl JsAnalyzer {
    /// `function` is called with a text and whether it is a query's, and answers `{ terms, places }`.
    pub(super) fn new(name: String, version: u32, function: Function) -> Self {
        Self { name, version, function }
    }

    fn failed(&self, problem: &str) -> Error {
        Error::invalid(format!("the analyzer '{}' failed: {problem}", self.name)).with_reason(ANALYZER_FAILED)
    }
}

impl CustomAnalyzer for JsAnalyzer {
    fn tokens(&self, text: &str, purpose: Purpose, sink: &mut dyn FnMut(Token<'_>)) -> Result<()> {
        let query = JsValue::from_bool(purpose == Purpose::Query);
        let answer = self.function.call2(&JsValue::UNDEFINED, &JsValue::from_str(text), &query);
        let answer = answer.map_err(|thrown| {
            let message = property(&thrown, "message").as_string().or_else(|| thrown.as_string());
            self.failed(&message.unwrap_or_else(|| "it threw something".into()))
        })?;
        let odd = || self.failed("it answered no tokens");
        let terms = property(&answer, "terms").dyn_into::<JsString>().map_err(|_| odd())?;
        let places = property(&answer, "places").dyn_into::<Uint32Array>().map_err(|_| odd())?.to_vec();
        let terms = String::from(terms);
        let mut start_at = Offset::default();
        for (term, place) in terms.split(SEPARATOR).zip(places.chunks_exact(PLACE)) {
            let &[position, start, end] = place else { continue };
            start_at = start_at.forward(text, start);
            let token_end = start_at.forward(text, end).byte;
            sink(Token { term, position, start: start_at.byte, end: token_end, begins: false });
        }
        Ok(())
    }

    fn version(&self) -> u32 {
        self.version
    }
}

/// A place in a text, counted both ways.
#[derive(Clone, Copy, Default)]
struct Offset {
    /// UTF-16 code units.
    unit: u32,
    byte: usize,
}

impl Offset {
    /// The place behind `unit` code units, or this one if that lies before it.
    fn forward(mut self, text: &str, unit: u32) -> Self {
        for c in text.get(self.byte..).unwrap_or_default().chars() {
            if self.unit >= unit {
                break;
            }
            self.unit += c.len_utf16() as u32;
            self.byte += c.len_utf8();
        }
        self
    }
}
