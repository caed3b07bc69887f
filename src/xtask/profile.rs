//! `cargo xtask profile`: records which parts of the WebAssembly a page needs for documents, in Chromium, and writes
//! the profile by which the module is split.

use std::fs;

use anyhow::{Context, Result};

use crate::process::Step;
use crate::{build, compile, setup, split, tree};

/// Where the recording package lies, relative to the root.
const RECORDING: &str = "target/npm/recording";

/// Runs the command.
pub(crate) fn run(arguments: Vec<String>) -> Result<bool> {
    crate::no_more(&arguments)?;
    setup::npm("pkg-config")?;
    setup::npm("tests/browser")?;
    let modules = compile::modules(false, "")?;
    split::recording(&modules.whole, &modules.page, &modules.rest)?;
    build::assemble(RECORDING)?;
    let recorded = Step::new("recording what a page needs for documents, in Chromium", "node")
        .arg("tests/browser/record.mjs")
        .env("CHROMIUM", setup::chromium()?)
        .env("TIDEWELL_PACKAGE", tree::root().join(RECORDING))
        .minutes(20)
        .run()?;
    let line =
        recorded.text.lines().find_map(|line| line.strip_prefix("ran: ")).context("the page recorded nothing")?;
    fs::write(tree::root().join(compile::PROFILE), split::profile(&modules.whole, line)?)?;
    println!("What ran is in {}", compile::PROFILE);
    Ok(true)
}
