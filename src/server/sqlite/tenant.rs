//! A tenant in SQLite: what `tidewell_core::sync` asks of a store, in SQL.
//!
//! It opens no transaction: whoever holds the connection does, around a whole push or pull.

use rusqlite::{params, Connection, OptionalExtension, Row};
use tidewell_core::base::{Error, ErrorKind, Result as CoreResult};
use tidewell_core::collections::json;
use tidewell_core::sync::server::{Commit, Head, Image, Record, Replica, Span};
use tidewell_core::sync::{Outcome, ServerStore};

/// Ends the current image of a document: its last one, however many there were before.
const CLOSE: &str = "UPDATE images SET until = ?4 WHERE tenant = ?1 AND collection = ?2 AND id = ?3 AND until = ?5
    AND version = (SELECT max(version) FROM images WHERE tenant = ?1 AND collection = ?2 AND id = ?3)";
/// The index is named: without statistics SQLite takes a tenant for ten rows, and would walk through all its records.
const NAMED: &str = "SELECT seq, hash, id, at, outcome FROM records INDEXED BY records_named
    WHERE tenant = ? AND user = ? AND id = ? LIMIT 1";
const SPAN: &str = "SELECT collection, id, version, by, since, document FROM images
    WHERE tenant = ?1 AND (version, collection, id) > (?2, ?3, ?4) AND version > ?5 AND version <= ?6 AND until > ?6
    ORDER BY version, collection, id";

/// A tenant, through a connection within a transaction.
pub(crate) struct Tenant<'a> {
    pub(crate) connection: &'a Connection,
    pub(crate) tenant: &'a str,
}

/// SQLite's integers have a sign; versions and numbers stay below 2^53, hashes keep their bits.
fn signed(number: u64) -> i64 {
    number as i64
}

fn unsigned(row: &Row<'_>, index: usize) -> rusqlite::Result<u64> {
    row.get::<_, i64>(index).map(|number| number as u64)
}

fn failed(error: rusqlite::Error) -> Error {
    Error::new(ErrorKind::Unavailable, format!("the database failed: {error}"))
}

fn record(row: &Row<'_>) -> rusqlite::Result<(Record, Vec<u8>)> {
    let id: String = row.get(2)?;
    let placeholder = Outcome::Upgrade;
    let (seq, hash, at) = (unsigned(row, 0)?, unsigned(row, 1)?, unsigned(row, 3)?);
    Ok((Record { seq, hash, id: id.into(), at, outcome: placeholder }, row.get(4)?))
}

fn with_outcome(found: Option<(Record, Vec<u8>)>) -> CoreResult<Option<Record>> {
    found.map(|(record, outcome)| Ok(Record { outcome: Outcome::from_json(&outcome)?, ..record })).transpose()
}

type RawImage = (u64, String, u64, Option<Vec<u8>>);

fn raw_image(row: &Row<'_>, at: usize) -> rusqlite::Result<RawImage> {
    Ok((unsigned(row, at)?, row.get(at + 1)?, unsigned(row, at + 2)?, row.get(at + 3)?))
}

fn image((version, by, since, document): RawImage) -> CoreResult<Image> {
    let document = document.map(|text| json::parse(&text)).transpose()?;
    Ok(Image { version, by: by.into(), since, document })
}

impl Tenant<'_> {
    fn write(&self, commit: &Commit) -> rusqlite::Result<()> {
        let tenant = self.tenant;
        let version = signed(commit.version);
        let mut close = self.connection.prepare_cached(CLOSE)?;
        let mut insert = self.connection.prepare_cached("INSERT INTO images VALUES (?, ?, ?, ?, ?, ?, ?, ?)")?;
        for (collection, id, image) in &commit.images {
            close.execute(params![tenant, &**collection, &**id, version, i64::MAX])?;
            let document = image.document.as_ref().map(json::to_json);
            let since = signed(image.since);
            insert.execute(params![tenant, &**collection, &**id, version, i64::MAX, &*image.by, since, document])?;
        }
        let mut insert = self.connection.prepare_cached("INSERT INTO records VALUES (?, ?, ?, ?, ?, ?, ?, ?)")?;
        let (replica, user) = (&*commit.replica, &*commit.state.user);
        for record in &commit.records {
            let (seq, hash, at) = (signed(record.seq), signed(record.hash), signed(record.at));
            insert.execute(params![tenant, replica, seq, hash, &*record.id, user, at, record.outcome.to_json()])?;
        }
        let (seq, hash) = (signed(commit.state.seq), signed(commit.state.hash));
        self.connection
            .prepare_cached("INSERT OR REPLACE INTO replicas VALUES (?, ?, ?, ?, ?)")?
            .execute(params![tenant, replica, user, seq, hash])?;
        // The version is taken last, in the same transaction: nobody can read past a commit that is still to come.
        self.connection
            .prepare_cached(
                "INSERT INTO tenants VALUES (?1, ?2, 0, 0) ON CONFLICT (tenant) DO UPDATE SET version = ?2",
            )?
            .execute(params![tenant, version])?;
        Ok(())
    }
}

