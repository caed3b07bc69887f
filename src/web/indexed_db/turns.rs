//! One transaction of a connection at a time, in workers of WebKit.
//!
//! Not a lock on data: the browser orders transactions. WebKit (2.50, and Safari as long as its pull request 73930 is open)
//! never ends the transactions of a worker that goes away, by `terminate()` or with its page, while two of them are open
//! on one connection, or one whose `commit()` was called. Every later transaction then waits for ever, even after a reload.
//! With one at a time that commits by itself this does not happen: measured in `docs/decisions/0013-webkit-workers.md`.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;

use crate::host;
use crate::signal::Signal;

/// Whose turn it is: that of the first in the queue.
#[derive(Default)]
pub(super) struct Turns {
    queue: RefCell<VecDeque<(u64, Signal<()>)>>,
    taken: Cell<u64>,
}

/// A place in the queue, to be left by dropping it.
pub(super) struct Turn {
    turns: Rc<Turns>,
    number: u64,
}

impl Turns {
    /// `None` where transactions need not take turns.
    pub(super) fn where_needed() -> Option<Rc<Self>> {
        host::is_webkit_worker().then(Rc::default)
    }

    /// Waits until everybody who came before has left.
    pub(super) async fn take(self: &Rc<Self>) -> Turn {
        let signal = Signal::new();
        let turn = Turn { turns: Rc::clone(self), number: self.taken.get() };
        self.taken.set(turn.number + 1);
        self.queue.borrow_mut().push_back((turn.number, signal.clone()));
        self.call();
        signal.await;
        turn
    }

    /// Tells the first in the queue; again, it does nothing.
    fn call(&self) {
        let first = self.queue.borrow().front().map(|(_, signal)| signal.clone());
        if let Some(first) = first {
            first.set(());
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.turns.queue.borrow_mut().retain(|(number, _)| *number != self.number);
        self.turns.call();
    }
}
