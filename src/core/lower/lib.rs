//! The lower floors of the core: [`base`], [`disk`], [`engine`], [`collections`] and [`search`].
//!
//! They are *not* a library of their own: `tidewell_core` shows them as its own, and everybody names them there. They are a crate
//! because their loops run for every byte, row and posting, and are compiled for that; the floors above run once an
//! operation, and are compiled to be small (docs/decisions/0011-optimise-for-size.md).

#[path = "../base/mod.rs"]
pub mod base;
#[path = "../collections/mod.rs"]
pub mod collections;
#[path = "../disk/mod.rs"]
pub mod disk;
#[path = "../engine/mod.rs"]
pub mod engine;
