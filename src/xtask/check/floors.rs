//! The dependency direction: in `src/core` a floor imports only the floors below it, and only `src/web` names
//! wasm-bindgen.

use std::path::{Path, PathBuf};

use anyhow::Result;

use super::{texts, Report};
use crate::tree;

/// The floors of the core. Siblings share a number and never import each other.
const FLOORS: [(&str, u32); 10] = [
    ("base", 0),
    ("disk", 1),
    ("engine", 2),
    ("collections", 3),
    ("search", 4),
    ("cache", 4),
    ("topics", 4),
    ("jobs", 4),
    ("sync", 4),
    ("database", 5),
];

/// Crates that only `src/web` may name.
const BROWSER_CRATES: [&str; 6] =
    ["wasm_bindgen", "js_sys", "web_sys", "wasm_bindgen_futures", "serde_wasm_bindgen", "gloo_timers"];

/// Looks at every Rust file.
pub(super) fn check(files: &[PathBuf]) -> Result<Report> {
    let mut report = Report::default();
    for (file, text) in texts(files) {
        if !tree::has_ending(file, &["rs"]) {
            continue;
        }
        let shown = tree::shown(file);
        if let Some(inside) = shown.strip_prefix("src/core/") {
            report.errors.extend(upward_imports(Path::new(inside), &text).map(|(line, what)| {
                format!("src/core/{inside}:{line} imports {what}: arrows point down the floors only")
            }));
        }
        if !shown.starts_with("src/web/") && !shown.starts_with("src/xtask/") {
            report.errors.extend(
                browser_names(&text)
                    .map(|(line, name)| format!("{shown}:{line} names {name}: only src/web knows the browser")),
            );
        }
    }
    Ok(report)
}

/// The floor a file of the core belongs to; integration tests and `lib.rs` belong to none.
fn floor_of(inside: &Path) -> Option<(&'static str, u32)> {
    let first = inside.components().next()?.as_os_str().to_string_lossy().into_owned();
    let name = first.trim_end_matches(".rs");
    FLOORS.iter().find(|(floor, _)| *floor == name).copied()
}

/// Every import of a floor that is not below, with its line number.
fn upward_imports<'a>(inside: &Path, text: &'a str) -> impl Iterator<Item = (usize, &'static str)> + 'a {
    let own = floor_of(inside);
    code_lines(text).flat_map(move |(number, line)| {
        let reached = line.match_indices("crate::").filter_map(move |(at, word)| {
            let rest = line.get(at + word.len()..)?;
            let first = rest.split(|c: char| !c.is_alphanumeric() && c != '_').next()?;
            FLOORS.iter().find(|(floor, _)| *floor == first)
        });
        reached.filter_map(move |(floor, level)| {
            let (own_floor, own_level) = own?;
            (*floor != own_floor && *level >= own_level).then_some((number, *floor))
        })
    })
}

fn browser_names(text: &str) -> impl Iterator<Item = (usize, &'static str)> + '_ {
    code_lines(text).filter_map(|(number, line)| {
        let found = BROWSER_CRATES.iter().find(|name| line.contains(&format!("{name}::")))?;
        Some((number, *found))
    })
}

/// Lines that are not comments, with their numbers.
fn code_lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines()
        .enumerate()
        .map(|(index, line)| (index + 1, line))
        .filter(|(_, line)| !line.trim_start().starts_with("//"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(file: &str, text: &str, expected: &[&str]) {
        let found: Vec<&str> = upward_imports(Path::new(file), text).map(|(_, floor)| floor).collect();
        assert_eq!(found, expected, "{file}: {text}");
    }

    #[test]
    fn a_floor_may_import_the_floors_below_and_itself() {
        check("engine/log.rs", "use crate::base::Error;\nuse crate::engine::access::Read;", &[]);
        check("database.rs", "use crate::collections::Collection;", &[]);
    }

    #[test]
    fn a_floor_may_not_import_the_floors_above_nor_its_siblings() {
        check("disk/memory.rs", "use crate::engine::Engine;", &["engine"]);
        check("base/mod.rs", "fn f() { crate::disk::x(); crate::database::y() }", &["disk", "database"]);
        check("cache/mod.rs", "use crate::search::Index;", &["search"]);
    }

    #[test]
    fn a_comment_may_name_any_floor() {
        check("base/mod.rs", "/// See [`crate::engine`].", &[]);
    }
}
