//! From Rust to the two optimised WebAssembly modules in `target/glue`; the package is put together from them by `build`.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::process::{capture, Step};
use crate::{copies, setup, split, tree};

/// The crate that is linked into the module, and the file it becomes.
const MODULE_CRATE: &str = "tidewell-module";
const MODULE_FILE: &str = "tidewell.wasm";
const TARGET: &str = "wasm32-unknown-unknown";
/// Where the glue and the modules are left, relative to the root.
pub(crate) const GLUE: &str = "target/glue";
/// The crate of the sync server for the edge, and the file it becomes; its glue and module are left in a folder of [`GLUE`].
const SYNC_CRATE: &str = "tidewell-sync";
const SYNC_FILE: &str = "tidewell_sync.wasm";
const SYNC_FOLDER: &str = "sync";
/// Where the module with the addresses of its data far apart is left.
const APART: &str = "target/apart";
/// Which functions a page needs; recorded by `cargo xtask profile`.
pub(crate) const PROFILE: &str = "src/web/module/page.profile";

/// Flags of every build: names of functions that do not depend on the rest of the crate, for the profile; and what the linker knows of
/// data, for splitting it.
const FLAGS: &str = "-Ctarget-feature=+simd128 -Csymbol-mangling-version=v0 -Clink-arg=--emit-relocs";
/// Flags of a build with the standard library along: a panic ends the instance at once, and says nothing.
const LEAN_FLAGS: &str = "-Zunstable-options -Cpanic=immediate-abort -Zlocation-detail=none -Zfmt-debug=none";

/// The modules in [`GLUE`].
pub(crate) struct Modules {
    /// All of it, with the names of its functions.
    pub(crate) whole: PathBuf,
    /// What a page loads to open a database and work with documents.
    pub(crate) page: PathBuf,
    /// What it loads afterwards.
    pub(crate) rest: PathBuf,
}

/// Compiles, makes the glue, optimises and splits by `profile`.
pub(crate) fn modules(dev: bool, profile: &str) -> Result<Modules> {
    setup::wasm_target()?;
    setup::npm("src/xtask/tools")?;
    let module = if dev { compile("quick", false)? } else { release()? };
    let linked = fs::read(&module)?;
    let (statics, plain, apart) = split::Statics::read(&linked).context("reading what the linker says of data")?;
    let glue = tree::root().join(GLUE);
    generate(&plain, &glue, "tidewell")?;
    let (_, sync, _) = split::Statics::read(&fs::read(module.with_file_name(SYNC_FILE))?)?;
    let sync_folder = glue.join(SYNC_FOLDER);
    generate(&sync, &sync_folder, "tidewell_sync")?;
    let modules = Modules {
        whole: glue.join("tidewell_bg.wasm"),
        page: glue.join("tidewell_page.wasm"),
        rest: glue.join("tidewell_rest.wasm"),
    };
    let mut data = None;
    if !dev {
        optimise(&modules.whole)?;
        optimise(&sync_folder.join("tidewell_sync_bg.wasm"))?;
        let folder = tree::root().join(APART);
        generate(&apart, &folder, "tidewell")?;
        let apart = folder.join("tidewell_bg.wasm");
        optimise(&apart)?;
        data = Some(split::Data { statics, apart });
    }
    split::split(&modules.whole, data.as_ref(), profile, &modules.page, &modules.rest)?;
    Ok(modules)
}

/// The conformance suite of disks for those that JavaScript brings along: its glue and module in `folder`. Built as the tests of the
/// WebAssembly crate are, so that only the last step is its own.
pub(crate) fn conformance(folder: &Path) -> Result<()> {
    setup::wasm_target()?;
    Step::cargo("compiling the conformance suite of disks")
        .args(["build", "--locked", "-p", SYNC_CRATE, "--features", "testing", "--target", TARGET, "--profile", "test"])
        .run()?;
    let module = tree::root().join("target").join(TARGET).join("debug").join(SYNC_FILE);
    generate(&fs::read(module)?, folder, "conformance")
}

