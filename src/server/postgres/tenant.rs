//! A tenant in PostgreSQL: what `tidewell_core::sync` asks of a store, in few round trips.
//!
//! It opens no transaction. What a push will ask is fetched before ([`Tenant::prefetch`]); a pull's images come in chunks,
//! and what they superseded for a chunk at once.

use std::cell::RefCell;
use std::collections::BTreeMap;

use postgres::types::ToSql;
use postgres::{Row, Statement, Transaction};
use tidewell_core::base::{Error, Result};
use tidewell_core::collections::json;
use tidewell_core::sync::server::{Commit, Head, Image, Record, Replica, Span};
use tidewell_core::sync::{Outcome, PushRequest, ServerStore};

use super::commit;
use super::pool::failed;

/// The most documents that are fetched before a push; what is beyond is fetched when it is asked for.
const PREFETCH: usize = 1000;
/// A chunk of images has about this many bytes.
const CHUNK: usize = 1 << 20;

type Key = (Box<str>, Box<str>);

/// What is known of a tenant without asking.
#[derive(Default)]
struct Known {
    head: Option<Head>,
    /// Images at a version.
    images: BTreeMap<Key, Option<Image>>,
    at: u64,
    /// The documents of the chunk that is being shown.
    chunk: Vec<Key>,
    /// Records under their own names, if they were fetched.
    named: Option<Vec<Record>>,
}

/// A transaction and the statements its connection has prepared.
pub(super) struct Within<'a> {
    pub(super) transaction: Transaction<'a>,
    pub(super) statements: &'a mut BTreeMap<&'static str, Statement>,
}

impl Within<'_> {
    fn statement(&mut self, sql: &'static str) -> Result<Statement> {
        if let Some(statement) = self.statements.get(sql) {
            return Ok(statement.clone());
        }
        let statement = self.transaction.prepare(sql).map_err(failed)?;
        self.statements.insert(sql, statement.clone());
        Ok(statement)
    }

    pub(super) fn rows(&mut self, sql: &'static str, parameters: &[&(dyn ToSql + Sync)]) -> Result<Vec<Row>> {
        let statement = self.statement(sql)?;
        self.transaction.query(&statement, parameters).map_err(failed)
    }

    pub(super) fn execute(&mut self, sql: &'static str, parameters: &[&(dyn ToSql + Sync)]) -> Result<u64> {
        let statement = self.statement(sql)?;
        self.transaction.execute(&statement, parameters).map_err(failed)
    }
}

/// A tenant, within a transaction.
pub(super) struct Tenant<'a, 'b> {
    within: &'a RefCell<Within<'b>>,
    tenant: &'a str,
    known: RefCell<Known>,
}

/// PostgreSQL's integers have a sign; versions and numbers stay below 2^53, hashes keep their bits.
pub(super) fn signed(number: u64) -> i64 {
    number as i64
}

fn column<'r, T: postgres::types::FromSql<'r>>(row: &'r Row, index: usize) -> Result<T> {
    row.try_get(index).map_err(failed)
}

fn unsigned(row: &Row, index: usize) -> Result<u64> {
    column::<i64>(row, index).map(|number| number as u64)
}

fn record(row: &Row) -> Result<Record> {
    let outcome = Outcome::from_json(column(row, 4)?)?;
    let id = column::<&str>(row, 2)?.into();
    Ok(Record { seq: unsigned(row, 0)?, hash: unsigned(row, 1)?, id, at: unsigned(row, 3)?, outcome })
}

fn image(row: &Row, at: usize) -> Result<Image> {
    let document = column::<Option<&[u8]>>(row, at + 3)?.map(json::parse).transpose()?;
    let by = column::<&str>(row, at + 1)?.into();
    Ok(Image { version: unsigned(row, at)?, by, since: unsigned(row, at + 2)?, document })
}

fn name(row: &Row, index: usize) -> Result<Box<str>> {
    let bytes = column::<&[u8]>(row, index)?;
    std::str::from_utf8(bytes).map(Into::into).map_err(|_| Error::corrupt("the name of a document is no text"))
}

const IMAGES_AT: &str = "SELECT k.n, i.version, i.writer, i.since, i.document
    FROM unnest($2::text[], $3::bytea[]) WITH ORDINALITY k(c, id, n) CROSS JOIN LATERAL (
        SELECT version, writer, since, document FROM tidewell_images WHERE tenant = $1 AND collection = k.c AND id = k.id
        AND version <= $4 AND until > $4 ORDER BY version DESC LIMIT 1) i";
/// A version after all others, and before the end of what is current.
const NOW: u64 = i64::MAX as u64 - 1;

impl<'a, 'b> Tenant<'a, 'b> {
    pub(super) fn new(within: &'a RefCell<Within<'b>>, tenant: &'a str) -> Self {
        Self { within, tenant, known: RefCell::default() }
    }

