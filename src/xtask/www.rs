//! `cargo xtask www`: the playground as files for any static host, in `target/www`.

use anyhow::Result;

use crate::build;
use crate::process::Step;

/// Where the files lie, relative to the root.
const OUT: &str = "target/www";

/// Runs the command.
pub(crate) fn run(arguments: &[String]) -> Result<bool> {
    crate::no_more(arguments)?;
    build::package(false)?;
    let written = Step::new("writing the playground", "node")
        .args(["www/build.mjs", "--package", build::PACKAGE, "--out", OUT])
        .finish()?;
    print!("\n  {}", written.text);
    Ok(written.ok)
}
