//! Compaction: tables are merged level by level, in slices, and swapped in by one edit.
//!
//! What to merge and how is decided in `compaction.rs`; this is the rim that fetches, writes and commits.

use std::rc::Rc;

use crate::base::Result;

use super::engine::Inner;
use super::state::State;

impl Inner {
    pub(crate) fn compaction_due(&self, _state: &State) -> bool {
        false
    }

    pub(crate) async fn compact_once(self: &Rc<Self>) -> Result<bool> {
        Ok(false)
    }
}
