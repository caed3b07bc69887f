//! `cargo xtask bench`: Tidewell beside other engines in one headless Chromium session.

use std::process::{Command, Stdio};

use anyhow::{bail, Context, Result};

use crate::{build, setup, tree};

/// Runs the command; arguments go to `benches/run.mjs`, or after `search`, `jobs` or `topics` to the script of that name.
pub(crate) fn run(mut arguments: Vec<String>) -> Result<bool> {
    let own = matches!(arguments.first().map(String::as_str), Some("search" | "jobs" | "topics"));
    let name = if own { arguments.remove(0) } else { String::from("run") };
    let script = tree::root().join(format!("benches/{name}.mjs"));
    if !script.is_file() {
        bail!("{} does not exist", script.display());
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
