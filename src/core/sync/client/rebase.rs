//! The view: pending mutations on top of what was pulled, always computed the same way.
//!
//! It stores nothing.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::super::op::{Op, Refusal};
use super::records::{Entry, IN_BASE};
use super::state::{base, Client, Touched};
use super::store::ClientStore;
use crate::base::{FastMap, FastSet, Result};
use crate::collections::Value;

/// Documents that pending mutations change. A copy shares what is in it.
pub(super) type Overlay = BTreeMap<Rc<(Box<str>, Box<str>)>, Option<Rc<Value>>>;

/// A collection and an id.
type Key<'a> = (&'a str, &'a str);

fn key_of(op: &Op) -> Key<'_> {
    (&op.collection, &op.id)
}

impl Client {
    /// The overlay of all pending mutations on the store's base. A mutation that can no longer be done as a whole is
    /// not shown; the server will say why.
    pub(super) fn rebased(&self, store: &dyn ClientStore) -> Result<Overlay> {
        let mut overlay = Overlay::new();
        for entry in self.held.outbox.iter().filter(|entry| entry.mutation.seq > self.meta.included) {
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
                    base.map(|base| Rc::new(base.document))
                }
            };
            match op.apply(current.as_deref()) {
                Ok(after) => drop(changed.insert(Rc::new(key), after.map(Rc::new))),
                Err(refusal) => return Ok(Err(refusal)),
            }
        }
        Ok(Ok(changed))
    }

    /// Computes all of the view anew; answers which documents it may show differently.
    pub(super) fn refresh_all(&mut self, store: &dyn ClientStore) -> Result<Touched> {
        let overlay = self.rebased(store)?;
        let before = std::mem::replace(&mut self.overlay, Rc::new(overlay));
        let (before, now) = (&*before, &*self.overlay);
        let mut touched = Touched::new();
        for (one, other) in [(before, now), (now, before)] {
            let different = one.iter().filter(|(key, document)| other.get(*key) != Some(*document));
            touched.extend(different.map(|(key, _)| (**key).clone()));
        }
        Ok(touched)
    }

    /// Computes the view of some documents anew, and of those that mutations tie to them: a mutation shows as a whole or not at
    /// all. The others show what they showed. Answers which documents may show differently.
    pub(super) fn refresh(&mut self, store: &dyn ClientStore, mut touched: Touched) -> Result<Touched> {
        if touched.is_empty() {
            return Ok(touched);
        }
        let tied = self.tied(&touched);
        let mut anew = Overlay::new();
        for entry in self.held.outbox.iter().filter(|entry| entry.mutation.seq > self.meta.included) {
            if entry.mutation.ops.iter().any(|op| tied.contains(&key_of(op))) {
                if let Ok(changed) = self.show(store, &anew, entry)? {
                    anew.extend(changed);
                }
            }
        }
        let tied: Vec<_> = tied.into_iter().map(|(collection, id)| (collection.into(), id.into())).collect();
        let overlay = Rc::make_mut(&mut self.overlay);
        for key in tied {
            let before = overlay.remove(&key);
            let now = anew.remove(&key);
            if before != now {
                touched.insert(key.clone());
            }
            overlay.extend(now.map(|document| (Rc::new(key), document)));
        }
        Ok(touched)
    }

    /// The documents, and all that mutations of the outbox change together with one of them.
    fn tied<'a>(&'a self, touched: &'a Touched) -> FastSet<Key<'a>> {
        // A mutation of one document ties nothing.
        let mut many: Vec<Option<&'a [Op]>> = Vec::new();
        let mut together: FastMap<Key<'a>, Vec<usize>> = FastMap::default();
        for ops in self.held.outbox.iter().map(|entry| &*entry.mutation.ops).filter(|ops| ops.len() > 1) {
            for op in ops {
                together.entry(key_of(op)).or_default().push(many.len());
            }
            many.push(Some(ops));
        }
        let mut tied: FastSet<Key<'a>> = touched.iter().map(|(collection, id)| (&**collection, &**id)).collect();
        let mut to_follow: Vec<Key<'a>> = tied.iter().copied().collect();
        while let Some(key) = to_follow.pop() {
            for at in together.remove(&key).unwrap_or_default() {
                let ops = many.get_mut(at).and_then(Option::take).unwrap_or_default();
                to_follow.extend(ops.iter().map(key_of).filter(|key| tied.insert(*key)));
            }
        }
        tied
    }
}
