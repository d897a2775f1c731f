//! Finds a toolchain that can build for `wasm32-unknown-unknown`.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::environment::scrub;

/// The target of guests: no WASI, so that a component can do nothing but what it imports.
pub(crate) const TARGET: &str = "wasm32-unknown-unknown";

/// The oldest rustc that this workspace builds with.
const OLDEST: &str = env!("CARGO_PKG_RUST_VERSION");

/// How to call cargo for a guest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Toolchain {
    /// This cargo and rustc have the target's standard library.
    Ready { cargo: PathBuf, rustc: PathBuf },
    /// This cargo and rustc have the sources of the standard library, which is
    /// built along with the guest and linked by `linker`.
    FromSources { cargo: PathBuf, rustc: PathBuf, linker: PathBuf },
}

impl Toolchain {
    /// `cargo build` for the target, in a clean environment.
    pub(crate) fn cargo_build(&self) -> Command {
        let (Self::Ready { cargo, rustc } | Self::FromSources { cargo, rustc, .. }) = self;
        let mut command = Command::new(cargo);
        scrub(&mut command);
        command.env("RUSTC", rustc).args(["build", "--target", TARGET]);
        if let Self::FromSources { linker, .. } = self {
            // Building the standard library is an unstable feature of a stable cargo.
            command
                .env("RUSTC_BOOTSTRAP", "1")
                .env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", linker)
                .arg("-Zbuild-std=std,panic_abort");
        }
        command
    }
}

/// What a rustc has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Compiler {
    cargo: PathBuf,
    rustc: PathBuf,
    has_target: bool,
    has_sources: bool,
    /// Whether it is at least [`OLDEST`].
    is_new_enough: bool,
}

/// What the machine offers; a trait so that the order of decisions can be tested.
pub(crate) trait Machine {
    /// The rustc that builds everything else.
    fn active(&self) -> Result<Compiler>;
    /// `rustup target add`, or why it failed.
    fn add_target(&self) -> Result<()>;
    /// The rustc of the distribution.
    fn distribution(&self) -> Option<Compiler>;
    /// A linker for WebAssembly.
    fn linker(&self) -> Option<PathBuf>;
}

/// Chooses a toolchain, in the order of what changes least on the machine; `say` is told what is done.
pub(crate) fn resolve(machine: &impl Machine, say: &mut dyn FnMut(&str)) -> Result<Toolchain> {
    let active = machine.active()?;
    let refused = match ready(machine, active, say)? {
        Ok(toolchain) => return Ok(toolchain),
        Err(refused) => refused,
    };
    say("The active rustc cannot build for it; trying the distribution's");
    if let Some(found) = machine.distribution().filter(|found| found.is_new_enough) {
        if found.has_target {
            return Ok(Toolchain::Ready { cargo: found.cargo, rustc: found.rustc });
        }
        if let Some(linker) = machine.linker().filter(|_| found.has_sources) {
            return Ok(Toolchain::FromSources { cargo: found.cargo, rustc: found.rustc, linker });
        }
    }
    bail!(
        "no toolchain here can build plugins for {TARGET}.\n\
         Run one of these, then build again:\n  \
         rustup update stable && rustup target add {TARGET}\n  \
         sudo apt-get install rustc-web cargo-web rust-web-src    # Debian, rustc {OLDEST} or newer\n\
         ({refused})"
    )
}

/// The active toolchain, given the target if need be; or why it cannot be used.
fn ready(
    machine: &impl Machine,
    active: Compiler,
    say: &mut dyn FnMut(&str),
) -> Result<std::result::Result<Toolchain, String>> {
    if !active.is_new_enough {
        return Ok(Err(format!("the active rustc is older than {OLDEST}")));
    }
    if !active.has_target {
        say(&format!("Adding the target {TARGET} with rustup"));
        match machine.add_target() {
            Ok(()) if machine.active()?.has_target => {}
            Ok(()) => {
                return Ok(Err(
                    "`rustup target add` reported success, but the active rustc still lacks the target".into()
                ));
            }
            Err(error) => return Ok(Err(format!("`rustup target add` was tried: {error:#}"))),
        }
    }
    Ok(Ok(Toolchain::Ready { cargo: active.cargo, rustc: active.rustc }))
}

/// The machine that we run on.
pub(crate) struct ThisMachine;

