//! What the client's end needs of a store: six small tables, and an atomic write over all of them.
//!
//! In a browser they are keys of the engine, written in the commit that changes the view; nothing here says so.

use crate::base::Result;
use crate::collections::Value;

/// A table of the client's store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Table {
    /// One record: who the replica is and where it stands.
    Meta,
    /// The server's documents as last pulled.
    Base,
    /// Mutations that wait, or whose effect has not come back yet; and behind them, those that stay where they are for a server that is restored.
    Outbox,
    /// What the server has answered of the outbox, run by run.
    Answered,
    /// Mutations of former names of the replica, kept until the server says that they survive its loss.
    Retained,
    /// Mutations that were rejected for good.
    Dead,
}

/// A write: a value, or `None` to remove it.
pub type Write = (Table, Box<str>, Option<Value>);

/// The client's store.
pub trait ClientStore {
    /// A value.
    fn get(&self, table: Table, key: &str) -> Result<Option<Value>>;
    /// Shows the values of a table in the order of keys, from the key `from` on, until `show` answers `false`.
    fn scan(&self, table: Table, from: &str, show: &mut dyn FnMut(&str, Value) -> Result<bool>) -> Result<()>;
    /// Writes all or nothing, of equal keys the last; durable when it returns.
    fn commit(&mut self, writes: Vec<Write>) -> Result<()>;
}

/// The key of a document in [`Table::Base`]: no name of a collection has a control character.
pub fn key_of(collection: &str, id: &str) -> Box<str> {
    format!("{collection}\0{id}").into()
}
