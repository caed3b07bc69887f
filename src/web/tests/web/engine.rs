//! The engine on the real thing: IndexedDB, Web Locks, BroadcastChannel and the witness together.

use std::rc::Rc;

use tidewell_core::base::ErrorKind;
use tidewell_core::disk::{Disk, Witness};
use tidewell_core::engine::{Durability, Engine, EngineOptions, Platform};
use tidewell_web::indexed_db::{delete_database, IndexedDbDisk, IndexedDbOptions};
use tidewell_web::platform::{Heard, HostPlatform};
use tidewell_web::witness::CacheWitness;
use wasm_bindgen_test::wasm_bindgen_test;

use crate::support::fresh_name;

/// An engine as the package opens it.
pub(crate) async fn open_engine(name: &str) -> Result<Engine, tidewell_core::base::Error> {
    let disk: Rc<dyn Disk> = Rc::new(IndexedDbDisk::open(name, IndexedDbOptions::default()).await?);
    let platform = Rc::new(HostPlatform::shared(name));
    let witness: Rc<dyn Witness> = Rc::new(CacheWitness::new(name));
    let engine =
        Engine::open(disk, Rc::clone(&platform) as Rc<dyn Platform>, Some(witness), EngineOptions::new(name)).await?;
    let receiver = engine.clone();
    let spawner = Rc::clone(&platform);
    platform.listen(Rc::new(move |heard| match heard {
        Heard::Message(message) => receiver.receive(message),
        Heard::Peer => {
            let receiver = receiver.clone();
            spawner.spawn(Box::pin(async move { drop(receiver.catch_up().await) }));
        }
    }));
    Ok(engine)
}

/// An engine on IndexedDB that meets no others.
pub(crate) async fn open_alone(name: &str) -> Engine {
    let disk: Rc<dyn Disk> = Rc::new(IndexedDbDisk::open(name, IndexedDbOptions::default()).await.unwrap());
    let platform: Rc<dyn Platform> = Rc::new(HostPlatform::private());
    Engine::open(disk, platform, None, EngineOptions::new(name)).await.unwrap()
}

pub(crate) async fn put(engine: &Engine, key: &str, value: &str, durability: Durability) {
    let (key, value) = (key.as_bytes().to_vec(), value.as_bytes().to_vec());
    engine.commit(durability, move |tx| tx.put(&key, &value)).await.unwrap();
}

async fn get(engine: &Engine, key: &str) -> Option<String> {
    let read = engine.read(|view| {
        let mut value = Vec::new();
        Ok(view.get(key.as_bytes(), &mut value)?.then_some(value))
    });
    read.await.unwrap().map(|bytes| String::from_utf8(bytes).unwrap())
}

#[wasm_bindgen_test]
async fn what_was_committed_is_there_after_reopening() {
    let name = fresh_name();
    let engine = open_engine(&name).await.unwrap();
    put(&engine, "a", "1", Durability::Relaxed).await;
    put(&engine, "b", "2", Durability::Strict).await;
    engine.flush().await.unwrap();
    put(&engine, "c", "3", Durability::Relaxed).await;
    engine.close().await;
    let engine = open_engine(&name).await.unwrap();
    assert_eq!(get(&engine, "a").await.as_deref(), Some("1"));
    assert_eq!(get(&engine, "b").await.as_deref(), Some("2"));
    assert_eq!(get(&engine, "c").await.as_deref(), Some("3"));
}

#[wasm_bindgen_test]
async fn two_instances_write_by_turns_and_in_a_race_and_both_see_everything() {
    let name = fresh_name();
    let (one, two) = (open_engine(&name).await.unwrap(), open_engine(&name).await.unwrap());
    put(&one, "a", "one", Durability::Relaxed).await;
    put(&two, "b", "two", Durability::Relaxed).await;
    let platform = HostPlatform::private();
    for engine in [&one, &two] {
        for i in 0..20 {
            let engine = engine.clone();
            platform.spawn(Box::pin(async move {
                engine.commit(Durability::Relaxed, |tx| tx.add(b"count", 1)).await.unwrap();
                put(&engine, &format!("key{i}"), "x", Durability::Relaxed).await;
            }));
        }
    }
    for engine in [&one, &two] {
        let deadline = 5_000;
        for waited in 0..=deadline {
            engine.catch_up().await.unwrap();
            let count = engine.read(|view| {
                let mut value = Vec::new();
                view.get(b"count", &mut value)?;
                Ok(value)
            });
            if count.await.unwrap() == 40_i64.to_le_bytes() {
                break;
            }
            assert!(waited < deadline, "the counter never came to 40");
            platform.sleep(1.0).await;
        }
        assert_eq!(get(engine, "a").await.as_deref(), Some("one"));
        assert_eq!(get(engine, "b").await.as_deref(), Some("two"));
    }
}

#[wasm_bindgen_test]
async fn a_database_that_vanished_between_sessions_is_reported_and_not_created_anew() {
    let name = fresh_name();
    let engine = open_engine(&name).await.unwrap();
    put(&engine, "a", "1", Durability::Relaxed).await;
    engine.close().await;
    delete_database(&name, 5_000.0).await.unwrap();
    let outcome = open_engine(&name).await.map(drop);
    assert_eq!(outcome.map_err(|error| error.kind()), Err(ErrorKind::StorageLost));
    CacheWitness::new(&name).forget().await;
    delete_database(&name, 5_000.0).await.unwrap();
    assert_eq!(get(&open_engine(&name).await.unwrap(), "a").await, None);
}

#[wasm_bindgen_test]
async fn storage_that_is_cleared_underneath_kills_the_instance_with_storage_lost() {
    let name = fresh_name();
    let engine = open_engine(&name).await.unwrap();
    put(&engine, "a", "1", Durability::Relaxed).await;
    delete_database(&name, 5_000.0).await.unwrap();
    let outcome = engine.commit(Durability::Relaxed, |tx| tx.put(b"b", b"2")).await.map(drop);
    assert_eq!(outcome.map_err(|error| error.kind()), Err(ErrorKind::StorageLost));
}
