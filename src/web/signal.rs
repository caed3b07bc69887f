//! A value that one task waits for and one event handler delivers.
//!
//! Not a channel: one value, one waiter, one thread.

use std::cell::RefCell;
use std::future::Future;
use std::pin::Pin;
use std::rc::{Rc, Weak};
use std::task::{Context, Poll, Waker};

/// The shared slot. Cloning gives another handle to the same slot; awaiting it takes the value.
pub(crate) struct Signal<T>(Rc<RefCell<Slot<T>>>);

struct Slot<T> {
    value: Option<T>,
    settled: bool,
    waker: Option<Waker>,
}

/// A handle that does not keep the slot: for handlers that may outlive the waiter.
pub(crate) struct WeakSignal<T>(Weak<RefCell<Slot<T>>>);

impl<T> WeakSignal<T> {
    /// Delivers `value`, or drops it if nobody waits any more.
    pub(crate) fn set(&self, value: T) {
        if let Some(slot) = self.0.upgrade() {
            Signal(slot).set(value);
        }
    }
}

impl<T> Clone for Signal<T> {
    fn clone(&self) -> Self {
        Self(Rc::clone(&self.0))
    }
}

impl<T> Signal<T> {
    /// An empty slot.
    pub(crate) fn new() -> Self {
        Self(Rc::new(RefCell::new(Slot { value: None, settled: false, waker: None })))
    }

    /// A handle for a handler that may outlive the waiter.
    pub(crate) fn downgrade(&self) -> WeakSignal<T> {
        WeakSignal(Rc::downgrade(&self.0))
    }

    /// Delivers `value` unless something was delivered before.
    pub(crate) fn set(&self, value: T) {
        let waker = {
            let mut slot = self.0.borrow_mut();
            if slot.settled {
                return;
            }
            slot.settled = true;
            slot.value = Some(value);
            slot.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl<T> Future for Signal<T> {
    type Output = T;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        let mut slot = self.0.borrow_mut();
        match slot.value.take() {
            Some(value) => Poll::Ready(value),
            None => {
                slot.waker = Some(context.waker().clone());
                Poll::Pending
            }
        }
    }
}
