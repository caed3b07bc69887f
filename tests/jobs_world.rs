//! The world of the tests of jobs: a job that follows from a seed, tabs that run it as the package does, what its result must be,
//! and readers and writers beside it.
//!
//! It kills, freezes and crashes nobody: the tests do.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use tidewell_core::base::{Error, ErrorKind, SeededRng};
use tidewell_core::collections::{json, Value};
use tidewell_core::database::Database;
use tidewell_core::disk::{FaultPlan, FaultyStorage};
use tidewell_core::engine::{EngineOptions, Platform};
use tidewell_sim::{Sim, SimPlatform};

/// What the job is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// All of it runs in the engine.
    Pipeline,
    /// The application maps, the engine reduces.
    Mapped,
    /// The application maps and reduces.
    Functions,
}

/// What follows from a seed.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) kind: Kind,
    pub(crate) documents: u64,
    pub(crate) slice: u64,
    /// Documents change while the job runs, in ways that leave their number alone.
    pub(crate) changing: bool,
    /// Some documents fail, and are left out.
    pub(crate) failing: bool,
    /// They are the messages of a topic. Then what changes is that more are published, which are none of the run's business.
    pub(crate) topic: bool,
    /// The source is split into so many ranges of ids, at most.
    pub(crate) partitions: u64,
}

impl Plan {
    pub(crate) fn of(seed: u64) -> Self {
        let rng = SeededRng::new(seed ^ 0x6a6f_6273);
        let kind = [Kind::Pipeline, Kind::Mapped, Kind::Functions][rng.below(3) as usize];
        let (documents, slice) = (10 + rng.below(60), 1 + rng.below(12));
        let (changing, failing, topic) = (rng.one_in(4), rng.one_in(3), rng.one_in(3));
        Self { kind, documents, slice, changing, failing, topic, partitions: 1 }
    }

    /// A job over a collection that is split.
    pub(crate) fn split(seed: u64) -> Self {
        let rng = SeededRng::new(seed ^ 0x7061_7274);
        let plan = Self { topic: false, ..Self::of(seed) };
        Self { partitions: 2 + rng.below(5), slice: 1 + rng.below(5), documents: 10 + rng.below(60), ..plan }
    }

