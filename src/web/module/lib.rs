//! The WebAssembly module that the npm package ships.
//!
//! It holds no code: a crate that is both a cdylib and a library loses link-time optimisation, so the code lives in
//! [`tidewell_web`] and this one only links it.

pub use tidewell_web::*;
