//! Group commit: jobs that arrive while a record is being written share the next one.
//!
//! It takes no lock for correctness: the record's conditional insert decides, and a loser runs its jobs again.

use std::cell::{Ref, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;

use crate::base::planted::{planted, Bug};
use crate::base::{Error, ErrorKind, Result};
use crate::disk::{Area, BlobName, BlobRange, LocalFuture};

use super::access::{Pause, Step, Transaction};
use super::blocks::Pins;
use super::engine::{CommitEvent, Engine, Inner};
use super::options::Durability;
use super::outcome::{write_record, Outcome};
use super::read::SNAPSHOT_EXPIRED;
use super::record::{Payload, Record, RecordHeader};
use super::signal::{reply, Reply};
use super::snapshot::Snapshot;
use super::staged::{Stage, Staged};
use super::turn::Turn;

/// A group takes no more jobs once its record holds this much.
const GROUP_BYTES: usize = 4 << 20;
/// So much text or so much of a record is work enough for one task of the host: the thread is given back after it.
pub const BREATH_BYTES: usize = 64 << 10;

/// The job of one caller.
pub(crate) struct Job {
    run: Box<dyn FnMut(&mut Staged<'_>) -> Step<()>>,
    durability: Durability,
    /// Takes a record of its own: its edits must see the manifest of the record before.
    alone: bool,
    reply: Option<Reply<Result<u64>>>,
    /// Why it was refused after others of its group had staged. They are not in the log yet: it is told when they are.
    refusal: Option<Error>,
    /// The log was read since it was first refused for what others wrote: they may have taken it back in the meantime.
    judged: bool,
}

impl Job {
    /// Whether a refusal with `error` is final: a conflict only when it was found in the newest state of the log.
    fn is_judged(&mut self, error: &Error) -> bool {
        error.kind() != ErrorKind::Conflict || std::mem::replace(&mut self.judged, true)
    }
}

impl Queue {
    /// Whether the driver is at work.
    pub(crate) fn is_driving(&self) -> bool {
        self.driving
    }
}

/// Jobs waiting for a record.
#[derive(Default)]
pub(crate) struct Queue {
    jobs: VecDeque<Job>,
    driving: bool,
}

/// What a commit resolved to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Committed<T> {
    /// The position at which it became visible; the head if it wrote nothing.
    pub position: u64,
    /// What the operation answered.
    pub value: T,
}

impl Engine {
    /// Runs `operation` on the newest state and commits what it wrote. It runs again after a missing block and after a
    /// lost race, so it must have no effects but its writes. A long one may give the thread back in between with
    /// [`Transaction::keep`] and [`Pause::Yield`].
    ///
    /// # Errors
    /// What the operation answers; `Quota`, `Unavailable`, `StorageLost`, `Closed` as the disk does. After
    /// `Unavailable` with reason `outcome-unknown` the write may still turn out to have happened.
    pub async fn commit<T: 'static>(
        &self,
        durability: Durability,
        mut operation: impl FnMut(&mut dyn Transaction) -> Step<T> + 'static,
    ) -> Result<Committed<T>> {
        self.commit_staged(durability, false, move |staged| operation(staged)).await
    }

    /// The same for operations that also edit the manifest or the disk.
    pub(crate) async fn commit_staged<T: 'static>(
        &self,
        durability: Durability,
        alone: bool,
        mut operation: impl FnMut(&mut Staged<'_>) -> Step<T> + 'static,
    ) -> Result<Committed<T>> {
        let slot = Rc::new(RefCell::new(None));
        let answer = Rc::clone(&slot);
        let run = Box::new(move |staged: &mut Staged<'_>| {
            *answer.borrow_mut() = Some(operation(staged)?);
            Ok(())
        });
        let position = self.enqueue(run, durability, alone).await?;
        let value = slot.borrow_mut().take().ok_or_else(|| Error::internal("a commit resolved without its answer"))?;
        Ok(Committed { position, value })
    }

    /// Boxed, and one for all commits: each of their futures would hold a copy of it.
    fn enqueue(
        &self,
        run: Box<dyn FnMut(&mut Staged<'_>) -> Step<()>>,
        durability: Durability,
        alone: bool,
    ) -> LocalFuture<'_, Result<u64>> {
        Box::pin(async move {
            self.0.check_alive()?;
            if !alone {
                self.0.wait_for_room().await?;
            }
            let (sender, awaiting) = reply();
            let start = {
                let mut queue = self.0.queue.borrow_mut();
                queue.jobs.push_back(Job { run, durability, alone, reply: Some(sender), refusal: None, judged: false });
                !std::mem::replace(&mut queue.driving, true)
            };
            if start {
                self.0.platform.spawn(Box::pin(drive(Rc::clone(&self.0))));
            }
            let stopped = || Error::new(ErrorKind::Aborted, "the instance stopped before the commit");
            awaiting.await.unwrap_or_else(|| Err(stopped()))
        })
    }
}

