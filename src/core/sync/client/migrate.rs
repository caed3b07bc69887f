//! Raising what waits to a newer schema of the application.
//!
//! The core does not know what a schema is: the application answers what the ops are in the new one.

use std::rc::Rc;
use std::sync::Arc;

use super::super::mutation::Mutation;
use super::super::op::Op;
use super::records::Entry;
use super::state::{Client, Touched};
use super::store::ClientStore;
use crate::base::{Result, Rng};

impl Client {
    /// Brings what was not answered, and what is retained, to the schema of this client, under a new name for the replica: `upcast` answers the
    /// ops of a mutation in the new schema, or `None` to leave them. For a server that has answered `upgrade`.
    ///
    /// # Errors
    /// `Invalid` if the new ops are too large; what the store answers.
    pub fn migrate(
        &mut self,
        store: &mut dyn ClientStore,
        rng: &dyn Rng,
        upcast: &mut dyn FnMut(&Mutation) -> Option<Vec<Op>>,
    ) -> Result<Touched> {
        let schema = self.config.schema;
        let is_old = |mutation: &Mutation| mutation.schema < schema;
        let mut raised = |old: &Mutation| {
            let ops = upcast(old).unwrap_or_else(|| old.ops.clone());
            Mutation::new(old.seq, old.prev, &old.id, schema, old.base, ops)
        };
        // What is only retained is in no chain any more: it is rewritten where it stands.
        let (mut retained, mut writes) = (self.held.retained.clone(), Vec::new());
        for kept in retained.iter_mut().filter(|kept| is_old(&kept.mutation)) {
            kept.mutation = Arc::new(raised(&kept.mutation)?);
            let (table, row) = kept.row();
            writes.push((table, row, Some(kept.entry().to_value())));
        }
        if !writes.is_empty() {
            store.commit(writes)?;
            Rc::make_mut(&mut self.held).retained = retained;
        }
        if !self.held.outbox.iter().any(|entry| is_old(&entry.mutation)) {
            return Ok(Touched::new());
        }
        let mut entries: Vec<Entry> = self.held.outbox.iter().cloned().collect();
        for entry in entries.iter_mut().filter(|entry| is_old(&entry.mutation)) {
            entry.mutation = Arc::new(raised(&entry.mutation)?);
        }
        self.under_new_name(store, rng, entries)
    }
}
