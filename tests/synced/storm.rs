//! Two devices with two tabs each, and a server: everything that happens between them follows from a seed.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use tidewell_core::base::{Error, ErrorKind, SeededRng};
use tidewell_core::collections::Value;
use tidewell_core::disk::{Fault, FaultPlan, FaultyStorage};
use tidewell_core::sync::server::memory::MemoryTenant;
use tidewell_core::sync::ServerStore;
use tidewell_sim::Sim;

use super::device::{number, open, text, word, Server, Tab};
use super::judge::{Sight, State};
use super::ledger::marks;

pub(crate) type Verdict = Result<(), String>;

/// What was promised of a write.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Fate {
    /// Nobody was told, or what was told may be lost.
    Unknown,
    /// It must have its effect, or be among the dead letters.
    Promised,
    /// It did nothing.
    Nothing,
}

/// How often things happened.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counts {
    pub(crate) promised: u64,
    pub(crate) judged: u64,
    pub(crate) letters: u64,
    pub(crate) restores: u64,
    pub(crate) disk_errors: u64,
}

/// A world.
pub(crate) struct World {
    pub(crate) sim: Sim,
    pub(crate) server: Rc<Server>,
    storages: Vec<Rc<FaultyStorage>>,
    states: RefCell<BTreeMap<(String, u64), State>>,
    pub(crate) fates: RefCell<BTreeMap<u64, Fate>>,
    last: Cell<u64>,
    pub(crate) discarded: RefCell<BTreeSet<u64>>,
    backup: RefCell<Option<MemoryTenant>>,
    pub(crate) counts: Cell<Counts>,
    /// What the disk promises of a commit without more.
    power_cuts: bool,
    restores: bool,
}

pub(crate) fn told(error: &Error) -> String {
    format!("{error:?}")
}

/// Whether it says no more than that the tab is over, or that somebody was first.
fn is_expected(error: &Error) -> bool {
    use ErrorKind::{Aborted, Closed, Conflict, Quota, Unavailable};
    matches!(error.kind(), Conflict | Aborted | Closed | Unavailable | Quota)
}

impl World {
    fn new(seed: u64, plan: FaultPlan, power_cuts: bool, restores: bool) -> Rc<Self> {
        let sim = Sim::new(seed);
        let storages = vec![sim.storage(plan), sim.storage(FaultPlan::none())];
        let states = RefCell::new(BTreeMap::from([(("e0".to_owned(), 0), State::new())]));
        let server = Server::new();
        Rc::new(Self {
            sim,
            server,
            storages,
            states,
            fates: RefCell::default(),
            last: Cell::new(0),
            discarded: RefCell::default(),
            backup: RefCell::default(),
            counts: Cell::default(),
            power_cuts,
            restores,
        })
    }

    fn count(&self, change: impl FnOnce(&mut Counts)) {
        let mut counts = self.counts.get();
        change(&mut counts);
        self.counts.set(counts);
    }

