//! The engine in simulated tabs: the ways of a write and a read, one claim each.

#![cfg(test)]

use std::rc::Rc;

use tidewell_core::base::{Error, ErrorKind, Result};
use tidewell_core::disk::{Area, Batch, BlobRange, Disk, FaultPlan};
use tidewell_core::engine::{
    Direction, Durability, Engine, EngineOptions, KeyRange, LockMode, Platform, Read, Step, Transaction, RETRY,
};
use tidewell_sim::Sim;

struct World {
    sim: Sim,
    storage: Rc<tidewell_core::disk::FaultyStorage>,
}

fn options() -> EngineOptions {
    EngineOptions { memory_budget: 2 << 20, ..EngineOptions::new("test") }
}

impl World {
    fn new(seed: u64) -> Self {
        let sim = Sim::new(seed);
        let storage = sim.storage(FaultPlan::none());
        Self { sim, storage }
    }

    /// Opens an instance in a tab of its own.
    async fn open(&self) -> Result<Engine> {
        let platform = self.sim.tab();
        let engine = Engine::open(Rc::new(self.storage.open()), platform.clone(), None, options()).await?;
        let receiver = engine.clone();
        platform.on_announce(Rc::new(move |message| receiver.receive(message)));
        Ok(engine)
    }
}

fn check<F: std::future::Future<Output = ()> + 'static>(seeds: u64, claim: impl Fn(Rc<World>) -> F) {
    for seed in 0..seeds {
        let world = Rc::new(World::new(seed));
        world.sim.run(claim(Rc::clone(&world))).unwrap_or_else(|stalled| panic!("seed {seed}: {stalled:?}"));
    }
}

async fn put(engine: &Engine, key: &str, value: &str) -> Result<u64> {
    let (key, value) = (key.to_owned(), value.to_owned());
    let committed = engine.commit(Durability::Relaxed, move |tx| tx.put(key.as_bytes(), value.as_bytes())).await?;
    Ok(committed.position)
}

fn get(view: &dyn Read, key: &str) -> Step<Option<String>> {
    let mut value = Vec::new();
    Ok(view.get(key.as_bytes(), &mut value)?.then(|| String::from_utf8(value).unwrap()))
}

async fn read(engine: &Engine, key: &str) -> Option<String> {
    engine.read(|view| get(view, key)).await.unwrap()
}

async fn all(engine: &Engine) -> Vec<(String, String)> {
    engine
        .read(|view| {
            let mut cursor = view.cursor(KeyRange::prefix(b""), Direction::Forward);
            let mut found = Vec::new();
            while cursor.advance()? {
                let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
                found.push((text(cursor.key()), text(cursor.value())));
            }
            Ok(found)
        })
        .await
        .unwrap()
}

#[test]
fn what_was_written_is_read_by_the_same_tab_another_tab_and_the_next_one() {
    check(10, |world| async move {
        let one = world.open().await.unwrap();
        let two = world.open().await.unwrap();
        put(&one, "a", "1").await.unwrap();
        assert_eq!(read(&one, "a").await.as_deref(), Some("1"));
        two.catch_up().await.unwrap();
        assert_eq!(read(&two, "a").await.as_deref(), Some("1"));
        put(&two, "a", "2").await.unwrap();
        one.close().await;
        two.close().await;
        let three = world.open().await.unwrap();
        assert_eq!(all(&three).await, [("a".to_owned(), "2".to_owned())]);
    });
}

#[test]
fn tabs_that_add_to_one_counter_lose_nothing() {
    check(30, |world| async move {
        let mut tabs = Vec::new();
        for _ in 0..4 {
            tabs.push(world.open().await.unwrap());
        }
        let work: Vec<_> = tabs
            .iter()
            .map(|engine| {
                let engine = engine.clone();
                let tab = world.sim.tab();
                tab.run(async move {
                    for _ in 0..20 {
                        engine.commit(Durability::Relaxed, |tx| tx.add(b"n", 1)).await.unwrap();
                    }
                })
            })
            .collect();
        for task in work {
            task.await.unwrap();
        }
        let late = world.open().await.unwrap();
        let mut value = Vec::new();
        late.read(|view| view.get(b"n", &mut value)).await.unwrap();
        assert_eq!(i64::from_le_bytes(value[..8].try_into().unwrap()), 80);
    });
}

