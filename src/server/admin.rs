//! What operators do besides running the server: tokens, tables, backups, restores, compaction.
//!
//! `backup` and `compact` work beside a running server; `restore` needs it stopped, and on SQLite refuses otherwise.

use anyhow::{Context, Result};

use crate::auth;
use crate::config::{Command, Config, Place};
use crate::{postgres, sqlite};

/// Runs a command.
///
/// # Errors
/// A sentence that says what stood in the way.
pub fn run(config: &Config, command: Command) -> Result<()> {
    match (command, &config.database) {
        (Command::Token { tenant, user, hours, claims }, _) => {
            println!("{}", token(config, &tenant, &user, hours, claims.as_deref())?);
            Ok(())
        }
        (Command::Migrate, Place::Sqlite(path)) => sqlite::admin::migrate(path),
        (Command::Migrate, Place::Postgres(url)) => postgres::admin::migrate(url),
        (Command::Backup { to }, Place::Sqlite(path)) => sqlite::admin::backup(path, &to),
        (Command::Backup { to }, Place::Postgres(url)) => postgres::admin::backup(url, &to),
        (Command::Restore { from }, Place::Sqlite(path)) => sqlite::admin::restore(path, &from),
        (Command::Restore { from }, Place::Postgres(url)) => postgres::admin::restore(url, &from),
        (Command::Compact { tenant, keep }, Place::Sqlite(path)) => {
            sqlite::admin::compact(path, tenant.as_deref(), keep)
        }
        (Command::Compact { tenant, keep }, Place::Postgres(url)) => {
            postgres::admin::compact(url, tenant.as_deref(), keep)
        }
    }
}

/// A token for development.
///
/// # Errors
/// If the further claims are no JSON object.
fn token(config: &Config, tenant: &str, user: &str, hours: u64, claims: Option<&str>) -> Result<String> {
    let mut all = match claims {
        None => serde_json::Map::new(),
        Some(text) => serde_json::from_str(text).context("the claims must be a JSON object")?,
    };
    all.insert("tenant".into(), tenant.into());
    all.insert("sub".into(), user.into());
    all.insert("exp".into(), (jsonwebtoken::get_current_timestamp() + hours * 3600).into());
    let secret = config.secret.as_ref().context("with a key set, name the secret: --secret-file PATH")?;
    auth::make(secret, &serde_json::Value::Object(all))
}
