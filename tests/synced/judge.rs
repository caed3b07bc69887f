//! Judges a storage: what its collections hold must be the server's state with the pending mutations on top, and what is
//! derived from documents must agree with them.
//!
//! It reads the keys of sync as docs/FORMAT.md says they are, not by the code under test.

use std::collections::BTreeMap;

use tidewell_core::base::Result;
use tidewell_core::collections::catalog::Catalog;
use tidewell_core::collections::{agreement, json, keys, Document, Value};
use tidewell_core::database::Database;
use tidewell_core::engine::{Direction, KeyRange, Read, Step};
use tidewell_core::sync::Mutation;

use super::device::{number, text, word};

/// Documents by collection and id, as JSON.
pub(crate) type State = BTreeMap<(String, String), String>;

/// What a storage holds at one position.
pub(crate) struct Sight {
    /// The documents of synced collections.
    pub(crate) documents: State,
    /// The replica's record.
    meta: Value,
    /// The outbox.
    entries: Vec<Value>,
    complaints: Vec<String>,
}

fn scan(view: &dyn Read, prefix: &[u8]) -> Step<Vec<(Vec<u8>, Vec<u8>)>> {
    let mut rows = Vec::new();
    let mut cursor = view.cursor(KeyRange::prefix(prefix), Direction::Forward);
    while cursor.advance()? {
        rows.push((cursor.key()[prefix.len()..].to_vec(), cursor.value().to_vec()));
    }
    Ok(rows)
}

/// Behind three varints.
fn behind_counts(mut bytes: &[u8]) -> &[u8] {
    for _ in 0..3 {
        let end = bytes.iter().position(|byte| byte & 0x80 == 0).unwrap();
        bytes = &bytes[end + 1..];
    }
    bytes
}

impl Sight {
    /// Looks at everything, at one position.
    pub(crate) async fn of(database: &Database) -> Result<Option<Self>> {
        database
            .engine()
            .read(|view| {
                let catalog = Catalog::default();
                let complaints = agreement::inspect(view, &catalog)?.complaints;
                let Some((_, meta)) = scan(view, &[8, b'm'])?.pop() else { return Ok(None) };
                let meta = json::parse(behind_counts(&meta))?;
                let mut entries = Vec::new();
                for (_, entry) in scan(view, &[8, b'o'])? {
                    entries.push(json::parse(&entry)?);
                }
                let mut documents = State::new();
                for (name, _) in scan(view, &[8, b'c'])? {
                    let name = String::from_utf8(name).unwrap();
                    let Some(collection) = catalog.find(view, &name)? else { continue };
                    for (id, stored) in scan(view, &keys::document_prefix(collection.id))? {
                        let id = String::from_utf8(id).unwrap();
                        documents.insert((name.clone(), id), text(&Document::parse(&stored)?.to_value()?));
                    }
                }
                Ok(Some(Self { documents, meta, entries, complaints }))
            })
            .await
    }

    /// What is derived from documents and does not agree with them.
    pub(crate) fn complaints(&self) -> &[String] {
        &self.complaints
    }

    /// Whether the documents are what they must be. `states` are the server's, by epoch and version.
    pub(crate) fn judge(&self, states: &BTreeMap<(String, u64), State>) -> std::result::Result<(), String> {
        if let Some(complaint) = self.complaints.first() {
            return Err(format!("derived data: {complaint}"));
        }
        let is_whole = self.meta.field("whole") == Some(&Value::Bool(true));
        let Some(Value::String(_)) = self.meta.field("cursor").filter(|_| is_whole) else { return Ok(()) };
        let at = (word(&self.meta, "epoch"), number(&self.meta, "version"));
        let Some(state) = states.get(&at) else { return Err(format!("the client is at {at:?}, which never was")) };
        let mut expected = state.clone();
        let included = number(&self.meta, "included");
        for entry in &self.entries {
            let mutation = Mutation::parse(entry.field("mutation").unwrap().clone()).unwrap();
            if mutation.seq > included && entry.field("recovered").is_none() {
                perform(&mut expected, &mutation);
            }
        }
        // What is only kept for a server that is restored says nothing of what is shown.
        let waits = |entry: &&Value| number(entry.field("mutation").unwrap(), "seq") > included;
        let recovers = self.entries.iter().filter(waits).any(|entry| entry.field("recovered").is_some());
        if recovers || expected == self.documents {
            return Ok(());
        }
        let documents = &self.documents;
        let different = expected.iter().filter(|(key, document)| documents.get(key) != Some(document));
        let surplus = documents.iter().filter(|(key, _)| !expected.contains_key(key));
        let (different, surplus): (Vec<_>, Vec<_>) = (different.collect(), surplus.collect());
        let shown: Vec<_> = different.iter().map(|(key, _)| documents.get(key)).collect();
        Err(format!("at {at:?} it must show\n  {different:?}\nand shows\n  {shown:?}\nbesides\n  {surplus:?}"))
    }
}

/// All ops, or none where one cannot be done.
fn perform(state: &mut State, mutation: &Mutation) {
    let mut next = state.clone();
    for op in &mutation.ops {
        let key = (op.collection.to_string(), op.id.to_string());
        let current = next.get(&key).map(|text| json::parse(text.as_bytes()).unwrap());
        match op.apply(current.as_ref()) {
            Ok(Some(after)) => drop(next.insert(key, text(&after))),
            Ok(None) => drop(next.remove(&key)),
            Err(_) => return,
        }
    }
    *state = next;
}