/// Writes records until no job is left.
async fn drive(inner: Rc<Inner>) {
    while let Some(group) = next_group(&inner) {
        inner.state.borrow_mut().busy = true;
        commit_group(&inner, group).await;
        inner.state.borrow_mut().busy = false;
        inner.unconfirmed.set(false);
        inner.drain_inbox();
        inner.between_groups.notify();
        inner.wake_maintenance();
    }
}

fn next_group(inner: &Inner) -> Option<Vec<Job>> {
    let mut queue = inner.queue.borrow_mut();
    let mut group = Vec::new();
    while let Some(job) = queue.jobs.front() {
        if job.alone && !group.is_empty() {
            break;
        }
        let alone = job.alone;
        group.extend(queue.jobs.pop_front());
        if alone {
            break;
        }
    }
    if group.is_empty() {
        queue.driving = false;
        return None;
    }
    Some(group)
}

/// Takes a group through as many races as it needs.
async fn commit_group(inner: &Rc<Inner>, mut group: Vec<Job>) {
    let mut turn: Option<Turn> = None;
    while !group.is_empty() {
        if let Err(error) = prepare(inner).await {
            return group.into_iter().for_each(|job| job.answer(inner, Err(error.clone())));
        }
        turn = turn.filter(|turn| !turn.is_left_behind(inner));
        if turn.is_none() && inner.takes_turns() {
            // Seldom, and so not a part of this future, which a page has from the beginning.
            let taking: LocalFuture<'_, Turn> = Box::pin(inner.take_turn());
            turn = Some(taking.await);
            continue;
        }
        let (accepted, stage, rest) = match stage_group(inner, group, turn.is_some()).await {
            Ok(staged) => staged,
            Err(jobs) => {
                group = jobs;
                continue;
            }
        };
        group = finish_group(inner, accepted, stage, turn.is_some()).await;
        // What did not fit into the record goes into the next one.
        group.extend(rest);
    }
}

/// Before a group is staged: the instance is alive, has read what it missed, and its memtables have room.
async fn prepare(inner: &Rc<Inner>) -> Result<()> {
    inner.check_alive()?;
    inner.apply_inbox()?;
    if inner.maintenance.seal_requested.take() {
        inner.state.borrow_mut().seal();
        inner.between_groups.notify();
    }
    if inner.state.borrow().behind {
        inner.catch_up().await?;
    }
    inner.check_alive()
}

type StagedGroup = (Vec<Job>, Stage, Vec<Job>);

