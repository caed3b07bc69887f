//! What happens to a disk's connection behind the back of its operations.
//!
//! Not errors: those are answers of operations.

use std::rc::Rc;

/// Something that the application may want to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DiskEvent {
    /// The browser closed the connection; the next operation opens another one.
    ConnectionLost,
    /// Somebody deletes the database; the connection was closed for them.
    VersionChange,
    /// Opening waits for another tab to let go.
    Blocked,
    /// A new connection replaced a dead one, to the same data.
    Reopened,
    /// The data is gone: every later operation answers `Lost`.
    Lost,
}

/// Is called with what happened.
pub type DiskListener = Rc<dyn Fn(DiskEvent)>;

/// Who is told, if anybody.
#[derive(Clone)]
pub(super) struct Listener(Option<DiskListener>);

impl Listener {
    pub(super) fn new(callback: Option<DiskListener>) -> Self {
        Self(callback)
    }

    pub(super) fn tell(&self, event: DiskEvent) {
        if let Some(callback) = &self.0 {
            callback(event);
        }
    }
}
