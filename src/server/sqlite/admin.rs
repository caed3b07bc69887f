//! Backups, restores and compaction of a SQLite file.
//!
//! `backup` and `compact` work beside a running server; `restore` refuses to.

use std::path::Path;

use anyhow::{bail, Context, Result};
use rusqlite::backup::{Backup, StepResult};
use rusqlite::Connection;
use tidewell_core::sync::server;
use tidewell_core::sync::ServerStore;

use super::lock::Lock;
use super::tenant::Tenant;
use super::{open, restoring};

/// Makes the tables where there are none.
///
/// # Errors
/// If the file cannot be opened, or is of a newer program.
pub(crate) fn migrate(database: &Path) -> Result<()> {
    let _lock = Lock::shared(database)?;
    drop(open(database)?);
    println!("the tables are of version {}", super::FORMAT);
    Ok(())
}

/// Copies the database, and tells its clients that what the copy holds is safe.
///
/// # Errors
/// If the file exists or the copy fails.
pub(crate) fn backup(database: &Path, to: &Path) -> Result<()> {
    if to.exists() {
        bail!("{} exists: name a new file", to.display());
    }
    let _lock = Lock::shared(database)?;
    let connection = open(database)?;
    let tenants = copy(&connection, to).inspect_err(|_| {
        // What there is of it is no backup, and in the way of the next attempt.
        let _none = std::fs::remove_file(to).is_err();
    })?;
    for (tenant, version) in &tenants {
        connection.execute("UPDATE tenants SET stable = ?2 WHERE tenant = ?1", rusqlite::params![tenant, version])?;
    }
    println!("{} tenants are in {}", tenants.len(), to.display());
    Ok(())
}

/// Copies the database to a new file; answers the tenants in it and their versions.
fn copy(connection: &Connection, to: &Path) -> Result<Vec<(String, i64)>> {
    let mut copy = Connection::open(to).with_context(|| format!("making {}", to.display()))?;
    // In one step: it reads one state while writers go on. Between steps SQLite begins anew whenever somebody has written,
    // and beside a busy server it would never end.
    match Backup::new(connection, &mut copy)?.step(-1)? {
        StepResult::Done => {}
        _ => bail!("the database is locked by another program: try again"),
    }
    copy.pragma_update(None, "journal_mode", "DELETE")?;
    let whole: String = copy.query_row("PRAGMA integrity_check", [], |row| row.get(0))?;
    if whole != "ok" {
        bail!("the copy is damaged: {whole}");
    }
    let mut statement = copy.prepare("SELECT tenant, version FROM tenants")?;
    let tenants: Vec<(String, i64)> =
        statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<rusqlite::Result<_>>()?;
    std::fs::File::open(to)?.sync_all()?;
    Ok(tenants)
}

/// Puts a backup in the place of the database, in a new epoch. What stood there stays beside it.
///
/// # Errors
/// If a server runs on it, the backup is none, or the files cannot be moved.
pub(crate) fn restore(database: &Path, from: &Path) -> Result<()> {
    if !from.is_file() {
        bail!("there is no backup {}", from.display());
    }
    // A server would go on with the file that is moved away, and what it acknowledges would be lost.
    let _lock = Lock::alone(database)?;
    let fresh = restoring(database);
    for suffix in ["-wal", "-shm", "-journal"] {
        // Of one that was cut off; mostly there is none.
        let _none = std::fs::remove_file(format!("{}{suffix}", fresh.display())).is_err();
    }
    std::fs::copy(from, &fresh).with_context(|| format!("copying {}", from.display()))?;
    let connection = open(&fresh)?;
    let epoch = crate::random_word()?;
    connection.execute_batch("BEGIN IMMEDIATE")?;
    let tenants: Vec<String> = connection
        .prepare("SELECT tenant FROM tenants")?
        .query_map([], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    for name in &tenants {
        let tenant = Tenant { connection: &connection, tenant: name };
        let head = tenant.head()?.renewed(&epoch);
        connection.execute(
            "UPDATE tenants SET version = ?2 WHERE tenant = ?1",
            rusqlite::params![name, head.version as i64],
        )?;
    }
    // Tenants that the backup does not know start where no client has ever been, too.
    let floor: i64 = connection.query_row("SELECT floor FROM server", [], |row| row.get(0))?;
    let zero = server::Head { epoch: epoch.as_str().into(), version: floor as u64, purged: 0, stable: 0 };
    let floor = zero.renewed(&epoch).version as i64;
    connection.execute("UPDATE server SET epoch = ?1, floor = ?2", rusqlite::params![epoch, floor])?;
    connection.execute_batch("COMMIT; PRAGMA journal_mode = DELETE")?;
    drop(connection);
    let old = database.with_extension("replaced");
    for suffix in ["", "-wal", "-shm"] {
        let with = |path: &Path| std::path::PathBuf::from(format!("{}{suffix}", path.display()));
        if with(database).exists() {
            std::fs::rename(with(database), with(&old))?;
        }
    }
    std::fs::rename(&fresh, database)?;
    println!("{} tenants are restored; what was there before is {}", tenants.len(), old.display());
    Ok(())
}

/// Forgets what no client within the last `keep` versions needs.
///
/// # Errors
/// What the database answers.
pub(crate) fn compact(database: &Path, tenant: Option<&str>, keep: u64) -> Result<()> {
    let _lock = Lock::shared(database)?;
    let connection = open(database)?;
    let tenants: Vec<String> = match tenant {
        Some(tenant) => vec![tenant.to_owned()],
        None => connection
            .prepare("SELECT tenant FROM tenants")?
            .query_map([], |row| row.get(0))?
            .collect::<rusqlite::Result<_>>()?,
    };
    for name in &tenants {
        connection.execute_batch("BEGIN IMMEDIATE")?;
        let mut tenant = Tenant { connection: &connection, tenant: name };
        let before = tenant.head()?.version.saturating_sub(keep);
        server::compact(&mut tenant, before)?;
        connection.execute_batch("COMMIT")?;
    }
    println!("{} tenants are compacted", tenants.len());
    Ok(())
}
