//! Topics in simulated tabs: members that are killed, frozen and wake up, clocks that are days apart, disks that crash. What is promised
//! is judged from outside, by what members were handed, what the engine accepted, and what is stored in the end.

use std::rc::Rc;

use tidewell_core::base::{Error, ErrorKind, SeededRng};
use tidewell_core::disk::{Fault, FaultPlan};

use crate::replay::{each_crash, each_seed, is_replay};
use crate::topics_journal::Journal;
use crate::topics_world::{parse, Tab, World};

/// Deliveries until a message is dead.
pub(crate) const DELIVERIES: u64 = 3;
/// How long members may hold a message, in ms.
pub(crate) const ACK_MS: u64 = 600;

fn text(error: &Error) -> String {
    format!("{error:?}")
}

/// Errors that a tab may meet for reasons of its own: it was killed, its disk failed.
fn is_end(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Unavailable | ErrorKind::Closed | ErrorKind::Aborted)
}

/// Publishes some messages, with and without keys, ids, delays and transactions.
async fn publish(tab: &Tab, rng: &SeededRng, journal: &Journal) -> Result<(), Error> {
    let mut numbers = Vec::new();
    let mut messages = Vec::new();
    for _ in 0..1 + rng.below(3) {
        let key = if rng.one_in(4) { None } else { Some(rng.below(3)) };
        let delay = if rng.one_in(5) { 600 + rng.below(300) } else { 0 };
        // Two numbers share an id now and then.
        let id = rng.one_in(3).then(|| rng.below(6));
        let (n, poison) = journal.number(key, delay, id, rng.one_in(8), tab.now());
        let key = key.map_or(String::new(), |key| format!(r#","key":"k{key}""#));
        let id = id.map_or_else(
            || if delay > 0 { format!(r#","id":"n{n}""#) } else { String::new() },
            |id| format!(r#","id":"i{id}""#),
        );
        let delay = if delay > 0 { format!(r#","delay":{delay}"#) } else { String::new() };
        messages.push(format!(r#"{{"value":{{"n":{n},"poison":{poison}}}{key}{id}{delay}}}"#));
        numbers.push(n);
    }
    let list = messages.join(",");
    if rng.one_in(4) {
        let tx = tab.begin().await?;
        let doc = numbers[0];
        tab.run(&format!(r#"{{"op":"put","collection":"docs","docs":[{{"id":"{doc}"}}],"tx":{tx}}}"#)).await?;
        tab.run(&format!(r#"{{"op":"topicPublish","topic":{},"messages":[{list}],"tx":{tx}}}"#, tab.topic)).await?;
        match tab.run(&format!(r#"{{"op":"commit","tx":{tx}}}"#)).await {
            Ok(_) => journal.published_with(doc, &numbers),
            Err(error) if error.kind() == ErrorKind::Conflict => journal.never(&numbers),
            Err(error) => return Err(error),
        }
        return Ok(());
    }
    let answer = tab.run(&format!(r#"{{"op":"topicPublish","topic":{},"messages":[{list}]}}"#, tab.topic)).await?;
    let outcomes: Vec<bool> = parse(&answer)
        .field(b"published")
        .map_or(Vec::new(), |list| list.items().map(|one| one.json() != b"null").collect());
    journal.published(&numbers, &outcomes);
    Ok(())
}

/// One message in a member's hands.
struct Hand {
    n: u64,
    poison: bool,
    row: String,
}

/// `begun` is when the turn began: a lease may be as old.
fn hands(answer: &str, tab: &Tab, group: usize, journal: &Journal, begun: f64) -> Vec<Hand> {
    let whole = parse(answer);
    let Some(list) = whole.field(b"messages") else { return Vec::new() };
    let mut hands = Vec::new();
    for one in list.items() {
        let number = |name: &[u8]| one.field(name).and_then(|value| value.as_f64()).unwrap_or(0.0) as u64;
        let value = one.field(b"value").unwrap();
        let n = value.field(b"n").and_then(|n| n.as_f64()).unwrap() as u64;
        let poison = value.field(b"poison").and_then(|poison| poison.as_bool()).unwrap();
        let key = one.field(b"key").and_then(|key| key.as_str().map(std::borrow::Cow::into_owned));
        let (offset, count) = (number(b"offset"), number(b"deliveries"));
        journal.given(group, tab.member, offset, n, key.as_deref(), count, [begun, tab.now()]);
        let row = format!("{},{},{offset},{count}", number(b"partition"), number(b"priority"));
        hands.push(Hand { n, poison, row });
    }
    hands
}

/// Works on messages of the plain group: acknowledges, refuses, dawdles.
async fn work(
    tab: &Tab,
    rng: &SeededRng,
    journal: &Journal,
    settle: &mut Vec<(String, &'static str, u64)>,
) -> Result<(), Error> {
    let rows = |kind: &str| {
        let rows = settle.iter().filter(|(_, one, _)| *one == kind).map(|(row, ..)| format!("[{row}]"));
        rows.collect::<Vec<_>>().join(",")
    };
    let (acks, nacks) = (rows("ack"), rows("nack"));
    let offset = |row: &str| row.split(',').nth(2).and_then(|offset| offset.parse().ok()).unwrap_or(0);
    let acked = settle.iter().filter(|one| one.1 == "ack");
    let sent: Vec<(u64, u64)> = acked.map(|(row, _, n)| (*n, offset(row))).collect();
    settle.clear();
    let command = format!(
        r#"{{"op":"topicTurn","topic":{},"group":{},"member":{},"max":{},"ack":[{acks}],"nack":[{nacks}]}}"#,
        tab.topic,
        tab.groups[0],
        tab.member,
        1 + rng.below(4)
    );
    let begun = tab.now();
    let answer = tab.run(&command).await?;
    let refused: Vec<u64> = parse(&answer)
        .field(b"refused")
        .map_or(Vec::new(), |list| list.items().filter_map(|at| at.as_f64()).map(|at| at as u64).collect());
    journal.acknowledged(tab.member, &sent, &refused);
    for hand in hands(&answer, tab, 0, journal, begun) {
        if rng.one_in(12) {
            // It never settles: the deadline gives it back.
            continue;
        }
        tab.platform_sleep(rng.below(10)).await;
        journal.let_go(0, tab.member, &hand.row);
        if hand.poison || rng.one_in(10) {
            settle.push((
                format!("{},{},\"it failed\"", hand.row, if hand.poison { "0" } else { "null" }),
                "nack",
                hand.n,
            ));
        } else {
            settle.push((hand.row, "ack", hand.n));
        }
    }
    Ok(())
}

/// Works on messages of the transactional group: each has its effect in the commit of its acknowledgement.
async fn transact(tab: &Tab, journal: &Journal, rng: &SeededRng) -> Result<(), Error> {
    let head = format!(r#""topic":{},"group":{},"member":{}"#, tab.topic, tab.groups[1], tab.member);
    let begun = tab.now();
    let answer = tab.run(&format!(r#"{{"op":"topicTurn",{head},"max":2}}"#)).await?;
    for hand in hands(&answer, tab, 1, journal, begun) {
        if rng.one_in(12) {
            continue;
        }
        tab.platform_sleep(rng.below(10)).await;
        journal.let_go(1, tab.member, &hand.row);
        if hand.poison {
            let nack = format!(r#"{{"op":"topicTurn",{head},"nack":[[{},0,"poison"]]}}"#, hand.row);
            tab.run(&nack).await?;
            continue;
        }
        for _ in 0..6 {
            let tx = tab.begin().await?;
            let update = format!(
                r#"{{"op":"update","collection":"effects","id":"{}","update":{{"$inc":{{"count":1}}}},"upsert":true,"tx":{tx}}}"#,
                hand.n
            );
            tab.run(&update).await?;
            tab.run(&format!(r#"{{"op":"topicTurn",{head},"ack":[[{}]],"tx":{tx}}}"#, hand.row)).await?;
            match tab.run(&format!(r#"{{"op":"commit","tx":{tx}}}"#)).await {
                Err(error) if error.reason() == Some("retry") => {}
                Err(error) if error.reason() == Some("not-held") => {
                    journal.refused();
                    break;
                }
                result => {
                    drop(result?);
                    break;
                }
            }
        }
    }
    Ok(())
}

/// A tab's life: it publishes and works until its actions are over, or it ends for reasons of its own.
async fn live(tab: Rc<Tab>, journal: Rc<Journal>, seed: u64, actions: u64) -> Result<(), String> {
    let rng = SeededRng::new(seed);
    let mut settle = Vec::new();
    for _ in 0..actions {
        let done = match rng.below(5) {
            0 => publish(&tab, &rng, &journal).await,
            1 | 2 => work(&tab, &rng, &journal, &mut settle).await,
            _ => transact(&tab, &journal, &rng).await,
        };
        match done {
            Ok(()) => {}
            Err(error) if is_end(&error) => return Ok(()),
            Err(error) => return Err(text(&error)),
        }
        tab.platform_sleep(rng.below(30)).await;
    }
    Ok(())
}

/// What is left is done by a late tab alone; then everything must be as promised.
async fn finish(world: &World, journal: &Rc<Journal>) -> Result<(), String> {
    let late = world.open(journal).await.map_err(|error| text(&error))?;
    let rng = SeededRng::new(1);
    let mut settle = Vec::new();
    for _ in 0..2_000 {
        work(&late, &rng, journal, &mut settle).await.map_err(|error| text(&error))?;
        transact(&late, journal, &rng).await.map_err(|error| text(&error))?;
        let stats = late
            .run(&format!(r#"{{"op":"topicStats","topic":{}}}"#, late.topic))
            .await
            .map_err(|error| text(&error))?;
        if settle.is_empty() && stats.contains(r#""scheduled":0"#) && stats.matches(r#""lag":0"#).count() == 2 {
            return journal.verify(&late).await;
        }
        late.platform_sleep(40).await;
    }
    Err("it does not end: something is lost".to_owned())
}

/// Three tabs publish and consume. One is killed, one frozen and thawed, others take over what they held.
pub(crate) fn shared(seed: u64) -> Result<[u64; 4], String> {
    let world = World::new(seed, FaultPlan::none(), false);
    let journal = Rc::new(Journal::default());
    let (sim, shared) = (world.sim.clone(), Rc::clone(&world));
    let record = Rc::clone(&journal);
    let outcome = sim.run(async move {
        let rng = SeededRng::new(seed ^ 0x0070_9105);
        let mut tabs = Vec::new();
        for n in 0..3 {
            let tab = Rc::new(shared.open(&record).await.map_err(|error| text(&error))?);
            let life = live(Rc::clone(&tab), Rc::clone(&record), seed * 31 + n, 14);
            let task = tab.platform.run(life);
            tabs.push((tab, task));
        }
        for round in 0..3 {
            shared.sim.sleep(10.0 + rng.below(120) as f64).await;
            let (victim, heir) = (&tabs[rng.below(3) as usize].0, &tabs[rng.below(3) as usize].0);
            let kill = round == 2 && rng.one_in(2);
            record.void(victim.member, kill);
            if kill {
                victim.platform.kill();
            } else {
                victim.platform.freeze();
            }
            // Somebody notices, or does not.
            shared.sim.sleep(rng.below(60) as f64).await;
            if heir.member != victim.member && heir.platform.is_running() && !rng.one_in(3) {
                record.evicted();
                let (heir_run, member) = (Rc::clone(heir), victim.member);
                let evict = heir.platform.run(async move {
                    for group in heir_run.groups {
                        let command = format!(
                            r#"{{"op":"topicEvict","topic":{},"group":{group},"member":{member}}}"#,
                            heir_run.topic
                        );
                        let _ = heir_run.run(&command).await;
                    }
                });
                evict.await;
            }
            shared.sim.sleep(rng.below(900) as f64).await;
            victim.platform.thaw();
        }
        for (tab, task) in tabs {
            task.await.unwrap_or(Ok(()))?;
            tab.platform.kill();
            record.void(tab.member, true);
        }
        finish(&shared, &record).await
    });
    outcome.map_err(|stalled| format!("{stalled:?}"))??;
    journal.complaint().map_or(Ok(journal.counts()), Err)
}

/// One tab works until the disk crashes at operation `n`; then everything that is left must be true.
fn crash(seed: u64, n: u64, fault: Fault) -> Result<bool, String> {
    let world = World::new(seed, FaultPlan::nth(seed, n, fault), true);
    let journal = Rc::new(Journal::default());
    let (shared, record, storage) = (Rc::clone(&world), Rc::clone(&journal), Rc::clone(&world.storage));
    let work = async move {
        let Ok(tab) = shared.open(&record).await else { return Ok(()) };
        live(Rc::new(tab), record, seed, 16).await
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
    journal.void_all();
    let again = world.reborn();
    let record = Rc::clone(&journal);
    let (sim, shared) = (again.sim.clone(), Rc::clone(&again));
    let recovered = sim.run(async move {
        shared.storage.restart(FaultPlan::none()).await;
        finish(&shared, &record).await
    });
    recovered.map_err(|stalled| format!("{stalled:?}"))??;
    journal.complaint().map_or(Ok(true), Err)
}

#[test]
fn whatever_tabs_die_or_freeze_each_message_has_its_effect_once_and_nothing_is_lost() {
    let mut sums = [0; 4];
    let schedules = each_seed("topics", 2_000, |seed| {
        shared(seed).map(|counts| sums.iter_mut().zip(counts).for_each(|(sum, count)| *sum += count))
    });
    let [given, refused, evictions, dead] = sums;
    println!("topics: {schedules} schedules, {given} deliveries, {evictions} evictions, {refused} late members refused, {dead} dead letters");
    assert!(is_replay() || (refused > 100 && evictions > 100 && dead > 100), "it proves little");
}

#[test]
fn after_any_crash_what_was_published_is_there_and_what_was_acknowledged_is_done() {
    let recoveries = each_crash(6, crash);
    println!("topics: {recoveries} recoveries");
    assert!(is_replay() || recoveries > 200, "only {recoveries} recoveries: the test proves little");
}
