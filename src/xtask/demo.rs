//! `cargo xtask demo`: builds the package, serves the playground on localhost, and a sync server beside it.

use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use anyhow::{bail, Context, Result};

use crate::process::{capture, Step};
use crate::{build, take_flag, tree};

/// Whose notes the playground's devices share.
const TENANT: &str = "demo";
/// How long the demo's token holds.
const HOURS: &str = "720";

/// Runs the command; it ends when the server does.
pub(crate) fn run(mut arguments: Vec<String>) -> Result<bool> {
    let alone = take_flag(&mut arguments, "--alone");
    build::package(false)?;
    let sync = if alone { None } else { Some(SyncServer::start()?) };
    if let Some(sync) = &sync {
        arguments.extend([String::from("--sync"), sync.address.clone(), String::from("--token"), sync.token.clone()]);
    }
    serve(&arguments)
}

fn serve(arguments: &[String]) -> Result<bool> {
    let server = tree::root().join("www/serve.mjs");
    if !server.is_file() {
        bail!("www/serve.mjs does not exist");
    }
    let status = Command::new("node")
        .arg(server)
        .args(["--package", build::PACKAGE])
        .args(arguments)
        .current_dir(tree::root())
        .stdin(Stdio::null())
        .status()
        .context("cannot start node")?;
    Ok(status.success())
}

/// The sync server on a free port, with its data in `target/demo`. It ends with this.
struct SyncServer {
    child: Child,
    address: String,
    token: String,
}

impl SyncServer {
    fn start() -> Result<Self> {
        let program = program()?;
        let folder = tree::root().join("target/demo");
        std::fs::create_dir_all(&folder)?;
        let file = |name: &str| folder.join(name).display().to_string();
        let (database, secret) = (file("sync.sqlite"), file("secret"));
        let settings = ["--database", &database, "--secret-file", &secret];
        let program_name = program.display().to_string();
        let mut token = vec!["token", "--tenant", TENANT, "--user", TENANT, "--hours", HOURS];
        token.extend(settings);
        let token = capture(&program_name, &token).context("the sync server gives no token")?;
        let listen = format!("127.0.0.1:{}", free_port()?);
        let child = Command::new(&program)
            .args(settings)
            .args(["--listen", &listen])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("cannot start the sync server")?;
        Ok(Self { child, address: format!("http://{listen}"), token: token.trim().to_owned() })
    }
}

impl Drop for SyncServer {
    fn drop(&mut self) {
        // It may have ended already, by the same Ctrl+C.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// The server's program, built if need be.
fn program() -> Result<PathBuf> {
    Step::cargo("building the sync server").args(["build", "--locked", "-p", "tidewell-server"]).minutes(20).run()?;
    let folder = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| tree::root().join("target"), PathBuf::from);
    Ok(folder.join("debug").join(format!("tidewell-server{}", std::env::consts::EXE_SUFFIX)))
}

/// A port that nobody listens on.
fn free_port() -> Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}