    /// Locks the tenant until the end of the transaction: no other push of it can come between. Makes it, if it is new.
    pub(super) fn lock(&self) -> Result<()> {
        let sql = "SELECT epoch, version, purged, stable FROM tidewell_server, tidewell_tenants WHERE tenant = $1
            FOR UPDATE OF tidewell_tenants";
        let mut within = self.within.borrow_mut();
        let mut found = within.rows(sql, &[&self.tenant])?;
        if found.is_empty() {
            let new =
                "INSERT INTO tidewell_tenants SELECT $1::text, floor, 0, 0 FROM tidewell_server ON CONFLICT DO NOTHING";
            within.execute(new, &[&self.tenant])?;
            found = within.rows(sql, &[&self.tenant])?;
        }
        let row = found.first().ok_or_else(|| Error::corrupt("the database has lost its epoch"))?;
        self.known.borrow_mut().head = Some(head(row)?);
        Ok(())
    }

    /// Fetches what a push of this user will ask. The tenant must be locked.
    pub(super) fn prefetch(&self, user: &str, request: &PushRequest) -> Result<()> {
        let ids: Vec<&str> = request.mutations.iter().map(|mutation| &*mutation.id).collect();
        let sql = "SELECT r.seq, r.hash, r.id, r.at, r.outcome FROM unnest($3::text[]) k(id) CROSS JOIN LATERAL (
            SELECT seq, hash, id, at, outcome FROM tidewell_records WHERE tenant = $1 AND owner = $2 AND id = k.id LIMIT 1) r";
        let found = self.within.borrow_mut().rows(sql, &[&self.tenant, &user, &ids])?;
        let named = found.iter().map(record).collect::<Result<_>>()?;
        let ops = request.mutations.iter().flat_map(|mutation| &mutation.ops);
        let mut keys: Vec<Key> = ops.map(|op| (op.collection.clone(), op.id.clone())).take(PREFETCH).collect();
        keys.sort();
        keys.dedup();
        let images = self.fetch(keys, NOW)?;
        let mut known = self.known.borrow_mut();
        (known.images, known.at, known.named) = (images, NOW, Some(named));
        Ok(())
    }

    /// The images of documents at a version.
    fn fetch(&self, keys: Vec<Key>, version: u64) -> Result<BTreeMap<Key, Option<Image>>> {
        let (collections, ids) = arrays(keys.iter());
        let parameters: [&(dyn ToSql + Sync); 4] = [&self.tenant, &collections, &ids, &signed(version)];
        let rows = self.within.borrow_mut().rows(IMAGES_AT, &parameters)?;
        let mut images: Vec<Option<Image>> = keys.iter().map(|_| None).collect();
        for row in &rows {
            let place = usize::try_from(column::<i64>(row, 0)? - 1).ok().and_then(|place| images.get_mut(place));
            *place.ok_or_else(|| Error::internal("an image that was not asked for"))? = Some(image(row, 1)?);
        }
        Ok(keys.into_iter().zip(images).collect())
    }
}

/// Names of documents as two arrays.
pub(super) fn arrays<'k>(keys: impl Iterator<Item = &'k Key>) -> (Vec<&'k str>, Vec<&'k [u8]>) {
    keys.map(|(collection, id)| (&**collection, id.as_bytes())).unzip()
}

fn head(row: &Row) -> Result<Head> {
    let epoch = column::<&str>(row, 0)?.into();
    Ok(Head { epoch, version: unsigned(row, 1)?, purged: unsigned(row, 2)?, stable: unsigned(row, 3)? })
}

impl ServerStore for Tenant<'_, '_> {
    fn head(&self) -> Result<Head> {
        if let Some(head) = &self.known.borrow().head {
            return Ok(head.clone());
        }
        let sql = "SELECT epoch, coalesce(version, floor), coalesce(purged, 0), coalesce(stable, 0)
            FROM tidewell_server LEFT JOIN tidewell_tenants ON tenant = $1";
        let found = self.within.borrow_mut().rows(sql, &[&self.tenant])?;
        head(found.first().ok_or_else(|| Error::corrupt("the database has lost its epoch"))?)
    }

    fn replica(&self, replica: &str) -> Result<Option<Replica>> {
        let sql = "SELECT owner, seq, hash FROM tidewell_replicas WHERE tenant = $1 AND replica = $2";
        let found = self.within.borrow_mut().rows(sql, &[&self.tenant, &replica])?;
        let read = |row: &Row| {
            let user = column::<&str>(row, 0)?.into();
            Ok(Replica { user, seq: unsigned(row, 1)?, hash: unsigned(row, 2)? })
        };
        found.first().map(read).transpose()
    }

