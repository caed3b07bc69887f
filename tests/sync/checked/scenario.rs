//! The small worlds: who does what, and what may go wrong how often.
//!
//! Every world is gone through completely, so each is small: two devices, at most two mutations each, most of them on one
//! document.

use std::sync::Arc;

use tidewell_core::base::planted::Bug;
use tidewell_core::sync::{Action, Op};

use super::super::value;
use super::state::{Memo, Tally};

/// The collection of all documents.
pub(super) const COLLECTION: &str = "open";

/// What a user does in one step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Intent {
    /// Counts up in the document that both devices have.
    Count,
    /// The same, if nobody else has changed it.
    CountIfUnchanged,
    /// Counts up and makes another document, in one mutation.
    CountAndCreate,
    /// Writes a field that the other device leaves alone.
    Title,
    Remove,
    /// Makes a document that the other device may make, too.
    Create,
}

impl Intent {
    /// The ops, for a device that has everything up to `version`.
    pub(super) fn ops(self, version: Option<u64>) -> Option<Vec<Op>> {
        let count = || update(r#"{"$inc":{"n":1}}"#);
        let create = || Op::new(COLLECTION, "b", Action::Create(value(r#"{"id":"b","n":0}"#)));
        Some(match self {
            Self::Count => vec![count()],
            Self::CountIfUnchanged => vec![Op { if_version: Some(version?), ..count() }],
            Self::CountAndCreate => vec![count(), create()],
            Self::Title => vec![update(r#"{"$set":{"title":"t"}}"#)],
            Self::Remove => vec![Op::new(COLLECTION, "a", Action::Remove)],
            Self::Create => vec![create()],
        })
    }
}

/// A small world.
#[derive(Clone, Default)]
pub(super) struct Scenario {
    pub(super) name: &'static str,
    /// What the users of the two devices do, in this order.
    pub(super) scripts: [&'static [Intent]; 2],
    /// How much may go wrong: a message lost or doubled, an answer not waited for, a crash of either side.
    pub(super) faults: u8,
    /// Whether what the server did is durable only a while later, and it may crash before.
    pub(super) syncs_late: bool,
    /// Whether the server may be put back to its beginning, which is a fault, too.
    pub(super) restores: bool,
    /// Whether the first device's disk may be copied over the second's, as long as nobody has written there.
    pub(super) clones: bool,
    /// Whether the devices begin without anything.
    pub(super) fresh: bool,
    /// The fault that is planted in the product.
    pub(super) bug: Option<Bug>,
    pub(super) tally: Arc<Tally>,
    pub(super) memo: Arc<Memo>,
}

fn update(text: &str) -> Op {
    Op::update(COLLECTION, "a", value(text)).unwrap()
}
