//! Taking turns with other instances on a named lock.
//!
//! A courtesy that keeps writers from starving each other; nothing is correct because of it.

use super::engine::Inner;
use super::signal::first_of;
use super::{Guard, LockMode};

/// After a lost race the instance queues for its turn for this long.
pub(super) const COURTESY_MS: f64 = 200.0;
/// What an instance says that lost a race; no record is a single byte.
pub(super) const CONTENDED: u8 = 0;
/// How long a commit waits for its turn.
pub(super) const TURN_MS: f64 = 500.0;

/// Queues on the lock `what`, no longer than `ms`: whoever held it has written meanwhile, and without it one just goes
/// on. A frozen holder must not stop anybody.
pub(super) async fn take_turn(inner: &Inner, what: &str, ms: f64) -> Option<Guard> {
    let name = format!("tidewell/{}/{what}", inner.options.name);
    let lock = inner.platform.lock(&name, LockMode::Exclusive);
    let guard = first_of(lock, inner.platform.sleep(ms)).await.ok().flatten();
    Some(guard.unwrap_or_else(|| Box::new(())))
}