#[test]
fn flushed_data_is_read_from_tables_and_the_log_is_cut() {
    check(5, |world| async move {
        let engine = world.open().await.unwrap();
        for i in 0..3000 {
            put(&engine, &format!("key{i:04}"), &"x".repeat(500)).await.unwrap();
        }
        let before = all(&engine).await;
        engine.compact().await.unwrap();
        assert_eq!(all(&engine).await, before);
        let report = engine.report();
        assert_eq!(report.floor, report.flushed);
        assert!(report.levels.iter().map(|level| level.entries).sum::<u64>() >= 3000, "{report:?}");
        put(&engine, "key0007", "new").await.unwrap();
        engine.close().await;
        let again = world.open().await.unwrap();
        assert_eq!(read(&again, "key0007").await.as_deref(), Some("new"));
        assert_eq!(read(&again, "key0008").await, Some("x".repeat(500)));
        assert_eq!(all(&again).await.len(), 3000);
    });
}

#[test]
fn a_snapshot_keeps_its_position_over_writes_and_flushes() {
    check(10, |world| async move {
        let engine = world.open().await.unwrap();
        put(&engine, "a", "old").await.unwrap();
        let snapshot = engine.snapshot().unwrap();
        put(&engine, "a", "new").await.unwrap();
        put(&engine, "b", "new").await.unwrap();
        engine.compact().await.unwrap();
        let seen = engine.read_at(&snapshot, |view| Ok((get(view, "a")?, get(view, "b")?))).await.unwrap();
        assert_eq!(seen, (Some("old".to_owned()), None));
        assert_eq!(read(&engine, "a").await.as_deref(), Some("new"));
    });
}

#[test]
fn a_failed_job_leaves_nothing_and_its_neighbours_stay() {
    check(10, |world| async move {
        let engine = world.open().await.unwrap();
        let good = put(&engine, "good", "1");
        let bad = engine.commit(Durability::Relaxed, |tx| -> Step<()> {
            tx.put(b"bad", b"1")?;
            Err(tidewell_core::base::Error::invalid("no").into())
        });
        let also = put(&engine, "also", "1");
        // All three wait in one queue.
        let (bad, good, also) = (bad.await, good.await, also.await);
        assert_eq!(bad.unwrap_err().kind(), ErrorKind::Invalid);
        good.unwrap();
        also.unwrap();
        assert_eq!(all(&engine).await.len(), 2);
    });
}

#[test]
fn a_transaction_that_read_what_another_changed_must_run_again() {
    check(10, |world| async move {
        let engine = world.open().await.unwrap();
        put(&engine, "a", "1").await.unwrap();
        let mut slow = engine.begin().await.unwrap();
        slow.run(|tx| get(tx, "a")).await.unwrap();
        put(&engine, "a", "2").await.unwrap();
        slow.run(|tx: &mut dyn Transaction| tx.put(b"b", b"from a=1")).await.unwrap();
        assert_eq!(slow.commit(Durability::Relaxed).await.unwrap_err().reason(), Some(RETRY));
        assert_eq!(read(&engine, "b").await, None);
    });
}

