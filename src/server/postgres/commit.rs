//! Writing a push's commit: each table in one statement, the tenant's version last.
//!
//! It does not end the transaction.

use tidewell_core::base::{Error, ErrorKind, Result};
use tidewell_core::collections::json;
use tidewell_core::sync::server::Commit;

use super::tenant::{signed, Within};

/// The current image of a document ends here.
const OPEN: i64 = i64::MAX;

/// Writes everything that a push changes.
pub(super) fn write(within: &mut Within<'_>, tenant: &str, commit: &Commit) -> Result<()> {
    let version = signed(commit.version);
    if !commit.images.is_empty() {
        images(within, tenant, commit)?;
    }
    let (replica, user) = (&*commit.replica, &*commit.state.user);
    let seqs: Vec<i64> = commit.records.iter().map(|record| signed(record.seq)).collect();
    let hashes: Vec<i64> = commit.records.iter().map(|record| signed(record.hash)).collect();
    let ids: Vec<&str> = commit.records.iter().map(|record| &*record.id).collect();
    let at: Vec<i64> = commit.records.iter().map(|record| signed(record.at)).collect();
    let outcomes: Vec<Vec<u8>> = commit.records.iter().map(|record| record.outcome.to_json()).collect();
    let sql = "INSERT INTO tidewell_records SELECT $1::text, $2::text, r.seq, r.hash, r.id, $3::text, r.at, r.outcome
        FROM unnest($4::bigint[], $5::bigint[], $6::text[], $7::bigint[], $8::bytea[]) r(seq, hash, id, at, outcome)";
    within.execute(sql, &[&tenant, &replica, &user, &seqs, &hashes, &ids, &at, &outcomes])?;
    let sql = "INSERT INTO tidewell_replicas VALUES ($1, $2, $3, $4, $5)
        ON CONFLICT (tenant, replica) DO UPDATE SET owner = excluded.owner, seq = excluded.seq, hash = excluded.hash";
    within.execute(sql, &[&tenant, &replica, &user, &signed(commit.state.seq), &signed(commit.state.hash)])?;
    // The version is taken last, under the tenant's lock: nobody can read past a commit that is still to come. It moves by
    // one or not at all; anything else would mean that the lock was not held.
    let sql = "UPDATE tidewell_tenants SET version = $2 WHERE tenant = $1 AND version IN ($2, $2::bigint - 1)";
    if within.execute(sql, &[&tenant, &version])? != 1 {
        return Err(Error::new(ErrorKind::Unavailable, "another push took this version"));
    }
    Ok(())
}

fn images(within: &mut Within<'_>, tenant: &str, commit: &Commit) -> Result<()> {
    let version = signed(commit.version);
    let collections: Vec<&str> = commit.images.iter().map(|(collection, _, _)| &**collection).collect();
    let ids: Vec<&[u8]> = commit.images.iter().map(|(_, id, _)| id.as_bytes()).collect();
    // Document by document (LATERAL … LIMIT is a fence): the planner, whose statistics of a young table are wrong, must not
    // walk through the tenant instead.
    let sql = "UPDATE tidewell_images SET until = $2 WHERE ctid = ANY (ARRAY(
        SELECT i.place FROM unnest($3::text[], $4::bytea[]) k(c, id) CROSS JOIN LATERAL (
            SELECT ctid AS place FROM tidewell_images WHERE tenant = $1 AND collection = k.c AND id = k.id AND until = $5
            ORDER BY version DESC LIMIT 1) i))";
    within.execute(sql, &[&tenant, &version, &collections, &ids, &OPEN])?;
    let writers: Vec<&str> = commit.images.iter().map(|(_, _, image)| &*image.by).collect();
    let since: Vec<i64> = commit.images.iter().map(|(_, _, image)| signed(image.since)).collect();
    let documents: Vec<Option<Vec<u8>>> =
        commit.images.iter().map(|(_, _, image)| image.document.as_ref().map(json::to_json)).collect();
    let sql =
        "INSERT INTO tidewell_images SELECT $1::text, i.c, i.id, $2::bigint, $3::bigint, i.writer, i.since, i.document
        FROM unnest($4::text[], $5::bytea[], $6::text[], $7::bigint[], $8::bytea[]) i(c, id, writer, since, document)";
    within.execute(sql, &[&tenant, &version, &OPEN, &collections, &ids, &writers, &since, &documents]).map(drop)
}
