//! What happens in a run: people edit, networks and machines fail, operators operate.
//!
//! It judges nothing.

use tidewell_core::base::SeededRng;
use tidewell_core::sync::client::Table;
use tidewell_core::sync::server::compact;
use tidewell_core::sync::{Action, Op, ServerStore};

use super::device::{Cut, Device};
use super::value;
use super::world::{Verdict, World};

impl World {
    /// One step of a run.
    pub(crate) fn step(&mut self) -> Verdict {
        self.now += self.rng.below(4) as f64;
        let index = self.rng.index(self.devices.len());
        match self.rng.below(100) {
            0..=24 => self.edit(index),
            25..=49 => drop(self.turn(index)),
            50..=84 => self.arrive()?,
            85..=87 => {
                self.devices[index].cut = [Some(Cut::Both), Some(Cut::HalfOpen), None][self.rng.index(3)];
                self.counts.cuts += 1;
            }
            88 | 89 => {
                self.counts.crashes += 1;
                self.devices[index].start();
            }
            90 => {
                // The server dies: what was on its way is gone, what was committed is not.
                self.counts.crashes += 1;
                self.network.clear();
            }
            91 => self.devices[index].skew = [0.0, 1e6, -1e6, 500.0][self.rng.index(4)],
            92 => self.restore_server(),
            93 => self.profile(index),
            94 => self.devices[index].token_is_good = false,
            95 | 96 => self.renew(index),
            97 => self.schema(index),
            98 => self.revoke(),
            _ => self.purge(),
        }
        self.judge(index)
    }

    fn edit(&mut self, index: usize) {
        let device = &mut self.devices[index];
        let Some(client) = &mut device.client else { return };
        let version = client.version();
        let ops = (0..1 + self.rng.below(2)).map(|_| random_op(&self.rng, version)).collect();
        // What cannot be done on the view is refused at once, and never becomes a mutation.
        if client.mutate(&mut device.store, &device.rng, ops, Vec::new()).is_ok() {
            self.counts.mutations += 1;
            self.made.extend(device.mutations(&[Table::Outbox]));
        }
    }

    /// Some message arrives; some are lost, some arrive twice.
    fn arrive(&mut self) -> Verdict {
        if self.network.is_empty() {
            return Ok(());
        }
        let message = self.network.swap_remove(self.rng.index(self.network.len()));
        if self.rng.one_in(10) {
            self.counts.dropped += 1;
            return Ok(());
        }
        if self.rng.one_in(10) {
            self.counts.doubled += 1;
            self.network.push(message.clone());
        }
        self.deliver(message)
    }

    /// A backup, or the loss of everything since the last one.
    fn restore_server(&mut self) {
        if self.rng.one_in(2) {
            let version = self.tenant.head().unwrap().version;
            self.backup = (self.tenant.clone(), self.model.clone());
            self.tenant.set_stable(version);
            return;
        }
        self.counts.restores += 1;
        self.epochs += 1;
        (self.tenant, self.model) = self.backup.clone();
        self.tenant.renew(&format!("e{}", self.epochs));
        self.history.insert(self.head(), self.model.state.clone());
    }

    /// A profile is saved, cloned to another device, or put back.
    fn profile(&mut self, index: usize) {
        match self.rng.below(3) {
            0 => {
                self.devices[index].saved = Some((self.devices[index].store.clone(), self.devices[index].seen.clone()))
            }
            1 if self.devices.len() < 10 => {
                self.counts.clones += 1;
                let old = &self.devices[index];
                let (store, seen) = (old.store.clone(), old.seen.clone());
                let mut clone = Device::new(self.rng.fork(), old.user, old.at_least);
                (clone.store, clone.seen, clone.schema) = (store, seen, old.schema);
                clone.start();
                self.devices.push(clone);
            }
            _ => {
                let device = &mut self.devices[index];
                let Some((store, seen)) = device.saved.clone() else { return };
                self.counts.clones += 1;
                // What only this profile held is destroyed, and nobody can bring it back.
                self.excused.extend(device.mutations(&[Table::Outbox, Table::Retained, Table::Dead]));
                (device.store, device.seen) = (store, seen);
                device.start();
            }
        }
    }

    fn renew(&mut self, index: usize) {
        let device = &mut self.devices[index];
        device.token_is_good = true;
        device.link.resume(self.now + device.skew);
    }

