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
    /// It could not be begun.
    Failed(DiskError),
    /// The deadline passed; it may still happen.
    Expired,
}

struct Flight {
    transaction: raw::Transaction,
    end: Signal<End>,
}

type Flying = Rc<RefCell<Vec<Flight>>>;

/// The transactions that were begun and have not ended.
pub(super) struct Flights {
    flying: Flying,
    completed: Closure<dyn FnMut(raw::Event)>,
    aborted: Closure<dyn FnMut(raw::Event)>,
}

impl Flights {
    pub(super) fn new() -> Self {
        let flying: Flying = Rc::default();
        Self {
            completed: Self::handler(&flying, || End::Complete),
            aborted: Self::handler(&flying, || End::Aborted),
            flying,
        }
    }

    fn handler(flying: &Flying, end: fn() -> End) -> Closure<dyn FnMut(raw::Event)> {
        let flying = Rc::clone(flying);
        Closure::new(move |event: raw::Event| {
            let target = event.target();
            let landed = {
                let mut flying = flying.borrow_mut();
                let at = flying.iter().position(|flight| flight.transaction == target);
                at.map(|at| flying.swap_remove(at))
            };
            if let Some(flight) = landed {
                flight.end.set(end());
            }
        })
    }

    /// Waits for `transaction`, in whose events nobody else may be interested. To be called in the task that began it.
    pub(super) fn follow(&self, transaction: raw::Transaction) -> Signal<End> {
        transaction.set_oncomplete(self.completed.as_ref());
        transaction.set_onabort(self.aborted.as_ref());
        let end = Signal::new();
        self.flying.borrow_mut().push(Flight { transaction, end: end.clone() });
        end
    }
}

impl Drop for Flights {
    fn drop(&mut self) {
        for flight in self.flying.borrow().iter() {
            flight.transaction.set_oncomplete(&JsValue::NULL);
            flight.transaction.set_onabort(&JsValue::NULL);
        }
    }
}
