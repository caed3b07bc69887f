//! A group against a simple model, over random operations and cold blocks: nobody holds what another holds, keys keep their order,
//! and in the end every message was acknowledged or is a dead letter, once.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::group::GroupWishes;
use super::publish::lane;
use super::settle::{Settlement, Verdict};
use super::spec::Wishes;
use super::topics_tests::{message, nack, value, verdict, Bench};
use super::{Delivery, NewMessage, PRIORITY};

#[derive(Clone, Debug)]
enum Op {
    Publish(Vec<(u8, bool)>),
    Fetch(u64, usize),
    Ack(usize),
    Nack(usize, Option<u64>),
    Release(usize),
    Wait(u64),
    Evict(u64),
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        3 => prop::collection::vec((0u8..5, any::<bool>()), 1..12).prop_map(Op::Publish),
        6 => (1u64..4, 1usize..8).prop_map(|(member, max)| Op::Fetch(member, max)),
        6 => (0usize..32).prop_map(Op::Ack),
        2 => (0usize..32, prop::option::of(0u64..3000)).prop_map(|(at, delay)| Op::Nack(at, delay)),
        1 => (0usize..32).prop_map(Op::Release),
        2 => (0u64..40_000).prop_map(Op::Wait),
        1 => (1u64..4).prop_map(Op::Evict),
    ]
}

/// What became of a message.
#[derive(Clone, Copy, Debug, PartialEq)]
enum State {
    Open,
    Held(u64),
    Done,
}

struct Model {
    bench: Bench,
    /// Of each message: key, lane and state.
    messages: Vec<(String, u8, State)>,
    hands: Vec<(u64, Delivery)>,
    dead: usize,
}

impl Model {
    fn give(&mut self, member: u64, deliveries: Vec<Delivery>) {
        for delivery in deliveries {
            let at = value(&delivery) as usize;
            let (key, lane, _) = self.messages[at].clone();
            if !key.is_empty() {
                let earlier = &self.messages[..at];
                let open = earlier.iter().filter(|one| one.0 == key && one.1 == lane && one.2 != State::Done);
                assert_eq!(open.count(), 0, "an earlier message of key {key} is not done");
            }
            // A lease whose time is over may be taken back; the model learns of it here.
            self.hands.retain(|(_, held)| held.place != delivery.place);
            assert_ne!(self.messages[at].2, State::Done, "it was done");
            self.messages[at].2 = State::Held(member);
            self.hands.push((member, delivery));
        }
    }

    fn settle(&mut self, at: usize, kind: Verdict) {
        if self.hands.is_empty() {
            return;
        }
        let (member, delivery) = self.hands.swap_remove(at % self.hands.len());
        let done = kind == Verdict::Ack;
        let one: Settlement = verdict(&delivery, kind);
        let refused = self.bench.settle(member, &[one]);
        let at = value(&delivery) as usize;
        if refused == 0 {
            self.messages[at].2 = if done { State::Done } else { State::Open };
        }
        self.bury();
    }

    /// Learns which messages have died.
    fn bury(&mut self) {
        let dead = self.bench.dead();
        if dead.len() == self.dead {
            return;
        }
        self.dead = dead.len();
        for (_, past) in &dead {
            let offset = past.split("\"offset\":").nth(1).and_then(|rest| rest.split(',').next()).unwrap();
            self.messages[offset.parse::<usize>().unwrap()].2 = State::Done;
        }
    }

    fn run(&mut self, op: Op) {
        match op {
            Op::Publish(list) => {
                let mut batch = Vec::new();
                for (key, urgent) in list {
                    let key = if key == 0 { String::new() } else { format!("k{key}") };
                    let lane = lane(Some(if urgent { 9 } else { PRIORITY.into() })).unwrap();
                    batch.push(NewMessage { lane, ..message(&key, self.messages.len() as u64) });
                    self.messages.push((key, lane, State::Open));
                }
                self.bench.publish(&batch);
            }
            Op::Fetch(member, max) => {
                let got = self.bench.fetch(member, max);
                self.bury();
                assert!(got.len() <= max);
                self.give(member, got);
            }
            Op::Ack(at) => self.settle(at, Verdict::Ack),
            Op::Nack(at, delay) => self.settle(at, nack(delay)),
            Op::Release(at) => self.settle(at, Verdict::Release),
            Op::Wait(ms) => self.bench.now += ms,
            Op::Evict(member) => {
                self.bench.desk(|tx, desk| desk.evict(tx, member)).unwrap();
                self.bury();
            }
        }
    }

    fn drain(&mut self) {
        for _ in 0..10_000 {
            self.bench.now += 61_000;
            let got = self.bench.fetch(9, 100);
            self.bury();
            if got.is_empty() && self.bench.lag() == 0 {
                return;
            }
            self.give(9, got);
            while !self.hands.is_empty() {
                self.settle(0, Verdict::Ack);
            }
        }
        panic!("it does not end: {} are left", self.bench.lag());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    #[test]
    fn whatever_members_do_nothing_is_lost_doubled_or_out_of_order(
        ops in prop::collection::vec(op(), 1..60), cold in 0u64..3, seed: u64,
    ) {
        let wishes = GroupWishes { deliveries: Some(3), ..GroupWishes::default() };
        let bench = Bench::new(Wishes::default(), &wishes);
        let mut model = Model { bench, messages: Vec::new(), hands: Vec::new(), dead: 0 };
        if cold > 0 {
            model.bench.store.inject_misses(cold * 3, seed);
        }
        ops.into_iter().for_each(|op| model.run(op));
        model.drain();
        prop_assert!(model.messages.iter().all(|one| one.2 == State::Done));
        let progress = model.bench.desk(|_, desk| Ok(desk.progress.clone())).unwrap();
        prop_assert_eq!((progress.held, progress.blocked), (0, 0));
        let mut kinds = BTreeMap::new();
        for key in model.bench.store.entries().keys().filter(|key| key[0] == super::keys::TOPIC) {
            *kinds.entry(key[1]).or_insert(0) += 1;
        }
        prop_assert!(!b"dxwlb".iter().any(|kind| kinds.contains_key(kind)), "something is left: {:?}", kinds);
    }
}
