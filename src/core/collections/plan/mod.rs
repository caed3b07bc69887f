//! Which way a query takes to its documents: conditions of the filter become sets of keys, and the planner picks the
//! index, ids or scan that should touch the least.
//!
//! It reads no documents, and a wrong choice makes a query slower, never wrong.

pub mod access;
pub mod bounds;
mod branches;
pub mod choose;
mod index_bounds;
pub mod interval;
pub mod order;

pub use access::{Access, Plan};
pub use choose::{plan, Hint, Wanted};
pub use order::{Order, OrderField};
