//! Batch jobs in simulated tabs: whatever is killed or crashes, and however many run the same job at once, the result is what a
//! direct computation gives, and readers see the old result or the new one.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use tidewell_core::base::{Error, ErrorKind, SeededRng};
use tidewell_core::collections::{json, Value};
use tidewell_core::database::Database;
use tidewell_core::disk::{Fault, FaultPlan, FaultyStorage};
use tidewell_core::engine::{EngineOptions, Platform};
use tidewell_sim::{Sim, SimPlatform};

use crate::replay::{each_crash, each_seed, is_replay};

/// What the job is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// All of it runs in the engine.
    Pipeline,
    /// The application maps, the engine reduces.
    Mapped,
    /// The application maps and reduces.
    Functions,
}

/// What follows from a seed.
#[derive(Clone, Debug)]
struct Plan {
    kind: Kind,
    documents: u64,
    slice: u64,
    /// Documents change while the job runs, in ways that leave their number alone.
    changing: bool,
    /// Some documents fail, and are left out.
    failing: bool,
    /// They are the messages of a topic. Then what changes is that more are published, which are none of the run's business.
    topic: bool,
}

impl Plan {
    fn of(seed: u64) -> Self {
        let rng = SeededRng::new(seed ^ 0x6a6f_6273);
        let kind = [Kind::Pipeline, Kind::Mapped, Kind::Functions][rng.below(3) as usize];
        let (documents, slice) = (10 + rng.below(60), 1 + rng.below(12));
        let (changing, failing, topic) = (rng.one_in(4), rng.one_in(3), rng.one_in(3));
        Self { kind, documents, slice, changing, failing, topic }
    }

