//! Commands of caches.
//!
//! It keeps no values: those in memory are the package's. What is told of entries that went is `cache_news.rs`.

use std::rc::Rc;

use crate::base::{Error, Result};
use crate::cache::entry::Terms;
use crate::cache::keys::{self as cache_keys, Address};
use crate::cache::{self, Dependency, NewEntry};
use crate::collections::fields::Fields;
use crate::collections::Value;
use crate::engine::{Durability, Step, Transaction};

use super::handle::Database;
use super::response::{ObjectWriter, Response};

/// Commands of caches that change something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CacheCall {
    Open,
    Put,
    /// Stores and removes any number of entries in one commit.
    Write,
    Touch,
    Delete,
    Invalidate,
    Clear,
    /// Reads what other instances have committed.
    Sync,
    /// How much a watched transaction has read.
    Mark,
    /// Ends a watched transaction by storing what was computed in it.
    Commit,
}

impl CacheCall {
    pub(super) fn named(op: &str) -> Option<Self> {
        Some(match op {
            "cacheOpen" => Self::Open,
            "cachePut" => Self::Put,
            "cacheWrite" => Self::Write,
            "cacheTouch" => Self::Touch,
            "cacheDelete" => Self::Delete,
            "cacheInvalidate" => Self::Invalidate,
            "cacheClear" => Self::Clear,
            "cacheSync" => Self::Sync,
            "cacheMark" => Self::Mark,
            "cacheCommit" => Self::Commit,
            _ => return None,
        })
    }
}

fn take_cache(fields: &mut Fields<'_>) -> Result<u32> {
    fields.number_u32("cache")?.ok_or_else(|| fields.missing("cache"))
}

/// An entry out of the fields of `cachePut`; its keys that were used go to `used`.
fn take_entry(fields: &mut Fields<'_>, used: &mut Vec<Address>) -> Result<NewEntry> {
    let cache = take_cache(fields)?;
    let address = Address { cache, key: fields.required_text("key")?.into() };
    let json = fields.raw("value").unwrap_or(b"null").to_vec();
    let created = fields.number("created")?.unwrap_or(0);
    let terms = Terms {
        created,
        touched: created,
        ttl: fields.number("ttl")?,
        sliding: fields.number("sliding")?,
        stale: fields.number("stale")?.unwrap_or(0),
        negative: fields.flag("negative", false)?,
        weight: fields.number("weight")?,
        tags: fields.texts("tags")?.unwrap_or_default(),
    };
    let bytes_max = fields.number("maxBytes")?.unwrap_or(u64::MAX);
    let keys = fields.texts("used")?.unwrap_or_default();
    used.extend(keys.into_iter().map(|key| Address { cache, key }));
    let extended = json.windows(3).any(|part| part == b"{\"$");
    Ok(NewEntry { address, terms, json, extended, dependencies: None, bytes_max })
}

