//! Tidewell in a JavaScript host: storage, surroundings, and the classes that the npm package is made of.
//!
//! It is the only crate that names `wasm-bindgen`. It is *not* an engine: it translates, and everything that decides is
//! in [`tidewell_core`].

mod classes;
mod convert;
mod host;
pub mod host_disk;
pub mod indexed_db;
mod life;
pub mod platform;
mod rehearsal;
mod rest;
mod signal;
pub mod witness;

pub use classes::{delete_database, open_database, DatabaseHandle, ExportHandle, ImportHandle};
pub use life::on_panic;
pub use rest::on_rest;
