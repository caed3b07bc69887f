//! The embedded database: one SQLite file, one writer, readers beside it.
//!
//! Not a pool of writers: SQLite has one, so pushes queue for it and share its commits.

pub(crate) mod admin;
mod lock;
mod tenant;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use anyhow::{bail, Context, Result};
use rusqlite::{Connection, OpenFlags};
use tidewell_core::base::{Error, ErrorKind, Result as CoreResult};
use tidewell_core::sync::server::Policy;
use tidewell_core::sync::{PushAnswer, PushRequest};
use tokio::sync::{mpsc, oneshot};

use crate::auth::Session;
use crate::live::News;
use lock::Lock;
use tenant::Tenant;
use writer::Job;

/// The version of the tables.
const FORMAT: i64 = 1;
/// Connections for reading that are kept.
const READERS: usize = 8;

const TABLES: &str = "
CREATE TABLE server (one INTEGER PRIMARY KEY CHECK (one = 1), epoch TEXT NOT NULL, floor INTEGER NOT NULL) STRICT;
CREATE TABLE tenants (tenant TEXT PRIMARY KEY, version INTEGER NOT NULL, purged INTEGER NOT NULL, stable INTEGER NOT NULL)
    STRICT, WITHOUT ROWID;
CREATE TABLE replicas (tenant TEXT, replica TEXT, user TEXT NOT NULL, seq INTEGER NOT NULL, hash INTEGER NOT NULL,
    PRIMARY KEY (tenant, replica)) STRICT, WITHOUT ROWID;
CREATE TABLE records (tenant TEXT, replica TEXT, seq INTEGER, hash INTEGER NOT NULL, id TEXT NOT NULL, user TEXT NOT NULL,
    at INTEGER NOT NULL, outcome BLOB NOT NULL, PRIMARY KEY (tenant, replica, seq)) STRICT, WITHOUT ROWID;
CREATE INDEX records_named ON records (tenant, user, id);
CREATE TABLE images (tenant TEXT, collection TEXT, id TEXT, version INTEGER, until INTEGER NOT NULL, by TEXT NOT NULL,
    since INTEGER NOT NULL, document BLOB, PRIMARY KEY (tenant, collection, id, version)) STRICT, WITHOUT ROWID;
CREATE INDEX images_by_version ON images (tenant, version, collection, id);
";

/// Opens the database, and makes its tables where there are none.
pub(crate) fn open(path: &Path) -> Result<Connection> {
    if !path.exists() && restoring(path).exists() {
        // An empty database in its place would tell clients that everything is gone.
        bail!("a restore of {} was cut off: run `tidewell-server restore FILE` again", path.display());
    }
    let connection = Connection::open(path).with_context(|| format!("opening {}", path.display()))?;
    connection.busy_timeout(std::time::Duration::from_secs(10))?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    let format: i64 = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    match format {
        FORMAT => {}
        0 => {
            let epoch = crate::random_word()?;
            connection.execute_batch("BEGIN IMMEDIATE")?;
            connection.execute_batch(TABLES)?;
            connection.execute("INSERT INTO server VALUES (1, ?, 0)", [epoch])?;
            connection.pragma_update(None, "user_version", FORMAT)?;
            connection.execute_batch("COMMIT")?;
        }
        _ => bail!("{} has tables of version {format}; this program knows {FORMAT}", path.display()),
    }
    Ok(connection)
}

/// Where a restore makes what it then puts in the place of the database.
fn restoring(path: &Path) -> PathBuf {
    path.with_extension("restoring")
}

/// Opens the database for reading.
fn open_reader(path: &Path) -> Result<Connection> {
    let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    connection.busy_timeout(std::time::Duration::from_secs(10))?;
    Ok(connection)
}

/// A database that is being served.
pub(crate) struct Sqlite {
    path: PathBuf,
    jobs: mpsc::Sender<Job>,
    readers: Mutex<Vec<Connection>>,
}

impl Sqlite {
    /// Opens the file and starts its writer.
    pub(crate) fn start(path: &Path, policy: &Policy, news: &Arc<News>) -> Result<Self> {
        let lock = Lock::shared(path)?;
        let connection = open(path)?;
        let (jobs, queue) = mpsc::channel(writer::QUEUE);
        let (policy, news) = (policy.clone(), Arc::clone(news));
        drop(tokio::task::spawn_blocking(move || {
            writer::run(&connection, &policy, queue, &news);
            drop(connection);
            drop(lock);
        }));
        Ok(Self { path: path.to_owned(), jobs, readers: Mutex::default() })
    }

    /// Queues a push and waits for its commit; `None` if too many wait.
    pub(crate) async fn push(&self, session: Session, request: PushRequest) -> Option<CoreResult<PushAnswer>> {
        let (reply, answer) = oneshot::channel();
        let job = Job { tenant: session.tenant, caller: session.caller, request, reply };
        match self.jobs.try_send(job) {
            Err(mpsc::error::TrySendError::Full(_)) => None,
            _ => Some(answer.await.unwrap_or_else(|_| Err(Error::new(ErrorKind::Unavailable, "the writer is gone")))),
        }
    }

    /// Whether pushes can be written.
    pub(crate) fn is_writable(&self) -> bool {
        !self.jobs.is_closed()
    }

    /// Reads within one transaction: one state of the database.
    pub(crate) fn reading<T>(&self, tenant: &str, read: crate::database::Read<'_, T>) -> CoreResult<T> {
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
            None => open_reader(&self.path),
        }
    }
}
