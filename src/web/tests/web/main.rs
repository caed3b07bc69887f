//! What only a real browser can show: IndexedDB, Web Locks, BroadcastChannel, the Cache API.

#![cfg(target_arch = "wasm32")]
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod classes;
mod cost;
mod disk;
mod engine;
mod faults;
mod floors;
mod support;
mod surroundings;
mod turns;

wasm_bindgen_test::wasm_bindgen_test_configure!(run_in_browser);