#[test]
fn a_transaction_finds_out_that_what_it_read_was_deleted_though_compaction_dropped_the_delete() {
    check(10, |world| async move {
        let (engine, other) = (world.open().await.unwrap(), world.open().await.unwrap());
        for deletes_here in [true, false] {
            for key in ["a", "b", "x"] {
                put(&engine, key, "1").await.unwrap();
            }
            engine.compact().await.unwrap();
            let (mut by_key, mut by_range) = (engine.begin().await.unwrap(), engine.begin().await.unwrap());
            let mut elsewhere = engine.begin().await.unwrap();
            assert_eq!(by_key.run(|tx| get(tx, "a")).await.unwrap().as_deref(), Some("1"));
            assert!(by_range.run(|tx| tx.cursor(KeyRange::prefix(b"b"), Direction::Forward).advance()).await.unwrap());
            elsewhere.run(|tx| get(tx, "zz")).await.unwrap();
            let deleting = if deletes_here { &engine } else { &other };
            let deletes = |tx: &mut dyn Transaction| [b"a", b"b"].iter().try_for_each(|key| tx.delete(*key));
            deleting.commit(Durability::Relaxed, deletes).await.unwrap();
            deleting.compact().await.unwrap();
            for mut tx in [by_key, by_range] {
                tx.run(|tx: &mut dyn Transaction| tx.put(b"a", b"2")).await.unwrap();
                assert_eq!(tx.commit(Durability::Relaxed).await.unwrap_err().reason(), Some(RETRY));
            }
            elsewhere.run(|tx: &mut dyn Transaction| tx.put(b"z", b"1")).await.unwrap();
            // Of what another tab cut off the log only a fresh look tells.
            assert!(elsewhere.commit(Durability::Relaxed).await.is_ok() || !deletes_here);
            assert_eq!(read(&engine, "a").await, None);
            // Whoever begins after it has nothing to find out.
            let mut after = engine.begin().await.unwrap();
            assert_eq!(after.run(|tx| get(tx, "a")).await.unwrap(), None);
            after.run(|tx: &mut dyn Transaction| tx.put(b"a", b"3")).await.unwrap();
            after.commit(Durability::Relaxed).await.unwrap();
        }
    });
}

#[test]
fn writes_that_are_taken_back_leave_no_memory_behind_that_a_flush_would_wait_for() {
    check(3, |world| async move {
        let engine = world.open().await.unwrap();
        put(&engine, "a", "1").await.unwrap();
        engine.flush().await.unwrap();
        for _ in 0..5 {
            let large = |tx: &mut dyn Transaction| {
                for n in 0..40 {
                    tx.put(format!("large{n}").as_bytes(), &[7; 50_000])?;
                }
                Err::<(), _>(Error::invalid("changed its mind").into())
            };
            engine.commit(Durability::Relaxed, large).await.unwrap_err();
        }
        assert_eq!(engine.report().memtable_bytes, 0);
        let begun_ms = world.sim.now_ms();
        put(&engine, "b", "2").await.unwrap();
        assert!(world.sim.now_ms() - begun_ms < 1000.0, "a write waits for room");
    });
}

#[test]
fn a_transaction_sees_its_own_writes_in_order() {
    check(5, |world| async move {
        let engine = world.open().await.unwrap();
        for key in ["a", "c", "e"] {
            put(&engine, key, "base").await.unwrap();
        }
        let mut tx = engine.begin().await.unwrap();
        let keys = tx
            .run(|tx| {
                tx.put(b"b", b"own")?;
                tx.delete(b"c")?;
                tx.put(b"e", b"own")?;
                let mut keys = Vec::new();
                let mut cursor = tx.cursor(KeyRange::prefix(b""), Direction::Backward);
                while cursor.advance()? {
                    keys.push(format!("{}={}", cursor.key()[0] as char, cursor.value().len()));
                }
                Ok(keys)
            })
            .await
            .unwrap();
        assert_eq!(keys, ["e=3", "b=3", "a=4"]);
        tx.commit(Durability::Strict).await.unwrap();
        assert_eq!(all(&engine).await.len(), 3);
    });
}

#[test]
fn a_range_is_known_to_be_empty_only_if_nothing_was_ever_in_it_since_the_tables_were_written() {
    check(5, |world| async move {
        let engine = world.open().await.unwrap();
        let empty = |start: &'static str, end: &'static str| {
            let range = KeyRange { start: start.into(), end: Some(end.into()) };
            let engine = engine.clone();
            async move { engine.commit(Durability::Relaxed, move |tx| Ok(tx.is_known_empty(&range))).await.unwrap().value }
        };
        put(&engine, "d", "1").await.unwrap();
        put(&engine, "f", "2").await.unwrap();
        for _ in 0..2 {
            assert!(empty("a", "d").await && empty("f\0", "z").await);
            assert!(!empty("a", "d\0").await && !empty("f", "z").await && !empty("a", "z").await);
            engine.flush().await.unwrap();
        }
        // What was deleted may still be there for somebody, and a commit sees what it wrote itself.
        engine.commit(Durability::Relaxed, |tx| tx.delete(b"q")).await.unwrap();
        assert!(!empty("p", "r").await && empty("r", "s").await);
        let own = |tx: &mut dyn Transaction| {
            tx.put(b"x", b"")?;
            Ok(tx.is_known_empty(&KeyRange { start: b"w".to_vec(), end: Some(b"y".to_vec()) }))
        };
        assert!(!engine.commit(Durability::Relaxed, own).await.unwrap().value);
    });
}

