//! The surroundings of an instance in a JavaScript host: pages, workers, Node, edge runtimes.
//!
//! It carries no correctness: where the host has no Web Locks or no BroadcastChannel, instances find out about each other
//! by reading the log.

mod breath;
mod channel;
mod locks;
mod wake;

use tidewell_core::base::{Clock, Rng};
use tidewell_core::disk::LocalFuture;
use tidewell_core::engine::{Guard, LockMode, Platform};
use wasm_bindgen_futures::spawn_local;

use crate::host;

use breath::Breath;
use channel::Channel;
pub use channel::{Heard, Listener};
pub use wake::Wake;

/// A [`Platform`] made of the host's globals.
pub struct HostPlatform {
    /// What the names of locks begin with, so that databases do not meet.
    scope: String,
    /// Nobody else can have the database open.
    private: bool,
    breath: Breath,
    channel: Option<Channel>,
}

impl HostPlatform {
    /// The surroundings of the shared database `name`: instances of it in other tabs and workers hear each other.
    pub fn shared(name: &str) -> Self {
        let scope = format!("tidewell/{name}/");
        Self { breath: Breath::new(), channel: Channel::open(&scope), scope, private: false }
    }

    /// The surroundings of a database that nobody else can open.
    pub fn private() -> Self {
        let scope = format!("tidewell-private/{}/", host::random_name());
        Self { scope, breath: Breath::new(), channel: None, private: true }
    }

    /// Calls `listener` with what other instances say, until the platform is closed. Only from then on do they know of this one.
    pub fn listen(&self, listener: Listener) {
        if let Some(channel) = &self.channel {
            channel.listen(listener);
        }
    }

    /// Stops sending and listening.
    pub fn close(&self) {
        if let Some(channel) = &self.channel {
            channel.close();
        }
    }
}

impl Clock for HostPlatform {
    fn monotonic_ms(&self) -> f64 {
        host::now()
    }

    fn wall_ms(&self) -> f64 {
        host::wall()
    }
}

impl Rng for HostPlatform {
    fn fill(&self, bytes: &mut [u8]) {
        host::random(bytes);
    }
}

impl Platform for HostPlatform {
    fn sleep(&self, ms: f64) -> LocalFuture<'static, ()> {
        Box::pin(host::sleep(ms))
    }

    fn breathe(&self) -> LocalFuture<'static, ()> {
        self.breath.take()
    }

    fn prepare(&self) -> LocalFuture<'static, ()> {
        Box::pin(crate::rest::arrived())
    }

    fn spawn(&self, task: LocalFuture<'static, ()>) {
        spawn_local(task);
    }

    fn announce(&self, message: &[u8]) {
        if let Some(channel) = &self.channel {
            channel.post(message);
        }
    }

    fn lock(&self, name: &str, mode: LockMode) -> LocalFuture<'static, Option<Guard>> {
        locks::lock(&format!("{}{name}", self.scope), mode)
    }

    fn held_locks(&self, prefix: &str) -> LocalFuture<'static, Option<Vec<String>>> {
        let (held, private) = (locks::held(self.scope.clone(), format!("{}{prefix}", self.scope)), self.private);
        // Where the host has no locks, nobody else holds any of a database that is this instance's alone.
        Box::pin(async move { held.await.or_else(|| private.then(Vec::new)) })
    }
}
