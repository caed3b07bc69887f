//! The sizes of the package's files, and the budget of what a page loads.

use anyhow::Result;

use crate::process::Step;

/// Prints every file's size raw, gzip and brotli; answers whether the browser's part is inside its budget.
pub(crate) fn print(package: &str) -> Result<bool> {
    let output = Step::new("measuring the package", "node").args(["src/xtask/tools/sizes.mjs", package]).finish()?;
    if output.ok {
        println!();
        for line in output.text.lines() {
            println!("  {line}");
        }
    }
    Ok(output.ok)
}
