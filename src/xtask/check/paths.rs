//! No file of the repository names a path of the machine somebody wrote it on.

use std::path::PathBuf;

use anyhow::Result;

use super::{texts, Report};
use crate::tree;

/// Beginnings of such paths, each in two halves so that this file does not hold one itself.
const BEGINNINGS: [(&str, &str); 5] =
    [("/wo", "rk/"), ("/ro", "ot/"), ("/ho", "me/"), ("/Us", "ers/"), ("C:\\", "Users\\")];

/// Looks at every text file.
pub(super) fn check(files: &[PathBuf]) -> Result<Report> {
    let mut report = Report::default();
    for (file, text) in texts(files) {
        // Words of a data set are not ours.
        if tree::has_ending(file, &["jsonl", "svg"]) {
            continue;
        }
        for (index, line) in text.lines().enumerate() {
            if BEGINNINGS.iter().any(|(a, b)| names(line, &format!("{a}{b}"))) {
                report.errors.push(format!("{}:{} names a path of a machine", tree::shown(file), index + 1));
            }
        }
    }
    Ok(report)
}

/// Whether the line holds this beginning of an absolute path, not the middle of a longer path.
fn names(line: &str, beginning: &str) -> bool {
    line.match_indices(beginning).any(|(at, _)| {
        let before = line.get(..at).and_then(|text| text.chars().next_back());
        before.is_none_or(|c| !c.is_alphanumeric() && !"._-/*".contains(c))
    })
}

#[cfg(test)]
mod tests {
    use super::names;

    #[test]
    fn a_path_of_a_machine_is_found_and_a_part_of_a_longer_path_is_not() {
        let beginning = concat!("/ho", "me/");
        assert!(names(&format!("cd {beginning}ann/tidewell"), beginning));
        assert!(names(&format!("\"{beginning}ann\""), beginning));
        assert!(!names(&format!("src{beginning}page.ts"), beginning));
    }
}
