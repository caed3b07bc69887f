//! The world of a run: the server, its network and its devices, and the judgement after every step.
//!
//! Not what happens in it: that is `actions`.

use std::collections::{BTreeMap, BTreeSet};

use tidewell_core::base::SeededRng;
use tidewell_core::collections::{json, Value};
use tidewell_core::sync::client::link::{Failure, Next, Request};
use tidewell_core::sync::client::Table;
use tidewell_core::sync::server::memory::MemoryTenant;
use tidewell_core::sync::{
    pull, push, Access, Caller, Outcome, Policy, PullAnswer, PullRequest, PushAnswer, PushRequest, Rule, ServerStore,
};

use super::device::{Cut, Device};
use super::model::{Model, Scope, State};

pub(crate) type Verdict = Result<(), String>;

/// Something on its way.
#[derive(Clone)]
pub(crate) struct Message {
    pub(crate) device: usize,
    pub(crate) life: u64,
    pub(crate) tag: u64,
    pub(crate) request: Request,
    /// The answer's bytes and what the server let the device see, on the way back.
    pub(crate) answer: Option<(Vec<u8>, Scope)>,
}

/// How often things happened.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counts {
    pub(crate) mutations: u64,
    pub(crate) applied: u64,
    pub(crate) duplicates: u64,
    pub(crate) rejected: u64,
    pub(crate) dropped: u64,
    pub(crate) doubled: u64,
    pub(crate) cuts: u64,
    pub(crate) crashes: u64,
    pub(crate) restores: u64,
    pub(crate) clones: u64,
    pub(crate) resets: u64,
    pub(crate) forks: u64,
    pub(crate) refused_tokens: u64,
    pub(crate) skews: u64,
    pub(crate) purges: u64,
    pub(crate) judged: u64,
    pub(crate) too_much: u64,
}

/// The world.
pub(crate) struct World {
    pub(crate) rng: SeededRng,
    pub(crate) now: f64,
    pub(crate) tenant: MemoryTenant,
    pub(crate) model: Model,
    pub(crate) backup: (MemoryTenant, Model),
    pub(crate) history: BTreeMap<(String, u64), State>,
    pub(crate) policy: Policy,
    pub(crate) teams: Vec<Vec<u32>>,
    pub(crate) devices: Vec<Device>,
    pub(crate) network: Vec<Message>,
    pub(crate) epochs: u64,
    /// Every mutation an application made.
    pub(crate) made: BTreeSet<String>,
    /// Those whose only holder was destroyed, or that somebody discarded.
    pub(crate) excused: BTreeSet<String>,
    pub(crate) counts: Counts,
}

