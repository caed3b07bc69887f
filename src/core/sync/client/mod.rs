//! The client's end: an outbox, the server's documents, and the view made of both.
//!
//! Not a scheduler (that is [`link`]) and not a transport: it makes requests and takes answers.

mod answers;
mod letters;
pub mod link;
#[cfg(any(test, feature = "testing"))]
pub mod memory;
mod rebase;
mod state;
mod store;

pub use letters::{DeadLetter, Resolver};
pub use state::{Base, Client, Config, Touched};
pub use store::{key_of, ClientStore, Table, Write};