#[test]
fn many_flushes_are_compacted_and_nothing_is_lost_or_left_over() {
    check(3, |world| async move {
        let engine = world.open().await.unwrap();
        let mut expected = std::collections::BTreeMap::new();
        for round in 0..12 {
            for i in 0..200 {
                let key = format!("key{:05}", (i * 7919 + round * 13) % 1500);
                let value = format!("{round}-{i}-{}", "y".repeat(400));
                put(&engine, &key, &value).await.unwrap();
                expected.insert(key, value);
            }
            engine.flush().await.unwrap();
        }
        engine.compact().await.unwrap();
        assert_eq!(all(&engine).await, expected.into_iter().collect::<Vec<_>>());
        let report = engine.report();
        assert_eq!(report.obsolete_tables, 0, "{report:?}");
        assert!(report.levels[0].tables < 4, "{report:?}");
        assert_eq!(report.levels[1].entries, 1500, "{report:?}");
    });
}

#[test]
fn what_needs_a_block_that_storage_lost_ends_and_says_so() {
    check(10, |world| async move {
        let engine = world.open().await.unwrap();
        put(&engine, "a", "1").await.unwrap();
        engine.flush().await.unwrap();
        engine.close().await;
        let lost = Batch { deletes: vec![BlobRange::all(Area::Table)], ..Batch::default() };
        world.storage.open().commit(lost, tidewell_core::disk::Durability::Relaxed).await.unwrap();
        let engine = world.open().await.unwrap();
        let commit = || engine.commit(Durability::Relaxed, |tx| get(tx, "a").map(drop));
        assert_eq!(commit().await.unwrap_err().kind(), ErrorKind::Corrupt);
        let read = || engine.read(|view| get(view, "a"));
        assert_eq!(read().await.unwrap_err().kind(), ErrorKind::Corrupt);
        // What does not need it goes on.
        put(&engine, "b", "2").await.unwrap();
        assert_eq!(commit().await.unwrap_err().kind(), ErrorKind::Corrupt);
    });
}

#[test]
fn what_is_read_ahead_is_in_memory_afterwards_and_what_is_lost_is_left_to_the_reader() {
    check(3, |world| async move {
        let engine = world.open().await.unwrap();
        for key in ["ab", "b"] {
            put(&engine, key, key).await.unwrap();
            engine.flush().await.unwrap();
        }
        engine.close().await;
        let engine = world.open().await.unwrap();
        let now = |key| engine.try_read(|view| get(view, key)).is_ok();
        assert!(!now("ab"));
        engine.read_ahead(&KeyRange::prefix(b"a")).await;
        assert!(now("ab"));
        engine.close().await;
        let lost = Batch { deletes: vec![BlobRange::all(Area::Table)], ..Batch::default() };
        world.storage.open().commit(lost, tidewell_core::disk::Durability::Relaxed).await.unwrap();
        let engine = world.open().await.unwrap();
        engine.read_ahead(&KeyRange::prefix(b"a")).await;
        // Others may have deleted the table: the reader is told to start over once, and looks at the log meanwhile.
        for kind in [ErrorKind::Conflict, ErrorKind::Corrupt] {
            assert_eq!(engine.read(|view| get(view, "ab")).await.unwrap_err().kind(), kind);
        }
        put(&engine, "c", "1").await.unwrap();
    });
}

#[test]
fn the_first_key_of_a_table_takes_one_look_and_others_two() {
    check(3, |world| async move {
        let engine = world.open().await.unwrap();
        for key in ["a", "b"] {
            put(&engine, key, "1").await.unwrap();
        }
        engine.flush().await.unwrap();
        for (key, wanted) in [("a", 1), ("b", 2)] {
            engine.close().await;
            let engine = world.open().await.unwrap();
            let mut runs = 0;
            let found = engine.read(|view| {
                runs += 1;
                get(view, key)
            });
            assert_eq!((found.await.unwrap().as_deref(), runs - 1), (Some("1"), wanted), "{key}");
        }
    });
}

