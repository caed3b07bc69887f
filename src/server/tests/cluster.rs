//! A private PostgreSQL in a folder of its own, on a free port; it ends with the tests, however they end.
//!
//! Not a server for anything else: everybody on this machine may connect, and nothing waits for the disk.

use std::io::Read;
use std::net::TcpListener;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::OnceLock;
use std::time::Duration;

use tempfile::TempDir;

use crate::fixture::pause;

/// Whoever starts it holds the other end of its standard input: when that is closed, it ends.
const RUN: &str = r#"
"$1/postgres" -D "$2/data" -p "$3" -c listen_addresses=127.0.0.1 -c unix_socket_directories="$2" \
    -c max_connections=100 $4 >>"$2/log" 2>&1 </dev/null &
server=$!
cat >/dev/null
kill -QUIT $server 2>/dev/null
wait $server
if [ -n "$5" ]; then rm -rf "$2"; fi
"#;

pub(crate) struct Cluster {
    keeper: Option<Child>,
    programs: PathBuf,
    owner: Option<(u32, u32)>,
    pub(crate) port: u16,
    folder: TempDir,
    settings: &'static [&'static str],
    at_the_end: &'static str,
}

const DEFAULTS: [&str; 2] = ["fsync=off", "shared_buffers=64MB"];

/// The folder of PostgreSQL's programs.
pub(crate) fn programs() -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let in_path = std::env::split_paths(&path).filter(|folder| folder.join("initdb").exists());
    let mut debian: Vec<PathBuf> = std::fs::read_dir("/usr/lib/postgresql")
        .map(|versions| versions.filter_map(|version| Some(version.ok()?.path().join("bin"))).collect())
        .unwrap_or_default();
    debian.sort();
    let found = debian.into_iter().rev().chain(in_path).find(|folder| folder.join("postgres").exists());
    found.expect("PostgreSQL is missing: install the package `postgresql` (cargo xtask test server does)")
}

/// PostgreSQL does not run as root: whom it runs as then.
fn owner(folder: &Path) -> Option<(u32, u32)> {
    use std::os::unix::fs::MetadataExt;
    if std::fs::metadata(folder).unwrap().uid() != 0 {
        return None;
    }
    let users = std::fs::read_to_string("/etc/passwd").unwrap();
    let ids = |name: &str| {
        let line = users.lines().find(|line| line.starts_with(&format!("{name}:")))?;
        let mut words = line.split(':').skip(2).map(|word| word.parse().unwrap());
        Some((words.next()?, words.next()?))
    };
    ids("postgres").or_else(|| ids("nobody"))
}

impl Cluster {
    /// The one that tests share.
    pub(crate) fn shared() -> &'static Self {
        static SHARED: OnceLock<Cluster> = OnceLock::new();
        // Nobody drops it: whoever keeps it running removes its folder, too.
        SHARED.get_or_init(|| Self::make(&DEFAULTS, "remove"))
    }

    pub(crate) fn start() -> Self {
        Self::start_with(&DEFAULTS)
    }

    /// One with settings of its own.
    pub(crate) fn start_with(settings: &'static [&'static str]) -> Self {
        Self::make(settings, "")
    }

    /// One that speaks with nobody but over TLS, with that certificate and its key.
    pub(crate) fn start_with_tls(certificate: &str, key: &str) -> Self {
        let mut cluster = Self::prepare(&["ssl=on", "fsync=off"], "");
        let data = cluster.folder.path().join("data");
        let files =
            [("server.crt", certificate), ("server.key", key), ("pg_hba.conf", "hostssl all all 127.0.0.1/32 trust\n")];
        for (name, text) in files {
            let file = data.join(name);
            std::fs::write(&file, text).unwrap();
            std::fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
            if let Some((user, group)) = cluster.owner {
                std::os::unix::fs::chown(&file, Some(user), Some(group)).unwrap();
            }
        }
        cluster.run();
        cluster
    }

    fn make(settings: &'static [&'static str], at_the_end: &'static str) -> Self {
        let mut cluster = Self::prepare(settings, at_the_end);
        cluster.run();
        cluster
    }

    fn prepare(settings: &'static [&'static str], at_the_end: &'static str) -> Self {
        let folder = TempDir::with_prefix("tidewell-postgres-").unwrap();
        let owner = owner(folder.path());
        if let Some((user, group)) = owner {
            std::os::unix::fs::chown(folder.path(), Some(user), Some(group)).unwrap();
        }
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let cluster = Self { keeper: None, programs: programs(), owner, port, folder, settings, at_the_end };
        let mut initdb = cluster.command(cluster.programs.join("initdb"));
        initdb.args(["-U", "tidewell", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync", "-D"]);
        let made = initdb.arg(cluster.folder.path().join("data")).output().unwrap();
        assert!(made.status.success(), "initdb: {}", String::from_utf8_lossy(&made.stderr));
        cluster
    }

    fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        command.current_dir(self.folder.path());
        if let Some((user, group)) = self.owner {
            command.uid(user).gid(group);
        }
        command
    }

    /// Starts it, and waits until it answers.
    pub(crate) fn run(&mut self) {
        for _ in 0..20 {
            let mut keeper = self.command("sh");
            keeper.args(["-c", RUN, "sh"]).arg(&self.programs).arg(self.folder.path()).arg(self.port.to_string());
            keeper.arg(self.settings.iter().map(|setting| format!("-c {setting} ")).collect::<String>());
            keeper.arg(self.at_the_end);
            self.keeper = Some(keeper.stdin(Stdio::piped()).spawn().unwrap());
            for tried in 0..100 {
                let answer = postgres::Client::connect(&self.url("postgres"), postgres::NoTls).map_err(|error| {
                    // It is there, and lets nobody in who does not encrypt.
                    error.code() == Some(&postgres::error::SqlState::INVALID_AUTHORIZATION_SPECIFICATION)
                });
                if answer.is_ok() || matches!(answer, Err(true)) {
                    return;
                }
                pause(Duration::from_millis(50));
                // What was killed may not be gone altogether yet; then this one has ended at once.
                if tried > 10 && !self.folder.path().join("data/postmaster.pid").exists() {
                    break;
                }
            }
            self.end();
        }
        let mut log = String::new();
        std::fs::File::open(self.folder.path().join("log")).unwrap().read_to_string(&mut log).unwrap();
        panic!("PostgreSQL does not start: {log}");
    }

    /// Kills it in the middle of whatever it does.
    pub(crate) fn crash(&mut self) {
        let pids = std::fs::read_to_string(self.folder.path().join("data/postmaster.pid")).unwrap();
        let killed = Command::new("kill").args(["-9", pids.lines().next().unwrap()]).status().unwrap();
        assert!(killed.success());
        self.end();
    }

    fn end(&mut self) {
        if let Some(mut keeper) = self.keeper.take() {
            drop(keeper.stdin.take());
            keeper.wait().unwrap();
        }
    }

    pub(crate) fn url(&self, database: &str) -> String {
        format!("postgres://tidewell@127.0.0.1:{}/{database}", self.port)
    }

    /// A new, empty database.
    pub(crate) fn database(&self) -> String {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("test{}", COUNT.fetch_add(1, Ordering::Relaxed));
        let mut client = postgres::Client::connect(&self.url("postgres"), postgres::NoTls).unwrap();
        client.batch_execute(&format!("CREATE DATABASE {name}")).unwrap();
        self.url(&name)
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.end();
    }
}