/// Runs the jobs one after another on the newest state. `Err` gives the jobs back when the position was lost meanwhile.
async fn stage_group(inner: &Rc<Inner>, group: Vec<Job>, in_turn: bool) -> std::result::Result<StagedGroup, Vec<Job>> {
    let mut stage = Stage::default();
    let pins = Pins::default();
    let mut accepted = Vec::new();
    let mut jobs = VecDeque::from(group);
    while let Some(mut job) = jobs.pop_front() {
        if stage.payload.len() > GROUP_BYTES && !stage.is_half_way() {
            jobs.push_front(job);
            break;
        }
        let mut lost = false;
        job.refusal = None;
        match run_job(inner, &mut job, &mut stage, &pins) {
            Ok(()) => {
                accepted.push(job);
                if stage.written() >= BREATH_BYTES {
                    breathe(inner, in_turn).await;
                }
            }
            Err(Pause::Failed(error)) if !stage.payload.is_empty() => {
                job.refusal = Some(error);
                accepted.push(job);
            }
            Err(Pause::Failed(error)) if job.is_judged(&error) => job.answer(inner, Err(error)),
            Err(Pause::Failed(_)) => {
                inner.state.borrow_mut().behind = true;
                accepted.push(job);
                accepted.extend(jobs);
                return Err(accepted);
            }
            Err(Pause::Yield) => {
                jobs.push_front(job);
                breathe(inner, in_turn).await;
            }
            Err(Pause::Missing(names)) => {
                jobs.push_front(job);
                pins.begin_round();
                match inner.fetch_into(&names, &pins).await {
                    Ok(()) => {}
                    // The tables changed while this instance slept: catch up and run everything again.
                    Err(error) if error.reason() == Some(SNAPSHOT_EXPIRED) => lost = true,
                    Err(error) => {
                        inner.state.borrow_mut().unstage_job(&mut stage);
                        jobs.pop_front().into_iter().for_each(|job| job.answer(inner, Err(error.clone())));
                    }
                }
            }
        }
        if lost || inner.lost_while_staging() {
            inner.state.borrow_mut().unstage(&mut stage);
            inner.contend();
            accepted.extend(jobs);
            return Err(accepted);
        }
    }
    Ok((accepted, stage, jobs.into()))
}

/// Gives the thread back for a moment in the middle of a group.
async fn breathe(inner: &Inner, in_turn: bool) {
    if in_turn {
        inner.say_working();
    }
    inner.platform.breathe().await;
}

/// Runs one job; if it does not finish, nothing of it stays staged but what it keeps over a pause.
fn run_job(inner: &Inner, job: &mut Job, stage: &mut Stage, pins: &Pins) -> Step<()> {
    let state = inner.state.borrow();
    let snapshot = Snapshot::transient(&state);
    stage.enter();
    let blocks = inner.blocks(pins);
    let mut staged = Staged {
        active: state.active.borrow_mut(),
        sealed: state.sealed.iter().rev().map(|sealed| sealed.memtable.borrow()).collect::<Vec<Ref<'_, _>>>(),
        snapshot: &snapshot,
        manifest: &state.manifest,
        forgotten: &state.forgotten,
        writer: state.writer,
        store: state.store,
        blocks,
        stage,
    };
    let result = (job.run)(&mut staged);
    let position = staged.position();
    let Staged { stage, mut active, .. } = staged;
    match &result {
        Ok(()) => stage.settle(),
        Err(Pause::Failed(_)) => stage.abandon(&mut active, position),
        Err(_) => stage.pause(&mut active, position),
    }
    result
}

