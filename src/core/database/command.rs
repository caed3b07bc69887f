//! From a command's JSON to something that can run: a read task, a write, or a call that only makes sense once.
//!
//! It runs nothing.

use std::rc::Rc;

use crate::base::{Error, Result};
use crate::collections::fields::Fields;
use crate::collections::find::{take_filter, Matcher, Query, Ranking};
use crate::collections::update::{Elements, Update};
use crate::collections::write::{upsert_base, Delete, Insert, InsertMode, Returning, Target, UpdateDocuments, Upsert};
use crate::collections::Value;
use crate::engine::Durability;

use super::cache::CacheCall;
use super::jobs::JobCall;
use super::read::ReadTask;
use super::sync::{Intent, SyncCall};
use super::topics::TopicCall;
use super::write::{Write, WriteKind};

/// A parsed command.
#[expect(clippy::large_enum_variant, reason = "it lives for one call; a box would cost an allocation for each")]
pub(super) enum Command {
    /// Looks, and may be run again.
    Read(ReadTask),
    /// Changes documents in one commit.
    Write(Write),
    /// Everything else; parsed where it is done.
    Call(Call),
}

/// What surrounds a command.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Envelope {
    /// The transaction it belongs to.
    pub(super) tx: Option<u32>,
    /// What its commit must survive.
    pub(super) durability: Durability,
}

/// Commands with a life of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Call {
    Begin,
    Commit,
    Rollback,
    Ensure,
    DropCollection,
    CreateIndex,
    DropIndex,
    WaitIndex,
    DropSearch,
    WaitSearch,
    Unsubscribe,
    Stats,
    ResetStats,
    Inspect,
    Flush,
    Compact,
    Close,
    Cache(CacheCall),
    Topic(TopicCall),
    Job(JobCall),
    Sync(SyncCall),
}

impl Call {
    fn named(op: &str) -> Option<Self> {
        Some(match op {
            "begin" => Self::Begin,
            "commit" => Self::Commit,
            "rollback" => Self::Rollback,
            "ensure" => Self::Ensure,
            "dropCollection" => Self::DropCollection,
            "createIndex" => Self::CreateIndex,
            "dropIndex" => Self::DropIndex,
            "waitIndex" => Self::WaitIndex,
            "dropSearch" => Self::DropSearch,
            "waitSearch" => Self::WaitSearch,
            "unsubscribe" => Self::Unsubscribe,
            "stats" => Self::Stats,
            "resetStats" => Self::ResetStats,
            "inspect" => Self::Inspect,
            "flush" => Self::Flush,
            "compact" => Self::Compact,
            "close" => Self::Close,
            _ => {
                let topic = || TopicCall::named(op).map(Self::Topic);
                let job = || JobCall::named(op).map(Self::Job);
                let sync = || SyncCall::named(op).map(Self::Sync);
                return CacheCall::named(op).map(Self::Cache).or_else(topic).or_else(job).or_else(sync);
            }
        })
    }
}

/// A command with its name and surroundings, and the fields that nobody has taken yet.
pub(super) struct Parsed<'a> {
    pub(super) name: &'static str,
    pub(super) command: Command,
    pub(super) envelope: Envelope,
    pub(super) fields: Fields<'a>,
}

/// Parses a command. `now_ms` is the time that `$currentDate` and `$$NOW` see.
///
/// # Errors
/// `Invalid`, naming the command, the field and the fix; reason `unknown-command` for an unknown one.
pub(super) fn parse(text: &[u8], now_ms: f64) -> Result<Parsed<'_>> {
    let mut fields = Fields::split(text, "the command")?;
    let op = fields.required_text("op")?;
    fields.call(&op);
    let tx = fields.number_u32("tx")?;
    let durability = take_durability(&mut fields)?;
    let (name, command) = dispatch(&op, &mut fields, now_ms)?;
    if !matches!(command, Command::Call(_)) {
        fields.finish()?;
        fields = Fields::split(b"{}", name)?;
    }
    Ok(Parsed { name, command, envelope: Envelope { tx, durability }, fields })
}

fn dispatch(op: &str, fields: &mut Fields<'_>, now_ms: f64) -> Result<(&'static str, Command)> {
    if let Some(call) = Call::named(op) {
        return Ok(("call", Command::Call(call)));
    }
    let insert = |fields: &mut Fields<'_>, mode| take_insert(fields, mode).map(Command::Write);
    Ok(match op {
        "insert" => ("insert", insert(fields, InsertMode::Insert)?),
        "put" => ("put", insert(fields, InsertMode::Put)?),
        "replace" => ("replace", insert(fields, InsertMode::Replace)?),
        "update" => ("update", Command::Write(take_update(fields, now_ms)?)),
        "delete" => ("delete", Command::Write(take_delete(fields, now_ms)?)),
        _ => match ReadTask::take(op, fields, now_ms)? {
            Some((name, task)) => (name, Command::Read(task)),
            None => {
                let message = format!("unknown command '{op}': see docs/COMMANDS.md for those there are");
                return Err(Error::invalid(message).with_reason("unknown-command"));
            }
        },
    })
}

