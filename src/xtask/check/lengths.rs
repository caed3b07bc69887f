//! No file that nobody can hold in their head: 300 lines are a warning, 500 an error.

use std::path::PathBuf;

use anyhow::Result;

use super::{texts, Report};
use crate::tree;

const WARN_LINES: usize = 300;
const FAIL_LINES: usize = 500;
const ENDINGS: [&str; 8] = ["rs", "ts", "mts", "js", "mjs", "css", "html", "sh"];

/// Counts the lines of every source file.
pub(super) fn check(files: &[PathBuf]) -> Result<Report> {
    let mut report = Report::default();
    for (file, text) in texts(files).filter(|(file, _)| tree::has_ending(file, &ENDINGS)) {
        let lines = text.lines().count();
        let shown = tree::shown(file);
        if lines > FAIL_LINES {
            report.errors.push(format!("{shown} has {lines} lines (at most {FAIL_LINES}): split it by what it does"));
        } else if lines > WARN_LINES {
            report.warnings.push(format!("{shown} has {lines} lines (over {WARN_LINES})"));
        }
    }
    Ok(report)
}
