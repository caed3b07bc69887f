//! Looking at a client's store without opening a client: what counts and lists show in every tab.

use std::sync::Arc;

use super::super::mutation::Mutation;
use super::held::{answered, version_in};
use super::records::{seq_key, Entry, Meta};
use super::state::corrupt;
use super::store::{ClientStore, Table};
use crate::base::Result;

/// Where a replica stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Its name.
    pub replica: Box<str>,
    /// The server's epoch, once it has answered.
    pub epoch: Option<Box<str>>,
    /// The server's version that the base is, if it is exactly one.
    pub version: Option<u64>,
    /// Whether everything was answered and has come back.
    pub settled: bool,
}

/// Where the replica stands, if there is one. `pending`: how many mutations the server has not answered.
///
/// # Errors
/// What the store answers; `Corrupt` if it holds something else.
pub fn standing(store: &dyn ClientStore, pending: u64) -> Result<Option<Standing>> {
    let Some(meta) = store.get(Table::Meta, "")? else { return Ok(None) };
    let meta = Meta::parse(meta).map_err(corrupt)?;
    // What is not answered counts as pending; of the rest only what the base does not have is not settled.
    let mut settled = pending == 0;
    if settled && meta.included < meta.seq {
        store.scan(Table::Outbox, &seq_key(meta.first.max(meta.included + 1)), &mut |_, _| {
            settled = false;
            Ok(false)
        })?;
    }
    let version = (meta.whole && meta.cursor.is_some()).then_some(meta.version);
    Ok(Some(Standing { replica: meta.replica, epoch: meta.epoch, version, settled }))
}

/// The first mutations behind a number that wait or whose effect has not come back, and whether the server has answered each.
///
/// # Errors
/// What the store answers; `Corrupt` if it holds something else.
pub fn pending_after(store: &dyn ClientStore, after: u64, limit: usize) -> Result<Vec<(Arc<Mutation>, bool)>> {
    let mut found = Vec::new();
    let Some(meta) = store.get(Table::Meta, "")? else { return Ok(found) };
    let meta = Meta::parse(meta).map_err(corrupt)?;
    let runs = answered(store, &meta)?;
    // What was answered and is in the base is only kept: the first of those need not even be read.
    let kept = runs.iter().fold(meta.first, |kept, run| if run.from <= kept { kept.max(run.to + 1) } else { kept });
    let from = kept.min(meta.included + 1).max(after + 1);
    store.scan(Table::Outbox, &seq_key(from), &mut |_, value| {
        if found.len() < limit {
            let Entry { mutation, applied, .. } = Entry::parse(value).map_err(corrupt)?;
            let is_answered = applied.or_else(|| version_in(&runs, mutation.seq)).is_some();
            if !is_answered || mutation.seq > meta.included {
                found.push((mutation, is_answered));
            }
        }
        Ok(found.len() < limit)
    })?;
    Ok(found)
}
