//! Handling a pull: exactly the difference between what the client has and a version of the tenant, a page at a time.
//!
//! Nothing that was committed is skipped: the end of a span is fixed when it begins, and versions are taken by commits in
//! their order. What the caller may not read is not even named: a document that leaves its scope is reported gone only if
//! it was in it at the version the client has.

use super::super::access::{both, Caller};
use super::super::cursor::Cursor;
use super::super::limits::{PAGE_BYTES, SCAN_MAX};
use super::super::message::{Change, Page, PullAnswer, PullRequest};
use super::store::{Head, Image, ServerStore, Span};
use super::Policy;
use crate::base::checksum::checksum;
use crate::base::planted::{planted, Bug};
use crate::base::{Result, SortedMap};
use crate::collections::{json, Filter, Value};

/// Handles a pull. The store must show one state during the call.
///
/// # Errors
/// What the store answers; `Invalid` for a filter that is none.
pub fn pull(store: &dyn ServerStore, policy: &Policy, caller: &Caller, request: &PullRequest) -> Result<PullAnswer> {
    let head = store.head()?;
    let scope = Scope::new(policy, caller, request)?;
    // One that is not of any server of this kind is worth as much as none: to refuse it would leave its client with it for ever.
    let given = request.cursor.as_deref().and_then(|cursor| Cursor::parse(cursor).ok());
    let usable = given.filter(|cursor| is_usable(cursor, &head, scope.hash));
    let reset = usable.is_none();
    let mut cursor = usable.unwrap_or_else(|| Cursor {
        epoch: head.epoch.clone(),
        scope: scope.hash,
        from: 0,
        to: head.version,
        after: None,
    });
    if !reset && cursor.after.is_none() {
        (cursor.from, cursor.to) = (cursor.to, head.version);
    }
    let (changes, last) = collect(store, &scope, &cursor, request.limit)?;
    let more = last.is_some();
    // While a snapshot is on its way nothing is known to be in; within a difference, what was in before.
    let reached = if more { cursor.from } else { cursor.to };
    // Looking for it in a snapshot would pass over all that the replica ever did, for every page.
    let included = if more && reached == 0 { None } else { store.included(&request.replica, reached)? };
    let (seq, hash) = included.unwrap_or((0, 0));
    cursor.after = last;
    if planted(Bug::SyncSkipCommit) && more {
        cursor.after = None;
    }
    Ok(PullAnswer::Page(Page {
        epoch: head.epoch,
        cursor: cursor.encode(),
        version: cursor.to,
        more: cursor.after.is_some(),
        reset,
        seq,
        hash,
        stable: head.stable,
        changes,
    }))
}

/// Whether the cursor is of this epoch and scope, not from the future, and not from before the tombstones were purged.
fn is_usable(cursor: &Cursor, head: &Head, scope: u64) -> bool {
    let needed = if cursor.from == 0 && cursor.after.is_some() { cursor.to } else { cursor.from };
    let needed = if cursor.after.is_none() { cursor.to } else { needed };
    (cursor.epoch == head.epoch || planted(Bug::SyncSkipEpoch))
        && (cursor.scope == scope || planted(Bug::SyncKeepRevoked))
        && cursor.from <= cursor.to
        && cursor.to <= head.version
        && (needed >= head.purged || planted(Bug::SyncResurrect))
}

/// What the caller subscribed to and may read, by collection.
struct Scope {
    filters: SortedMap<Box<str>, Filter>,
    hash: u64,
}

impl Scope {
    fn new(policy: &Policy, caller: &Caller, request: &PullRequest) -> Result<Self> {
        let mut filters = SortedMap::new();
        let mut names = Vec::new();
        for subscription in &request.subscriptions {
            let Some(rule) = policy.access.read(&subscription.collection, caller) else { continue };
            let filter = both(rule, subscription.filter.clone());
            filters.insert(subscription.collection.clone(), Filter::parse(&filter)?);
            names.push(Value::Array(vec![Value::String(subscription.collection.clone()), filter]));
        }
        let hash = checksum(&json::to_json(&Value::Array(names)));
        Ok(Self { filters, hash })
    }

    fn holds(&self, collection: &str, image: Option<&Image>) -> Result<bool> {
        let document = image.and_then(|image| image.document.as_ref());
        match (self.filters.get(collection), document) {
            (Some(filter), Some(document)) => filter.matches_value(document),
            _ => Ok(false),
        }
    }
}

/// The changes of a page, and the place where it was cut.
fn collect(
    store: &dyn ServerStore,
    scope: &Scope,
    cursor: &Cursor,
    limit: usize,
) -> Result<(Vec<Change>, Option<super::super::cursor::Place>)> {
    let (mut changes, mut scanned, mut bytes) = (Vec::new(), 0, 0);
    let (mut last, mut cut) = (cursor.after.clone(), false);
    let span = Span { from: cursor.from, to: cursor.to, after: cursor.after.as_ref() };
    store.images(span, &mut |collection, id, image| {
        if changes.len() >= limit || scanned >= SCAN_MAX || bytes >= PAGE_BYTES {
            cut = true;
            return Ok(false);
        }
        scanned += 1;
        last = Some((image.version, collection.into(), id.into()));
        let version = image.version;
        let now = scope.holds(collection, Some(&image))?;
        let had = !now
            && cursor.from > 0
            && scope.holds(collection, store.image_at(collection, id, cursor.from)?.as_ref())?;
        if now || had {
            let document = if now { image.document } else { None };
            bytes += 64 + document.as_ref().map_or(0, |document| json::to_json(document).len());
            changes.push(Change { collection: collection.into(), id: id.into(), version, document });
        }
        Ok(true)
    })?;
    Ok((changes, last.filter(|_| cut)))
}
