//! Profiles as versions before this one wrote them: what is answered is said in the outbox's records, and what is kept stands in a table of its own.
//!
//! It writes them by docs/FORMAT.md, not by the code under test.

use tidewell_core::collections::Value;
use tidewell_core::sync::client::memory::MemoryClient;
use tidewell_core::sync::client::{Table, Write};
use tidewell_core::sync::ClientStore;

/// A member that is a number.
pub(crate) fn number(value: &Value, name: &str) -> u64 {
    match value.field(name) {
        Some(Value::Number(number)) => *number as u64,
        other => panic!("'{name}' is no number but {other:?} in {value:?}"),
    }
}

/// The rows of a table.
pub(crate) fn rows(store: &MemoryClient, table: Table) -> Vec<(Box<str>, Value)> {
    let mut rows = Vec::new();
    let mut show = |key: &str, value: Value| {
        rows.push((Box::from(key), value));
        Ok(true)
    };
    store.scan(table, "", &mut show).unwrap();
    rows
}

/// The same profile as a version before would have left it.
pub(crate) fn as_before(store: &MemoryClient) -> MemoryClient {
    let mut before = store.clone();
    let Some(mut meta) = store.get(Table::Meta, "").unwrap() else { return before };
    let included = number(&meta, "included");
    let mut writes: Vec<Write> = Vec::new();
    if let Value::Object(members) = &mut meta {
        members.retain(|(name, _)| &**name != "first");
    }
    writes.push((Table::Meta, "".into(), Some(meta)));
    let runs = rows(store, Table::Answered);
    for (key, mut entry) in rows(store, Table::Outbox) {
        let mutation = entry.field("mutation").unwrap();
        let (seq, id) = (number(mutation, "seq"), mutation.field("id").cloned());
        let run = runs.iter().find(|(_, run)| (number(run, "from")..=number(run, "to")).contains(&seq));
        let Some(version) = run.map(|(_, run)| number(run, "version")) else { continue };
        let Value::Object(members) = &mut entry else { panic!("{entry:?}") };
        members.retain(|(name, _)| &**name != "applied");
        members.push(("applied".into(), Value::Number(version as f64)));
        if seq <= included {
            let Some(Value::String(id)) = id else { panic!("{id:?}") };
            writes.push((Table::Outbox, key, None));
            writes.push((Table::Retained, format!("{version:016x}{seq:016x}{id}").into(), Some(entry)));
        } else {
            writes.push((Table::Outbox, key, Some(entry)));
        }
    }
    writes.extend(runs.into_iter().map(|(key, _)| (Table::Answered, key, None)));
    before.commit(writes).unwrap();
    before
}
