//! One tab's surroundings: the engine's platform on the simulated world, and the means to kill or freeze the tab.
//!
//! Not an instance: a test opens the engine on it.

use std::cell::{Cell, RefCell};
use std::future::{ready, Future};
use std::rc::{Rc, Weak};

use tidewell_core::base::{Clock, Rng, SeededRng};
use tidewell_core::disk::LocalFuture;
use tidewell_core::engine::{Guard, LockMode, Platform};

use crate::schedule::{Task, World};
use crate::TabId;

/// What a tab does with the announcements of others.
pub type Receiver = Rc<dyn Fn(&[u8])>;

/// A simulated tab.
pub struct SimPlatform {
    world: Weak<World>,
    tab: TabId,
    rng: SeededRng,
    /// The device's clock is wrong by this much, in ms.
    wall_skew_ms: f64,
    receiver: RefCell<Option<Receiver>>,
    /// Whether the rest of the program never comes.
    is_partial: Cell<bool>,
}

impl SimPlatform {
    pub(crate) fn new(world: &Rc<World>) -> Rc<Self> {
        let tab = TabId(world.number());
        let rng = world.fork();
        let wall_skew_ms = rng.below(172_800_000) as f64 - 86_400_000.0;
        let platform = Self {
            world: Rc::downgrade(world),
            tab,
            rng,
            wall_skew_ms,
            receiver: RefCell::default(),
            is_partial: Cell::default(),
        };
        let platform = Rc::new(platform);
        world.tabs.borrow_mut().insert(tab, Rc::clone(&platform));
        platform
    }

    /// Runs `future` as a task of this tab.
    pub fn run<T: 'static>(&self, future: impl Future<Output = T> + 'static) -> LocalFuture<'static, Option<T>> {
        match self.world.upgrade() {
            Some(world) => Box::pin(world.spawn(self.tab, future)),
            None => Box::pin(ready(None)),
        }
    }

    /// Runs `future` as a task of this tab, with a handle to look at.
    pub fn start<T: 'static>(&self, future: impl Future<Output = T> + 'static) -> Option<Task<T>> {
        self.world.upgrade().map(|world| world.spawn(self.tab, future))
    }

    /// Announcements of other tabs go to `receiver` from now on.
    pub fn on_announce(&self, receiver: Receiver) {
        self.receiver.replace(Some(receiver));
    }

    /// The rest of the program does not come from now on: who waits for it waits for ever.
    pub fn lose_the_rest(&self) {
        self.is_partial.set(true);
    }

    /// Kills the tab: its tasks are dropped, its locks released. Commits in flight may or may not happen.
    pub fn kill(&self) {
        if let Some(world) = self.world.upgrade() {
            world.kill(self.tab);
        }
        self.forget_receiver();
    }

    /// The receiver usually owns an instance, and the instance this platform.
    pub(crate) fn forget_receiver(&self) {
        let receiver = self.receiver.take();
        drop(receiver);
    }

    /// Freezes the tab: its tasks stand still, its locks stay held, announcements wait.
    pub fn freeze(&self) {
        if let Some(world) = self.world.upgrade() {
            world.freeze(self.tab);
        }
    }

    /// Lets a frozen tab go on.
    pub fn thaw(&self) {
        if let Some(world) = self.world.upgrade() {
            world.thaw(self.tab);
        }
    }

    /// Whether the tab was neither killed nor is frozen.
    pub fn is_running(&self) -> bool {
        let running = |world: &Rc<World>| world.tabs.borrow().contains_key(&self.tab) && !world.is_frozen(self.tab);
        self.world.upgrade().as_ref().is_some_and(running)
    }

    fn receive(&self, message: &[u8]) {
        let receiver = self.receiver.borrow().clone();
        if let Some(receiver) = receiver {
            receiver(message);
        }
    }
}

impl Clock for SimPlatform {
    fn monotonic_ms(&self) -> f64 {
        self.world.upgrade().map_or(0.0, |world| world.now_ms())
    }

    fn wall_ms(&self) -> f64 {
        1_800_000_000_000.0 + self.wall_skew_ms + self.monotonic_ms()
    }
}

impl Rng for SimPlatform {
    fn fill(&self, bytes: &mut [u8]) {
        self.rng.fill(bytes);
    }
}

impl Platform for SimPlatform {
    fn sleep(&self, ms: f64) -> LocalFuture<'static, ()> {
        match self.world.upgrade() {
            Some(world) => world.sleep(ms),
            None => Box::pin(std::future::pending()),
        }
    }

    fn breathe(&self) -> LocalFuture<'static, ()> {
        self.sleep(self.rng.below(2000) as f64 / 1000.0)
    }

    fn prepare(&self) -> LocalFuture<'static, ()> {
        if self.is_partial.get() {
            return Box::pin(std::future::pending());
        }
        Box::pin(ready(()))
    }

    fn spawn(&self, task: LocalFuture<'static, ()>) {
        self.start(task);
    }

    fn announce(&self, message: &[u8]) {
        let Some(world) = self.world.upgrade() else { return };
        let options = world.options().clone();
        let tabs = world.tabs.borrow();
        let others: Vec<Rc<Self>> = tabs.values().filter(|other| other.tab != self.tab).cloned().collect();
        let alive = tabs.contains_key(&self.tab);
        drop(tabs);
        for other in others.into_iter().filter(|_| alive) {
            if options.drop_one_in > 0 && self.rng.one_in(options.drop_one_in) {
                continue;
            }
            let way = world.sleep(self.rng.below(options.announce_ms * 1000 + 1) as f64 / 1000.0);
            let (message, receiver) = (message.to_vec(), Rc::downgrade(&other));
            world.spawn(other.tab, async move {
                way.await;
                if let Some(other) = receiver.upgrade() {
                    other.receive(&message);
                }
            });
        }
    }

    fn lock(&self, name: &str, mode: LockMode) -> LocalFuture<'static, Option<Guard>> {
        match self.world.upgrade().filter(|world| world.options().locks) {
            Some(world) if !world.tabs.borrow().contains_key(&self.tab) => Box::pin(std::future::pending()),
            Some(world) => {
                let lock = Rc::clone(&world.locks).acquire(self.tab, name.to_owned(), mode);
                Box::pin(async move { Some(lock.await) })
            }
            None => Box::pin(ready(None)),
        }
    }

    fn held_locks(&self, prefix: &str) -> LocalFuture<'static, Option<Vec<String>>> {
        let world = self.world.upgrade().filter(|world| world.options().locks);
        Box::pin(ready(world.map(|world| world.locks.held(prefix))))
    }
}