impl Database {
    pub(super) async fn cache_call(
        &self,
        call: CacheCall,
        mut fields: Fields<'_>,
        durability: Durability,
    ) -> Result<Response> {
        match call {
            CacheCall::Open => {
                let name: Box<str> = fields.required_text("name")?.into();
                fields.finish()?;
                self.cache_open(name, durability).await
            }
            CacheCall::Put => {
                let mut used = Vec::new();
                let entry = take_entry(&mut fields, &mut used)?;
                fields.finish()?;
                self.cache_put(vec![entry], &used, durability).await
            }
            CacheCall::Write => {
                let cache = take_cache(&mut fields)?;
                let mut used = Vec::new();
                let list = fields.value("entries")?.unwrap_or(Value::Array(Vec::new()));
                let entries = computed(list, &[], &mut used)?;
                let delete = fields.texts("delete")?.unwrap_or_default();
                fields.finish()?;
                let delete = delete.into_iter().map(|key| Address { cache, key }).collect();
                self.cache_write(entries, delete, &used, durability).await
            }
            CacheCall::Touch => {
                let address = Address { cache: take_cache(&mut fields)?, key: fields.required_text("key")?.into() };
                let touched = fields.number("touched")?.unwrap_or(0);
                fields.finish()?;
                self.cache_change("touched", durability, move |tx| {
                    cache::store::touch(tx, &address, touched).map(u64::from)
                })
                .await
            }
            CacheCall::Delete => {
                let cache = take_cache(&mut fields)?;
                let keys = fields.texts("keys")?.ok_or_else(|| fields.missing("keys"))?;
                fields.finish()?;
                let addresses: Vec<_> = keys.into_iter().map(|key| Address { cache, key }).collect();
                self.cache_change("deleted", durability, move |tx| remove_counted(tx, &addresses)).await
            }
            CacheCall::Invalidate => {
                let cache = take_cache(&mut fields)?;
                let tags = fields.texts("tags")?.ok_or_else(|| fields.missing("tags"))?;
                fields.finish()?;
                self.cache_change("deleted", durability, move |tx| cache::invalidate_tags(tx, cache, &tags)).await
            }
            CacheCall::Clear => {
                let cache = take_cache(&mut fields)?;
                fields.finish()?;
                self.cache_clear(cache, durability).await
            }
            CacheCall::Sync => {
                fields.finish()?;
                self.0.engine.catch_up().await?;
                Ok(ObjectWriter::default().finish())
            }
            CacheCall::Mark | CacheCall::Commit => Err(fields.missing("tx")),
        }
    }

    /// Commands inside a watched transaction.
    pub(super) async fn cache_call_in(
        &self,
        call: CacheCall,
        mut fields: Fields<'_>,
        tx: u32,
        durability: Durability,
    ) -> Result<Response> {
        let transactions = &self.0.transactions;
        match call {
            CacheCall::Mark => {
                fields.finish()?;
                let mark = transactions.with_watched(tx, |read| read.len()).ok_or_else(not_watched)?;
                Ok(ObjectWriter::default().number("mark", mark as u64).finish())
            }
            CacheCall::Commit => {
                let list = fields.value("entries")?.ok_or_else(|| fields.missing("entries"))?;
                fields.finish()?;
                let read = transactions.with_watched(tx, std::mem::take).ok_or_else(not_watched)?;
                let mut used = Vec::new();
                let entries = computed(list, &read, &mut used)?;
                self.cache_commit_in(tx, entries, &used, durability).await
            }
            _ => Err(Error::invalid("cache: this command cannot run inside a transaction: leave 'tx' out")),
        }
    }

    async fn cache_open(&self, name: Box<str>, durability: Durability) -> Result<Response> {
        let known = self.0.look(|view| cache::store::find(view, &name)).await?;
        let number = match known {
            Some(number) => number,
            None => self.0.engine.commit(durability, move |tx| cache::open(tx, &name)).await?.value,
        };
        Ok(ObjectWriter::default().number("cache", number.into()).finish())
    }

    async fn cache_put(&self, entries: Vec<NewEntry>, used: &[Address], durability: Durability) -> Result<Response> {
        let uses = Rc::clone(&self.0.cache_uses);
        used.iter().for_each(|address| uses.mark(address));
        let put = move |tx: &mut dyn Transaction| put_all(tx, &entries, &uses);
        let committed = self.0.engine.commit(durability, put).await?;
        Ok(stored(&committed.value, committed.position))
    }

    async fn cache_write(
        &self,
        mut entries: Vec<NewEntry>,
        delete: Vec<Address>,
        used: &[Address],
        durability: Durability,
    ) -> Result<Response> {
        // Nobody watched how these came about.
        entries.iter_mut().for_each(|entry| entry.dependencies = None);
        let uses = Rc::clone(&self.0.cache_uses);
        used.iter().for_each(|address| uses.mark(address));
        let change = move |tx: &mut dyn Transaction| {
            let deleted = remove_counted(tx, &delete)?;
            Ok((put_all(tx, &entries, &uses)?, deleted))
        };
        let committed = self.0.engine.commit(durability, change).await?;
        let (evicted, deleted) = &committed.value;
        let mut answer = ObjectWriter::default();
        answer.texts("evicted", evicted.iter().map(|address| &*address.key));
        answer.number("deleted", *deleted).number("position", committed.position);
        Ok(answer.finish())
    }

