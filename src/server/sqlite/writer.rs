//! The one writer: pushes queue, and those that wait together share a transaction and its sync to the disk.
//!
//! Nobody is answered before the commit. Readers have connections of their own and never wait for it.

use rusqlite::Connection;
use tidewell_core::base::{Error, ErrorKind, Result};
use tidewell_core::sync::server::Policy;
use tidewell_core::sync::{push, Caller, PushAnswer, PushRequest};
use tokio::sync::{mpsc, oneshot};

use super::tenant::Tenant;
use crate::live::News;

/// The most pushes of a transaction.
const TOGETHER: usize = 64;
/// The most pushes that wait; further ones are told to come again.
pub(crate) const QUEUE: usize = 1024;

/// A push that waits.
pub(crate) struct Job {
    pub(crate) tenant: String,
    pub(crate) caller: Caller,
    pub(crate) request: PushRequest,
    pub(crate) reply: oneshot::Sender<Result<PushAnswer>>,
}

/// Works until nobody can send any more.
pub(crate) fn run(connection: &Connection, policy: &Policy, mut jobs: mpsc::Receiver<Job>, news: &News) {
    while let Some(first) = jobs.blocking_recv() {
        let mut batch = vec![first];
        while batch.len() < TOGETHER {
            match jobs.try_recv() {
                Ok(job) => batch.push(job),
                Err(_) => break,
            }
        }
        let answers = together(connection, policy, &batch);
        for (index, job) in batch.into_iter().enumerate() {
            let answer = match &answers {
                Ok(answers) => answers.get(index).cloned().unwrap_or_else(|| Err(Error::internal("no answer"))),
                Err(error) => Err(error.clone()),
            };
            if let Ok(PushAnswer::Results { head, .. }) = &answer {
                news.tell(&job.tenant, *head);
            }
            // Whoever asked may be gone; the mutations are there all the same, and will be answered as duplicates.
            let _gone = job.reply.send(answer).is_err();
        }
    }
}

/// All pushes in one transaction; one that fails is taken back alone.
fn together(connection: &Connection, policy: &Policy, batch: &[Job]) -> Result<Vec<Result<PushAnswer>>> {
    let sql = |sql: &str| {
        let done = connection.execute_batch(sql);
        done.map_err(|error| Error::new(ErrorKind::Unavailable, format!("the database failed: {error}")))
    };
    sql("BEGIN IMMEDIATE")?;
    let work = || {
        let mut answers = Vec::with_capacity(batch.len());
        for job in batch {
            sql("SAVEPOINT push")?;
            let mut tenant = Tenant { connection, tenant: &job.tenant };
            let answer = push(&mut tenant, policy, &job.caller, &job.request);
            if answer.is_err() {
                sql("ROLLBACK TO push")?;
            }
            sql("RELEASE push")?;
            answers.push(answer);
        }
        sql("COMMIT")?;
        Ok(answers)
    };
    let answers = work();
    if answers.is_err() {
        // It may be over already; then there is nothing to take back.
        let _over = sql("ROLLBACK").is_err();
    }
    answers
}
