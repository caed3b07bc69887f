//! Floor 5: one open database: the engine with its collections, answering commands.
//!
//! It holds no data of its own. The commands are described in docs/COMMANDS.md.

mod admin;
mod cache;
mod cache_news;
mod calls;
mod command;
mod export;
mod export_topics;
mod handle;
mod import;
mod import_topics;
mod inspect;
mod jobs;
mod latency;
mod live;
mod read;
mod report;
mod response;
mod search;
mod sync;
mod topics;
mod upkeep;
mod write;

pub use export::Export;
pub use handle::{Database, DatabaseEvent};
pub use import::Import;
pub use live::LiveEvent;
pub use response::Response;
