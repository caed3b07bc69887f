//! Transactions by number, and the commands that are calls: each done once, nothing to resume.
//!
//! The commands about collections and indexes are in `admin.rs`.

use std::cell::{Cell, RefCell};
use std::future::ready;
use std::rc::Rc;

use crate::base::{Error, Result};
use crate::cache::Dependency;
use crate::collections::fields::Fields;
use crate::disk::LocalFuture;
use crate::engine::signal::Condition;
use crate::engine::{Durability, Interactive, Pause, Step, Transaction};

use super::command::Call;
use super::handle::{ById, Database, Shared};
use super::read::{Context, ReadTask};
use super::response::{ObjectWriter, Response};
use super::sync::{Captured, Look};
use super::topics::{timed, Deferred};
use super::write::{Write, Writing};

/// Open transactions an application may have. More is a leak.
const TRANSACTIONS_MAX: usize = 1000;

/// The open transactions.
#[derive(Default)]
pub(super) struct Transactions {
    /// `None` while a command of the transaction runs.
    open: RefCell<ById<Option<Interactive>>>,
    last: Cell<u32>,
    /// What the watched ones have read, for the entries they are going to store.
    watched: RefCell<ById<Vec<Dependency>>>,
    /// What they do to topics when they commit.
    deferred: RefCell<ById<Vec<Deferred>>>,
    /// What they did to synced collections, which goes to the outbox when they commit.
    captured: RefCell<ById<Captured>>,
    /// Notified when a command gives its transaction back, or ends it.
    returned: Condition,
}

impl Transactions {
    /// How many are open.
    pub(super) fn len(&self) -> usize {
        self.open.borrow().len()
    }

    fn begin(&self, transaction: Interactive) -> Result<u32> {
        let mut open = self.open.borrow_mut();
        if open.len() >= TRANSACTIONS_MAX {
            return Err(Error::invalid(format!(
                "{TRANSACTIONS_MAX} transactions are open: commit or roll back those that are done"
            )));
        }
        let mut number = self.last.get();
        loop {
            number = number.wrapping_add(1);
            if !open.contains_key(&number) {
                break;
            }
        }
        self.last.set(number);
        open.insert(number, Some(transaction));
        Ok(number)
    }

    /// From now on what the transaction reads is remembered.
    fn watch(&self, number: u32) {
        self.watched.borrow_mut().insert(number, Vec::new());
    }

    /// What a watched transaction has read so far.
    pub(super) fn with_watched<R>(&self, number: u32, work: impl FnOnce(&mut Vec<Dependency>) -> R) -> Option<R> {
        self.watched.borrow_mut().get_mut(&number).map(work)
    }

    /// The transaction, for one command: those that overlap wait for each other.
    pub(super) async fn take(&self, number: u32) -> Result<Interactive> {
        loop {
            match self.open.borrow_mut().get_mut(&number).map(Option::take) {
                Some(Some(transaction)) => return Ok(transaction),
                Some(None) => {}
                None => return Err(Error::invalid(format!("transaction {number} is over: begin another one"))),
            }
            let is_free = || self.open.borrow().get(&number).is_none_or(Option::is_some);
            self.returned.wait_until(is_free).await;
        }
    }

    /// What the transaction is to do to topics when it commits.
    pub(super) fn defer(&self, number: u32, deferred: Deferred) -> Result<()> {
        if !self.open.borrow().contains_key(&number) {
            return Err(Error::invalid(format!("transaction {number} is over: begin another one")));
        }
        self.deferred.borrow_mut().or_default(number).push(deferred);
        Ok(())
    }

    fn put_back(&self, number: u32, transaction: Interactive) {
        if let Some(slot) = self.open.borrow_mut().get_mut(&number) {
            *slot = Some(transaction);
        }
        self.returned.notify();
    }

    /// Ends the transaction; answers what is to happen in its commit besides.
    pub(super) fn end_with(&self, number: u32) -> Rest {
        let deferred = self.deferred.borrow_mut().remove(&number).unwrap_or_default();
        let captured = self.captured.borrow_mut().remove(&number).unwrap_or_default();
        self.end(number);
        Rest { deferred, captured }
    }

