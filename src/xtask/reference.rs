//! `cargo xtask docs`: the reference of the package, from the comments in its TypeScript, in `target/docs`.

use anyhow::Result;

use crate::process::Step;
use crate::{setup, tree};

/// Runs the command.
pub(crate) fn run(arguments: &[String]) -> Result<bool> {
    crate::no_more(arguments)?;
    setup::npm("pkg-config")?;
    setup::npm("tests/docs")?;
    Step::new("making the reference of the package", "npm")
        .args(["run", "--silent", "reference"])
        .dir(tree::root().join("tests/docs"))
        .run()?;
    println!("The reference, with the guide, is in target/docs: open target/docs/index.html");
    Ok(true)
}
