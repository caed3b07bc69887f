//! Restore: takes the chunks of an export, cut anywhere, checks them and writes the documents in batches.
//!
//! Not atomic as a whole, and idempotent: an interrupted import is repeated from the start.

use std::rc::Rc;

use xxhash_rust::xxh3::Xxh3Default;

use crate::base::{Error, Result};
use crate::collections::fields::Fields;
use crate::collections::json::write_string;
use crate::collections::write::InsertMode;
use crate::engine::Durability;

use super::export::{FORMAT, PLAIN};
use super::handle::{Database, Shared};
use super::import_topics::TopicImport;
use super::response::{ObjectWriter, Response};
use super::write::Write;

/// About the text that one commit writes.
const BATCH_BYTES: usize = 512 << 10;
/// The longest line: a document with its tags, and its frame.
const LINE_MAX: usize = 4 << 20;

/// An import under way.
pub struct Import {
    database: Database,
    /// The text of an unfinished line.
    line: Vec<u8>,
    checksum: Xxh3Default,
    stage: Stage,
    current: Option<Current>,
    collections: u64,
    documents: u64,
    topics: TopicImport,
}

#[derive(PartialEq)]
enum Stage {
    Header,
    Body,
    Ended,
}

/// The collection whose documents are coming.
struct Current {
    name: Box<str>,
    expected: u64,
    seen: u64,
    version: u32,
    batch: Vec<u8>,
}

fn wrong(what: impl std::fmt::Display) -> Error {
    Error::invalid(format!("import: {what}: is this a complete export?"))
}

impl Database {
    /// Begins an import.
    pub fn import(&self) -> Import {
        Import {
            database: self.clone(),
            line: Vec::new(),
            checksum: Xxh3Default::new(),
            stage: Stage::Header,
            current: None,
            collections: 0,
            documents: 0,
            topics: TopicImport::default(),
        }
    }
}