    /// The application or the server gets a new schema; never more than one apart.
    fn schema(&mut self, index: usize) {
        let device = &mut self.devices[index];
        match self.rng.below(3) {
            0 if device.schema <= self.policy.schema_max => {
                device.schema += 1;
                device.start();
            }
            1 => self.policy.schema_max += 1,
            _ if self.policy.schema_min < self.policy.schema_max => self.policy.schema_min += 1,
            _ => {}
        }
    }

    fn revoke(&mut self) {
        let user = self.rng.index(3);
        self.teams[user] = (0..3).filter(|_| !self.rng.one_in(3)).collect();
    }

    fn purge(&mut self) {
        let head = self.tenant.head().unwrap();
        self.counts.purges += 1;
        compact(&mut self.tenant, head.purged + self.rng.below(head.version - head.purged + 1)).unwrap();
    }

    /// The faults are over: everything gets through until nothing is left to do.
    pub(crate) fn settle(&mut self) -> Verdict {
        let newest = self.devices.iter().map(|device| device.schema).max().unwrap_or(1);
        self.policy.schema_max = self.policy.schema_max.max(newest);
        for index in 0..self.devices.len() {
            self.devices[index].cut = None;
            self.devices[index].schema = self.policy.schema_max;
            self.devices[index].start();
            self.renew(index);
        }
        for _ in 0..2000 {
            while !self.network.is_empty() {
                let message = self.network.remove(0);
                self.deliver(message)?;
            }
            let mut until = f64::INFINITY;
            for index in 0..self.devices.len() {
                until = until.min(self.turn(index).unwrap_or(f64::INFINITY));
            }
            if self.network.is_empty() {
                let (epoch, version) = self.head();
                let done = self.devices.iter().all(|device| {
                    let client = device.client.as_ref().unwrap();
                    client.is_settled() && client.version() == Some(version) && client.epoch() == Some(&*epoch)
                });
                if done {
                    return self.converged();
                }
                self.now = until.max(self.now + 1.0).min(self.now + 100.0);
            }
        }
        let standing = self.devices.iter().map(|device| {
            let client = device.client.as_ref().unwrap();
            let (pending, version, epoch) = (client.pending(), client.version(), client.epoch());
            format!(
                "{:?}, {pending} pending, settled {}, at {version:?} of {epoch:?}, {:?}",
                device.link.status(),
                client.is_settled(),
                device.width
            )
        });
        let standing: Vec<String> = standing.collect();
        Err(format!("the clients stall before {:?}:\n{}", self.head(), standing.join("\n")))
    }

    fn converged(&mut self) -> Verdict {
        for index in 0..self.devices.len() {
            self.judge(index)?;
            let expected = self.scope(index).of(&self.model.state);
            let device = &self.devices[index];
            if device.view(device.client.as_ref().unwrap()) != expected {
                return Err(format!("device {index} does not end with what the server has"));
            }
        }
        self.judge_ledger()
    }
}

fn random_op(rng: &SeededRng, version: Option<u64>) -> Op {
    let collection = if rng.one_in(2) { "open" } else { "team" };
    let id = format!("d{}", rng.below(6));
    let number = rng.below(5);
    let team = rng.below(3);
    let document = || value(&format!(r#"{{"id":"{id}","n":{number},"team":{team},"tags":[]}}"#));
    let update = |text: String| Op::update(collection, &id, value(&text)).unwrap();
    let mut op = match rng.below(12) {
        0..=2 => Op::new(collection, &id, Action::Create(document())),
        3 => Op::new(collection, &id, Action::Put(document())),
        4 | 5 => Op::new(collection, &id, Action::Remove),
        6 => update(format!(r#"{{"$set":{{"title":"t{number}","team":{team}}}}}"#)),
        7 => update(format!(r#"{{"$max":{{"high":{number}}},"$inc":{{"n":1}}}}"#)),
        8 => update(format!(r#"{{"$addToSet":{{"tags":{number}}}}}"#)),
        9 => update(r#"{"$unset":{"title":""},"$inc":{"n":-2}}"#.to_owned()),
        _ => update(format!(r#"{{"$inc":{{"n":{number}}}}}"#)),
    };
    op.if_version = version.filter(|_| rng.one_in(6));
    op
}
