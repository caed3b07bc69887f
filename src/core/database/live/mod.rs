//! Subscriptions: live results that follow the commits of this and every other instance.
//!
//! A `find` is maintained from the commits themselves (`window.rs`); other reads are run again when a commit touches
//! what they read (`value.rs`).

mod value;
mod window;

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use crate::base::planted::{planted, Bug};
use crate::base::{Error, Result};
use crate::collections::fields::Fields;
use crate::engine::Record;

use super::handle::{ById, Database, Shared};
use super::response::ObjectWriter;

use value::LiveValue;
use window::LiveWindow;

/// What a subscriber is told; docs/COMMANDS.md has the kinds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LiveEvent {
    /// JSON text.
    pub json: Vec<u8>,
    /// Whether some value in it is tagged.
    pub extended: bool,
}

/// Receives a subscription's events, synchronously after the commit; it may read, subscribe and unsubscribe.
pub(in crate::database) type LiveListener = Rc<dyn Fn(LiveEvent)>;

/// One subscription.
#[derive(Clone)]
enum Live {
    Window(Rc<LiveWindow>),
    Value(Rc<LiveValue>),
}

/// The subscriptions of an instance.
#[derive(Default)]
pub(super) struct Subscriptions {
    live: RefCell<ById<Live>>,
    last: Cell<u32>,
}

impl Subscriptions {
    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.live.borrow().len()
    }

    /// Ends one; an unknown number is fine.
    pub(super) fn end(&self, number: u32) {
        let ended = self.live.borrow_mut().remove(&number);
        match ended {
            Some(Live::Window(window)) => window.end(),
            Some(Live::Value(value)) => value.end(),
            None => {}
        }
    }

    fn add(&self, live: Live) -> u32 {
        let number = self.last.get().wrapping_add(1);
        self.last.set(number);
        self.live.borrow_mut().insert(number, live);
        number
    }

    fn all(&self) -> Vec<Live> {
        self.live.borrow().values().cloned().collect()
    }
}

impl Database {
    /// Subscribes to a `find`, `search`, `count`, `distinct` or `aggregate` command. The first event arrives before this resolves.
    ///
    /// # Errors
    /// `Invalid` for a malformed command; what the first run answers.
    pub async fn subscribe(&self, command: &str, listener: LiveListener) -> Result<u32> {
        let shared = &self.0;
        let op = Fields::split(command.as_bytes(), "the command")?.required_text("op")?.into_owned();
        let live = match op.as_str() {
            "find" => Live::Window(Rc::new(LiveWindow::new(command, shared.platform.wall_ms(), listener)?)),
            "count" | "distinct" | "aggregate" | "search" => {
                Live::Value(Rc::new(LiveValue::new(shared, command, listener)?))
            }
            _ => {
                return Err(Error::invalid(format!(
                    "subscribe: '{op}' cannot be live: use find, search, count, distinct or aggregate"
                )))
            }
        };
        let number = shared.subscriptions.add(live.clone());
        let started = match live {
            Live::Window(window) => window.fill(shared).await,
            Live::Value(value) => value.run(shared).await,
        };
        if let Err(error) = started {
            shared.subscriptions.end(number);
            return Err(error);
        }
        Ok(number)
    }
}

impl Shared {
    /// A commit became visible.
    pub(super) fn live_commit(self: &Rc<Self>, record: &Record, own: bool) {
        if self.subscriptions.len() == 0 || (!own && planted(Bug::IgnoreForeignCommits)) {
            return;
        }
        for live in self.subscriptions.all() {
            match live {
                Live::Window(window) => window.follow(self, record),
                Live::Value(value) => value.follow(self, record),
            }
        }
    }

    /// Anything may have changed.
    pub(super) fn live_reset(self: &Rc<Self>) {
        for live in self.subscriptions.all() {
            match live {
                Live::Window(window) => window.start_over(self),
                Live::Value(value) => value.start_over(self),
            }
        }
    }

    /// The instance is unusable.
    pub(super) fn live_dead(&self, error: &Error) {
        let event = error_event(error);
        for live in self.subscriptions.all() {
            match live {
                Live::Window(window) => window.tell(event.clone()),
                Live::Value(value) => value.tell(event.clone()),
            }
        }
    }
}

/// The event that tells a failure.
fn error_event(error: &Error) -> LiveEvent {
    let mut event = ObjectWriter::default();
    event.text("kind", "error").text("code", error.kind().code()).text("message", error.message());
    LiveEvent { json: event.finish().json, extended: false }
}
