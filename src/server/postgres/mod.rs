//! PostgreSQL, for any number of servers beside each other: none of them keeps anything.
//!
//! The connections are blocking ones, as the core is: it runs on threads that may wait.

pub(crate) mod admin;
mod commit;
mod listen;
mod pool;
mod schema;
mod target;
mod tenant;
mod writer;

use std::cell::RefCell;
use std::sync::Arc;

use anyhow::{ensure, Context, Result};
use postgres::IsolationLevel;
use tidewell_core::base::{Error, ErrorKind, Result as CoreResult};
use tidewell_core::sync::server::Policy;
use tidewell_core::sync::{PushAnswer, PushRequest};
use tokio::sync::oneshot;

use crate::auth::Session;
use crate::database::Read;
use crate::live::News;
use pool::{failed, Connection, Pool};
use target::Target;
use tenant::{Tenant, Within};
use writer::{Job, Writer};

/// A database that is being served.
pub(crate) struct Postgres {
    writer: Arc<Writer>,
}

impl Postgres {
    /// Makes the tables where there are none, and starts to listen to the other servers.
    pub(crate) async fn start(url: &str, connections: usize, policy: &Policy, news: &Arc<News>) -> Result<Self> {
        let pool = Arc::new(Pool::new(Target::parse(url)?, connections));
        let name = crate::random_word()?;
        let writer = Arc::new(Writer::new(Arc::clone(&pool), policy.clone(), Arc::clone(news), name.clone()));
        let making = Arc::clone(&pool);
        let made = tokio::task::spawn_blocking(move || {
            let mut connection = making.connect()?;
            ensure!(
                schema::join_servers(&mut connection.client)?,
                "it is being restored: start again when that is done"
            );
            schema::migrate(&mut connection.client, true)
        });
        made.await.context("connecting to the database")?.context("opening the database")?;
        let news = Arc::clone(news);
        drop(tokio::task::spawn_blocking(move || listen::run(&pool, &name, &news)));
        Ok(Self { writer })
    }

    /// Queues a push and waits for its commit; `None` if too many wait.
    pub(crate) async fn push(&self, session: Session, request: PushRequest) -> Option<CoreResult<PushAnswer>> {
        let (reply, answer) = oneshot::channel();
        let job = Job { caller: session.caller, request, reply };
        self.writer.queue(session.tenant, job).then_some(())?;
        Some(answer.await.unwrap_or_else(|_| Err(Error::new(ErrorKind::Unavailable, "the writer is gone"))))
    }

    /// Reads within one transaction: one state of the database.
    pub(crate) fn reading<T>(&self, tenant: &str, read: Read<'_, T>) -> CoreResult<T> {
        self.writer.pool.with(&|connection| {
            let Connection { client, statements } = connection;
            let start =
                client.build_transaction().isolation_level(IsolationLevel::RepeatableRead).read_only(true).start();
            let within = RefCell::new(Within { transaction: start.map_err(failed)?, statements });
            let result = read(&Tenant::new(&within, tenant));
            within.into_inner().transaction.rollback().map_err(failed)?;
            result
        })
    }
}
