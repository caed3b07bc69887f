//! Where the server's settings come from: flags, then the environment, then a file, then defaults.
//!
//! A setting that makes no sense stops the start, with a sentence that names it.

use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{bail, Context, Result};
use clap::{Args, Parser, Subcommand};
use tidewell_core::sync::server::Policy;

use crate::auth::Expected;
use crate::config_file::File;
use crate::jwks::Source;
use crate::limits::Limits;

/// The command line.
#[derive(Debug, Parser)]
#[command(name = "tidewell-server", version, about = "Tidewell's sync server")]
pub struct Arguments {
    /// What the server runs with.
    #[command(flatten)]
    pub options: Options,
    /// What to do; without, the server runs.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// What the program does besides serving.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Prints a token, for development.
    Token {
        /// Whose data.
        #[arg(long)]
        tenant: String,
        /// Who.
        #[arg(long)]
        user: String,
        /// How long it holds.
        #[arg(long, default_value_t = 24)]
        hours: u64,
        /// Further claims, a JSON object.
        #[arg(long)]
        claims: Option<String>,
    },
    /// Makes the tables, or brings them to this program's version. A server does it only where there are none.
    Migrate,
    /// Writes a consistent copy of the database while the server runs. Clients may forget what it holds.
    Backup {
        /// The file to write; it must not exist.
        to: PathBuf,
    },
    /// Puts a backup in the place of the database, in a new epoch: clients send again what it lacks. Stop the server first.
    Restore {
        /// The backup.
        from: PathBuf,
    },
    /// Forgets tombstones and superseded documents. Clients further behind get everything anew.
    Compact {
        /// Only this tenant.
        #[arg(long)]
        tenant: Option<String>,
        /// How many versions stay.
        #[arg(long, default_value_t = 10_000)]
        keep: u64,
    },
}

/// The settings as flags and environment variables.
#[derive(Clone, Debug, Default, Args)]
pub struct Options {
    /// A file of settings (TOML).
    #[arg(long, env = "TIDEWELL_CONFIG", global = true)]
    pub config: Option<PathBuf>,
    /// The database: a path of a SQLite file, or `postgres://user:password@host/name`.
    #[arg(long, env = "TIDEWELL_DATABASE", global = true)]
    pub database: Option<String>,
    /// The most connections to PostgreSQL.
    #[arg(long, env = "TIDEWELL_CONNECTIONS", global = true)]
    pub connections: Option<usize>,
    /// The address to listen on.
    #[arg(long, env = "TIDEWELL_LISTEN", global = true)]
    pub listen: Option<SocketAddr>,
    /// The file that holds the secret of tokens (HS256), at least 32 bytes; made where there is none.
    #[arg(long, env = "TIDEWELL_SECRET_FILE", global = true)]
    pub secret_file: Option<PathBuf>,
    /// The public keys of whoever makes the tokens: a JWK set, as a path or a URL (https). Tokens signed with a secret then
    /// hold only if a secret is named, too.
    #[arg(long, env = "TIDEWELL_JWKS", global = true)]
    pub jwks: Option<String>,
    /// The audience that tokens must name (`aud`).
    #[arg(long, env = "TIDEWELL_AUDIENCE", global = true)]
    pub audience: Option<String>,
    /// The issuer that tokens must name (`iss`).
    #[arg(long, env = "TIDEWELL_ISSUER", global = true)]
    pub issuer: Option<String>,
    /// An origin whose pages may call the server; `*` for all. May be repeated.
    #[arg(long, env = "TIDEWELL_CORS", value_delimiter = ',', global = true)]
    pub cors: Vec<String>,
}

/// Where the data are.
#[derive(Clone)]
pub enum Place {
    /// A SQLite file.
    Sqlite(PathBuf),
    /// A `postgres://` URL.
    Postgres(String),
}

impl fmt::Display for Place {
    /// Without what may be a password.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => write!(formatter, "{}", path.display()),
            Self::Postgres(_) => write!(formatter, "PostgreSQL"),
        }
    }
}

/// The settings of a server.
#[derive(Clone)]
pub struct Config {
    /// Where the data are.
    pub database: Place,
    /// The most connections to PostgreSQL.
    pub connections: usize,
    /// The address to listen on.
    pub listen: SocketAddr,
    /// The secret of tokens, if such hold.
    pub secret: Option<Vec<u8>>,
    /// The public keys of tokens.
    pub keys: Option<Source>,
    /// What tokens must say.
    pub expected: Expected,
    /// Origins whose pages may call.
    pub cors: Vec<String>,
    /// Who may do what.
    pub policy: Policy,
    /// What the server bears.
    pub limits: Limits,
}

impl Options {
    /// Everything together.
    ///
    /// # Errors
    /// A sentence that names the setting that makes no sense.
    pub fn load(self) -> Result<Config> {
        let (file, folder) = match &self.config {
            None => (File::default(), PathBuf::new()),
            Some(path) => (File::read(path)?, path.parent().map(Path::to_owned).unwrap_or_default()),
        };
        let policy = file.policy(&folder)?;
        let limits = file.limits();
        let database = self.database.or(file.database).unwrap_or_else(|| "tidewell.db".to_owned());
        let (database, beside) = match database.split_once("://") {
            Some(("postgres" | "postgresql", _)) => (Place::Postgres(database), PathBuf::from("tidewell.secret")),
            Some((scheme, _)) => bail!("the database is '{scheme}://…': use a path of a SQLite file, or postgres://…"),
            None => (Place::Sqlite(PathBuf::from(&database)), PathBuf::from(&database).with_extension("secret")),
        };
        let jwks = self.jwks.or(file.jwks);
        // With a key set, whoever finds a forgotten secret beside the database must not be able to make tokens.
        let secret_file = self.secret_file.or(file.secret_file).or_else(|| jwks.is_none().then_some(beside));
        let keys = jwks.map(|place| Source {
            place,
            refresh: Duration::from_secs(file.jwks_refresh_seconds.unwrap_or(300)),
            at_most_every: Duration::from_secs(file.jwks_at_most_every_seconds.unwrap_or(10)),
        });
        Ok(Config {
            database,
            connections: self.connections.or(file.connections).unwrap_or(16),
            listen: self.listen.or(file.listen).unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 8787))),
            secret: secret_file.as_deref().map(secret).transpose()?,
            keys,
            expected: Expected { audience: self.audience.or(file.audience), issuer: self.issuer.or(file.issuer) },
            cors: if self.cors.is_empty() { file.cors } else { self.cors },
            policy,
            limits,
        })
    }
}

/// The secret of a file; a missing file is made, readable by its owner only.
fn secret(path: &Path) -> Result<Vec<u8>> {
    if !path.exists() {
        let word = crate::random_word()? + &crate::random_word()?;
        let mut options = std::fs::OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(path).with_context(|| format!("making the secret {}", path.display()))?;
        std::io::Write::write_all(&mut file, word.as_bytes())?;
    }
    let secret = std::fs::read(path).with_context(|| format!("reading the secret {}", path.display()))?;
    let secret = secret.trim_ascii().to_vec();
    if secret.len() < 32 {
        bail!("the secret in {} has {} bytes: use at least 32 random ones", path.display(), secret.len());
    }
    Ok(secret)
}
