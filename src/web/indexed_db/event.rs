//! What happens to a disk's connection behind the back of its operations.
//!
//! Not errors: those are answers of operations.

use std::cell::RefCell;
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

impl DiskEvent {
    /// Its name in the JavaScript API.
    pub fn name(self) -> &'static str {
        match self {
            Self::ConnectionLost => "connection-lost",
            Self::VersionChange => "versionchange",
            Self::Blocked => "blocked",
            Self::Reopened => "reopened",
            Self::Lost => "storage-lost",
        }
    }
}

/// Is called with what happened.
pub type DiskListener = Rc<dyn Fn(DiskEvent)>;

/// Who is told, if anybody.
#[derive(Clone, Default)]
pub(super) struct Listener(Rc<RefCell<Option<DiskListener>>>);

impl Listener {
    pub(super) fn set(&self, callback: DiskListener) {
        *self.0.borrow_mut() = Some(callback);
    }

    pub(super) fn tell(&self, event: DiskEvent) {
        let callback = self.0.borrow().clone();
        if let Some(callback) = callback {
            callback(event);
        }
    }
}
