//! A tenant in the SQL of a Durable Object: what `tidewell_core::sync` asks of a store.
//!
//! Not shared with the native server's: an object is one tenant, and its numbers are those of JavaScript, so hashes are text.

use js_sys::{Array, Iterator as JsIterator};
use tidewell_core::base::{Error, ErrorKind, Result};
use tidewell_core::collections::json;
use tidewell_core::sync::server::{Commit, Head, Image, Record, Replica, Span};
use tidewell_core::sync::{Outcome, ServerStore};
use wasm_bindgen::prelude::*;

/// The version of the tables.
const FORMAT: u64 = 1;
/// The end of an image that is current; also the latest version.
const OPEN: u64 = (1 << 53) - 1;

const TABLES: [&str; 6] = [
    "CREATE TABLE IF NOT EXISTS sync_tenant (one INTEGER PRIMARY KEY CHECK (one = 1), format INTEGER NOT NULL,
        epoch TEXT NOT NULL, version INTEGER NOT NULL, purged INTEGER NOT NULL, stable INTEGER NOT NULL)",
    "CREATE TABLE IF NOT EXISTS sync_replicas (replica TEXT PRIMARY KEY, user TEXT NOT NULL, seq INTEGER NOT NULL,
        hash TEXT NOT NULL) WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS sync_records (replica TEXT, seq INTEGER, hash TEXT NOT NULL, id TEXT NOT NULL,
        user TEXT NOT NULL, at INTEGER NOT NULL, outcome TEXT NOT NULL, PRIMARY KEY (replica, seq)) WITHOUT ROWID",
    "CREATE INDEX IF NOT EXISTS sync_records_named ON sync_records (user, id)",
    "CREATE TABLE IF NOT EXISTS sync_images (collection TEXT, id TEXT, version INTEGER, until INTEGER NOT NULL,
        by TEXT NOT NULL, since INTEGER NOT NULL, document TEXT, PRIMARY KEY (collection, id, version)) WITHOUT ROWID",
    "CREATE INDEX IF NOT EXISTS sync_images_by_version ON sync_images (version, collection, id)",
];

#[wasm_bindgen]
extern "C" {
    /// `ctx.storage.sql`.
    pub type Sql;
    #[wasm_bindgen(method, variadic, catch)]
    fn exec(this: &Sql, query: &str, bindings: &Array) -> std::result::Result<Cursor, JsValue>;

    type Cursor;
    #[wasm_bindgen(method, catch)]
    fn raw(this: &Cursor) -> std::result::Result<JsIterator, JsValue>;
}

/// The tenant of an object.
pub(crate) struct Tenant {
    sql: Sql,
}

/// A row of an answer.
struct Row(Array);

impl Row {
    fn text(&self, index: u32) -> Result<Box<str>> {
        self.0.get(index).as_string().map(String::into_boxed_str).ok_or_else(nonsense)
    }

    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked just before")]
    fn number(&self, index: u32) -> Result<u64> {
        let number = self.0.get(index).as_f64().filter(|number| (0.0..9_007_199_254_740_992.0).contains(number));
        number.map(|number| number as u64).ok_or_else(nonsense)
    }

    fn hash(&self, index: u32) -> Result<u64> {
        u64::from_str_radix(&self.text(index)?, 16).map_err(|_| nonsense())
    }

    /// An image whose columns begin at `index`.
    fn image(&self, index: u32) -> Result<Image> {
        let document = self.0.get(index + 3);
        let document = if document.is_null() { None } else { Some(document.as_string().ok_or_else(nonsense)?) };
        let document = document.map(|text| json::parse(text.as_bytes())).transpose()?;
        let (version, by, since) = (self.number(index)?, self.text(index + 1)?, self.number(index + 2)?);
        Ok(Image { version, by, since, document })
    }

    fn record(&self) -> Result<Record> {
        let outcome = Outcome::from_json(self.text(4)?.as_bytes())?;
        Ok(Record { seq: self.number(0)?, hash: self.hash(1)?, id: self.text(2)?, at: self.number(3)?, outcome })
    }
}

