//! Writing mutations without holding a client: what every tab does that changes a document, whoever of them syncs.
//!
//! It shows nothing: the documents are written by the caller, in the same commit.

use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::Arc;

use super::super::limits::OPS_MAX;
use super::super::mutation::Mutation;
use super::super::op::Op;
use super::records::{fresh_name, seq_key, Entry, Meta};
use super::state::{corrupt, Client};
use super::store::{ClientStore, Table, Write};
use crate::base::{Error, Result, Rng};

/// A commit with more bytes of ops is sent as several mutations.
const BYTES: usize = 1 << 20;

/// What becomes of one mutation becomes of all of its ops.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Grouping {
    /// One mutation, or several where it is too much for one.
    #[default]
    Together,
    /// Each op is a mutation of its own.
    Apart,
}

/// Appends `ops` to the outbox. Answers how many mutations they are.
///
/// # Errors
/// `Invalid` for an op that is too large; what the store answers.
pub fn append(
    store: &mut dyn ClientStore,
    rng: &dyn Rng,
    schema: u64,
    ops: Vec<Op>,
    grouping: Grouping,
) -> Result<u64> {
    let Some(meta) = store.get(Table::Meta, "")? else {
        return Err(Error::corrupt("the sync store has no replica"));
    };
    let mut meta = Meta::parse(meta).map_err(corrupt)?;
    let mut writes: Vec<Write> = Vec::new();
    let mut count = 0;
    let portions = match grouping {
        Grouping::Together => portions(ops),
        Grouping::Apart => ops.into_iter().map(|op| vec![op]).collect(),
    };
    for ops in portions {
        let mutation = Mutation::new(meta.seq + 1, meta.hash, &fresh_name(rng), schema, meta.version, ops)?;
        (meta.seq, meta.hash) = (mutation.seq, mutation.hash());
        let entry = Entry { mutation: Arc::new(mutation), applied: None, recovered: None };
        writes.push((Table::Outbox, entry.key(), Some(entry.to_value())));
        count += 1;
    }
    if count > 0 {
        writes.push((Table::Meta, "".into(), Some(meta.to_value())));
        store.commit(writes)?;
    }
    Ok(count)
}

/// The ops in portions that fit a mutation.
fn portions(ops: Vec<Op>) -> Vec<Vec<Op>> {
    let mut portions = Vec::new();
    let (mut portion, mut bytes) = (Vec::new(), 0);
    let alone = ops.len() == 1;
    for op in ops {
        let size = if alone { 0 } else { written(&op) };
        if !portion.is_empty() && (portion.len() == OPS_MAX || bytes + size > BYTES) {
            portions.push(std::mem::take(&mut portion));
            bytes = 0;
        }
        bytes += size;
        portion.push(op);
    }
    if !portion.is_empty() {
        portions.push(portion);
    }
    portions
}

fn written(op: &Op) -> usize {
    let mut json = Vec::new();
    op.write(&mut json);
    json.len()
}

impl Client {
    /// Takes in what was appended to the outbox since. Answers `false` if the store is not where this client left it in any
    /// other way: then it must be opened anew.
    ///
    /// # Errors
    /// What the store answers.
    pub fn catch_up(&mut self, store: &dyn ClientStore) -> Result<bool> {
        let Some(meta) = store.get(Table::Meta, "")? else { return Ok(false) };
        let meta = Meta::parse(meta).map_err(corrupt)?;
        let same = Meta { seq: self.meta.seq, hash: self.meta.hash, ..meta.clone() } == self.meta;
        if !same || meta.seq < self.meta.seq || (meta.seq == self.meta.seq && meta.hash != self.meta.hash) {
            return Ok(false);
        }
        let mut appended = VecDeque::new();
        let mut last = self.meta.hash;
        for seq in self.meta.seq + 1..=meta.seq {
            let Some(entry) = store.get(Table::Outbox, &seq_key(seq))? else { return Ok(false) };
            let entry = Entry::parse(entry).map_err(corrupt)?;
            if entry.mutation.prev != last {
                return Ok(false);
            }
            last = entry.mutation.hash();
            if let Ok(changed) = self.show(store, &self.overlay, &entry)? {
                Rc::make_mut(&mut self.overlay).extend(changed);
            }
            appended.push_back(entry);
        }
        if !appended.is_empty() {
            Rc::make_mut(&mut self.held).outbox.append(&mut appended);
        }
        self.meta = meta;
        Ok(true)
    }
}
