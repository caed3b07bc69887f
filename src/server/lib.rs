//! Tidewell's sync server: the protocol of `docs/SYNC.md` over HTTP, on a SQLite file or on PostgreSQL.
//!
//! It decides nothing about data: `tidewell_core::sync` does. Here are sockets, tokens, transactions and files.

pub mod admin;
pub mod auth;
mod body;
pub mod config;
mod config_file;
mod connections;
mod database;
mod handlers;
mod http;
pub mod jwks;
pub mod limits;
mod live;
mod log;
mod metrics;
mod postgres;
mod refusals;
mod schemas;
mod service;
mod sqlite;

pub use http::serve;

/// A random word of 32 hexadecimal digits.
pub(crate) fn random_word() -> anyhow::Result<String> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|error| anyhow::anyhow!("no randomness: {error}"))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
