//! Handling a push: every mutation exactly once, in the order of arrival.
//!
//! It decides nothing by time. A mutation is known by its place in its replica and its hash, and by its own name, under
//! which it comes back when its replica had to take another name.

use std::collections::BTreeMap;

use super::super::access::Caller;
use super::super::message::{Handled, Outcome, PushAnswer, PushRequest};
use super::super::mutation::Mutation;
use super::super::op::{Op, Refusal};
use super::store::{Commit, Head, Image, Record, Replica, ServerStore};
use super::Policy;
use crate::base::planted::{planted, Bug};
use crate::base::Result;
use crate::collections::{Filter, Value};

/// Handles a push. The store's transaction must span the call, and the answer may leave only after it is durable.
///
/// # Errors
/// What the store answers. Nothing is written then.
pub fn push(
    store: &mut dyn ServerStore,
    policy: &Policy,
    caller: &Caller,
    request: &PushRequest,
) -> Result<PushAnswer> {
    let head = store.head()?;
    if request.epoch.as_ref().is_some_and(|epoch| *epoch != head.epoch) && !planted(Bug::SyncSkipEpoch) {
        return Ok(PushAnswer::Epoch(head.epoch));
    }
    let known = store.replica(&request.replica)?;
    if known.as_ref().is_some_and(|known| known.user != caller.user) {
        return Ok(PushAnswer::Forked);
    }
    let state = known.unwrap_or_else(|| Replica { user: caller.user.clone(), seq: 0, hash: 0 });
    let mut push = Push {
        store,
        policy,
        caller,
        replica: &request.replica,
        state,
        head,
        staged: BTreeMap::new(),
        rights: BTreeMap::new(),
        records: Vec::new(),
    };
    let mut results = Vec::new();
    for mutation in &request.mutations {
        match push.handle(mutation)? {
            Step::Is(outcome) => {
                let waits = matches!(outcome, Outcome::Retry(_) | Outcome::Upgrade);
                results.push(Handled { seq: mutation.seq, outcome });
                if waits {
                    break;
                }
            }
            Step::Refused(answer) => return Ok(answer),
        }
    }
    let (epoch, head) = push.finish()?;
    Ok(PushAnswer::Results { epoch, head, results })
}

/// What becomes of one mutation, or of the whole push. The latter happens before anything new was staged: the mutations
/// of a push follow one another.
enum Step {
    Is(Outcome),
    Refused(PushAnswer),
}

struct Push<'a> {
    store: &'a mut dyn ServerStore,
    policy: &'a Policy,
    caller: &'a Caller,
    replica: &'a str,
    state: Replica,
    head: Head,
    staged: BTreeMap<(Box<str>, Box<str>), Image>,
    /// By collection, so that rules are read once for all ops of a push.
    rights: BTreeMap<Box<str>, Rights>,
    records: Vec<Record>,
}

/// What the caller may do with the documents of a collection; without a filter, nothing.
struct Rights {
    read: Option<Filter>,
    write: Option<Filter>,
}

impl Rights {
    fn of(policy: &Policy, caller: &Caller, collection: &str) -> Self {
        let parsed = |rule: Option<Value>| rule.and_then(|rule| Filter::parse(&rule).ok());
        let (read, write) = (policy.access.read(collection, caller), policy.access.write(collection, caller));
        Self { read: parsed(read), write: parsed(write) }
    }
}

fn allows(filter: Option<&Filter>, document: &Value) -> bool {
    filter.is_some_and(|filter| filter.matches_value(document).unwrap_or(false))
}

