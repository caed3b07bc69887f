//! The class `SyncServer`: a tenant that answers pushes and pulls.
//!
//! It opens no transaction: whoever calls [`SyncServer::push`] does, and takes it back when it throws.

use js_sys::{Array, Error as JsError};
use tidewell_core::base::{Error, ErrorKind, Result};
use tidewell_core::collections::{json, Value};
use tidewell_core::sync::message::UPGRADE;
use tidewell_core::sync::server::memory::MemoryTenant;
use tidewell_core::sync::server::{compact, Policy};
use tidewell_core::sync::{pull, push, Caller, PullAnswer, PullRequest, PushAnswer, PushRequest, ServerStore};
use wasm_bindgen::prelude::*;

use crate::policy;
use crate::sql::{Sql, Tenant};

/// One tenant.
#[wasm_bindgen]
pub struct SyncServer {
    place: Place,
    policy: Policy,
}

/// Where the tenant's data are.
enum Place {
    Sql(Tenant),
    Memory(MemoryTenant),
}

impl Place {
    fn read(&self) -> &dyn ServerStore {
        match self {
            Self::Sql(tenant) => tenant,
            Self::Memory(tenant) => tenant,
        }
    }

    fn write(&mut self) -> &mut dyn ServerStore {
        match self {
            Self::Sql(tenant) => tenant,
            Self::Memory(tenant) => tenant,
        }
    }
}

#[wasm_bindgen]
impl SyncServer {
    /// The tenant behind `sql`; makes its tables where there are none, with `epoch`, a random word. `policy` is JSON.
    ///
    /// # Errors
    /// For a policy that makes no sense, tables of another version, and what the storage throws.
    #[wasm_bindgen(constructor)]
    pub fn new(sql: Sql, epoch: &str, policy: &str) -> std::result::Result<SyncServer, JsValue> {
        let open = |policy| Ok(Self { place: Place::Sql(Tenant::open(sql, epoch)?), policy });
        policy::parse(policy).and_then(open).map_err(|error| thrown(&error))
    }

    /// An empty tenant in memory. Handed the same calls in the same order, with the same `epoch`, it becomes the same again: whoever
    /// keeps those has it for good. Every question is a walk, so it is for demonstrations and tests.
    ///
    /// # Errors
    /// For a policy that makes no sense.
    #[wasm_bindgen(js_name = inMemory)]
    pub fn in_memory(epoch: &str, policy: &str) -> std::result::Result<SyncServer, JsValue> {
        let open = |policy| Self { place: Place::Memory(MemoryTenant::new(epoch)), policy };
        policy::parse(policy).map(open).map_err(|error| thrown(&error))
    }

    /// Handles a push of the caller with these verified claims (JSON). Answers a status and the body.
    ///
    /// # Errors
    /// What the storage throws: nothing may stay of the call then.
    pub fn push(&mut self, claims: &str, body: &[u8]) -> std::result::Result<Array, JsValue> {
        let request = match PushRequest::parse(body) {
            Ok(request) => request,
            Err(error) if error.reason() == Some(UPGRADE) => return Ok(answer(200, &PushAnswer::Upgrade.to_json())),
            Err(error) => return refused(&error),
        };
        let pushed = caller(claims).and_then(|caller| push(self.place.write(), &self.policy, &caller, &request));
        pushed.map_or_else(|error| refused(&error), |pushed| Ok(answer(200, &pushed.to_json())))
    }

    /// Handles a pull; nothing may be written meanwhile. Answers a status and the body.
    ///
    /// # Errors
    /// What the storage throws.
    pub fn pull(&self, claims: &str, body: &[u8]) -> std::result::Result<Array, JsValue> {
        let request = match PullRequest::parse(body) {
            Ok(request) => request,
            Err(error) if error.reason() == Some(UPGRADE) => return Ok(answer(200, &PullAnswer::Upgrade.to_json())),
            Err(error) => return refused(&error),
        };
        let pulled = caller(claims).and_then(|caller| pull(self.place.read(), &self.policy, &caller, &request));
        pulled.map_or_else(|error| refused(&error), |pulled| Ok(answer(200, &pulled.to_json())))
    }

    /// The tenant's version.
    ///
    /// # Errors
    /// What the storage throws.
    #[expect(clippy::cast_precision_loss, reason = "versions are below 2^53")]
    pub fn version(&self) -> std::result::Result<f64, JsValue> {
        self.place.read().head().map(|head| head.version as f64).map_err(|error| thrown(&error))
    }

    /// Forgets tombstones and superseded documents older than `keep` versions.
    ///
    /// # Errors
    /// What the storage throws.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the cast saturates")]
    pub fn compact(&mut self, keep: f64) -> std::result::Result<(), JsValue> {
        let head = self.place.read().head().map_err(|error| thrown(&error))?;
        compact(self.place.write(), head.version.saturating_sub(keep as u64)).map_err(|error| thrown(&error))
    }

    /// Takes a new epoch, as storage must that was put back to an earlier state: clients send again what it lacks.
    ///
    /// # Errors
    /// What the storage throws.
    pub fn renew(&mut self, epoch: &str) -> std::result::Result<(), JsValue> {
        match &mut self.place {
            Place::Sql(tenant) => tenant.renew(epoch).map_err(|error| thrown(&error))?,
            Place::Memory(tenant) => tenant.renew(epoch),
        }
        Ok(())
    }
}

/// The caller with these claims, which have been verified.
fn caller(claims: &str) -> Result<Caller> {
    let claims = json::parse(claims.as_bytes())?;
    match claims.field("sub") {
        Some(Value::String(user)) => Ok(Caller { user: user.clone(), claims }),
        _ => Err(Error::invalid("the claims name no user")),
    }
}

fn answer(status: u16, body: &[u8]) -> Array {
    Array::of2(&status.into(), &JsValue::from_str(&String::from_utf8_lossy(body)))
}

/// 400 for what the caller can do better; anything else is thrown.
fn refused(error: &Error) -> std::result::Result<Array, JsValue> {
    if error.kind() != ErrorKind::Invalid {
        return Err(thrown(error));
    }
    let mut body = br#"{"error":{"code":"invalid","message":"#.to_vec();
    json::write_string(error.message(), &mut body);
    body.extend_from_slice(b"}}");
    Ok(answer(400, &body))
}

fn thrown(error: &Error) -> JsValue {
    JsError::new(error.message()).into()
}
