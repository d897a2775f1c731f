//! Plugins in JavaScript: a folder whose `package.json` has a member `iap`.
//!
//! `npm run build` makes the component, with any tool, at the path that `iap.component` names; `npm ci` before it, where
//! what `package-lock.json` says is not installed yet.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::build::{Built, Guest, Step, follow};
use crate::{component, freshness};

const MANIFEST: &str = "package.json";
const LOCK: &str = "package-lock.json";

/// What npm writes last when it has installed everything.
const INSTALLED: &str = "node_modules/.package-lock.json";

/// What `package.json` says of the plugin.
struct Package {
    name: String,
    /// Where `npm run build` puts the component.
    component: PathBuf,
    /// The contract, where the package says that it is elsewhere.
    wit: Option<PathBuf>,
}

/// Whether a folder holds a plugin in JavaScript.
pub fn is_javascript(folder: &Path) -> bool {
    let text = std::fs::read(folder.join(MANIFEST)).unwrap_or_default();
    serde_json::from_slice::<Value>(&text).is_ok_and(|manifest| manifest["iap"].is_object())
}

/// Builds the plugin in JavaScript of a folder. Quick when nothing changed.
///
/// # Errors
///
/// npm is missing, or what npm or the build said; `package.json` or the release have mistakes.
pub(crate) fn build(folder: &Path, watch: &mut dyn FnMut(Step<'_>)) -> Result<Built> {
    let package = read(folder)?;
    let sources = sources(folder, &package)?;
    let stamp = package.component.with_extension("stamp");
    let recipe = format!("iap-guest-build {} JavaScript", env!("CARGO_PKG_VERSION"));
    let guest =
        Guest { package: package.name, manifest_dir: folder.to_owned(), component_path: package.component, sources };
    if guest.component_path.is_file() && freshness::is_fresh(&stamp, &recipe, &guest.sources) {
        return Ok(Built { guest, was_fresh: true });
    }
    let began = SystemTime::now();
    if !is_installed(folder) {
        watch(Step::Toolchain("npm ci: installs what the build needs"));
        npm(folder, &["ci", "--no-audit", "--no-fund"], watch)?;
    }
    npm(folder, &["run", "build"], watch)?;
    watch(Step::Encoding);
    let shown = guest.component_path.display();
    let bytes = std::fs::read(&guest.component_path).with_context(|| {
        format!("`npm run build` went well and made no {shown}, which {MANIFEST} names as iap.component")
    })?;
    let whole = component::with_release(&bytes, &component::release_files(folder)?)
        .with_context(|| format!("{shown} is no component"))?;
    component::write_if_changed(&guest.component_path, &whole)?;
    freshness::stamp(&stamp, &recipe, began)?;
    Ok(Built { guest, was_fresh: false })
}

fn read(folder: &Path) -> Result<Package> {
    let path = folder.join(MANIFEST);
    let text = std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let manifest: Value = serde_json::from_slice(&text).with_context(|| format!("{} is not JSON", path.display()))?;
    let text = |value: &Value, name: &str, example: &str| -> Result<String> {
        let found = value.as_str().filter(|text| !text.is_empty());
        Ok(found.with_context(|| format!("{}: add \"{name}\": {example:?}", path.display()))?.to_owned())
    };
    let iap = &manifest["iap"];
    Ok(Package {
        name: text(&manifest["name"], "name", "my-plugin")?,
        component: folder.join(text(&iap["component"], "iap.component", "dist/my-plugin.component.wasm")?),
        wit: iap["wit"].as_str().map(|path| folder.join(path)),
    })
}

/// Everything it is made of: all files of the folder but what is installed and what is built.
fn sources(folder: &Path, package: &Package) -> Result<Vec<PathBuf>> {
    let built = package.component.parent().unwrap_or(folder);
    let mut found: Vec<PathBuf> = package.wit.iter().cloned().collect();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        let entries = std::fs::read_dir(&next).with_context(|| format!("cannot list {}", next.display()))?;
        for entry in entries {
            let path = entry?.path();
            let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            if name.starts_with('.') || name == "node_modules" || (path.is_dir() && path == built) {
                continue;
            }
            if path.is_dir() {
                folders.push(path);
            } else if path != package.component {
                found.push(path);
            }
        }
    }
    found.retain(|path| path.extension().is_none_or(|kind| kind != "stamp"));
    found.sort();
    Ok(found)
}

