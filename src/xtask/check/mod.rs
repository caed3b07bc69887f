//! `cargo xtask check`: formatting, lints, types, and the rules of the house that no tool knows.
//!
//! It is not the tests: nothing of the product runs here.

mod floors;
mod lengths;
mod locks;
mod paths;

use std::path::PathBuf;

use anyhow::Result;

use crate::process::{capture, now, Step};
use crate::suites::{Outcome, Table};
use crate::{setup, tree};

/// A rule: it looks at every file of the repository.
type Rule = fn(&[PathBuf]) -> Result<Report>;

/// Lints of our own: what each holds, and how it looks.
const RULES: [(&str, Rule); 4] = [
    ("floors: imports point down, only src/web names wasm-bindgen", floors::check),
    ("lengths: no source file over 500 lines", lengths::check),
    ("locks: lock files name no mirror and no foreign source", locks::check),
    ("paths: no file names a path of somebody's machine", paths::check),
];

/// What a rule found.
#[derive(Default)]
struct Report {
    /// What must be repaired.
    errors: Vec<String>,
    /// What should be looked at.
    warnings: Vec<String>,
}

/// Runs the command.
pub(crate) fn run(arguments: Vec<String>) -> Result<bool> {
    crate::no_more(&arguments)?;
    let mut table = Table::default();
    all(&mut table);
    Ok(table.print())
}

/// Runs every check, a row of the table each.
pub(crate) fn all(table: &mut Table) {
    for (name, rule) in RULES {
        table.add(name.split(':').next().unwrap_or(name), outcome(apply(name, rule)));
    }
    table.add("rustfmt", outcome(rustfmt()));
    table.add("clippy", outcome(clippy()));
    table.add("clippy wasm32", outcome(clippy_wasm()));
    table.add("tsc", outcome(types()));
}

fn outcome(result: Result<Outcome>) -> Outcome {
    result.unwrap_or_else(|error| {
        println!("✗ {error:#}");
        Outcome::broken(&error)
    })
}

fn apply(name: &str, rule: Rule) -> Result<Outcome> {
    let started = now();
    let report = rule(&sources())?;
    for warning in &report.warnings {
        println!("  warning: {warning}");
    }
    for error in &report.errors {
        println!("  error: {error}");
    }
    let held = report.errors.is_empty();
    println!("{} {name}", if held { "✓" } else { "✗" });
    Ok(Outcome::claim(held, started.elapsed().as_secs_f64()))
}

/// Every file that is in the repository, or would be after `git add`.
fn sources() -> Vec<PathBuf> {
    let listed = capture("git", &["ls-files", "--cached", "--others", "--exclude-standard"]);
    let root = tree::root();
    match listed {
        Some(text) => text.lines().map(|line| root.join(line)).filter(|path| path.is_file()).collect(),
        None => tree::files(""),
    }
}

/// The text files among these: what people write and read.
fn texts(files: &[PathBuf]) -> impl Iterator<Item = (&PathBuf, String)> {
    files.iter().filter_map(|file| std::fs::read_to_string(file).ok().map(|text| (file, text)))
}

fn rustfmt() -> Result<Outcome> {
    setup::rust_component("rustfmt", "rustfmt")?;
    let output = Step::cargo("checking the format").args(["fmt", "--all", "--check"]).finish()?;
    Ok(Outcome::claim(output.ok, output.seconds))
}

fn clippy() -> Result<Outcome> {
    setup::rust_component("clippy", "cargo-clippy")?;
    let output = Step::cargo("clippy, natively")
        .args(["clippy", "--locked", "--workspace", "--exclude", "tidewell-web", "--exclude", "tidewell-module"])
        .args(["--exclude", "tidewell-sync", "--all-targets", "--", "-D", "warnings"])
        .finish()?;
    Ok(Outcome::claim(output.ok, output.seconds))
}

fn clippy_wasm() -> Result<Outcome> {
    setup::rust_component("clippy", "cargo-clippy")?;
    setup::wasm_target()?;
    let step = Step::cargo("clippy, for WebAssembly").args(["clippy", "--locked", "-p", "tidewell-web"]);
    let output = step
        .args(["-p", "tidewell-sync", "--features", "tidewell-sync/testing"])
        .args(["--target", "wasm32-unknown-unknown", "--all-targets", "--", "-D", "warnings"])
        .finish()?;
    Ok(Outcome::claim(output.ok, output.seconds))
}

fn types() -> Result<Outcome> {
    setup::npm("pkg-config")?;
    let step = Step::new("checking the TypeScript types", "npm").args(["run", "--silent", "check"]);
    let output = step.dir(tree::root().join("pkg-config")).finish()?;
    Ok(Outcome::claim(output.ok, output.seconds))
}
