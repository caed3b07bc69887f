//! `cargo xtask bench`: Tidewell beside other engines in one headless Chromium session.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{bail, Context, Result};

use crate::process::Step;
use crate::{build, setup, tree};

/// The benchmarks that have a script of their own; `benches/run.mjs` is that of documents.
const OWN: [&str; 5] = ["search", "jobs", "partitions", "topics", "sync"];

/// Runs the command; arguments go to the script.
pub(crate) fn run(mut arguments: Vec<String>) -> Result<bool> {
    let own = arguments.first().is_some_and(|name| OWN.contains(&name.as_str()));
    let name = if own { arguments.remove(0) } else { String::from("run") };
    let script = tree::root().join(format!("benches/{name}.mjs"));
    if !script.is_file() {
        bail!("{} does not exist", script.display());
    }
    let chromium = setup::chromium()?;
    setup::npm("tests/browser")?;
    setup::npm("benches")?;
    build::package(false)?;
    let mut command = Command::new("node");
    if name == "sync" {
        command.env("TIDEWELL_SERVER", server()?);
    }
    let status = command
        .arg(script)
        .args(arguments)
        .env("CHROMIUM", chromium)
        .env("TIDEWELL_PACKAGE", tree::root().join(build::PACKAGE))
        .current_dir(tree::root())
        .stdin(Stdio::null())
        .status()
        .context("cannot start node")?;
    Ok(status.success())
}

/// The sync server as people build it.
fn server() -> Result<PathBuf> {
    Step::cargo("compiling the sync server (optimised: a few minutes)")
        .args(["build", "--locked", "--release", "-p", "tidewell-server"])
        .run()?;
    Ok(tree::root().join("target/release/tidewell-server"))
}