/// Writes the record of a staged group. Answers the jobs to run again.
async fn finish_group(inner: &Rc<Inner>, mut jobs: Vec<Job>, mut stage: Stage, in_turn: bool) -> Vec<Job> {
    if stage.payload.is_empty() {
        let head = inner.state.borrow().head;
        jobs.into_iter().for_each(|job| job.answer(inner, Ok(head)));
        return Vec::new();
    }
    let durability = jobs.iter().map(|job| job.durability).max().unwrap_or_default();
    let header = next_header(inner, durability);
    let early = planted(Bug::AcknowledgeEarly);
    let is_early = |job: &&mut Job| job.refusal.is_none() && (early || job.durability == Durability::Memory);
    for job in jobs.iter_mut().filter(is_early) {
        inner.unconfirmed.set(true);
        job.reply.take().into_iter().for_each(|reply| reply.send(Ok(header.position)));
    }
    let packed = pack(inner, &stage.payload, in_turn).await;
    let mut batch = std::mem::take(&mut stage.batch);
    let log_blobs = if planted(Bug::SkipPositionCheck) { &mut batch.puts } else { &mut batch.inserts };
    log_blobs.push((BlobName::log(header.position), stage.payload.seal(header, packed)));
    batch.reads.push(BlobRange::all(Area::Floor));
    match write_record(inner, &header, &batch, durability).await {
        Outcome::Won => {
            batch.inserts.iter().for_each(|(_, blob)| inner.platform.announce(blob));
            if header.strict {
                inner.state.borrow_mut().durable = Some(header.position);
            }
            let record = stage.payload.into_record(header);
            match inner.applied(&record) {
                Ok(()) => jobs.into_iter().for_each(|job| job.answer(inner, Ok(header.position))),
                Err(error) => inner.fail(&error, jobs),
            }
            Vec::new()
        }
        Outcome::Lost => {
            if !planted(Bug::KeepStagedWrites) {
                inner.state.borrow_mut().unstage(&mut stage);
            }
            inner.state.borrow_mut().behind = true;
            inner.contend();
            jobs
        }
        Outcome::Failed(error) => {
            inner.state.borrow_mut().unstage(&mut stage);
            retry_smaller(inner, jobs, error)
        }
        Outcome::Unknown(error) => {
            inner.state.borrow_mut().unstage(&mut stage);
            inner.state.borrow_mut().behind = true;
            jobs.into_iter().for_each(|job| job.answer(inner, Err(error.clone())));
            Vec::new()
        }
    }
}

/// Compresses what the record holds, and gives the thread back after each piece.
async fn pack(inner: &Inner, payload: &Payload, in_turn: bool) -> Option<Vec<u8>> {
    let mut packing = payload.packing()?;
    while packing.step()? {
        breathe(inner, in_turn).await;
    }
    packing.finish()
}

fn next_header(inner: &Inner, durability: Durability) -> RecordHeader {
    let mut state = inner.state.borrow_mut();
    state.sequence += 1;
    RecordHeader {
        store: state.store,
        position: state.head + 1,
        writer: state.writer,
        sequence: state.sequence,
        strict: durability == Durability::Strict,
    }
}

/// A full disk may refuse a large group and still take a small job of it, such as a delete.
fn retry_smaller(inner: &Inner, mut jobs: Vec<Job>, error: Error) -> Vec<Job> {
    if error.kind() == ErrorKind::Quota && jobs.len() > 1 {
        let mut queue = inner.queue.borrow_mut();
        for mut job in jobs.drain(..).rev() {
            job.alone = true;
            queue.jobs.push_front(job);
        }
        return Vec::new();
    }
    jobs.into_iter().for_each(|job| job.answer(inner, Err(error.clone())));
    Vec::new()
}

impl Job {
    /// Tells the caller. One who was told at `Durability::Memory` learns of a failure through an event.
    fn answer(mut self, inner: &Inner, result: Result<u64>) {
        let refusal = self.refusal.take();
        match (self.reply.take(), result.and_then(|position| refusal.map_or(Ok(position), Err))) {
            (Some(reply), result) => reply.send(result),
            (None, Err(error)) => inner.emit(&CommitEvent::WriteLost { error: &error }),
            (None, Ok(_)) => {}
        }
    }
}

impl Inner {
    /// Makes an own record visible, whose data items are in the memtable already, and tells the listeners.
    fn applied(&self, record: &Record) -> Result<()> {
        self.state.borrow_mut().advance(record)?;
        self.forget_retired();
        self.emit(&CommitEvent::Commit { record, own: true });
        Ok(())
    }

    /// The instance cannot go on: everybody who waits is told.
    fn fail(&self, error: &Error, jobs: Vec<Job>) {
        self.state.borrow_mut().dead.get_or_insert(error.clone());
        let waiting = std::mem::take(&mut self.queue.borrow_mut().jobs);
        jobs.into_iter().chain(waiting).for_each(|job| job.answer(self, Err(error.clone())));
    }
}
