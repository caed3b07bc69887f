//! The client's end: an outbox, the server's documents, and the view made of both.
//!
//! Not a scheduler (that is [`link`]) and not a transport: it makes requests and takes answers.

mod answers;
mod append;
mod draft;
mod held;
mod letters;
pub mod link;
mod look;
#[cfg(any(test, feature = "testing"))]
pub mod memory;
mod migrate;
mod pace;
mod rebase;
mod records;
mod state;
mod store;

pub use append::{append, Grouping};
pub use letters::{letter, letters, DeadLetter, Resolver};
pub use look::{pending_after, standing, Standing};
pub use records::Base;
pub use state::{Client, Config, Touched};
pub use store::{key_of, ClientStore, Table, Write};
