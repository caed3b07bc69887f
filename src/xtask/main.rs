//! Developer commands: `cargo xtask demo`, `www`, `test`, `build`, `check`, `bench`, `docs`, `profile`.
//!
//! Each installs what it is missing, says what it does, and fails with a sentence that tells what to install.
//! It is not part of the product: nothing that ships depends on this crate.

mod bench;
mod build;
mod check;
mod compile;
mod copies;
mod demo;
mod node;
mod places;
mod process;
mod profile;
mod reference;
mod screen;
mod setup;
mod sizes;
mod split;
mod suites;
mod tests;
mod tree;
mod www;

use std::process::ExitCode;

const HELP: &str = "\
Tidewell's developer commands. Each installs what is missing first; set-up is cached under target/tools.

  cargo xtask demo  [--port N]         build the package, serve the playground on localhost, with a sync server
                    [--alone]          … without one
  cargo xtask www                      leave the playground in target/www, for any static host
  cargo xtask test  [SUITE …]          run every suite, natively and in real browsers; or only those named
                    [--with-check]     … and everything of `check` first
                    [--list]           print the names of the suites
  cargo xtask build [--dev]            leave the publishable npm package in target/npm/tidewell
                                       (--dev: no size optimisation; builds in seconds, runs slower)
  cargo xtask check                    rustfmt, clippy, tsc, file lengths, floors, lock files
  cargo xtask bench [ARGUMENT …]       side-by-side benchmark in headless Chromium; arguments go to benches/run.mjs
                    search|jobs|partitions|topics|sync … of one of these
  cargo xtask docs                     the reference of the package, with the guide, in target/docs
  cargo xtask profile                  record which part of the WebAssembly a page needs for documents

  --verbose (or VERBOSE=1)             show the whole output of every tool
";

fn main() -> ExitCode {
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    if take_flag(&mut arguments, "--verbose") {
        process::set_verbose();
    }
    let command = if arguments.is_empty() { String::from("help") } else { arguments.remove(0) };
    let result = match command.as_str() {
        "demo" => demo::run(arguments),
        "www" => www::run(&arguments),
        "test" => tests::run(arguments),
        "build" => build::run(arguments),
        "check" => check::run(arguments),
        "bench" => bench::run(arguments),
        "profile" => profile::run(arguments),
        "docs" => reference::run(&arguments),
        "help" | "--help" | "-h" => {
            print!("{HELP}");
            return ExitCode::SUCCESS;
        }
        other => Err(anyhow::anyhow!("there is no command `{other}`: see `cargo xtask help`")),
    };
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("\nxtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Removes `flag` from the arguments and says whether it was there.
fn take_flag(arguments: &mut Vec<String>, flag: &str) -> bool {
    let before = arguments.len();
    arguments.retain(|argument| argument != flag);
    arguments.len() < before
}

/// Refuses arguments that no command took.
fn no_more(arguments: &[String]) -> anyhow::Result<()> {
    match arguments.first() {
        None => Ok(()),
        Some(argument) => anyhow::bail!("`{argument}` is not an argument here: see `cargo xtask help`"),
    }
}