    /// Rolls all of them back.
    fn end_all(&self) {
        drop(self.open.take());
        drop((self.watched.take(), self.deferred.take(), self.captured.take()));
        self.returned.notify();
    }

    pub(super) fn end(&self, number: u32) {
        self.open.borrow_mut().remove(&number);
        self.watched.borrow_mut().remove(&number);
        self.deferred.borrow_mut().remove(&number);
        self.captured.borrow_mut().remove(&number);
        self.returned.notify();
    }
}

/// What happens in the commit of a transaction, on the newest state, so that two that do it do not conflict.
pub(super) struct Rest {
    deferred: Vec<Deferred>,
    captured: Captured,
}

impl Rest {
    fn is_empty(&self) -> bool {
        self.deferred.is_empty() && self.captured.is_empty()
    }

    /// What does it.
    pub(super) fn work(self, shared: &Rc<Shared>) -> impl FnMut(&mut dyn Transaction) -> Step<()> + 'static {
        let (shared, captured, deferred) = (Rc::clone(shared), self.captured, self.deferred);
        let some = !deferred.is_empty();
        let mut topics = timed(&shared, move |tx, now| deferred.iter().try_for_each(|one| one.run(tx, now)));
        move |tx| {
            if some {
                topics(tx)?;
            }
            captured.append(tx, &shared)
        }
    }
}

impl Shared {
    pub(super) async fn read_in(&self, tx: u32, mut task: ReadTask) -> Result<Response> {
        let watched = self.transactions.with_watched(tx, |_| task.dependencies(self.platform.wall_ms()));
        let Some(before) = watched.transpose()? else { return self.run_in(tx, &mut task).await };
        task.watch();
        let result = self.run_in(tx, &mut task).await;
        // Somebody may go on after an error, too.
        let read = if result.is_ok() { task.dependencies(self.platform.wall_ms())? } else { before };
        self.transactions.with_watched(tx, |all| all.extend(read));
        result
    }

    async fn run_in(&self, tx: u32, task: &mut ReadTask) -> Result<Response> {
        let mut transaction = self.transactions.take(tx).await?;
        let context = || Context { warm: None, ..self.context() };
        let result = transaction.run(|view| task.step(view, context())).await;
        self.transactions.put_back(tx, transaction);
        result
    }

    pub(super) async fn write_in(&self, tx: u32, write: Write) -> Result<Response> {
        let shape = write.shape();
        let mut writing = Writing::new(write, self);
        let mut transaction = self.transactions.take(tx).await?;
        let result = transaction.run(|view| writing.run_in(view, self)).await;
        self.transactions.put_back(tx, transaction);
        result?;
        let (written, captured) = writing.finish();
        if !captured.is_empty() {
            self.transactions.captured.borrow_mut().or_default(tx).extend(captured);
        }
        Ok(shape.respond(&written, None))
    }

    /// Calls that never wait; `None` for the others.
    pub(super) fn try_call(&self, call: Call, fields: &mut Fields<'_>) -> std::result::Result<Option<Response>, Pause> {
        let response = match call {
            Call::Stats => self.stats()?,
            Call::ResetStats => {
                self.latencies.borrow_mut().reset();
                ObjectWriter::default().finish()
            }
            Call::Inspect => {
                self.inspectors.change(fields.flag("on", true)?);
                ObjectWriter::default().finish()
            }
            Call::Unsubscribe => {
                let number = fields.number_u32("subscription")?.ok_or_else(|| fields.missing("subscription"))?;
                self.subscriptions.end(number);
                ObjectWriter::default().finish()
            }
            Call::Sync(call) if call.looks() => {
                let look = Look::take(call, fields)?;
                self.engine.try_read(|view| look.run(view, self))?
            }
            _ => return Ok(None),
        };
        std::mem::replace(fields, Fields::split(b"{}", "the command")?).finish()?;
        Ok(Some(response))
    }
}

