//! Runs a folder's Node test suite and counts what it claims.

use anyhow::Result;

use crate::process::Step;
use crate::setup;
use crate::suites::Outcome;

/// Runs `npm test` in a folder with its packages installed.
pub(crate) fn test(title: &str, folder: &str, environment: &[(&str, String)], minutes: u64) -> Result<Outcome> {
    if !crate::tree::root().join(folder).join("package.json").is_file() {
        anyhow::bail!("{folder}/package.json does not exist");
    }
    setup::npm(folder)?;
    let directory = crate::tree::root().join(folder);
    let mut step = Step::new(title, "npm").args(["test", "--silent"]).dir(directory).minutes(minutes);
    for (name, value) in environment {
        step = step.env(name, value);
    }
    Ok(Outcome::of(&step.finish()?))
}
