//! Sync in databases: several tabs on one storage, several storages, and a server in memory.
//!
//! What the pure ends do to each other is judged in `sync`; here it is the store of the client in the engine.

mod command_tests;
mod device;
mod judge;
mod ledger;
#[cfg(feature = "planted-bugs")]
mod planted_tests;
mod server_tests;
mod storm;
mod storm_tests;
mod support;
mod timing_tests;
mod version_tests;
