//! `cargo xtask build`: from Rust and TypeScript to the publishable npm package in `target/npm/tidewell`.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::process::Step;
use crate::{setup, sizes, take_flag, tree};

/// Where the finished package lies, relative to the root.
pub(crate) const PACKAGE: &str = "target/npm/tidewell";
/// The crate that is linked into the module, and the file it becomes.
const MODULE_CRATE: &str = "tidewell-module";
const MODULE_FILE: &str = "tidewell.wasm";
/// Where wasm-bindgen leaves its output, relative to the root.
const GLUE: &str = "target/glue";
/// Folders whose files decide what the package is.
const INPUTS: [&str; 5] = ["src/core", "src/web", "pkg-config", "src/xtask/tools", ".cargo"];

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
    setup::wasm_target()?;
    setup::npm("src/xtask/tools")?;
    setup::npm("pkg-config")?;
    let wasm_bindgen = setup::wasm_bindgen("wasm-bindgen")?;
    let stamp = tree::Stamp::new("package", fingerprint(dev));
    let out = tree::root().join(PACKAGE);
    if stamp.is_fresh() && out.join("package.json").is_file() {
        println!("✓ the package in {PACKAGE} is up to date");
        return Ok(());
    }
    let module = compile(dev)?;
    let glue = tree::root().join(GLUE);
    if glue.is_dir() {
        fs::remove_dir_all(&glue)?;
    }
    Step::new("generating the JavaScript glue with wasm-bindgen", &wasm_bindgen.to_string_lossy())
        .arg(&module)
        .args(["--target", "web", "--omit-default-module-path", "--remove-name-section", "--remove-producers-section"])
        .args(["--out-name", "tidewell", "--out-dir"])
        .arg(&glue)
        .run()?;
    if !dev {
        optimise(&glue.join("tidewell_bg.wasm"))?;
    }
    Step::new("assembling the npm package", "node")
        .args(["pkg-config/build.mjs", "--glue", GLUE, "--out", PACKAGE])
        .run()?;
    stamp.set()
}

fn fingerprint(dev: bool) -> String {
    let mut files: Vec<PathBuf> = INPUTS.iter().flat_map(|folder| tree::files(folder)).collect();
    files.push(tree::root().join("Cargo.toml"));
    files.push(tree::root().join("Cargo.lock"));
    tree::fingerprint(&files, if dev { "dev" } else { "release" })
}

/// Compiles the WebAssembly; the `quick` profile trades its size and speed for seconds of building.
fn compile(dev: bool) -> Result<PathBuf> {
    let profile = if dev { "quick" } else { "release" };
    let title = if dev { "compiling the WebAssembly" } else { "compiling the WebAssembly (optimised: a few minutes)" };
    Step::cargo(title)
        .args(["build", "--locked", "-p", MODULE_CRATE, "--target", "wasm32-unknown-unknown", "--profile", profile])
        .run()?;
    Ok(tree::root().join("target/wasm32-unknown-unknown").join(profile).join(MODULE_FILE))
}

/// Shrinks the module with wasm-opt. It reads the features in use from the module itself: naming them here
/// would let it use ones that Node 20 refuses.
fn optimise(module: &std::path::Path) -> Result<()> {
    let optimised = module.with_extension("optimised");
    Step::new("optimising the WebAssembly with wasm-opt", "node")
        .args(["src/xtask/tools/node_modules/binaryen/bin/wasm-opt", "-O3"])
        .arg(module)
        .arg("-o")
        .arg(&optimised)
        .run()?;
    fs::rename(&optimised, module).context("replacing the module by the optimised one")
}