impl Machine for ThisMachine {
    fn active(&self) -> Result<Compiler> {
        // A build script is told which ones its cargo uses.
        let rustc = std::env::var_os("RUSTC").map_or_else(|| PathBuf::from("rustc"), PathBuf::from);
        let cargo = std::env::var_os("CARGO").map_or_else(|| PathBuf::from("cargo"), PathBuf::from);
        inspect(cargo, &rustc).context("cannot ask the active rustc; install Rust from https://rustup.rs")
    }

    fn add_target(&self) -> Result<()> {
        let mut command = Command::new("rustup");
        scrub(&mut command);
        run(command.args(["target", "add", TARGET])).map(drop)
    }

    fn distribution(&self) -> Option<Compiler> {
        inspect(PathBuf::from("/usr/bin/cargo"), Path::new("/usr/bin/rustc")).ok()
    }

    fn linker(&self) -> Option<PathBuf> {
        let shipped = self.active().ok().and_then(|active| {
            let rustlib = sysroot(&active.rustc).ok()?.join("lib/rustlib");
            let hosts = std::fs::read_dir(rustlib).ok()?;
            hosts.flatten().map(|host| host.path().join("bin/rust-lld")).find(|linker| linker.is_file())
        });
        shipped
            .or_else(|| ["/usr/bin/wasm-ld", "/usr/bin/rust-lld"].map(PathBuf::from).into_iter().find(|l| l.is_file()))
    }
}

/// `rustc -vV` of the active rustc: what was built with another is stale.
pub(crate) fn active_version() -> Result<String> {
    let active = ThisMachine.active()?;
    run(Command::new(active.rustc).arg("-vV"))
}

fn inspect(cargo: PathBuf, rustc: &Path) -> Result<Compiler> {
    let sysroot = sysroot(rustc)?;
    // The real compiler rather than a proxy of rustup's, which may choose anew elsewhere.
    let own = sysroot.join("bin/rustc");
    let rustc = if own.is_file() { own } else { rustc.to_owned() };
    let rustlib = sysroot.join("lib/rustlib");
    Ok(Compiler {
        has_target: has_std(&rustlib.join(TARGET).join("lib")),
        has_sources: rustlib.join("src/rust/library/Cargo.toml").is_file(),
        is_new_enough: is_at_least(&run(Command::new(&rustc).arg("--version"))?, OLDEST),
        cargo,
        rustc,
    })
}

fn has_std(folder: &Path) -> bool {
    let Ok(files) = std::fs::read_dir(folder) else { return false };
    files.flatten().any(|file| file.file_name().to_string_lossy().starts_with("libstd-"))
}

fn sysroot(rustc: &Path) -> Result<PathBuf> {
    Ok(PathBuf::from(run(Command::new(rustc).args(["--print", "sysroot"]))?.trim()))
}

/// Whether the text of `rustc --version` names at least this version.
fn is_at_least(version_text: &str, oldest: &str) -> bool {
    let numbers = |text: &str| -> Vec<u32> { text.split('.').map_while(|part| part.parse().ok()).collect() };
    let version = version_text.split_whitespace().nth(1).map(numbers).unwrap_or_default();
    numbers(oldest) <= version
}

