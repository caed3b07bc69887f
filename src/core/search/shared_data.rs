//! Test data that lies beside the repository: documents, queries, judgements.
//!
//! It is no part of it: tests over it are skipped where the folder is not there, and fail where it lacks a file.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The folder, `shared/data` beside the repository; `None`, and a message, if it is not there.
fn folder() -> Option<PathBuf> {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    let root = own.ancestors().find(|folder| folder.join("Cargo.lock").is_file());
    let folder = root.and_then(Path::parent).expect("a repository in a folder").join("shared/data");
    if !folder.is_dir() {
        println!("skipped: {} is not there", folder.display());
        return None;
    }
    Some(folder)
}

/// A file of it, unpacked.
pub(super) fn data(name: &str) -> Option<String> {
    let path = folder()?.join(name);
    assert!(path.is_file(), "{} is not there", path.display());
    if !name.ends_with(".gz") {
        return Some(std::fs::read_to_string(path).unwrap());
    }
    let Ok(output) = Command::new("gzip").arg("-dc").arg(path).output() else {
        println!("skipped: there is no gzip to unpack {name}");
        return None;
    };
    Some(String::from_utf8(output.stdout).unwrap())
}

#[test]
fn the_folder_is_looked_for_beside_the_repository() {
    let Some(folder) = folder() else { return };
    assert!(folder.join("README.md").is_file(), "{}", folder.display());
}
