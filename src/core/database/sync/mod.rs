//! Sync in the engine: the store of the client's end, and the commands by which somebody carries its messages.
//!
//! It is no transport and reads no clock. A synced collection is itself what the client shows: ordinary writes go to the outbox
//! in their own commit (`capture`), answers of the server change the documents in the commit that takes them (`settle`).
//! Every instance does the former; who does the latter is nobody's privilege.

mod capture;
pub(super) mod keys;
mod letter;
mod look;
mod news;
mod open;
mod ops;
mod settings;
mod settle;
mod store;
mod turn;
mod upload;

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use crate::base::{Error, Result, Rng};
use crate::collections::fields::Fields;
use crate::collections::Value;
use crate::engine::{Durability, Step};
use crate::sync::client::link::{Link, Request};
use crate::sync::Client;

use super::handle::Database;
use super::response::Response;
use store::EngineStore;

pub(super) use capture::{refuse_synced, Capture, Captured};
pub(super) use keys::is_waiting;
pub(super) use look::Look;
pub(super) use open::refuse_unique;
pub(super) use ops::Intent;

/// Commands of sync.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SyncCall {
    Open,
    /// What to send now.
    Next,
    /// What the server said.
    Answer,
    Failed,
    Poke,
    Resume,
    Status,
    Pending,
    Letters,
    Retry,
    Discard,
    /// What waits, in the schema of now.
    Migrate,
    Close,
}

impl SyncCall {
    /// Whether it changes nothing, and needs no disk where everything is in memory.
    pub(super) fn looks(self) -> bool {
        matches!(self, Self::Status | Self::Pending | Self::Letters)
    }

    pub(super) fn named(op: &str) -> Option<Self> {
        Some(match op {
            "syncOpen" => Self::Open,
            "syncNext" => Self::Next,
            "syncAnswer" => Self::Answer,
            "syncFailed" => Self::Failed,
            "syncPoke" => Self::Poke,
            "syncResume" => Self::Resume,
            "syncStatus" => Self::Status,
            "syncPending" => Self::Pending,
            "syncLetters" => Self::Letters,
            "syncRetry" => Self::Retry,
            "syncDiscard" => Self::Discard,
            "syncMigrate" => Self::Migrate,
            "syncClose" => Self::Close,
            _ => return None,
        })
    }
}

/// What an instance remembers of sync.
#[derive(Default)]
pub(super) struct SyncState {
    running: RefCell<Option<Running>>,
    /// The client as of the last look; everything in it follows from the store.
    remembered: RefCell<Option<Rc<Remembered>>>,
    /// Documents that came in the current download.
    received: Cell<u64>,
}

/// The link of an instance that syncs.
struct Running {
    link: Link,
    flight: Option<(u64, Request)>,
}

/// A client, and the turn of the store that it is of.
struct Remembered {
    turn: u64,
    client: Client,
}

impl SyncState {
    fn remember(&self, client: Remembered) -> Rc<Remembered> {
        let client = Rc::new(client);
        *self.remembered.borrow_mut() = Some(Rc::clone(&client));
        client
    }

    fn remembered(&self) -> Option<Rc<Remembered>> {
        self.remembered.borrow().clone()
    }

    /// Nothing that was remembered counts any more.
    pub(super) fn forget(&self) {
        *self.remembered.borrow_mut() = None;
    }
}

/// The client that the store holds: the remembered one with what was appended since, or one that is opened anew.
fn client_at(store: &mut EngineStore<'_>, remembered: Option<&Remembered>, rng: &dyn Rng) -> Step<Remembered> {
    let turn = store.complete(|store| store.counts())?.turn;
    let trusting = crate::base::planted::planted(crate::base::planted::Bug::SyncTrustMemory);
    if let Some(known) = remembered.filter(|known| known.turn == turn || trusting) {
        let mut client = known.client.clone();
        let is_current = store.complete(|store| client.catch_up(store))?;
        if is_current || trusting {
            return Ok(Remembered { turn, client });
        }
    }
    let config = store.settings().config();
    let client = store.complete(|store| Client::open(store, config, rng))?;
    Ok(Remembered { turn, client })
}

impl Database {
    pub(super) async fn sync_call(
        &self,
        call: SyncCall,
        mut fields: Fields<'_>,
        durability: Durability,
    ) -> Result<Response> {
        match call {
            SyncCall::Open => self.sync_open(fields, durability).await,
            SyncCall::Next => self.sync_next(fields).await,
            SyncCall::Answer => self.sync_answer(fields, durability).await,
            SyncCall::Retry | SyncCall::Discard => self.sync_letter(call, fields, durability).await,
            SyncCall::Migrate => self.sync_migrate(fields, durability).await,
            SyncCall::Close => self.sync_close(fields, durability).await,
            SyncCall::Failed | SyncCall::Poke | SyncCall::Resume => {
                self.0.sync_link(call, &mut fields)?;
                fields.finish()?;
                self.sync_status().await
            }
            SyncCall::Status | SyncCall::Pending | SyncCall::Letters => {
                let look = look::Look::take(call, &mut fields)?;
                fields.finish()?;
                self.0.look(|view| look.run(view, &self.0)).await
            }
        }
    }
}

/// A number that need not be whole.
fn take_number(fields: &mut Fields<'_>, name: &str) -> Result<f64> {
    match fields.value(name)? {
        Some(Value::Number(number)) if number.is_finite() => Ok(number),
        Some(_) => Err(fields.wrong(name, "a number")),
        None => Err(fields.missing(name)),
    }
}

fn not_open() -> Error {
    Error::invalid("sync: this instance does not sync: send syncOpen first").with_reason("not-open")
}
