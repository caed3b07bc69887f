//! The executor: of all tasks that can go on, a random one goes on; when none can, time jumps to the next timer.
//!
//! Single-threaded; wakers cross a mutex only because the standard library wants them to be shareable.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::future::{poll_fn, Future};
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

use tidewell_core::base::SeededRng;
use tidewell_core::disk::LocalFuture;

use crate::locks::Locks;
use crate::timer::Timers;
use crate::{SimOptions, SimPlatform, Stalled, TabId, NOBODY};

type Ready = Arc<Mutex<Vec<u64>>>;

struct TaskWaker {
    task: u64,
    queued: AtomicBool,
    ready: Ready,
}

impl Wake for TaskWaker {
    fn wake(self: Arc<Self>) {
        if !self.queued.swap(true, Ordering::Relaxed) {
            self.ready.lock().unwrap_or_else(PoisonError::into_inner).push(self.task);
        }
    }
}

struct Running {
    tab: TabId,
    /// `None` while it is being polled.
    future: Option<LocalFuture<'static, ()>>,
    waker: Arc<TaskWaker>,
}

/// Everything that is simulated: tasks, time, locks, tabs.
pub struct World {
    options: SimOptions,
    rng: SeededRng,
    fingerprint: Cell<u64>,
    tasks: RefCell<BTreeMap<u64, Running>>,
    ready: Ready,
    last_number: Cell<u64>,
    pub(crate) timers: Timers,
    pub(crate) locks: Rc<Locks>,
    pub(crate) tabs: RefCell<BTreeMap<TabId, Rc<SimPlatform>>>,
    frozen: RefCell<BTreeMap<TabId, BTreeSet<u64>>>,
}

impl World {
    pub(crate) fn new(seed: u64, options: SimOptions) -> Rc<Self> {
        Rc::new(Self {
            options,
            rng: SeededRng::new(seed),
            fingerprint: Cell::new(0),
            tasks: RefCell::default(),
            ready: Ready::default(),
            last_number: Cell::new(0),
            timers: Timers::default(),
            locks: Rc::default(),
            tabs: RefCell::default(),
            frozen: RefCell::default(),
        })
    }

    pub(crate) fn options(&self) -> &SimOptions {
        &self.options
    }

    pub(crate) fn fork(&self) -> SeededRng {
        self.rng.fork()
    }

    pub(crate) fn fingerprint(&self) -> u64 {
        self.fingerprint.get()
    }

    pub(crate) fn now_ms(&self) -> f64 {
        self.timers.now_us() as f64 / 1000.0
    }

    pub(crate) fn number(&self) -> u64 {
        self.last_number.set(self.last_number.get() + 1);
        self.last_number.get()
    }