fn nonsense() -> Error {
    Error::new(ErrorKind::Corrupt, "the tenant's tables hold something else than was written")
}

fn failed(thrown: &JsValue) -> Error {
    let message = thrown.dyn_ref::<js_sys::Error>().map(js_sys::Error::message);
    let message = message.map_or_else(String::new, |message| String::from(&message));
    Error::new(ErrorKind::Unavailable, format!("the object's storage failed: {message}"))
}

/// A number as JavaScript has them.
#[expect(clippy::cast_precision_loss, reason = "numbers of the protocol are below 2^53")]
fn number(number: u64) -> JsValue {
    JsValue::from_f64(number as f64)
}

fn hash(hash: u64) -> JsValue {
    JsValue::from_str(&format!("{hash:016x}"))
}

fn text(bytes: &[u8]) -> JsValue {
    JsValue::from_str(&String::from_utf8_lossy(bytes))
}

impl Tenant {
    /// The tenant, with its tables made where there are none.
    pub(crate) fn open(sql: Sql, epoch: &str) -> Result<Self> {
        let tenant = Self { sql };
        for table in TABLES {
            tenant.run(table, [])?;
        }
        let made = "INSERT OR IGNORE INTO sync_tenant VALUES (1, ?, ?, 0, 0, 0)";
        tenant.run(made, [number(FORMAT), JsValue::from_str(epoch)])?;
        match tenant.first("SELECT format FROM sync_tenant", [], |row| row.number(0))? {
            Some(FORMAT) => Ok(tenant),
            other => {
                Err(Error::invalid(format!("the tenant's tables have version {other:?}; this code knows {FORMAT}")))
            }
        }
    }

    /// Another epoch, as a restore makes it.
    pub(crate) fn renew(&mut self, epoch: &str) -> Result<()> {
        let head = self.head()?.renewed(epoch);
        let renewed = "UPDATE sync_tenant SET epoch = ?, version = ?";
        self.run(renewed, [JsValue::from_str(&head.epoch), number(head.version)])
    }

    fn rows<const N: usize>(&self, query: &str, bindings: [JsValue; N]) -> Result<JsIterator> {
        let bindings: Array = bindings.into_iter().collect();
        self.sql.exec(query, &bindings).and_then(|cursor| cursor.raw()).map_err(|thrown| failed(&thrown))
    }

    fn run<const N: usize>(&self, query: &str, bindings: [JsValue; N]) -> Result<()> {
        self.rows(query, bindings).map(drop)
    }

    fn first<const N: usize, T>(
        &self,
        query: &str,
        bindings: [JsValue; N],
        read: impl FnOnce(&Row) -> Result<T>,
    ) -> Result<Option<T>> {
        let rows = self.rows(query, bindings)?;
        next(&rows)?.map(|row| read(&row)).transpose()
    }
}

fn next(rows: &JsIterator) -> Result<Option<Row>> {
    let next = rows.next().map_err(|thrown| failed(&thrown))?;
    Ok(if next.done() { None } else { Some(Row(next.value().unchecked_into())) })
}

impl ServerStore for Tenant {
    fn head(&self) -> Result<Head> {
        let read = |row: &Row| {
            let (epoch, version) = (row.text(0)?, row.number(1)?);
            Ok(Head { epoch, version, purged: row.number(2)?, stable: row.number(3)? })
        };
        let head = self.first("SELECT epoch, version, purged, stable FROM sync_tenant", [], read)?;
        head.ok_or_else(nonsense)
    }

    fn replica(&self, replica: &str) -> Result<Option<Replica>> {
        self.first("SELECT user, seq, hash FROM sync_replicas WHERE replica = ?", [replica.into()], |row| {
            Ok(Replica { user: row.text(0)?, seq: row.number(1)?, hash: row.hash(2)? })
        })
    }

    fn record(&self, replica: &str, seq: u64) -> Result<Option<Record>> {
        let query = "SELECT seq, hash, id, at, outcome FROM sync_records WHERE replica = ? AND seq = ?";
        self.first(query, [replica.into(), number(seq)], Row::record)
    }

