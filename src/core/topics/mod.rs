//! Floor 4: topics as keys of the log: messages in partitions, groups that share them, and what is in flight written down.
//!
//! It reads no clock and draws no random numbers: both come in with the commands. Who a member is, whether it still lives and when
//! somebody looks again are the package's business; nothing here depends on the answers.

pub mod backup;
pub mod change;
pub mod clock;
pub mod dead;
pub mod deliver;
pub mod delivery;
pub mod desk;
pub mod gone;
pub mod group;
pub mod head;
pub mod keys;
pub mod message;
pub mod order;
pub mod publish;
pub mod read;
pub mod retain;
pub mod schedule;
pub mod seek;
pub mod settle;
pub mod spec;
pub mod tally;

#[cfg(test)]
mod model_tests;
#[cfg(test)]
mod topics_tests;

pub use change::ChangeFeeds;
pub use deliver::{fetch, Delivery};
pub use message::NewMessage;
pub use publish::{publish, Published};
pub use settle::{settle, Settlement};

/// The longest name of a topic or group, in bytes.
pub const NAME_MAX: usize = 128;
/// The longest key of a message, in bytes.
pub const KEY_MAX: usize = 512;
/// The longest id of a message, in bytes.
pub const ID_MAX: usize = 256;
/// The largest headers, in bytes of JSON.
pub const HEADERS_MAX: usize = 16 << 10;
/// The largest value, in bytes of JSON.
pub const VALUE_MAX: usize = 1 << 20;
/// Priorities run from 0 to this; higher ones are delivered first.
pub const PRIORITY_MAX: u8 = 9;
/// The priority of messages that do not say.
pub const PRIORITY: u8 = 5;
/// The most partitions of a topic.
pub const PARTITIONS_MAX: u8 = 64;
/// The longest error that is kept with a message, in bytes.
pub const ERROR_MAX: usize = 1000;

use crate::base::{Error, Result};

/// Whether a name can be kept.
///
/// # Errors
/// `Invalid`, naming what is wrong.
pub fn check_name(what: &str, name: &str) -> Result<()> {
    if name.is_empty() || name.len() > NAME_MAX || name.chars().any(char::is_control) {
        let message = format!("topic: the name of a {what} is 1 to {NAME_MAX} bytes without control characters");
        return Err(Error::invalid(message));
    }
    Ok(())
}