impl Push<'_> {
    fn handle(&mut self, mutation: &Mutation) -> Result<Step> {
        if mutation.seq <= self.state.seq && !planted(Bug::SyncSkipDedupe) {
            let record = self.store.record(self.replica, mutation.seq)?;
            return Ok(match record {
                Some(record) if record.hash == mutation.hash() || planted(Bug::SyncSkipHash) => {
                    Step::Is(again(record.outcome))
                }
                _ => Step::Refused(PushAnswer::Forked),
            });
        }
        if mutation.seq > self.state.seq + 1 {
            return Ok(Step::Refused(PushAnswer::Gap(self.state.seq + 1)));
        }
        if mutation.prev != self.state.hash && !planted(Bug::SyncSkipHash) && !planted(Bug::SyncSkipDedupe) {
            return Ok(Step::Refused(PushAnswer::Forked));
        }
        if mutation.schema > self.policy.schema_max {
            return Ok(Step::Is(Outcome::Retry(self.policy.retry_ms)));
        }
        if mutation.schema < self.policy.schema_min {
            return Ok(Step::Is(Outcome::Upgrade));
        }
        let named = if planted(Bug::SyncSkipDedupe) { None } else { self.named(mutation)? };
        let outcome = match named {
            Some(record) => again(record.outcome),
            None => match self.apply(mutation)? {
                Ok(()) => Outcome::Applied(self.head.version + 1),
                Err(refusal) => Outcome::Rejected(refusal),
            },
        };
        let (seq, hash) = (mutation.seq, mutation.hash());
        self.records.push(Record { seq, hash, id: mutation.id.clone(), at: 0, outcome: outcome.clone() });
        self.state = Replica { user: self.state.user.clone(), seq, hash };
        Ok(Step::Is(outcome))
    }

    /// The record of a mutation that came under another replica, or earlier in this push.
    fn named(&self, mutation: &Mutation) -> Result<Option<Record>> {
        match self.records.iter().find(|record| record.id == mutation.id) {
            Some(record) => Ok(Some(record.clone())),
            None => self.store.record_named(&self.caller.user, &mutation.id),
        }
    }

    /// Applies all ops of a mutation, or none.
    fn apply(&mut self, mutation: &Mutation) -> Result<Result<(), Refusal>> {
        if let Some(why) = mutation.malformed() {
            return Ok(Err(Refusal::new("invalid", why)));
        }
        let mut changed: BTreeMap<(Box<str>, Box<str>), Image> = BTreeMap::new();
        for op in &mutation.ops {
            let key = (op.collection.clone(), op.id.clone());
            let before = match changed.get(&key).or_else(|| self.staged.get(&key)) {
                Some(image) => Some(image.clone()),
                None => self.store.image(&op.collection, &op.id)?,
            };
            if !self.rights.contains_key(&op.collection) {
                self.rights.insert(op.collection.clone(), Rights::of(self.policy, self.caller, &op.collection));
            }
            match self.apply_op(op, before.as_ref()) {
                Ok(Some(image)) => drop(changed.insert(key, image)),
                Ok(None) => {}
                Err(refusal) => return Ok(Err(refusal)),
            }
        }
        self.staged.extend(changed);
        Ok(Ok(()))
    }

    /// The image an op leaves, or `None` if it changes nothing.
    fn apply_op(&self, op: &Op, before: Option<&Image>) -> Result<Option<Image>, Refusal> {
        let document = before.and_then(|image| image.document.as_ref());
        let rights = self.rights.get(&op.collection);
        let unseen = |document: &Value| !allows(rights.and_then(|rights| rights.read.as_ref()), document);
        if matches!(op.action, super::super::op::Action::Update(_)) && document.is_some_and(unseen) {
            // What the caller may not see does not exist for it.
            return Err(Refusal::new("gone", op.named("does not exist")));
        }
        if let (Some(expected), Some(image)) = (op.if_version, before) {
            let others = if *image.by == *self.replica { image.since } else { image.version };
            if others > expected {
                let what = format!("was changed by somebody else at version {others}, after {expected}");
                return Err(Refusal::new("version", op.named(&what)));
            }
        }
        let after = op.apply(document)?;
        let rule = rights.and_then(|rights| rights.write.as_ref());
        let allowed = [document, after.as_ref()].into_iter().flatten().all(|document| allows(rule, document));
        if !allowed || rule.is_none() {
            return Err(Refusal::new("forbidden", op.named("may not be written by this user")));
        }
        if document == after.as_ref() {
            return Ok(None);
        }
        if let (Some(shape), Some(after)) = (&self.policy.shape, &after) {
            let judged = shape.check(&op.collection, after);
            judged.map_err(|wrong| Refusal::new("invalid", op.named(&format!("would not fit its schema {wrong}"))))?;
        }
        let since = match before {
            Some(image) if *image.by == *self.replica => image.since,
            Some(image) => image.version,
            None => 0,
        };
        Ok(Some(Image { version: self.head.version + 1, by: self.replica.into(), since, document: after }))
    }

    /// Writes what was staged. A version is taken only by a push that changed something, so versions have no gaps.
    fn finish(self) -> Result<(Box<str>, u64)> {
        if self.records.is_empty() {
            return Ok((self.head.epoch, self.head.version));
        }
        let applied = self.records.iter().any(|record| matches!(record.outcome, Outcome::Applied(_)));
        let version = self.head.version + u64::from(applied);
        let images = self.staged.into_iter().map(|((collection, id), image)| (collection, id, image)).collect();
        let records = self.records.into_iter().map(|record| Record { at: version, ..record }).collect();
        self.store.commit(Commit { version, images, replica: self.replica.into(), state: self.state, records })?;
        Ok((self.head.epoch, version))
    }
}

/// The answer to a mutation that was handled before: the same, and that it is an old one.
fn again(outcome: Outcome) -> Outcome {
    match outcome {
        Outcome::Applied(version) => Outcome::Duplicate(version),
        other => other,
    }
}