impl Database {
    pub(super) async fn call(
        &self,
        call: Call,
        mut fields: Fields<'_>,
        tx: Option<u32>,
        durability: Durability,
    ) -> Result<Response> {
        let shared = &self.0;
        let tried = if matches!(call, Call::Sync(_)) { Ok(None) } else { shared.try_call(call, &mut fields) };
        match tried {
            Ok(Some(response)) => return Ok(response),
            Ok(None) => {}
            Err(Pause::Failed(error)) => return Err(error),
            Err(Pause::Missing(_) | Pause::Yield) => return Err(Error::internal("a call paused")),
        }
        match (call, tx) {
            (Call::Ensure, None) => {
                let wanted = self.take_wanted(fields)?;
                self.ensure(wanted, durability).await
            }
            (Call::Close, None) => {
                fields.finish()?;
                self.close().await;
                Ok(ObjectWriter::default().finish())
            }
            (call, None) => self.call_seldom(call, fields, durability).await,
            (call, Some(tx)) => self.end_transaction(call, fields, tx, durability).await,
        }
    }

    /// Calls that an opening page does without. Their futures are boxed: a page loads nothing of them.
    fn call_seldom<'a>(
        &'a self,
        call: Call,
        mut fields: Fields<'a>,
        durability: Durability,
    ) -> LocalFuture<'a, Result<Response>> {
        let shared = &self.0;
        match call {
            Call::Begin => Box::pin(async move {
                let watch = fields.flag("watch", false)?;
                fields.finish()?;
                let number = shared.transactions.begin(shared.engine.begin().await?)?;
                if watch {
                    shared.transactions.watch(number);
                }
                Ok(ObjectWriter::default().number("tx", number.into()).finish())
            }),
            Call::Flush => Box::pin(async move {
                fields.finish()?;
                shared.engine.flush().await?;
                Ok(ObjectWriter::default().finish())
            }),
            Call::Compact => Box::pin(async move {
                fields.finish()?;
                shared.engine.compact().await?;
                Ok(ObjectWriter::default().finish())
            }),
            Call::Commit | Call::Rollback => Box::pin(ready(Err(fields.missing("tx")))),
            Call::Cache(call) => Box::pin(self.cache_call(call, fields, durability)),
            Call::Topic(call) => Box::pin(self.topic_call(call, fields, durability)),
            Call::Job(call) => Box::pin(self.job_call(call, fields, durability)),
            Call::Sync(call) => Box::pin(self.sync_call(call, fields, durability)),
            _ => Box::pin(self.administer(call, fields, durability)),
        }
    }

    fn end_transaction<'a>(
        &'a self,
        call: Call,
        fields: Fields<'a>,
        tx: u32,
        durability: Durability,
    ) -> LocalFuture<'a, Result<Response>> {
        let shared: &'a Rc<Shared> = &self.0;
        Box::pin(async move {
            match call {
                Call::Commit => {
                    fields.finish()?;
                    let transaction = shared.transactions.take(tx).await?;
                    let rest = shared.transactions.end_with(tx);
                    let position = match rest.is_empty() {
                        true => transaction.commit(durability).await?,
                        false => transaction.commit_with(durability, rest.work(shared)).await?.position,
                    };
                    Ok(ObjectWriter::default().number("position", position).finish())
                }
                Call::Rollback => {
                    fields.finish()?;
                    shared.transactions.take(tx).await?;
                    shared.transactions.end(tx);
                    Ok(ObjectWriter::default().finish())
                }
                Call::Cache(call) => self.cache_call_in(call, fields, tx, durability).await,
                Call::Topic(call) => self.topic_call_in(call, fields, tx).await,
                _ => Err(Error::invalid("this command cannot run inside a transaction: leave 'tx' out")),
            }
        })
    }

    /// Ends the instance. What was acknowledged is kept; open transactions are rolled back.
    pub async fn close(&self) {
        self.0.transactions.end_all();
        self.0.engine.close().await;
    }
}