impl World {
    pub(crate) fn new(seed: u64) -> Self {
        let rng = SeededRng::new(seed ^ 0x5e_a5_1d_e5);
        let tenant = MemoryTenant::new("e0");
        let team = json::parse(br#"{"team":{"$in":"$claims.teams"}}"#).unwrap();
        let all = || Some(Value::Object(Vec::new()));
        let rules = vec![("team".into(), Rule { read: Some(team.clone()), write: Some(team) })];
        let access = Access::new(rules, Rule { read: all(), write: all() }).unwrap();
        let mut world = Self {
            now: 0.0,
            backup: (tenant.clone(), Model::default()),
            tenant,
            model: Model::default(),
            history: BTreeMap::from([(("e0".to_owned(), 0), State::new())]),
            policy: Policy { access, shape: None, schema_min: 1, schema_max: 1, retry_ms: 3 },
            teams: vec![vec![0, 1], vec![1], vec![2]],
            devices: Vec::new(),
            network: Vec::new(),
            epochs: 0,
            made: BTreeSet::new(),
            excused: BTreeSet::new(),
            counts: Counts::default(),
            rng,
        };
        for _ in 0..3 + world.rng.index(6) {
            let user = world.rng.index(3);
            let at_least = world.rng.one_in(3).then_some(2.0);
            world.devices.push(Device::new(world.rng.fork(), user, at_least));
        }
        world
    }

    pub(crate) fn head(&self) -> (String, u64) {
        let head = self.tenant.head().unwrap();
        (head.epoch.to_string(), head.version)
    }

    fn caller(&self, user: usize) -> Caller {
        let teams = self.teams[user].iter().map(|team| Value::Number(f64::from(*team))).collect();
        Caller { user: format!("u{user}").into(), claims: Value::Object(vec![("teams".into(), Value::Array(teams))]) }
    }

    pub(crate) fn scope(&self, device: usize) -> Scope {
        let device = &self.devices[device];
        Scope { teams: self.teams[device.user].clone(), at_least: device.at_least }
    }

    /// Lets a device do what its link says.
    pub(crate) fn turn(&mut self, index: usize) -> Option<f64> {
        let device = &mut self.devices[index];
        let jitter = self.rng.below(1000) as f64 / 1000.0;
        let client = device.client.as_ref()?;
        match device.link.next(self.now + device.skew, jitter, client) {
            Next::Send(tag, request) => {
                self.network.push(Message { device: index, life: device.life, tag, request, answer: None });
                None
            }
            Next::Wait(until) => Some(until - device.skew),
            Next::Paused => None,
        }
    }

    /// A message arrives, at the server or back at its device.
    pub(crate) fn deliver(&mut self, message: Message) -> Verdict {
        match message.answer.clone() {
            None => {
                if self.devices[message.device].cut == Some(Cut::Both) {
                    return Ok(());
                }
                if self.is_too_much(&message) {
                    return Ok(());
                }
                let answer = self.serve(message.device, &message.request)?;
                self.network.push(Message { answer: Some(answer), ..message });
                Ok(())
            }
            Some((bytes, scope)) => {
                if self.devices[message.device].cut.is_some() || self.is_too_much(&message) {
                    return Ok(());
                }
                self.answer(&message, &bytes, scope)
            }
        }
    }

    /// Whether it does not get through the network of its device, which may be told.
    fn is_too_much(&mut self, message: &Message) -> bool {
        let device = &mut self.devices[message.device];
        let Some(width) = device.width else { return false };
        let bytes = match (&message.answer, &message.request) {
            (Some((bytes, _)), _) => bytes.len(),
            (None, Request::Push(request)) => request.to_json().len(),
            (None, Request::Pull(request)) => request.to_json().len(),
        };
        if width.holds(bytes) {
            return false;
        }
        self.counts.too_much += 1;
        if width.refuses && message.answer.is_none() && device.life == message.life {
            device.link.failed(message.tag, self.now + device.skew, 0.5, None, Failure::TooLarge);
        }
        true
    }

    fn serve(&mut self, index: usize, request: &Request) -> Result<(Vec<u8>, Scope), String> {
        let device = &self.devices[index];
        let (user, good) = (device.user, device.token_is_good);
        let (caller, scope) = (self.caller(user), self.scope(index));
        self.counts.refused_tokens += u64::from(!good);
        let bytes = match request {
            Request::Push(_) if !good => PushAnswer::Auth.to_json(),
            Request::Pull(_) if !good => PullAnswer::Auth.to_json(),
            Request::Push(request) => {
                let request = PushRequest::parse(&request.to_json()).map_err(|error| format!("{error:?}"))?;
                let answer = push(&mut self.tenant, &self.policy, &caller, &request).map_err(|e| format!("{e:?}"))?;
                self.follow(&request, &answer)?;
                answer.to_json()
            }
            Request::Pull(request) => {
                let request = PullRequest::parse(&request.to_json()).map_err(|error| format!("{error:?}"))?;
                let answer = pull(&self.tenant, &self.policy, &caller, &request).map_err(|e| format!("{e:?}"))?;
                self.counts.resets += u64::from(matches!(&answer, PullAnswer::Page(page) if page.reset));
                answer.to_json()
            }
        };
        Ok((bytes, scope))
    }

    /// The model does what the server says it did, and both must agree.
    fn follow(&mut self, request: &PushRequest, answer: &PushAnswer) -> Verdict {
        let PushAnswer::Results { results, .. } = answer else {
            self.counts.forks += u64::from(matches!(answer, PushAnswer::Forked | PushAnswer::Gap(_)));
            return Ok(());
        };
        for (mutation, handled) in request.mutations.iter().zip(results) {
            match &handled.outcome {
                Outcome::Applied(_) => {
                    self.counts.applied += 1;
                    self.model.apply(mutation)?;
                }
                Outcome::Duplicate(_) => self.counts.duplicates += 1,
                Outcome::Rejected(_) => self.counts.rejected += 1,
                Outcome::Retry(_) | Outcome::Upgrade => self.counts.skews += 1,
            }
        }
        self.history.insert(self.head(), self.model.state.clone());
        let documents = self.tenant.documents().filter_map(|(key, image)| Some((key, image.document.as_ref()?)));
        let named = documents.map(|((collection, id), document)| {
            ((collection.to_string(), id.to_string()), super::model::fields(document))
        });
        if named.collect::<State>() == self.model.state {
            Ok(())
        } else {
            Err("the server's documents are not what its mutations amount to".into())
        }
    }

    fn answer(&mut self, message: &Message, bytes: &[u8], scope: Scope) -> Verdict {
        let jitter = self.rng.below(1000) as f64 / 1000.0;
        let device = &mut self.devices[message.device];
        let now = self.now + device.skew;
        let Some(client) = device.client.as_mut().filter(|_| device.life == message.life) else { return Ok(()) };
        match &message.request {
            Request::Push(request) => {
                let answer = PushAnswer::parse(bytes).map_err(|error| format!("{error:?}"))?;
                device.link.pushed(message.tag, now, jitter, &answer);
                client.on_push(&mut device.store, &device.rng, request, answer)
            }
            Request::Pull(request) => {
                let answer = PullAnswer::parse(bytes).map_err(|error| format!("{error:?}"))?;
                device.link.pulled(message.tag, now, jitter, &answer);
                let before = client.pull_request();
                let done = matches!(&answer, PullAnswer::Page(page) if !page.more);
                let changed = client.on_pull(&mut device.store, &device.rng, request, answer);
                if done && client.version().is_some() && client.pull_request().cursor != before.cursor {
                    device.seen = scope;
                }
                changed
            }
        }
        .map_err(|error| format!("{error:?}"))?;
        self.judge(message.device)
    }

    /// The view of a device must be the server's state with its pending mutations on top.
    pub(crate) fn judge(&mut self, index: usize) -> Verdict {
        self.counts.judged += 1;
        let history = &self.history;
        let verdict = self.devices[index].judge(|epoch, version| history.get(&(epoch.to_owned(), version)));
        verdict.map_err(|text| format!("device {index}: {text}"))
    }

    /// Every mutation took effect, or is among the dead letters, or its only holder was destroyed.
    pub(crate) fn judge_ledger(&self) -> Verdict {
        let mut dead = BTreeSet::new();
        self.devices.iter().for_each(|device| dead.extend(device.mutations(&[Table::Dead])));
        let lost = self
            .made
            .iter()
            .find(|id| !self.model.applied.contains_key(*id) && !dead.contains(*id) && !self.excused.contains(*id));
        match lost {
            Some(id) => Err(format!("the mutation {id} is lost")),
            None => Ok(()),
        }
    }
}
