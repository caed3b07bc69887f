//! Topics and groups that are dropped, and topics that come back from a backup: nothing of the dropped is left, nobody late has a say
//! in what has their name since, and a backup has everything that a consumer needs to go on.

use std::collections::BTreeMap;
use std::rc::Rc;

use tidewell_core::base::{Error, ErrorKind, SeededRng};
use tidewell_core::collections::{json, Value};
use tidewell_core::database::Database;
use tidewell_core::disk::{Fault, FaultPlan, FaultyStorage};
use tidewell_core::engine::{Direction, Engine, EngineOptions, KeyRange, Platform};
use tidewell_sim::{Sim, SimPlatform};

use crate::replay::{each_crash, each_seed, is_replay};

/// What keys of topics begin with.
const TOPIC: u8 = 6;

fn text(error: Error) -> String {
    format!("{error:?}")
}

fn number(value: &Value, name: &str) -> u64 {
    match value.field(name) {
        Some(Value::Number(number)) => *number as u64,
        _ => 0,
    }
}

struct Tab {
    database: Database,
    platform: Rc<SimPlatform>,
}

impl Tab {
    async fn open(sim: &Sim, storage: &Rc<FaultyStorage>) -> Result<Self, Error> {
        let platform = sim.tab();
        let options = EngineOptions { memory_budget: 1 << 20, ..EngineOptions::new("test") };
        let database = Database::open(Rc::new(storage.open()), platform.clone(), None, options).await?;
        let receiver = database.clone();
        platform.on_announce(Rc::new(move |message| receiver.receive(message)));
        Ok(Self { database, platform })
    }

    async fn run(&self, command: &str) -> Result<Value, Error> {
        json::parse(&self.database.execute(command).await?.json)
    }