    fn definition(&self) -> String {
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
        format!(
            r#"{{"from":"notes","topic":{},"into":"counts","pipeline":{pipeline},"onError":"skip","sliceSize":{}{flags}{fields}}}"#,
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

struct Tab {
    database: Database,
    platform: Rc<SimPlatform>,
}

struct World {
    sim: Sim,
    storage: Rc<FaultyStorage>,
    plan: Plan,
    slices: Cell<u64>,
    late: Cell<u64>,
}

fn text(error: Error) -> String {
    format!("{error:?}")
}

fn field<'v>(value: &'v Value, name: &str) -> &'v Value {
    value.field(name).unwrap_or(&Value::Null)
}

fn word(value: &Value, name: &str) -> String {
    match field(value, name) {
        Value::String(text) => text.to_string(),
        _ => String::new(),
    }
}

fn number(value: &Value, name: &str) -> u64 {
    match field(value, name) {
        Value::Number(number) => *number as u64,
        _ => 0,
    }
}

impl Tab {
    async fn run(&self, command: &str) -> Result<Value, Error> {
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

impl World {
    fn new(seed: u64, fault: FaultPlan) -> Rc<Self> {
        let sim = Sim::new(seed);
        let storage = sim.storage(fault);
        Rc::new(Self { sim, storage, plan: Plan::of(seed), slices: Cell::default(), late: Cell::default() })
    }

    async fn open(&self) -> Result<Rc<Tab>, Error> {
        let platform = self.sim.tab();
        let options = EngineOptions { memory_budget: 1 << 20, ..EngineOptions::new("test") };
        let database = Database::open(Rc::new(self.storage.open()), platform.clone(), None, options).await?;
        let receiver = database.clone();
        platform.on_announce(Rc::new(move |message| receiver.receive(message)));
        Ok(Rc::new(Tab { database, platform }))
    }

    /// Documents, and an old result with an index.
    async fn fill(&self, tab: &Tab) -> Result<(), Error> {
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
    async fn run_job(&self, tab: &Tab) -> Result<(), Error> {
        let start = format!(r#"{{"op":"jobStart","name":"j","definition":{}}}"#, self.plan.definition());
        let mut status = tab.run(&start).await?;
        // Whoever begins when the others have finished runs it once more, and the others join in.
        while word(&status, "state") == "running" {
            self.slices.set(self.slices.get() + 1);
            status = match self.slice(tab, &status).await {
                Ok(status) => status,
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
        let handed = match phase.as_str() {
            "map" => self.plan.kind != Kind::Pipeline,
            "reduce" => self.plan.kind == Kind::Functions,
            _ => false,
        };
        if !handed {
            let step = number(status, "step");
            return tab.run(&format!(r#"{{"op":"jobStep","name":"j","run":{run},"step":{step}}}"#)).await;
        }
        let next = tab.run(r#"{"op":"jobNext","name":"j"}"#).await?;
        let (step, token, end) = (number(&next, "step"), word(&next, "token"), field(&next, "end"));
        let end = *end == Value::Bool(true);
        if word(&next, "phase") != phase || token.is_empty() && field(&next, "end") == &Value::Null {
            return tab.run(r#"{"op":"jobStatus","name":"j"}"#).await;
        }
        let output = if phase == "map" {
            return self.map_pages(tab, next).await;
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
    async fn map_pages(&self, tab: &Tab, first: Value) -> Result<Value, Error> {
        let (run, step, mut token) = (number(&first, "run"), number(&first, "step"), word(&first, "token"));
        let mut end = *field(&first, "end") == Value::Bool(true);
        let (mut emits, mut failures) = map(field(&first, "docs"));
        let (mut rows, mut bytes) = (number(&first, "rows"), number(&first, "bytes"));
        if !end && step % 2 == 0 {
            let more = tab.run(&format!(r#"{{"op":"jobNext","name":"j","after":"{token}"}}"#)).await?;
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
            r#"{{"op":"jobCommit","name":"j","run":{run},"step":{step},"token":"{token}","end":{end},"emits":[{emits}],"failures":[{failures}],"rows":{rows},"bytes":{bytes}}}"#
        );
        tab.run(&commit).await
    }

    /// Whether the result is right, complete, with its index, and nothing is left over.
    async fn verify(&self, tab: &Tab) -> Result<(), String> {
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
    async fn watch(&self, tab: &Tab, done: &Cell<bool>) -> Result<u64, String> {
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
    async fn change(&self, tab: &Tab, seed: u64, done: &Cell<bool>) -> Result<(), Error> {
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

/// Three tabs run the same job, one of them is killed on the way; others read and write. Answers slices and late ones.
pub(crate) fn tabs(seed: u64) -> Result<(u64, u64), String> {
    let world = World::new(seed, FaultPlan::none());
    let shared = Rc::clone(&world);
    let outcome = world.sim.run(async move {
        let first = shared.open().await.map_err(text)?;
        shared.fill(&first).await.map_err(text)?;
        let done = Rc::new(Cell::new(false));
        let (watcher, world, flag) = (shared.open().await.map_err(text)?, Rc::clone(&shared), Rc::clone(&done));
        let eyes = Rc::clone(&watcher);
        let watching = watcher.platform.run(async move { world.watch(&eyes, &flag).await });
        let (world, flag, hands) = (Rc::clone(&shared), Rc::clone(&done), Rc::clone(&watcher));
        let changing = watcher.platform.run(async move { world.change(&hands, seed, &flag).await });
        let mut lives = Vec::new();
        for n in 0..3 {
            let tab = shared.open().await.map_err(text)?;
            let (world, runner) = (Rc::clone(&shared), Rc::clone(&tab));
            lives.push((n, Rc::clone(&tab), tab.platform.run(async move { world.run_job(&runner).await })));
        }
        let rng = SeededRng::new(seed);
        shared.sim.sleep(rng.below(40) as f64).await;
        for (n, tab, _) in &lives {
            if *n == 0 {
                tab.platform.kill();
            }
        }
        for (n, _, task) in lives {
            match task.await {
                Some(result) => result.map_err(text)?,
                None if n == 0 => {}
                None => return Err("a runner vanished".to_owned()),
            }
        }
        done.set(true);
        let looks = watching.await.unwrap_or(Ok(0))?;
        changing.await.unwrap_or(Ok(())).map_err(text)?;
        if looks == 0 {
            return Err("nobody looked".to_owned());
        }
        let late = shared.open().await.map_err(text)?;
        shared.verify(&late).await
    });
    outcome.map_err(|stalled| format!("{stalled:?}"))??;
    Ok((world.slices.get(), world.late.get()))
}

/// One tab runs the job until the disk crashes at operation `n`; another goes on after the restart. `false` if it never crashed.
pub(crate) fn crash(seed: u64, n: u64, fault: Fault) -> Result<bool, String> {
    let world = World::new(seed, FaultPlan::nth(seed, n, fault));
    let shared = Rc::clone(&world);
    let storage = Rc::clone(&world.storage);
    let work = async move {
        let Ok(tab) = shared.open().await else { return Ok(()) };
        let filled = shared.fill(&tab).await;
        let result = if filled.is_ok() { shared.run_job(&tab).await } else { filled };
        match result {
            Err(error) if error.kind() == ErrorKind::Internal => Err(text(error)),
            _ => Ok(()),
        }
    };
    match world.sim.run_until(work, || storage.crashed()) {
        Ok(Some(result)) => result?,
        Ok(None) => {}
        Err(stalled) => return Err(format!("{stalled:?}")),
    }
    if !world.storage.crashed() {
        return Ok(false);
    }
    world.sim.end();
    let shared = Rc::clone(&world);
    let recovered = world.sim.run(async move {
        shared.storage.restart(FaultPlan::none()).await;
        let tab = shared.open().await.map_err(text)?;
        let status = tab.run(r#"{"op":"jobStatus","name":"j"}"#).await.map_err(text)?;
        if status == Value::Null {
            // Nothing of the job was committed: the documents may not be there either.
            shared.fill(&tab).await.map_err(text)?;
        }
        if word(&status, "state") != "done" {
            shared.run_job(&tab).await.map_err(text)?;
        }
        shared.verify(&tab).await
    });
    recovered.map_err(|stalled| format!("{stalled:?}"))?.map(|()| true)
}

#[test]
fn a_job_that_three_tabs_run_at_once_counts_every_document_once_though_one_is_killed() {
    let (mut slices, mut late) = (0, 0);
    let runs =
        each_seed("jobs", 1000, |seed| tabs(seed).map(|(done, lost)| (slices, late) = (slices + done, late + lost)));
    println!("counted: jobs: {runs} schedules of three runners, {slices} slices, {late} of them late and thrown away");
    assert!(is_replay() || late > 100, "only {late} slices were late: the test proves little");
}

#[test]
fn after_any_crash_a_job_goes_on_where_its_last_slice_was_committed() {
    let recoveries = each_crash(24, crash);
    println!("jobs: {recoveries} recoveries, 0 wrong results");
    assert!(is_replay() || recoveries > 500, "only {recoveries} recoveries: the test proves little");
}
