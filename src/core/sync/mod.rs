//! Floor 4: offline-first sync, both ends as pure state machines over small stores.
//!
//! It is not a transport: no socket, thread, clock or token is named here. Whoever carries the messages (the page, the
//! native server, a simulation) hands in bytes, time and randomness. `docs/SYNC.md` is the wire format.
//!
//! The server decides the order. A client shows `server state at its cursor + its own pending mutations`, always.

pub mod access;
pub mod client;
pub mod cursor;
mod fields;
pub mod limits;
pub mod message;
pub mod mutation;
pub mod op;
pub mod server;

pub use access::{Access, Caller, Rule};
pub use client::{Client, ClientStore};
pub use message::{Change, Outcome, PullAnswer, PullRequest, PushAnswer, PushRequest, Subscription};
pub use mutation::Mutation;
pub use op::{Action, Op, Refusal};
pub use server::{pull, push, Policy, ServerStore};
