//! Deadlines in time awake: a page that was frozen or throttled must not fail for it.
//!
//! Not a clock: time is counted in ticks of one timer, and a timer that fires late is still one tick. It runs only
//! while somebody waits.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use wasm_bindgen::prelude::*;

use crate::host;
use crate::signal::Signal;

use super::flight::End;

/// Ticks of one deadline: the more, the more exact.
const TICKS: u32 = 10;

/// Everything that waits with a deadline.
pub(super) struct Deadlines {
    tick_ms: Cell<f64>,
    waiting: RefCell<Vec<Waiting>>,
    next: Cell<u64>,
    running: Cell<bool>,
}

struct Waiting {
    id: u64,
    ticks_left: u32,
    end: Signal<End>,
}

/// A deadline that runs until it is dropped.
pub(super) struct Armed<'a> {
    deadlines: &'a Deadlines,
    id: u64,
}

impl Deadlines {
    /// Deadlines of `deadline_ms` milliseconds each.
    pub(super) fn new(deadline_ms: f64) -> Rc<Self> {
        Rc::new(Self {
            tick_ms: Cell::new((deadline_ms / f64::from(TICKS)).max(1.0)),
            waiting: RefCell::default(),
            next: Cell::new(0),
            running: Cell::new(false),
        })
    }

    /// Ends `end` with [`End::Expired`] once the deadline has passed, unless the answer is dropped before.
    pub(super) fn arm(self: &Rc<Self>, end: &Signal<End>) -> Armed<'_> {
        let id = self.next.get();
        self.next.set(id + 1);
        // One tick more: the first one may come at once.
        self.waiting.borrow_mut().push(Waiting { id, ticks_left: TICKS + 1, end: end.clone() });
        if !self.running.replace(true) {
            self.schedule();
        }
        Armed { deadlines: self, id }
    }

    fn schedule(self: &Rc<Self>) {
        let deadlines = Rc::clone(self);
        let timer = Closure::once_into_js(move || deadlines.tick());
        host::set_timeout(&timer, self.tick_ms.get());
    }

    fn tick(self: &Rc<Self>) {
        let mut expired = Vec::new();
        self.waiting.borrow_mut().retain_mut(|waiting| {
            waiting.ticks_left -= 1;
            if waiting.ticks_left == 0 {
                expired.push(waiting.end.clone());
            }
            waiting.ticks_left > 0
        });
        for end in expired {
            end.set(End::Expired);
        }
        if self.waiting.borrow().is_empty() {
            self.running.set(false);
        } else {
            self.schedule();
        }
    }
}

impl Drop for Armed<'_> {
    fn drop(&mut self) {
        let mut waiting = self.deadlines.waiting.borrow_mut();
        if let Some(at) = waiting.iter().position(|waiting| waiting.id == self.id) {
            waiting.swap_remove(at);
        }
    }
}
