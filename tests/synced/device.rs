//! A device: a storage, the tabs on it, and what carries their messages to a server.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use tidewell_core::base::{Error, Result};
use tidewell_core::collections::{json, Value};
use tidewell_core::database::{Database, DatabaseEvent};
use tidewell_core::disk::{Area, Batch, BlobRange, Disk, Durability, FaultPlan, FaultyStorage, MemoryDisk};
use tidewell_core::engine::EngineOptions;
use tidewell_core::sync::server::memory::MemoryTenant;
use tidewell_core::sync::{pull, push, Access, Caller, Policy, PullRequest, PushRequest, Rule};
use tidewell_sim::{Sim, SimPlatform};

/// A server in memory.
pub(crate) struct Server {
    pub(crate) tenant: RefCell<MemoryTenant>,
    pub(crate) policy: RefCell<Policy>,
    pub(crate) is_up: Cell<bool>,
    /// What it does arrives nowhere.
    pub(crate) loses_answer: Cell<bool>,
}

/// A tab.
pub(crate) struct Tab {
    pub(crate) database: Database,
    pub(crate) platform: Rc<SimPlatform>,
    pub(crate) sim: Sim,
    pub(crate) events: Rc<RefCell<Vec<String>>>,
}

/// A value that is an object.
pub(crate) fn parse(text: &str) -> Value {
    json::parse(text.as_bytes()).unwrap()
}

pub(crate) fn text(value: &Value) -> String {
    String::from_utf8(json::to_json(value)).unwrap()
}

pub(crate) fn number(value: &Value, name: &str) -> u64 {
    match value.field(name) {
        Some(Value::Number(number)) => *number as u64,
        other => panic!("'{name}' is no number but {other:?} in {value:?}"),
    }
}

pub(crate) fn word(value: &Value, name: &str) -> String {
    match value.field(name) {
        Some(Value::String(word)) => word.to_string(),
        other => panic!("'{name}' is no string but {other:?} in {value:?}"),
    }
}

impl Server {
    /// A server where everybody may do everything.
    pub(crate) fn new() -> Rc<Self> {
        let all = || Some(Value::Object(Vec::new()));
        let access = Access::new(Vec::new(), Rule { read: all(), write: all() }).unwrap();
        let policy = Policy { access, shape: None, schema_min: 0, schema_max: 10, retry_ms: 5 };
        let tenant = RefCell::new(MemoryTenant::new("e0"));
        let (is_up, loses_answer) = (Cell::new(true), Cell::new(false));
        Rc::new(Self { tenant, policy: RefCell::new(policy), is_up, loses_answer })
    }

    /// What it answers.
    pub(crate) fn answer(&self, kind: &str, body: &str) -> Vec<u8> {
        let caller = Caller { user: "u".into(), claims: Value::Object(Vec::new()) };
        let policy = self.policy.borrow();
        let mut tenant = self.tenant.borrow_mut();
        match kind {
            "push" => {
                let request = PushRequest::parse(body.as_bytes()).unwrap();
                push(&mut *tenant, &policy, &caller, &request).unwrap().to_json()
            }
            _ => {
                let request = PullRequest::parse(body.as_bytes()).unwrap();
                pull(&*tenant, &policy, &caller, &request).unwrap().to_json()
            }
        }
    }

    /// The documents of a collection by id, as JSON.
    pub(crate) fn documents(&self, collection: &str) -> Vec<String> {
        let tenant = self.tenant.borrow();
        let own = tenant.documents().filter(|((name, _), _)| **name == *collection);
        own.filter_map(|(_, image)| image.document.as_ref().map(text)).collect()
    }
}

/// Opens a tab on a storage.
pub(crate) async fn open(sim: &Sim, storage: &Rc<FaultyStorage>) -> Result<Tab> {
    open_with(sim, storage, EngineOptions { memory_budget: 1 << 20, ..EngineOptions::new("test") }).await
}

