//! What a job is asked to do: from which collection or topic, through which pipeline, into which one, and what becomes of failures.
//!
//! Functions of the application are not here: a job that has some says only where their rows come in and go out.

use crate::base::{Error, Result};
use crate::collections::catalog::check_collection_name;
use crate::collections::fields::Fields;
use crate::collections::pipeline::Grouping;
use crate::collections::projection::Projection;
use crate::collections::{json, Value};

/// The most documents that one slice may be asked to have.
const SLICE_MAX: u64 = 10_000;
/// The most parts that the source may be asked to be split into.
pub const PARTITIONS_MAX: u64 = 16;

/// A job's definition.
#[derive(Clone, Debug, PartialEq)]
pub struct Definition {
    /// The collection, or the topic, that is read.
    pub from: Box<str>,
    /// Whether that is a topic.
    pub topic: bool,
    /// Of a topic: messages with offsets from there on came after the run began.
    pub until: u64,
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
    /// What of each document the application is given; nothing for all of it.
    pub fields: Vec<Box<str>>,
    /// Into how many ranges of ids the source is split, at most.
    pub partitions: u64,
}

impl Definition {
    /// Reads `{"from","topic"?,"into","pipeline","mapped"?,"reduced"?,"onError"?,"sliceSize"?,"fields"?,"partitions"?}`; further
    /// fields only tell definitions apart.
    ///
    /// # Errors
    /// `Invalid`, naming the field and the fix.
    pub fn parse(text: &[u8]) -> Result<Self> {
        let mut fields = Fields::split(text, "job: the definition")?;
        let from: Box<str> = fields.required_text("from")?.into();
        let into: Box<str> = fields.required_text("into")?.into();
        let (topic, until) = (fields.flag("topic", false)?, fields.number("until")?.unwrap_or(0));
        if !topic {
            check_collection_name(&from)?;
        }
        check_collection_name(&into)?;
        if from == into && !topic {
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
        let wanted = fields.texts("fields")?.unwrap_or_default();
        if !wanted.is_empty() && (!mapped || topic) {
            return Err(fields.wrong("fields", "left out: they are for documents that a map function is given"));
        }
        let partitions = fields.number("partitions")?.unwrap_or(1);
        if !(1..=PARTITIONS_MAX).contains(&partitions) {
            return Err(fields.wrong("partitions", &format!("a whole number from 1 to {PARTITIONS_MAX}")));
        }
        if topic && partitions > 1 {
            let text = "job: a topic is read by one runner, in the order of its offsets: leave 'partitions' out";
            return Err(Error::invalid(text).with_reason("not-there"));
        }
        let slice = slice.unwrap_or(0);
        let definition =
            Self { from, topic, until, into, pipeline, mapped, reduced, skip, slice, fields: wanted, partitions };
        definition.grouping()?;
        definition.projection()?;
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

    /// What of each document the application is given; `None` for all of it.
    ///
    /// # Errors
    /// As [`Projection::parse`].
    pub fn projection(&self) -> Result<Option<Projection>> {
        if self.fields.is_empty() {
            return Ok(None);
        }
        let rules = self.fields.iter().filter(|path| &***path != "id").map(|path| (path.clone(), Value::Number(1.0)));
        let rules: Vec<_> = rules.chain([("id".into(), Value::Number(1.0))]).collect();
        Projection::parse(&Value::Object(rules)).map(Some)
    }

    /// The definition as it is kept.
    pub fn to_json(&self) -> Vec<u8> {
        let text = |text: &str| Value::String(text.into());
        let wanted = self.fields.iter().map(|path| text(path)).collect();
        let mut fields = vec![
            ("from".into(), text(&self.from)),
            ("topic".into(), Value::Bool(self.topic)),
            ("until".into(), Value::Number(self.until as f64)),
            ("into".into(), text(&self.into)),
            ("pipeline".into(), self.pipeline.clone()),
            ("mapped".into(), Value::Bool(self.mapped)),
            ("reduced".into(), Value::Bool(self.reduced)),
            ("onError".into(), text(if self.skip { "skip" } else { "stop" })),
            ("sliceSize".into(), if self.slice == 0 { Value::Null } else { Value::Number(self.slice as f64) }),
            ("fields".into(), Value::Array(wanted)),
        ];
        if self.partitions > 1 {
            fields.push(("partitions".into(), Value::Number(self.partitions as f64)));
        }
        json::to_json(&Value::Object(fields))
    }
}
