//! `cargo xtask test`: every suite, natively and in real browsers, and one table at the end.

use anyhow::{bail, Result};

use crate::process::Step;
use crate::screen::Screen;
use crate::suites::{Outcome, Table};
use crate::{build, check, compile, node, places, setup, sizes, take_flag, tree};

/// A suite: its name on the command line, what it shows, where it declares its places, and how it runs.
struct Suite {
    name: &'static str,
    shows: &'static str,
    run: fn() -> Result<Outcome>,
    places: Option<&'static str>,
}

impl Suite {
    const fn new(name: &'static str, shows: &'static str, run: fn() -> Result<Outcome>) -> Suite {
        Suite { name, shows, run, places: None }
    }

    /// The folder of tests that declares in its `places.txt` where the product is to be run.
    const fn in_places_of(self, folder: &'static str) -> Suite {
        Suite { places: Some(folder), ..self }
    }

    /// Runs it; what its places came to is known even if it did not begin.
    fn outcome(&self) -> Outcome {
        let broken = |error: anyhow::Error| {
            println!("✗ {error:#}");
            Outcome::broken(&error)
        };
        let outcome = (self.run)().unwrap_or_else(broken);
        match self.places.map_or(Ok(Vec::new()), |folder| places::declared(&tree::root().join(folder))) {
            Ok(declared) => outcome.expect(declared),
            Err(error) => outcome.and(broken(error)),
        }
    }
}

const SUITES: &[Suite] = &[
    Suite::new("native", "unit, property, model and crash tests, natively", native),
    Suite::new("planted", "every planted bug is caught", planted),
    Suite::new(
        "server",
        "the sync server: the program over HTTP, on a file and on PostgreSQL, killed and attacked",
        server,
    ),
    Suite::new("oracle", "queries, updates and pipelines against mingo", oracle),
    Suite::new("wasm-chromium", "the WebAssembly crate's tests in Chromium", wasm_chromium),
    Suite::new("wasm-firefox", "the WebAssembly crate's tests in Firefox", wasm_firefox),
    Suite::new("wasm-webkit", "the WebAssembly crate's tests in WebKitGTK", wasm_webkit),
    Suite::new("package", "the npm package: types, entry points, API, adapters, sizes", package),
    Suite::new("packaging", "the packed tarball in fresh projects: bundlers, runtimes, linters", packaging)
        .in_places_of("tests/packaging"),
    Suite::new("examples", "the examples, built from the packed tarball and used", examples)
        .in_places_of("tests/examples"),
    Suite::new("docs", "every snippet of the documents, compiled and run", docs),
    Suite::new("edge", "Durable Objects on workerd: a database, the sync server, the example", edge)
        .in_places_of("tests/edge"),
    Suite::new("browser", "the package in real browsers: kills, tabs, quota, CSP", browser)
        .in_places_of("tests/browser"),
];

/// Tests of the native server that hold for every server of the protocol.
const EDGE_SCENARIOS: [&str; 8] = [
    "two_clients_that_were_offline",
    "killed_in_the_middle_of_pushes",
    "a_live_stream_tells",
    "rules_from_the_file_of_settings",
    "tokens_that_do_not_hold",
    "hostile_bodies",
    "what_was_asked_in_version_",
    "what_is_older_or_newer_than_the_window",
];

/// The package's own client against the native server: the same holds for its client against the edge's.
const EDGE_CLIENT: [&str; 3] = ["sync_server", "sync_schema", "attachments_sync"];

/// Runs the command.
pub(crate) fn run(mut arguments: Vec<String>) -> Result<bool> {
    if take_flag(&mut arguments, "--list") {
        for suite in SUITES {
            println!("{:14} {}", suite.name, suite.shows);
        }
        return Ok(true);
    }
    let with_check = take_flag(&mut arguments, "--with-check");
    if let Some(unknown) = arguments.iter().find(|name| !SUITES.iter().any(|suite| suite.name == name.as_str())) {
        bail!("there is no suite `{unknown}`: see `cargo xtask test --list`");
    }
    let mut table = Table::default();
    if with_check {
        check::all(&mut table);
    }
    for suite in SUITES.iter().filter(|suite| arguments.is_empty() || arguments.iter().any(|name| name == suite.name)) {
        println!("\n{}: {}", suite.name, suite.shows);
        table.add(suite.name, suite.outcome());
    }
    Ok(table.print())
}