    pub(crate) fn definition(&self) -> String {
        let (pipeline, flags) = match self.kind {
            Kind::Pipeline if self.topic => (
                r#"[{"$match":{"value.tag":{"$gte":"t"}}},{"$group":{"_id":"$value.tag","value":{"$sum":{"$add":["$value.n",1]}}}}]"#,
                "",
            ),
            Kind::Pipeline => (
                r#"[{"$match":{"tag":{"$gte":"t"}}},{"$group":{"_id":"$tag","value":{"$sum":{"$add":["$n",1]}}}}]"#,
                "",
            ),
            Kind::Mapped => (r#"[{"$group":{"_id":"$k","value":{"$sum":"$v"}}}]"#, r#","mapped":true"#),
            Kind::Functions => {
                (r#"[{"$group":{"_id":"$k","value":{"$push":"$v"}}}]"#, r#","mapped":true,"reduced":true"#)
            }
        };
        // What the application looks at may be all it is given.
        let names = self.kind != Kind::Pipeline && !self.topic && self.slice.is_multiple_of(2);
        let fields = if names { r#","fields":["tag","n"]"# } else { "" };
        let split = if self.partitions > 1 { format!(r#","partitions":{}"#, self.partitions) } else { String::new() };
        format!(
            r#"{{"from":"notes","topic":{},"into":"counts","pipeline":{pipeline},"onError":"skip","sliceSize":{}{flags}{fields}{split}}}"#,
            self.topic, self.slice
        )
    }

    /// Whether it is not known which tag a document has when it is read.
    fn is_blurred(&self) -> bool {
        self.changing && !self.topic
    }

    fn is_bad(&self, at: u64) -> bool {
        self.failing && at % 7 == 3
    }

    /// What a failed record is listed by.
    fn id(&self, at: u64) -> String {
        if self.topic {
            at.to_string()
        } else {
            format!("d{at:03}")
        }
    }

    fn document(&self, at: u64, tag: u64) -> String {
        let n = if self.is_bad(at) { r#""bad""#.to_owned() } else { (at % 11).to_string() };
        format!(r#"{{"id":"d{at:03}","tag":"t{tag}","n":{n}}}"#)
    }

    /// The right result by tag, with the documents as they are first.
    fn expected(&self) -> BTreeMap<String, u64> {
        let mut sums = BTreeMap::new();
        for at in (0..self.documents).filter(|at| !self.is_bad(*at)) {
            *sums.entry(format!("t{}", at % 5)).or_insert(0) += at % 11 + 1;
        }
        sums
    }
}

/// The tag of messages that are published while the job runs.
const LATE: &str = "late";

pub(crate) struct Tab {
    database: Database,
    pub(crate) platform: Rc<SimPlatform>,
    /// Which partition it takes.
    rng: SeededRng,
    /// Slices of documents that it committed.
    pub(crate) mapped: Cell<u64>,
}

pub(crate) struct World {
    pub(crate) sim: Sim,
    pub(crate) storage: Rc<FaultyStorage>,
    plan: Plan,
    pub(crate) slices: Cell<u64>,
    pub(crate) late: Cell<u64>,
}

pub(crate) fn text(error: Error) -> String {
    format!("{error:?}")
}

pub(crate) fn field<'v>(value: &'v Value, name: &str) -> &'v Value {
    value.field(name).unwrap_or(&Value::Null)
}

pub(crate) fn word(value: &Value, name: &str) -> String {
    match field(value, name) {
        Value::String(text) => text.to_string(),
        _ => String::new(),
    }
}

pub(crate) fn number(value: &Value, name: &str) -> u64 {
    match field(value, name) {
        Value::Number(number) => *number as u64,
        _ => 0,
    }
}

impl Tab {
    pub(crate) async fn run(&self, command: &str) -> Result<Value, Error> {
        json::parse(&self.database.execute(command).await?.json)
    }

    async fn counts(&self) -> Result<BTreeMap<String, u64>, Error> {
        let found = self.run(r#"{"op":"find","collection":"counts","filter":{}}"#).await?;
        let Value::Array(documents) = &found else { return Ok(BTreeMap::new()) };
        Ok(documents.iter().map(|one| (word(one, "id"), number(one, "value"))).collect())
    }
}

/// What the application's map does with a page: emits by key, and what failed.
fn map(docs: &Value) -> (String, String) {
    let (mut emits, mut failures) = (BTreeMap::<String, Vec<u64>>::new(), Vec::new());
    if let Value::Array(docs) = docs {
        for document in docs {
            let (document, id) = match field(document, "offset") {
                Value::Number(offset) => (field(document, "value"), offset.to_string()),
                _ => (document, word(document, "id")),
            };
            match field(document, "n") {
                _ if word(document, "tag") == LATE => {}
                Value::Number(n) => emits.entry(word(document, "tag")).or_default().push(*n as u64 + 1),
                _ => failures.push(format!(r#"{{"id":"{id}","message":"n is no number"}}"#)),
            }
        }
    }
    let emits = emits.iter().map(|(tag, values)| {
        let values: Vec<_> = values.iter().map(u64::to_string).collect();
        format!(r#"["{tag}",{}]"#, values.join(","))
    });
    (emits.collect::<Vec<_>>().join(","), failures.join(","))
}

/// What the application's reduce does with a page.
fn reduce(groups: &Value) -> String {
    let Value::Array(groups) = groups else { return String::new() };
    let results = groups.iter().map(|group| {
        let Value::Array(pair) = group else { return String::new() };
        let [Value::String(key), Value::Array(values)] = pair.as_slice() else { return String::new() };
        let sum: f64 = values.iter().map(|value| if let Value::Number(n) = value { *n } else { 0.0 }).sum();
        format!(r#"["{key}",{sum}]"#)
    });
    results.collect::<Vec<_>>().join(",")
}

/// The partition that a tab goes on with, often one that others are at, too: its step, and the field that names it.
fn pick(tab: &Tab, status: &Value) -> (Option<u64>, String) {
    let Value::Array(open) = field(status, "open") else { return (None, String::new()) };
    let one = &open[tab.rng.below(open.len().min(2) as u64) as usize];
    let Value::Array(pair) = one else { return (None, String::new()) };
    let [Value::Number(partition), Value::Number(step)] = pair[..] else { return (None, String::new()) };
    (Some(step as u64), format!(r#","partition":{partition}"#))
}

impl World {
    pub(crate) fn new(seed: u64, plan: Plan, fault: FaultPlan) -> Rc<Self> {
        let sim = Sim::new(seed);
        let storage = sim.storage(fault);
        Rc::new(Self { sim, storage, plan, slices: Cell::default(), late: Cell::default() })
    }

    pub(crate) async fn open(&self) -> Result<Rc<Tab>, Error> {
        let platform = self.sim.tab();
        let options = EngineOptions { memory_budget: 1 << 20, ..EngineOptions::new("test") };
        let database = Database::open(Rc::new(self.storage.open()), platform.clone(), None, options).await?;
        let receiver = database.clone();
        platform.on_announce(Rc::new(move |message| receiver.receive(message)));
        Ok(Rc::new(Tab { database, platform, rng: self.sim.fork_rng(), mapped: Cell::default() }))
    }

    /// Documents, and an old result with an index.
    pub(crate) async fn fill(&self, tab: &Tab) -> Result<(), Error> {
        let documents: Vec<_> = (0..self.plan.documents).map(|at| self.plan.document(at, at % 5)).collect();
        tab.run(r#"{"op":"ensure","collection":"counts","indexes":["value"]}"#).await?;
        tab.run(r#"{"op":"put","collection":"counts","docs":[{"id":"old","value":1},{"id":"t0","value":2}]}"#).await?;
        if self.plan.topic {
            return self.publish(tab, &documents, true).await;
        }
        tab.run(&format!(r#"{{"op":"put","collection":"notes","docs":[{}]}}"#, documents.join(","))).await?;
        Ok(())
    }

    async fn publish(&self, tab: &Tab, documents: &[String], once: bool) -> Result<(), Error> {
        let topic = number(&tab.run(r#"{"op":"topicOpen","name":"notes","partitions":3}"#).await?, "topic");
        let stats = tab.run(&format!(r#"{{"op":"topicStats","topic":{topic}}}"#)).await?;
        if once && number(&stats, "messages") > 0 {
            // It is filled again after a crash.
            return Ok(());
        }
        let messages: Vec<_> = documents.iter().map(|document| format!(r#"{{"value":{document}}}"#)).collect();
        tab.run(&format!(r#"{{"op":"topicPublish","topic":{topic},"messages":[{}]}}"#, messages.join(","))).await?;
        Ok(())
    }

    /// Runs the job to its end, as the package does.
    pub(crate) async fn run_job(&self, tab: &Tab) -> Result<(), Error> {
        let start = format!(r#"{{"op":"jobStart","name":"j","definition":{}}}"#, self.plan.definition());
        let mut status = tab.run(&start).await?;
        // Whoever begins when the others have finished runs it once more, and the others join in.
        while word(&status, "state") == "running" {
            self.slices.set(self.slices.get() + 1);
            let is_map = word(&status, "phase") == "map";
            status = match self.slice(tab, &status).await {
                Ok(status) => {
                    tab.mapped.set(tab.mapped.get() + u64::from(is_map));
                    status
                }
                Err(error) if error.kind() == ErrorKind::Conflict => {
                    self.late.set(self.late.get() + 1);
                    tab.run(r#"{"op":"jobStatus","name":"j"}"#).await?
                }
                Err(error) => return Err(error),
            };
        }
        match word(&status, "state").as_str() {
            "done" => Ok(()),
            state => Err(Error::internal(format!("the job is {state}: {}", word(&status, "message")))),
        }
    }

    async fn slice(&self, tab: &Tab, status: &Value) -> Result<Value, Error> {
        let (phase, run) = (word(status, "phase"), number(status, "run"));
        let (at, partition) = pick(tab, status);
        let handed = match phase.as_str() {
            "map" => self.plan.kind != Kind::Pipeline,
            "reduce" => self.plan.kind == Kind::Functions,
            _ => false,
        };
        if !handed {
            let step = at.unwrap_or(number(status, "step"));
            return tab.run(&format!(r#"{{"op":"jobStep","name":"j","run":{run},"step":{step}{partition}}}"#)).await;
        }
        let next = tab.run(&format!(r#"{{"op":"jobNext","name":"j"{partition}}}"#)).await?;
        let (step, token, end) = (number(&next, "step"), word(&next, "token"), field(&next, "end"));
        let end = *end == Value::Bool(true);
        if word(&next, "phase") != phase || token.is_empty() && field(&next, "end") == &Value::Null {
            return tab.run(r#"{"op":"jobStatus","name":"j"}"#).await;
        }
        let output = if phase == "map" {
            return self.map_pages(tab, next, &partition).await;
        } else {
            format!(r#""results":[{}],"parts":{}"#, reduce(field(&next, "groups")), number(&next, "parts"))
        };
        // The application takes its time.
        tab.platform.sleep(1.0).await;
        let commit = format!(
            r#"{{"op":"jobCommit","name":"j","run":{run},"step":{step},"token":"{token}","end":{end},{output}}}"#
        );
        tab.run(&commit).await
    }

    /// A slice of one page or two that the application maps.
    async fn map_pages(&self, tab: &Tab, first: Value, partition: &str) -> Result<Value, Error> {
        let (run, step, mut token) = (number(&first, "run"), number(&first, "step"), word(&first, "token"));
        let mut end = *field(&first, "end") == Value::Bool(true);
        let (mut emits, mut failures) = map(field(&first, "docs"));
        let (mut rows, mut bytes) = (number(&first, "rows"), number(&first, "bytes"));
        if !end && step % 2 == 0 {
            let more = tab.run(&format!(r#"{{"op":"jobNext","name":"j","after":"{token}"{partition}}}"#)).await?;
            if word(&more, "phase") == "map" && !word(&more, "token").is_empty() {
                let (further, failed) = map(field(&more, "docs"));
                let join = |one: String, two: String| {
                    [one, two].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(",")
                };
                (emits, failures) = (join(emits, further), join(failures, failed));
                (rows, bytes) = (rows + number(&more, "rows"), bytes + number(&more, "bytes"));
                (token, end) = (word(&more, "token"), *field(&more, "end") == Value::Bool(true));
            }
        }
        tab.platform.sleep(1.0).await;
        let commit = format!(
            r#"{{"op":"jobCommit","name":"j","run":{run},"step":{step},"token":"{token}","end":{end},"emits":[{emits}],"failures":[{failures}],"rows":{rows},"bytes":{bytes}{partition}}}"#
        );
        tab.run(&commit).await
    }

    /// Whether the result is right, complete, with its index, and nothing is left over.
    pub(crate) async fn verify(&self, tab: &Tab) -> Result<(), String> {
        let counts = tab.counts().await.map_err(text)?;
        let status = tab.run(r#"{"op":"jobStatus","name":"j"}"#).await.map_err(text)?;
        // Who begins when the others have finished runs it once more: then what came during the first run is read.
        let (rows, more) = (number(&status, "rows"), self.plan.topic && number(&status, "run") > 1);
        if rows != self.plan.documents && !(more && rows > self.plan.documents) {
            return Err(format!("{} rows were read of {}", number(&status, "rows"), self.plan.documents));
        }
        let expected = self.plan.expected();
        let same = if self.plan.is_blurred() {
            // Whatever tag a document had when it was read: it counts once.
            counts.values().sum::<u64>() == expected.values().sum::<u64>()
        } else {
            counts == expected
        };
        if !same {
            return Err(format!("the result is {counts:?}, and should be {expected:?}"));
        }
        let listed = tab.run(r#"{"op":"jobFailures","name":"j"}"#).await.map_err(text)?;
        let Value::Array(listed) = field(&listed, "failures") else { return Err("no failures".into()) };
        let listed: BTreeSet<_> = listed.iter().map(|one| word(one, "id")).collect();
        let bad = (0..self.plan.documents).filter(|at| self.plan.is_bad(*at)).map(|at| self.plan.id(at));
        let bad: BTreeSet<_> = bad.collect();
        if listed != bad || number(&status, "failures") != bad.len() as u64 {
            return Err(format!("{listed:?} are listed as failed, and {bad:?} did"));
        }
        for (tag, value) in &counts {
            let find = format!(r#"{{"op":"find","collection":"counts","filter":{{"value":{value}}},"hint":"value"}}"#);
            let found = tab.run(&find).await.map_err(text)?;
            let Value::Array(found) = found else { return Err("the index answers nothing".into()) };
            if !found.iter().any(|one| word(one, "id") == *tag) {
                return Err(format!("the index of the result does not know {tag}"));
            }
        }
        let collections = tab.run(r#"{"op":"collections"}"#).await.map_err(text)?;
        let Value::Array(collections) = collections else { return Err("no collections".into()) };
        let names: Vec<_> = collections.iter().map(|one| word(one, "name")).collect();
        let expected = ["counts", "notes"];
        if names != expected[..if self.plan.topic { 1 } else { 2 }] {
            return Err(format!("the collections are {names:?}"));
        }
        Ok(())
    }

    /// Looks at the result again and again: it is the old one or the new one.
    pub(crate) async fn watch(&self, tab: &Tab, done: &Cell<bool>) -> Result<u64, String> {
        let old = BTreeMap::from([("old".to_owned(), 1), ("t0".to_owned(), 2)]);
        let expected = self.plan.expected();
        let mut looks = 0;
        while !done.get() {
            let seen = tab.counts().await.map_err(text)?;
            let sum = |counts: &BTreeMap<String, u64>| counts.values().sum::<u64>();
            let new = if self.plan.is_blurred() { sum(&seen) == sum(&expected) } else { seen == expected };
            if seen != old && !new {
                return Err(format!("a reader saw {seen:?}: neither the old result nor the new one, {expected:?}"));
            }
            looks += 1;
            tab.platform.sleep(0.3).await;
        }
        Ok(looks)
    }

    /// Changes documents without changing what all of them come to.
    pub(crate) async fn change(&self, tab: &Tab, seed: u64, done: &Cell<bool>) -> Result<(), Error> {
        let rng = SeededRng::new(seed);
        // What is published before it begins would be counted.
        while self.plan.topic && tab.run(r#"{"op":"jobStatus","name":"j"}"#).await? == Value::Null {
            tab.platform.sleep(1.0).await;
        }
        while !done.get() && self.plan.changing {
            let (at, tag) = (rng.below(self.plan.documents), rng.below(9));
            let document = self.plan.document(at, tag);
            if self.plan.topic {
                let document = document.replace(&format!(r#""tag":"t{tag}""#), &format!(r#""tag":"{LATE}""#));
                self.publish(tab, &[document], false).await?;
                tab.platform.sleep(1.0).await;
                continue;
            }
            tab.run(&format!(r#"{{"op":"put","collection":"notes","docs":[{document}]}}"#)).await?;
            tab.platform.sleep(1.0).await;
        }
        Ok(())
    }
}