/// Whether npm has installed what the lock file says since it was written.
fn is_installed(folder: &Path) -> bool {
    let modified = |name: &str| std::fs::metadata(folder.join(name)).and_then(|file| file.modified());
    match (modified(INSTALLED), modified(LOCK)) {
        (Ok(installed), Ok(locked)) => locked <= installed,
        _ => false,
    }
}

fn npm(folder: &Path, args: &[&str], watch: &mut dyn FnMut(Step<'_>)) -> Result<()> {
    let mut command = Command::new(if cfg!(windows) { "npm.cmd" } else { "npm" });
    let (succeeded, said) = match follow(command.current_dir(folder).args(args), watch) {
        Ok(outcome) => outcome,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => bail!(
            "npm is missing, which builds plugins in JavaScript. Install Node.js 20 or newer (https://nodejs.org, or \
             `sudo apt-get install nodejs npm`), then build again"
        ),
        Err(error) => return Err(error).context("cannot start npm"),
    };
    if !succeeded {
        bail!("`npm {}` failed in {}:\n{}", args.join(" "), folder.display(), said.trim_end());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder whose build copies an empty component, and counts how often it did.
    fn plugin(build: &str) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
        write("empty.wasm", "\0asm\x0d\0\x01\0");
        write("plugin.toml", "[service]\n");
        write("package-lock.json", r#"{ "name": "p", "lockfileVersion": 3, "packages": { "": { "name": "p" } } }"#);
        write(
            "package.json",
            &serde_json::json!({
                "name": "p", "scripts": { "build": build }, "iap": { "component": "dist/p.wasm" },
            })
            .to_string(),
        );
        folder
    }

    #[test]
    fn a_component_gets_its_release_and_is_built_once() {
        let folder = plugin("mkdir -p dist && cp empty.wasm dist/p.wasm && echo once >> dist/built");
        assert!(is_javascript(folder.path()));
        let built = build(folder.path(), &mut |_| {}).unwrap();
        assert!(!built.was_fresh);
        let bytes = std::fs::read(&built.guest.component_path).unwrap();
        assert!(bytes.windows(11).any(|part| part == b"iap:release"), "it carries its release");
        assert!(build(folder.path(), &mut |_| {}).unwrap().was_fresh);
        std::fs::write(folder.path().join("plugin.toml"), "[service]\nname = \"x\"\n").unwrap();
        assert!(!build(folder.path(), &mut |_| {}).unwrap().was_fresh);
        assert_eq!(std::fs::read_to_string(folder.path().join("dist/built")).unwrap(), "once\nonce\n");
    }

    #[test]
    fn what_went_wrong_is_said() {
        let folder = plugin("echo the build is broken >&2 && exit 1");
        let error = format!("{:#}", build(folder.path(), &mut |_| {}).unwrap_err());
        assert!(error.contains("`npm run build` failed") && error.contains("the build is broken"), "{error}");
        let folder = plugin("true");
        let error = format!("{:#}", build(folder.path(), &mut |_| {}).unwrap_err());
        assert!(error.contains("made no") && error.contains("dist/p.wasm"), "{error}");
        std::fs::write(folder.path().join("package.json"), r#"{ "name": "p", "iap": {} }"#).unwrap();
        let error = format!("{:#}", build(folder.path(), &mut |_| {}).unwrap_err());
        assert!(error.contains("iap.component"), "{error}");
        std::fs::write(folder.path().join("package.json"), r#"{ "name": "p" }"#).unwrap();
        assert!(!is_javascript(folder.path()));
    }
}