    async fn cache_commit_in(
        &self,
        tx: u32,
        entries: Vec<NewEntry>,
        used: &[Address],
        durability: Durability,
    ) -> Result<Response> {
        let uses = Rc::clone(&self.0.cache_uses);
        used.iter().for_each(|address| uses.mark(address));
        let transaction = self.0.transactions.take(tx).await?;
        let mut rest = self.0.transactions.end_with(tx).work(&self.0);
        let put = move |tx: &mut dyn Transaction| {
            rest(tx)?;
            put_all(tx, &entries, &uses)
        };
        let committed = transaction.commit_with(durability, put).await?;
        Ok(stored(&committed.value, committed.position))
    }

    async fn cache_change(
        &self,
        what: &str,
        durability: Durability,
        change: impl FnMut(&mut dyn Transaction) -> Step<u64> + 'static,
    ) -> Result<Response> {
        let committed = self.0.engine.commit(durability, change).await?;
        Ok(ObjectWriter::default().number(what, committed.value).number("position", committed.position).finish())
    }

    async fn cache_clear(&self, cache: u32, durability: Durability) -> Result<Response> {
        let mut deleted = 0;
        loop {
            let slice = self.0.engine.commit(durability, move |tx| cache::clear_slice(tx, cache)).await?;
            deleted += slice.value.1;
            if !slice.value.0 {
                let mut answer = ObjectWriter::default();
                return Ok(answer.number("deleted", deleted).number("position", slice.position).finish());
            }
            self.0.platform.breathe().await;
        }
    }
}

fn not_watched() -> Error {
    Error::invalid("cache: the transaction is over or was not begun with 'watch'")
}

/// Removes entries and what was computed from them. Answers how many of `addresses` were there.
fn remove_counted(tx: &mut dyn Transaction, addresses: &[Address]) -> Step<u64> {
    let mut found = 0;
    for address in addresses {
        found += u64::from(tx.contains(&cache_keys::entry(address))?);
    }
    cache::remove_all(tx, addresses)?;
    Ok(found)
}

/// Entries are put in order, so that one that others were computed from comes before them.
fn put_all(tx: &mut dyn Transaction, entries: &[NewEntry], uses: &cache::UseBits) -> Step<Vec<Address>> {
    let mut evicted = Vec::new();
    for entry in entries {
        evicted.extend(cache::put(tx, entry, uses)?);
    }
    Ok(evicted)
}

fn stored(evicted: &[Address], position: u64) -> Response {
    let mut answer = ObjectWriter::default();
    answer.texts("evicted", evicted.iter().map(|address| &*address.key)).number("position", position);
    answer.finish()
}

/// The entries of `cacheCommit`, each with the part of `read` that it was computed from.
fn computed(list: Value, read: &[Dependency], used: &mut Vec<Address>) -> Result<Vec<NewEntry>> {
    let Value::Array(list) = list else {
        return Err(Error::invalid("cache: 'entries' must be an array of entries"));
    };
    let mut entries = Vec::with_capacity(list.len());
    for one in &list {
        let json = crate::collections::json::to_json(one);
        let mut fields = Fields::split(&json, "cache: an entry")?;
        let from = fields.number("from")?.unwrap_or(0);
        let to = fields.number("to")?.unwrap_or(u64::MAX);
        let mut entry = take_entry(&mut fields, used)?;
        fields.finish()?;
        let end = usize::try_from(to).unwrap_or(usize::MAX).min(read.len());
        let part = read.get(usize::try_from(from).unwrap_or(usize::MAX)..end).unwrap_or_default();
        let itself = Dependency::Entry(entry.address.clone());
        entry.dependencies = Some(part.iter().filter(|one| **one != itself).cloned().collect());
        entries.push(entry);
    }
    Ok(entries)
}
