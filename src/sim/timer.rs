//! Simulated time: it jumps to the next timer when nothing else is left to do.
//!
//! Not a clock of its own; tabs read it through their platform.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::task::Waker;

/// Pending timers in order of time, then of setting.
#[derive(Default)]
pub(crate) struct Timers {
    now_us: Cell<u64>,
    last: Cell<u64>,
    pending: RefCell<BTreeMap<(u64, u64), Waker>>,
}

impl Timers {
    pub(crate) fn now_us(&self) -> u64 {
        self.now_us.get()
    }

    pub(crate) fn set(&self, at_us: u64, waker: Waker) -> (u64, u64) {
        self.last.set(self.last.get() + 1);
        let key = (at_us, self.last.get());
        self.pending.borrow_mut().insert(key, waker);
        key
    }

    pub(crate) fn cancel(&self, key: (u64, u64)) {
        self.pending.borrow_mut().remove(&key);
    }

    /// Jumps to the next timer and fires it. `false` if there is none.
    pub(crate) fn fire_next(&self) -> bool {
        let next = self.pending.borrow_mut().pop_first();
        let Some(((at_us, _), waker)) = next else { return false };
        self.now_us.set(at_us.max(self.now_us.get()));
        waker.wake();
        true
    }
}
