use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

use anyhow::{Context, Result, bail, ensure};

use crate::metadata::{self, Package, Workspace};
use crate::toolchain::{self, TARGET, ThisMachine};
use crate::{component, freshness};

/// A plugin that was built.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Guest {
    /// Name of its cargo package.
    pub package: String,
    /// Folder of its `Cargo.toml` and `plugin.toml`.
    pub manifest_dir: PathBuf,
    /// The component, with its release.
    pub component_path: PathBuf,
    /// Files and folders that it was made from: a change to one makes it stale.
    pub sources: Vec<PathBuf>,
}

/// Builds every member with `[package.metadata.iap] guest = true`, in the order
/// of their names. Quick when nothing changed.
///
/// # Errors
///
/// No toolchain for `wasm32-unknown-unknown` (with the commands that help), or
/// what cargo or the encoder said.
pub fn build_workspace_guests(workspace_root: &Path) -> Result<Vec<Guest>> {
    let workspace = metadata::read(workspace_root)?;
    let packages: Vec<_> = workspace.packages.iter().filter(|package| package.is_guest).cloned().collect();
    build(&workspace, &packages)
}

/// Builds the one guest in this folder, which may belong to any workspace.
///
/// # Errors
///
/// As [`build_workspace_guests`]; also if the folder's package is no `cdylib`.
pub fn build_guest(folder: &Path) -> Result<Guest> {
    let folder = folder.canonicalize().with_context(|| format!("no folder {}", folder.display()))?;
    let workspace = metadata::read(&folder)?;
    let package = workspace
        .packages
        .iter()
        .find(|package| package.manifest_dir.canonicalize().is_ok_and(|dir| dir == folder))
        .with_context(|| {
            format!("{} needs `[lib] crate-type = [\"cdylib\", \"rlib\"]`", folder.join("Cargo.toml").display())
        })?;
    let guests = build(&workspace, std::slice::from_ref(package))?;
    guests.into_iter().next().context("one package makes one guest")
}

fn build(workspace: &Workspace, packages: &[Package]) -> Result<Vec<Guest>> {
    let output = workspace.target.join("guests");
    std::fs::create_dir_all(&output).with_context(|| format!("cannot create {}", output.display()))?;
    // Two build scripts of one cargo run may come here at the same time.
    let lock = File::create(output.join(".lock")).context("cannot create the lock file")?;
    lock.lock().context("cannot lock the guests' folder")?;

    let recipe = format!("iap-guest-build {}\n{}", env!("CARGO_PKG_VERSION"), toolchain::active_version()?);
    if let Some(guests) = packages.iter().map(|package| fresh(workspace, package, &output, &recipe)).collect() {
        return Ok(guests);
    }
    let began = SystemTime::now();
    compile(workspace, packages, &output)?;
    packages.iter().map(|package| finish(workspace, package, &output, &recipe, began)).collect()
}

/// The guest, if nothing that it is made of has changed since it was built.
fn fresh(workspace: &Workspace, package: &Package, output: &Path, recipe: &str) -> Option<Guest> {
    let guest = guest(workspace, package, output).ok()?;
    let is_fresh =
        guest.component_path.is_file() && freshness::is_fresh(&stamp(package, output), recipe, &guest.sources);
    is_fresh.then_some(guest)
}

fn finish(workspace: &Workspace, package: &Package, output: &Path, recipe: &str, began: SystemTime) -> Result<Guest> {
    let guest = guest(workspace, package, output)?;
    let bytes = component::encode(&artifact(package, output, "wasm"), &package.manifest_dir)
        .with_context(|| format!("package `{}`", package.name))?;
    component::write_if_changed(&guest.component_path, &bytes)?;
    freshness::stamp(&stamp(package, output), recipe, began)?;
    Ok(guest)
}

fn guest(workspace: &Workspace, package: &Package, output: &Path) -> Result<Guest> {
    Ok(Guest {
        package: package.name.clone(),
        manifest_dir: package.manifest_dir.clone(),
        component_path: output.join(format!("{}.component.wasm", package.name)),
        sources: freshness::sources(workspace, package, &artifact(package, output, "d"))?,
    })
}

fn stamp(package: &Package, output: &Path) -> PathBuf {
    output.join(format!("{}.stamp", package.name))
}

fn artifact(package: &Package, output: &Path, extension: &str) -> PathBuf {
    output.join(TARGET).join("guest").join(&package.library).with_extension(extension)
}

/// All packages in one cargo call, so that what they share is built once.
fn compile(workspace: &Workspace, packages: &[Package], output: &Path) -> Result<()> {
    ensure!(
        !packages.is_empty(),
        "no member of {} has `[package.metadata.iap] guest = true`",
        workspace.root.display()
    );
    let mut cargo = toolchain::resolve(&ThisMachine)?.cargo_build();
    cargo.current_dir(&workspace.root).args(["--lib", "--profile", "guest", "--target-dir"]).arg(output);
    // Also overrides flags of the user's cargo configuration, which are meant for this machine.
    cargo.env("CARGO_ENCODED_RUSTFLAGS", rust_flags());
    for package in packages {
        cargo.args(["--package", &package.name]);
    }
    add_profile(&mut cargo, workspace)?;
    let result = cargo.output().context("cannot start cargo")?;
    if !result.status.success() {
        bail!("the guests do not build:\n{}", String::from_utf8_lossy(&result.stderr).trim_end());
    }
    Ok(())
}

/// Keeps the builder's folders out of panic messages, so that the same sources
/// make the same component elsewhere.
fn rust_flags() -> String {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from).or_else(|| Some(std::env::home_dir()?.join(".cargo")));
    home.map(|home| format!("--remap-path-prefix={}=cargo", home.display())).unwrap_or_default()
}

/// A plugin outside of our workspace has no `guest` profile of its own.
fn add_profile(cargo: &mut Command, workspace: &Workspace) -> Result<()> {
    let manifest = workspace.root.join("Cargo.toml");
    let text = std::fs::read_to_string(&manifest).with_context(|| format!("cannot read {}", manifest.display()))?;
    if text.contains("[profile.guest]") {
        return Ok(());
    }
    for setting in [
        "inherits='release'",
        "opt-level='s'",
        "lto='fat'",
        "codegen-units=1",
        "panic='abort'",
        "strip=true",
        "debug=false",
    ] {
        cargo.arg("--config").arg(format!("profile.guest.{setting}"));
    }
    Ok(())
}
