//! Installs what the commands need and is missing; what is there already is used as it is.
//!
//! Tools of our own go to `target/tools`; browsers come from the system's packages (apt-get on Debian and Ubuntu).

use std::fs;
use std::path::PathBuf;

use anyhow::{bail, Context, Result};

use crate::process::{capture, find, Step};
use crate::tree;

/// The oldest Node that runs the package and its tests.
const NODE_VERSION_MIN: (u32, u32) = (20, 19);

/// The wasm32 target of the Rust toolchain in use.
pub(crate) fn wasm_target() -> Result<()> {
    let rustc = std::env::var("RUSTC").unwrap_or_else(|_| String::from("rustc"));
    let library = capture(&rustc, &["--print", "target-libdir", "--target", "wasm32-unknown-unknown"]);
    if library.is_some_and(|folder| PathBuf::from(folder).is_dir()) {
        return Ok(());
    }
    if find("rustup").is_none() {
        bail!(
            "Rust's wasm32 target is missing and there is no rustup to add it: install Rust with rustup \
             (https://rustup.rs), or your system's package of the wasm32-unknown-unknown standard library"
        );
    }
    Step::new("adding Rust's wasm32 target", "rustup").args(["target", "add", "wasm32-unknown-unknown"]).run()?;
    Ok(())
}

/// A component of the Rust toolchain, such as rustfmt.
pub(crate) fn rust_component(component: &str, program: &str) -> Result<()> {
    if find(program).is_some_and(|path| capture(&path.to_string_lossy(), &["--version"]).is_some()) {
        return Ok(());
    }
    if find("rustup").is_none() {
        bail!(
            "`{program}` is missing and there is no rustup to add it: install the {component} of your Rust toolchain"
        );
    }
    Step::new(format!("adding {component} to the Rust toolchain"), "rustup")
        .args(["component", "add", component])
        .run()?;
    Ok(())
}

/// Node and npm; they are not ours to install.
pub(crate) fn node() -> Result<()> {
    let version = capture("node", &["--version"]).unwrap_or_default();
    let mut numbers = version.trim_start_matches('v').split('.').map(|part| part.parse::<u32>().unwrap_or(0));
    let found = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    if found < NODE_VERSION_MIN {
        let (major, minor) = NODE_VERSION_MIN;
        bail!(
            "Node {major}.{minor} or newer is needed (found: {}): install it from https://nodejs.org",
            none(&version)
        );
    }
    if find("npm").is_none() {
        bail!("npm is missing: install it (it comes with Node from https://nodejs.org)");
    }
    Ok(())
}

fn none(text: &str) -> &str {
    if text.is_empty() {
        "none"
    } else {
        text
    }
}

/// The packages of one folder's `package-lock.json`, exactly.
pub(crate) fn npm(folder: &str) -> Result<()> {
    node()?;
    let directory = tree::root().join(folder);
    let lock = directory.join("package-lock.json");
    if !lock.is_file() {
        bail!("{folder}/package-lock.json is missing: run `npm install` in {folder} and commit it");
    }
    let stamp = tree::Stamp::new(&format!("npm-{}", folder.replace('/', "-")), tree::fingerprint(&[lock], ""));
    if stamp.is_fresh() && directory.join("node_modules").is_dir() {
        return Ok(());
    }
    Step::new(format!("installing the npm packages of {folder}"), "npm")
        .args(["ci", "--no-audit", "--no-fund", "--loglevel=error"])
        .dir(&directory)
        .run()
        .context("is the npm registry reachable?")?;
    stamp.set()
}

