//! The faulty disk is a disk, and its faults are what they say.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::future::{ready, Future};
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use super::conformance::{check_all, run, Opener};
use super::{
    Area, Batch, BlobName, BlobRange, Disk, DiskError, Durability, Fault, FaultPlan, FaultyDisk, FaultyStorage,
    LocalFuture, RangeReads,
};

/// Runs to the end, or to the crash.
fn until_crash<T>(future: impl Future<Output = T>) -> Option<T> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => Some(value),
        Poll::Pending => None,
    }
}

fn pair(id: u64) -> Batch {
    let bytes = id.to_le_bytes().to_vec();
    Batch {
        inserts: vec![(BlobName::log(id), bytes.clone())],
        puts: vec![(BlobName::table(id, 0), bytes)],
        ..Batch::default()
    }
}

fn commit(disk: &FaultyDisk, id: u64) -> Result<RangeReads, DiskError> {
    run(disk.commit(pair(id), Durability::Relaxed))
}

/// The ids whose pair is whole. Half a pair fails the test.
fn whole(storage: &Rc<FaultyStorage>) -> Vec<u64> {
    let disk = storage.open();
    let ids = |area| {
        let found = run(disk.scan(BlobRange::all(area), 1000)).unwrap();
        found.into_iter().map(|(name, _)| name.id).collect::<Vec<_>>()
    };
    assert_eq!(ids(Area::Log), ids(Area::Table), "half a commit");
    ids(Area::Log)
}

/// Commits 1 to 10, every fourth strict. Answers the last strict one and the last one acknowledged.
async fn workload(disk: &FaultyDisk, acknowledged: &RefCell<(u64, u64)>) {
    for id in 1..=10 {
        let durability = if id % 4 == 0 { Durability::Strict } else { Durability::Relaxed };
        if disk.commit(pair(id), durability).await.is_ok() {
            let mut acknowledged = acknowledged.borrow_mut();
            acknowledged.1 = id;
            if durability == Durability::Strict {
                acknowledged.0 = id;
            }
        }
    }
}

/// Crashes the workload at every operation with many seeds; `check` sees (strict, acknowledged, what is there).
fn crash_everywhere(fault: Fault, check: impl Fn(u64, u64, &[u64])) {
    for seed in 0..50 {
        for n in 1..=10 {
            let storage = FaultyStorage::in_memory(FaultPlan::nth(seed, n, fault));
            let acknowledged = RefCell::default();
            assert_eq!(until_crash(workload(&storage.open(), &acknowledged)), None);
            assert!(storage.crashed());
            assert_eq!(storage.fired(), [(n, fault)]);
            run(storage.restart(FaultPlan::none()));
            let there = whole(&storage);
            assert_eq!(there, (1..=there.len() as u64).collect::<Vec<_>>(), "a hole");
            let (strict, relaxed) = acknowledged.into_inner();
            check(strict, relaxed, &there);
        }
    }
}

#[test]
fn without_faults_it_keeps_every_promise_of_a_disk() {
    struct Faulty(RefCell<BTreeMap<String, Rc<FaultyStorage>>>);
    impl Opener for Faulty {
        fn open<'a>(&'a self, name: &'a str) -> LocalFuture<'a, Result<Rc<dyn Disk>, DiskError>> {
            // With a power cut planned for later it also remembers the past, which must not show.
            let plan = || FaultyStorage::in_memory(FaultPlan::nth(1, u64::MAX, Fault::CrashPowerCut));
            let storage = Rc::clone(self.0.borrow_mut().entry(name.to_owned()).or_insert_with(plan));
            Box::pin(ready(Ok(Rc::new(storage.open()) as Rc<dyn Disk>)))
        }
    }
    run(check_all(&Faulty(RefCell::default()))).unwrap();
}

#[test]
fn a_kill_keeps_every_acknowledged_commit_and_at_most_the_one_in_flight_besides() {
    let outcomes = RefCell::new([0; 2]);
    crash_everywhere(Fault::CrashKill, |_, acknowledged, there| {
        let extra = there.len() as u64 - acknowledged;
        outcomes.borrow_mut()[extra as usize] += 1;
    });
    assert!(outcomes.into_inner().iter().all(|&count| count > 100), "both outcomes happen");
}

