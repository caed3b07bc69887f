//! Lock files fix versions and checksums, and say nothing of where a machine fetched them from.

use std::path::PathBuf;

use anyhow::Result;

use super::{texts, Report};
use crate::tree;

const CRATES_IO: &str = "registry+https://github.com/rust-lang/crates.io-index";

/// Looks at Cargo.lock and every package-lock.json.
pub(super) fn check(files: &[PathBuf]) -> Result<Report> {
    let mut report = Report::default();
    for (file, text) in texts(files) {
        let wrong = match file.file_name().and_then(|name| name.to_str()) {
            Some("Cargo.lock") => text.lines().find(|line| line.starts_with("source = ") && !line.contains(CRATES_IO)),
            Some("package-lock.json") => text.lines().find(|line| line.contains("\"resolved\": \"http")),
            _ => None,
        };
        if let Some(line) = wrong {
            let fix = "make it again with omit-lockfile-registry-resolved=true in .npmrc, or without a replaced source";
            report.errors.push(format!("{} names where it was fetched ({}): {fix}", tree::shown(file), line.trim()));
        }
    }
    Ok(report)
}
