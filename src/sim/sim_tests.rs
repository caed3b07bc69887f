//! The simulation does what it says: time, order, locks, announcements, kills, freezes, replay.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use tidewell_core::base::{Clock, Rng};
use tidewell_core::disk::{Area, Batch, BlobName, BlobRange, Disk, DiskError, Durability, FaultPlan};
use tidewell_core::engine::{LockMode, Platform};

use super::{Sim, SimOptions, Stalled};

type Log<T> = Rc<RefCell<Vec<T>>>;

fn insert(id: u64, tab: u8) -> Batch {
    Batch { inserts: vec![(BlobName::log(id), vec![tab])], ..Batch::default() }
}

/// Several tabs append to one log by conditional insert; answers who got which position, and the world.
fn race(seed: u64) -> (Vec<u8>, Sim) {
    let sim = Sim::new(seed);
    let storage = sim.storage(FaultPlan::none());
    let writers = (0..4u8).map(|tab| {
        let disk = storage.open();
        sim.tab().run(async move {
            let mut position = 1;
            for _ in 0..10 {
                while let Err(error) = disk.commit(insert(position, tab), Durability::Relaxed).await {
                    assert_eq!(error, DiskError::Exists(BlobName::log(position)));
                    position += 1;
                }
            }
        })
    });
    let writers: Vec<_> = writers.collect();
    let disk = storage.open();
    let log = sim.run(async move {
        for writer in writers {
            writer.await.unwrap();
        }
        disk.scan(BlobRange::all(Area::Log), 1000).await.unwrap()
    });
    (log.unwrap().into_iter().map(|(_, tab)| tab[0]).collect(), sim)
}

#[test]
fn the_same_seed_takes_the_same_way_and_other_seeds_take_others() {
    let (first, again) = (race(1), race(1));
    assert_eq!(first.0, again.0);
    assert_eq!(first.1.fingerprint(), again.1.fingerprint());
    let mut ways: Vec<u64> = (0..20).map(|seed| race(seed).1.fingerprint()).collect();
    ways.sort_unstable();
    ways.dedup();
    assert_eq!(ways.len(), 20);
}

#[test]
fn tabs_interleave_at_disk_operations() {
    for seed in 0..20 {
        let order = race(seed).0;
        assert_eq!(order.len(), 40);
        let turns = order.windows(2).filter(|pair| pair[0] != pair[1]).count();
        assert!(turns > 10, "seed {seed}: {order:?}");
    }
}

#[test]
fn time_jumps_from_timer_to_timer_and_sleepers_wake_in_order() {
    let sim = Sim::new(1);
    let woken: Log<(u32, f64)> = Rc::default();
    let sleepers: Vec<_> = [300, 100, 200]
        .map(|ms| {
            let (tab, woken) = (sim.tab(), Rc::clone(&woken));
            let clock = Rc::clone(&tab);
            tab.run(async move {
                clock.sleep(f64::from(ms)).await;
                woken.borrow_mut().push((ms, clock.monotonic_ms()));
            })
        })
        .into();
    sim.run(async move {
        for sleeper in sleepers {
            sleeper.await;
        }
    })
    .unwrap();
    let woken = woken.take();
    assert_eq!(woken.iter().map(|(ms, _)| *ms).collect::<Vec<_>>(), [100, 200, 300]);
    assert!(woken.iter().all(|&(ms, at)| at >= f64::from(ms) && at < f64::from(ms) + 1.0), "{woken:?}");
}

#[test]
fn a_world_that_cannot_go_on_says_so() {
    let sim = Sim::new(1);
    assert_eq!(sim.run(std::future::pending::<()>()), Err(Stalled::Deadlock));
    let sim = Sim::with(1, SimOptions { steps_max: 1000, ..SimOptions::default() });
    let endless = sim.clone();
    let spin = async move {
        loop {
            endless.sleep(1.0).await;
        }
    };
    assert_eq!(sim.run(spin).map(|(): ()| ()), Err(Stalled::Livelock));
}

#[test]
fn an_exclusive_lock_excludes_and_shared_ones_share() {
    for seed in 0..30 {
        let sim = Sim::new(seed);
        let inside = Rc::new(Cell::new((0i32, 0i32)));
        let shared_max = Rc::new(Cell::new(0));
        let tasks: Vec<_> = (0..6)
            .map(|number| {
                let (tab, inside, shared_max) = (sim.tab(), Rc::clone(&inside), Rc::clone(&shared_max));
                let platform = Rc::clone(&tab);
                let exclusive = number % 3 == 0;
                tab.run(async move {
                    let mode = if exclusive { LockMode::Exclusive } else { LockMode::Shared };
                    let change = |by: i32| {
                        let (e, s) = inside.get();
                        inside.set(if exclusive { (e + by, s) } else { (e, s + by) });
                    };
                    for _ in 0..5 {
                        let guard = platform.lock("name", mode).await.unwrap();
                        change(1);
                        let (exclusives, shared) = inside.get();
                        assert!(exclusives <= 1 && (exclusives == 0 || shared == 0), "{exclusives} {shared}");
                        shared_max.set(shared_max.get().max(shared));
                        platform.sleep(3.0).await;
                        change(-1);
                        drop(guard);
                    }
                })
            })
            .collect();
        sim.run(async move {
            for task in tasks {
                task.await.unwrap();
            }
        })
        .unwrap();
        assert!(shared_max.get() > 1);
    }
}

