//! The database behind the routes: a SQLite file or PostgreSQL, and the same answers from both.
//!
//! Not a store: what a push and a pull do is the core's, over the store that either gives it.

use std::sync::Arc;

use anyhow::Result;
use tidewell_core::base::Result as CoreResult;
use tidewell_core::sync::server::{Head, Policy};
use tidewell_core::sync::{pull, PullAnswer, PullRequest, PushAnswer, PushRequest, ServerStore};

use crate::auth::Session;
use crate::config::Place;
use crate::live::News;
use crate::postgres::Postgres;
use crate::sqlite::Sqlite;

/// What is done with a tenant within one state of the database.
pub(crate) type Read<'a, T> = &'a dyn Fn(&dyn ServerStore) -> CoreResult<T>;

/// A database that is being served.
pub(crate) enum Database {
    Sqlite(Sqlite),
    Postgres(Postgres),
}

impl Database {
    /// Opens the database and starts what works beside the requests.
    pub(crate) async fn start(place: &Place, connections: usize, policy: &Policy, news: &Arc<News>) -> Result<Self> {
        match place {
            Place::Sqlite(path) => Ok(Self::Sqlite(Sqlite::start(path, policy, news)?)),
            Place::Postgres(url) => Ok(Self::Postgres(Postgres::start(url, connections, policy, news).await?)),
        }
    }

    /// Handles a push and waits for its commit; `None` if too many wait.
    pub(crate) async fn push(&self, session: Session, request: PushRequest) -> Option<CoreResult<PushAnswer>> {
        match self {
            Self::Sqlite(sqlite) => sqlite.push(session, request).await,
            Self::Postgres(postgres) => postgres.push(session, request).await,
        }
    }

    /// Handles a pull on this thread.
    pub(crate) fn pull(&self, policy: &Policy, session: &Session, request: &PullRequest) -> CoreResult<PullAnswer> {
        self.reading(&session.tenant, &|tenant| pull(tenant, policy, &session.caller, request))
    }

    /// Where a tenant is; asked on this thread.
    pub(crate) fn head(&self, tenant: &str) -> CoreResult<Head> {
        self.reading(tenant, &|tenant| tenant.head())
    }

    /// Whether pushes can be written.
    pub(crate) fn is_writable(&self) -> bool {
        match self {
            Self::Sqlite(sqlite) => sqlite.is_writable(),
            Self::Postgres(_) => true,
        }
    }

    fn reading<T>(&self, tenant: &str, read: Read<'_, T>) -> CoreResult<T> {
        match self {
            Self::Sqlite(sqlite) => sqlite.reading(tenant, read),
            Self::Postgres(postgres) => postgres.reading(tenant, read),
        }
    }
}
