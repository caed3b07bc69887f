//! `cargo xtask build`: from Rust and TypeScript to the publishable npm package in `target/npm/tidewell`.

use std::path::PathBuf;

use anyhow::Result;

use crate::compile::{self, GLUE};
use crate::process::Step;
use crate::{setup, sizes, take_flag, tree};

/// Where the finished package lies, relative to the root.
pub(crate) const PACKAGE: &str = "target/npm/tidewell";
/// Folders whose files decide what the package is.
const INPUTS: [&str; 6] = ["src/core", "src/web", "pkg-config", "src/xtask/tools", "src/xtask/split", ".cargo"];

/// Runs the command.
pub(crate) fn run(mut arguments: Vec<String>) -> Result<bool> {
    let dev = take_flag(&mut arguments, "--dev");
    crate::no_more(&arguments)?;
    package(dev)?;
    let small = sizes::print(PACKAGE)?;
    println!("\nThe package is in {PACKAGE}: `npm install ./{PACKAGE}`, or serve that folder.");
    Ok(small || dev)
}

/// Builds the package unless it is there already for these very sources.
pub(crate) fn package(dev: bool) -> Result<()> {
    let stamp = tree::Stamp::new("package", fingerprint(dev));
    let out = tree::root().join(PACKAGE);
    setup::npm("pkg-config")?;
    if stamp.is_fresh() && out.join("package.json").is_file() {
        println!("✓ the package in {PACKAGE} is up to date");
        return Ok(());
    }
    compile::modules(dev, &compile::profile())?;
    assemble(PACKAGE)?;
    stamp.set()
}

/// Puts the package together from the modules in [`GLUE`].
pub(crate) fn assemble(out: &str) -> Result<()> {
    Step::new("assembling the npm package", "node")
        .args(["pkg-config/build.mjs", "--glue", GLUE, "--out", out])
        .run()
        .map(drop)
}

fn fingerprint(dev: bool) -> String {
    let mut files: Vec<PathBuf> = INPUTS.iter().flat_map(|folder| tree::files(folder)).collect();
    let single = ["Cargo.toml", "Cargo.lock", "src/xtask/compile.rs", "src/xtask/copies.rs"];
    files.extend(single.map(|file| tree::root().join(file)));
    tree::fingerprint(&files, if dev { "dev" } else { "release" })
}