#[test]
fn a_power_cut_loses_the_newest_relaxed_commits_and_never_a_strict_one() {
    for fault in [Fault::CrashPowerCut, Fault::CrashReordered] {
        let lost = RefCell::new(0);
        crash_everywhere(fault, |strict, acknowledged, there| {
            assert!(there.len() as u64 >= strict);
            *lost.borrow_mut() += usize::from((there.len() as u64) < acknowledged);
        });
        assert!(lost.into_inner() > 50, "relaxed commits are lost now and then");
    }
}

#[test]
fn a_power_cut_brings_back_what_was_deleted_and_replaced() {
    let mut came_back = 0;
    for seed in 0..20 {
        let storage = FaultyStorage::in_memory(FaultPlan::nth(seed, 4, Fault::CrashPowerCut));
        let disk = storage.open();
        let block = |part, text: &str| (BlobName::table(1, part), text.as_bytes().to_vec());
        let old = Batch { puts: vec![block(0, "a"), block(1, "b")], ..Batch::default() };
        run(disk.commit(old, Durability::Strict)).unwrap();
        run(disk.commit(Batch { puts: vec![block(1, "new")], ..Batch::default() }, Durability::Relaxed)).unwrap();
        let deletes = vec![BlobRange::one(Area::Table, 1)];
        run(disk.commit(Batch { deletes, ..Batch::default() }, Durability::Relaxed)).unwrap();
        assert!(until_crash(disk.read(&[])).is_none());
        run(storage.restart(FaultPlan::none()));
        let seen = run(storage.open().read(&[BlobName::table(1, 0), BlobName::table(1, 1)])).unwrap();
        let text = |blob: &str| Some(blob.as_bytes().to_vec());
        match seen.as_slice() {
            [None, None] => {}
            [a, b] if *a == text("a") && (*b == text("b") || *b == text("new")) => came_back += 1,
            other => panic!("neither of the three states: {other:?}"),
        }
    }
    assert!(came_back > 5);
}

#[test]
fn a_torn_commit_is_damaged_and_the_ones_before_are_not() {
    let mut damaged = 0;
    for seed in 0..100 {
        let storage = FaultyStorage::in_memory(FaultPlan::nth(seed, 3, Fault::CrashTorn));
        let disk = storage.open();
        commit(&disk, 1).unwrap();
        commit(&disk, 2).unwrap();
        assert!(until_crash(disk.commit(pair(3), Durability::Strict)).is_none());
        run(storage.restart(FaultPlan::none()));
        let names = [1, 2, 3].map(BlobName::log);
        let seen = run(storage.open().read(&names)).unwrap();
        let expected = |id: u64| Some(id.to_le_bytes().to_vec());
        assert_eq!(seen[..2], [expected(1), expected(2)]);
        damaged += usize::from(seen[2].is_some() && seen[2] != expected(3));
    }
    assert!(damaged > 10, "{damaged}");
}

#[test]
fn nothing_answers_after_a_crash_until_the_restart_and_old_handles_never() {
    let storage = FaultyStorage::in_memory(FaultPlan::none());
    let disk = storage.open();
    run(storage.crash_now(Fault::CrashKill));
    assert!(until_crash(disk.read(&[])).is_none());
    run(storage.restart(FaultPlan::none()));
    assert!(until_crash(disk.read(&[])).is_none());
    assert_eq!(run(storage.open().read(&[])), Ok(vec![]));
}

#[test]
fn a_failed_operation_happened_only_where_its_error_allows() {
    for (fault, may_happen) in [
        (Fault::Unavailable, false),
        (Fault::Quota, false),
        (Fault::Interrupted, true),
        (Fault::ConnectionLost, true),
        (Fault::Hang, true),
    ] {
        let mut happened = 0;
        for seed in 0..60 {
            let storage = FaultyStorage::in_memory(FaultPlan::nth(seed, 1, fault));
            let disk = storage.open();
            assert!(commit(&disk, 1).is_err());
            run(disk.settle()).unwrap();
            let settled = whole(&storage);
            (0..20).for_each(|_| assert_eq!(whole(&storage), settled, "it happened after settle resolved"));
            happened += settled.len();
        }
        assert_eq!(happened > 10 && happened < 50, may_happen, "{fault:?} happened {happened} times of 60");
    }
}

