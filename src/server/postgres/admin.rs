//! What operators do with PostgreSQL: tables, backups, restores, compaction.
//!
//! The copying itself is `pg_dump`'s and `pg_restore`'s work; they must be on the machine.

use std::cell::RefCell;
use std::path::Path;
use std::process::Command;

use anyhow::{bail, Context, Result};
use postgres::error::SqlState;
use postgres::{Client, IsolationLevel};
use tidewell_core::sync::server;
use tidewell_core::sync::ServerStore;

use super::pool::{Connection, Pool};
use super::schema;
use super::target::Target;
use super::tenant::{Tenant, Within};

/// A connection that may take its time.
fn connect(url: &str) -> Result<Connection> {
    let mut connection = Pool::new(Target::parse(url)?, 1).connect()?;
    connection.client.batch_execute("SET statement_timeout = 0; SET idle_in_transaction_session_timeout = 0")?;
    Ok(connection)
}

/// Makes the tables, or brings them to the newest version.
///
/// # Errors
/// If they are of a newer program, or PostgreSQL refuses.
pub(crate) fn migrate(url: &str) -> Result<()> {
    let (from, to) = schema::migrate(&mut connect(url)?.client, false)?;
    println!("the tables are of version {to}, and were of {from}");
    Ok(())
}

fn run(program: &str, arguments: &[&str]) -> Result<()> {
    let output = Command::new(program).args(arguments).output();
    let output = output.with_context(|| format!("starting {program}, which comes with PostgreSQL"))?;
    if !output.status.success() {
        bail!("{program} failed: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(())
}

fn tenants(client: &mut impl postgres::GenericClient) -> Result<Vec<(String, i64)>> {
    let rows = client.query("SELECT tenant, version FROM tidewell_tenants", &[])?;
    rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect()
}

/// Writes a backup, and tells its clients that what it holds is safe.
///
/// # Errors
/// If the file exists or `pg_dump` fails.
pub(crate) fn backup(url: &str, to: &Path) -> Result<()> {
    if to.exists() {
        bail!("{} exists: name a new file", to.display());
    }
    let mut connection = connect(url)?;
    let client = &mut connection.client;
    let mut transaction =
        client.build_transaction().isolation_level(IsolationLevel::RepeatableRead).read_only(true).start()?;
    let snapshot: String = transaction.query_one("SELECT pg_export_snapshot()", &[])?.get(0);
    let held = tenants(&mut transaction)?;
    let file = to.to_string_lossy();
    let snapshot = format!("--snapshot={snapshot}");
    let tables = ["--table=tidewell_*", "--exclude-table=tidewell_restoring"];
    run("pg_dump", &[&["--format=custom", &snapshot, "--file", &file, "--dbname", url], &tables[..]].concat())?;
    transaction.rollback()?;
    std::fs::File::open(to)?.sync_all()?;
    for (tenant, version) in &held {
        client.execute("UPDATE tidewell_tenants SET stable = $2 WHERE tenant = $1", &[tenant, version])?;
    }
    println!("{} tenants are in {}", held.len(), to.display());
    Ok(())
}

/// A connection that no server is beside, nor comes to be as long as it is kept: clients of one would take what is restored for what
/// they know.
fn alone(url: &str) -> Result<Connection> {
    let mut connection = connect(url)?;
    // One that was just killed may still be there for PostgreSQL.
    connection.client.batch_execute("SET lock_timeout = '5s'")?;
    match connection.client.execute("SELECT pg_advisory_lock($1)", &[&schema::SERVED]) {
        Ok(_) => Ok(connection),
        Err(error) if error.code() == Some(&SqlState::LOCK_NOT_AVAILABLE) => {
            bail!("the database is in use: stop its servers, and wait for another restore to end")
        }
        Err(error) => Err(error.into()),
    }
}

/// Puts a backup in the place of the tables, in a new epoch. All servers must be stopped.
///
/// # Errors
/// If the backup is none, a server runs, or `pg_restore` fails; then the tables are as they were.
pub(crate) fn restore(url: &str, from: &Path) -> Result<()> {
    if !from.is_file() {
        bail!("there is no backup {}", from.display());
    }
    let _alone = alone(url)?;
    let file = from.to_string_lossy();
    // What is restored is in the old epoch until it is renewed. Whoever is killed in between leaves the mark, and no server
    // starts on what clients would take for what they know.
    let mut client = connect(url)?.client;
    let marked: bool = client.query_one(schema::RESTORING, &[])?.get(0);
    if !marked {
        client.batch_execute("CREATE TABLE tidewell_restoring ()")?;
    }
    let arguments = ["--clean", "--if-exists", "--no-owner", "--single-transaction", "--dbname", url, &file];
    // It may take hours, after which an idle connection may be none any more.
    drop(client);
    if let Err(error) = run("pg_restore", &arguments) {
        // The tables are as they were: served before, or still in need of a restore.
        if !marked {
            let unmark = || -> Result<()> { Ok(connect(url)?.client.batch_execute("DROP TABLE tidewell_restoring")?) };
            unmark().with_context(|| format!("{error:#}"))?;
        }
        return Err(error);
    }
    let renewed = renew(&mut connect(url)?.client)?;
    println!("{renewed} tenants are restored");
    Ok(())
}

/// Begins a new epoch: every tenant goes to versions that nobody was ever told.
fn renew(client: &mut Client) -> Result<usize> {
    let epoch = crate::random_word()?;
    let mut transaction = client.transaction()?;
    let held = tenants(&mut transaction)?;
    let beyond = |version: i64| {
        let head = server::Head { epoch: epoch.as_str().into(), version: version as u64, purged: 0, stable: 0 };
        head.renewed(&epoch).version as i64
    };
    for (tenant, version) in &held {
        let sql = "UPDATE tidewell_tenants SET version = $2 WHERE tenant = $1";
        transaction.execute(sql, &[tenant, &beyond(*version)])?;
    }
    // Tenants that the backup does not know start where no client has ever been, too.
    let floor: i64 = transaction.query_one("SELECT floor FROM tidewell_server", &[])?.get(0);
    transaction.execute("UPDATE tidewell_server SET epoch = $1, floor = $2", &[&epoch, &beyond(floor)])?;
    transaction.batch_execute("DROP TABLE IF EXISTS tidewell_restoring")?;
    transaction.commit()?;
    Ok(held.len())
}

/// Forgets what no client within the last `keep` versions needs.
///
/// # Errors
/// What the database answers.
pub(crate) fn compact(url: &str, tenant: Option<&str>, keep: u64) -> Result<()> {
    let mut connection = connect(url)?;
    let names = match tenant {
        Some(tenant) => vec![tenant.to_owned()],
        None => tenants(&mut connection.client)?.into_iter().map(|(tenant, _)| tenant).collect(),
    };
    for name in &names {
        let Connection { client, statements } = &mut connection;
        let within = RefCell::new(Within { transaction: client.transaction()?, statements });
        let mut store = Tenant::new(&within, name);
        store.lock()?;
        let before = store.head()?.version.saturating_sub(keep);
        server::compact(&mut store, before)?;
        within.into_inner().transaction.commit()?;
    }
    println!("{} tenants are compacted", names.len());
    Ok(())
}
