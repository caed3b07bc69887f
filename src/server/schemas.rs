//! JSON Schemas of collections: what a document must look like to be stored.
//!
//! Only shape: who may write it is a rule's matter. No schema is fetched from anywhere while the server runs.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result};
use jsonschema::Validator;
use tidewell_core::collections::{json, Value};
use tidewell_core::sync::server::Shape;

/// The most bytes of a reason.
const REASON_MAX: usize = 300;

/// Schemas by collection.
#[derive(Debug)]
pub(crate) struct Schemas {
    validators: BTreeMap<String, Validator>,
}

impl Schemas {
    /// Schemas given as JSON text, or as paths from `folder` on.
    ///
    /// # Errors
    /// A sentence that names the collection whose schema is none.
    pub(crate) fn load(sources: &BTreeMap<String, String>, folder: &Path) -> Result<Self> {
        let mut validators = BTreeMap::new();
        for (collection, source) in sources {
            let named = || format!("the schema of '{collection}'");
            let text = if source.trim_start().starts_with('{') {
                source.clone()
            } else {
                std::fs::read_to_string(folder.join(source)).with_context(named)?
            };
            let schema: serde_json::Value = serde_json::from_str(&text).with_context(named)?;
            // The error may borrow from the schema.
            let validator = jsonschema::validator_for(&schema).map_err(|error| anyhow::anyhow!("{error}"));
            validators.insert(collection.clone(), validator.with_context(named)?);
        }
        Ok(Self { validators })
    }
}

impl Shape for Schemas {
    fn check(&self, collection: &str, document: &Value) -> Result<(), String> {
        let Some(validator) = self.validators.get(collection) else { return Ok(()) };
        let document = serde_json::from_slice(&json::to_json(document)).map_err(|error| error.to_string())?;
        validator.validate(&document).map_err(|error| {
            let path = error.instance_path.to_string();
            // Masked: the reason is kept beside the mutation and must not become a copy of the document.
            let mut reason = format!("at '{path}': {}", error.masked());
            while reason.len() > REASON_MAX || !reason.is_char_boundary(reason.len()) {
                reason.pop();
            }
            reason
        })
    }
}