impl ServerStore for Tenant<'_> {
    fn head(&self) -> CoreResult<Head> {
        let sql = "SELECT epoch, coalesce(version, floor), coalesce(purged, 0), coalesce(stable, 0)
            FROM server LEFT JOIN tenants ON tenant = ?";
        let mut statement = self.connection.prepare_cached(sql).map_err(failed)?;
        let head = statement.query_row([self.tenant], |row| {
            let epoch: String = row.get(0)?;
            let (version, purged, stable) = (unsigned(row, 1)?, unsigned(row, 2)?, unsigned(row, 3)?);
            Ok(Head { epoch: epoch.into(), version, purged, stable })
        });
        head.map_err(failed)
    }

    fn replica(&self, replica: &str) -> CoreResult<Option<Replica>> {
        let sql = "SELECT user, seq, hash FROM replicas WHERE tenant = ? AND replica = ?";
        let mut statement = self.connection.prepare_cached(sql).map_err(failed)?;
        let found = statement.query_row([self.tenant, replica], |row| {
            let user: String = row.get(0)?;
            Ok(Replica { user: user.into(), seq: unsigned(row, 1)?, hash: unsigned(row, 2)? })
        });
        found.optional().map_err(failed)
    }

    fn record(&self, replica: &str, seq: u64) -> CoreResult<Option<Record>> {
        let sql = "SELECT seq, hash, id, at, outcome FROM records WHERE tenant = ? AND replica = ? AND seq = ?";
        let mut statement = self.connection.prepare_cached(sql).map_err(failed)?;
        let found = statement.query_row(params![self.tenant, replica, signed(seq)], record);
        with_outcome(found.optional().map_err(failed)?)
    }

    fn record_named(&self, user: &str, id: &str) -> CoreResult<Option<Record>> {
        let mut statement = self.connection.prepare_cached(NAMED).map_err(failed)?;
        with_outcome(statement.query_row([self.tenant, user, id], record).optional().map_err(failed)?)
    }

    fn included(&self, replica: &str, version: u64) -> CoreResult<Option<(u64, u64)>> {
        let sql =
            "SELECT seq, hash FROM records WHERE tenant = ? AND replica = ? AND at <= ? ORDER BY seq DESC LIMIT 1";
        let mut statement = self.connection.prepare_cached(sql).map_err(failed)?;
        let found = statement.query_row(params![self.tenant, replica, signed(version)], |row| {
            Ok((unsigned(row, 0)?, unsigned(row, 1)?))
        });
        found.optional().map_err(failed)
    }

    fn image(&self, collection: &str, id: &str) -> CoreResult<Option<Image>> {
        self.image_at(collection, id, i64::MAX as u64)
    }

    fn image_at(&self, collection: &str, id: &str, version: u64) -> CoreResult<Option<Image>> {
        let sql = "SELECT version, by, since, document FROM images
            WHERE tenant = ? AND collection = ? AND id = ? AND version <= ? ORDER BY version DESC LIMIT 1";
        let mut statement = self.connection.prepare_cached(sql).map_err(failed)?;
        let key = params![self.tenant, collection, id, signed(version)];
        statement.query_row(key, |row| raw_image(row, 0)).optional().map_err(failed)?.map(image).transpose()
    }

    fn images(&self, span: Span<'_>, show: &mut dyn FnMut(&str, &str, Image) -> CoreResult<bool>) -> CoreResult<()> {
        let mut statement = self.connection.prepare_cached(SPAN).map_err(failed)?;
        let (version, collection, id) = span.behind();
        let bounds = params![self.tenant, signed(version), collection, id, signed(span.from), signed(span.to)];
        let mut rows = statement.query(bounds).map_err(failed)?;
        while let Some(row) = rows.next().map_err(failed)? {
            let (collection, id): (String, String) = (row.get(0).map_err(failed)?, row.get(1).map_err(failed)?);
            if !show(&collection, &id, image(raw_image(row, 2).map_err(failed)?)?)? {
                break;
            }
        }
        Ok(())
    }

    fn commit(&mut self, commit: Commit) -> CoreResult<()> {
        self.write(&commit).map_err(failed)
    }

    fn purge(&mut self, before: u64) -> CoreResult<()> {
        let sql = "DELETE FROM images WHERE tenant = ?1 AND (until <= ?2 OR (document IS NULL AND version <= ?2))";
        let key = params![self.tenant, signed(before)];
        self.connection.execute(sql, key).map_err(failed)?;
        self.connection.execute("UPDATE tenants SET purged = ?2 WHERE tenant = ?1", key).map_err(failed)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_question_of_a_push_or_pull_walks_through_a_tenant() {
        let connection = super::super::open(std::path::Path::new(":memory:")).unwrap();
        let check = |sql: &str, expected: &str| {
            let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
            for parameter in 1..=statement.parameter_count() {
                statement.raw_bind_parameter(parameter, 0).unwrap();
            }
            let mut rows = statement.raw_query();
            let mut plan = Vec::new();
            while let Some(row) = rows.next().unwrap() {
                plan.push(row.get::<_, String>(3).unwrap());
            }
            assert!(plan[0].ends_with(expected), "{sql}: {plan:?}");
            assert!(plan.iter().all(|step| !step.contains("TEMP B-TREE")), "{sql}: {plan:?}");
        };
        check(NAMED, "USING INDEX records_named (tenant=? AND user=? AND id=?)");
        check(CLOSE, "USING PRIMARY KEY (tenant=? AND collection=? AND id=? AND version=?)");
        check(SPAN, "USING INDEX images_by_version (tenant=? AND (version,collection,id)>(?,?,?) AND version<?)");
    }
}