/// Generates the JavaScript glue of a module, and the module that goes with it, in `folder`.
fn generate(module: &[u8], folder: &Path, name: &str) -> Result<()> {
    let wasm_bindgen = setup::wasm_bindgen("wasm-bindgen")?;
    if folder.is_dir() {
        fs::remove_dir_all(folder)?;
    }
    fs::create_dir_all(folder)?;
    let input = folder.join(MODULE_FILE);
    fs::write(&input, module)?;
    Step::new("generating the JavaScript glue with wasm-bindgen", &wasm_bindgen.to_string_lossy())
        .arg(&input)
        .args(["--target", "web", "--omit-default-module-path", "--remove-producers-section"])
        .args(["--out-name", name, "--out-dir"])
        .arg(folder)
        .run()?;
    fs::remove_file(&input).context("removing what the glue was generated from")
}

/// The profile that is kept with the sources; empty where there is none.
pub(crate) fn profile() -> String {
    fs::read_to_string(tree::root().join(PROFILE)).unwrap_or_default()
}

/// With the standard library compiled along where that is possible: a twelfth smaller.
fn release() -> Result<PathBuf> {
    if lean_is_possible() {
        match compile("release", true) {
            Ok(module) => return Ok(module),
            Err(error) => println!("  the standard library could not be compiled along ({error:#})"),
        }
    }
    println!("  building on the standard library as it comes: the WebAssembly will be larger than it could be");
    compile("release", false)
}

/// Whether this compiler has the library's sources and knows how to build it without panic messages.
fn lean_is_possible() -> bool {
    let sources = || {
        let root = capture("rustc", &["--print", "sysroot"]).map(PathBuf::from);
        root.is_some_and(|root| root.join("lib/rustlib/src/rust/library/std").is_dir())
    };
    if !sources() {
        let installed = Step::new("installing the sources of Rust's standard library", "rustup")
            .args(["component", "add", "rust-src"])
            .finish();
        if !installed.is_ok_and(|output| output.ok) || !sources() {
            return false;
        }
    }
    let knows = Step::new("looking whether the compiler builds the standard library without panic messages", "rustc")
        .env("RUSTC_BOOTSTRAP", "1")
        .args(["--target", TARGET, "--print", "cfg", "-Zunstable-options", "-Cpanic=immediate-abort"]);
    knows.finish().is_ok_and(|output| output.ok)
}

/// Compiles the WebAssembly; the `quick` profile trades its size and speed for seconds of building.
fn compile(profile: &str, lean: bool) -> Result<PathBuf> {
    let slow = if profile == "quick" { "" } else { " (optimised: a few minutes)" };
    let mut folder = tree::root().join("target");
    let mut step = Step::cargo(format!("compiling the WebAssembly{slow}")).args([
        "build",
        "--locked",
        "-p",
        MODULE_CRATE,
        "-p",
        SYNC_CRATE,
        "--target",
        TARGET,
        "--profile",
        profile,
    ]);
    if lean {
        // The compiler's unstable switches, by which the standard library is built along, in a folder of their own.
        folder = folder.join("lean");
        step = step
            .args(["-Zbuild-std=std,panic_abort", "-Zbuild-std-features=optimize_for_size", "--target-dir"])
            .arg(&folder)
            .env("RUSTC_BOOTSTRAP", "1")
            .env("RUSTFLAGS", format!("{FLAGS} {LEAN_FLAGS}"));
    } else {
        step = step.env("RUSTFLAGS", FLAGS);
    }
    step.run()?;
    Ok(folder.join(TARGET).join(profile).join(MODULE_FILE))
}

/// Shrinks the module with wasm-opt, and makes its short copies short. It reads the features in use from the module itself: naming them here
/// would let it use ones that Node 20 refuses. A function that is called once stays a function of its own: inside another it
/// could not go to the other module.
fn optimise(module: &Path) -> Result<()> {
    let optimised = module.with_extension("optimised");
    Step::new("optimising the WebAssembly with wasm-opt", "node")
        .args(["src/xtask/tools/node_modules/binaryen/bin/wasm-opt", "-O3", "--debuginfo"])
        .args(["--one-caller-inline-max-function-size", "40"])
        .arg(module)
        .arg("-o")
        .arg(&optimised)
        .run()?;
    fs::rename(&optimised, module).context("replacing the module by the optimised one")?;
    copies::shorten(module)
}
