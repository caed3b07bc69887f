//! What topics and groups promise, one claim at a time, on an engine in memory.

use super::clock;
use super::dead;
use super::deliver::{next_due, Fetched};
use super::desk::Desk;
use super::group::{self, GroupWishes};
use super::keys::Place;
use super::message::Message;
use super::publish::{lane, publish};
use super::seek::{self, From};
use super::settle::{settle, settle_all, Settlement, Verdict};
use super::spec::{self, Wishes};
use super::{fetch, read, schedule, tally, Delivery, NewMessage, Published};
use crate::base::{ErrorKind, Result};
use crate::collections::memory_store::MemoryStore;

/// A topic with a group in a store with a clock.
pub(super) struct Bench {
    pub(super) store: MemoryStore,
    pub(super) now: u64,
    pub(super) topic: u32,
    pub(super) group: u32,
}

/// A message as short as tests want it.
pub(super) fn message(key: &str, value: u64) -> NewMessage {
    let key = (!key.is_empty()).then(|| key.into());
    NewMessage { lane: lane(None).unwrap(), key, value: value.to_string().into_bytes(), ..NewMessage::default() }
}

pub(super) fn value(delivery: &Delivery) -> u64 {
    std::str::from_utf8(Message::decode(&delivery.message).unwrap().value).unwrap().parse().unwrap()
}

pub(super) fn verdict(delivery: &Delivery, verdict: Verdict) -> Settlement {
    Settlement { place: delivery.place, count: delivery.count, verdict }
}

pub(super) fn nack(delay: Option<u64>) -> Verdict {
    Verdict::Nack { delay, error: "it did not work".into() }
}

impl Bench {
    pub(super) fn new(wishes: Wishes, group: &GroupWishes) -> Self {
        let mut store = MemoryStore::default();
        let (topic, group) = store
            .commit_afresh(|tx| {
                let spec = spec::open(tx, "t", wishes)?;
                let (group, _) = group::open(tx, &spec, "g", group)?;
                Ok((spec.number, group.number))
            })
            .unwrap();
        Self { store, now: 1_000_000, topic, group }
    }

    fn plain() -> Self {
        Self::new(Wishes::default(), &GroupWishes::default())
    }

    /// A commit at the desk of the group.
    pub(super) fn desk<T>(
        &mut self,
        mut work: impl FnMut(&mut dyn crate::engine::Transaction, &mut Desk) -> crate::engine::Step<T>,
    ) -> Result<T> {
        let (now, topic, group) = (self.now, self.topic, self.group);
        self.store.commit_afresh(|tx| {
            let now = clock::advance(tx, clock::Stamp { time: now, wall: 5, tick: 0 })?;
            let mut desk = Desk::open(tx, (topic, group), now, now)?;
            let value = work(tx, &mut desk)?;
            desk.close(tx)?;
            Ok(value)
        })
    }

    pub(super) fn publish(&mut self, messages: &[NewMessage]) -> Vec<Published> {
        let (now, topic) = (self.now, self.topic);
        let publish = |tx: &mut dyn crate::engine::Transaction| {
            let now = clock::advance(tx, clock::Stamp { time: now, wall: 5, tick: 0 })?;
            publish(tx, topic, messages, now)
        };
        self.store.commit_afresh(publish).unwrap()
    }

    pub(super) fn fetched(&mut self, member: u64, max: usize) -> Fetched {
        self.desk(|tx, desk| fetch(tx, desk, member, max)).unwrap()
    }

    pub(super) fn fetch(&mut self, member: u64, max: usize) -> Vec<Delivery> {
        self.fetched(member, max).deliveries
    }

    fn values(&mut self, member: u64, max: usize) -> Vec<u64> {
        self.fetch(member, max).iter().map(value).collect()
    }

    /// Settles, and answers how many were refused.
    pub(super) fn settle(&mut self, member: u64, settlements: &[Settlement]) -> usize {
        self.desk(|tx, desk| settle(tx, desk, member, settlements)).unwrap().len()
    }

    fn ack(&mut self, member: u64, deliveries: &[Delivery]) -> usize {
        let all: Vec<_> = deliveries.iter().map(|one| verdict(one, Verdict::Ack)).collect();
        self.settle(member, &all)
    }

