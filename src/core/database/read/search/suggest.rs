//! `suggest`: how a word may go on, and what may have been meant.

use crate::base::Result;
use crate::collections::fields::Fields;
use crate::engine::{Read, Step};
use crate::search::store::StoredPostings;
use crate::search::suggest::{complete, correct, corrected, Suggestion, SUGGESTIONS_MAX};

use super::super::super::response::{write_list, ObjectWriter, Response};
use super::super::Context;
use super::surface::Surfaces;
use super::{find_index, Memory};

/// Suggestions given unless the command says otherwise.
const LIMIT: u64 = 5;

/// Corrections looked at for each word, of which the nearest are given.
const CANDIDATES: usize = 8;

/// The task.
pub(in super::super::super) struct SuggestTask {
    collection: Box<str>,
    text: Box<str>,
    field: Option<Box<str>>,
    limit: usize,
    memory: Memory,
}

impl SuggestTask {
    /// The collection it looks into.
    pub(in super::super) fn collection(&self) -> Box<str> {
        self.collection.clone()
    }

    pub(in super::super) fn take(fields: &mut Fields<'_>) -> Result<Self> {
        let limit = fields.number("limit")?.unwrap_or(LIMIT);
        if limit > SUGGESTIONS_MAX as u64 {
            return Err(fields.wrong("limit", &format!("at most {SUGGESTIONS_MAX}")));
        }
        Ok(Self {
            collection: fields.required_text("collection")?.into(),
            text: fields.required_text("text")?.into(),
            field: fields.text("field")?.map(Into::into),
            limit: limit as usize,
            memory: Memory::default(),
        })
    }

    pub(in super::super) fn step(&self, view: &dyn Read, context: Context<'_>) -> Step<Response> {
        self.memory.note(self.suggest(view, context))
    }

    fn suggest(&self, view: &dyn Read, context: Context<'_>) -> Step<Response> {
        let (collection, prepared, search) = find_index(view, context, &self.collection)?;
        let warm = self.memory.of(context);
        let postings = StoredPostings::open(view, collection.id, search, &prepared.spec, &warm)?;
        let place = match &self.field {
            None => 0,
            Some(field) => prepared.spec.field(field).ok_or_else(|| {
                crate::base::Error::invalid(format!("suggest: '{field}' is not a field of the search index"))
            })?,
        };
        let mut answer = ObjectWriter::default();
        let Some(analyzer) = prepared.analyzers.get(place) else { return Ok(answer.finish()) };
        let surfaces = Surfaces { view, collection: collection.id, prepared: &prepared, postings: &postings };
        let mut completions = complete(&self.text, analyzer, &postings, self.limit)?;
        surfaces.replace(&mut completions)?;
        write_list(answer.field("completions"), &completions, write);
        let units = |bytes: usize| self.text.get(..bytes).map_or(0, |text| text.encode_utf16().count() as u64);
        let mut corrections = correct(&self.text, analyzer, &postings, self.limit.max(CANDIDATES))?;
        for correction in &mut corrections {
            let typed = self.text.get(correction.start..correction.end).unwrap_or_default();
            surfaces.replace_near(&analyzer.unstemmed(typed), &mut correction.suggestions)?;
        }
        write_list(answer.field("corrections"), &corrections, |one, out| {
            let mut object = ObjectWriter::default();
            object.number("start", units(one.start)).number("end", units(one.end));
            write_list(object.field("suggestions"), one.suggestions.iter().take(self.limit), write);
            out.extend_from_slice(&object.finish().json);
        });
        match corrected(&self.text, &corrections) {
            Some(text) => answer.text("didYouMean", &text),
            None => answer.raw("didYouMean", b"null"),
        };
        Ok(answer.finish())
    }
}

fn write(suggestion: &Suggestion, out: &mut Vec<u8>) {
    let mut object = ObjectWriter::default();
    object.text("term", &suggestion.term).number("docs", suggestion.docs.into());
    object.number("edits", suggestion.edits.into());
    out.extend_from_slice(&object.finish().json);
}
