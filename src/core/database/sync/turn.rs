//! The turns of the instance that syncs: what to send, and what an answer does.
//!
//! When to send is the link's; what an answer means is the client's. An answer is taken in one commit, or not at all.

use std::rc::Rc;

use crate::base::planted::{planted, Bug};
use crate::base::{ErrorKind, Result, Rng};
use crate::collections::fields::Fields;
use crate::engine::{Durability, Step, Transaction};
use crate::sync::client::link::{Failure, Next, Request};
use crate::sync::client::{ClientStore, Touched};
use crate::sync::{Client, PullAnswer, PullRequest, PushAnswer, PushRequest};

use super::super::handle::{Database, Shared};
use super::super::response::{ObjectWriter, Response};
use super::settings::Settings;
use super::store::{Access, EngineStore};
use super::{client_at, not_open, take_number, Remembered, SyncCall};

/// An answer to a request that was in flight.
enum Answer {
    Push(PushRequest, PushAnswer),
    Pull(PullRequest, PullAnswer),
}

impl Answer {
    fn parse(request: &Request, body: &str) -> Result<Self> {
        Ok(match request {
            Request::Push(request) => Self::Push(request.clone(), PushAnswer::parse(body.as_bytes())?),
            Request::Pull(request) => Self::Pull(request.clone(), PullAnswer::parse(body.as_bytes())?),
        })
    }

    /// Whether there is nothing in it but when to try again.
    fn is_empty(&self) -> bool {
        matches!(
            self,
            Self::Push(_, PushAnswer::Retry(_) | PushAnswer::Auth | PushAnswer::Upgrade)
                | Self::Pull(_, PullAnswer::Retry(_) | PullAnswer::Auth | PullAnswer::Upgrade)
        )
    }

    fn take(&self, client: &mut Client, store: &mut dyn ClientStore, rng: &dyn Rng) -> Result<Touched> {
        match self {
            Self::Push(request, answer) => client.on_push(store, rng, request, answer.clone()),
            Self::Pull(request, answer) => client.on_pull(store, rng, request, answer.clone()),
        }
    }
}

impl Shared {
    /// Commands that only the link hears.
    pub(super) fn sync_link(&self, call: SyncCall, fields: &mut Fields<'_>) -> Result<()> {
        let now = take_number(fields, "now")?;
        let mut running = self.sync.running.borrow_mut();
        if call == SyncCall::Failed {
            let tag = fields.number("tag")?.ok_or_else(|| fields.missing("tag"))?;
            let (jitter, after) = (take_number(fields, "jitter")?, fields.number("after")?);
            let why = fields.text("why")?.and_then(|why| Failure::named(&why)).unwrap_or_default();
            if let Some(running) = running.as_mut() {
                running.link.failed(tag, now, jitter.clamp(0.0, 1.0), after, why);
                running.flight.take_if(|(own, _)| *own == tag);
            }
            return Ok(());
        }
        let running = running.as_mut().ok_or_else(not_open)?;
        match call {
            SyncCall::Resume => running.link.resume(now),
            _ => running.link.poke(now),
        }
        Ok(())
    }
}

impl Database {
    pub(super) async fn sync_next(&self, mut fields: Fields<'_>) -> Result<Response> {
        let (now, jitter) = (take_number(&mut fields, "now")?, take_number(&mut fields, "jitter")?);
        fields.finish()?;
        let shared = &self.0;
        if shared.sync.running.borrow().is_none() {
            return Err(not_open());
        }
        // What other instances wrote goes out, too, whether or not they could say so.
        shared.engine.catch_up().await?;
        self.sync_uploads().await?;
        let known = shared.sync.remembered();
        let found = shared.look(|view| {
            let Some(settings) = Settings::load(view)? else { return Ok(None) };
            let mut store = EngineStore::look(view, &shared.catalog, &settings);
            client_at(&mut store, known.as_deref(), &*shared.platform).map(Some)
        });
        let Some(found) = found.await? else {
            *shared.sync.running.borrow_mut() = None;
            return self.answer_next(ObjectWriter::default().flag("paused", true)).await;
        };
        let found = shared.sync.remember(found);
        let mut answer = ObjectWriter::default();
        let next = match shared.sync.running.borrow_mut().as_mut() {
            None => return Err(not_open()),
            Some(running) => {
                let next = running.link.next(now, jitter.clamp(0.0, 1.0), &found.client);
                if let Next::Send(tag, request) = &next {
                    running.flight = Some((*tag, request.clone()));
                }
                next
            }
        };
        match next {
            Next::Send(tag, request) => {
                let (kind, body) = match &request {
                    Request::Push(request) => ("push", request.to_json()),
                    Request::Pull(request) => ("pull", request.to_json()),
                };
                answer.number("send", tag).text("kind", kind).text("body", &String::from_utf8_lossy(&body));
            }
            Next::Wait(until) => drop(answer.fraction("wait", (until - now).max(0.0))),
            Next::Paused => drop(answer.flag("paused", true)),
        }
        self.answer_next(&mut answer).await
    }

    async fn answer_next(&self, answer: &mut ObjectWriter) -> Result<Response> {
        let status = self.sync_status_json().await?;
        Ok(answer.raw("status", &status).finish())
    }

