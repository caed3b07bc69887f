//! `cargo xtask demo`: builds the package, serves the playground on localhost, and a sync server beside it.

use std::process::{Command, Stdio};

use anyhow::{bail, Context, Result};

use crate::{build, take_flag, tests, tree};

/// Runs the command; it ends when the server does.
pub(crate) fn run(mut arguments: Vec<String>) -> Result<bool> {
    let alone = take_flag(&mut arguments, "--alone");
    build::package(false)?;
    if !alone {
        // What serves the playground starts it, and ends it.
        arguments.extend([String::from("--sync-program"), tests::sync_server()?.1]);
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
