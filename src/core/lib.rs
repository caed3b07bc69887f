//! Tidewell's core: an ordered key-value engine on an abstract disk, and documents on top of it.
//!
//! It is *not* a program: no clock, randomness, thread, runtime or browser type is named here. They come
//! in through the traits of [`base`] and [`disk`], so every run replays from a seed.
//!
//! Floors, each importing only the ones before it: [`base`], [`disk`], [`engine`], [`collections`], the views of
//! documents ([`search`], [`cache`]), messages ([`topics`]), jobs over documents ([`jobs`]), [`sync`] with a server, and
//! [`database`] which wires them. Those below [`search`] are a crate of their own, `tidewell-lower`, and so is that, `tidewell-search`.

pub mod cache;
pub mod database;
pub mod jobs;
pub mod sync;
pub mod topics;

pub use tidewell_lower::{base, collections, disk, engine};
pub use tidewell_search::search;
