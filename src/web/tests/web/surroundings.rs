//! Locks, messages, breath, randomness and the witness in a real browser.

use std::cell::RefCell;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::Poll;

use crate::support::fresh_name;
use js_sys::Function;
use tidewell_core::base::{Clock, Rng};
use tidewell_core::disk::Witness;
use tidewell_core::engine::{LockMode, Platform};
use tidewell_web::platform::{Heard, HostPlatform};
use tidewell_web::witness::CacheWitness;
use wasm_bindgen::JsValue;
use wasm_bindgen_test::wasm_bindgen_test;

#[wasm_bindgen_test]
async fn an_exclusive_lock_waits_for_the_one_before_and_a_dropped_guard_releases() {
    let platform = HostPlatform::shared(&fresh_name());
    let first = platform.lock("writer/1", LockMode::Exclusive).await.unwrap();
    let order = Rc::new(RefCell::new(Vec::new()));
    platform.spawn({
        let (order, second) = (Rc::clone(&order), platform.lock("writer/1", LockMode::Exclusive));
        Box::pin(async move {
            let _guard = second.await;
            order.borrow_mut().push("second");
        })
    });
    platform.sleep(30.0).await;
    order.borrow_mut().push("first released");
    drop(first);
    platform.sleep(30.0).await;
    assert_eq!(*order.borrow(), ["first released", "second"]);
}

#[wasm_bindgen_test]
async fn a_lock_that_nobody_waits_for_any_more_is_released_when_granted() {
    let platform = HostPlatform::shared(&fresh_name());
    let first = platform.lock("a", LockMode::Exclusive).await;
    drop(platform.lock("a", LockMode::Exclusive));
    drop(first);
    assert!(platform.lock("a", LockMode::Exclusive).await.is_some());
}

#[wasm_bindgen_test]
async fn held_locks_are_listed_by_prefix_within_the_database() {
    let name = fresh_name();
    let (platform, other) = (HostPlatform::shared(&name), HostPlatform::shared(&fresh_name()));
    let _shared =
        (platform.lock("version/7", LockMode::Shared).await, platform.lock("version/8", LockMode::Shared).await);
    let _other = other.lock("version/9", LockMode::Shared).await;
    let _else = platform.lock("writer/1", LockMode::Exclusive).await;
    let mut held = HostPlatform::shared(&name).held_locks("version/").await.unwrap();
    held.sort();
    assert_eq!(held, ["version/7", "version/8"]);
}

#[wasm_bindgen_test]
async fn announcements_reach_the_other_instances_of_the_database_only() {
    let name = fresh_name();
    let (one, two, other) =
        (HostPlatform::shared(&name), HostPlatform::shared(&name), HostPlatform::shared(&fresh_name()));
    let heard = Rc::new(RefCell::new(Vec::new()));
    for (id, platform) in [(1, &one), (2, &two), (3, &other)] {
        let heard = Rc::clone(&heard);
        platform.listen(Rc::new(move |said| {
            if let Heard::Message(bytes) = said {
                heard.borrow_mut().push((id, bytes.to_vec()));
            }
        }));
    }
    one.sleep(60.0).await;
    one.announce(b"commit 7");
    one.sleep(60.0).await;
    assert_eq!(*heard.borrow(), [(2, b"commit 7".to_vec())]);
}

#[wasm_bindgen_test]
async fn a_newcomer_learns_that_others_are_there_and_they_speak_up_only_then() {
    let name = fresh_name();
    let (old, new) = (HostPlatform::shared(&name), HostPlatform::shared(&name));
    let heard = Rc::new(RefCell::new(Vec::new()));
    old.listen(Rc::new(|_| {}));
    let listen = {
        let heard = Rc::clone(&heard);
        move |said: Heard<'_>| heard.borrow_mut().push(format!("{said:?}"))
    };
    old.sleep(30.0).await;
    old.announce(b"before");
    new.listen(Rc::new(listen));
    old.sleep(60.0).await;
    old.announce(b"a");
    old.sleep(60.0).await;
    assert_eq!(*heard.borrow(), ["Peer", "Message([97])"]);
    new.close();
}

#[wasm_bindgen_test]
async fn a_thousand_breaths_take_far_less_than_a_thousand_timers_would() {
    let platform = HostPlatform::private();
    let start = platform.monotonic_ms();
    for _ in 0..1000 {
        platform.breathe().await;
    }
    let spent = platform.monotonic_ms() - start;
    assert!(spent < 2_000.0, "{spent} ms");
}

#[wasm_bindgen_test]
async fn a_breath_lets_a_timer_run() {
    let platform = HostPlatform::private();
    let ran = Rc::new(RefCell::new(false));
    platform.spawn({
        let (ran, sleep) = (Rc::clone(&ran), platform.sleep(0.0));
        Box::pin(async move {
            sleep.await;
            *ran.borrow_mut() = true;
        })
    });
    let start = platform.monotonic_ms();
    while !*ran.borrow() {
        assert!(platform.monotonic_ms() - start < 1_000.0);
        platform.breathe().await;
    }
}

#[wasm_bindgen_test]
async fn a_sleep_that_is_dropped_leaves_no_timer() {
    let platform = HostPlatform::private();
    let cleared = "const real = clearTimeout; let cleared = 0;
        clearTimeout = (id) => { cleared++; real(id) };
        return () => { clearTimeout = real; return cleared }";
    let cleared = Function::new_no_args(cleared).call0(&JsValue::NULL).unwrap();
    let mut sleep = platform.sleep(1e6);
    assert!(poll_fn(|context| Poll::Ready(sleep.as_mut().poll(context))).await.is_pending());
    drop(sleep);
    let cleared = Function::from(cleared).call0(&JsValue::NULL).unwrap();
    assert_eq!(cleared.as_f64(), Some(1.0));
}

#[wasm_bindgen_test]
fn random_bytes_differ_and_fill_more_than_one_call() {
    let platform = HostPlatform::private();
    let mut bytes = vec![0; 100_000];
    platform.fill(&mut bytes);
    assert!(bytes[90_000..].iter().any(|byte| *byte != 0));
    assert_ne!(platform.next_u64(), platform.next_u64());
    assert!(platform.wall_ms() > 1.6e12);
}

#[wasm_bindgen_test]
async fn the_witness_remembers_for_every_instance_and_forgets_on_request() {
    let name = fresh_name();
    let witness = CacheWitness::new(&name);
    assert_eq!(witness.read().await, Ok(None));
    witness.write(b"identity 1").await.unwrap();
    witness.write(b"identity 2").await.unwrap();
    assert_eq!(CacheWitness::new(&name).read().await, Ok(Some(b"identity 2".to_vec())));
    witness.forget().await;
    assert_eq!(witness.read().await, Ok(None));
}
