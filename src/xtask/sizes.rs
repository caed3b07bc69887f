//! The sizes of the package's files, and the limits of what each entry loads.

use anyhow::Result;

use crate::process::{Output, Step};
use crate::suites::Outcome;

/// What begins the line of a limit, and what ends it where it is exceeded.
const LIMIT: &str = "limit ";
const EXCEEDED: &str = "TOO LARGE";

fn measure(package: &str) -> Result<Output> {
    Step::new("measuring the package", "node").args(["src/xtask/tools/sizes.mjs", package]).finish()
}

/// Prints every file's size raw, gzip and brotli; answers whether everything is inside its limit.
pub(crate) fn print(package: &str) -> Result<bool> {
    let output = measure(package)?;
    if output.ok {
        println!();
        for line in output.text.lines() {
            println!("  {line}");
        }
    }
    Ok(output.ok)
}

/// Holds the package to its limits, each of which is a claim.
pub(crate) fn held(package: &str) -> Result<Outcome> {
    Ok(claims(&measure(package)?))
}

fn claims(output: &Output) -> Outcome {
    let limits = || output.text.lines().filter_map(|line| line.strip_prefix(LIMIT));
    let exceeded: Vec<String> = limits().filter(|line| line.ends_with(EXCEEDED)).map(str::to_owned).collect();
    let mut outcome = Outcome::claim(output.ok, output.seconds);
    outcome.passed = (limits().count() - exceeded.len()) as u64;
    outcome.failed = outcome.failed.max(exceeded.len() as u64);
    // The first two are those of a page.
    outcome.notes = if exceeded.is_empty() { limits().take(2).map(str::to_owned).collect() } else { exceeded };
    outcome
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_limit_is_a_claim_and_one_that_is_exceeded_is_named() {
        let output = |text: &str, ok| Output { text: text.to_owned(), ok, seconds: 0.0 };
        let inside = claims(&output("a 3\nlimit first: 1 of 2\nlimit rest: 1 of 2\nlimit x: 1 of 2", true));
        assert_eq!((inside.passed, inside.failed, inside.notes.len()), (3, 0, 2));
        let outside = claims(&output("limit first: 1 of 2\nlimit x: 3 of 2: TOO LARGE", false));
        assert_eq!((outside.passed, outside.failed), (1, 1));
        assert_eq!(outside.notes, ["x: 3 of 2: TOO LARGE"]);
        assert_eq!(claims(&output("it threw", false)).failed, 1);
    }
}
