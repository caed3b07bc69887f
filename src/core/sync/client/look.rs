//! Looking at a client's store without opening a client: what counts and lists show in every tab.

use std::rc::Rc;

use super::super::mutation::Mutation;
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
    // The outbox is only looked at where something may be in it: what has left it lies there deleted, and is passed over one by one.
    let settled = pending == 0 && (meta.included >= meta.seq || pending_after(store, 0, 1)?.is_empty());
    let version = (meta.whole && meta.cursor.is_some()).then_some(meta.version);
    Ok(Some(Standing { replica: meta.replica, epoch: meta.epoch, version, settled }))
}

/// The first mutations behind a number that wait or whose effect has not come back, and whether the server has answered each.
///
/// # Errors
/// What the store answers; `Corrupt` if it holds something else.
pub fn pending_after(store: &dyn ClientStore, after: u64, limit: usize) -> Result<Vec<(Rc<Mutation>, bool)>> {
    let (mut found, last) = (Vec::new(), seq_key(after));
    store.scan(Table::Outbox, &mut |key, value| {
        if key > &*last && found.len() < limit {
            let entry = Entry::parse(value).map_err(corrupt)?;
            found.push((entry.mutation, entry.applied.is_some()));
        }
        Ok(found.len() < limit)
    })?;
    Ok(found)
}
