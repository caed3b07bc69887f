//! Hearing from the other servers that a tenant has moved (`LISTEN`).
//!
//! Only a hint: while the connection is lost, clients ask by their timers, and when it is back everybody is told to ask.

use std::time::Duration;

use postgres::fallible_iterator::FallibleIterator;
use postgres::Client;
use tidewell_core::base::{Error, ErrorKind, Result};

use super::pool::{failed, Pool};
use super::schema::join_servers;
use crate::live::News;

/// How long it waits for news before it looks whether the server ends.
const LOOK: Duration = Duration::from_millis(500);

/// Works until the server ends.
pub(super) fn run(pool: &Pool, name: &str, news: &News) {
    while !news.is_closing() {
        if let Err(error) = listen(pool, name, news) {
            crate::log::warn("unavailable", error.message());
            // Clients ask soon enough by themselves; there is no hurry.
            news.wait_for_close(Duration::from_secs(1));
        }
    }
}

fn listen(pool: &Pool, name: &str, news: &News) -> Result<()> {
    let mut connection = pool.connect()?;
    // Whoever restores sees by it that somebody is here.
    if !join_servers(&mut connection.client).map_err(failed)? {
        return Err(Error::new(ErrorKind::Unavailable, "the database is being restored under a running server"));
    }
    connection.client.batch_execute("LISTEN tidewell").map_err(failed)?;
    // What was told while nobody listened is unknown.
    news.tell_all();
    while !news.is_closing() {
        if !heard(&mut connection.client, name, news)? {
            // A connection that is dead without a word is found by asking.
            connection.client.is_valid(Duration::from_secs(5)).map_err(failed)?;
        }
    }
    Ok(())
}

/// Passes on what is said within a while; whether anything was.
fn heard(client: &mut Client, name: &str, news: &News) -> Result<bool> {
    let mut notifications = client.notifications();
    let mut heard = notifications.timeout_iter(LOOK);
    let mut any = false;
    while let Some(notification) = heard.next().map_err(failed)? {
        any = true;
        let mut words = notification.payload().splitn(3, ' ');
        let (from, version, tenant) = (words.next(), words.next().and_then(|word| word.parse().ok()), words.next());
        if let (Some(from), Some(version), Some(tenant)) = (from, version, tenant) {
            if from != name {
                news.tell(tenant, version);
            }
        }
    }
    Ok(any)
}