    fn record_named(&self, user: &str, id: &str) -> Result<Option<Record>> {
        let query = "SELECT seq, hash, id, at, outcome FROM sync_records WHERE user = ? AND id = ? LIMIT 1";
        self.first(query, [user.into(), id.into()], Row::record)
    }

    fn included(&self, replica: &str, version: u64) -> Result<Option<(u64, u64)>> {
        let query = "SELECT seq, hash FROM sync_records WHERE replica = ? AND at <= ? ORDER BY seq DESC LIMIT 1";
        self.first(query, [replica.into(), number(version)], |row| Ok((row.number(0)?, row.hash(1)?)))
    }

    fn image(&self, collection: &str, id: &str) -> Result<Option<Image>> {
        self.image_at(collection, id, OPEN)
    }

    fn image_at(&self, collection: &str, id: &str, version: u64) -> Result<Option<Image>> {
        let query = "SELECT version, by, since, document FROM sync_images
            WHERE collection = ? AND id = ? AND version <= ? ORDER BY version DESC LIMIT 1";
        self.first(query, [collection.into(), id.into(), number(version)], |row| row.image(0))
    }

    fn images(&self, span: Span<'_>, show: &mut dyn FnMut(&str, &str, Image) -> Result<bool>) -> Result<()> {
        let query = "SELECT collection, id, version, by, since, document FROM sync_images
            WHERE (version, collection, id) > (?1, ?2, ?3) AND version > ?4 AND version <= ?5 AND until > ?5
            ORDER BY version, collection, id";
        let (version, collection, id) = span.behind();
        let (from, to) = (number(span.from), number(span.to));
        let rows = self.rows(query, [number(version), collection.into(), id.into(), from, to])?;
        while let Some(row) = next(&rows)? {
            if !show(&row.text(0)?, &row.text(1)?, row.image(2)?)? {
                break;
            }
        }
        Ok(())
    }

    fn commit(&mut self, commit: Commit) -> Result<()> {
        let version = || number(commit.version);
        let close = "UPDATE sync_images SET until = ?3 WHERE collection = ?1 AND id = ?2 AND until = ?4
            AND version = (SELECT max(version) FROM sync_images WHERE collection = ?1 AND id = ?2)";
        let insert = "INSERT INTO sync_images VALUES (?, ?, ?, ?, ?, ?, ?)";
        for (collection, id, image) in &commit.images {
            let (collection, id) = (JsValue::from_str(collection), JsValue::from_str(id));
            self.run(close, [collection.clone(), id.clone(), version(), number(OPEN)])?;
            let document = image.document.as_ref().map_or(JsValue::NULL, |document| text(&json::to_json(document)));
            let (by, since) = (JsValue::from_str(&image.by), number(image.since));
            self.run(insert, [collection, id, version(), number(OPEN), by, since, document])?;
        }
        let (replica, user) = (JsValue::from_str(&commit.replica), JsValue::from_str(&commit.state.user));
        let insert = "INSERT INTO sync_records VALUES (?, ?, ?, ?, ?, ?, ?)";
        for record in &commit.records {
            let (id, outcome) = (JsValue::from_str(&record.id), text(&record.outcome.to_json()));
            let (seq, hash, at) = (number(record.seq), hash(record.hash), number(record.at));
            self.run(insert, [replica.clone(), seq, hash, id, user.clone(), at, outcome])?;
        }
        let (seq, hash) = (number(commit.state.seq), hash(commit.state.hash));
        self.run("INSERT OR REPLACE INTO sync_replicas VALUES (?, ?, ?, ?)", [replica, user, seq, hash])?;
        self.run("UPDATE sync_tenant SET version = ?", [version()])
    }

    fn purge(&mut self, before: u64) -> Result<()> {
        let delete = "DELETE FROM sync_images WHERE until <= ?1 OR (document IS NULL AND version <= ?1)";
        self.run(delete, [number(before)])?;
        self.run("UPDATE sync_tenant SET purged = ?", [number(before)])
    }
}
