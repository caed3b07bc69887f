//! The tables in PostgreSQL, by version, and how one becomes the next.
//!
//! Not a migration framework: a list of scripts and the number of those that have run.

use anyhow::{bail, Context, Result};
use postgres::Client;

/// What makes each version of the tables out of the one before.
const STEPS: [&str; 1] = ["
CREATE TABLE tidewell_server (one INT PRIMARY KEY CHECK (one = 1), epoch TEXT NOT NULL, floor BIGINT NOT NULL);
CREATE TABLE tidewell_tenants (tenant TEXT COLLATE \"C\" PRIMARY KEY, version BIGINT NOT NULL, purged BIGINT NOT NULL,
    stable BIGINT NOT NULL) WITH (fillfactor = 50);
CREATE TABLE tidewell_replicas (tenant TEXT COLLATE \"C\", replica TEXT COLLATE \"C\", owner TEXT COLLATE \"C\" NOT NULL,
    seq BIGINT NOT NULL, hash BIGINT NOT NULL, PRIMARY KEY (tenant, replica));
CREATE TABLE tidewell_records (tenant TEXT COLLATE \"C\", replica TEXT COLLATE \"C\", seq BIGINT, hash BIGINT NOT NULL,
    id TEXT COLLATE \"C\" NOT NULL, owner TEXT COLLATE \"C\" NOT NULL, at BIGINT NOT NULL, outcome BYTEA NOT NULL,
    PRIMARY KEY (tenant, replica, seq));
CREATE INDEX tidewell_records_named ON tidewell_records (tenant, owner, id);
-- Names of documents are bytes: they may hold what TEXT does not take.
CREATE TABLE tidewell_images (tenant TEXT COLLATE \"C\", collection TEXT COLLATE \"C\", id BYTEA, version BIGINT,
    until BIGINT NOT NULL, writer TEXT NOT NULL, since BIGINT NOT NULL, document BYTEA,
    PRIMARY KEY (tenant, collection, id, version));
CREATE INDEX tidewell_images_by_version ON tidewell_images (tenant, version, collection, id);
"];

/// Whether a restore has begun and not ended: its mark is a table beside those that are restored.
pub(super) const RESTORING: &str = "SELECT to_regclass('tidewell_restoring') IS NOT NULL";

/// One replica at a time makes or changes tables.
const LOCK: i64 = 0x7469_6465;

/// The number of the lock that servers hold together while they run, and a restore alone.
pub(super) const SERVED: i64 = 0x7469_6466;

/// Says to whoever restores that a server is here, as long as this connection lasts; false while somebody does.
pub(super) fn join_servers(client: &mut Client) -> Result<bool, postgres::Error> {
    client.query_one("SELECT pg_try_advisory_lock_shared($1)", &[&SERVED])?.try_get(0)
}

/// Brings the tables to the newest version; says from which to which.
///
/// # Errors
/// If they are of a newer program, a restore of them was cut off, or PostgreSQL refuses.
pub(super) fn migrate(client: &mut Client, only_if_empty: bool) -> Result<(usize, usize)> {
    let mut transaction = client.transaction()?;
    transaction.execute("SELECT pg_advisory_xact_lock($1)", &[&LOCK])?;
    transaction.batch_execute("SET LOCAL lock_timeout = 0; SET LOCAL statement_timeout = 0")?;
    if transaction.query_one(RESTORING, &[])?.get(0) {
        bail!("a restore was cut off, and clients would not notice it: run `tidewell-server restore FILE` again");
    }
    let there: bool = transaction.query_one("SELECT to_regclass('tidewell_schema') IS NOT NULL", &[])?.get(0);
    let found = if there {
        let version: i32 = transaction.query_one("SELECT version FROM tidewell_schema", &[])?.get(0);
        usize::try_from(version).context("the version of the tables")?
    } else {
        0
    };
    if found > STEPS.len() {
        bail!("the database has tables of version {found}; this program knows {}", STEPS.len());
    }
    if only_if_empty && found > 0 && found < STEPS.len() {
        bail!("the database has tables of version {found}: run `tidewell-server migrate` to make {}", STEPS.len());
    }
    for step in STEPS.iter().skip(found) {
        transaction.batch_execute(step)?;
    }
    if !there {
        transaction.batch_execute("CREATE TABLE tidewell_schema (version INT NOT NULL)")?;
        transaction.execute("INSERT INTO tidewell_schema VALUES (0)", &[])?;
        let epoch = crate::random_word()?;
        transaction.execute("INSERT INTO tidewell_server VALUES (1, $1, 0)", &[&epoch])?;
    }
    let newest = i32::try_from(STEPS.len())?;
    transaction.execute("UPDATE tidewell_schema SET version = $1", &[&newest])?;
    transaction.commit()?;
    Ok((found, STEPS.len()))
}
