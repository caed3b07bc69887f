//! Small single-threaded meeting points for tasks: a reply that arrives once, and a condition that many wait for.
//!
//! Not a channel: nothing is queued, and nothing crosses threads.

use std::cell::RefCell;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

#[derive(Debug)]
struct ReplyState<T> {
    value: Option<T>,
    closed: bool,
    waker: Option<Waker>,
}

/// The end that answers. Dropping it unanswered wakes the other end with `None`.
#[derive(Debug)]
pub(crate) struct Reply<T>(Rc<RefCell<ReplyState<T>>>);

/// The end that waits: a future of `Some(answer)`, or `None` if nobody will answer any more.
#[derive(Debug)]
pub(crate) struct Awaiting<T>(Rc<RefCell<ReplyState<T>>>);

/// A pair of ends for one answer.
pub(crate) fn reply<T>() -> (Reply<T>, Awaiting<T>) {
    let state = Rc::new(RefCell::new(ReplyState { value: None, closed: false, waker: None }));
    (Reply(Rc::clone(&state)), Awaiting(state))
}

impl<T> Reply<T> {
    /// Answers. Nobody listening is fine.
    pub(crate) fn send(self, value: T) {
        self.0.borrow_mut().value = Some(value);
    }
}

impl<T> Drop for Reply<T> {
    fn drop(&mut self) {
        let waker = {
            let mut state = self.0.borrow_mut();
            state.closed = true;
            state.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl<T> Future for Awaiting<T> {
    type Output = Option<T>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<T>> {
        let mut state = self.0.borrow_mut();
        match state.value.take() {
            Some(value) => Poll::Ready(Some(value)),
            None if state.closed => Poll::Ready(None),
            None => {
                state.waker = Some(context.waker().clone());
                Poll::Pending
            }
        }
    }
}

/// A condition that changes: waiters look again after every `notify`.
#[derive(Debug, Default)]
pub struct Condition {
    wakers: RefCell<Vec<Waker>>,
}

impl Condition {
    /// Wakes every waiter.
    pub fn notify(&self) {
        let wakers = std::mem::take(&mut *self.wakers.borrow_mut());
        wakers.into_iter().for_each(Waker::wake);
    }

    /// Waits until `ready` holds, looking now and after every `notify`.
    pub async fn wait_until(&self, ready: impl Fn() -> bool) {
        std::future::poll_fn(|context| {
            if ready() {
                return Poll::Ready(());
            }
            self.wakers.borrow_mut().push(context.waker().clone());
            Poll::Pending
        })
        .await;
    }
}

/// Resolves with both futures, which run side by side.
pub(crate) async fn both<A: Future + Unpin, B: Future + Unpin>(mut a: A, mut b: B) -> (A::Output, B::Output) {
    let (mut first, mut second) = (None, None);
    std::future::poll_fn(|context| {
        if first.is_none() {
            if let Poll::Ready(value) = Pin::new(&mut a).poll(context) {
                first = Some(value);
            }
        }
        if second.is_none() {
            if let Poll::Ready(value) = Pin::new(&mut b).poll(context) {
                second = Some(value);
            }
        }
        match (first.take(), second.take()) {
            (Some(a), Some(b)) => Poll::Ready((a, b)),
            (one, other) => {
                (first, second) = (one, other);
                Poll::Pending
            }
        }
    })
    .await
}

/// Resolves with the first of two futures; the other is dropped.
pub async fn first_of<A: Future + Unpin, B: Future + Unpin>(mut a: A, mut b: B) -> Result<A::Output, B::Output> {
    std::future::poll_fn(|context| {
        if let Poll::Ready(value) = Pin::new(&mut a).poll(context) {
            return Poll::Ready(Ok(value));
        }
        if let Poll::Ready(value) = Pin::new(&mut b).poll(context) {
            return Poll::Ready(Err(value));
        }
        Poll::Pending
    })
    .await
}
