//! Connections to PostgreSQL: a bounded number, kept, made anew when the server went away.
//!
//! Nothing is repeated here that could have taken effect, except by who knows that it may be.

use std::collections::BTreeMap;
use std::sync::{Condvar, Mutex, MutexGuard};
use std::time::Duration;

use postgres::error::SqlState;
use postgres::{Client, Statement};
use tidewell_core::base::{Error, ErrorKind, Result};

use super::target::Target;

/// How long somebody waits for a connection before he is told to come again.
const PATIENCE: Duration = Duration::from_secs(5);

/// What every connection is told. A lost replica must not hold a tenant's lock. Every question here is answered by an
/// index: the planner, which has no statistics of young tables, is not to choose otherwise, nor to keep a plan that was
/// good for an empty one.
const SETTINGS: &str = "
SET statement_timeout = '20s';
SET lock_timeout = '10s';
SET idle_in_transaction_session_timeout = '10s';
SET enable_seqscan = off;
SET enable_bitmapscan = off;
SET enable_hashjoin = off;
SET enable_mergejoin = off;
SET enable_sort = off;
SET jit = off;
SET plan_cache_mode = force_custom_plan;
SET synchronous_commit = on;
";

/// A connection and the statements it has prepared.
pub(super) struct Connection {
    pub(super) client: Client,
    pub(super) statements: BTreeMap<&'static str, Statement>,
}

#[derive(Default)]
struct State {
    idle: Vec<Connection>,
    out: usize,
}

/// A bounded number of connections.
pub(super) struct Pool {
    target: Target,
    most: usize,
    state: Mutex<State>,
    back: Condvar,
}

/// What PostgreSQL said. Its message may quote what was stored, so only its code is passed on.
pub(super) fn failed(error: postgres::Error) -> Error {
    let message = match error.code() {
        Some(code) => format!("the database failed: SQLSTATE {}", code.code()),
        None => format!("the database failed: {:#}", anyhow::Error::new(error)),
    };
    Error::new(ErrorKind::Unavailable, message)
}

/// The same of a connection that was not let in; then the reason is not in what is stored.
fn refused(error: postgres::Error) -> Error {
    match error.code() {
        Some(&SqlState::INVALID_AUTHORIZATION_SPECIFICATION | &SqlState::INVALID_PASSWORD) => {
            let message = "the database does not let this user in: wrong are the name or the password, or it wants an \
                           encrypted connection (sslmode in the URL)";
            Error::new(ErrorKind::Unavailable, message)
        }
        _ => failed(error),
    }
}

impl Pool {
    /// A pool that connects when it is asked to.
    pub(super) fn new(mut target: Target, most: usize) -> Self {
        target
            .config
            .application_name("tidewell-server")
            .connect_timeout(Duration::from_secs(5))
            .keepalives_idle(Duration::from_secs(15))
            .tcp_user_timeout(Duration::from_secs(20));
        Self { target, most: most.max(1), state: Mutex::default(), back: Condvar::new() }
    }

    /// A connection of one's own, not counted.
    pub(super) fn connect(&self) -> Result<Connection> {
        let mut client = self.target.connect().map_err(refused)?;
        client.batch_execute(SETTINGS).map_err(failed)?;
        Ok(Connection { client, statements: BTreeMap::new() })
    }

    /// Does something that may be done twice: when a kept connection turns out to be dead, once more on a new one.
    pub(super) fn with<T>(&self, work: &dyn Fn(&mut Connection) -> Result<T>) -> Result<T> {
        let kept = self.take()?;
        let _back = Back(self);
        if let Some(mut connection) = kept {
            let result = work(&mut connection);
            if !connection.client.is_closed() {
                self.keep(connection);
                return result;
            }
            // The others died with it.
            self.lock().idle.clear();
        }
        let mut connection = self.connect()?;
        let result = work(&mut connection);
        if !connection.client.is_closed() {
            self.keep(connection);
        }
        result
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// The right to a connection, and a kept one if there is any.
    fn take(&self) -> Result<Option<Connection>> {
        let full = |state: &mut State| state.out >= self.most;
        let waited = self.back.wait_timeout_while(self.lock(), PATIENCE, full);
        let (mut state, late) = waited.unwrap_or_else(std::sync::PoisonError::into_inner);
        if late.timed_out() {
            return Err(Error::new(ErrorKind::Unavailable, "all connections to the database are in use"));
        }
        state.out += 1;
        Ok(state.idle.pop())
    }

    fn keep(&self, connection: Connection) {
        self.lock().idle.push(connection);
    }
}

/// Gives the right to a connection back.
struct Back<'a>(&'a Pool);

impl Drop for Back<'_> {
    fn drop(&mut self) {
        self.0.lock().out -= 1;
        self.0.back.notify_one();
    }
}
