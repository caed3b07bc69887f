//! `cargo xtask bench`: Tidewell beside other engines in one headless Chromium session.

use std::process::{Command, Stdio};

use anyhow::{bail, Context, Result};

use crate::{build, setup, tree};

/// Runs the command; arguments go to `benches/run.mjs`.
pub(crate) fn run(arguments: Vec<String>) -> Result<bool> {
    let script = tree::root().join("benches/run.mjs");
    if !script.is_file() {
        bail!("benches/run.mjs does not exist");
    }
    let chromium = setup::chromium()?;
    setup::npm("tests/browser")?;
    setup::npm("benches")?;
    build::package(false)?;
    let status = Command::new("node")
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