    pub(super) fn lag(&self) -> u64 {
        self.store.read(|view| tally::groups(view, self.topic)).unwrap()[0].lag
    }

    pub(super) fn dead(&self) -> Vec<(Place, String)> {
        let Some(topic) = self.store.read(|view| spec::number(view, "t.dead")).unwrap() else { return Vec::new() };
        let page = self.store.read(|view| read::read(view, topic, 0, 1000, |_| Ok(true))).unwrap();
        let past = |bytes: &[u8]| String::from_utf8(Message::decode(bytes).unwrap().dead.unwrap().to_vec()).unwrap();
        page.messages.iter().map(|(place, bytes)| (*place, past(bytes))).collect()
    }
}

#[test]
fn messages_come_in_order_and_are_gone_when_acknowledged() {
    let mut bench = Bench::plain();
    bench.publish(&(0..5).map(|n| message("k", n)).collect::<Vec<_>>());
    for n in 0..5 {
        let got = bench.fetch(1, 10);
        assert_eq!(got.iter().map(value).collect::<Vec<_>>(), [n], "one of a key at a time, in order");
        assert_eq!(bench.values(2, 10), [], "nobody else gets one of that key");
        assert_eq!(bench.ack(1, &got), 0);
    }
    assert_eq!((bench.values(1, 10), bench.lag()), (vec![], 0));
}

#[test]
fn a_message_is_held_by_one_member_until_its_time_is_over() {
    let mut bench = Bench::plain();
    bench.publish(&[message("", 1), message("", 2)]);
    let first = bench.fetch(1, 1);
    assert_eq!(bench.values(2, 10), [2]);
    bench.now += 29_999;
    assert_eq!(bench.values(2, 10), []);
    bench.now += 1;
    let again = bench.fetch(2, 1);
    assert_eq!((value(&again[0]), again[0].count), (1, 2));
    assert_eq!(bench.ack(1, &first), 1, "the old token is refused");
    assert_eq!(bench.ack(2, &again), 0);
    assert_eq!(bench.ack(2, &again), 1, "done is done");
}

#[test]
fn more_time_may_be_asked_for_and_a_message_given_back() {
    let mut bench = Bench::plain();
    bench.publish(&[message("", 1)]);
    let got = bench.fetch(1, 1);
    bench.now += 29_000;
    bench.settle(1, &[verdict(&got[0], Verdict::Extend(60_000))]);
    bench.now += 59_999;
    assert_eq!(bench.values(2, 1), []);
    bench.settle(1, &[verdict(&got[0], Verdict::Release)]);
    let again = bench.fetch(2, 1);
    assert_eq!(again[0].count, 1, "what was given back was no delivery");
}

