//! A plugin's folder: `plugin.toml`, and beside it its price tables, schemas and code.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use iap_core::{
    manifest::{MANIFEST_FILE, Manifest, ManifestErrors},
    release::ReleaseFiles,
};

/// A plugin's folder with the text files of its release, as they are now.
#[derive(Clone, Debug)]
pub struct Project {
    /// Where it is.
    pub folder: PathBuf,
    /// `plugin.toml`, price tables and schemas.
    pub files: ReleaseFiles,
}

impl Project {
    /// Opens a folder; without one, this folder or the nearest above that has a `plugin.toml`.
    ///
    /// # Errors
    ///
    /// There is none, or a file cannot be part of a release.
    pub fn open(path: Option<&Path>) -> anyhow::Result<Self> {
        let folder = match path {
            Some(path) if path.join(MANIFEST_FILE).is_file() => path.to_owned(),
            Some(path) => bail!(
                "there is no {MANIFEST_FILE} in {}; give a plugin's folder, or make one with `iap plugin new NAME`",
                path.display()
            ),
            None => {
                let here = std::env::current_dir().context("this folder is gone")?;
                let found = here.ancestors().find(|folder| folder.join(MANIFEST_FILE).is_file()).map(Path::to_owned);
                found.with_context(|| {
                    format!(
                        "there is no {MANIFEST_FILE} here or above; go to a plugin's folder, name it with --path, or make \
                         one with `iap plugin new NAME`"
                    )
                })?
            }
        };
        let folder = folder.canonicalize().with_context(|| format!("cannot open {}", folder.display()))?;
        let mut files = ReleaseFiles::default();
        for (path, text) in iap_guest_build::release_files(&folder)? {
            files = files.with(&path, text)?;
        }
        Ok(Self { folder, files })
    }

    /// What `plugin.toml` declares.
    ///
    /// # Errors
    ///
    /// Every mistake, with file and line.
    pub fn manifest(&self) -> Result<Manifest, ManifestErrors> {
        Manifest::parse(&self.files)
    }

    /// [`Project::manifest`], for commands that need it to be right.
    ///
    /// # Errors
    ///
    /// Every mistake, with file and line, in one text.
    pub fn sound_manifest(&self) -> anyhow::Result<Manifest> {
        self.manifest().map_err(|errors| {
            let count = errors.iter().count();
            let mistakes = if count == 1 { "a mistake".to_owned() } else { format!("{count} mistakes") };
            anyhow::anyhow!("{MANIFEST_FILE} has {mistakes}; correct it and try again\n{errors}")
        })
    }

    /// Whether cargo builds it.
    pub fn is_rust(&self) -> bool {
        self.folder.join("Cargo.toml").is_file()
    }

    /// Whether it can be built from here: by cargo, or by npm.
    pub fn has_code(&self) -> bool {
        self.is_rust() || iap_guest_build::is_javascript(&self.folder)
    }

    /// Where its component is put.
    pub fn component_path(&self, manifest: &Manifest) -> PathBuf {
        let own = || self.folder.join("target");
        // Where cargo is missing or stumbles, nothing was built by it.
        let target =
            if self.is_rust() { iap_guest_build::target_folder(&self.folder).unwrap_or_else(|_| own()) } else { own() };
        target.join("iap").join(format!("{}-{}.wasm", manifest.service.name, manifest.service.version))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_plugin_says_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        let error = Project::open(Some(folder.path())).unwrap_err().to_string();
        assert!(error.contains("there is no plugin.toml in") && error.contains("iap plugin new NAME"), "{error}");
    }

    #[test]
    fn mistakes_are_told_with_their_lines() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("plugin.toml"), "[service]\nname = 1\n").unwrap();
        let error = Project::open(Some(folder.path())).unwrap().sound_manifest().unwrap_err().to_string();
        assert!(error.contains("plugin.toml:2: [service]: \"name\": must be in quotes"), "{error}");
    }
}
