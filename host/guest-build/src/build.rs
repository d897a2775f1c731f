use std::fmt;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::SystemTime;

use anyhow::{Context, Result, ensure};

use crate::metadata::{self, Package, Workspace};
use crate::toolchain::{self, TARGET, ThisMachine};
use crate::{component, freshness, javascript};

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

/// What a build is doing, for people who wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step<'a> {
    /// Which toolchain is used, or what is done to get one.
    Toolchain(&'a str),
    /// A line that cargo or npm wrote.
    Cargo(&'a str),
    /// Cargo is done: its module becomes a component.
    Encoding,
}

/// Cargo could not build it. Its text has all that cargo said, which `watch` was told too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DoesNotBuild {
    said: String,
}

impl DoesNotBuild {
    /// What to do where the code is not at fault; else empty.
    pub fn remedy(&self) -> &'static str {
        remedy(&self.said)
    }
}

impl fmt::Display for DoesNotBuild {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the plugin does not build:\n{}{}", self.said, self.remedy())
    }
}

impl std::error::Error for DoesNotBuild {}

/// What [`build_plugin`] made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Built {
    /// The plugin.
    pub guest: Guest,
    /// Whether nothing had changed since it was built last.
    pub was_fresh: bool,
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
    Ok(build(&workspace, &packages, &mut |_| {})?.0)
}

/// Builds the one guest in this folder, which may belong to any workspace.
///
/// # Errors
///
/// As [`build_workspace_guests`]; also if the folder's package is no `cdylib`.
pub fn build_guest(folder: &Path) -> Result<Guest> {
    Ok(build_plugin(folder, &mut |_| {})?.guest)
}

/// [`build_guest`], telling `watch` what is done meanwhile.
///
/// # Errors
///
/// As [`build_guest`].
pub fn build_plugin(folder: &Path, watch: &mut dyn FnMut(Step<'_>)) -> Result<Built> {
    let folder = folder.canonicalize().with_context(|| format!("no folder {}", folder.display()))?;
    if javascript::is_javascript(&folder) {
        return javascript::build(&folder, watch);
    }
    let workspace = metadata::read(&folder)?;
    let package = workspace
        .packages
        .iter()
        .find(|package| package.manifest_dir.canonicalize().is_ok_and(|dir| dir == folder))
        .with_context(|| {
            format!("{} needs `[lib] crate-type = [\"cdylib\", \"rlib\"]`", folder.join("Cargo.toml").display())
        })?;
    let (guests, was_fresh) = build(&workspace, std::slice::from_ref(package), watch)?;
    let guest = guests.into_iter().next().context("one package makes one guest")?;
    Ok(Built { guest, was_fresh })
}

/// Where cargo builds the package of a folder to.
///
/// # Errors
///
/// Cargo is missing, or the folder's `Cargo.toml` is.
pub fn target_folder(folder: &Path) -> Result<PathBuf> {
    Ok(metadata::read(folder)?.target)
}

fn build(workspace: &Workspace, packages: &[Package], watch: &mut dyn FnMut(Step<'_>)) -> Result<(Vec<Guest>, bool)> {
    let output = workspace.target.join("guests");
    std::fs::create_dir_all(&output).with_context(|| format!("cannot create {}", output.display()))?;
    // Two build scripts of one cargo run may come here at the same time.
    let lock = File::create(output.join(".lock")).context("cannot create the lock file")?;
    lock.lock().context("cannot lock the guests' folder")?;

    // The root, since several workspaces may build into one folder.
    let version = env!("CARGO_PKG_VERSION");
    let recipe = format!("iap-guest-build {version}\n{}\n{}", workspace.root.display(), toolchain::active_version()?);
    if let Some(guests) = packages.iter().map(|package| fresh(workspace, package, &output, &recipe)).collect() {
        return Ok((guests, true));
    }
    let began = SystemTime::now();
    compile(workspace, packages, &output, watch)?;
    watch(Step::Encoding);
    let finish = |package| finish(workspace, package, &output, &recipe, began);
    Ok((packages.iter().map(finish).collect::<Result<_>>()?, false))
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
fn compile(workspace: &Workspace, packages: &[Package], output: &Path, watch: &mut dyn FnMut(Step<'_>)) -> Result<()> {
    ensure!(
        !packages.is_empty(),
        "no member of {} has `[package.metadata.iap] guest = true`",
        workspace.root.display()
    );
    let mut cargo = toolchain::resolve(&ThisMachine, &mut |text| watch(Step::Toolchain(text)))?.cargo_build();
    cargo.current_dir(&workspace.root).args(["--lib", "--profile", "guest", "--target-dir"]).arg(output);
    // Also overrides flags of the user's cargo configuration, which are meant for this machine.
    cargo.env("CARGO_ENCODED_RUSTFLAGS", rust_flags());
    for package in packages {
        cargo.args(["--package", &package.name]);
    }
    add_profile(&mut cargo, workspace)?;
    let (succeeded, said) = follow(&mut cargo, watch).context("cannot start cargo")?;
    if !succeeded {
        return Err(DoesNotBuild { said: said.trim_end().to_owned() }.into());
    }
    Ok(())
}

/// Runs a command to its end; whether it succeeded, and what it wrote to standard error.
pub(crate) fn follow(command: &mut Command, watch: &mut dyn FnMut(Step<'_>)) -> std::io::Result<(bool, String)> {
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn()?;
    let mut said = String::new();
    if let Some(errors) = child.stderr.take() {
        let mut errors = BufReader::new(errors);
        let mut line = Vec::new();
        while errors.read_until(b'\n', &mut line)? != 0 {
            let text = String::from_utf8_lossy(&line);
            watch(Step::Cargo(text.trim_end()));
            said.push_str(&text);
            line.clear();
        }
    }
    Ok((child.wait()?.success(), said))
}

/// What to do about failures that are not of the plugin's code.
fn remedy(said: &str) -> &'static str {
    let unreachable = ["failed to download", "failed to get `", "Could not resolve host", "--offline was specified"];
    if unreachable.iter().any(|words| said.contains(words)) {
        "\n\nCargo could not fetch the crates that the plugin uses. It needs crates.io (or a mirror, set in \
         ~/.cargo/config.toml) once; afterwards it builds without a network."
    } else {
        ""
    }
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
    if text.lines().any(|line| line.trim() == "[profile.guest]") {
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
