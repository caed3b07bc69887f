//! Pushes of one tenant that wait together share a transaction; tenants do not wait for each other.
//!
//! Nobody is answered before the commit. Whether a commit whose answer was lost took effect is not asked: a push that comes
//! again, from here or from the client, is answered by what the tables say.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use postgres::IsolationLevel;
use tidewell_core::base::{Error, ErrorKind, Result};
use tidewell_core::sync::server::Policy;
use tidewell_core::sync::{push, Caller, PushAnswer, PushRequest};
use tokio::sync::oneshot;

use super::pool::{failed, Connection, Pool};
use super::tenant::{Tenant, Within};
use crate::live::News;

/// The most pushes of a transaction.
const TOGETHER: usize = 64;
/// The most pushes that wait; further ones are told to come again.
const QUEUE: usize = 1024;

/// A push that waits.
pub(super) struct Job {
    pub(super) caller: Caller,
    pub(super) request: PushRequest,
    pub(super) reply: oneshot::Sender<Result<PushAnswer>>,
}

/// The pushes that wait, by tenant. A tenant that is in the map has somebody working on it.
#[derive(Default)]
struct Waiting {
    tenants: BTreeMap<String, Vec<Job>>,
    count: usize,
}

/// What works on pushes.
pub(super) struct Writer {
    pub(super) pool: Arc<Pool>,
    pub(super) policy: Policy,
    pub(super) news: Arc<News>,
    /// This process, so that it passes over what it told itself.
    pub(super) name: String,
    waiting: Mutex<Waiting>,
}

impl Writer {
    pub(super) fn new(pool: Arc<Pool>, policy: Policy, news: Arc<News>, name: String) -> Self {
        Self { pool, policy, news, name, waiting: Mutex::default() }
    }

    /// Queues a push; `false` if too many wait.
    pub(super) fn queue(self: &Arc<Self>, tenant: String, job: Job) -> bool {
        let mut waiting = self.lock();
        if waiting.count >= QUEUE {
            return false;
        }
        waiting.count += 1;
        if let Some(jobs) = waiting.tenants.get_mut(&tenant) {
            jobs.push(job);
        } else {
            waiting.tenants.insert(tenant.clone(), vec![job]);
            let writer = Arc::clone(self);
            drop(tokio::task::spawn_blocking(move || writer.work(&tenant)));
        }
        true
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Works until nothing of the tenant waits.
    fn work(&self, tenant: &str) {
        while let Some(batch) = self.next(tenant) {
            let answers = self.answers(tenant, &batch);
            let heads = answers.iter().map(|answer| match answer {
                Ok(PushAnswer::Results { head, .. }) => *head,
                _ => 0,
            });
            let head = heads.max().unwrap_or(0);
            for (job, answer) in batch.into_iter().zip(answers) {
                // Whoever asked may be gone; the mutations are there all the same, and will be answered as duplicates.
                let _gone = job.reply.send(answer).is_err();
            }
            if head > 0 {
                self.news.tell(tenant, head);
                // Only a hint to the other replicas: a failure costs their clients a timer's wait.
                let payload = format!("{} {head} {tenant}", self.name);
                let tell = |connection: &mut Connection| {
                    let sql = "SELECT pg_notify('tidewell', $1)";
                    connection.client.execute(sql, &[&payload]).map_err(failed)
                };
                let _unheard = self.pool.with(&tell).is_err();
            }
        }
    }

    fn next(&self, tenant: &str) -> Option<Vec<Job>> {
        let mut waiting = self.lock();
        let jobs = waiting.tenants.get_mut(tenant)?;
        let batch: Vec<Job> = jobs.drain(..jobs.len().min(TOGETHER)).collect();
        if batch.is_empty() {
            waiting.tenants.remove(tenant);
            return None;
        }
        waiting.count -= batch.len();
        Some(batch)
    }

    /// The answers to a batch. Where it fails as a whole, each push gets a transaction of its own, so that one that cannot
    /// be done does not stand in the way of the others.
    fn answers(&self, tenant: &str, batch: &[Job]) -> Vec<Result<PushAnswer>> {
        let each = |jobs: &[Job]| self.pool.with(&|connection| together(connection, &self.policy, tenant, jobs));
        match each(batch) {
            Ok(answers) => answers,
            Err(error) if batch.len() == 1 => vec![Err(error)],
            Err(_) => batch
                .chunks(1)
                .map(|job| each(job)?.pop().unwrap_or_else(|| Err(Error::internal("no answer"))))
                .collect(),
        }
    }
}

/// All pushes in one transaction under the tenant's lock. `READ COMMITTED` is enough: behind the lock nothing of the tenant
/// changes but by this transaction, and each of its statements sees everything that was committed before the lock was had.
fn together(
    connection: &mut Connection,
    policy: &Policy,
    tenant: &str,
    jobs: &[Job],
) -> Result<Vec<Result<PushAnswer>>> {
    let Connection { client, statements } = connection;
    let transaction =
        client.build_transaction().isolation_level(IsolationLevel::ReadCommitted).start().map_err(failed)?;
    let within = RefCell::new(Within { transaction, statements });
    let mut store = Tenant::new(&within, tenant);
    store.lock()?;
    let mut answers = Vec::with_capacity(jobs.len());
    for job in jobs {
        store.prefetch(&job.caller.user, &job.request)?;
        let answer = push(&mut store, policy, &job.caller, &job.request);
        // A transaction in which a statement failed is over. What the core refuses has written nothing.
        match answer {
            Err(error) if error.kind() == ErrorKind::Unavailable => return Err(error),
            answer => answers.push(answer),
        }
    }
    within.into_inner().transaction.commit().map_err(failed)?;
    Ok(answers)
}
