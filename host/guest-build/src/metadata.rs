//! What cargo knows of a workspace.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::environment::scrub;

/// A workspace, or a package that stands alone.
pub(crate) struct Workspace {
    pub(crate) root: PathBuf,
    /// Where it builds to.
    pub(crate) target: PathBuf,
    pub(crate) packages: Vec<Package>,
}

/// A member that can be built as a component.
#[derive(Debug, Clone)]
pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) manifest_dir: PathBuf,
    /// Name of the library target, which is that of its file.
    pub(crate) library: String,
    /// `[package.metadata.iap] guest = true`
    pub(crate) is_guest: bool,
}

/// Asks cargo, without network.
pub(crate) fn read(folder: &Path) -> Result<Workspace> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    scrub(&mut command);
    command.args(["metadata", "--no-deps", "--offline", "--format-version", "1", "--manifest-path"]);
    let output = command
        .arg(folder.join("Cargo.toml"))
        .output()
        .context("cannot start cargo; install Rust from https://rustup.rs")?;
    if !output.status.success() {
        bail!("cargo metadata of {}: {}", folder.display(), String::from_utf8_lossy(&output.stderr).trim());
    }
    let metadata = serde_json::from_slice(&output.stdout).context("cargo metadata is not JSON")?;
    parse(&metadata, std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from))
}

/// `outer_target` is the target folder of the cargo that runs us; relative ones
/// are taken from the workspace's root, where that cargo was most likely called.
fn parse(metadata: &Value, outer_target: Option<PathBuf>) -> Result<Workspace> {
    let text = |value: &Value, name: &str| -> Result<String> {
        Ok(value[name].as_str().with_context(|| format!("cargo metadata has no `{name}`"))?.to_owned())
    };
    let root = PathBuf::from(text(metadata, "workspace_root")?);
    let target = match outer_target {
        Some(outer) => root.join(outer),
        None => PathBuf::from(text(metadata, "target_directory")?),
    };
    let mut packages = Vec::new();
    for package in metadata["packages"].as_array().context("cargo metadata has no `packages`")? {
        let Some(library) = package["targets"].as_array().into_iter().flatten().find(|target| is_cdylib(target)) else {
            continue;
        };
        let manifest = PathBuf::from(text(package, "manifest_path")?);
        packages.push(Package {
            name: text(package, "name")?,
            manifest_dir: manifest.parent().context("a manifest has a folder")?.to_owned(),
            library: text(library, "name")?.replace('-', "_"),
            is_guest: package["metadata"]["iap"]["guest"] == Value::Bool(true),
        });
    }
    packages.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(Workspace { root, target, packages })
}

fn is_cdylib(target: &Value) -> bool {
    target["crate_types"].as_array().into_iter().flatten().any(|kind| kind == "cdylib")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn workspace() -> Value {
        let library = |name: &str, kind: &str| json!([{ "name": name, "crate_types": [kind, "rlib"] }]);
        json!({
            "workspace_root": "/w",
            "target_directory": "/w/target",
            "packages": [
                { "name": "b-guest", "manifest_path": "/w/b/Cargo.toml", "targets": library("b_guest", "cdylib"),
                  "metadata": { "iap": { "guest": true } } },
                { "name": "a-library", "manifest_path": "/w/a/Cargo.toml", "targets": library("a_library", "lib"),
                  "metadata": null },
                { "name": "a-cdylib", "manifest_path": "/w/c/Cargo.toml", "targets": library("a_cdylib", "cdylib"),
                  "metadata": null },
            ],
        })
    }

    #[test]
    fn guests_are_marked_members() {
        let found = parse(&workspace(), None).unwrap();
        let names: Vec<_> = found.packages.iter().map(|each| (each.name.as_str(), each.is_guest)).collect();
        assert_eq!(names, [("a-cdylib", false), ("b-guest", true)]);
        assert_eq!(found.target, Path::new("/w/target"));
        assert_eq!(found.packages[1].manifest_dir, Path::new("/w/b"));
    }

    #[test]
    fn the_outer_target_folder_is_used() {
        assert_eq!(parse(&workspace(), Some("/t".into())).unwrap().target, Path::new("/t"));
        assert_eq!(parse(&workspace(), Some("t".into())).unwrap().target, Path::new("/w/t"));
    }
}