/// Opens a tab with its own measure of memory.
pub(crate) async fn open_with(sim: &Sim, storage: &Rc<FaultyStorage>, options: EngineOptions) -> Result<Tab> {
    let platform = sim.tab();
    let database = Database::open(Rc::new(storage.open()), platform.clone(), None, options).await?;
    let receiver = database.clone();
    platform.on_announce(Rc::new(move |message| receiver.receive(message)));
    let events = Rc::new(RefCell::new(Vec::new()));
    let heard = Rc::clone(&events);
    database.on_event(Rc::new(move |event| {
        if let DatabaseEvent::Notice(json) = event {
            heard.borrow_mut().push(String::from_utf8(json.clone()).unwrap());
        }
    }));
    Ok(Tab { database, platform, sim: sim.clone(), events })
}

/// A storage without faults.
pub(crate) fn storage(sim: &Sim) -> Rc<FaultyStorage> {
    sim.storage(FaultPlan::none())
}

impl Tab {
    pub(crate) async fn run(&self, command: &str) -> Result<Value> {
        let response = self.database.execute(command).await?;
        json::parse(&response.json)
    }

    /// Begins to sync these collections.
    pub(crate) async fn sync(&self, collections: &str) -> Result<Value> {
        self.run(&format!(r#"{{"op":"syncOpen","collections":[{collections}],"page":3,"batch":4}}"#)).await
    }

    /// One request to the server and its answer. Answers `false` when there was nothing to send.
    pub(crate) async fn turn(&self, server: &Server) -> Result<bool> {
        let now = self.sim.now_ms();
        let next = self.run(&format!(r#"{{"op":"syncNext","now":{now},"jitter":0.5}}"#)).await?;
        if next.field("send").is_none() {
            return Ok(false);
        }
        let (tag, kind, body) = (number(&next, "send"), word(&next, "kind"), word(&next, "body"));
        let loses = server.is_up.get() && server.loses_answer.get();
        if loses {
            server.answer(&kind, &body);
        }
        if loses || !server.is_up.get() {
            self.run(&format!(r#"{{"op":"syncFailed","tag":{tag},"now":{now},"jitter":0.5}}"#)).await?;
            return Ok(true);
        }
        let answer = String::from_utf8(server.answer(&kind, &body)).unwrap();
        let mut quoted = Vec::new();
        json::write_string(&answer, &mut quoted);
        let quoted = String::from_utf8(quoted).unwrap();
        let command = format!(r#"{{"op":"syncAnswer","tag":{tag},"now":{now},"jitter":0.5,"body":{quoted}}}"#);
        self.run(&command).await?;
        Ok(true)
    }

    /// Exchanges messages until everything is there.
    pub(crate) async fn exchange(&self, server: &Server) -> Result<()> {
        let now = self.sim.now_ms();
        self.run(&format!(r#"{{"op":"syncPoke","now":{now}}}"#)).await?;
        for _ in 0..1000 {
            if !self.turn(server).await? {
                return Ok(());
            }
        }
        Err(Error::internal("the exchange does not end"))
    }

    /// The documents of a collection by id, as JSON.
    pub(crate) async fn documents(&self, collection: &str) -> Result<Vec<String>> {
        let found = self.run(&format!(r#"{{"op":"find","collection":"{collection}","sort":{{"id":1}}}}"#)).await?;
        match found {
            Value::Array(documents) => Ok(documents.iter().map(text).collect()),
            _ => Ok(Vec::new()),
        }
    }

    pub(crate) async fn status(&self) -> Result<Value> {
        self.run(r#"{"op":"syncStatus"}"#).await
    }
}

/// Another storage with the same content: a cloned profile.
pub(crate) async fn cloned(sim: &Sim, storage: &Rc<FaultyStorage>) -> Rc<FaultyStorage> {
    let (from, to) = (storage.open(), Rc::new(MemoryDisk::new()));
    for area in [Area::Meta, Area::Log, Area::Table, Area::Floor, Area::Manifest] {
        let puts = from.scan(BlobRange::all(area), usize::MAX).await.unwrap();
        to.commit(Batch { puts, ..Batch::default() }, Durability::Strict).await.unwrap();
    }
    sim.storage_on(to, FaultPlan::none())
}