/// The wasm-bindgen command (or its test runner) of exactly the version in Cargo.lock.
pub(crate) fn wasm_bindgen(program: &str) -> Result<PathBuf> {
    let version = locked_version("wasm-bindgen")?;
    let ours = cargo_tool_folder("wasm-bindgen-cli", &version).join("bin").join(program);
    for candidate in [find(program), Some(ours.clone())].into_iter().flatten() {
        let said = capture(&candidate.to_string_lossy(), &["--version"]).unwrap_or_default();
        if said.split_whitespace().nth(1) == Some(version.as_str()) {
            return Ok(candidate);
        }
    }
    cargo_install("wasm-bindgen-cli", &version, "about two minutes")?;
    Ok(ours)
}

/// The version of a package in Cargo.lock.
fn locked_version(package: &str) -> Result<String> {
    let lock = tree::read(&tree::root().join("Cargo.lock"))?;
    let mut lines = lock.lines();
    let name = format!("name = \"{package}\"");
    lines.by_ref().find(|line| *line == name).with_context(|| format!("Cargo.lock names no {package}"))?;
    let version =
        lines.next().and_then(|line| line.strip_prefix("version = \"")).map(|rest| rest.trim_end_matches('"'));
    version.map(str::to_owned).with_context(|| format!("Cargo.lock states no version of {package}"))
}

fn cargo_tool_folder(package: &str, version: &str) -> PathBuf {
    tree::root().join("target/tools").join(format!("{package}-{version}"))
}

fn cargo_install(package: &str, version: &str, how_long: &str) -> Result<()> {
    let folder = cargo_tool_folder(package, version);
    Step::cargo(format!("installing {package} {version} (once; {how_long})"))
        .args(["install", package, "--version", version, "--root"])
        .arg(&folder)
        .env("CARGO_TARGET_DIR", tree::root().join("target/tools/build"))
        // They run for seconds and compile for minutes.
        .env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "1")
        .env("CARGO_PROFILE_RELEASE_LTO", "off")
        .env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16")
        .run()
        .with_context(|| {
            format!("install {package} {version} yourself, for example with `cargo install`, and run this again")
        })?;
    // Only the program is kept: the build folder would be hundreds of megabytes.
    let _ = fs::remove_dir_all(tree::root().join("target/tools/build"));
    Ok(())
}

/// The browsers and the programs that drive them.
pub(crate) struct Browsers {
    /// Chromium's program.
    pub chromium: PathBuf,
    /// Chromium's WebDriver.
    pub chromedriver: PathBuf,
    /// Firefox's program.
    pub firefox: PathBuf,
    /// Firefox's WebDriver.
    pub geckodriver: PathBuf,
    /// WebKitGTK's WebDriver, which knows its browser. That has no headless mode: it needs a screen.
    pub webkitdriver: PathBuf,
}

const CHROMIUM_NAMES: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
const FIREFOX_NAMES: [&str; 2] = ["firefox-esr", "firefox"];
const GECKODRIVER_VERSION: &str = "0.37.1";
const SCHEMATHESIS_VERSION: &str = "4.32.5";

/// Chromium alone, for the benchmark.
pub(crate) fn chromium() -> Result<PathBuf> {
    node()?;
    if find_any(&CHROMIUM_NAMES).is_none() {
        apt_install(&["chromium"])?;
    }
    find_any(&CHROMIUM_NAMES).context("Chromium is missing: install the package `chromium`")
}

/// All browsers and their drivers.
pub(crate) fn browsers() -> Result<Browsers> {
    let mut packages = Vec::new();
    if find_any(&CHROMIUM_NAMES).is_none() {
        packages.push("chromium");
    }
    if find("chromedriver").is_none() {
        packages.push("chromium-driver");
    }
    if find_any(&FIREFOX_NAMES).is_none() {
        packages.push("firefox-esr");
    }
    if find("WebKitWebDriver").is_none() {
        packages.push("webkit2gtk-driver");
    }
    if find("Xvfb").is_none() {
        packages.push("xvfb");
    }
    if !packages.is_empty() {
        apt_install(&packages)?;
    }
    Ok(Browsers {
        chromium: find_any(&CHROMIUM_NAMES).context("Chromium is missing: install the package `chromium`")?,
        chromedriver: find("chromedriver").context("chromedriver is missing: install the package `chromium-driver`")?,
        firefox: find_any(&FIREFOX_NAMES).context("Firefox is missing: install the package `firefox-esr`")?,
        geckodriver: geckodriver()?,
        webkitdriver: find("WebKitWebDriver")
            .context("WebKitGTK is missing: install the package `webkit2gtk-driver`")?,
    })
}

