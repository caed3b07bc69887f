//! Named locks as browsers have them: exclusive or shared, granted in the order of asking.
//!
//! No stealing, and no time limits: who wants one races the lock against a timer.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::future::{poll_fn, Future};
use std::rc::Rc;
use std::task::{Poll, Waker};

use tidewell_core::engine::{Guard, LockMode};

use crate::TabId;

struct Request {
    number: u64,
    tab: TabId,
    mode: LockMode,
    granted: bool,
    waker: Option<Waker>,
}

/// All locks of the world. Of each name, granted requests come before waiting ones.
#[derive(Default)]
pub(crate) struct Locks {
    last: Cell<u64>,
    names: RefCell<BTreeMap<String, Vec<Request>>>,
}

impl Locks {
    /// Waits for the lock `name`. Dropping the future, or later the guard, lets go of it.
    pub(crate) fn acquire(
        self: Rc<Self>,
        tab: TabId,
        name: String,
        mode: LockMode,
    ) -> impl Future<Output = Guard> + 'static {
        self.last.set(self.last.get() + 1);
        let number = self.last.get();
        let request = Request { number, tab, mode, granted: false, waker: None };
        self.names.borrow_mut().entry(name.clone()).or_default().push(request);
        let held = Held { locks: Rc::clone(&self), name: name.clone(), number };
        self.grant(&name);
        async move {
            poll_fn(|context| self.poll_granted(&name, number, context.waker())).await;
            Box::new(held) as Guard
        }
    }

    fn poll_granted(&self, name: &str, number: u64, waker: &Waker) -> Poll<()> {
        let mut names = self.names.borrow_mut();
        let request = names.get_mut(name).and_then(|queue| queue.iter_mut().find(|request| request.number == number));
        match request {
            Some(request) if request.granted => Poll::Ready(()),
            Some(request) => {
                request.waker = Some(waker.clone());
                Poll::Pending
            }
            // Its tab was killed: nobody will ever know.
            None => Poll::Pending,
        }
    }

    /// Grants whatever can be granted at the front of the queue of `name`.
    fn grant(&self, name: &str) {
        let mut wakers = Vec::new();
        if let Some(queue) = self.names.borrow_mut().get_mut(name) {
            let mut held = None;
            for request in queue.iter_mut() {
                let free = match (held, request.mode) {
                    (None, _) => true,
                    (Some(LockMode::Shared), LockMode::Shared) => true,
                    _ => request.granted,
                };
                if !free {
                    break;
                }
                request.granted = true;
                held = Some(request.mode);
                wakers.extend(request.waker.take());
            }
        }
        wakers.into_iter().for_each(Waker::wake);
    }

    fn remove(&self, name: &str, doomed: impl Fn(&Request) -> bool) {
        let mut names = self.names.borrow_mut();
        if let Some(queue) = names.get_mut(name) {
            queue.retain(|request| !doomed(request));
            if queue.is_empty() {
                names.remove(name);
            }
        }
        drop(names);
        self.grant(name);
    }

    /// Lets go of everything that `tab` holds or waits for.
    pub(crate) fn release_all(&self, tab: TabId) {
        let names: Vec<String> = self.names.borrow().keys().cloned().collect();
        for name in names {
            self.remove(&name, |request| request.tab == tab);
        }
    }

    /// The names of held locks that start with `prefix`, each once for each holder.
    pub(crate) fn held(&self, prefix: &str) -> Vec<String> {
        let names = self.names.borrow();
        let matching = names.iter().filter(|(name, _)| name.starts_with(prefix));
        matching.flat_map(|(name, queue)| queue.iter().filter(|r| r.granted).map(|_| name.clone())).collect()
    }
}

/// A request's place, held or waiting, until it is dropped.
struct Held {
    locks: Rc<Locks>,
    name: String,
    number: u64,
}

impl Drop for Held {
    fn drop(&mut self) {
        self.locks.remove(&self.name, |request| request.number == self.number);
    }
}