/// Everything that runs without a browser. The `sim` profile is optimised and keeps overflow checks.
fn native() -> Result<Outcome> {
    let step = Step::cargo("compiling and running the native tests")
        .args(["test", "--locked", "--workspace", "--exclude", "tidewell-web", "--exclude", "tidewell-module"])
        .args([
            "--exclude",
            "tidewell-sync",
            "--exclude",
            "tidewell-server",
            "--profile",
            "sim",
            "--no-fail-fast",
            "--",
            "--show-output",
        ]);
    Ok(Outcome::of(&step.minutes(40).finish()?))
}

fn planted() -> Result<Outcome> {
    let step = Step::cargo("running the planted bugs")
        .args([
            "test",
            "--locked",
            "-p",
            "tidewell-tests",
            "-p",
            "tidewell-core",
            "-p",
            "tidewell-lower",
            "-p",
            "tidewell-search",
        ])
        .args(["--profile", "sim", "--features", "tidewell-tests/planted-bugs"])
        .args(["planted", "--", "--show-output"]);
    Ok(Outcome::of(&step.finish()?))
}

/// The server's own tests; its dependencies are compiled for nothing else.
fn server() -> Result<Outcome> {
    setup::postgresql()?;
    let step = Step::cargo("compiling the sync server and running its tests")
        .args(["test", "--locked", "-p", "tidewell-server", "--", "--show-output"])
        .env("SCHEMATHESIS", setup::schemathesis()?);
    Ok(Outcome::of(&step.minutes(20).finish()?))
}

fn oracle() -> Result<Outcome> {
    node::test("comparing with mingo", "tests/oracle", &[], 20)
}

fn wasm_chromium() -> Result<Outcome> {
    let browsers = setup::browsers()?;
    wasm("Chromium", &[("CHROMEDRIVER", browsers.chromedriver.display().to_string())])
}

fn wasm_firefox() -> Result<Outcome> {
    let browsers = setup::browsers()?;
    wasm("Firefox", &[("GECKODRIVER", browsers.geckodriver.display().to_string())])
}

fn wasm_webkit() -> Result<Outcome> {
    let browsers = setup::browsers()?;
    let screen = Screen::start()?;
    // wasm-bindgen knows WebKit's driver as Safari's.
    let driver = ("SAFARIDRIVER", browsers.webkitdriver.display().to_string());
    wasm("WebKitGTK", &[driver, ("DISPLAY", screen.display.clone())])
}

/// The wasm-bindgen tests of the WebAssembly crate in one browser.
fn wasm(browser: &str, variables: &[(&str, String)]) -> Result<Outcome> {
    setup::wasm_target()?;
    let runner = setup::wasm_bindgen("wasm-bindgen-test-runner")?;
    let mut step = Step::cargo(format!("running the WebAssembly tests in {browser}"))
        .args(["test", "--locked", "-p", "tidewell-web", "--target", "wasm32-unknown-unknown"])
        .env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUNNER", runner)
        .env("WASM_BINDGEN_USE_BROWSER", "1")
        .env("WASM_BINDGEN_TEST_TIMEOUT", "300")
        .minutes(15);
    for (name, value) in variables {
        step = step.env(name, value);
    }
    Ok(Outcome::of(&step.finish()?))
}

fn package() -> Result<Outcome> {
    build::package(false)?;
    let mut variables = package_variables();
    variables.push(sync_server()?);
    let package = node::test("testing the npm package", "pkg-config", &variables, 10)?;
    let adapters = node::test("testing its adapters", "tests/adapters", &package_variables(), 5)?;
    Ok(package.and(adapters).and(sizes::held(build::PACKAGE)?))
}

