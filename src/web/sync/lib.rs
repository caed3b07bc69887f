//! The sync server's end for hosts with SQL: one tenant, in the SQLite of a Cloudflare Durable Object.
//!
//! It decides nothing about data ([`tidewell_core::sync`] does), and knows no HTTP, token or stream: JavaScript does those.

mod policy;
mod server;
mod sql;
#[cfg(feature = "testing")]
mod testing;

pub use server::SyncServer;
#[cfg(feature = "testing")]
pub use testing::check_disk;
