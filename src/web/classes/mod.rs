//! The classes and functions that JavaScript sees, one file for each. The npm package wraps them; applications do not.
//!
//! No decision is made here: a call is converted, made, and its outcome converted back.

mod analyzer;
mod database;
mod export;
mod import;
mod open;

pub use database::DatabaseHandle;
pub use export::ExportHandle;
pub use import::ImportHandle;
pub use open::{delete_database, open_database};
