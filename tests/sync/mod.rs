//! Sync, simulated: many clients and a server over a network that does everything networks do.
//!
//! Messages travel as bytes. Every step is judged against a model that knows nothing of the code under test.

mod actions;
mod before;
mod checked;
mod device;
mod hostile_tests;
mod kept_tests;
mod malformed_tests;
mod model;
mod pace_tests;
#[cfg(feature = "planted-bugs")]
mod planted_tests;
mod protocol;
mod simulation_tests;
mod version_tests;
mod wire_tests;
mod world;

use tidewell_core::collections::{json, Value};

/// A value, from its JSON.
fn value(text: &str) -> Value {
    json::parse(text.as_bytes()).unwrap()
}