/// The tarball in every place it promises to work in. Projects and their packages are kept in `target/packaging`.
fn packaging() -> Result<Outcome> {
    build::package(false)?;
    setup::npm("tests/browser")?;
    let mut variables = package_variables();
    variables.push(sync_server()?);
    variables.push(("CHROMIUM", setup::chromium()?.display().to_string()));
    node::test("installing the tarball into fresh projects and running it there", "tests/packaging", &variables, 30)
}

/// The examples share what they install.
fn examples() -> Result<Outcome> {
    build::package(false)?;
    setup::npm("tests/browser")?;
    let mut variables = package_variables();
    variables.push(("CHROMIUM", setup::chromium()?.display().to_string()));
    node::test("building and using the examples", "tests/examples", &variables, 10)
}

/// What the documents say, tried on the built package, where it needs one in a page or on workerd.
fn docs() -> Result<Outcome> {
    build::package(false)?;
    setup::npm("tests/browser")?;
    setup::npm("tests/edge")?;
    let mut variables = package_variables();
    variables.push(sync_server()?);
    variables.push(("CHROMIUM", setup::chromium()?.display().to_string()));
    node::test("compiling and running the snippets of the documents", "tests/docs", &variables, 10)
}

/// The package in Durable Objects, disks that JavaScript brings along, and the native server's scenarios and those of the package's
/// client against the edge's.
fn edge() -> Result<Outcome> {
    build::package(false)?;
    let conformance = tree::root().join("target/edge/conformance");
    compile::conformance(&conformance)?;
    let mut variables = package_variables();
    variables.push(("TIDEWELL_CONFORMANCE", conformance.display().to_string()));
    let own = node::test("running it on workerd", "tests/edge", &variables, 10)?;
    let server = tree::root().join("tests/edge/sync_server.mjs");
    let scenarios = Step::cargo("running the native server's scenarios against the edge's")
        .args(["test", "--locked", "-p", "tidewell-server", "--test", "server", "--"])
        // Those that are about the native program's files and commands are not for it.
        .args(EDGE_SCENARIOS)
        .args(["--test-threads=1", "--show-output"])
        .env("TIDEWELL_SERVER", format!("node {}", server.display()))
        .env("TIDEWELL_PACKAGE", tree::root().join(build::PACKAGE));
    let scenarios = Outcome::of(&scenarios.minutes(10).finish()?);
    setup::npm("pkg-config")?;
    let mut client = Step::new("running the package's client against the edge's server", "node")
        .args(["test.mjs"])
        .args(EDGE_CLIENT)
        .dir(tree::root().join("pkg-config"))
        .env("TIDEWELL_SERVER", server.display().to_string());
    for (name, value) in package_variables() {
        client = client.env(name, value);
    }
    Ok(own.and(scenarios).and(Outcome::of(&client.minutes(15).finish()?)))
}

fn browser() -> Result<Outcome> {
    build::package(false)?;
    setup::npm("tests/adapters")?;
    setup::postgresql()?;
    let browsers = setup::browsers()?;
    let screen = Screen::start()?;
    let mut variables = package_variables();
    variables.push(sync_server()?);
    variables.push(("CHROMIUM", browsers.chromium.display().to_string()));
    variables.push(("FIREFOX", browsers.firefox.display().to_string()));
    variables.push(("GECKODRIVER", browsers.geckodriver.display().to_string()));
    variables.push(("WEBKITDRIVER", browsers.webkitdriver.display().to_string()));
    variables.push(("WEBKIT_DISPLAY", screen.display.clone()));
    node::test("testing in real browsers", "tests/browser", &variables, 20)
}

/// The sync server that clients are tested against, as its own tests compile it.
pub(crate) fn sync_server() -> Result<(&'static str, String)> {
    // Compiling its tests leaves the program, too, and what the suite `server` compiled serves here.
    let arguments = ["test", "--locked", "--no-run", "-p", "tidewell-server", "--test", "server"];
    Step::cargo("compiling the sync server").args(arguments).minutes(20).run()?;
    Ok(("TIDEWELL_SERVER", tree::root().join("target/debug/tidewell-server").display().to_string()))
}

/// Where Node suites find the built package.
fn package_variables() -> Vec<(&'static str, String)> {
    vec![("TIDEWELL_PACKAGE", tree::root().join(build::PACKAGE).display().to_string())]
}
