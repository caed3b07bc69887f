//! What the routes share: tokens, the writer's queue, readers, news and counters.
//!
//! It knows no HTTP.

use std::path::PathBuf;
use std::sync::Mutex;

use anyhow::Result;
use rusqlite::Connection;
use tidewell_core::base::{Error, ErrorKind, Result as CoreResult};
use tidewell_core::sync::server::{Head, Policy};
use tidewell_core::sync::{pull, PullAnswer, PullRequest, PushAnswer, PushRequest, ServerStore};
use tokio::sync::{mpsc, oneshot};

use crate::auth::{Session, Tokens};
use crate::live::News;
use crate::metrics::Metrics;
use crate::sqlite::{self, Tenant};
use crate::writer::Job;

/// Connections for reading that are kept.
const READERS: usize = 8;

/// A running server.
pub(crate) struct Service {
    pub(crate) tokens: Tokens,
    pub(crate) policy: Policy,
    pub(crate) news: News,
    pub(crate) metrics: Metrics,
    pub(crate) jobs: mpsc::Sender<Job>,
    database: PathBuf,
    readers: Mutex<Vec<Connection>>,
}

impl Service {
    pub(crate) fn new(tokens: Tokens, policy: Policy, jobs: mpsc::Sender<Job>, database: PathBuf) -> Self {
        let (news, metrics, readers) = (News::new(), Metrics::default(), Mutex::new(Vec::new()));
        Self { tokens, policy, news, metrics, jobs, database, readers }
    }

    /// Queues a push and waits for its commit; `None` if too many wait.
    pub(crate) async fn push(&self, session: Session, request: PushRequest) -> Option<CoreResult<PushAnswer>> {
        let (reply, answer) = oneshot::channel();
        let job = Job { tenant: session.tenant, caller: session.caller, request, reply };
        self.jobs.try_send(job).ok()?;
        Some(answer.await.unwrap_or_else(|_| Err(Error::new(ErrorKind::Unavailable, "the writer is gone"))))
    }

    /// Handles a pull on this thread.
    pub(crate) fn pull(&self, session: &Session, request: &PullRequest) -> CoreResult<PullAnswer> {
        self.reading(&session.tenant, |tenant| pull(tenant, &self.policy, &session.caller, request))
    }

    /// Where a tenant is.
    pub(crate) fn head(&self, tenant: &str) -> CoreResult<Head> {
        self.reading(tenant, |tenant| tenant.head())
    }

    /// Reads within one transaction: one state of the database.
    fn reading<T>(&self, tenant: &str, read: impl FnOnce(&Tenant<'_>) -> CoreResult<T>) -> CoreResult<T> {
        let connection = self.reader().map_err(|error| Error::new(ErrorKind::Unavailable, format!("{error:#}")))?;
        let failed = |error: rusqlite::Error| Error::new(ErrorKind::Unavailable, error.to_string());
        connection.execute_batch("BEGIN").map_err(failed)?;
        let result = read(&Tenant { connection: &connection, tenant });
        connection.execute_batch("ROLLBACK").map_err(failed)?;
        if let Ok(mut readers) = self.readers.lock() {
            if readers.len() < READERS {
                readers.push(connection);
            }
        }
        result
    }

    fn reader(&self) -> Result<Connection> {
        match self.readers.lock().ok().and_then(|mut readers| readers.pop()) {
            Some(connection) => Ok(connection),
            None => sqlite::open_reader(&self.database),
        }
    }
}