    fn record(&self, replica: &str, seq: u64) -> Result<Option<Record>> {
        let sql =
            "SELECT seq, hash, id, at, outcome FROM tidewell_records WHERE tenant = $1 AND replica = $2 AND seq = $3";
        let found = self.within.borrow_mut().rows(sql, &[&self.tenant, &replica, &signed(seq)])?;
        found.first().map(record).transpose()
    }

    fn record_named(&self, user: &str, id: &str) -> Result<Option<Record>> {
        if let Some(named) = &self.known.borrow().named {
            return Ok(named.iter().find(|record| &*record.id == id).cloned());
        }
        let sql = "SELECT seq, hash, id, at, outcome FROM tidewell_records WHERE tenant = $1 AND owner = $2 AND id = $3 LIMIT 1";
        let found = self.within.borrow_mut().rows(sql, &[&self.tenant, &user, &id])?;
        found.first().map(record).transpose()
    }

    fn included(&self, replica: &str, version: u64) -> Result<Option<(u64, u64)>> {
        let sql = "SELECT seq, hash FROM tidewell_records WHERE tenant = $1 AND replica = $2 AND at <= $3
            ORDER BY seq DESC LIMIT 1";
        let found = self.within.borrow_mut().rows(sql, &[&self.tenant, &replica, &signed(version)])?;
        found.first().map(|row| Ok((unsigned(row, 0)?, unsigned(row, 1)?))).transpose()
    }

    fn image(&self, collection: &str, id: &str) -> Result<Option<Image>> {
        self.image_at(collection, id, NOW)
    }

    fn image_at(&self, collection: &str, id: &str, version: u64) -> Result<Option<Image>> {
        let key = (collection.into(), id.into());
        let chunk = {
            let mut known = self.known.borrow_mut();
            if known.at == version {
                if let Some(image) = known.images.get(&key) {
                    return Ok(image.clone());
                }
            }
            std::mem::take(&mut known.chunk)
        };
        let keys = if chunk.contains(&key) { chunk } else { vec![key.clone()] };
        let images = self.fetch(keys, version)?;
        let image = images.get(&key).cloned().flatten();
        let mut known = self.known.borrow_mut();
        (known.images, known.at) = (images, version);
        Ok(image)
    }

    fn images(&self, span: Span<'_>, show: &mut dyn FnMut(&str, &str, Image) -> Result<bool>) -> Result<()> {
        let sql = "SELECT collection, id, version, writer, since, document FROM tidewell_images
            WHERE tenant = $1 AND (version, collection, id) > ($2, $3, $4) AND version > $5 AND version <= $6 AND until > $6
            ORDER BY version, collection, id";
        let (version, collection, id) = span.behind();
        if collection.contains('\0') {
            return Err(Error::invalid("'cursor' is not one of this server's: leave it out to start over"));
        }
        let bounds: [&(dyn ToSql + Sync); 6] =
            [&self.tenant, &signed(version), &collection, &id.as_bytes(), &signed(span.from), &signed(span.to)];
        let portal = {
            let mut within = self.within.borrow_mut();
            let statement = within.statement(sql)?;
            within.transaction.bind(&statement, &bounds).map_err(failed)?
        };
        let mut rows_wanted = 64;
        loop {
            let rows = self.within.borrow_mut().transaction.query_portal(&portal, rows_wanted).map_err(failed)?;
            let keys = rows.iter().map(|row| Ok((column::<&str>(row, 0)?.into(), name(row, 1)?)));
            let keys: Vec<Key> = keys.collect::<Result<_>>()?;
            self.known.borrow_mut().chunk.clone_from(&keys);
            let mut bytes = 0;
            for (row, (collection, id)) in rows.iter().zip(&keys) {
                bytes += column::<Option<&[u8]>>(row, 5)?.map_or(0, <[u8]>::len);
                if !show(collection, id, image(row, 2)?)? {
                    return Ok(());
                }
            }
            if (rows.len() as i32) < rows_wanted {
                return Ok(());
            }
            rows_wanted = (CHUNK / (bytes / rows.len()).max(64)).clamp(8, 1000) as i32;
        }
    }

    fn commit(&mut self, commit: Commit) -> Result<()> {
        let version = commit.version;
        commit::write(&mut self.within.borrow_mut(), self.tenant, &commit)?;
        let known = self.known.get_mut();
        known.images.clear();
        (known.at, known.named) = (0, None);
        if let Some(head) = &mut known.head {
            head.version = version;
        }
        Ok(())
    }

    fn purge(&mut self, before: u64) -> Result<()> {
        let mut within = self.within.borrow_mut();
        let sql =
            "DELETE FROM tidewell_images WHERE tenant = $1 AND (until <= $2 OR (document IS NULL AND version <= $2))";
        within.execute(sql, &[&self.tenant, &signed(before)])?;
        let sql = "UPDATE tidewell_tenants SET purged = $2 WHERE tenant = $1";
        within.execute(sql, &[&self.tenant, &signed(before)]).map(drop)
    }
}
