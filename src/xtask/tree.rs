//! The repository as files: its root, what is in it, and the fingerprints that say whether something changed.

use std::collections::hash_map::DefaultHasher;
use std::fs;
use std::hash::{Hash, Hasher};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// Folders that hold what tools made, not what people wrote.
const SKIPPED: [&str; 4] = ["target", "node_modules", ".git", "dist"];

/// The root of the repository.
pub(crate) fn root() -> PathBuf {
    let manifest = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    manifest.ancestors().nth(2).map_or(manifest.clone(), Path::to_path_buf)
}

/// A path inside the repository as people write it.
pub(crate) fn shown(path: &Path) -> String {
    path.strip_prefix(root()).unwrap_or(path).display().to_string()
}

/// Every file below `folder` (relative to the root), sorted, without what tools made.
pub(crate) fn files(folder: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    walk(&root().join(folder), &mut found);
    found.sort();
    found
}

fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let path = entry.path();
        let name = entry.file_name().to_string_lossy().into_owned();
        if path.is_symlink() || SKIPPED.contains(&name.as_str()) {
            continue;
        }
        if path.is_dir() {
            walk(&path, found);
        } else {
            found.push(path);
        }
    }
}

/// Whether the file's name ends with one of these.
pub(crate) fn has_ending(path: &Path, endings: &[&str]) -> bool {
    path.extension().is_some_and(|ending| endings.iter().any(|one| ending == *one))
}

/// Reads a text file, with its name in the error.
pub(crate) fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("cannot read {}", shown(path)))
}

/// A number that changes when one of the files does.
pub(crate) fn fingerprint(files: &[PathBuf], extra: &str) -> String {
    let mut hasher = DefaultHasher::new();
    extra.hash(&mut hasher);
    for file in files {
        file.hash(&mut hasher);
        fs::read(file).unwrap_or_default().hash(&mut hasher);
    }
    format!("{:016x}", hasher.finish())
}

/// A stamp file that says for which fingerprint a piece of work was done.
pub(crate) struct Stamp {
    path: PathBuf,
    fingerprint: String,
}

impl Stamp {
    /// The stamp called `name` of the work that depends on `fingerprint`.
    pub(crate) fn new(name: &str, fingerprint: String) -> Stamp {
        Stamp { path: root().join("target/tools/stamps").join(name), fingerprint }
    }

    /// Whether that work was done already.
    pub(crate) fn is_fresh(&self) -> bool {
        fs::read_to_string(&self.path).is_ok_and(|text| text == self.fingerprint)
    }

    /// Notes that the work is done.
    pub(crate) fn set(&self) -> Result<()> {
        if let Some(folder) = self.path.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::write(&self.path, &self.fingerprint)?;
        Ok(())
    }
}