    pub(crate) async fn open(&self, device: usize) -> Result<Tab, Error> {
        let tab = open(&self.sim, &self.storages[device]).await?;
        tab.run(r#"{"op":"ensure","collection":"kept","indexes":["c","log"]}"#).await?;
        tab.sync(r#"{"name":"kept"},{"name":"free","conflict":"if_version"}"#).await?;
        Ok(tab)
    }

    fn note_state(&self) {
        let tenant = self.server.tenant.borrow();
        let head = tenant.head().unwrap();
        let documents = tenant.documents().filter_map(|(key, image)| Some((key, image.document.as_ref()?)));
        let state = documents.map(|((name, id), document)| ((name.to_string(), id.to_string()), text(document)));
        self.states.borrow_mut().insert((head.epoch.to_string(), head.version), state.collect());
    }

    pub(crate) async fn judge(&self, tab: &Tab) -> Verdict {
        self.note_state();
        let sight = match Sight::of(&tab.database).await {
            Err(error) if is_expected(&error) => return Ok(()),
            sight => sight.map_err(|error| told(&error))?,
        };
        self.count(|counts| counts.judged += 1);
        sight.map_or(Ok(()), |sight| sight.judge(&self.states.borrow()))
    }

    fn fate(&self, n: u64, fate: Fate) {
        self.fates.borrow_mut().insert(n, fate);
    }

    /// One write, noted before it can happen. Answers the error that ends the tab.
    async fn write(&self, tab: &Tab, rng: &SeededRng) -> Result<(), Error> {
        let n = self.last.get() + 1;
        self.last.set(n);
        self.fate(n, Fate::Unknown);
        let strict = !rng.one_in(4);
        let durability = if strict { r#","durability":"strict""# } else { "" };
        let id = rng.below(4);
        let update = format!(r#"{{"$push":{{"log":{n}}},"$inc":{{"c":1}}}}"#);
        let done = match rng.below(6) {
            0 => {
                let insert = format!(
                    r#"{{"op":"insert","collection":"kept","docs":[{{"id":"k{id}","log":[{n}],"c":1}}]{durability}}}"#
                );
                tab.run(&insert).await
            }
            1 => {
                let filter = format!(
                    r#"{{"op":"update","collection":"kept","filter":{{"c":{{"$gte":{}}}}},"many":false,"update":{update}{durability}}}"#,
                    rng.below(3)
                );
                tab.run(&filter).await
            }
            2 => self.transact(tab, rng, &update, id, durability).await,
            _ => {
                tab.run(&format!(
                    r#"{{"op":"update","collection":"kept","id":"k{id}","update":{update},"upsert":{}{durability}}}"#,
                    rng.one_in(2)
                ))
                .await
            }
        };
        match done {
            Ok(answer) => {
                let matched = ["matched", "inserted"].iter().filter_map(|name| answer.field(name));
                let nothing = matched.clone().all(|value| *value == Value::Number(0.0)) && matched.count() > 0;
                let promised = strict || !self.power_cuts;
                self.fate(
                    n,
                    if nothing {
                        Fate::Nothing
                    } else if promised {
                        Fate::Promised
                    } else {
                        Fate::Unknown
                    },
                );
                self.count(|counts| counts.promised += u64::from(!nothing && promised));
                Ok(())
            }
            Err(error) if error.kind() == ErrorKind::Conflict => {
                self.fate(n, Fate::Nothing);
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    async fn transact(
        &self,
        tab: &Tab,
        rng: &SeededRng,
        update: &str,
        id: u64,
        durability: &str,
    ) -> Result<Value, Error> {
        let tx = number(&tab.run(r#"{"op":"begin"}"#).await?, "tx");
        let kept = format!(r#"{{"op":"update","collection":"kept","id":"k{id}","update":{update},"tx":{tx}}}"#);
        let answer = tab.run(&kept).await?;
        let free = match rng.below(3) {
            0 => format!(
                r#"{{"op":"put","collection":"free","docs":[{{"id":"f{id}","n":{}}}],"tx":{tx}}}"#,
                rng.below(9)
            ),
            1 => format!(r#"{{"op":"delete","collection":"free","id":"f{id}","tx":{tx}}}"#),
            _ => format!(
                r#"{{"op":"update","collection":"free","filter":{{}},"update":{{"$mul":{{"n":2}},"$currentDate":{{"at":true}}}},"tx":{tx}}}"#
            ),
        };
        tab.run(&free).await?;
        tab.run(&format!(r#"{{"op":"commit","tx":{tx}{durability}}}"#)).await?;
        Ok(answer)
    }

    /// Something is decided about a letter.
    async fn decide(&self, tab: &Tab, rng: &SeededRng) -> Result<(), Error> {
        let letters = tab.run(r#"{"op":"syncLetters"}"#).await?;
        let Some(Value::Array(letters)) = letters.field("letters") else { return Ok(()) };
        let Some(letter) = letters.first() else { return Ok(()) };
        self.count(|counts| counts.letters += 1);
        let id = word(letter, "id");
        if rng.one_in(2) {
            return tab.run(&format!(r#"{{"op":"syncRetry","id":"{id}"}}"#)).await.map(drop);
        }
        self.discarded.borrow_mut().extend(marks(letter));
        tab.run(&format!(r#"{{"op":"syncDiscard","id":"{id}"}}"#)).await.map(drop)
    }

    fn restore(&self, rng: &SeededRng) {
        let mut tenant = self.server.tenant.borrow_mut();
        let kept = self.backup.borrow_mut().take();
        match kept {
            Some(mut old) if rng.one_in(2) => {
                old.renew(&format!("e{}", rng.below(1 << 40)));
                *tenant = old;
                self.count(|counts| counts.restores += 1);
            }
            _ => *self.backup.borrow_mut() = Some(tenant.clone()),
        }
    }

    /// A tab's life.
    async fn live(self: Rc<Self>, tab: Rc<Tab>, seed: u64, actions: u64) -> Verdict {
        let rng = SeededRng::new(seed);
        for _ in 0..actions {
            let done = match rng.below(10) {
                0..4 => self.write(&tab, &rng).await,
                4 if self.restores => {
                    self.restore(&rng);
                    Ok(())
                }
                4 | 5 => self.decide(&tab, &rng).await,
                _ => {
                    self.server.is_up.set(!rng.one_in(6));
                    self.server.loses_answer.set(rng.one_in(6));
                    let now = tab.sim.now_ms();
                    let poked = tab.run(&format!(r#"{{"op":"syncPoke","now":{now}}}"#)).await;
                    let turned = tab.turn(&self.server).await;
                    poked.and(turned).map(drop)
                }
            };
            match done {
                Ok(()) => self.judge(&tab).await?,
                // Another tab has decided about the letter.
                Err(error) if error.kind() == ErrorKind::Conflict || error.reason() == Some("not-found") => {}
                // The disk has its faults; what it did is unknown.
                Err(error) if matches!(error.kind(), ErrorKind::Unavailable | ErrorKind::Quota) => {
                    self.count(|counts| counts.disk_errors += 1);
                }
                Err(error) if is_expected(&error) => return Ok(()),
                Err(error) => return Err(told(&error)),
            }
            self.sim.sleep(rng.below(20) as f64).await;
        }
        Ok(())
    }
}

/// Lives of four tabs, some of which are killed, and a look at everything.
pub(crate) fn storm(seed: u64) -> Result<Counts, String> {
    let faults = [Fault::Unavailable, Fault::Interrupted, Fault::Hang, Fault::Quota, Fault::ConnectionLost];
    let plan = if seed % 4 == 1 { FaultPlan::one_in(seed, 10, &faults) } else { FaultPlan::none() };
    let world = World::new(seed, plan, false, seed.is_multiple_of(3));
    let (shared, sim) = (Rc::clone(&world), world.sim.clone());
    let outcome = sim.run(async move {
        let mut lives = Vec::new();
        for (n, device) in [0, 0, 1, 1].into_iter().enumerate() {
            let tab = loop {
                match shared.open(device).await {
                    Ok(tab) => break Rc::new(tab),
                    Err(error) if is_expected(&error) => {}
                    Err(error) => return Err(told(&error)),
                }
            };
            let life = Rc::clone(&shared).live(Rc::clone(&tab), seed * 31 + n as u64, 16);
            lives.push((tab.platform.run(life), tab));
        }
        let rng = SeededRng::new(seed ^ 0x5707);
        shared.sim.sleep(rng.below(200) as f64).await;
        if rng.one_in(2) {
            lives[rng.index(4)].1.platform.kill();
        }
        for (life, tab) in lives {
            life.await.unwrap_or(Ok(()))?;
            tab.platform.kill();
        }
        shared.storages[0].restart(FaultPlan::none()).await;
        shared.finish().await
    });
    world.sim.end();
    outcome.map_err(|stalled| format!("{stalled:?}"))??;
    Ok(world.counts.get())
}

/// The first device's disk crashes at operation `n`; then everything that is left must be true.
pub(crate) fn crash(seed: u64, n: u64, fault: Fault) -> Result<bool, String> {
    let world = World::new(seed, FaultPlan::nth(seed, n, fault), fault != Fault::CrashKill, false);
    let (shared, storage) = (Rc::clone(&world), Rc::clone(&world.storages[0]));
    let work = async move {
        let mut lives = Vec::new();
        for (at, device) in [0, 0, 1].into_iter().enumerate() {
            let Ok(tab) = shared.open(device).await else { return Ok(()) };
            let tab = Rc::new(tab);
            let life = Rc::clone(&shared).live(Rc::clone(&tab), seed * 37 + at as u64, 7);
            lives.push((tab.platform.run(life), tab));
        }
        for (life, _tab) in lives {
            life.await.unwrap_or(Ok(()))?;
        }
        Ok::<(), String>(())
    };
    match world.sim.run_until(work, || storage.crashed()) {
        Ok(Some(result)) => result?,
        Ok(None) => {}
        Err(stalled) => return Err(format!("{stalled:?}")),
    }
    if !world.storages[0].crashed() {
        world.sim.end();
        return Ok(false);
    }
    world.sim.end();
    let (shared, sim) = (Rc::clone(&world), world.sim.clone());
    let recovered = sim.run(async move {
        shared.storages[0].restart(FaultPlan::none()).await;
        shared.finish().await
    });
    world.sim.end();
    recovered.map_err(|stalled| format!("{stalled:?}"))??;
    Ok(true)
}
