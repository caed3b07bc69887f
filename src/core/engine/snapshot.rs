//! A snapshot: the database at one position, kept readable while writes, flushes and compactions go on.
//!
//! It copies nothing: it shares the memtables and the list of tables as they were.

use std::cell::RefCell;
use std::fmt;
use std::rc::Rc;

use crate::base::SortedMap;

use super::levels::Levels;
use super::state::{SharedMemtable, State};

/// Which versions of the manifest are in use by this instance: position of the version → number of snapshots.
#[derive(Debug, Default)]
pub(crate) struct VersionsInUse(RefCell<SortedMap<u64, usize>>);

impl VersionsInUse {
    /// The oldest version in use.
    pub(crate) fn oldest(&self) -> Option<u64> {
        self.0.borrow().keys().next().copied()
    }
}

/// A hold on a version of the manifest: its tables are not deleted while somebody holds it.
struct Hold {
    versions: Rc<VersionsInUse>,
    version: u64,
}

impl Hold {
    fn new(versions: &Rc<VersionsInUse>, version: u64) -> Self {
        *versions.0.borrow_mut().or_default(version) += 1;
        Self { versions: Rc::clone(versions), version }
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        let mut versions = self.versions.0.borrow_mut();
        if let Some(count) = versions.get_mut(&self.version) {
            *count -= 1;
            if *count == 0 {
                versions.remove(&self.version);
            }
        }
    }
}

/// The database at one position.
pub struct Snapshot {
    pub(crate) position: u64,
    pub(crate) generation: u64,
    /// Newest first.
    pub(crate) memtables: Vec<SharedMemtable>,
    pub(crate) levels: Rc<Levels>,
    _hold: Option<Hold>,
}

impl Snapshot {
    /// The newest visible state, for the length of one synchronous step.
    pub(crate) fn transient(state: &State) -> Self {
        let mut memtables = Vec::with_capacity(1 + state.sealed.len());
        memtables.push(Rc::clone(&state.active));
        memtables.extend(state.sealed.iter().rev().map(|sealed| Rc::clone(&sealed.memtable)));
        Self {
            position: state.head,
            generation: state.generation,
            memtables,
            levels: Rc::clone(&state.manifest.levels),
            _hold: None,
        }
    }

    /// The newest visible state, held over awaits.
    pub(crate) fn held(state: &State, versions: &Rc<VersionsInUse>) -> Self {
        Self { _hold: Some(Hold::new(versions, state.manifest.edited)), ..Self::transient(state) }
    }

    /// The position it shows: every commit up to it and none after.
    pub fn position(&self) -> u64 {
        self.position
    }
}

impl fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Snapshot").field("position", &self.position).finish_non_exhaustive()
    }
}