impl Import {
    /// Takes the next chunk.
    ///
    /// # Errors
    /// `Invalid` if the text is no export; what a write answers.
    pub async fn push(&mut self, chunk: &[u8]) -> Result<()> {
        let mut rest = chunk;
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            let (head, tail) = rest.split_at(end + 1);
            self.line.extend_from_slice(head);
            rest = tail;
            let line = std::mem::take(&mut self.line);
            self.take_line(&line).await?;
        }
        self.line.extend_from_slice(rest);
        if self.line.len() > LINE_MAX {
            return Err(wrong("a line is longer than any document can be"));
        }
        Ok(())
    }

    /// The end of the text: answers how much came in.
    ///
    /// # Errors
    /// `Invalid` if the trailer is missing.
    pub async fn finish(mut self) -> Result<Response> {
        if !self.line.is_empty() {
            let mut line = std::mem::take(&mut self.line);
            line.push(b'\n');
            self.take_line(&line).await?;
        }
        if self.stage != Stage::Ended {
            return Err(wrong("the trailer is missing, so the text was cut off"));
        }
        let mut answer = ObjectWriter::default();
        answer.number("collections", self.collections).number("documents", self.documents);
        if self.topics.topics > 0 {
            answer.number("topics", self.topics.topics).number("messages", self.topics.messages);
        }
        Ok(answer.finish())
    }

    async fn take_line(&mut self, line: &[u8]) -> Result<()> {
        let text = line.strip_suffix(b"\n").unwrap_or(line);
        if text.is_empty() {
            return Ok(());
        }
        let mut fields = Fields::split(text, "import: a line")?;
        if self.stage == Stage::Ended {
            return Err(wrong("there is text behind the trailer"));
        }
        if self.stage == Stage::Header {
            self.take_header(&mut fields).await?;
        } else if fields.flag("end", false)? {
            return self.take_trailer(fields).await;
        } else if let Some(name) = fields.text("collection")? {
            let name = name.into_owned();
            self.end_collection().await?;
            self.take_collection(&name, &mut fields).await?;
        } else if fields.has("doc") {
            self.take_document(&mut fields).await?;
        } else {
            self.end_collection().await?;
            if !self.topics.take(&self.database, &mut fields, line.len()).await? {
                return Err(wrong("a line is neither of a collection nor of a topic"));
            }
        }
        self.checksum.update(line);
        Ok(())
    }

    async fn take_header(&mut self, fields: &mut Fields<'_>) -> Result<()> {
        if fields.text("tidewell")?.as_deref() != Some("export") {
            return Err(wrong("the text does not begin like an export"));
        }
        match fields.number("format")? {
            Some(PLAIN | FORMAT) => {}
            Some(other) => return Err(wrong(format!("it has format {other}, this version reads up to {FORMAT}"))),
            None => return Err(wrong("the header names no format")),
        }
        if let Some(time) = fields.number("clock")? {
            TopicImport::clock(&self.database, time).await?;
        }
        self.stage = Stage::Body;
        Ok(())
    }

    async fn take_collection(&mut self, name: &str, fields: &mut Fields<'_>) -> Result<()> {
        let version = fields.number_u32("version")?.unwrap_or(0);
        let indexes = fields.raw("indexes").unwrap_or(b"[]");
        let search = fields.raw("search");
        let expected = fields.number("count")?.unwrap_or(0);
        // The same command that an application would send, so that it is checked alike.
        let mut command = b"{\"op\":\"ensure\",\"collection\":".to_vec();
        write_string(name, &mut command);
        command.extend_from_slice(format!(",\"version\":{version},\"indexes\":").as_bytes());
        command.extend_from_slice(indexes);
        if let Some(search) = search {
            command.extend_from_slice(b",\"search\":");
            command.extend_from_slice(search);
        }
        command.push(b'}');
        let command = String::from_utf8(command).map_err(|_| wrong("a line is not UTF-8"))?;
        self.database.execute(&command).await?;
        self.current = Some(Current { name: name.into(), expected, seen: 0, version, batch: Vec::new() });
        self.collections += 1;
        Ok(())
    }

    async fn take_document(&mut self, fields: &mut Fields<'_>) -> Result<()> {
        let version = fields.number_u32("version")?;
        let doc = fields.raw("doc").ok_or_else(|| wrong("a line is neither a collection nor a document"))?;
        let current = self.current.as_mut().ok_or_else(|| wrong("a document comes before its collection"))?;
        let version = version.unwrap_or(current.version);
        if version != current.version && !current.batch.is_empty() {
            flush(&self.database.0, current).await?;
        }
        current.version = version;
        current.batch.push(if current.batch.is_empty() { b'[' } else { b',' });
        current.batch.extend_from_slice(doc);
        current.seen += 1;
        self.documents += 1;
        if current.batch.len() >= BATCH_BYTES {
            flush(&self.database.0, current).await?;
        }
        Ok(())
    }

    async fn end_collection(&mut self) -> Result<()> {
        let Some(mut current) = self.current.take() else { return Ok(()) };
        flush(&self.database.0, &mut current).await?;
        if current.seen != current.expected {
            return Err(wrong(format!(
                "collection '{}' announces {} documents and has {}",
                current.name, current.expected, current.seen
            )));
        }
        Ok(())
    }

    async fn take_trailer(&mut self, mut fields: Fields<'_>) -> Result<()> {
        self.end_collection().await?;
        self.topics.flush(&self.database).await?;
        let sum = format!("{:016x}", self.checksum.digest());
        if fields.text("checksum")?.as_deref() != Some(&sum) {
            return Err(wrong("the checksum does not match, so the text was damaged"));
        }
        if fields.number("documents")? != Some(self.documents) {
            return Err(wrong("the trailer counts other documents than there were"));
        }
        let told = (fields.number("topics")?.unwrap_or(0), fields.number("messages")?.unwrap_or(0));
        if told != (self.topics.topics, self.topics.messages) {
            return Err(wrong("the trailer counts other messages than there were"));
        }
        self.stage = Stage::Ended;
        Ok(())
    }
}

/// Writes the documents collected so far.
async fn flush(shared: &Rc<Shared>, current: &mut Current) -> Result<()> {
    if current.batch.is_empty() {
        return Ok(());
    }
    let mut docs = std::mem::take(&mut current.batch);
    docs.push(b']');
    let write = Write::insert(&current.name, docs, InsertMode::Put, Some(current.version));
    shared.write(write, Durability::Relaxed).await.map(drop)
}