fn take_durability(fields: &mut Fields<'_>) -> Result<Durability> {
    match fields.text("durability")?.as_deref() {
        None | Some("relaxed") => Ok(Durability::Relaxed),
        Some("strict") => Ok(Durability::Strict),
        Some("memory") => Ok(Durability::Memory),
        Some(_) => Err(fields.wrong("durability", "'relaxed', 'strict' or 'memory'")),
    }
}

fn take_insert(fields: &mut Fields<'_>, mode: InsertMode) -> Result<Write> {
    let collection = fields.required_text("collection")?;
    let json = fields.raw("docs").ok_or_else(|| fields.missing("docs"))?.to_vec();
    let version = fields.number_u32("version")?;
    Ok(Write::insert(&collection, json, mode, version))
}

impl Write {
    /// Whole documents from a JSON array.
    pub(super) fn insert(collection: &str, json: Vec<u8>, mode: InsertMode, version: Option<u32>) -> Self {
        let kind = match mode {
            InsertMode::Insert => WriteKind::Insert,
            InsertMode::Put => WriteKind::Put,
            InsertMode::Replace => WriteKind::Replace,
        };
        Self::Insert(kind, Insert::new(collection, json, mode, version), Intent::of_mode(mode))
    }
}

fn take_update(fields: &mut Fields<'_>, now_ms: f64) -> Result<Write> {
    let collection: Box<str> = fields.required_text("collection")?.into();
    let update = fields.value("update")?.ok_or_else(|| fields.missing("update"))?;
    let upsert = fields.flag("upsert", false)?;
    let new_id = fields.text("newId")?.map(Box::from);
    let returning = match fields.text("returning")?.as_deref() {
        None => Returning::Nothing,
        Some("before") => Returning::Before,
        Some("after") => Returning::After,
        Some(_) => return Err(fields.wrong("returning", "'before' or 'after'")),
    };
    let version = fields.number_u32("version")?;
    let array_filters = fields.value("arrayFilters")?;
    let (target, base) = take_target(fields, &collection, now_ms)?;
    let filter = if let Target::Query(query) = &target { Some(&query.matcher.value) } else { None };
    let source = update;
    let update = Update::parse_with(&source, &Elements::parse(array_filters.as_ref(), filter)?)?;
    let intent = Intent::of_update(source, !update.is_conditional());
    let update = UpdateDocuments {
        collection,
        target,
        update,
        upsert: if upsert { Some(Upsert { base: base?, new_id }) } else { None },
        returning,
        version,
        now_ms,
    };
    Ok(Write::Update(update, intent))
}

fn take_delete(fields: &mut Fields<'_>, now_ms: f64) -> Result<Write> {
    let collection: Box<str> = fields.required_text("collection")?.into();
    let returning = match fields.text("returning")?.as_deref() {
        None => false,
        Some("before") => true,
        Some(_) => return Err(fields.wrong("returning", "'before'")),
    };
    let (target, _) = take_target(fields, &collection, now_ms)?;
    Ok(Write::Delete(Delete { collection, target, returning }))
}

/// Which documents, and what an upsert would start from.
fn take_target(fields: &mut Fields<'_>, collection: &str, now_ms: f64) -> Result<(Target, Result<Value>)> {
    let id = fields.text("id")?.map(Box::<str>::from);
    let ids = fields.texts("ids")?;
    let has_filter = fields.has("filter");
    let many = fields.flag("many", true)?;
    let sort = fields.value("sort")?;
    match (id, ids, has_filter) {
        (Some(id), None, false) => {
            let base = Value::Object(vec![("id".into(), Value::String(id.clone()))]);
            Ok((Target::Ids(vec![id]), Ok(base)))
        }
        (None, Some(ids), false) => {
            let base = Error::invalid("upsert: it needs one 'id' or a 'filter', not 'ids'");
            Ok((Target::Ids(ids), Err(base)))
        }
        (None, None, true) => {
            let matcher: Matcher = take_filter(fields, now_ms)?;
            let base = upsert_base(&matcher.value);
            let ranking = Ranking::parse(sort, false)?;
            let limit = if many { None } else { Some(1) };
            let query = Query { ranking, limit, ..Query::new(collection, matcher) };
            Ok((Target::Query(Rc::new(query)), base))
        }
        _ => Err(fields.wrong("id", "given, or 'ids', or 'filter': exactly one of them")),
    }
}
