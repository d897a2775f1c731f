//! Whether a guest must be built again, without asking cargo.

use std::collections::BTreeSet;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::{Context, Result};

use crate::metadata::{Package, Workspace};
use crate::release;

/// Everything a guest is made of, once it has been built: sources and WIT from
/// cargo's dependency file, manifests, the lock file, and the release.
pub(crate) fn sources(workspace: &Workspace, package: &Package, dependency_file: &Path) -> Result<Vec<PathBuf>> {
    let text = std::fs::read_to_string(dependency_file)
        .with_context(|| format!("cannot read {}", dependency_file.display()))?;
    let mut found: BTreeSet<PathBuf> = prerequisites(&text).into_iter().collect();
    let manifests: Vec<_> = found.iter().filter_map(|source| manifest_above(source)).collect();
    found.extend(manifests);
    found
        .extend(["Cargo.toml", "Cargo.lock"].map(|name| workspace.root.join(name)).into_iter().filter(|f| f.is_file()));
    found.extend(release::files(&package.manifest_dir)?);
    // A folder changes when a file comes or goes.
    found.extend(release::folders(&package.manifest_dir));
    Ok(found.into_iter().collect())
}

fn manifest_above(source: &Path) -> Option<PathBuf> {
    source.ancestors().skip(1).map(|folder| folder.join("Cargo.toml")).find(|manifest| manifest.is_file())
}

/// The right-hand sides of a Makefile's rules; a space within a path is escaped.
fn prerequisites(text: &str) -> Vec<PathBuf> {
    let mut paths = Vec::new();
    for rule in text.lines() {
        let Some((_, sources)) = rule.split_once(": ") else { continue };
        let marked = sources.replace("\\ ", "\0");
        paths.extend(marked.split_whitespace().map(|path| PathBuf::from(path.replace('\0', " "))));
    }
    paths
}

/// Whether the stamp was made with `recipe` and is younger than all sources.
pub(crate) fn is_fresh(stamp: &Path, recipe: &str, sources: &[PathBuf]) -> bool {
    let Ok(made_with) = std::fs::read_to_string(stamp) else { return false };
    let Ok(made_at) = modified(stamp) else { return false };
    made_with == recipe && sources.iter().all(|source| modified(source).is_ok_and(|at| at < made_at))
}

/// Stamps a build that began at `began`: what changed since is newer.
pub(crate) fn stamp(path: &Path, recipe: &str, began: SystemTime) -> Result<()> {
    std::fs::write(path, recipe)
        .and_then(|()| File::options().append(true).open(path))
        .and_then(|file| file.set_modified(began))
        .with_context(|| format!("cannot write {}", path.display()))
}

fn modified(path: &Path) -> std::io::Result<SystemTime> {
    std::fs::metadata(path)?.modified()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn dependency_files_are_makefiles() {
        let text = "/t/libx.wasm: /w/src/lib.rs /w/with\\ space/a.wit\n\n/t/x.d: /w/b.rs\n";
        assert_eq!(prerequisites(text), ["/w/src/lib.rs", "/w/with space/a.wit", "/w/b.rs"].map(PathBuf::from));
    }

    #[test]
    fn only_a_change_makes_it_stale() {
        let folder = tempfile::tempdir().unwrap();
        let source = folder.path().join("lib.rs");
        let mark = folder.path().join("stamp");
        std::fs::write(&source, "").unwrap();
        let later = SystemTime::now() + Duration::from_secs(1);
        let sources = [source.clone()];

        assert!(!is_fresh(&mark, "rustc 1", &sources), "never built");
        stamp(&mark, "rustc 1", later).unwrap();
        assert!(is_fresh(&mark, "rustc 1", &sources));
        assert!(!is_fresh(&mark, "rustc 2", &sources), "another compiler");
        File::options().append(true).open(&source).unwrap().set_modified(later).unwrap();
        assert!(!is_fresh(&mark, "rustc 1", &sources), "edited while it was built");
        std::fs::remove_file(&source).unwrap();
        assert!(!is_fresh(&mark, "rustc 1", &sources), "deleted");
    }
}
