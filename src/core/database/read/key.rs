//! Documents by their ids, and those of an old schema version.

use std::ops::ControlFlow;

use crate::base::Result;
use crate::cache::Dependency;
use crate::collections::fields::Fields;
use crate::collections::find::{get, get_many};
use crate::collections::{keys, Document};
use crate::engine::{Direction, KeyRange, Read, Step};

use super::super::response::{write_list, ObjectWriter, Response};
use super::Context;

/// Documents looked at by one `outdated` unless it says otherwise.
const OUTDATED_LIMIT: u64 = 500;

/// `get` and `getMany`.
pub(in super::super) struct Get {
    collection: Box<str>,
    ids: Vec<Box<str>>,
    /// One document was asked for, not an array.
    single: bool,
    versions: bool,
}

impl Get {
    pub(super) fn take(fields: &mut Fields<'_>, single: bool) -> Result<Self> {
        let collection = fields.required_text("collection")?.into();
        let ids = match single {
            true => vec![fields.required_text("id")?.into()],
            false => fields.texts("ids")?.ok_or_else(|| fields.missing("ids"))?,
        };
        Ok(Self { collection, ids, single, versions: fields.flag("versions", false)? })
    }

    pub(super) fn dependencies(&self) -> Vec<Dependency> {
        let document = |id| Dependency::Document { collection: self.collection.clone(), id };
        self.ids.iter().cloned().map(document).collect()
    }

    pub(super) fn step(&mut self, view: &dyn Read, context: Context<'_>) -> Step<Response> {
        let ids: Vec<&str> = self.ids.iter().map(|id| &**id).collect();
        match (self.single, ids.as_slice()) {
            (true, [id]) => get(view, context.catalog, &self.collection, id, self.versions),
            _ => get_many(view, context.catalog, &self.collection, &ids, self.versions),
        }
    }
}

fn parse_all(found: &[Option<Vec<u8>>]) -> Result<Vec<Option<Document<'_>>>> {
    found.iter().map(|stored| stored.as_deref().map(Document::parse).transpose()).collect()
}

fn documents(found: &[Option<Vec<u8>>]) -> Result<(Vec<u8>, bool)> {
    let parsed = parse_all(found)?;
    let mut json = Vec::new();
    write_list(&mut json, &parsed, |document, out| {
        out.extend_from_slice(document.as_ref().map_or(b"null", |document| document.json()));
    });
    Ok((json, parsed.iter().flatten().any(Document::is_extended)))
}

fn documents_with_versions(found: &[Option<Vec<u8>>]) -> Result<ObjectWriter> {
    let (json, extended) = documents(found)?;
    let mut answer = ObjectWriter::default();
    answer.raw("docs", &json).extended(extended);
    write_list(answer.field("versions"), parse_all(found)?, |document, out| match document {
        Some(document) => out.extend_from_slice(document.schema_version().to_string().as_bytes()),
        None => out.extend_from_slice(b"null"),
    });
    Ok(answer)
}

/// `outdated`: documents written with an older schema version, in the order of ids.
pub(in super::super) struct Outdated {
    collection: Box<str>,
    below: u64,
    limit: u64,
    /// The last id looked at.
    last: Option<Vec<u8>>,
    found: Vec<Option<Vec<u8>>>,
}

impl Outdated {
    pub(super) fn take(fields: &mut Fields<'_>) -> Result<Self> {
        Ok(Self {
            collection: fields.required_text("collection")?.into(),
            below: fields.number("below")?.ok_or_else(|| fields.missing("below"))?,
            limit: fields.number("limit")?.unwrap_or(OUTDATED_LIMIT).max(1),
            last: fields.text("after")?.map(|id| id.as_bytes().to_vec()),
            found: Vec::new(),
        })
    }

    pub(super) fn step(&mut self, view: &dyn Read, context: Context<'_>) -> Step<Response> {
        let mut more = false;
        if let Some(collection) = context.catalog.find(view, &self.collection)? {
            more = self.scan(view, collection.id)?;
        }
        let mut answer = documents_with_versions(&self.found)?;
        match self.last.as_deref().filter(|_| more) {
            Some(last) => answer.text("next", &String::from_utf8_lossy(last)),
            None => answer.raw("next", b"null"),
        };
        Ok(answer.finish())
    }

    /// Answers whether the limit was reached before the end.
    fn scan(&mut self, view: &dyn Read, collection: u32) -> Step<bool> {
        let Self { below, limit, last, found, .. } = self;
        let flow = scan_documents(view, collection, last, &mut |stored| {
            if Document::parse(stored)?.schema_version() < *below {
                found.push(Some(stored.to_vec()));
            }
            Ok(if found.len() as u64 >= *limit { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
        })?;
        Ok(flow.is_break())
    }
}

/// Hands over the stored documents behind the id `last`, in the order of ids, and keeps `last` up to date, so that it goes on
/// after a pause.
pub(in super::super) fn scan_documents(
    view: &dyn Read,
    collection: u32,
    last: &mut Option<Vec<u8>>,
    each: &mut dyn FnMut(&[u8]) -> Result<ControlFlow<()>>,
) -> Step<ControlFlow<()>> {
    let prefix = keys::document_prefix(collection);
    let mut range = KeyRange::prefix(&prefix);
    if let Some(last) = last.as_deref() {
        // The first key behind an id is that id and a zero byte.
        range.start = [&prefix, last, &[0]].concat();
    }
    let mut cursor = view.cursor(range, Direction::Forward);
    while cursor.advance()? {
        let flow = each(cursor.value())?;
        let last = last.get_or_insert_with(Vec::new);
        last.clear();
        last.extend_from_slice(keys::document_id(cursor.key()));
        if flow.is_break() {
            return Ok(flow);
        }
    }
    Ok(ControlFlow::Continue(()))
}