    pub(super) async fn sync_answer(&self, mut fields: Fields<'_>, durability: Durability) -> Result<Response> {
        let tag = fields.number("tag")?.ok_or_else(|| fields.missing("tag"))?;
        let (now, jitter) = (take_number(&mut fields, "now")?, take_number(&mut fields, "jitter")?.clamp(0.0, 1.0));
        let body = fields.required_text("body")?;
        fields.finish()?;
        let mut flight = None;
        if let Some(running) = self.0.sync.running.borrow_mut().as_mut() {
            flight = running.flight.take_if(|(own, _)| *own == tag);
        }
        let Some((_, request)) = flight else { return self.sync_status().await };
        let failed = || {
            if let Some(running) = self.0.sync.running.borrow_mut().as_mut() {
                running.link.failed(tag, now, jitter, None, Failure::Other);
            }
        };
        let Ok(answer) = Answer::parse(&request, &body) else {
            failed();
            return self.sync_status().await;
        };
        let answer = Rc::new(answer);
        if !answer.is_empty() {
            let taken = Rc::clone(&answer);
            let take =
                move |client: &mut Client, store: &mut dyn ClientStore, rng: &dyn Rng| taken.take(client, store, rng);
            match self.sync_change(durability, take).await {
                Ok(()) => {}
                // It makes no sense, whoever's fault that is. The same is asked again.
                Err(error) if error.kind() == ErrorKind::Invalid => {
                    failed();
                    return self.sync_status().await;
                }
                Err(error) => {
                    failed();
                    return Err(error);
                }
            }
        }
        self.0.answered(tag, now, jitter, &answer);
        self.sync_status().await
    }

    /// Changes the client in one commit, which also makes the documents what it shows then.
    pub(super) async fn sync_change(
        &self,
        durability: Durability,
        mut work: impl FnMut(&mut Client, &mut dyn ClientStore, &dyn Rng) -> Result<Touched> + 'static,
    ) -> Result<()> {
        if planted(Bug::SyncAnswerApart) {
            return self.sync_change_apart(durability, work).await;
        }
        let (shared, known) = (Rc::clone(&self.0), self.0.sync.remembered());
        let commit = move |tx: &mut dyn Transaction| {
            let Some(settings) = Settings::load(tx)? else { return Ok(None) };
            let mut store = EngineStore::new(Access::Write(tx), &shared.catalog, &settings);
            let (mut now, touched) = worked(&mut store, &shared, known.as_deref(), &mut work)?;
            store.settle(&now.client, touched, &shared.views)?;
            now.turn = count(&mut store, &now.client)?;
            Ok(Some(now))
        };
        if let Some(now) = self.0.engine.commit(durability, commit).await?.value {
            self.0.sync.remember(now);
        }
        Ok(())
    }

    /// The planted fault: what the answer says of the client first, its documents later.
    async fn sync_change_apart(
        &self,
        durability: Durability,
        mut work: impl FnMut(&mut Client, &mut dyn ClientStore, &dyn Rng) -> Result<Touched> + 'static,
    ) -> Result<()> {
        let (shared, known) = (Rc::clone(&self.0), self.0.sync.remembered());
        let commit = move |tx: &mut dyn Transaction| {
            let Some(settings) = Settings::load(tx)? else { return Ok(None) };
            let mut store = EngineStore::new(Access::Write(tx), &shared.catalog, &settings);
            let (mut now, touched) = worked(&mut store, &shared, known.as_deref(), &mut work)?;
            let brought = std::mem::take(&mut store.brought);
            now.turn = count(&mut store, &now.client)?;
            Ok(Some((now.client, touched, brought)))
        };
        let Some(first) = self.0.engine.commit(durability, commit).await?.value else { return Ok(()) };
        let (client, touched, brought) = first;
        let shared = Rc::clone(&self.0);
        let commit = move |tx: &mut dyn Transaction| {
            let Some(settings) = Settings::load(tx)? else { return Ok(()) };
            let mut store = EngineStore::new(Access::Write(tx), &shared.catalog, &settings);
            store.brought.clone_from(&brought);
            store.settle(&client, touched.clone(), &shared.views)
        };
        self.0.engine.commit(durability, commit).await.map(drop)
    }
}

/// The client after the work, and which documents it may show differently.
fn worked(
    store: &mut EngineStore<'_>,
    shared: &Shared,
    known: Option<&Remembered>,
    work: &mut dyn FnMut(&mut Client, &mut dyn ClientStore, &dyn Rng) -> Result<Touched>,
) -> Step<(Remembered, Touched)> {
    let mut now = client_at(store, known, &*shared.platform)?;
    let touched = store.complete(|store| work(&mut now.client, store, &*shared.platform))?;
    Ok((now, touched))
}

/// Ends the commit; answers its turn.
fn count(store: &mut EngineStore<'_>, client: &Client) -> Step<u64> {
    let mut turn = 0;
    store.write_counts(|counts| {
        counts.turn += 1;
        counts.pending = client.pending() as u64;
        turn = counts.turn;
    })?;
    Ok(turn)
}

impl Shared {
    /// The link hears of an answer that was taken.
    fn answered(&self, tag: u64, now: f64, jitter: f64, answer: &Answer) {
        let mut running = self.sync.running.borrow_mut();
        let Some(link) = running.as_mut().map(|running| &mut running.link) else { return };
        match answer {
            Answer::Push(_, answer) => link.pushed(tag, now, jitter, answer),
            Answer::Pull(_, answer) => {
                link.pulled(tag, now, jitter, answer);
                if let PullAnswer::Page(page) = answer {
                    let before = if page.reset { 0 } else { self.sync.received.get() };
                    self.sync.received.set(before + page.changes.len() as u64);
                }
            }
        }
    }
}