fn run(command: &mut Command) -> Result<String> {
    let output = command.output().with_context(|| format!("cannot start {}", command.get_program().display()))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("{} failed: {}", command.get_program().display(), said.trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    struct Scripted {
        active_has_target: Cell<bool>,
        active_is_new_enough: bool,
        /// Whether `rustup target add` works, and whether it was tried.
        rustup_works: bool,
        rustup_tried: Cell<bool>,
        distribution: Option<Compiler>,
        linker: Option<PathBuf>,
    }

    impl Machine for Scripted {
        fn active(&self) -> Result<Compiler> {
            Ok(compiler("active", self.active_has_target.get(), false, self.active_is_new_enough))
        }

        fn add_target(&self) -> Result<()> {
            self.rustup_tried.set(true);
            if !self.rustup_works {
                bail!("no network");
            }
            self.active_has_target.set(true);
            Ok(())
        }

        fn distribution(&self) -> Option<Compiler> {
            self.distribution.clone()
        }

        fn linker(&self) -> Option<PathBuf> {
            self.linker.clone()
        }
    }

    fn compiler(name: &str, has_target: bool, has_sources: bool, is_new_enough: bool) -> Compiler {
        let path = |tool: &str| PathBuf::from(format!("/{name}/{tool}"));
        Compiler { cargo: path("cargo"), rustc: path("rustc"), has_target, has_sources, is_new_enough }
    }

    fn bare() -> Scripted {
        Scripted {
            active_has_target: Cell::new(false),
            active_is_new_enough: true,
            rustup_works: false,
            rustup_tried: Cell::new(false),
            distribution: None,
            linker: Some("/lld".into()),
        }
    }

    fn ready(name: &str) -> Toolchain {
        let Compiler { cargo, rustc, .. } = compiler(name, true, false, true);
        Toolchain::Ready { cargo, rustc }
    }

    #[test]
    fn an_active_toolchain_with_the_target_changes_nothing() {
        let machine = Scripted { active_has_target: Cell::new(true), rustup_works: true, ..bare() };
        assert_eq!(resolve(&machine, &mut |_| {}).unwrap(), ready("active"));
        assert!(!machine.rustup_tried.get());
    }

    #[test]
    fn rustup_adds_the_target() {
        let machine = Scripted { rustup_works: true, ..bare() };
        let mut said = Vec::new();
        assert_eq!(resolve(&machine, &mut |text| said.push(text.to_owned())).unwrap(), ready("active"));
        assert_eq!(said, ["Adding the target wasm32-unknown-unknown with rustup"]);
    }

    #[test]
    fn an_old_active_toolchain_is_not_used() {
        let machine = Scripted {
            active_has_target: Cell::new(true),
            active_is_new_enough: false,
            distribution: Some(compiler("usr", true, false, true)),
            ..bare()
        };
        assert_eq!(resolve(&machine, &mut |_| {}).unwrap(), ready("usr"));
        let error = resolve(&Scripted { distribution: None, ..machine }, &mut |_| {}).unwrap_err().to_string();
        assert!(error.contains("older than") && error.contains("rustup update stable"), "{error}");
    }

    #[test]
    fn the_distribution_is_next() {
        let machine = Scripted { distribution: Some(compiler("usr", true, false, true)), ..bare() };
        assert_eq!(resolve(&machine, &mut |_| {}).unwrap(), ready("usr"));
        let machine = Scripted { distribution: Some(compiler("usr", false, true, true)), ..bare() };
        let Toolchain::FromSources { rustc, linker, .. } = resolve(&machine, &mut |_| {}).unwrap() else {
            panic!("the target is missing, so its library must be built");
        };
        assert_eq!((rustc, linker), ("/usr/rustc".into(), "/lld".into()));
    }

    #[test]
    fn an_old_distribution_or_one_without_a_linker_does_not_help() {
        let old = Scripted { distribution: Some(compiler("usr", true, true, false)), ..bare() };
        assert!(resolve(&old, &mut |_| {}).is_err());
        let unlinked = Scripted { distribution: Some(compiler("usr", false, true, true)), linker: None, ..bare() };
        assert!(resolve(&unlinked, &mut |_| {}).is_err());
    }

    #[test]
    fn the_error_says_what_to_run() {
        let error = resolve(&bare(), &mut |_| {}).unwrap_err().to_string();
        assert!(error.contains("rustup target add wasm32-unknown-unknown"), "{error}");
        assert!(error.contains("apt-get install rustc-web"), "{error}");
        assert!(error.contains("no network"), "{error}");
    }

    #[test]
    fn the_standard_library_is_built_where_only_sources_are() {
        let from_sources =
            Toolchain::FromSources { cargo: "cargo".into(), rustc: "rustc".into(), linker: "/lld".into() };
        let command = from_sources.cargo_build();
        assert!(command.get_args().any(|arg| arg == "-Zbuild-std=std,panic_abort"));
        assert!(command.get_envs().any(|(name, value)| name == "RUSTC_BOOTSTRAP" && value.is_some()));
        assert!(!ready("active").cargo_build().get_args().any(|arg| arg == "-Zbuild-std=std,panic_abort"));
    }

    #[test]
    fn versions_are_compared_as_numbers() {
        assert!(is_at_least("rustc 1.95.0 (f2d3ce0bd 2026-03-21)", "1.95"));
        assert!(is_at_least("rustc 1.100.1", "1.95"));
        assert!(!is_at_least("rustc 1.63.0 (Debian)", "1.95"));
        assert!(!is_at_least("", "1.95"));
    }
}