#[test]
fn a_killed_tab_lets_go_of_its_locks_and_a_frozen_one_does_not() {
    let sim = Sim::new(5);
    let (holder, waiter) = (sim.tab(), sim.tab());
    let platform = Rc::clone(&holder);
    let held = holder.run(async move {
        let guard = platform.lock("writer-1", LockMode::Exclusive).await;
        platform.sleep(1e9).await;
        drop(guard);
    });
    let granted = Rc::new(Cell::new(false));
    sim.run_for(10.0);
    let (platform, set) = (Rc::clone(&waiter), Rc::clone(&granted));
    drop(waiter.run(async move {
        let _guard = platform.lock("writer-1", LockMode::Exclusive).await;
        set.set(true);
        platform.sleep(1e9).await;
    }));
    holder.freeze();
    sim.run_for(1000.0);
    assert!(!granted.get());
    assert_eq!(sim.run(waiter.held_locks("writer")), Ok(Some(vec!["writer-1".to_owned()])));
    holder.kill();
    sim.run_for(1.0);
    assert!(granted.get());
    assert_eq!(sim.run(held), Ok(None), "a killed task has no result");
}

#[test]
fn without_locks_there_are_none() {
    let sim = Sim::with(1, SimOptions { locks: false, ..SimOptions::default() });
    let tab = sim.tab();
    assert!(sim.run(tab.lock("name", LockMode::Shared)).unwrap().is_none());
    assert_eq!(sim.run(tab.held_locks("")), Ok(None));
}

#[test]
fn announcements_reach_others_late_in_any_order_or_not_at_all() {
    let sim = Sim::with(3, SimOptions { drop_one_in: 10, ..SimOptions::default() });
    let (sender, receiver) = (sim.tab(), sim.tab());
    let heard: Log<u8> = Rc::default();
    for (tab, offset) in [(&sender, 100), (&receiver, 0)] {
        let heard = Rc::clone(&heard);
        tab.on_announce(Rc::new(move |message| heard.borrow_mut().push(message[0] + offset)));
    }
    (0..100).for_each(|number| sender.announce(&[number]));
    assert!(heard.borrow().is_empty(), "nothing arrives at once");
    sim.run_for(100.0);
    let heard = heard.take();
    assert!((70..100).contains(&heard.len()), "{}", heard.len());
    assert!(!heard.is_sorted() && heard.iter().all(|&number| number < 100), "nothing comes back to the sender");
}

#[test]
fn a_frozen_tab_stands_still_and_goes_on_when_thawed() {
    let sim = Sim::new(9);
    let tab = sim.tab();
    let steps = Rc::new(Cell::new(0));
    let (platform, counter) = (Rc::clone(&tab), Rc::clone(&steps));
    drop(tab.run(async move {
        loop {
            platform.sleep(1.0).await;
            counter.set(counter.get() + 1);
        }
    }));
    sim.run_for(50.0);
    tab.freeze();
    assert!(!tab.is_running());
    let before = steps.get();
    assert!(before > 10);
    sim.run_for(1000.0);
    assert_eq!(steps.get(), before);
    tab.thaw();
    sim.run_for(50.0);
    assert!(steps.get() > before);
    tab.kill();
    let last = steps.get();
    sim.run_for(50.0);
    assert_eq!(steps.get(), last);
}

#[test]
fn a_commit_of_a_killed_tab_happens_or_not() {
    let mut happened = 0;
    for seed in 0..100 {
        let sim = Sim::new(seed);
        let storage = sim.storage(FaultPlan::none());
        let (tab, disk, reader) = (sim.tab(), storage.open(), storage.open());
        drop(tab.run(async move { disk.commit(insert(1, 1), Durability::Strict).await }));
        sim.run_for(0.1 * (seed % 10) as f64);
        tab.kill();
        let look = async move {
            for _ in 0..50 {
                reader.read(&[]).await.unwrap();
            }
            reader.read(&[BlobName::log(1)]).await.unwrap()[0].is_some()
        };
        happened += u32::from(sim.run(look).unwrap());
    }
    assert!((20..80).contains(&happened), "{happened}");
}

#[test]
fn the_world_ends_with_its_last_handle() {
    let sim = Sim::new(1);
    let (tab, alive) = (sim.tab(), Rc::new(()));
    let (platform, held) = (Rc::clone(&tab), Rc::clone(&alive));
    drop(tab.run(async move {
        platform.sleep(1e9).await;
        drop(held);
    }));
    sim.run_for(1.0);
    assert_eq!(Rc::strong_count(&alive), 2);
    drop(sim);
    assert_eq!(Rc::strong_count(&alive), 1);
}

#[test]
fn tabs_draw_different_numbers_and_disagree_about_the_date() {
    let sim = Sim::new(1);
    let (one, two) = (sim.tab(), sim.tab());
    assert_ne!(one.next_u64(), two.next_u64());
    assert!((one.wall_ms() - two.wall_ms()).abs() > 1000.0);
    assert_eq!(one.monotonic_ms(), two.monotonic_ms());
}