    async fn topic(&self, name: &str) -> Result<u64, Error> {
        Ok(number(&self.run(&format!(r#"{{"op":"topicOpen","name":"{name}","partitions":2}}"#)).await?, "topic"))
    }

    async fn group(&self, topic: u64, name: &str) -> Result<u64, Error> {
        let open = format!(
            r#"{{"op":"topicGroup","topic":{topic},"name":"{name}","ackDeadline":500,"maxDeliveries":2,"backoff":10,"backoffMax":50}}"#
        );
        Ok(number(&self.run(&open).await?, "group"))
    }

    async fn publish(&self, topic: u64, count: u64) -> Result<(), Error> {
        let message = |n| format!(r#"{{"value":{{"n":{n}}},"key":"k{}","id":"i{n}"}}"#, n % 3);
        let messages: Vec<_> = (0..count).map(message).collect();
        self.run(&format!(r#"{{"op":"topicPublish","topic":{topic},"messages":[{}]}}"#, messages.join(","))).await?;
        Ok(())
    }

    /// A member's turn: what it says, and what it gets as places with the number of the delivery.
    async fn turn(
        &self,
        (topic, group): (u64, u64),
        member: u64,
        says: &str,
        max: u64,
    ) -> Result<Vec<[u64; 4]>, Error> {
        let turn =
            format!(r#"{{"op":"topicTurn","topic":{topic},"group":{group},"member":{member},"max":{max}{says}}}"#);
        let answer = self.run(&turn).await?;
        let Some(Value::Array(messages)) = answer.field("messages") else { return Ok(Vec::new()) };
        let place = |one: &Value| ["partition", "priority", "offset", "deliveries"].map(|name| number(one, name));
        Ok(messages.iter().map(place).collect())
    }

    /// Waits until what was dropped is cleared.
    async fn settle(&self) {
        for _ in 0..12 {
            self.platform.sleep(5_000.0).await;
        }
    }
}

/// Keys that a topic with that number still has, by their kind.
async fn keys_of(sim: &Sim, storage: &Rc<FaultyStorage>, topic: u64) -> Result<BTreeMap<char, usize>, String> {
    let options = EngineOptions::new("test");
    let engine = Engine::open(Rc::new(storage.open()), sim.tab(), None, options).await.map_err(text)?;
    let snapshot = engine.snapshot().map_err(text)?;
    let marked = u32::try_from(topic).unwrap_or(0).to_be_bytes();
    let found = engine.read_at(&snapshot, |view| {
        let mut found = BTreeMap::new();
        let mut cursor = view.cursor(KeyRange::prefix(&[TOPIC]), Direction::Forward);
        while cursor.advance()? {
            let kind = cursor.key()[1];
            if !b"nNcf".contains(&kind) && cursor.key().get(2..6) == Some(&marked[..]) {
                *found.entry(char::from(kind)).or_default() += 1;
            }
        }
        Ok(found)
    });
    found.await.map_err(text)
}

/// Whether nothing is left of a topic.
async fn check_cleared(sim: &Sim, storage: &Rc<FaultyStorage>, topic: u64) -> Result<(), String> {
    let left = keys_of(sim, storage, topic).await?;
    if left.is_empty() {
        Ok(())
    } else {
        Err(format!("the dropped topic left keys: {left:?}"))
    }
}

async fn refused(tab: &Tab, command: &str, reason: &str) -> Result<(), String> {
    match tab.run(command).await {
        Err(error) if error.reason() == Some(reason) => Ok(()),
        Err(error) => Err(format!("{command} is refused for another reason: {error:?}")),
        Ok(answer) => Err(format!("{command} answers {answer:?}, and should say {reason}")),
    }
}

/// A group and then its topic are dropped while members of another tab hold messages.
pub(crate) fn dropped(seed: u64) -> Result<(), String> {
    let sim = Sim::new(seed);
    let storage = sim.storage(FaultPlan::none());
    let (world, disk) = (sim.clone(), Rc::clone(&storage));
    let outcome = sim.run(async move {
        let rng = SeededRng::new(seed);
        let (one, two) =
            (Tab::open(&world, &disk).await.map_err(text)?, Tab::open(&world, &disk).await.map_err(text)?);
        one.topic("t").await.map_err(text)?;
        // That tab has heard of it now.
        let topic = two.topic("t").await.map_err(text)?;
        one.publish(topic, 5 + rng.below(700)).await.map_err(text)?;
        let old = (topic, two.group(topic, "g").await.map_err(text)?);
        let held = two.turn(old, 7, "", 1 + rng.below(9)).await.map_err(text)?;
        let drop_group = format!(r#"{{"op":"topicDropGroup","topic":{topic},"name":"g"}}"#);
        one.run(&drop_group).await.map_err(text)?;
        if number(&one.run(&drop_group).await.map_err(text)?, "dropped") != 0 {
            return Err("a group is dropped twice".to_owned());
        }
        let new = (topic, one.group(topic, if rng.one_in(2) { "g" } else { "h" }).await.map_err(text)?);
        let again = one.turn(new, 8, "", 100).await.map_err(text)?;
        if again.first().map(|place| place[3]) != Some(1) {
            return Err(format!("the new group begins with {again:?}"));
        }
        let [partition, priority, offset, count] = held[0];
        let late = format!(
            r#"{{"op":"topicTurn","topic":{topic},"group":{},"member":7,"max":1,"ack":[[{partition},{priority},{offset},{count}]]}}"#,
            old.1
        );
        refused(&two, &late, "unknown-group").await?;
        one.run(r#"{"op":"topicDrop","name":"t"}"#).await.map_err(text)?;
        let publish = format!(r#"{{"op":"topicPublish","topic":{topic},"messages":[{{"value":1}}]}}"#);
        refused(&two, &publish, "unknown-topic").await?;
        refused(&two, &format!(r#"{{"op":"topicRead","topic":{topic},"from":"beginning"}}"#), "unknown-topic").await?;
        let fresh = two.topic("t").await.map_err(text)?;
        two.publish(fresh, 1).await.map_err(text)?;
        let stats = two.run(&format!(r#"{{"op":"topicStats","topic":{fresh}}}"#)).await.map_err(text)?;
        if (number(&stats, "messages"), number(&stats, "next")) != (1, 1) {
            return Err(format!("a topic with the name of a dropped one has {stats:?}"));
        }
        one.settle().await;
        check_cleared(&world, &disk, topic).await
    });
    outcome.map_err(|stalled| format!("{stalled:?}"))?
}

/// The disk crashes at operation `n` of a topic's life and end. `false` if it never did.
fn crash_drop(seed: u64, n: u64, fault: Fault) -> Result<bool, String> {
    let sim = Sim::new(seed);
    let storage = sim.storage(FaultPlan::nth(seed, n, fault));
    let (world, disk) = (sim.clone(), Rc::clone(&storage));
    let work = async move {
        let tab = Tab::open(&world, &disk).await?;
        let topic = tab.topic("t").await?;
        let group = tab.group(topic, "g").await?;
        tab.publish(topic, 600).await?;
        tab.turn((topic, group), 7, "", 5).await?;
        tab.run(r#"{"op":"topicDrop","name":"t"}"#).await?;
        tab.settle().await;
        Ok::<_, Error>(())
    };
    match sim.run_until(work, || storage.crashed()) {
        Ok(Some(Err(error))) if error.kind() == ErrorKind::Internal => return Err(text(error)),
        Ok(_) => {}
        Err(stalled) => return Err(format!("{stalled:?}")),
    }
    if !storage.crashed() {
        return Ok(false);
    }
    sim.end();
    let (world, disk) = (sim.clone(), Rc::clone(&storage));
    let recovered = sim.run(async move {
        disk.restart(FaultPlan::none()).await;
        let tab = Tab::open(&world, &disk).await.map_err(text)?;
        tab.settle().await;
        let topics = tab.run(r#"{"op":"topics"}"#).await.map_err(text)?;
        if topics == Value::Array(Vec::new()) {
            return check_cleared(&world, &disk, 1).await;
        }
        // It was not dropped: then it has all or nothing of what one commit published.
        let stats = tab.run(r#"{"op":"topicStats","topic":1}"#).await.map_err(text)?;
        match number(&stats, "messages") {
            0 | 600 => Ok(()),
            other => Err(format!("{other} messages are left of a topic that was not dropped")),
        }
    });
    recovered.map_err(|stalled| format!("{stalled:?}"))?.map(|()| true)
}

/// Something of everything that a topic can hold.
async fn live(tab: &Tab, rng: &SeededRng) -> Result<(), Error> {
    let compact = rng.one_in(3);
    let open = format!(r#"{{"op":"topicOpen","name":"t","partitions":2,"dedupe":60000,"compact":{compact}}}"#);
    let topic = number(&tab.run(&open).await?, "topic");
    tab.run(r#"{"op":"topicFollow","collection":"notes"}"#).await?;
    let groups = [tab.group(topic, "a").await?, tab.group(topic, "b").await?];
    let mut held = Vec::new();
    for n in 0..10 + rng.below(30) {
        match rng.below(6) {
            0 | 1 => {
                let (key, priority) = (rng.below(4), rng.below(10));
                let later = if rng.one_in(5) {
                    format!(r#","id":"d{n}","delay":{}"#, 1 + rng.below(900))
                } else {
                    String::new()
                };
                let one = format!(
                    r#"{{"value":{{"n":{n},"at":{{"$date":5}}}},"key":"k{key}","priority":{priority},"headers":{{"h":"{n}"}}{later}}}"#
                );
                tab.run(&format!(r#"{{"op":"topicPublish","topic":{topic},"messages":[{one}]}}"#)).await?;
            }
            2 => {
                let put =
                    format!(r#"{{"op":"put","collection":"notes","docs":[{{"id":"n{}","n":{n}}}]}}"#, rng.below(5));
                tab.run(&put).await?;
            }
            3 => tab.publish(topic, 1 + rng.below(20)).await?,
            4 => {
                let group = groups[rng.below(2) as usize];
                let got = tab.turn((topic, group), 7, "", 1 + rng.below(4)).await?;
                held.extend(got.into_iter().map(|place| (group, place)));
            }
            _ => {
                let Some((group, [partition, priority, offset, count])) = held.pop() else { continue };
                let says = if rng.one_in(2) {
                    format!(r#","ack":[[{partition},{priority},{offset},{count}]]"#)
                } else {
                    format!(r#","nack":[[{partition},{priority},{offset},{count},null,"it \"failed\""]]"#)
                };
                tab.turn((topic, group), 7, &says, 0).await?;
            }
        }
        tab.platform.sleep(rng.below(40) as f64).await;
    }
    let cron = format!(
        r#"{{"op":"topicSchedule","topic":{topic},"id":"nightly","cron":"[\"0 3 * * *\"]","delay":100000,"message":{{"value":1}}}}"#
    );
    tab.run(&cron).await?;
    Ok(())
}

async fn export(tab: &Tab) -> Result<String, Error> {
    let mut export = tab.database.export()?;
    let mut text = Vec::new();
    while let Some(chunk) = export.next().await? {
        text.extend_from_slice(&chunk);
    }
    Ok(String::from_utf8(text).unwrap())
}

async fn import(tab: &Tab, text: &str) -> Result<(), Error> {
    let mut import = tab.database.import();
    for chunk in text.as_bytes().chunks(777) {
        import.push(chunk).await?;
    }
    import.finish().await.map(drop)
}

/// The lines that must come back: all but the first, which tells a position, and the checksum in the last.
fn body(text: &str) -> Vec<String> {
    let lines: Vec<_> =
        text.lines().skip(1).map(|line| line.split(",\"checksum\"").next().unwrap().to_owned()).collect();
    lines
}

/// A database is exported and imported into an empty one, twice.
pub(crate) fn restored(seed: u64) -> Result<u64, String> {
    let sim = Sim::new(seed);
    let (from, to) = (sim.storage(FaultPlan::none()), sim.storage(FaultPlan::none()));
    let world = sim.clone();
    let outcome = sim.run(async move {
        let rng = SeededRng::new(seed);
        let tab = Tab::open(&world, &from).await.map_err(text)?;
        live(&tab, &rng).await.map_err(text)?;
        let backup = export(&tab).await.map_err(text)?;
        let other = Tab::open(&world, &to).await.map_err(text)?;
        for again in 0..2 {
            import(&other, &backup).await.map_err(text)?;
            let back = export(&other).await.map_err(text)?;
            if let Some((was, is)) = body(&backup).iter().zip(&body(&back)).find(|(was, is)| was != is) {
                return Err(format!("import {again}: the line {was} became {is}"));
            }
            if body(&backup).len() != body(&back).len() {
                return Err(format!("import {again}: {} lines became {}", body(&backup).len(), body(&back).len()));
            }
        }
        // Consumers go on: in the end nothing is left of either group, in both databases.
        let mut left = 0;
        for one in [&tab, &other] {
            let topic = one.topic("t").await.map_err(text)?;
            for name in ["a", "b"] {
                let group = one.group(topic, name).await.map_err(text)?;
                left += drain(one, (topic, group)).await.map_err(text)?;
            }
        }
        Ok::<u64, String>(left)
    });
    outcome.map_err(|stalled| format!("{stalled:?}"))?
}

/// Takes and acknowledges whatever comes.
async fn drain(tab: &Tab, desk: (u64, u64)) -> Result<u64, Error> {
    let mut count = 0;
    for _ in 0..60 {
        let got = tab.turn(desk, 9, "", 100).await?;
        let acks: Vec<_> = got.iter().map(|[p, r, o, c]| format!("[{p},{r},{o},{c}]")).collect();
        if !acks.is_empty() {
            tab.turn(desk, 9, &format!(r#","ack":[{}]"#, acks.join(",")), 0).await?;
        }
        count += got.len() as u64;
        tab.platform.sleep(50.0).await;
    }
    let stats = tab.run(&format!(r#"{{"op":"topicStats","topic":{}}}"#, desk.0)).await?;
    let Some(Value::Array(groups)) = stats.field("groups") else { return Ok(count) };
    let lag: u64 = groups.iter().filter(|one| number(one, "waiting") > 0).map(|one| number(one, "lag")).sum();
    if lag > 0 && desk.1 == 2 {
        return Err(Error::internal(format!("{lag} messages never came")));
    }
    Ok(count)
}

#[test]
fn what_is_dropped_leaves_nothing_and_who_held_something_of_it_has_no_say_any_more() {
    let runs = each_seed("dropped topics", 200, dropped);
    println!("counted: topics: {runs} topics and groups dropped under their members");
}

#[test]
fn after_any_crash_a_topic_is_there_or_dropped_and_cleared() {
    let recoveries = each_crash(6, crash_drop);
    println!("dropped topics: {recoveries} recoveries, 0 wrong results");
    assert!(is_replay() || recoveries > 100, "only {recoveries} recoveries: the test proves little");
}

#[test]
fn a_backup_brings_topics_back_with_their_groups_where_they_were() {
    let mut messages = 0;
    let runs = each_seed("topics in backups", 200, |seed| restored(seed).map(|count| messages += count));
    println!(
        "counted: topics: {runs} backups of topics came back line by line, {messages} messages consumed afterwards"
    );
    assert!(is_replay() || messages > runs, "only {messages} messages were consumed: the test proves little");
}

#[test]
fn a_backup_without_topics_has_the_format_that_earlier_versions_read() {
    let sim = Sim::new(1);
    let (storage, world) = (sim.storage(FaultPlan::none()), sim.clone());
    let backup = sim.run(async move {
        let tab = Tab::open(&world, &storage).await?;
        tab.run(r#"{"op":"put","collection":"notes","docs":[{"id":"n"}]}"#).await?;
        let plain = export(&tab).await?;
        tab.topic("t").await?;
        let later = export(&tab).await?.replace("\"format\":2", "\"format\":3");
        let refused = import(&tab, &later).await.unwrap_err();
        Ok::<_, Error>((plain, refused.message().to_owned()))
    });
    let (plain, refused) = backup.unwrap().unwrap();
    assert!(plain.starts_with(r#"{"tidewell":"export","format":1,"#), "{plain}");
    assert!(refused.contains("format 3") && refused.contains("up to 2"), "{refused}");
}
