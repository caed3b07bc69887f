//! The view: pending mutations on top of what was pulled, always computed the same way.
//!
//! It stores nothing.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::super::op::Refusal;
use super::records::{Entry, IN_BASE};
use super::state::{base, Client, Touched};
use super::store::ClientStore;
use crate::base::Result;
use crate::collections::Value;

/// Documents that pending mutations change.
pub(super) type Overlay = BTreeMap<(Box<str>, Box<str>), Option<Value>>;

impl Client {
    /// The overlay of all pending mutations on the store's base. A mutation that can no longer be done as a whole is
    /// not shown; the server will say why.
    pub(super) fn rebased(&self, store: &dyn ClientStore) -> Result<Overlay> {
        let mut overlay = Overlay::new();
        for entry in self.outbox.iter().filter(|entry| entry.mutation.seq > self.meta.included) {
            // A refusal is no error here: the mutation just does not show.
            if let Ok(changed) = self.show(store, &overlay, entry)? {
                overlay.extend(changed);
            }
        }
        Ok(overlay)
    }

    /// What one mutation adds to the overlay: all it does, or the refusal.
    pub(super) fn show(
        &self,
        store: &dyn ClientStore,
        overlay: &Overlay,
        entry: &Entry,
    ) -> Result<Result<Overlay, Refusal>> {
        let mut changed = Overlay::new();
        if entry.recovered == Some(IN_BASE) {
            return Ok(Ok(changed));
        }
        for op in &entry.mutation.ops {
            let key = (op.collection.clone(), op.id.clone());
            let current = match changed.get(&key).or_else(|| overlay.get(&key)) {
                Some(document) => document.clone(),
                None => {
                    let base = base(store, &op.collection, &op.id)?;
                    let has_it =
                        base.as_ref().zip(entry.recovered).is_some_and(|(base, before)| base.generation < before);
                    if has_it {
                        continue;
                    }
                    base.map(|base| base.document)
                }
            };
            match op.apply(current.as_ref()) {
                Ok(after) => drop(changed.insert(key, after)),
                Err(refusal) => return Ok(Err(refusal)),
            }
        }
        Ok(Ok(changed))
    }

    /// Computes the view anew; answers which documents it may show differently.
    pub(super) fn refresh(&mut self, store: &dyn ClientStore, mut touched: Touched) -> Result<Touched> {
        let overlay = self.rebased(store)?;
        let before = std::mem::replace(&mut self.overlay, Rc::new(overlay));
        for (key, document) in &*before {
            if self.overlay.get(key) != Some(document) {
                touched.insert(key.clone());
            }
        }
        touched.extend(
            self.overlay.iter().filter(|(key, now)| before.get(*key) != Some(*now)).map(|(key, _)| key.clone()),
        );
        Ok(touched)
    }
}
