//! Backup: one consistent snapshot of everything as JSON lines, chunk by chunk.
//!
//! It holds a snapshot and no copy: chunks are made when they are asked for. Format: docs/COMMANDS.md, "Backup".

use std::ops::ControlFlow;
use std::rc::Rc;

use xxhash_rust::xxh3::Xxh3Default;

use crate::base::Result;
use crate::collections::catalog::{document_count, Collection};
use crate::collections::json::write_string;
use crate::collections::Document;
use crate::engine::{Pause, Read, Snapshot};
use crate::search::store::view::declared;
use crate::topics::clock;

use super::export_topics::{sections, Section};
use super::handle::{Database, Shared};
use super::read::scan_documents;
use super::response::{write_list, ObjectWriter};

/// About the size of a chunk.
pub(super) const CHUNK_BYTES: usize = 256 << 10;
/// The format of a backup without topics, which earlier versions read, too.
pub(super) const PLAIN: u64 = 1;
/// The format of one with topics.
pub(super) const FORMAT: u64 = 2;

/// An export under way. Dropping it ends it.
pub struct Export {
    shared: Rc<Shared>,
    snapshot: Snapshot,
    state: State,
    checksum: Xxh3Default,
    collections: u64,
    documents: u64,
    sections: Rc<[Section]>,
    topics: u64,
    messages: u64,
}

enum State {
    Header,
    /// Before the collection at that place of the list.
    Collection(Rc<[Rc<Collection>]>, usize),
    /// Inside it, behind that id.
    Documents(Rc<[Rc<Collection>]>, usize, Option<Vec<u8>>),
    /// In that section of the topics, behind that key.
    Topics(usize, Vec<u8>),
    Trailer,
    Done,
}

impl Database {
    /// Begins an export of the newest state.
    ///
    /// # Errors
    /// Why the instance is unusable.
    pub fn export(&self) -> Result<Export> {
        Ok(Export {
            shared: Rc::clone(&self.0),
            snapshot: self.0.engine.snapshot()?,
            state: State::Header,
            checksum: Xxh3Default::new(),
            collections: 0,
            documents: 0,
            sections: Rc::new([]),
            topics: 0,
            messages: 0,
        })
    }
}

impl Export {
    /// The next chunk of text; `None` at the end.
    ///
    /// # Errors
    /// As any read.
    pub async fn next(&mut self) -> Result<Option<Vec<u8>>> {
        let mut chunk = Vec::new();
        while chunk.len() < CHUNK_BYTES {
            let start = chunk.len();
            self.state = match std::mem::replace(&mut self.state, State::Done) {
                State::Header => self.header(&mut chunk).await?,
                State::Collection(list, at) => self.collection(list, at, &mut chunk).await?,
                State::Documents(list, at, last) => self.documents(list, at, last, &mut chunk).await?,
                State::Topics(at, last) => self.topics(at, last, &mut chunk).await?,
                State::Trailer => {
                    self.trailer(&mut chunk);
                    State::Done
                }
                State::Done => break,
            };
            self.checksum.update(chunk.get(start..).unwrap_or_default());
        }
        Ok((!chunk.is_empty()).then_some(chunk))
    }

    async fn header(&mut self, chunk: &mut Vec<u8>) -> Result<State> {
        let shared = &self.shared;
        let mut list = shared.engine.read_at(&self.snapshot, |view| shared.catalog.all(view)).await?;
        // What a job has not finished is not part of a backup.
        list.retain(|collection| !collection.is_hidden());
        self.collections = list.len() as u64;
        (self.sections, self.topics) = shared.engine.read_at(&self.snapshot, |view| sections(view)).await?;
        let mut line = ObjectWriter::default();
        let format = if self.topics == 0 { PLAIN } else { FORMAT };
        line.text("tidewell", "export").number("format", format).number("position", self.snapshot.position());
        line.number("collections", self.collections);
        if self.topics > 0 {
            let stamp = shared.engine.read_at(&self.snapshot, |view| clock::stored(view)).await?;
            line.number("topics", self.topics).number("clock", stamp.map_or(0, |stamp| stamp.time));
        }
        push_line(chunk, &line.finish().json);
        Ok(State::Collection(list.into(), 0))
    }

    async fn collection(&mut self, list: Rc<[Rc<Collection>]>, at: usize, chunk: &mut Vec<u8>) -> Result<State> {
        let Some(collection) = list.get(at) else { return Ok(State::Topics(0, Vec::new())) };
        let id = collection.id;
        let count = self.shared.engine.read_at(&self.snapshot, |view| document_count(view, id)).await?;
        let mut line = ObjectWriter::default();
        line.text("collection", &collection.name).number("version", collection.version.into());
        write_list(line.field("indexes"), &collection.indexes, |index, out| {
            let mut one = ObjectWriter::default();
            write_list(one.field("fields"), &index.spec.fields, |field, out| {
                out.push(b'[');
                write_string(field.path.text(), out);
                out.extend_from_slice(if field.descending { b",-1]" } else { b",1]" });
            });
            one.text("name", &index.spec.name).flag("unique", index.spec.unique);
            out.extend_from_slice(&one.finish().json);
        });
        if let Some(search) = &collection.search {
            declared(search)?.write_json(line.field("search"));
        }
        line.number("count", count);
        push_line(chunk, &line.finish().json);
        Ok(State::Documents(list, at, None))
    }

    async fn documents(
        &mut self,
        list: Rc<[Rc<Collection>]>,
        at: usize,
        mut last: Option<Vec<u8>>,
        chunk: &mut Vec<u8>,
    ) -> Result<State> {
        let Some(id) = list.get(at).map(|collection| collection.id) else { return Ok(State::Trailer) };
        let mut count = 0;
        let flow = self
            .shared
            .engine
            .read_at(&self.snapshot, |view| {
                scan_documents(view, id, &mut last, &mut |stored| {
                    let document = Document::parse(stored)?;
                    let mut line = ObjectWriter::default();
                    line.number("version", document.schema_version()).raw("doc", document.json());
                    push_line(chunk, &line.finish().json);
                    count += 1;
                    let full = chunk.len() >= CHUNK_BYTES;
                    Ok(if full { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
                })
                .map_err(|pause: Pause| pause)
            })
            .await?;
        self.documents += count;
        Ok(if flow.is_break() { State::Documents(list, at, last) } else { State::Collection(list, at + 1) })
    }

    async fn topics(&mut self, at: usize, mut last: Vec<u8>, chunk: &mut Vec<u8>) -> Result<State> {
        let Some(section) = self.sections.get(at) else { return Ok(State::Trailer) };
        let messages = &mut self.messages;
        let write = |view: &dyn Read| section.write(view, &mut last, chunk, messages);
        let done = self.shared.engine.read_at(&self.snapshot, write).await?;
        Ok(if done { State::Topics(at + 1, Vec::new()) } else { State::Topics(at, last) })
    }

    fn trailer(&mut self, chunk: &mut Vec<u8>) {
        // Everything in this chunk before the trailer was summed already.
        let sum = self.checksum.digest();
        let mut line = ObjectWriter::default();
        line.flag("end", true).number("collections", self.collections).number("documents", self.documents);
        if self.topics > 0 {
            line.number("topics", self.topics).number("messages", self.messages);
        }
        line.text("checksum", &format!("{sum:016x}"));
        push_line(chunk, &line.finish().json);
    }
}

pub(super) fn push_line(chunk: &mut Vec<u8>, json: &[u8]) {
    chunk.extend_from_slice(json);
    chunk.push(b'\n');
}
