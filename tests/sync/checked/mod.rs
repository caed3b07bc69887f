//! Sync, checked exhaustively: in a small world every order of everything that can happen is gone through, not a sample of it.
//!
//! The state machines are the product's own, client and server. What is left out is time (a client may ask whenever its link
//! could), size, and rules: those are the simulation's (`super::world`).

mod check_tests;
mod ends;
mod judge;
mod moves;
#[cfg(feature = "planted-bugs")]
mod planted_tests;
mod scenario;
mod state;
