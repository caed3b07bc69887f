//! What a job is asked to do: from which collection, through which pipeline, into which one, and what becomes of failures.
//!
//! Functions of the application are not here: a job that has some says only where their rows come in and go out.

use crate::base::{Error, Result};
use crate::collections::catalog::check_collection_name;
use crate::collections::fields::Fields;
use crate::collections::pipeline::Grouping;
use crate::collections::{json, Value};

/// The most documents that one slice may be asked to have.
const SLICE_MAX: u64 = 10_000;

/// A job's definition.
#[derive(Clone, Debug, PartialEq)]
pub struct Definition {
    /// The collection that is read.
    pub from: Box<str>,
    /// The collection whose content becomes the result.
    pub into: Box<str>,
    /// The stages, with one `$group`.
    pub pipeline: Value,
    /// Rows come from the application, which is given documents.
    pub mapped: bool,
    /// Rows of groups go to the application, which gives values back.
    pub reduced: bool,
    /// Failed records are left out and listed; otherwise they stop the run.
    pub skip: bool,
    /// The most documents, or keys, of one slice; 0 for as many as suit the engine.
    pub slice: u64,
}

impl Definition {
    /// Reads `{"from","into","pipeline","mapped"?,"reduced"?,"onError"?,"sliceSize"?}`; further fields only tell definitions apart.
    ///
    /// # Errors
    /// `Invalid`, naming the field and the fix.
    pub fn parse(text: &[u8]) -> Result<Self> {
        let mut fields = Fields::split(text, "job: the definition")?;
        let from: Box<str> = fields.required_text("from")?.into();
        let into: Box<str> = fields.required_text("into")?.into();
        check_collection_name(&from)?;
        check_collection_name(&into)?;
        if from == into {
            return Err(Error::invalid(format!(
                "job: it cannot read '{from}' and replace it at once: choose another 'into'"
            )));
        }
        let pipeline = fields.value("pipeline")?.ok_or_else(|| fields.missing("pipeline"))?;
        let skip = match fields.text("onError")?.as_deref() {
            None | Some("stop") => false,
            Some("skip") => true,
            Some(_) => return Err(fields.wrong("onError", "'stop' or 'skip'")),
        };
        let slice = fields.number("sliceSize")?;
        if slice.is_some_and(|slice| !(1..=SLICE_MAX).contains(&slice)) {
            return Err(fields.wrong("sliceSize", &format!("a whole number from 1 to {SLICE_MAX}")));
        }
        let (mapped, reduced) = (fields.flag("mapped", false)?, fields.flag("reduced", false)?);
        let definition = Self { from, into, pipeline, mapped, reduced, skip, slice: slice.unwrap_or(0) };
        definition.grouping()?;
        Ok(definition)
    }

    /// The most documents of one slice, by default `usual`.
    pub fn slice_or(&self, usual: u64) -> u64 {
        if self.slice == 0 {
            usual
        } else {
            self.slice
        }
    }

    /// The compiled pipeline.
    ///
    /// # Errors
    /// As [`Grouping::parse`].
    pub fn grouping(&self) -> Result<Grouping> {
        Grouping::parse(&self.pipeline)
    }

    /// The definition as it is kept.
    pub fn to_json(&self) -> Vec<u8> {
        let text = |text: &str| Value::String(text.into());
        let fields = vec![
            ("from".into(), text(&self.from)),
            ("into".into(), text(&self.into)),
            ("pipeline".into(), self.pipeline.clone()),
            ("mapped".into(), Value::Bool(self.mapped)),
            ("reduced".into(), Value::Bool(self.reduced)),
            ("onError".into(), text(if self.skip { "skip" } else { "stop" })),
            ("sliceSize".into(), if self.slice == 0 { Value::Null } else { Value::Number(self.slice as f64) }),
        ];
        json::to_json(&Value::Object(fields))
    }
}
