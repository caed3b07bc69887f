//! What the engine needs of its surroundings besides a disk: time, randomness, waiting, locks, other instances.
//!
//! Nothing here carries correctness: a platform whose locks never exclude and whose messages never arrive
//! makes the engine slower, never wrong.

use crate::base::{Clock, Rng};
use crate::disk::LocalFuture;

/// How a named lock is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LockMode {
    /// By one holder.
    Exclusive,
    /// By any number of holders.
    Shared,
}

/// A held lock: dropping it releases the lock.
pub type Guard = Box<dyn std::any::Any>;

/// The surroundings of an instance.
pub trait Platform: Clock + Rng {
    /// Resolves after about `ms` milliseconds.
    fn sleep(&self, ms: f64) -> LocalFuture<'static, ()>;

    /// Resolves after other work of the host (input, paint, messages) had its turn.
    fn breathe(&self) -> LocalFuture<'static, ()>;

    /// Resolves when all of the program is loaded. Housekeeping waits for it; where the program is loaded as a whole, nobody waits.
    fn prepare(&self) -> LocalFuture<'static, ()> {
        Box::pin(std::future::ready(()))
    }

    /// Runs `task` concurrently with the caller, on the same thread.
    fn spawn(&self, task: LocalFuture<'static, ()>);

    /// Tells the other instances of the same database. Best effort; nothing comes back to the sender.
    fn announce(&self, message: &[u8]);

    /// Waits for a named lock. `None` where locks do not exist.
    fn lock(&self, name: &str, mode: LockMode) -> LocalFuture<'static, Option<Guard>>;

    /// The names of all held locks (by any instance) that start with `prefix`. `None` where locks do not exist.
    fn held_locks(&self, prefix: &str) -> LocalFuture<'static, Option<Vec<String>>>;
}
