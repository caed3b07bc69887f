//! The lower floors of the core: [`base`], [`disk`], [`engine`] and [`collections`].
//!
//! They are *not* a library of their own: `tidewell_core` shows them as its own, and everybody names them there. They are a crate
//! because the search floor, which stands on them, is one: it is compiled for speed, they for size, but for what they do for each
//! entry, document and row, which is inlined (docs/decisions/0011-optimise-for-size.md).

#[path = "../base/mod.rs"]
pub mod base;
#[path = "../collections/mod.rs"]
pub mod collections;
#[path = "../disk/mod.rs"]
pub mod disk;
#[path = "../engine/mod.rs"]
pub mod engine;