    /// Runs `future` as a task of `tab`.
    pub(crate) fn spawn<T: 'static>(self: &Rc<Self>, tab: TabId, future: impl Future<Output = T> + 'static) -> Task<T> {
        let state = Rc::new(RefCell::new(TaskState { result: None, done: false, waker: None }));
        let ended = EndsTask(Rc::clone(&state));
        let future = async move {
            let result = future.await;
            ended.0.borrow_mut().result = Some(result);
        };
        if tab == NOBODY || self.tabs.borrow().contains_key(&tab) {
            let task = self.number();
            let waker = TaskWaker { task, queued: AtomicBool::new(false), ready: Arc::clone(&self.ready) };
            let running = Running { tab, future: Some(Box::pin(future)), waker: Arc::new(waker) };
            let waker = Arc::clone(&running.waker);
            self.tasks.borrow_mut().insert(task, running);
            waker.wake();
        }
        Task { state }
    }

    /// Resolves after `ms` simulated milliseconds.
    pub(crate) fn sleep(self: &Rc<Self>, ms: f64) -> LocalFuture<'static, ()> {
        let world = Rc::clone(self);
        Box::pin(async move {
            let at_us = world.timers.now_us().saturating_add((ms.max(0.0) * 1000.0) as u64);
            let mut timer = SetTimer { world, key: None };
            poll_fn(|context| timer.poll(at_us, context)).await;
        })
    }

    /// Takes steps until `done`.
    pub(crate) fn run_until(self: &Rc<Self>, done: impl Fn() -> bool) -> Result<(), Stalled> {
        for _ in 0..self.options.steps_max {
            if done() {
                return Ok(());
            }
            match self.choose() {
                Some(task) => self.step(task),
                None if self.timers.fire_next() => {}
                None => return Err(Stalled::Deadlock),
            }
        }
        Err(Stalled::Livelock)
    }

    fn choose(&self) -> Option<u64> {
        let mut ready = self.ready.lock().unwrap_or_else(PoisonError::into_inner);
        if ready.is_empty() {
            return None;
        }
        // Sometimes time passes although somebody could go on: slow machines exist.
        if self.rng.one_in(16) {
            drop(ready);
            self.timers.fire_next();
            ready = self.ready.lock().unwrap_or_else(PoisonError::into_inner);
        }
        let index = self.rng.index(ready.len());
        Some(ready.swap_remove(index))
    }

    fn step(self: &Rc<Self>, task: u64) {
        let mut tasks = self.tasks.borrow_mut();
        let Some(running) = tasks.get_mut(&task) else { return };
        if let Some(waiting) = self.frozen.borrow_mut().get_mut(&running.tab) {
            waiting.insert(task);
            return;
        }
        running.waker.queued.store(false, Ordering::Relaxed);
        let waker = Waker::from(Arc::clone(&running.waker));
        let Some(mut future) = running.future.take() else { return };
        drop(tasks);
        let trace = self.fingerprint.get().rotate_left(5) ^ task ^ self.timers.now_us();
        self.fingerprint.set(trace.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let poll = future.as_mut().poll(&mut Context::from_waker(&waker));
        let mut tasks = self.tasks.borrow_mut();
        match tasks.get_mut(&task) {
            Some(running) if poll.is_pending() => running.future = Some(future),
            _ => {
                let finished = tasks.remove(&task);
                drop(tasks);
                drop((finished, future));
            }
        }
    }

    pub(crate) fn kill(&self, tab: TabId) {
        let platform = self.tabs.borrow_mut().remove(&tab);
        self.frozen.borrow_mut().remove(&tab);
        let mut tasks = self.tasks.borrow_mut();
        let doomed: Vec<u64> = tasks.iter().filter(|(_, running)| running.tab == tab).map(|(task, _)| *task).collect();
        let doomed: Vec<Option<Running>> = doomed.iter().map(|task| tasks.remove(task)).collect();
        drop(tasks);
        // What a task owns may call back into the world while it is dropped.
        platform.iter().for_each(|platform| platform.forget_receiver());
        drop((doomed, platform));
        self.locks.release_all(tab);
    }

    /// Drops every task: what a task owns usually owns the world, too.
    pub(crate) fn end(&self) {
        let tabs: Vec<TabId> = self.tabs.borrow().keys().copied().chain([NOBODY]).collect();
        tabs.into_iter().for_each(|tab| self.kill(tab));
    }

    pub(crate) fn freeze(&self, tab: TabId) {
        if self.tabs.borrow().contains_key(&tab) {
            self.frozen.borrow_mut().entry(tab).or_default();
        }
    }

    pub(crate) fn thaw(&self, tab: TabId) {
        let waiting = self.frozen.borrow_mut().remove(&tab).unwrap_or_default();
        self.ready.lock().unwrap_or_else(PoisonError::into_inner).extend(waiting);
    }

    pub(crate) fn is_frozen(&self, tab: TabId) -> bool {
        self.frozen.borrow().contains_key(&tab)
    }
}

struct SetTimer {
    world: Rc<World>,
    key: Option<(u64, u64)>,
}

impl SetTimer {
    fn poll(&mut self, at_us: u64, context: &Context<'_>) -> Poll<()> {
        let timers = &self.world.timers;
        self.key.take().into_iter().for_each(|key| timers.cancel(key));
        // Even a sleep of nothing lets others go first, once.
        if timers.now_us() > at_us {
            return Poll::Ready(());
        }
        self.key = Some(timers.set(at_us + 1, context.waker().clone()));
        Poll::Pending
    }
}

impl Drop for SetTimer {
    fn drop(&mut self) {
        self.key.take().into_iter().for_each(|key| self.world.timers.cancel(key));
    }
}

struct TaskState<T> {
    result: Option<T>,
    done: bool,
    waker: Option<Waker>,
}

/// Lives in the task: however the task ends, whoever waits for it learns.
struct EndsTask<T>(Rc<RefCell<TaskState<T>>>);

impl<T> Drop for EndsTask<T> {
    fn drop(&mut self) {
        let mut state = self.0.borrow_mut();
        state.done = true;
        let waker = state.waker.take();
        drop(state);
        waker.into_iter().for_each(Waker::wake);
    }
}

/// A spawned task. As a future it resolves to the task's result, or `None` if its tab was killed first.
/// Dropping it does not stop the task.
pub struct Task<T> {
    state: Rc<RefCell<TaskState<T>>>,
}

impl<T> Task<T> {
    /// Whether the task ended, with its result or with its tab.
    pub fn is_done(&self) -> bool {
        self.state.borrow().done
    }

    /// The result, once.
    pub fn take(&self) -> Option<T> {
        self.state.borrow_mut().result.take()
    }
}

impl<T> Future for Task<T> {
    type Output = Option<T>;

    fn poll(self: std::pin::Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<T>> {
        let mut state = self.state.borrow_mut();
        if state.done {
            return Poll::Ready(state.result.take());
        }
        state.waker = Some(context.waker().clone());
        Poll::Pending
    }
}