#[test]
fn a_failure_waits_longer_each_time_and_ends_as_a_dead_letter_with_its_history() {
    let wishes = GroupWishes { deliveries: Some(3), backoff: Some(1000), ..GroupWishes::default() };
    let mut bench = Bench::new(Wishes::default(), &wishes);
    bench.publish(&[message("k", 1), message("k", 2)]);
    for wait in [500, 1000] {
        let got = bench.fetch(1, 1);
        bench.settle(1, &[verdict(&got[0], nack(None))]);
        bench.now += wait - 1;
        assert_eq!(bench.values(1, 1), [], "not before half of the backoff, and the key waits along");
        bench.now += wait + 1;
    }
    let got = bench.fetch(1, 1);
    assert_eq!((got[0].count, bench.dead().len()), (3, 0));
    bench.settle(1, &[verdict(&got[0], nack(None))]);
    let dead = bench.dead();
    assert_eq!(dead.len(), 1);
    assert!(dead[0].1.contains(r#""group":"g""#) && dead[0].1.matches("it did not work").count() == 4, "{}", dead[0].1);
    assert_eq!(bench.values(1, 1), [2], "the next of its key comes");

    let topic = bench.store.read(|view| spec::number(view, "t.dead")).unwrap().unwrap();
    let now = bench.now;
    let count = bench.store.commit_afresh(|tx| dead::requeue(tx, topic, &[dead[0].0], now, 1)).unwrap();
    assert_eq!((count, bench.dead().len(), bench.lag()), (1, 0, 2));
    assert_eq!(bench.values(1, 1), [], "it waits for the other of its key");
}

#[test]
fn a_dead_letter_that_its_group_comes_to_again_is_not_given_back_twice() {
    let wishes = GroupWishes { deliveries: Some(1), ..GroupWishes::default() };
    let mut bench = Bench::new(Wishes::default(), &wishes);
    bench.publish(&[message("", 1)]);
    let got = bench.fetch(1, 1);
    bench.settle(1, &[verdict(&got[0], nack(None))]);
    bench.desk(|tx, desk| seek::seek(tx, desk, From::Beginning)).unwrap();
    let (dead, now) = (bench.dead(), bench.now);
    let topic = bench.store.read(|view| spec::number(view, "t.dead")).unwrap().unwrap();
    bench.store.commit_afresh(|tx| dead::requeue(tx, topic, &[dead[0].0], now, 1)).unwrap();
    assert_eq!((bench.lag(), bench.values(1, 10)), (1, vec![1]));
    assert_eq!(bench.values(1, 10), []);
}

#[test]
fn a_fetch_that_ends_because_one_commit_does_no_more_says_so() {
    let mut bench = Bench::plain();
    let large = |n: u64| NewMessage { value: format!("\"{}\"", "x".repeat(1_500_000)).into(), ..message("", n) };
    bench.publish(&[large(1), large(2), large(3), large(4)]);
    let fetched = bench.fetched(1, 100);
    assert_eq!((fetched.deliveries.len(), fetched.more), (3, true));
    let fetched = bench.fetched(1, 100);
    assert_eq!((fetched.deliveries.len(), fetched.more), (1, false));

    let mut bench = Bench::plain();
    let hot: Vec<NewMessage> = (0..1500).map(|n| message("hot", n)).collect();
    bench.publish(&hot);
    bench.publish(&[message("cold", 7)]);
    let first = bench.fetched(1, 100);
    assert!(first.more, "{} messages", first.deliveries.len());
    let second = bench.fetched(1, 100);
    let values = first.deliveries.iter().chain(&second.deliveries).map(value);
    assert_eq!((values.collect::<Vec<_>>(), second.more), (vec![0, 7], false));
}

#[test]
fn what_a_lost_member_held_is_handed_out_at_once() {
    let mut bench = Bench::plain();
    bench.publish(&[message("a", 1), message("b", 2), message("c", 3)]);
    let held = bench.fetch(1, 2);
    assert_eq!(bench.desk(|tx, desk| desk.evict(tx, 1)).unwrap(), 2);
    let mut again = bench.values(2, 10);
    again.sort_unstable();
    assert_eq!(again, [1, 2, 3]);
    assert_eq!(bench.ack(1, &held), 2, "it woke up too late");
    let strict = |tx: &mut dyn crate::engine::Transaction, desk: &mut Desk| {
        settle_all(tx, desk, 1, &[verdict(&held[0], Verdict::Ack)])
    };
    let error = bench.desk(strict).unwrap_err();
    assert_eq!((error.kind(), error.reason()), (ErrorKind::Conflict, Some("not-held")));
}

#[test]
fn urgent_messages_come_first_and_every_partition_has_its_turn() {
    let mut bench = Bench::plain();
    bench.publish(&(0..40).map(|n| message(&format!("k{n}"), n)).collect::<Vec<_>>());
    bench.publish(&[NewMessage { lane: lane(Some(9)).unwrap(), ..message("u", 100) }]);
    let got = bench.fetch(1, 9);
    assert_eq!(value(&got[0]), 100);
    let mut partitions: Vec<u8> = got[1..].iter().map(|one| one.place.partition).collect();
    partitions.sort_unstable();
    partitions.dedup();
    assert_eq!(partitions, [0, 1, 2, 3]);
    assert!(lane(Some(10)).is_err());
}

#[test]
fn an_id_counts_once_within_its_window() {
    let mut bench = Bench::new(Wishes { dedupe: Some(1000), ..Wishes::default() }, &GroupWishes::default());
    let one = NewMessage { id: Some("x".into()), ..message("", 1) };
    assert!(matches!(bench.publish(&[one.clone(), one.clone()])[..], [Published::At(_), Published::Duplicate]));
    bench.now += 999;
    assert_eq!(bench.publish(std::slice::from_ref(&one)), [Published::Duplicate]);
    bench.now += 1;
    assert!(matches!(bench.publish(std::slice::from_ref(&one))[..], [Published::At(_)]));
    bench.now += 5000;
    bench.publish(&[message("", 2)]);
    let ids = bench.store.entries().keys().filter(|key| matches!(key[..], [6, b'i' | b'j', ..])).count();
    assert_eq!(ids, 0, "old ids are forgotten");
}

#[test]
fn messages_of_one_millisecond_tell_which_commit_came_first() {
    let mut bench = Bench::plain();
    for (at, forward) in [(0, 0), (1, 0), (2, 0), (3, 1)] {
        bench.now += forward;
        bench.publish(&[message("", at), message("", at)]);
    }
    let page = bench.store.commit_afresh(|tx| super::read::read(tx, 1, 0, 100, |_| Ok(true))).unwrap();
    let instant = |(_, bytes): &(Place, Vec<u8>)| {
        let message = Message::decode(bytes).unwrap();
        (message.time - 1_000_000, message.tick)
    };
    let instants: Vec<(u64, u64)> = page.messages.iter().map(instant).collect();
    assert_eq!(instants, [(0, 0), (0, 0), (0, 1), (0, 1), (0, 2), (0, 2), (1, 0), (1, 0)]);
}

#[test]
fn a_delayed_message_comes_when_it_is_due_and_may_be_cancelled() {
    let mut bench = Bench::plain();
    let delayed = |id: &str, n: u64, delay: u64| NewMessage { id: Some(id.into()), delay, ..message("", n) };
    bench.publish(&[delayed("a", 1, 500), delayed("b", 2, 200), delayed("c", 3, 300), message("", 0)]);
    assert_eq!(bench.values(1, 10), [0]);
    let topic = bench.topic;
    assert_eq!(bench.desk(|tx, desk| next_due(tx, desk)).unwrap(), Some(1_000_200));
    assert!(bench.store.commit_afresh(|tx| schedule::cancel(tx, topic, "c")).unwrap());
    assert!(!bench.store.commit_afresh(|tx| schedule::cancel(tx, topic, "c")).unwrap());
    bench.now += 499;
    assert_eq!(bench.values(1, 10), [2]);
    bench.now += 1;
    assert_eq!(bench.values(1, 10), [1]);
}

#[test]
fn a_repeated_message_is_published_once_for_each_time() {
    let mut bench = Bench::plain();
    let (topic, now) = (bench.topic, bench.now);
    let spec = bench.store.read(|view| spec::load(view, topic)).unwrap();
    let repeat = |tx: &mut dyn crate::engine::Transaction| {
        schedule::repeat(tx, &spec, "tick", "* * * * *", 100, &message("", 7), now)
    };
    bench.store.commit_afresh(repeat).unwrap();
    assert!(bench.fetched(1, 1).crons.is_empty());
    bench.now += 100;
    let due = bench.fetched(1, 1).crons;
    assert_eq!((due.len(), due[0].cron.as_deref()), (1, Some("* * * * *")));
    let (now, due) = (bench.now, due[0].due);
    let mut fire =
        || bench.store.commit_afresh(|tx| schedule::fire(tx, &spec, "tick", due, Some(60_000), now)).unwrap();
    assert_eq!([fire(), fire()], [true, false], "two tabs, one message");
    assert_eq!(bench.values(1, 10), [7]);
    assert_eq!(bench.store.read(|view| schedule::list(view, topic, 10)).unwrap()[0].due, now + 60_000);
}

#[test]
fn only_so_many_messages_bytes_and_days_are_kept_and_the_oldest_go() {
    let kept = |wishes: Wishes, later: u64| {
        let mut bench = Bench::new(wishes, &GroupWishes::default());
        for n in 0..30 {
            bench.publish(&[message("", n)]);
            bench.now += later;
        }
        let topic = bench.topic;
        let page = bench.store.read(|view| read::read(view, topic, 0, 100, |_| Ok(true))).unwrap();
        page.messages.iter().map(|(place, _)| place.offset).collect::<Vec<_>>()
    };
    assert_eq!(kept(Wishes { count: Some(5), ..Wishes::default() }, 1), [25, 26, 27, 28, 29]);
    assert_eq!(kept(Wishes { age: Some(25), ..Wishes::default() }, 10), [27, 28, 29]);
    assert!(kept(Wishes { bytes: Some(40), ..Wishes::default() }, 1).len() < 10);
    assert_eq!(kept(Wishes::default(), 1).len(), 30);
}

#[test]
fn a_compacted_topic_keeps_the_newest_of_each_key() {
    let mut bench = Bench::new(Wishes { compact: Some(true), ..Wishes::default() }, &GroupWishes::default());
    bench.publish(&(0..20).map(|n| message(["a", "b", "c"][n as usize % 3], n)).collect::<Vec<_>>());
    let mut values = bench.values(1, 100);
    values.sort_unstable();
    assert_eq!(values, [17, 18, 19]);
}

#[test]
fn a_group_may_begin_anywhere_and_anew_and_others_do_not_notice() {
    let mut bench = Bench::new(Wishes { partitions: Some(2), ..Wishes::default() }, &GroupWishes::default());
    for n in 0..10 {
        bench.publish(&[message("", n)]);
        bench.now += 10;
    }
    let held = bench.fetch(1, 4);
    let mut begin = |from: From| {
        bench.desk(|tx, desk| seek::seek(tx, desk, from)).unwrap();
        let mut values = bench.values(1, 100);
        values.sort_unstable();
        values
    };
    assert_eq!(begin(From::Offset(7)), [7, 8, 9]);
    assert_eq!(begin(From::Time(1_000_055)), [6, 7, 8, 9]);
    assert_eq!(begin(From::End), []);
    assert_eq!(begin(From::Beginning).len(), 10);
    begin(From::End);
    assert_eq!(bench.ack(1, &held), 4, "what was held before is not any more");
    let topic = bench.topic;
    assert_eq!(bench.store.read(|view| seek::offset_at(view, topic, 1_000_055)).unwrap(), 6);
}

#[test]
fn a_paused_group_gets_nothing_until_it_goes_on() {
    let mut bench = Bench::plain();
    bench.publish(&[message("", 1)]);
    let topic = bench.topic;
    let pause = |bench: &mut Bench, paused: bool| {
        let wishes = GroupWishes { paused: Some(paused), ..GroupWishes::default() };
        let spec = bench.store.read(|view| spec::load(view, topic)).unwrap();
        bench.store.commit_afresh(|tx| group::open(tx, &spec, "g", &wishes)).unwrap();
    };
    pause(&mut bench, true);
    assert_eq!(bench.values(1, 1), []);
    pause(&mut bench, false);
    let got = bench.fetch(1, 1);
    bench.settle(1, &[verdict(&got[0], nack(Some(0)))]);
    pause(&mut bench, true);
    assert_eq!(bench.desk(|tx, desk| next_due(tx, desk)).unwrap(), None, "what is due waits, too");
    pause(&mut bench, false);
    assert_eq!(bench.values(1, 1), [1]);
}

#[test]
fn partitions_cannot_change_and_bad_names_are_refused() {
    let mut bench = Bench::plain();
    let mut open = |name: &str, partitions: u64| {
        let wishes = Wishes { partitions: Some(partitions), ..Wishes::default() };
        bench
            .store
            .commit_afresh(|tx| spec::open(tx, name, wishes))
            .map_err(|error| error.reason().unwrap_or("invalid"))
    };
    assert_eq!(open("t", 5).unwrap_err(), "partitions-differ");
    assert!(open("t", 4).is_ok());
    for (name, partitions) in [("", 4), ("a\nb", 4), ("x", 0), ("x", 65)] {
        assert_eq!(open(name, partitions).unwrap_err(), "invalid");
    }
}
