//! From a plugin's folder to its component.

use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};
use iap_core::manifest::Manifest;
use iap_guest_build::Step;

use super::{project::Project, sdk};
use crate::catalog::digest_of;

/// A component that was built, with the release that it carries.
#[derive(Clone, Debug)]
pub struct Component {
    /// Where it is.
    pub path: PathBuf,
    /// The component.
    pub bytes: Vec<u8>,
    /// SHA-256 in hexadecimal.
    pub digest: String,
    /// What its `plugin.toml` declares.
    pub manifest: Manifest,
    /// Whether nothing had changed since it was built last.
    pub was_fresh: bool,
    /// How long it took.
    pub took: Duration,
}

/// Builds a plugin, or takes a component that was built by other tools; `say` is told what is done meanwhile.
///
/// # Errors
///
/// `plugin.toml` has mistakes, there is no toolchain, or the code does not compile: with what to do.
pub fn build(
    project: &Project,
    built_elsewhere: Option<&Path>,
    say: &mut dyn FnMut(&str),
) -> anyhow::Result<Component> {
    let began = Instant::now();
    let manifest = project.sound_manifest()?;
    let path = project.component_path(&manifest);
    let (bytes, was_fresh) = match built_elsewhere {
        Some(file) => {
            let component =
                std::fs::read(file).with_context(|| format!("cannot read the component {}", file.display()))?;
            let bytes = iap_guest_build::release_files(&project.folder)
                .and_then(|files| iap_guest_build::with_release(&component, &files))
                .with_context(|| format!("{} cannot be released", file.display()))?;
            let was_fresh = std::fs::read(&path).is_ok_and(|present| present == bytes);
            (bytes, was_fresh)
        }
        None if project.has_code() => compile(project, say)?,
        None => bail!(
            "there is neither a Cargo.toml nor a package.json for a plugin in {}; if it is written in another language, build \
             it with its own tools and name the component with --component FILE",
            project.folder.display()
        ),
    };
    let folder = path.parent().context("a component is in a folder")?;
    std::fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    iap_guest_build::write_if_changed(&path, &bytes)?;
    let digest = digest_of(&bytes);
    Ok(Component { path, bytes, digest, manifest, was_fresh, took: began.elapsed() })
}

fn compile(project: &Project, say: &mut dyn FnMut(&str)) -> anyhow::Result<(Vec<u8>, bool)> {
    if let Some(told) = sdk::refresh(&project.folder)? {
        say(&told);
    }
    let built = iap_guest_build::build_plugin(&project.folder, &mut |step| match step {
        Step::Toolchain(text) => say(text),
        Step::Cargo(line) => say(line),
        Step::Encoding => say("   Encoding the component"),
    })?;
    let path = &built.guest.component_path;
    let bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    Ok((bytes, built.was_fresh))
}

/// Bytes for people: `88.1 KiB`.
pub fn shown_size(bytes: usize) -> String {
    if bytes < 1 << 10 {
        return format!("{bytes} B");
    }
    let (unit, name) = if bytes < 1 << 20 { (1 << 10, "KiB") } else { (1 << 20, "MiB") };
    let tenths = bytes * 10 / unit;
    format!("{}.{} {name}", tenths / 10, tenths % 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_short() {
        assert_eq!(shown_size(999), "999 B");
        assert_eq!(shown_size(90_214), "88.0 KiB");
        assert_eq!(shown_size(12 << 20), "12.0 MiB");
    }

    #[test]
    fn what_cannot_be_built_says_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        super::super::new::Blueprint::new("hello", "acme").unwrap().write(folder.path()).unwrap();
        std::fs::remove_file(folder.path().join("Cargo.toml")).unwrap();
        let project = Project::open(Some(folder.path())).unwrap();
        let error = build(&project, None, &mut |_| {}).unwrap_err().to_string();
        assert!(error.contains("--component FILE"), "{error}");
        let core = folder.path().join("core.wasm");
        std::fs::write(&core, b"\0asm\x01\0\0\0").unwrap();
        let error = format!("{:#}", build(&project, Some(&core), &mut |_| {}).unwrap_err());
        assert!(error.contains("this is no WebAssembly component"), "{error}");
    }
}