#[test]
fn all_that_need_blocks_of_several_lost_tables_end() {
    check(10, |world| async move {
        let engine = world.open().await.unwrap();
        let keys = ["a", "b", "c"];
        for key in keys {
            put(&engine, key, "1").await.unwrap();
            engine.flush().await.unwrap();
        }
        engine.close().await;
        let lost = Batch { deletes: vec![BlobRange::all(Area::Table)], ..Batch::default() };
        world.storage.open().commit(lost, tidewell_core::disk::Durability::Relaxed).await.unwrap();
        let engine = world.open().await.unwrap();
        // Side by side: what one of them learns must not be forgotten over the others.
        let tasks = [false, true].into_iter().flat_map(|writes| keys.map(|key| (writes, key)));
        let tasks: Vec<_> = tasks
            .map(|(writes, key)| {
                let engine = engine.clone();
                world.sim.tab().run(async move {
                    // Who reads is told to start over, and does; somebody who starts over each time would never end.
                    for _ in 0..8 {
                        let result = match writes {
                            true => {
                                engine.commit(Durability::Relaxed, move |tx| get(tx, key).map(drop)).await.map(drop)
                            }
                            false => engine.read(|view| get(view, key)).await.map(drop),
                        };
                        let kind = result.unwrap_err().kind();
                        if kind != ErrorKind::Conflict {
                            return kind;
                        }
                    }
                    ErrorKind::Conflict
                })
            })
            .collect();
        for task in tasks {
            assert_eq!(task.await.unwrap(), ErrorKind::Corrupt);
        }
    });
}

#[test]
fn a_tab_that_froze_in_its_turn_holds_the_others_up_once() {
    check(10, |world| async move {
        let frozen = world.sim.tab();
        let _guard = frozen.lock("tidewell/test/turn", LockMode::Exclusive).await;
        frozen.freeze();
        let begun = world.sim.now_ms();
        let writers: Vec<_> = (0..3)
            .map(|tab| {
                let world = Rc::clone(&world);
                world.sim.tab().run(async move {
                    let engine = world.open().await.unwrap();
                    for n in 0..100 {
                        put(&engine, &format!("{tab}/{n}"), "").await.unwrap();
                    }
                    engine.report().counters.lost_races
                })
            })
            .collect();
        let mut lost = 0;
        for writer in writers {
            lost += writer.await.unwrap();
        }
        let took = world.sim.now_ms() - begun;
        assert!(lost > 0, "nobody was in anybody's way");
        assert!(took < 6_000.0, "300 commits took {took} ms, with {lost} races lost");
    });
}

#[test]
fn a_long_commit_gets_its_turn_while_another_tab_writes_without_pause() {
    check(10, |world| async move {
        let (long, busy) = (world.open().await.unwrap(), world.open().await.unwrap());
        put(&long, "a", "0").await.unwrap();
        let done = Rc::new(std::cell::Cell::new(false));
        let (stop, tab) = (Rc::clone(&done), world.sim.tab());
        let writer = tab.run(async move {
            let mut written = 0;
            while !stop.get() && written < 1000 {
                written += 1;
                put(&busy, "b", &written.to_string()).await.unwrap();
            }
            written
        });
        let (mut breaths, mut seen) = (0u32, None);
        let work = move |tx: &mut dyn Transaction| {
            let state = get(tx, "b")?;
            // Each turn stands for some milliseconds of work; what the other tab writes makes all of it begin again.
            breaths = if state == seen { breaths + 1 } else { 1 };
            seen = state;
            match breaths {
                60.. => tx.put(b"a", b"1"),
                _ => Err(tidewell_core::engine::Pause::Yield),
            }
        };
        long.commit(Durability::Relaxed, work).await.unwrap();
        done.set(true);
        let written = writer.await.unwrap();
        assert!(written < 1000, "it waited until the other tab had finished");
    });
}
