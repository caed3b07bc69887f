//! `cargo xtask demo`: builds the package and serves the playground on localhost.

use std::process::{Command, Stdio};

use anyhow::{bail, Context, Result};

use crate::{build, tree};

/// Runs the command; it ends when the server does.
pub(crate) fn run(arguments: Vec<String>) -> Result<bool> {
    build::package(false)?;
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
