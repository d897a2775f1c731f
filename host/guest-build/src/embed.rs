//! Text files that a binary carries, for build scripts.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::component;

/// Text files by the path that they are given, with `/` on every system.
#[derive(Debug, Default, Clone)]
pub struct Sources {
    files: BTreeMap<String, PathBuf>,
    /// What cargo must watch: a folder changes when a file comes or goes.
    watched: Vec<PathBuf>,
}

impl Sources {
    /// Adds a file under a path.
    pub fn file(&mut self, path: &str, file: &Path) -> &mut Self {
        self.files.insert(path.to_owned(), file.to_owned());
        self.watched.push(file.to_owned());
        self
    }

    /// Has cargo watch a file or folder that is not added itself.
    pub fn watch(&mut self, path: &Path) -> &mut Self {
        self.watched.push(path.to_owned());
        self
    }

    /// Adds all files below a folder, under a path that ends in `/`, or an empty one.
    ///
    /// # Errors
    ///
    /// The folder cannot be listed.
    pub fn folder(&mut self, path: &str, folder: &Path) -> Result<&mut Self> {
        self.watched.push(folder.to_owned());
        for entry in std::fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))? {
            let entry = entry?.path();
            let name = entry.file_name().context("an entry of a folder has a name")?.to_string_lossy().into_owned();
            if entry.is_dir() {
                self.folder(&format!("{path}{name}/"), &entry)?;
            } else {
                self.file(&format!("{path}{name}"), &entry);
            }
        }
        Ok(self)
    }
}

/// Writes a Rust file with `pub static {NAME}: &[(&str, &str)]` for each of `sources`, path and text, for `include!`
/// from `OUT_DIR`; and tells cargo to run the build script again when a file changes, comes or goes.
///
/// # Errors
///
/// The file cannot be written.
#[expect(clippy::print_stdout, reason = "this is how a build script talks to cargo")]
pub fn write_sources(sources: &[(&str, &Sources)], file: &Path) -> Result<()> {
    let mut code = String::new();
    for (name, sources) in sources {
        writeln!(code, "/// Text files by path.\npub static {name}: &[(&str, &str)] = &[")?;
        for (path, file) in &sources.files {
            writeln!(code, "    ({path:?}, include_str!({:?})),", file.display().to_string())?;
        }
        code.push_str("];\n");
        for watched in &sources.watched {
            println!("cargo::rerun-if-changed={}", watched.display());
        }
    }
    component::write_if_changed(file, code.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_walked_in_the_order_of_their_paths() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        std::fs::create_dir_all(root.join("wit/deep")).unwrap();
        for path in ["wit/deep/b.wit", "wit/a.wit", "Cargo.toml"] {
            std::fs::write(root.join(path), "").unwrap();
        }
        let mut sources = Sources::default();
        sources.folder("wit/", &root.join("wit")).unwrap().file("Manifest.toml", &root.join("Cargo.toml"));
        let out = root.join("out.rs");
        write_sources(&[("SDK", &sources)], &out).unwrap();
        let code = std::fs::read_to_string(out).unwrap();
        let lines: Vec<_> = code.lines().filter_map(|line| line.trim().strip_prefix("(\"")).collect();
        let paths: Vec<_> = lines.iter().map(|line| line.split('"').next().unwrap()).collect();
        assert_eq!(paths, ["Manifest.toml", "wit/a.wit", "wit/deep/b.wit"]);
        assert!(code.contains("pub static SDK: &[(&str, &str)] = &["), "{code}");
    }
}