/// PostgreSQL's server programs, which the sync server's tests start for themselves.
pub(crate) fn postgresql() -> Result<()> {
    let debian = fs::read_dir("/usr/lib/postgresql").is_ok_and(|mut versions| versions.next().is_some());
    if !debian && (find("initdb").is_none() || find("postgres").is_none()) {
        apt_install(&["postgresql"])?;
    }
    Ok(())
}

/// The fuzzer of OpenAPI documents, in a Python environment of its own.
pub(crate) fn schemathesis() -> Result<PathBuf> {
    let folder = tree::root().join(format!("target/tools/schemathesis-{SCHEMATHESIS_VERSION}"));
    let program = folder.join("bin/schemathesis");
    if capture(&program.to_string_lossy(), &["--version"]).is_some() {
        return Ok(program);
    }
    if find("python3").is_none() {
        apt_install(&["python3", "python3-venv"])?;
    }
    let environment =
        || Step::new("making a Python environment for Schemathesis", "python3").args(["-m", "venv"]).arg(&folder).run();
    if environment().is_err() {
        // Debian's Python leaves the module out.
        apt_install(&["python3-venv"])?;
        environment()?;
    }
    Step::new(
        format!("installing Schemathesis {SCHEMATHESIS_VERSION} (once)"),
        &folder.join("bin/pip").to_string_lossy(),
    )
    .args(["install", "--quiet", "--disable-pip-version-check"])
    .arg(format!("schemathesis=={SCHEMATHESIS_VERSION}"))
    .run()
    .context("is the Python package index reachable?")?;
    Ok(program)
}

fn geckodriver() -> Result<PathBuf> {
    if let Some(path) = find("geckodriver") {
        return Ok(path);
    }
    let ours = cargo_tool_folder("geckodriver", GECKODRIVER_VERSION).join("bin/geckodriver");
    if !ours.is_file() {
        cargo_install("geckodriver", GECKODRIVER_VERSION, "about a minute")?;
    }
    Ok(ours)
}

fn find_any(names: &[&str]) -> Option<PathBuf> {
    names.iter().find_map(|name| find(name))
}

/// Installs system packages where we may: as root, or with a sudo that asks nothing.
fn apt_install(packages: &[&str]) -> Result<()> {
    let list = packages.join(" ");
    let by_hand = format!("install these packages yourself and run this again: {list}");
    if find("apt-get").is_none() {
        bail!("missing: {list}; there is no apt-get here: {by_hand}");
    }
    let root = capture("id", &["-u"]).as_deref() == Some("0");
    if !root && capture("sudo", &["-n", "true"]).is_none() {
        bail!("missing: {list}: run `sudo apt-get install {list}`, then this again");
    }
    let apt = |title: String, arguments: &[&str]| {
        let words: Vec<&str> = if root { vec!["apt-get"] } else { vec!["sudo", "-n", "apt-get"] };
        let (program, before) = words.split_first().map_or(("apt-get", Vec::new()), |(p, rest)| (*p, rest.to_vec()));
        Step::new(title, program).args(before).args(arguments).env("DEBIAN_FRONTEND", "noninteractive").run()
    };
    apt(String::from("refreshing the system's package list"), &["update", "-q"]).with_context(|| by_hand.clone())?;
    let mut arguments = vec!["install", "-q", "-y", "--no-install-recommends"];
    arguments.extend(packages);
    apt(format!("installing {list} from the system's packages"), &arguments).context(by_hand)?;
    Ok(())
}
