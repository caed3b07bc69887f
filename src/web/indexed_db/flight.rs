//! Transactions in flight: who waits for the end of which.
//!
//! Not a retry loop: one flight is one IndexedDB transaction. All of them share two event handlers, so that a commit
//! creates no closure and no promise in JavaScript.

use std::cell::RefCell;
use std::rc::Rc;

use tidewell_core::disk::DiskError;
use wasm_bindgen::prelude::*;

use crate::signal::Signal;

use super::raw;

/// How something that was waited for ended.
#[derive(Debug)]
pub(super) enum End {
    /// It happened.
    Complete,
    /// The transaction was rolled back.
    Aborted,
    /// It was committed, but a result did not arrive.
    Unread,
    /// It could not be begun.
    Failed(DiskError),
    /// The deadline passed; it may still happen.
    Expired,
}

/// What a flight still waits for.
#[derive(Clone, Copy)]
struct Pending {
    complete: bool,
    reads: bool,
}

struct Flight {
    transaction: raw::Transaction,
    pending: Pending,
    end: Signal<End>,
}

type Flying = Rc<RefCell<Vec<Flight>>>;
type Handler = Closure<dyn FnMut(raw::Event)>;

/// The transactions that were begun and have not ended.
pub(super) struct Flights {
    flying: Flying,
    completed: Handler,
    aborted: Handler,
    read: Handler,
    unread: Handler,
}

impl Flights {
    pub(super) fn new() -> Self {
        let flying: Flying = Rc::default();
        Self {
            completed: handler(&flying, |flight| {
                flight.pending.complete = false;
                (!flight.pending.reads).then_some(End::Complete)
            }),
            aborted: handler(&flying, |_| Some(End::Aborted)),
            read: handler(&flying, |flight| {
                flight.pending.reads = false;
                (!flight.pending.complete).then_some(End::Complete)
            }),
            // Of a transaction that is not complete, the `abort` event will tell.
            unread: handler(&flying, |flight| (!flight.pending.complete).then_some(End::Unread)),
            flying,
        }
    }

    /// Waits for `transaction`: for its `complete` event if `whole`, and for the result of its last read, if any. To be called
    /// in the task that began it.
    ///
    /// A read is waited for because Chromium, when `commit()` was called, says `complete` while large values are still
    /// on their way.
    pub(super) fn follow(
        &self,
        transaction: raw::Transaction,
        whole: bool,
        last: Option<&raw::Request>,
    ) -> Signal<End> {
        transaction.set_onabort(self.aborted.as_ref());
        let pending = Pending { complete: whole || last.is_none(), reads: last.is_some() };
        if pending.complete {
            transaction.set_oncomplete(self.completed.as_ref());
        }
        if let Some(last) = last {
            last.set_onsuccess(self.read.as_ref());
            last.set_onerror(self.unread.as_ref());
        }
        let end = Signal::new();
        self.flying.borrow_mut().push(Flight { transaction, pending, end: end.clone() });
        end
    }
}

fn handler(flying: &Flying, on_event: fn(&mut Flight) -> Option<End>) -> Handler {
    let flying = Rc::clone(flying);
    Closure::new(move |event: raw::Event| {
        let target = event.target();
        // The target is a request or the transaction itself, which has no such property.
        let transaction = target.owner().unwrap_or_else(|| target.unchecked_into());
        let landed = {
            let mut flying = flying.borrow_mut();
            let at = flying.iter().position(|flight| flight.transaction == transaction);
            at.and_then(|at| on_event(&mut flying[at]).map(|end| (flying.swap_remove(at), end)))
        };
        if let Some((flight, end)) = landed {
            flight.end.set(end);
        }
    })
}

impl Drop for Flights {
    fn drop(&mut self) {
        for flight in self.flying.borrow().iter() {
            flight.transaction.set_oncomplete(&JsValue::NULL);
            flight.transaction.set_onabort(&JsValue::NULL);
        }
    }
}