#[test]
fn a_hanging_commit_may_happen_between_the_deadline_and_settle() {
    let mut late = 0;
    for seed in 0..60 {
        let storage = FaultyStorage::in_memory(FaultPlan::nth(seed, 1, Fault::Hang));
        let disk = storage.open();
        assert!(matches!(commit(&disk, 1), Err(DiskError::Interrupted(_))));
        let other = storage.open();
        let records = || run(other.scan(BlobRange::all(Area::Log), 9)).unwrap().len();
        let seen: Vec<usize> = (0..10).map(|_| records()).collect();
        late += usize::from(seen[0] == 0 && seen[9] == 1);
    }
    assert!(late > 5, "{late}");
}

#[test]
fn a_byte_quota_refuses_growth_allows_deletes_and_can_be_lifted() {
    let storage = FaultyStorage::in_memory("quota=100".parse().unwrap());
    let disk = storage.open();
    (1..=6).for_each(|id| drop(commit(&disk, id).unwrap()));
    assert!(matches!(commit(&disk, 7), Err(DiskError::Quota(_))));
    assert_eq!(storage.bytes(), 96);
    let deletes = vec![BlobRange::one(Area::Log, 1), BlobRange::one(Area::Table, 1)];
    run(disk.commit(Batch { deletes, ..Batch::default() }, Durability::Relaxed)).unwrap();
    commit(&disk, 7).unwrap();
    assert!(commit(&disk, 8).is_err());
    storage.set_quota(None);
    commit(&disk, 8).unwrap();
    assert_eq!(whole(&storage), [2, 3, 4, 5, 6, 7, 8]);
}

#[test]
fn a_bit_flip_changes_one_bit_of_an_answer_and_nothing_stored() {
    let storage = FaultyStorage::in_memory(FaultPlan::nth(3, 2, Fault::BitFlip));
    let disk = storage.open();
    commit(&disk, 1).unwrap();
    let names = [BlobName::log(1), BlobName::table(1, 0)];
    let bits = |seen: Vec<Option<Vec<u8>>>| {
        let bytes: Vec<u8> = seen.into_iter().flatten().flatten().collect();
        bytes.iter().zip([1, 0, 0, 0, 0, 0, 0, 0].repeat(2)).map(|(a, b)| (a ^ b).count_ones()).sum::<u32>()
    };
    assert_eq!(bits(run(disk.read(&names)).unwrap()), 1);
    assert_eq!(bits(run(disk.read(&names)).unwrap()), 0);
}

#[test]
fn cleared_storage_is_lost_to_those_who_had_it_open_and_empty_to_the_next() {
    let storage = FaultyStorage::in_memory(FaultPlan::nth(1, 3, Fault::Cleared));
    let (disk, other) = (storage.open(), storage.open());
    commit(&disk, 1).unwrap();
    commit(&disk, 2).unwrap();
    assert!(matches!(commit(&disk, 3), Err(DiskError::Lost(_))));
    assert!(matches!(run(other.read(&[])), Err(DiskError::Lost(_))));
    assert!(whole(&storage).is_empty());
}

#[test]
fn the_same_plan_replays_the_same_faults_and_the_same_storage() {
    let play = || {
        let faults = [Fault::Interrupted, Fault::Hang, Fault::Unavailable, Fault::ConnectionLost];
        let storage = FaultyStorage::in_memory(FaultPlan::one_in(42, 3, &faults));
        let disk = storage.open();
        let results: Vec<_> = (1..50).map(|id| commit(&disk, id)).collect();
        let fired = storage.fired();
        run(storage.restart(FaultPlan::none()));
        (results, fired, whole(&storage))
    };
    let first = play();
    assert!(first.1.len() > 5);
    assert_eq!(first, play());
}

#[test]
fn another_plan_takes_over_while_handles_stay_open_and_its_quota_counts_from_there() {
    let storage = FaultyStorage::in_memory(FaultPlan::none());
    let disk = storage.open();
    commit(&disk, 1).unwrap();
    storage.replan("seed=3 2:unavailable".parse().unwrap());
    commit(&disk, 2).unwrap();
    assert!(matches!(commit(&disk, 3), Err(DiskError::Unavailable(_))));
    storage.replan("seed=3 quota=16".parse().unwrap());
    commit(&disk, 3).unwrap();
    assert!(matches!(commit(&disk, 4), Err(DiskError::Quota(_))));
    storage.replan(FaultPlan::none());
    commit(&disk, 4).unwrap();
    assert_eq!(whole(&storage), [1, 2, 3, 4]);
}
